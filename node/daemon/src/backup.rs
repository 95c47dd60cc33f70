//! A copy of a place's data folder as one archive, made while the place works in it, and a folder
//! made of such an archive.
//!
//! An archive is a tar file:
//!
//! | entry | what |
//! |---|---|
//! | `backup.json` | the [`About`] |
//! | as in the folder | every file that a next life needs: no machine code, which is made again, no code that has come in part, nothing of the running process, no copies of other places' profiles, no invitations |
//! | `records.redb` | the records as they were at one moment |
//! | `end` | nothing: an archive without it was cut off |
//!
//! It has the place's key and tokens in it, so it is as secret as the folder.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use crate::files::{self, FileError};
use crate::join::INVITATIONS;
use crate::moment::seconds;

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The place.
    pub place: String,
    /// The program that made it.
    pub version: String,
    /// When, in seconds since 1970.
    pub made: u64,
    /// Whether code is in it.
    pub code: bool,
}

impl About {
    /// What is made of that place now.
    pub(crate) fn now(place: &str, code: bool) -> Self {
        Self {
            place: place.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made: seconds(SystemTime::now()),
            code,
        }
    }
}

/// The first entry.
const ABOUT: &str = "backup.json";
/// The last one.
const END: &str = "end";
/// The place's records; `store` copies them.
const RECORDS: &str = "records.redb";
/// Greatest length of an [`About`].
const MOST_ABOUT: u64 = 64 << 10;

/// Whether a file or folder of the data folder belongs into an archive. What a later version
/// keeps there does, unless it is named here.
fn belongs(path: &Path, code: bool) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    // What is just being written.
    if name.starts_with('.') {
        return false;
    }
    let top = path.parent() == Some(Path::new(""));
    let made_again = [
        "lock",
        "runtime.json",
        RECORDS,
        "machine-code",
        "programs",
        "profile-copies",
    ];
    if top && made_again.contains(&name) {
        return false;
    }
    // A token that was used since would be good once more.
    if top && name == INVITATIONS {
        return false;
    }
    match path.parent() {
        Some(parent) if parent == Path::new("code") => {
            code && (name.ends_with(".wasm") || name.ends_with(".release"))
        }
        _ => true,
    }
}

/// Writes an archive of a data folder whose records have been copied to a file.
pub(crate) fn write(
    into: impl Write,
    folder: &Path,
    records: &Path,
    about: &About,
) -> io::Result<()> {
    let mut archive = Builder::new(into);
    let text = serde_json::to_vec_pretty(about)?;
    append(&mut archive, ABOUT, text.len() as u64, text.as_slice())?;
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let entries = fs::read_dir(folder.join(&below))?.collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
        names.sort();
        for name in names {
            let path = below.join(name);
            if !belongs(&path, about.code) {
                continue;
            }
            let here = folder.join(&path);
            // Files go while the place works.
            let kind = match fs::symlink_metadata(&here) {
                Ok(meta) => meta.file_type(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                append_file(&mut archive, &path, &here)?;
            } else {
                tracing::warn!(path = %here.display(), "this is neither file nor folder; it is not in the backup");
            }
        }
    }
    append_file(&mut archive, Path::new(RECORDS), records)?;
    append(&mut archive, END, 0, io::empty())?;
    archive.into_inner()?.flush()
}

fn append_file(archive: &mut Builder<impl Write>, path: &Path, file: &Path) -> io::Result<()> {
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // What is appended from now on is not in it.
    let length = file.metadata()?.len();
    let bytes = Whole {
        left: length,
        file: BufReader::new(file),
    };
    append(archive, path, length, bytes)
}

/// As many bytes of a file as it had: the archive has said how many come.
struct Whole {
    left: u64,
    file: BufReader<File>,
}

impl Read for Whole {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(into.len());
        let read = self.file.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::Error::other(
                "a file became shorter while it was copied",
            ));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn append(
    archive: &mut Builder<impl Write>,
    path: impl AsRef<Path>,
    length: u64,
    bytes: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(length);
    archive.append_data(&mut header, path, bytes)
}

/// Makes a data folder of an archive. There is none before it is whole.
///
/// # Errors
/// [`FileError`]: the archive is none, is cut off, or has in it what no data folder has; the folder
/// is there already; or it cannot be written.
pub fn restore(archive: &Path, folder: &Path) -> Result<About, FileError> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => {
            return Err(FileError::new(
                folder,
                "there is something in this folder already: name one that is new or empty",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FileError::new(folder, error)),
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = format!(".{name}.{}", files::random_hex(8));
    let beside = folder.with_file_name(beside);
    files::private_folder(&beside)?;
    let made = unpack(archive, &beside).and_then(|about| {
        // An empty folder gives way, one that has got something meanwhile does not.
        let moved = fs::rename(&beside, folder);
        moved.map_err(|error| FileError::new(folder, error))?;
        Ok(about)
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    made
}

fn unpack(archive: &Path, folder: &Path) -> Result<About, FileError> {
    let wrong = |what: String| FileError::new(archive, what);
    let unreadable = |error: io::Error| wrong(format!("this is no backup of a place: {error}"));
    let file = File::open(archive).map_err(|error| FileError::new(archive, error))?;
    let mut entries = Archive::new(BufReader::new(file));
    let mut about = None;
    let mut there = BTreeSet::new();
    for entry in entries.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        if about.is_none() {
            let mut text = String::new();
            if path != Path::new(ABOUT) {
                return Err(wrong("this is no backup of a place".to_owned()));
            }
            let mut start = (&mut entry).take(MOST_ABOUT);
            start.read_to_string(&mut text).map_err(unreadable)?;
            let read: About = serde_json::from_str(&text).map_err(|e| unreadable(e.into()))?;
            about = Some(read);
            continue;
        }
        if path == Path::new(END) {
            return about.ok_or_else(|| wrong("this is no backup of a place".to_owned()));
        }
        let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
        if entry.header().entry_type() != EntryType::Regular || !plain {
            let what = format!("`{}` does not belong into a backup", path.display());
            return Err(wrong(what));
        }
        let to = folder.join(&path);
        let fail = |error: io::Error| FileError::new(&to, error);
        if let Some(above) = to.parent()
            && there.insert(above.to_owned())
        {
            files::private_folder(above)?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut file = file.open(&to).map_err(fail)?;
        let length = entry.header().size().map_err(unreadable)?;
        let copied = io::copy(&mut entry, &mut file).map_err(fail)?;
        if copied != length {
            return Err(wrong(format!("it ends within `{}`", path.display())));
        }
        file.sync_all().map_err(fail)?;
    }
    Err(wrong(
        "it ends too soon: it was not copied to its end".to_owned(),
    ))
}

#[cfg(test)]
mod tests;
