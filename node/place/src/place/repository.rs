//! The software repository: which code is held here, and what goes when more comes in.
//!
//! It is an index; the bytes are the driver's. Code that runs, that is arriving, that an
//! operator pinned or that was added here never goes; of the rest, what was not used for
//! longest goes first.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_plan::{Digest, Release, Resource, format_amount};

use crate::lazy::Empty;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is here, whole.
    Held { added: bool, pinned: bool },
    /// It is being fetched, and has its whole length's room.
    Arriving,
    /// What a transfer brought that was given up.
    Part,
}

#[derive(Debug, Clone)]
struct Entry {
    release: Arc<Release>,
    /// The room that it takes.
    bytes: u64,
    state: State,
    /// When it was last used, in the repository's own count.
    used: u64,
}

impl Entry {
    /// Whether that release says of the code what the entry's does.
    fn is_of(&self, release: &Release) -> bool {
        (self.release.length, self.release.root) == (release.length, release.root)
    }
}

/// Code that is held whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) release: Arc<Release>,
    pub(super) added: bool,
    pub(super) pinned: bool,
    pub(super) used: u64,
}

/// What went to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evicted {
    pub(super) digest: Digest,
    /// Whether it was whole.
    pub(super) whole: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Repository {
    entries: BTreeMap<Digest, Entry>,
    /// How many instances run a piece of code, or wait for it.
    uses: BTreeMap<Digest, usize>,
    bytes: u64,
    sequence: u64,
}

impl Empty for Repository {
    const EMPTY: &'static Self = &Self {
        entries: BTreeMap::new(),
        uses: BTreeMap::new(),
        bytes: 0,
        sequence: 0,
    };
}

impl Repository {
    /// The code with that digest, if it is held whole.
    pub(super) fn get(&self, digest: &Digest) -> Option<Held> {
        let entry = self.entries.get(digest)?;
        match entry.state {
            State::Held { added, pinned } => Some(Held {
                release: Arc::clone(&entry.release),
                added,
                pinned,
                used: entry.used,
            }),
            State::Arriving | State::Part => None,
        }
    }

    pub(super) fn holds(&self, digest: &Digest) -> bool {
        let entry = self.entries.get(digest);
        entry.is_some_and(|e| matches!(e.state, State::Held { .. }))
    }

    /// All that is held whole, by digest.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Digest, Held)> {
        let digests = self.entries.keys();
        digests.filter_map(|digest| Some((digest, self.get(digest)?)))
    }

    /// What transfers that were given up left here, with how many bytes.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&Arc<Release>, u64)> {
        let parts = self.entries.values().filter(|e| e.state == State::Part);
        parts.map(|e| (&e.release, e.bytes))
    }

    /// How many bytes an earlier transfer left here that was told the same of the code.
    pub(super) fn part(&self, release: &Release) -> u64 {
        let entry = self.entries.get(&release.digest);
        let part = entry.filter(|e| e.state == State::Part && e.is_of(release));
        part.map_or(0, |e| e.bytes)
    }

    /// How many instances run it, or wait for it.
    pub(super) fn uses(&self, digest: &Digest) -> usize {
        self.uses.get(digest).copied().unwrap_or(0)
    }

    /// An instance runs that code from now on, or waits for it. Whether it is the only
    /// one.
    pub(super) fn begin_use(&mut self, digest: Digest) -> bool {
        let uses = self.uses.entry(digest).or_default();
        *uses += 1;
        let first = *uses == 1;
        self.touch(&digest);
        first
    }

    pub(super) fn end_use(&mut self, digest: &Digest) {
        if let Some(uses) = self.uses.get_mut(digest) {
            *uses -= 1;
            if *uses == 0 {
                self.uses.remove(digest);
            }
        }
        self.touch(digest);
    }

    fn touch(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.get_mut(digest) {
            self.sequence += 1;
            entry.used = self.sequence;
        }
    }

    /// Takes up what an earlier life held.
    pub(super) fn restore(&mut self, held: Held) {
        let Held {
            release,
            added,
            pinned,
            used,
        } = held;
        self.sequence = self.sequence.max(used);
        let (digest, bytes) = (release.digest, release.length);
        let state = State::Held { added, pinned };
        self.put(
            digest,
            Entry {
                release,
                bytes,
                state,
                used,
            },
        );
    }

    /// Takes up what an earlier life has left of a transfer: the first that goes.
    pub(super) fn restore_part(&mut self, release: Arc<Release>, bytes: u64) {
        let digest = release.digest;
        let bytes = bytes.min(release.length);
        if bytes == 0 || self.entries.contains_key(&digest) {
            return;
        }
        self.put(
            digest,
            Entry {
                release,
                bytes,
                state: State::Part,
                used: 0,
            },
        );
    }

    /// Makes room for code that is to be fetched, and keeps it. A part that an earlier
    /// transfer left goes if that was told something else of the code.
    ///
    /// # Errors
    /// Why there is no room; nothing has gone then.
    pub(super) fn reserve(
        &mut self,
        release: &Arc<Release>,
        limit: u64,
    ) -> Result<Vec<Evicted>, String> {
        debug_assert!(!self.holds(&release.digest), "what is held is not fetched");
        let part = self.entries.get(&release.digest);
        let is_other = part.is_some_and(|part| !part.is_of(release));
        let mut gone = self.make_room(&release.digest, release.length, limit)?;
        if is_other {
            // What was verified against another root is of no use.
            let (digest, whole) = (release.digest, false);
            gone.push(Evicted { digest, whole });
        }
        self.take_up(release, State::Arriving);
        Ok(gone)
    }

    /// Takes up code that was added here.
    ///
    /// # Errors
    /// As [`Repository::reserve`].
    pub(super) fn add(
        &mut self,
        release: &Arc<Release>,
        limit: u64,
    ) -> Result<Vec<Evicted>, String> {
        let pinned = self.get(&release.digest).is_some_and(|held| held.pinned);
        let gone = self.make_room(&release.digest, release.length, limit)?;
        let added = true;
        self.take_up(release, State::Held { added, pinned });
        Ok(gone)
    }

    fn take_up(&mut self, release: &Arc<Release>, state: State) {
        let (digest, bytes) = (release.digest, release.length);
        let entry = Entry {
            release: Arc::clone(release),
            bytes,
            state,
            used: 0,
        };
        self.put(digest, entry);
        self.touch(&digest);
    }

    /// What was being fetched is here.
    pub(super) fn complete(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.get_mut(digest) {
            entry.state = State::Held {
                added: false,
                pinned: false,
            };
        }
        self.touch(digest);
    }

    /// A transfer is given up, of which so many bytes stay.
    pub(super) fn give_up(&mut self, digest: &Digest, bytes: u64) {
        let Some(entry) = self.entries.get_mut(digest) else {
            return;
        };
        if entry.state != State::Arriving {
            return;
        }
        let bytes = bytes.min(entry.bytes);
        self.bytes -= entry.bytes - bytes;
        entry.bytes = bytes;
        entry.state = State::Part;
        if bytes == 0 {
            self.entries.remove(digest);
        }
    }

    /// Whether there is such code, held whole.
    pub(super) fn pin(&mut self, digest: &Digest, pin: bool) -> bool {
        let entry = self.entries.get_mut(digest);
        match entry.map(|e| &mut e.state) {
            Some(State::Held { pinned, .. }) => {
                *pinned = pin;
                true
            }
            _ => false,
        }
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.remove(digest) {
            self.bytes -= entry.bytes;
        }
    }

    fn put(&mut self, digest: Digest, entry: Entry) {
        self.remove(&digest);
        self.bytes = self.bytes.saturating_add(entry.bytes);
        self.entries.insert(digest, entry);
    }

    fn may_go(&self, digest: &Digest, entry: &Entry) -> bool {
        self.uses(digest) == 0
            && match entry.state {
                State::Held { added, pinned } => !added && !pinned,
                State::Arriving => false,
                State::Part => true,
            }
    }

    /// All that may go, what was not used for longest first.
    fn idle(&self) -> Vec<Digest> {
        let entries = self.entries.iter().filter(|(d, e)| self.may_go(d, e));
        let mut idle: Vec<_> = entries.map(|(digest, e)| (e.used, *digest)).collect();
        idle.sort_unstable();
        idle.into_iter().map(|(_, digest)| digest).collect()
    }

    /// Drops all that may go.
    pub(super) fn collect(&mut self) -> Vec<(Evicted, Arc<Release>)> {
        let idle = self.idle();
        idle.iter()
            .filter_map(|digest| self.evict(digest))
            .collect()
    }

    /// Drops what was not used for longest until so many bytes are freed, or nothing is
    /// left that may go.
    pub(super) fn free(&mut self, bytes: u64, but: &Digest) -> Vec<Evicted> {
        let (mut freed, mut gone) = (0, Vec::new());
        for digest in self.idle() {
            if freed >= bytes {
                break;
            }
            if digest == *but {
                continue;
            }
            freed += self.entries.get(&digest).map_or(0, |e| e.bytes);
            gone.extend(self.evict(&digest).map(|(evicted, _)| evicted));
        }
        gone
    }

    fn evict(&mut self, digest: &Digest) -> Option<(Evicted, Arc<Release>)> {
        let whole = self.holds(digest);
        let release = Arc::clone(&self.entries.get(digest)?.release);
        self.remove(digest);
        let digest = *digest;
        Some((Evicted { digest, whole }, release))
    }

    fn make_room(
        &mut self,
        digest: &Digest,
        length: u64,
        limit: u64,
    ) -> Result<Vec<Evicted>, String> {
        let own = self.entries.get(digest).map_or(0, |e| e.bytes);
        let after = (self.bytes - own).saturating_add(length);
        let excess = after.saturating_sub(limit);
        if excess == 0 {
            return Ok(Vec::new());
        }
        let others = self.entries.iter().filter(|(d, _)| *d != digest);
        let idle: u64 = others
            .filter(|(d, e)| self.may_go(d, e))
            .map(|(_, e)| e.bytes)
            .sum();
        if idle < excess {
            return Err(self.no_room(digest, length, limit));
        }
        Ok(self.free(excess, digest))
    }

    fn no_room(&self, digest: &Digest, length: u64, limit: u64) -> String {
        let (mut added, mut pinned, mut running, mut arriving) = (0, 0, 0, 0);
        for (other, entry) in self.entries.iter().filter(|(d, _)| *d != digest) {
            let sum = match entry.state {
                State::Arriving => &mut arriving,
                State::Held { added: true, .. } => &mut added,
                State::Held { pinned: true, .. } => &mut pinned,
                _ if self.uses(other) > 0 => &mut running,
                _ => continue,
            };
            *sum += entry.bytes;
        }
        let bytes = |amount| format_amount(&Resource::memory(), amount);
        format!(
            "there is no room for {}: limit `repository` = {}, of which {} were added here, {} are \
             pinned, {} are in use and {} are kept for what is arriving",
            bytes(length),
            bytes(limit),
            bytes(added),
            bytes(pinned),
            bytes(running),
            bytes(arriving),
        )
    }
}

#[cfg(test)]
#[path = "repository/tests.rs"]
mod tests;
