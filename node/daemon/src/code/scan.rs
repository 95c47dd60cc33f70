//! What a new life finds in the folder.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use waybook_plan::{Digest, Release};

use super::folder::{self, Folder, Part};
use super::partial::Partial;
use crate::files::FileError;

/// How much of what has come in part is kept for a next life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// All parts together, in bytes.
    pub(super) space: u64,
    /// Since anything last came.
    pub(super) age: Duration,
    /// A single piece of code, in bytes.
    pub(super) length: u64,
}

/// What can be used.
#[derive(Default)]
pub(super) struct Found {
    pub(super) whole: BTreeMap<Digest, Arc<Release>>,
    pub(super) partial: BTreeMap<Digest, Partial>,
}

/// Looks through the folder, and removes what nobody can use any more.
pub(super) fn scan(folder: &Folder, bounds: Bounds, now: SystemTime) -> Result<Found, FileError> {
    let fail = |error: io::Error| FileError::new(folder.path(), error);
    let mut lengths: BTreeMap<Digest, BTreeMap<Part, (u64, SystemTime)>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder.path()).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or("");
        // Of the entry itself: nothing that a link leads to is ours.
        let meta = entry.metadata().map_err(fail)?;
        match Folder::parse(name) {
            Some((digest, part)) if meta.is_file() => {
                let modified = meta.modified().unwrap_or(now);
                let files = lengths.entry(digest).or_default();
                files.insert(part, (meta.len(), modified));
            }
            None if name.starts_with('.') && meta.is_file() => folder::remove(&entry.path()),
            _ => {
                tracing::warn!(path = %entry.path().display(), "not a file of the repository");
            }
        }
    }
    let mut found = Found::default();
    let mut parts = Vec::new();
    for (digest, files) in &lengths {
        let Some(release) = folder.read_release(digest)? else {
            tracing::warn!(%digest, "code without a readable release is removed");
            folder.remove_all(digest);
            continue;
        };
        match (files.get(&Part::Whole), files.get(&Part::Partial)) {
            (Some((length, _)), _) if *length == release.length => {
                folder.remove(digest, &[Part::Partial, Part::Tree]);
                found.whole.insert(*digest, Arc::new(release));
            }
            (Some((length, _)), _) => {
                tracing::error!(%digest, length, right = release.length, "code of the wrong length is removed");
                folder.remove_all(digest);
            }
            (None, Some((_, modified))) => parts.push((*modified, release)),
            (None, None) => folder.remove_all(digest),
        }
    }
    // The latest first, as long as there is room.
    parts.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    let mut room = bounds.space;
    for (modified, release) in parts {
        let digest = release.digest;
        let young = now.duration_since(modified).unwrap_or_default() <= bounds.age;
        let partial = match young && release.length <= bounds.length {
            true => Partial::reopen(folder, Arc::new(release)).map_err(fail)?,
            false => {
                folder.remove_all(&digest);
                continue;
            }
        };
        if partial.verified() == 0 || partial.verified() > room {
            folder.remove_all(&digest);
            continue;
        }
        room -= partial.verified();
        found.partial.insert(digest, partial);
    }
    Ok(found)
}
