//! What the data plane is measured with and beside: an origin server, clients that ask it for the same
//! again and again, and a chain of processes that passes bytes on over bare QUIC.
//!
//! ```text
//! plane origin                    serves /bytes/N, a body of that many bytes; prints its address
//! plane load URL --size 1024 --clients 64 --seconds 2 [--warm-up 0.3]
//! plane certify FOLDER            writes an authority and a certificate for all hops
//! plane tunnel FOLDER [--from-tcp] (--next ADDRESS | --to ADDRESS) [--mtu 9000]
//! ```
//!
//! `load` prints one line of JSON: answers in a second, how long one took, and megabytes in a second. It ends with
//! an error if any answer is not what was asked for.

#[path = "../identity.rs"]
mod identity;
mod load;
mod origin;
#[path = "../shared.rs"]
mod shared;
mod tunnel;

use std::path::Path;

use shared::Failure;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments[..] {
        ["origin", ..] => runtime.block_on(origin::serve()),
        ["load", url, ..] => runtime.block_on(load::measure(url)),
        ["certify", folder, ..] => identity::certify(Path::new(folder)),
        ["tunnel", folder, ..] => runtime.block_on(tunnel::pass(Path::new(folder))),
        _ => Err("say `origin`, `load URL`, `certify FOLDER` or `tunnel FOLDER`".into()),
    }
}
