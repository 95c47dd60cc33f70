//! Which commit this is, for `waybook --version`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=WAYBOOK_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    // Who builds from an archive says it.
    let commit = std::env::var("WAYBOOK_COMMIT").ok().or_else(commit);
    let version = env!("CARGO_PKG_VERSION");
    let version = match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo:rustc-env=WAYBOOK_VERSION={version}");
}

/// The commit that is checked out, if this is a checkout; and a look at it again when it is another.
fn commit() -> Option<String> {
    // Not that of somebody who has this among other things.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    // As it is when this runs: a build folder may be that of several checkouts.
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    if Path::new(&top) != Path::new(&here) {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    let out = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    out.status.success().then(|| text.trim().to_owned())
}
