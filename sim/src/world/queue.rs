//! What is to happen, in the order of time.
//!
//! Events lie where they were put; what is sorted is only when each is due, in 24 bytes,
//! so that the heap stays in the fast caches and moves little. Places of events are used
//! again, the last one first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use waybook_agents::{Envelope, Incarnation};
use waybook_place::Instant;
use waybook_place::io::{Input, InstanceId, OpenRequest, RequestId};

use super::PlaceIndex;
use super::transfers::Step;
use crate::transfer::TransferId;

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) enum Letter {
    /// As bytes, with their prefix.
    Frame(Vec<u8>),
    /// As its sender wrote it.
    Envelope(Box<Envelope>),
}

#[derive(Debug)]
pub(super) enum Event {
    Deliver {
        from: PlaceIndex,
        to: PlaceIndex,
        connection: u64,
        letter: Letter,
    },
    /// A message is heard once more, after its sender or receiver has begun another life than
    /// they had.
    Ghost {
        from: PlaceIndex,
        to: PlaceIndex,
        lives: (u64, u64),
        envelope: Box<Envelope>,
    },
    LinkUp {
        place: PlaceIndex,
        neighbour: PlaceIndex,
        connection: u64,
    },
    LinkDown {
        place: PlaceIndex,
        neighbour: PlaceIndex,
    },
    Tick(PlaceIndex),
    /// The next of many places are connected with their parents, from that one on.
    Join(PlaceIndex),
    Component {
        place: PlaceIndex,
        life: Incarnation,
        instance: InstanceId,
        failure: Option<String>,
    },
    Work {
        at: PlaceIndex,
        life: Incarnation,
        input: Box<Input>,
    },
    Transfer(TransferId, Step),
    Ask(RequestId, Box<OpenRequest>, bool),
    Claim(RequestId),
    Close(RequestId),
    HangUp(RequestId),
}

impl Event {
    /// Whether it is a scripted act, until which the run cannot be quiet.
    pub(super) fn is_scripted(&self) -> bool {
        matches!(
            self,
            Self::Ask(..) | Self::Claim(_) | Self::Close(_) | Self::HangUp(_)
        )
    }
}

/// When an event is due. Of equal times, the one that was scheduled first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    sequence: u64,
    /// Where the event lies.
    lies: u32,
}

/// All that is to happen.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Due>>,
    events: Vec<Option<Event>>,
    /// Places of events that are free.
    free: Vec<u32>,
    sequence: u64,
    scripted: usize,
}

impl Queue {
    pub(super) fn push(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.scripted += usize::from(event.is_scripted());
        let lies = match self.free.pop() {
            Some(lies) => {
                self.events[lies as usize] = Some(event);
                lies
            }
            None => {
                self.events.push(Some(event));
                u32::try_from(self.events.len() - 1).expect("fewer events at once than 2^32")
            }
        };
        self.heap.push(Reverse(Due {
            at,
            sequence: self.sequence,
            lies,
        }));
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Event)> {
        let Reverse(due) = self.heap.pop()?;
        let event = self.events[due.lies as usize].take()?;
        self.free.push(due.lies);
        self.scripted -= usize::from(event.is_scripted());
        Some((due.at, event))
    }

    /// When the next event is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|next| next.0.at)
    }

    /// How many scripted acts are to come.
    pub(super) fn scripted(&self) -> usize {
        self.scripted
    }
}
