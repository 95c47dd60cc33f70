//! A small disk of its own for every place.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::network::must;

/// Plenty for what a place keeps here.
const SIZE: &str = "size=48m,mode=700";

fn filler(disk: &Path) -> PathBuf {
    disk.join("filler")
}

/// Makes an empty disk.
pub(crate) fn make(disk: &Path) {
    std::fs::create_dir_all(disk).unwrap();
    must(&[
        "mount",
        "-t",
        "tmpfs",
        "-o",
        SIZE,
        "tmpfs",
        &disk.display().to_string(),
    ]);
}

/// Takes all the room that there is, or that is left since it was taken before.
pub(crate) fn fill(disk: &Path) {
    let mut open = std::fs::File::options();
    let file = open.create(true).append(true).open(filler(disk));
    let mut file = file.unwrap();
    // In smaller and smaller pieces, so that no room is left.
    for piece in [1 << 20, 1 << 12, 1] {
        let piece = vec![0; piece];
        while file.write_all(&piece).is_ok() {}
    }
}

/// Gives the room back.
pub(crate) fn empty(disk: &Path) {
    std::fs::remove_file(filler(disk)).unwrap();
}

/// Makes a disk of whose files none is open read-only, or writable again.
pub(crate) fn protect(disk: &Path, protected: bool) {
    let how = if protected {
        "remount,ro"
    } else {
        "remount,rw"
    };
    must(&["mount", "-o", how, &disk.display().to_string()]);
}
