//! The planted bugs of `scripts/planted-bugs`: every patch must still apply to the tree, or the
//! proof of the campaign has silently lost a part. Mend the patch when the code that it breaks
//! has moved; the script says whether the bug is still caught.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_planted_bug_can_still_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(root).args(arguments).output()
    };
    let is_repository = git(&["rev-parse", "--git-dir"]).is_ok_and(|said| said.status.success());
    if !is_repository {
        eprintln!("SKIPPED: this needs git, and a tree that is a repository");
        return;
    }
    let mut patches = 0;
    for entry in fs::read_dir(root.join("tests/planted")).unwrap() {
        let path = entry.unwrap().path();
        let said = git(&["apply", "--check", path.to_str().unwrap()]).unwrap();
        let why = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{}: {why}", path.display());
        patches += 1;
    }
    assert!(patches >= 14, "{patches} bugs are planted");
}
