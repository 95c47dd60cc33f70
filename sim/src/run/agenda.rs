//! What users, terminals and faults have yet to do, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use waybook_place::Instant;
use waybook_place::io::RequestId;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    /// An interval of the results is over.
    Interval,
    /// The next of the faults happens.
    Fault,
    /// Somebody of that class of users asks.
    Arrival(usize),
    /// A user has had enough.
    Leave(RequestId),
    /// A terminal moves.
    Move(RequestId),
}

/// All of it. What is due at the same moment is done in the order in which it was added.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(Instant, u64, Doing)>>,
    added: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Instant, doing: Doing) {
        self.added += 1;
        self.heap.push(Reverse((at, self.added, doing)));
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Doing)> {
        let Reverse((at, _, doing)) = self.heap.pop()?;
        Some((at, doing))
    }
}
