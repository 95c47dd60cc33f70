//! What the links count.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

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
}

impl Counting {
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
