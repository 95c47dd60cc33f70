//! Fences: what was refused or released must have no effect when it arrives late.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use waybook_agents::{Refuse, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

/// What is remembered of a session whose visit here has ended.
#[derive(Debug)]
pub(super) struct Fence {
    /// Visits up to this number are over.
    pub(super) number: SolutionNumber,
    /// What the hop before was told, to be said again if it asks: it may have been lost.
    pub(super) answer: Option<Box<Refuse>>,
}

/// By session and the hop before, so that no other neighbour can bar what that one sends.
/// Forgotten by a timer, when nothing of the set-up can arrive any more.
#[derive(Debug, Default)]
pub(super) struct Fences(BTreeMap<(SessionId, PlaceName), Fence>);

impl Fences {
    /// Raises the fence; it never falls. Beyond `most` fences there is none: what arrives
    /// late then ends with its lease. Whether there is one.
    pub(super) fn raise(
        &mut self,
        session: SessionId,
        from: PlaceName,
        number: SolutionNumber,
        answer: Option<Refuse>,
        most: usize,
    ) -> bool {
        let full = self.0.len() >= most;
        let answer = answer.map(Box::new);
        match self.0.entry((session, from)) {
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(place) => {
                place.insert(Fence { number, answer });
            }
            Entry::Occupied(mut fence) if number >= fence.get().number => {
                fence.insert(Fence { number, answer });
            }
            Entry::Occupied(_) => {}
        }
        true
    }

    pub(super) fn get(&self, session: SessionId, from: &PlaceName) -> Option<&Fence> {
        self.0.get(&(session, from.clone()))
    }

    pub(super) fn forget(&mut self, session: SessionId, from: PlaceName) {
        self.0.remove(&(session, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let mut fences = Fences::default();
        let from = PlaceName::new("r").unwrap();
        let mut raise = |session, number| {
            let (session, number) = (SessionId(session), SolutionNumber(number));
            fences.raise(session, from.clone(), number, None, 2)
        };
        assert!(raise(1, 1) && raise(2, 1) && !raise(3, 1));
        // One that is there still rises.
        assert!(raise(2, 5) && raise(2, 4));
        assert_eq!(fences.get(SessionId(2), &from).unwrap().number.0, 5);
        assert_eq!(fences.0.len(), 2);
    }
}
