//! What is to happen, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::{InstanceId, OpenRequest, RequestId};

use super::transfers::Step;
use crate::transfer::TransferId;

#[derive(Debug)]
pub(super) enum Event {
    Deliver {
        from: PlaceName,
        to: PlaceName,
        connection: u64,
        frame: Vec<u8>,
    },
    LinkUp {
        place: PlaceName,
        neighbour: PlaceName,
        connection: u64,
    },
    LinkDown {
        place: PlaceName,
        neighbour: PlaceName,
    },
    Tick(PlaceName),
    Component {
        place: PlaceName,
        life: Incarnation,
        instance: InstanceId,
        failure: Option<String>,
    },
    Transfer(TransferId, Step),
    Ask(RequestId, OpenRequest, bool),
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

/// An event at its time. Of equal times, the one that was scheduled first comes first.
#[derive(Debug)]
struct Scheduled {
    at: Instant,
    sequence: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// All that is to happen.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    scripted: usize,
}

impl Queue {
    pub(super) fn push(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.scripted += usize::from(event.is_scripted());
        let sequence = self.sequence;
        self.heap.push(Reverse(Scheduled {
            at,
            sequence,
            event,
        }));
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Event)> {
        let Reverse(next) = self.heap.pop()?;
        self.scripted -= usize::from(next.event.is_scripted());
        Some((next.at, next.event))
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
