//! How many of something are under way at one time, in all and for the sake of each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds what is under way, in all and for each.
#[derive(Debug)]
pub(crate) struct Slots<K: Ord> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by: BTreeMap<K, usize>,
}

/// Which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// That on all together.
    All(usize),
    /// That on the share of one.
    Share(usize),
}

/// One thing under way; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot<K: Ord> {
    slots: Arc<Slots<K>>,
    whose: K,
}

impl<K: Ord + Clone> Slots<K> {
    /// So many in all, and for each.
    pub(crate) fn new(all: usize, each: usize) -> Arc<Self> {
        let taken = Taken {
            all: 0,
            by: BTreeMap::new(),
        };
        Arc::new(Self {
            all,
            each,
            taken: Mutex::new(taken),
            refused: AtomicU64::new(0),
        })
    }

    /// A slot for that one, unless a bound is reached.
    pub(crate) fn take(self: &Arc<Self>, whose: &K) -> Result<Slot<K>, Full> {
        self.take_of(whose, self.each)
    }

    /// A slot for one that has no share, but may take what there is.
    pub(crate) fn take_any(self: &Arc<Self>, whose: &K) -> Result<Slot<K>, Full> {
        self.take_of(whose, usize::MAX)
    }

    fn take_of(self: &Arc<Self>, whose: &K, each: usize) -> Result<Slot<K>, Full> {
        let mut taken = self.taken();
        let mine = taken.by.get(whose).copied().unwrap_or(0);
        let full = if taken.all >= self.all {
            Some(Full::All(self.all))
        } else if mine >= each {
            Some(Full::Share(each))
        } else {
            None
        };
        if let Some(full) = full {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        taken.all += 1;
        taken.by.insert(whose.clone(), mine + 1);
        Ok(Slot {
            slots: Arc::clone(self),
            whose: whose.clone(),
        })
    }
}

impl<K: Ord> Slots<K> {
    /// How many are taken, and how many were not given.
    pub(crate) fn counts(&self) -> (usize, u64) {
        (self.taken().all, self.refused.load(Ordering::Relaxed))
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all -= 1;
        match taken.by.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.by.remove(&self.whose);
            }
        }
    }
}

/// So many hundredths of something, and at least one.
pub(crate) fn share(of: usize, percent: u8) -> usize {
    (of.saturating_mul(usize::from(percent)) / 100).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_nor_all_more_than_there_are() {
        let slots = Slots::new(3, 2);
        let first = slots.take(&"r/a").unwrap();
        let _second = slots.take(&"r/a").unwrap();
        assert_eq!(slots.take(&"r/a").unwrap_err(), Full::Share(2));
        let third = slots.take_any(&"r/a").unwrap();
        assert_eq!(slots.take(&"r/b").unwrap_err(), Full::All(3));
        assert_eq!(slots.counts(), (3, 2));
        drop((first, third));
        assert!(slots.take(&"r/b").is_ok());
        assert_eq!(slots.counts(), (1, 2));
        assert_eq!(slots.taken().by.len(), 1);
    }
}
