//! What the links count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use waybook_location_tree::PlaceName;

/// What the links have counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LinkCounters {
    /// Connections that stood.
    pub connections: u64,
    /// Connections refused because of the certificate's name, the version, the life or
    /// the number of children.
    pub refused: u64,
    /// Handshakes that failed or never ended.
    pub failed_handshakes: u64,
    /// Frames received that were no acceptable message.
    pub garbage: u64,
    /// Messages received.
    pub received: u64,
    /// Messages handed to a connection.
    pub sent: u64,
    /// Messages not sent because there was no connection.
    pub unsent: u64,
    /// Messages not sent because they were longer than any neighbour accepts.
    pub too_long: u64,
    /// Connections closed because too much waited to be sent.
    pub overflows: u64,
    /// Data streams refused: of unknown kind, or silent.
    pub refused_streams: u64,
}

/// One number.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts, from any task.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) connections: Count,
    pub(super) refused: Count,
    pub(super) failed_handshakes: Count,
    pub(super) garbage: Count,
    pub(super) received: Count,
    pub(super) sent: Count,
    pub(super) unsent: Count,
    pub(super) too_long: Count,
    pub(super) overflows: Count,
    pub(super) refused_streams: Count,
    neighbours: Mutex<BTreeMap<PlaceName, Arc<Each>>>,
}

/// Neighbours whose counts are kept, for each child that may be connected.
const KNOWN_PER_CHILD: usize = 2;

/// What is counted for one neighbour over all its connections since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NeighbourCounters {
    /// Connections that came to stand. All but the first are reconnections.
    pub connections: u64,
    /// Connections refused after the handshake.
    pub refused: u64,
    /// Frames that do not decode, hellos included.
    pub garbage: u64,
    /// Messages received.
    pub received: u64,
    /// Messages handed to the connection.
    pub sent: u64,
    /// Messages dropped because too much waited to be sent, or the connection had just gone.
    pub unsent: u64,
    /// Connections closed because too much waited to be sent.
    pub overflows: u64,
    /// Data streams that were refused.
    pub refused_streams: u64,
    /// Whether its data has a connection of its own now.
    pub data_connection: bool,
}

/// As [`NeighbourCounters`], being counted.
#[derive(Debug, Default)]
pub(super) struct Each {
    pub(super) connections: Count,
    pub(super) refused: Count,
    pub(super) garbage: Count,
    pub(super) received: Count,
    pub(super) sent: Count,
    pub(super) unsent: Count,
    pub(super) overflows: Count,
    pub(super) refused_streams: Count,
}

impl Each {
    fn read(&self) -> NeighbourCounters {
        NeighbourCounters {
            connections: self.connections.get(),
            refused: self.refused.get(),
            garbage: self.garbage.get(),
            received: self.received.get(),
            sent: self.sent.get(),
            unsent: self.unsent.get(),
            overflows: self.overflows.get(),
            refused_streams: self.refused_streams.get(),
            data_connection: false,
        }
    }
}

impl Counting {
    /// Where a neighbour's are counted. Where so many are known already, one that is not
    /// connected is forgotten.
    pub(super) fn of(&self, neighbour: &PlaceName, children: usize) -> Arc<Each> {
        let all = self.neighbours.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        if let Some(each) = all.get(neighbour) {
            return Arc::clone(each);
        }
        if all.len() > children.saturating_mul(KNOWN_PER_CHILD) {
            // A connection holds on to its own.
            let gone = all.iter().find(|(_, each)| Arc::strong_count(each) == 1);
            if let Some(gone) = gone.map(|(name, _)| name.clone()) {
                all.remove(&gone);
            }
        }
        let each = Arc::<Each>::default();
        all.insert(neighbour.clone(), Arc::clone(&each));
        each
    }

    pub(super) fn neighbours(&self) -> BTreeMap<PlaceName, NeighbourCounters> {
        let all = self.neighbours.lock();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        let read = |(name, each): (&PlaceName, &Arc<Each>)| (name.clone(), each.read());
        all.iter().map(read).collect()
    }

    pub(super) fn read(&self) -> LinkCounters {
        LinkCounters {
            connections: self.connections.get(),
            refused: self.refused.get(),
            failed_handshakes: self.failed_handshakes.get(),
            garbage: self.garbage.get(),
            received: self.received.get(),
            sent: self.sent.get(),
            unsent: self.unsent.get(),
            too_long: self.too_long.get(),
            overflows: self.overflows.get(),
            refused_streams: self.refused_streams.get(),
        }
    }
}
