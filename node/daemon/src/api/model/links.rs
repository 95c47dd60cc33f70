//! What a place has counted of its neighbours and clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_location_tree::PlaceName;
use waybook_place::{NeighbourView, PaceView};

use super::{Role, Span};
use crate::DoorCounters;
use crate::link::{LinkCounters, NeighbourCounters};

/// What came from neighbours and clients, and what of it was in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl NeighbourInfo {
    /// What is known of a neighbour at `here`.
    pub(crate) fn new(
        here: &PlaceName,
        neighbour: &PlaceName,
        view: Option<&NeighbourView>,
        counters: NeighbourCounters,
    ) -> Self {
        let refusals = view.map(|view| view.refusals).unwrap_or_default();
        Self {
            place: neighbour.to_string(),
            role: Role::of(here, neighbour),
            connected: view.is_some_and(|view| view.up),
            data_connection: counters.data_connection,
            incarnation: view.map_or(0, |view| view.incarnation.0),
            version: view.map_or(0, |view| view.version),
            connections: counters.connections,
            received: counters.received,
            sent: counters.sent,
            unsent: counters.unsent,
            undecodable: counters.garbage,
            refused: refusals.refused,
            fenced: refusals.fenced,
            outdated: refusals.outdated,
            limited: refusals.limited,
            refused_connections: counters.refused,
            overflows: counters.overflows,
            refused_streams: counters.refused_streams,
            visits: view.map(|view| view.visits).unwrap_or_default().into(),
            questions: view.map(|view| view.questions).unwrap_or_default().into(),
        }
    }
}

impl From<PaceView> for PaceInfo {
    fn from(pace: PaceView) -> Self {
        let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            window: count(pace.window),
            under_way: count(pace.under_way),
            waiting: count(pace.waiting),
            takes: (!pace.takes.is_zero()).then(|| pace.takes.into()),
        }
    }
}

impl From<LinkCounters> for TransportInfo {
    fn from(counters: LinkCounters) -> Self {
        Self {
            connections: counters.connections,
            refused: counters.refused,
            failed_handshakes: counters.failed_handshakes,
            undecodable: counters.garbage,
            received: counters.received,
            sent: counters.sent,
            unsent: counters.unsent,
            too_long: counters.too_long,
            overflows: counters.overflows,
            refused_streams: counters.refused_streams,
        }
    }
}

impl From<DoorCounters> for DoorInfo {
    fn from(counters: DoorCounters) -> Self {
        let now = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            connections: now(counters.connections),
            accepted: counters.accepted,
            displaced: counters.displaced,
            refused: counters.refused,
            requests: now(counters.requests),
            refused_requests: counters.refused_requests,
        }
    }
}
