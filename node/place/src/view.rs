//! What a place shows of itself, read only.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_agents::{ComponentReport, HopReport, Incarnation, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, Release, Resource, SolutionNumber};

/// How firm a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BookingPhase {
    /// Held while the rest of the path is sought.
    Held,
    /// All beyond is booked; waiting for the confirmation.
    Ready,
    /// Part of an established session.
    Established,
}

/// One booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingView {
    /// Whose.
    pub session: SessionId,
    /// How firm.
    pub phase: BookingPhase,
    /// How much.
    pub demand: Demand,
}

/// One resource of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceView {
    /// The kind.
    pub resource: Resource,
    /// What the place has.
    pub capacity: u64,
    /// Booked by established sessions.
    pub established: u64,
    /// Held by set-ups under way.
    pub held: u64,
    /// Whether an operator keeps more of it from being booked.
    pub cordoned: bool,
}

/// A place that is being drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainView {
    /// Until what is left ends; none if that is waited for.
    pub left: Option<Duration>,
    /// Sessions that have an agent here, established or being set up.
    pub sessions: usize,
    /// Opens of clients of this place that have no session yet.
    pub opens: usize,
}

/// A session as one of its hops knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopView {
    /// The session.
    pub session: SessionId,
    /// The title.
    pub title: String,
    /// Counted from 0 at the client's place.
    pub hop: usize,
    /// How firm.
    pub phase: BookingPhase,
    /// The solution that is held, or chosen.
    pub solution: SolutionNumber,
    /// The name of that solution's quality level.
    pub quality: String,
    /// What is booked here.
    pub booked: Demand,
    /// What runs here for it.
    pub components: Vec<ComponentReport>,
    /// The next place towards the client.
    pub previous: Option<PlaceName>,
    /// The next place towards the server.
    pub next: Option<PlaceName>,
    /// The whole path of the solution.
    pub path: Vec<PlaceName>,
    /// Since the agent arrived.
    pub age: Duration,
    /// Until the lease ends, if nobody refreshes it; none at the client's place.
    pub lease: Option<Duration>,
    /// For how long the path has been known to be cut beyond this place; none if it is whole.
    pub cut: Option<Duration>,
}

/// A session as its client's place knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The client's key.
    pub key: String,
    /// The user.
    pub user: String,
    /// Whether it is claimed.
    pub claimed: bool,
    /// The hop at the client's place.
    pub hop: HopView,
    /// Every hop, as reported when the session was set up; empty while it is.
    pub journey: Vec<HopReport>,
}

/// Code at a place: held, or on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeView {
    /// What it is.
    pub release: Arc<Release>,
    /// Whether an operator added it here.
    pub added: bool,
    /// Whether it is kept whatever happens.
    pub pinned: bool,
    /// Instances that run it here, or wait for it.
    pub instances: usize,
    /// Bytes that are here and verified: its length, if it is held whole.
    pub bytes: u64,
    /// The place that it is being read from; none unless it is on its way.
    pub from: Option<PlaceName>,
}

/// A neighbour as a place has known it since it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourView {
    /// Its name.
    pub place: PlaceName,
    /// Its present life, or its last one.
    pub incarnation: Incarnation,
    /// The newest version of the protocol that both ends speak, or spoke last.
    pub version: u8,
    /// Whether there is a connection.
    pub up: bool,
    /// What of it was of no effect.
    pub refusals: Refusals,
    /// The visits that it is sent.
    pub visits: PaceView,
    /// The questions that climb to it; only a parent has any.
    pub questions: PaceView,
}

/// How much a neighbour is asked at a time, by how fast it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaceView {
    /// How many may be under way.
    pub window: usize,
    /// How many are.
    pub under_way: usize,
    /// How many wait here for their turn.
    pub waiting: usize,
    /// About how long its answers take; zero before the first.
    pub takes: Duration,
}

/// What had no effect of what one neighbour sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// Messages refused because it may not send them.
    pub refused: u64,
    /// Messages that had no effect because a newer one had been seen.
    pub fenced: u64,
    /// Messages for or from an older life.
    pub outdated: u64,
    /// Set-ups, entries of lists and the like beyond a limit, or beyond its share of one.
    pub limited: u64,
}

impl From<&Counters> for Refusals {
    fn from(counters: &Counters) -> Self {
        Self {
            refused: counters.refused_messages,
            fenced: counters.fenced,
            outdated: counters.outdated,
            limited: counters.limited,
        }
    }
}

/// What a place has counted since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Set-ups that clients asked for here.
    pub opens: u64,
    /// Those that were established.
    pub established: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Visits that arrived and were let in.
    pub visits: u64,
    /// Messages that had no effect because a newer one had been seen.
    pub fenced: u64,
    /// Messages for or from an older life.
    pub outdated: u64,
    /// Messages refused because their sender may not send them.
    pub refused_messages: u64,
    /// Set-ups, entries of lists, downloads and memories of what has ended that there was no
    /// room for, because a limit or somebody's share of it was reached.
    pub limited: u64,
    /// Bookings that ended because nobody refreshed them.
    pub lapsed: u64,
    /// Tracings back that started here.
    pub traced_back: u64,
    /// Fallbacks that went on from here.
    pub fell_back: u64,
    /// Bytes of code that transfers brought here and that were verified.
    pub fetched_bytes: u64,
    /// Transfers that ended with the code whole.
    pub fetched: u64,
    /// Transfers that ended early.
    pub fetch_failures: u64,
    /// Pieces of code that were dropped to make room.
    pub evicted: u64,
    /// Questions that were not answered in time.
    pub unanswered: u64,
    /// Sources that sent something else than the code that was asked for.
    pub lies: u64,
}
