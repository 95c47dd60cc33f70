//! What a place shows of itself and of its locality.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_agents::PlaceSummary;
use waybook_location_tree::PlaceName;
use waybook_place::{BookingView, Counters, ResourceView};

use super::{Amount, DrainingInfo, Phase, Quantity, Span, amounts};
use crate::{CertificateStatus, Enforcement};

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceInfo {
    /// Its name, which is its address in the tree.
    #[schema(example = "core/bologna/lab")]
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
    pub draining: Option<DrainingInfo>,
    /// Its neighbours with a connection.
    pub links: Vec<LinkInfo>,
    /// Where it is reached.
    pub addresses: AddressesInfo,
    /// How it is with its certificate.
    pub certificate: Option<CertificateInfo>,
    /// Whether programs are held to what is booked for them; none if it runs none.
    pub programs: Option<ProgramsInfo>,
    /// Its resources.
    pub resources: Vec<ResourceInfo>,
    /// What it has counted in this life.
    pub counters: CountersInfo,
}

/// A standing connection to a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkInfo {
    /// The neighbour.
    pub place: String,
    /// The neighbour's life.
    pub incarnation: u64,
    /// What the neighbour is to this place.
    pub role: Role,
}

/// How it is with a place's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateInfo {
    /// When the one in use ends, in milliseconds since 1970.
    #[schema(example = 1_790_000_000_000_u64)]
    pub expires: u64,
    /// Why what is in its files now was not taken up, if it was not.
    pub problem: Option<String>,
}

impl From<CertificateStatus> for CertificateInfo {
    fn from(status: CertificateStatus) -> Self {
        let end = status.not_after.duration_since(UNIX_EPOCH);
        let end = end.unwrap_or_default().as_millis();
        Self {
            expires: u64::try_from(end).unwrap_or(u64::MAX),
            problem: status.problem,
        }
    }
}

/// Whether a place holds programs to the processor time and memory that are booked for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramsInfo {
    /// Whether it does.
    pub enforced: bool,
    /// Why it does not, if it does not.
    pub why: Option<String>,
}

impl From<Enforcement> for ProgramsInfo {
    fn from(enforcement: Enforcement) -> Self {
        let why = match enforcement {
            Enforcement::On(_) => None,
            Enforcement::Off(why) => Some(why.to_string()),
        };
        Self {
            enforced: why.is_none(),
            why,
        }
    }
}

/// What a neighbour is to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// One hop nearer the root.
    Parent,
    /// One hop further down.
    Child,
}

impl Role {
    pub(crate) fn of(here: &PlaceName, neighbour: &PlaceName) -> Self {
        match here.contains(neighbour) {
            true => Self::Child,
            false => Self::Parent,
        }
    }
}

/// Where a place is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceInfo {
    /// The kind.
    #[schema(example = "cpu")]
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
    pub cordoned: bool,
}

impl From<&ResourceView> for ResourceInfo {
    fn from(view: &ResourceView) -> Self {
        let of = |amount| Quantity::of(&view.resource, amount);
        let taken = view.established.saturating_add(view.held);
        Self {
            resource: view.resource.to_string(),
            capacity: of(view.capacity),
            established: of(view.established),
            held: of(view.held),
            free: of(view.capacity.saturating_sub(taken)),
            cordoned: view.cordoned,
        }
    }
}

/// What a place has counted since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Sources that sent something else than the code that was asked for.
    pub lies: u64,
}

impl From<Counters> for CountersInfo {
    fn from(counters: Counters) -> Self {
        Self {
            opens: counters.opens,
            established: counters.established,
            refused: counters.refused,
            visits: counters.visits,
            fenced: counters.fenced,
            outdated: counters.outdated,
            refused_messages: counters.refused_messages,
            limited: counters.limited,
            lapsed: counters.lapsed,
            traced_back: counters.traced_back,
            fell_back: counters.fell_back,
            fetched_bytes: counters.fetched_bytes,
            fetched: counters.fetched,
            fetch_failures: counters.fetch_failures,
            evicted: counters.evicted,
            lies: counters.lies,
        }
    }
}

/// How a place of the locality does, as far as it has said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub draining: bool,
    /// The kinds of resource of which no more is booked there.
    pub cordoned: Vec<String>,
}

impl From<&PlaceSummary> for TreePlaceInfo {
    fn from(summary: &PlaceSummary) -> Self {
        let resources = summary.resources.iter();
        Self {
            place: summary.place.to_string(),
            age: summary.age.into(),
            load: summary.load.0,
            sessions: summary.sessions,
            capacity: resources
                .clone()
                .map(|(kind, capacity, _)| Amount::of(kind, *capacity))
                .collect(),
            booked: resources
                .map(|(kind, _, booked)| Amount::of(kind, *booked))
                .collect(),
            draining: summary.withheld.draining,
            cordoned: summary
                .withheld
                .cordoned
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// A booking at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingInfo {
    /// Whose.
    pub session: String,
    /// How firm.
    pub phase: Phase,
    /// How much.
    pub booked: Vec<Amount>,
}

impl From<&BookingView> for BookingInfo {
    fn from(view: &BookingView) -> Self {
        Self {
            session: view.session.to_string(),
            phase: view.phase.into(),
            booked: amounts(&view.demand),
        }
    }
}

/// What the daemon is to log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogForm {
    /// A level, or a filter by part of the program.
    #[schema(example = "info,waybook_daemon::link=debug")]
    pub filter: String,
}

/// What the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogInfo {
    /// The place.
    pub place: String,
    /// A level, or a filter by part of the program.
    pub filter: String,
}
