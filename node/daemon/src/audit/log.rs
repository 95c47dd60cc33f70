//! The file that the record is appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::files::FileError;

/// Greatest length of a line, in bytes.
pub(super) const LINE: u64 = 4096;
/// So much room is taken ahead, if there is so much: on a disk that is full, as many changes can
/// still be written down as it takes to make room.
const AHEAD: u64 = 64 << 10;

/// Where the entries are: those of now, or of so many files ago.
pub(super) fn path(folder: &Path, age: usize) -> PathBuf {
    match age {
        0 => folder.join("audit.jsonl"),
        age => folder.join(format!("audit.{age}.jsonl")),
    }
}

/// The file of now.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    length: u64,
    /// Up to where there is room.
    reserved: u64,
}

impl Log {
    /// Goes on behind the last whole line.
    pub(super) fn open(folder: &Path) -> Result<Self, FileError> {
        let path = path(folder, 0);
        let fail = |error| FileError::new(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        let length = whole_lines(&mut file).map_err(fail)?;
        if file.metadata().map_err(fail)?.len() > length {
            tracing::warn!(path = %path.display(), "a line that a crash has cut is cut off");
            file.set_len(length).map_err(fail)?;
        }
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fail)?;
        let mut log = Self {
            file,
            path,
            length,
            reserved: length,
        };
        // There is room enough, or a change will be told that there is none.
        let _ = log.reserve(LINE);
        Ok(log)
    }

    /// How long the file is, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Takes room for that many bytes more, and some ahead.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), FileError> {
        let needed = self.length + bytes;
        if self.reserved >= needed + AHEAD / 2 {
            return Ok(());
        }
        for end in [needed + AHEAD, needed] {
            if self.reserved >= end {
                return Ok(());
            }
            let begin = self.reserved.max(self.length);
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, begin, end - begin) {
                Ok(()) => {
                    self.reserved = end;
                    return Ok(());
                }
                // A file system that cannot say so beforehand says so when it is written.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
                Err(error) if end == needed => {
                    return Err(FileError::new(&self.path, io::Error::from(error)));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Appends a line. It is on disk then; if that fails, nothing of it is left.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(line);
        let written = written.and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // This takes the room away that was left, too.
            let _ = self.file.set_len(self.length);
            self.reserved = self.length;
            return Err(FileError::new(&self.path, error));
        }
        self.length += line.len() as u64;
        self.reserved = self.reserved.max(self.length);
        Ok(())
    }

    /// Begins a new file, and keeps that many of those before.
    pub(super) fn rotate(&mut self, folder: &Path, keep: usize) -> Result<(), FileError> {
        let fail = |error| FileError::new(&self.path, error);
        // Gives back what was taken ahead.
        self.file.set_len(self.length).map_err(fail)?;
        for age in (1..=keep).rev() {
            match std::fs::rename(path(folder, age - 1), path(folder, age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
        }
        if keep == 0 {
            std::fs::remove_file(&self.path).map_err(fail)?;
        }
        *self = Self::open(folder)?;
        Ok(())
    }
}

/// The length of what ends with a line's end.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    // A line is no longer than that.
    let from = length.saturating_sub(LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(whole.map_or(from, |at| from + at as u64 + 1))
}
