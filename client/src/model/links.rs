//! What a place has counted of its neighbours and clients.

use serde::{Deserialize, Serialize};

use super::{Role, Span};

/// What came from neighbours and clients, and what of it was in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinksInfo {
    /// The neighbours that there have been since the daemon started, connected or not.
    pub neighbours: Vec<NeighbourInfo>,
    /// All connections to places together, those of strangers included.
    pub transport: TransportInfo,
    /// Clients of sessions; the requests are those of neighbours too.
    pub gateway: DoorInfo,
    /// Clients of the control API; the requests are those of neighbours too.
    pub api: DoorInfo,
}

/// A neighbour, and what has been counted of it since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourInfo {
    /// Its name.
    pub place: String,
    /// What it is to this place.
    pub role: Role,
    /// Whether there is a connection.
    pub connected: bool,
    /// Whether what is no message has a connection of its own to it, so that it does not delay messages.
    #[serde(default)]
    pub data_connection: bool,
    /// Its present life, or its last one; 0 if it is known from before a restart only.
    pub incarnation: u64,
    /// The newest version of the protocol that both ends speak, or spoke last.
    pub version: u8,
    /// Connections that came to stand. All but the first are reconnections.
    pub connections: u64,
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that were dropped because too much waited to be sent, or it had just gone.
    pub unsent: u64,
    /// Frames that cannot be read; mostly the connection is closed for it.
    pub undecodable: u64,
    /// Messages, or entries of lists, that it may not send.
    pub refused: u64,
    /// Messages without effect, because a newer one had been seen.
    pub fenced: u64,
    /// Messages for or from an older life.
    pub outdated: u64,
    /// Set-ups, entries of lists and the like beyond a limit, or beyond its share of one.
    pub limited: u64,
    /// Connections refused after the handshake.
    pub refused_connections: u64,
    /// Connections closed because it took too long to take what was sent.
    pub overflows: u64,
    /// Streams that named no kind that is known, or none in time.
    pub refused_streams: u64,
    /// The visits that it is sent, a window of them at a time.
    pub visits: PaceInfo,
    /// The questions that climb to it; only a parent has any.
    pub questions: PaceInfo,
}

/// How much a neighbour is asked at a time, by how fast it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceInfo {
    /// How many may be under way.
    pub window: u64,
    /// How many are.
    pub under_way: u64,
    /// How many wait here for their turn.
    pub waiting: u64,
    /// About how long its answers take; none before the first.
    pub takes: Option<Span>,
}

/// All connections to places together, those of strangers included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportInfo {
    /// Connections that came to stand.
    pub connections: u64,
    /// Connections refused after the handshake.
    pub refused: u64,
    /// Handshakes that failed.
    pub failed_handshakes: u64,
    /// Frames that cannot be read.
    pub undecodable: u64,
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that were dropped because there was no connection, or too much waited.
    pub unsent: u64,
    /// Messages that were dropped because they were longer than may be.
    pub too_long: u64,
    /// Connections closed because too much waited to be sent.
    pub overflows: u64,
    /// Streams that named no kind that is known, or none in time.
    pub refused_streams: u64,
}

/// Where clients come in, since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorInfo {
    /// Connections now.
    pub connections: u64,
    /// Connections that were let in.
    pub accepted: u64,
    /// Of these, those that had to make room for others while they had no request under way.
    pub displaced: u64,
    /// Connections that were not let in.
    pub refused: u64,
    /// Requests under way now.
    pub requests: u64,
    /// Requests that were refused because a bound on them was reached.
    pub refused_requests: u64,
}
