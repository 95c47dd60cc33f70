//! The files of the repository, and the order in which they come and go.
//!
//! | file | what |
//! |---|---|
//! | `DIGEST.wasm` | code that is whole; its bytes have matched the digest |
//! | `DIGEST.release` | what it is: written, durably, before the code |
//! | `DIGEST.part` | code that has come in part, from its beginning on |
//! | `DIGEST.tree` | the hashes that the part was verified against |
//! | `.…` | being written; of no use to a next life |
//!
//! Code gets its final name only when all of it is on disk, so a crash at any moment
//! leaves it whole or in part, and the part is verified anew before it is used.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use waybook_agents::wire;
use waybook_plan::{Digest, Release};

use crate::files::{self, Existing, FileError};

/// What a file of the repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The code.
    Whole,
    /// What it is.
    Release,
    /// The beginning of the code.
    Partial,
    /// The hashes over the beginning.
    Tree,
}

impl Part {
    const ALL: [Self; 4] = [Self::Whole, Self::Release, Self::Partial, Self::Tree];

    /// What the file's name ends with.
    fn suffix(self) -> &'static str {
        match self {
            Self::Whole => "wasm",
            Self::Release => "release",
            Self::Partial => "part",
            Self::Tree => "tree",
        }
    }
}

/// The greatest length of a release as it is kept: far more than its bounds allow.
const MOST_RELEASE: u64 = 256 * 1024;

/// The repository's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        files::private_folder(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, digest: &Digest, part: Part) -> PathBuf {
        self.0.join(format!("{}.{}", digest.hex(), part.suffix()))
    }

    /// Tells from its name what a file holds, and of what.
    pub(super) fn parse(name: &str) -> Option<(Digest, Part)> {
        let (hex, suffix) = name.split_once('.')?;
        let part = Part::ALL.into_iter().find(|part| part.suffix() == suffix)?;
        let digest: Digest = hex.parse().ok()?;
        // Names in capitals, or with a prefix, are not ours.
        (digest.hex() == hex).then_some((digest, part))
    }

    /// A new file of no use to a next life.
    pub(super) fn temporary(&self) -> io::Result<(PathBuf, File)> {
        let path = self.0.join(format!(".{}", files::random_hex(16)));
        let file = private().create_new(true).open(&path)?;
        Ok((path, file))
    }

    /// A second name, of no use to a next life either, for such a file.
    pub(super) fn temporary_link(&self, of: &Path) -> io::Result<PathBuf> {
        let path = self.0.join(format!(".{}", files::random_hex(16)));
        std::fs::hard_link(of, &path)?;
        Ok(path)
    }

    /// Opens a file of a part, making it if there is none.
    pub(super) fn part(&self, digest: &Digest, part: Part) -> io::Result<File> {
        private()
            .create(true)
            .truncate(false)
            .open(self.file(digest, part))
    }

    /// Writes what the code is, durably.
    pub(super) fn write_release(&self, release: &Release) -> Result<(), FileError> {
        let path = self.file(&release.digest, Part::Release);
        let bytes = wire::encode_record(release);
        files::write_file(&path, &bytes, 0o600, Existing::Replace)
    }

    /// Reads what the code is; none if that does not stand there.
    pub(super) fn read_release(&self, digest: &Digest) -> Result<Option<Release>, FileError> {
        let path = self.file(digest, Part::Release);
        let read = || {
            if std::fs::metadata(&path)?.len() > MOST_RELEASE {
                return Ok(None);
            }
            std::fs::read(&path).map(Some)
        };
        let bytes = match read() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // What cannot be read now may be there and right.
            Err(error) => return Err(FileError::new(&path, error)),
        };
        let release = wire::decode_record::<Release>(&bytes).ok();
        Ok(release.filter(|release| release.digest == *digest && release.check().is_ok()))
    }

    /// Gives a file whose bytes have all been checked its final name. What it is has been
    /// written before.
    pub(super) fn admit(&self, digest: &Digest, from: &Path, file: &File) -> io::Result<()> {
        file.sync_all()?;
        std::fs::rename(from, self.file(digest, Part::Whole))?;
        File::open(&self.0)?.sync_all()
    }

    /// Removes some files of a piece of code; those that are not there, too.
    pub(super) fn remove(&self, digest: &Digest, parts: &[Part]) {
        for part in parts {
            remove(&self.file(digest, *part));
        }
    }

    /// Removes all of a piece of code.
    pub(super) fn remove_all(&self, digest: &Digest) {
        // The release goes last: without it the rest would be an orphan.
        self.remove(
            digest,
            &[Part::Whole, Part::Partial, Part::Tree, Part::Release],
        );
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file of the repository stays");
    }
}
