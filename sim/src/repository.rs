//! The software repository on the disk of a simulated place: binaries by digest, whole or
//! as far as they have come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_place::Instant;
use waybook_plan::{Digest, Release};

/// One binary, or the verified beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is. A repository keeps this beside the binary, so that it can say what it
    /// holds even if the place's record was lost.
    pub release: Arc<Release>,
    /// Bytes that are there, all of them verified.
    pub bytes: u64,
    /// When it is, or was, compiled to machine code; none if nobody has started it yet.
    pub compiled: Option<Instant>,
}

impl File {
    /// Whether all of it is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes == self.release.length
    }
}

/// What a place's disk holds of code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// What the disk takes in all; none for no limit. This is the machine's limit, which
    /// the place does not know, not that of its settings.
    pub capacity: Option<u64>,
    files: BTreeMap<Digest, File>,
}

impl Repository {
    /// One binary, whole or not.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<&File> {
        self.files.get(digest)
    }

    /// All of them, by digest.
    pub fn iter(&self) -> impl Iterator<Item = (&Digest, &File)> {
        self.files.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether that code is here, whole.
    #[must_use]
    pub fn holds(&self, digest: &Digest) -> bool {
        self.get(digest).is_some_and(File::is_whole)
    }

    /// How many bytes of that code are here.
    #[must_use]
    pub fn bytes_of(&self, digest: &Digest) -> u64 {
        self.get(digest).map_or(0, |file| file.bytes)
    }

    /// Bytes in all, which the place must keep within its limit.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    /// Puts a whole binary in, as an operator does.
    pub fn put(&mut self, release: Arc<Release>) {
        let file = File {
            bytes: release.length,
            compiled: None,
            release,
        };
        self.files.insert(file.release.digest, file);
    }

    /// A transfer of that code begins, or goes on from what is here; how much that is.
    pub fn open(&mut self, release: &Arc<Release>) -> u64 {
        let file = self.files.entry(release.digest).or_insert_with(|| File {
            release: Arc::clone(release),
            bytes: 0,
            compiled: None,
        });
        file.bytes
    }

    /// Writes the next verified bytes of code that is arriving.
    ///
    /// # Errors
    /// What the disk says; nothing is written.
    pub fn write(&mut self, digest: &Digest, length: u64) -> Result<(), String> {
        if let Some(capacity) = self.capacity
            && self.bytes().saturating_add(length) > capacity
        {
            return Err("no space left on device".to_owned());
        }
        match self.files.get_mut(digest) {
            Some(file) => {
                file.bytes += length;
                Ok(())
            }
            None => Err("no such file".to_owned()),
        }
    }

    /// Drops what is there of a binary behind so many bytes.
    pub fn truncate(&mut self, digest: &Digest, bytes: u64) {
        if let Some(file) = self.files.get_mut(digest) {
            file.bytes = file.bytes.min(bytes);
        }
    }

    /// The binary is to be started: when its machine code is there, which takes so long
    /// the first time.
    pub fn compile(&mut self, digest: &Digest, now: Instant, takes: Duration) -> Instant {
        match self.files.get_mut(digest) {
            Some(file) => *file.compiled.get_or_insert(now + takes),
            None => now,
        }
    }

    /// Deletes a binary; whether there was one.
    pub fn remove(&mut self, digest: &Digest) -> bool {
        self.files.remove(digest).is_some()
    }

    /// The place starts again.
    pub fn begin_life(&mut self, now: Instant) {
        for file in self.files.values_mut() {
            file.compiled = file.compiled.filter(|at| *at <= now);
        }
        self.files.retain(|_, file| file.bytes > 0);
    }

    /// The disk is lost.
    pub fn clear(&mut self) {
        self.files.clear();
    }
}
