//! Timers: every one is a variant with a sentence on when it fires.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use waybook_agents::{DownloadId, SessionId};
use waybook_location_tree::PlaceName;

use super::downloads::Claim;
use crate::Instant;
use crate::io::RequestId;

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The earliest [alarm](super::alarms) of that session's hop goes off.
    Hop(SessionId),
    /// Some of what was refused or released may be forgotten.
    Fences,
    /// Some releases have not been acknowledged.
    Releases,
    /// The set-ups that go on to this neighbour are to be refreshed.
    FeedSetups(PlaceName),
    /// The established sessions that go on to this neighbour are to be refreshed.
    FeedSessions(PlaceName),
    /// A search or survey has not been answered in time.
    Question(u64),
    /// A question that climbs through here has waited for its turn, or been under way, for too
    /// long.
    Climbing,
    /// An open that was refused because of other set-ups' holds is to be tried again.
    Retry(RequestId),
    /// A child has been cut off for so long that its locality is no longer offered, or is
    /// back for so long that what it has not listed again is not offered either.
    IndexGrace(PlaceName),
    /// News of the locality is to be told to the parent.
    Summary,
    /// A download's agent has been away for too long, or its transfer is to be resumed.
    Download(Claim),
    /// A download agent that waits here is awaited by nobody any more.
    Guest(DownloadId),
    /// What is left at a place that is being drained is to end.
    Drained,
    /// Neighbours that have not re-synced since the restart are waited for no longer.
    Recovery,
}

/// Stale entries that are put up with, beside as many as there are timers.
const STALE: usize = 32;

/// The timers that are set.
///
/// Most timers never fire: they are cancelled, or set anew. So an entry in `due` that is
/// not as `set` says is stale, and dropped when it comes to the top.
#[derive(Clone, Default)]
pub(super) struct Timers {
    /// The earliest first, and never stale at the top.
    due: BinaryHeap<Reverse<(Instant, Timer)>>,
    set: BTreeMap<Timer, Instant>,
}

/// What is due follows from what is set.
impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.set).finish()
    }
}

impl Timers {
    /// Sets a timer, in place of when it was set for before.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        match self.set.get_mut(&timer) {
            Some(old) if *old == at => return,
            Some(old) => {
                *old = at;
                self.drop_stale(&timer);
            }
            None => {
                self.set.insert(timer.clone(), at);
            }
        }
        self.due.push(Reverse((at, timer)));
    }

    /// Sets a timer unless it is set already.
    pub(super) fn set_if_unset(&mut self, timer: Timer, at: Instant) {
        if !self.set.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if self.set.remove(timer).is_some() {
            self.drop_stale(timer);
        }
    }

    /// The earliest timer that is due, no longer set.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, timer)) = self.due.pop()?;
        self.set.remove(&timer);
        // What was below it may have become stale while it was there.
        self.drop_stale_top();
        self.drop_stale(&timer);
        Some(timer)
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// An entry of that timer has become stale.
    fn drop_stale(&mut self, timer: &Timer) {
        if self
            .due
            .peek()
            .is_some_and(|Reverse((_, top))| top == timer)
        {
            self.drop_stale_top();
        }
        if self.due.len() > 2 * self.set.len() + STALE {
            let set = self.set.iter();
            self.due = set
                .map(|(timer, at)| Reverse((*at, timer.clone())))
                .collect();
        }
    }

    fn drop_stale_top(&mut self) {
        while let Some(Reverse((at, timer))) = self.due.peek() {
            if self.set.get(timer) == Some(at) {
                break;
            }
            self.due.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// They fire as they would from a list that is always in order.
        #[test]
        fn they_fire_in_order(steps in proptest::collection::vec((0_u64..8, 0_u64..4, 0_u64..50), 0..200)) {
            let (mut timers, mut model) = (Timers::default(), BTreeSet::new());
            let timer = Timer::Question;
            for (number, step, at) in steps {
                match step {
                    0 | 1 => {
                        timers.set(timer(number), Instant(at));
                        model.retain(|(_, known)| *known != timer(number));
                        model.insert((Instant(at), timer(number)));
                    }
                    2 => {
                        timers.cancel(&timer(number));
                        model.retain(|(_, known)| *known != timer(number));
                    }
                    _ => {
                        let due = model.first().is_some_and(|(due, _)| due.0 <= at);
                        let expected = if due { model.pop_first() } else { None };
                        let expected = expected.map(|(_, timer)| timer);
                        prop_assert_eq!(timers.pop(Instant(at)), expected);
                    }
                }
                prop_assert_eq!(timers.next(), model.first().map(|(at, _)| *at));
                prop_assert!(timers.due.len() <= 2 * timers.set.len() + STALE + 1);
            }
        }
    }
}
