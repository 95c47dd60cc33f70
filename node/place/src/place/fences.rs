//! Fences: what was refused or released must have no effect when it arrives late.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use waybook_agents::{Refuse, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use super::shares::Tally;
use crate::Instant;

/// What is remembered of a session whose visit here has ended.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    /// Visits up to this number are over.
    pub(super) number: SolutionNumber,
    /// What the hop before was told, to be said again if it asks: it may have been lost.
    pub(super) answer: Option<Box<Refuse>>,
    /// When nothing of the set-up can arrive any more.
    until: Instant,
}

type Key = (SessionId, PlaceName);

/// By session and the hop before, so that no other neighbour can bar what that one sends.
///
/// A fence holds for its time, to the moment. It is swept out later, with others: there is one
/// for every visit, so that none has a timer of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Fences {
    fences: BTreeMap<Key, Fence>,
    /// Every fence once, about in the order in which they are over.
    order: VecDeque<(Instant, Key)>,
    /// How many there are of what each neighbour sent.
    sent: Tally,
}

impl Fences {
    /// Raises the fence; it never falls before its time. Beyond `most` fences, or `share` of what
    /// one neighbour sent, there is none: what arrives late then ends with its lease. Whether
    /// there is one.
    pub(super) fn raise(
        &mut self,
        session: SessionId,
        from: PlaceName,
        number: SolutionNumber,
        (now, until): (Instant, Instant),
        answer: Option<Refuse>,
        (most, share): (usize, usize),
    ) -> bool {
        if self.fences.len() >= most || self.sent.of(&from) >= share {
            self.forget(now);
        }
        let full = self.fences.len() >= most || self.sent.of(&from) >= share;
        let answer = answer.map(Box::new);
        let fence = Fence {
            number,
            answer,
            until,
        };
        match self.fences.entry((session, from)) {
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(place) => {
                self.sent.one_more(&place.key().1);
                self.order.push_back((until, place.key().clone()));
                place.insert(fence);
            }
            Entry::Occupied(mut old) if number >= old.get().number || old.get().until <= now => {
                old.insert(fence);
            }
            Entry::Occupied(mut old) => old.get_mut().until = until,
        }
        true
    }

    pub(super) fn get(&self, now: Instant, session: SessionId, from: &PlaceName) -> Option<&Fence> {
        let fence = self.fences.get(&(session, from.clone()));
        fence.filter(|fence| fence.until > now)
    }

    /// Sweeps out what is over; when the next one is.
    pub(super) fn forget(&mut self, now: Instant) -> Option<Instant> {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            let (_, key) = self.order.pop_front()?;
            let Some(fence) = self.fences.get(&key) else {
                continue;
            };
            if fence.until <= now {
                self.fences.remove(&key);
                self.sent.one_less(&key.1);
            } else {
                // Raised again since.
                self.order.push_back((fence.until, key));
            }
        }
        self.order.front().map(|(until, _)| *until)
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
            fences.raise(
                session,
                from.clone(),
                number,
                (Instant(1), Instant(9)),
                None,
                (2, 2),
            )
        };
        assert!(raise(1, 1) && raise(2, 1) && !raise(3, 1));
        // One that is there still rises.
        assert!(raise(2, 5) && raise(2, 4));
        let fence = fences.get(Instant(8), SessionId(2), &from);
        assert_eq!(fence.unwrap().number.0, 5);
        assert_eq!(fences.fences.len(), 2);
    }

    /// One neighbour that let go of what never was took the room of all others.
    #[test]
    fn one_neighbour_has_its_share_of_them() {
        let mut fences = Fences::default();
        let mut raise = |now, session, from: &str| {
            let times = (Instant(now), Instant(now + 8));
            let (session, from) = (SessionId(session), PlaceName::new(from).unwrap());
            fences.raise(session, from, SolutionNumber(1), times, None, (4, 2))
        };
        assert!(raise(1, 1, "r/a") && raise(1, 2, "r/a") && !raise(1, 3, "r/a"));
        assert!(raise(1, 3, "r/b") && raise(1, 1, "r/b"));
        // When they are over there is room again.
        assert!(raise(9, 4, "r/a") && raise(9, 5, "r/a") && !raise(9, 6, "r/a"));
    }

    #[test]
    fn they_hold_for_their_time_and_are_swept_out_later() {
        let mut fences = Fences::default();
        let from = PlaceName::new("r").unwrap();
        let raise = |fences: &mut Fences, session, until| {
            let (session, number) = (SessionId(session), SolutionNumber(1));
            fences.raise(
                session,
                from.clone(),
                number,
                (Instant(1), Instant(until)),
                None,
                (9, 9),
            )
        };
        let holds = |fences: &Fences, now, session| {
            fences
                .get(
                    Instant(now),
                    SessionId(session),
                    &PlaceName::new("r").unwrap(),
                )
                .is_some()
        };
        raise(&mut fences, 1, 10);
        raise(&mut fences, 2, 20);
        raise(&mut fences, 1, 30);
        assert!(holds(&fences, 29, 1) && holds(&fences, 19, 2) && !holds(&fences, 20, 2));
        assert_eq!(fences.forget(Instant(15)), Some(Instant(20)));
        assert_eq!(fences.forget(Instant(20)), Some(Instant(30)));
        assert!(holds(&fences, 29, 1) && fences.fences.len() == 1);
        assert_eq!(fences.forget(Instant(30)), None);
        assert!(fences.fences.is_empty() && fences.order.is_empty());
    }
}
