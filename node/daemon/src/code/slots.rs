//! How many transfers are served at one time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use waybook_location_tree::PlaceName;

/// Bounds the transfers served, in all and for each neighbour.
#[derive(Debug)]
pub(super) struct Slots {
    all: usize,
    each: usize,
    taken: Mutex<BTreeMap<PlaceName, usize>>,
}

/// One transfer being served; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    neighbour: PlaceName,
}

impl Slots {
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            taken: Mutex::default(),
        })
    }

    /// A slot for that neighbour, unless a limit is reached.
    pub(super) fn take(self: &Arc<Self>, neighbour: &PlaceName) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.get(neighbour).copied().unwrap_or(0);
        if mine >= self.each || taken.values().sum::<usize>() >= self.all {
            return None;
        }
        taken.insert(neighbour.clone(), mine + 1);
        Some(Slot {
            slots: Arc::clone(self),
            neighbour: neighbour.clone(),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let slots = &self.slots;
        let mut taken = slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.neighbour) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.neighbour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_neighbour_takes_more_than_its_share_nor_all_more_than_there_are() {
        let name = |text| PlaceName::new(text).unwrap();
        let slots = Slots::new(3, 2);
        let first = slots.take(&name("r/a")).unwrap();
        let _second = slots.take(&name("r/a")).unwrap();
        assert!(slots.take(&name("r/a")).is_none());
        let _third = slots.take(&name("r/b")).unwrap();
        assert!(slots.take(&name("r/c")).is_none());
        drop(first);
        assert!(slots.take(&name("r/c")).is_some());
        assert_eq!(slots.taken.lock().unwrap().len(), 2);
    }
}
