//! `waybook component keygen` and `sign`: publishers' keys and signatures.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use pem::Pem;
use ring::rand::SystemRandom;
use serde_json::json;
use waybook_plan::{PublisherKey, SigningKey};

use super::package::{Named, Package};
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// How a private key is marked in PEM (RFC 7468, section 10).
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Makes a publisher's key.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook component keygen publisher.pem

Writes an Ed25519 key (PKCS #8 in PEM, as openssl does), which is not encrypted and which only
you can read, and prints its public part: put that into `trust` under `[code]` in the
configuration of every place where your components may run.")]
pub(crate) struct Keygen {
    /// Where to write it; a file that is there already is not replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Signs a component.
#[derive(Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  waybook component sign cap-quality --key publisher.pem
  waybook component sign cap-quality.wasm --key publisher.pem --name cap-quality --version 1.0.0

Writes the signature beside the binary, as cap-quality.wasm.sig, where `waybook component add`
finds it: the key need not be where components are added from. A change to the binary or to its
component.toml makes it wrong.")]
pub(crate) struct Sign {
    /// A folder with a component.toml, or a component's binary
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// The publisher's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Its name, in place of what is written or the binary says
    #[arg(long)]
    name: Option<String>,
    /// Its version, likewise
    #[arg(long)]
    version: Option<String>,
}

impl Keygen {
    /// Does it.
    pub(super) fn run(&self, global: &Global) -> Done {
        let document = SigningKey::generate(&SystemRandom::new()).map_err(Fail::failed)?;
        let key = SigningKey::from_pkcs8(&document).map_err(Fail::failed)?;
        let text = pem::encode(&Pem::new(PRIVATE_KEY, document));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&self.file)?;
            // Whatever the umask is.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| {
            let file = self.file.display();
            Fail::failed(match error.kind() {
                // Whoever loses a key by mistake loses the trust in all that it has signed.
                io::ErrorKind::AlreadyExists => {
                    format!("{file} is there already, and is not replaced: name another file")
                }
                _ => format!("{file}: {error}"),
            })
        })?;
        let publisher = key.publisher().to_string();
        if global.json {
            return show::json(&json!({ "key": self.file, "publisher": publisher }));
        }
        show::line(&format!(
            "made a key in {}; keep it to yourself. Places run what it signs if they are told so:",
            self.file.display()
        ))?;
        show::line(&format!("\n[code]\ntrust = [\"{publisher}\"]"))
    }
}

impl Sign {
    /// Does it.
    pub(super) fn run(&self, global: &Global) -> Done {
        let key = read(&self.key)?;
        let named = Named {
            name: self.name.as_deref(),
            version: self.version.as_deref(),
        };
        let package = Package::read(&self.path, named)?;
        let line = package.sign(&key)?;
        let file = package.signature_file();
        std::fs::write(&file, format!("{line}\n"))
            .map_err(|error| Fail::failed(format!("{}: {error}", file.display())))?;
        let (reference, publisher) = (package.reference(), key.publisher().to_string());
        if global.json {
            return show::json(&json!({
                "reference": reference,
                "publisher": publisher,
                "signature": file,
            }));
        }
        show::line(&format!(
            "signed {reference} as {publisher} in {}",
            file.display()
        ))
    }
}

/// Whom a person means who names a publisher: a public key, or the file of a private one.
pub(crate) fn publisher(text: &str) -> Result<PublisherKey, String> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let key = read(Path::new(text)).map_err(Fail::into_message)?;
    Ok(key.publisher())
}

/// Reads a publisher's private key.
pub(super) fn read(path: &Path) -> Done<SigningKey> {
    let wrong = |what: &dyn std::fmt::Display| {
        Fail::usage(format!(
            "{}: {what} (`waybook component keygen` makes keys)",
            path.display()
        ))
    };
    let text = read_file(path)?;
    let parts = pem::parse_many(&text).map_err(|error| wrong(&error))?;
    let key = parts
        .iter()
        .find(|part| part.tag() == PRIVATE_KEY)
        .ok_or_else(|| {
            let tags: Vec<_> = parts.iter().map(Pem::tag).collect();
            let has = match tags.as_slice() {
                [] => "nothing in PEM".to_owned(),
                tags => tags.join(", "),
            };
            wrong(&format!("it holds no private key, but {has}"))
        })?;
    SigningKey::from_pkcs8(key.contents()).map_err(|error| wrong(&error))
}
