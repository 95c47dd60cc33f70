//! What a place shows of itself and of its locality.

use serde::{Deserialize, Serialize};

use super::{Amount, DrainingInfo, Phase, Quantity, Span};

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceInfo {
    /// Its name, which is its address in the tree.
    pub name: String,
    /// Its life, from start to stop; later lives have greater numbers.
    pub incarnation: u64,
    /// The version of its software.
    pub version: String,
    /// The Decision Maker of requests that name none.
    pub strategy: String,
    /// Whether it has restarted and grants nothing new until its neighbours have said
    /// what they know of its bookings.
    pub recovering: bool,
    /// How far it is with being drained; none if it takes new sessions.
    #[serde(default)]
    pub draining: Option<DrainingInfo>,
    /// Its neighbours with a connection.
    pub links: Vec<LinkInfo>,
    /// Where it is reached.
    pub addresses: AddressesInfo,
    /// How it is with its certificate. Older places do not say.
    #[serde(default)]
    pub certificate: Option<CertificateInfo>,
    /// Whether programs are held to what is booked for them; none if it runs none. Older places do
    /// not say.
    #[serde(default)]
    pub programs: Option<ProgramsInfo>,
    /// Its resources.
    pub resources: Vec<ResourceInfo>,
    /// What it has counted in this life.
    pub counters: CountersInfo,
}

/// A standing connection to a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkInfo {
    /// The neighbour.
    pub place: String,
    /// The neighbour's life.
    pub incarnation: u64,
    /// What the neighbour is to this place.
    pub role: Role,
}

/// How it is with a place's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// When the one in use ends, in milliseconds since 1970.
    pub expires: u64,
    /// Why what is in its files now was not taken up, if it was not.
    pub problem: Option<String>,
}

/// Whether a place holds programs to the processor time and memory that are booked for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramsInfo {
    /// Whether it does.
    pub enforced: bool,
    /// Why it does not, if it does not.
    pub why: Option<String>,
}

/// What a neighbour is to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One hop nearer the root.
    Parent,
    /// One hop further down.
    Child,
}

/// Where a place is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressesInfo {
    /// This API.
    pub api: Option<String>,
    /// Where sessions' URLs lead.
    pub gateway: Option<String>,
    /// Where children connect.
    pub listen: Option<String>,
    /// The parent's.
    pub parent: Option<String>,
}

/// A resource of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceInfo {
    /// The kind.
    pub resource: String,
    /// What the place has.
    pub capacity: Quantity,
    /// Booked by established sessions.
    pub established: Quantity,
    /// Held by set-ups under way.
    pub held: Quantity,
    /// What is left.
    pub free: Quantity,
    /// Whether an operator keeps more of it from being booked.
    #[serde(default)]
    pub cordoned: bool,
}

/// What a place has counted since it started. What a place of an older version does not count
/// is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CountersInfo {
    /// Set-ups that clients asked for here.
    pub opens: u64,
    /// Those that were established.
    pub established: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Agents that arrived and were let in.
    pub visits: u64,
    /// Messages without effect, because a newer one had been seen.
    pub fenced: u64,
    /// Messages for or from an older life.
    pub outdated: u64,
    /// Messages whose sender may not send them.
    pub refused_messages: u64,
    /// Set-ups, entries of lists, downloads and memories of what has ended that there was no
    /// room for, because a limit or somebody's share of it was reached. Older places do not say.
    #[serde(default)]
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
    /// Sources that sent something else than the code that was asked for.
    pub lies: u64,
}

/// How a place of the locality does, as far as it has said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreePlaceInfo {
    /// The place.
    pub place: String,
    /// How long ago it said so.
    pub age: Span,
    /// The share of its scarcest resource that is booked, in thousandths.
    pub load: u16,
    /// Sessions with a booking there.
    pub sessions: u32,
    /// What it has of each resource.
    pub capacity: Vec<Amount>,
    /// What is booked of each resource.
    pub booked: Vec<Amount>,
    /// Whether it is being drained: it takes no new sessions.
    #[serde(default)]
    pub draining: bool,
    /// The kinds of resource of which no more is booked there.
    #[serde(default)]
    pub cordoned: Vec<String>,
}

/// A booking at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingInfo {
    /// Whose.
    pub session: String,
    /// How firm.
    pub phase: Phase,
    /// How much.
    pub booked: Vec<Amount>,
}

/// What the daemon is to log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogForm {
    /// A level, or a filter by part of the program.
    pub filter: String,
}

/// What the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogInfo {
    /// The place.
    pub place: String,
    /// A level, or a filter by part of the program.
    pub filter: String,
}
