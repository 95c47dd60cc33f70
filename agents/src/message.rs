//! What neighbouring places say to each other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Demand, Digest, KnownServer, Load, Presentation, Release, Releases, Resource,
    Runtime, SolutionNumber,
};

use crate::{
    Download, HopReport, Incarnation, PlanVisitor, Progress, Refusal, RefusalReason, SessionId,
    Step, wire,
};

/// A message with the lives of both ends that it is meant for. A place refuses what an
/// older life sent, and what was meant for an older life of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The life that sent it.
    pub from: Incarnation,
    /// The life that it is meant for; [`Incarnation::UNKNOWN`] for any.
    pub to: Incarnation,
    /// What is said.
    pub message: Message,
}

/// One message between neighbours. "Client-side" and "server-side" are as seen along
/// the session's service path.
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time is in hand, and read at once"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A plan visitor migrates. Repeated until acknowledged.
    Visit(Visit),
    /// The visit has arrived; its agent need not be kept any longer.
    VisitAck(Feed),
    /// From the server's side: all beyond is booked and bound.
    Ready(Ready),
    /// From the server's side: nothing is left there of the visit.
    Refuse(Refuse),
    /// From the client's side: give up the visit of that number and every older one.
    /// Repeated until acknowledged.
    Release(Feed),
    /// The release has been carried out.
    ReleaseAck(Feed),
    /// From the client's side: the session is established.
    Confirm(Feed),
    /// The confirmation has arrived.
    ConfirmAck(Feed),
    /// From the client's side: these visits still count. Those in `established` are
    /// confirmed by it as well.
    Refresh {
        /// Set-ups under way.
        setups: Vec<Feed>,
        /// Established sessions.
        established: Vec<Feed>,
    },
    /// From the server's side: these visits are still being worked on.
    Working(Vec<Feed>),
    /// From the server's side: there is no such visit or booking.
    Gone(Feed),
    /// From the client's side, on a new connection: these are all the established
    /// sessions that lead over this edge; what is not in the list is over. Sent in
    /// parts, the last one marked.
    Resync {
        /// This part of the list.
        sessions: Vec<Feed>,
        /// Whether the list begins with this part.
        first: bool,
        /// Whether the list ends with this part.
        last: bool,
    },
    /// From the server's side, hop by hop towards the client: news of a watched set-up.
    Progress(Progress),
    /// From a child: what its locality holds.
    Index {
        /// Whether the list replaces all that the child said before.
        complete: bool,
        /// Presentations new or changed.
        entries: Vec<IndexEntry>,
        /// Presentations withdrawn, with the server and the edition that went.
        withdrawn: Vec<(String, PlaceName, Edition)>,
    },
    /// From a child: how the places of its locality do.
    Summaries {
        /// Places with news.
        places: Vec<PlaceSummary>,
        /// Places that are gone.
        gone: Vec<PlaceName>,
    },
    /// Climbs from the place that asks until enough servers are known.
    Search {
        /// Chosen by the asker, to match the answer.
        id: u64,
        /// The place that asks.
        origin: PlaceName,
        /// The title.
        title: String,
        /// How many servers suffice.
        most: u16,
    },
    /// Goes down to the place that asked.
    Found {
        /// As in the search.
        id: u64,
        /// The place that asked.
        origin: PlaceName,
        /// The nearest servers.
        servers: Vec<KnownServer>,
    },
    /// Asks a place what it would say to stages, booking nothing.
    Survey {
        /// Chosen by the asker, to match the answer.
        id: u64,
        /// The place that asks.
        origin: PlaceName,
        /// The place that is asked.
        target: PlaceName,
        /// What would be wanted there.
        stages: Vec<SurveyStage>,
        /// What the components stand for that are brought along; beside the body, as in
        /// a plan.
        #[serde(skip)]
        releases: Arc<Releases>,
    },
    /// The answer to a survey: for each solution asked for, nothing or a refusal.
    Surveyed {
        /// As in the survey.
        id: u64,
        /// The place that asked.
        origin: PlaceName,
        /// The place that answers.
        place: PlaceName,
        /// In the order asked.
        answers: Vec<(SolutionNumber, Option<RefusalReason>)>,
    },
    /// From a child: what code its locality holds.
    Holdings {
        /// Whether the list replaces all that the child said before.
        complete: bool,
        /// Code new or changed.
        held: Vec<Holding>,
        /// Code no longer held, with the place that dropped it and the edition that went.
        dropped: Vec<(Digest, PlaceName, Edition)>,
    },
    /// Climbs from the place that asks until what all references stand for is known.
    Resolve {
        /// Chosen by the asker, to match the answer.
        id: u64,
        /// The place that asks.
        origin: PlaceName,
        /// What nobody on the way has known yet, as `name@range`.
        wanted: Vec<String>,
        /// What has been found on the way.
        found: Vec<Arc<Release>>,
    },
    /// Goes down to the place that asked.
    Resolved {
        /// As in the question.
        id: u64,
        /// The place that asked.
        origin: PlaceName,
        /// Every release that may be meant, of the references and of what these depend
        /// on. What is not there is known nowhere on the way; other versions of it may be
        /// there, so that it can be said what there is.
        found: Vec<Arc<Release>>,
    },
    /// A download agent migrates, outward or on its way back.
    Download(Download),
    /// From the server's side: whether the path of these sessions is cut somewhere beyond. It
    /// is said when that changes, and again in answer to each refresh while it is.
    Cut {
        /// The sessions.
        sessions: Vec<Feed>,
        /// Whether it is cut, or whole again.
        cut: bool,
    },
}

impl Message {
    /// Every [kind](Self::kind) that there is.
    pub const KINDS: [&'static str; 24] = [
        "visit",
        "visit-ack",
        "ready",
        "refuse",
        "release",
        "release-ack",
        "confirm",
        "confirm-ack",
        "refresh",
        "working",
        "gone",
        "resync",
        "progress",
        "index",
        "summaries",
        "search",
        "found",
        "survey",
        "surveyed",
        "holdings",
        "resolve",
        "resolved",
        "download",
        "cut",
    ];

    /// What kind of message it is, in a word: for logs, counts, and faults that pick one.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Visit(_) => "visit",
            Self::VisitAck(_) => "visit-ack",
            Self::Ready(_) => "ready",
            Self::Refuse(_) => "refuse",
            Self::Release(_) => "release",
            Self::ReleaseAck(_) => "release-ack",
            Self::Confirm(_) => "confirm",
            Self::ConfirmAck(_) => "confirm-ack",
            Self::Refresh { .. } => "refresh",
            Self::Working(_) => "working",
            Self::Gone(_) => "gone",
            Self::Resync { .. } => "resync",
            Self::Progress(_) => "progress",
            Self::Index { .. } => "index",
            Self::Summaries { .. } => "summaries",
            Self::Search { .. } => "search",
            Self::Found { .. } => "found",
            Self::Survey { .. } => "survey",
            Self::Surveyed { .. } => "surveyed",
            Self::Holdings { .. } => "holdings",
            Self::Resolve { .. } => "resolve",
            Self::Resolved { .. } => "resolved",
            Self::Download(_) => "download",
            Self::Cut { .. } => "cut",
        }
    }

    /// The oldest version of the protocol in which this can be said. A neighbour that
    /// speaks only older ones is not told, or told [less](Self::for_version).
    #[must_use]
    pub fn version(&self) -> u8 {
        let brings_code = |components: &[Component]| {
            let mut runtimes = components.iter().map(|c| c.runtime);
            runtimes.any(|runtime| runtime == Runtime::Wasm)
        };
        if matches!(self, Self::Cut { .. }) {
            return 3;
        }
        let with_code = match self {
            Self::Visit(visit) => {
                let stages = visit.agent.plan().solutions.iter().flat_map(|s| &s.stages);
                stages.into_iter().any(|s| brings_code(&s.components))
            }
            Self::Survey { stages, .. } => stages.iter().any(|s| brings_code(&s.components)),
            Self::Index { entries, .. } => entries.iter().any(|e| offers_code(&e.presentation)),
            Self::Found { servers, .. } => servers.iter().any(|s| offers_code(&s.presentation)),
            Self::Progress(progress) => matches!(progress.step, Step::Downloading(_)),
            Self::Holdings { .. }
            | Self::Resolve { .. }
            | Self::Resolved { .. }
            | Self::Download(_) => true,
            _ => false,
        };
        if with_code { 2 } else { 1 }
    }

    /// What of it can be said to a neighbour that speaks no newer version than that: all,
    /// or a list without what it would not understand, or nothing.
    #[must_use]
    pub fn for_version(mut self, version: u8) -> Option<Self> {
        if version >= wire::VERSION {
            return Some(self);
        }
        if self.version() > version {
            match &mut self {
                Self::Index { entries, .. } => entries.retain(|e| !offers_code(&e.presentation)),
                Self::Found { servers, .. } => servers.retain(|s| !offers_code(&s.presentation)),
                _ => {}
            }
        }
        (self.version() <= version).then_some(self)
    }
}

/// Whether a quality level has a component brought along.
fn offers_code(presentation: &Presentation) -> bool {
    let components = presentation.qualities.iter().flat_map(|q| &q.components);
    components
        .into_iter()
        .any(|(_, c)| c.runtime == Runtime::Wasm)
}

/// Code that a place holds whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The place.
    pub place: PlaceName,
    /// Orders what the place said of itself.
    pub edition: Edition,
    /// What it is.
    pub release: Arc<Release>,
    /// Whether an operator added it there; else it was fetched.
    pub added: bool,
}

/// A session and the number of the visit that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feed {
    /// The session.
    pub session: SessionId,
    /// The number of the visit.
    pub number: SolutionNumber,
}

/// A migrating plan visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The agent.
    pub agent: PlanVisitor,
    /// How long the set-up may still take, less the sender's margin.
    pub remaining: Duration,
}

/// All beyond a hop is booked and bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The session.
    pub session: SessionId,
    /// The number of the visit that this answers.
    pub number: SolutionNumber,
    /// The solution that was chosen beyond, the same or a later one.
    pub solution: SolutionNumber,
    /// What was done beyond, from the sender to the server.
    pub journey: Vec<HopReport>,
    /// What was refused on the way.
    pub refused: Vec<Refusal>,
}

/// Nothing is left of a visit beyond a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// The session.
    pub session: SessionId,
    /// The number of the visit that this answers.
    pub number: SolutionNumber,
    /// The first solution that has not been refused; none if all are.
    pub next: Option<SolutionNumber>,
    /// What was refused on the way.
    pub refused: Vec<Refusal>,
}

impl Refuse {
    /// The last solution that is over by this: the hop may have tried more than the visit
    /// began with, by itself.
    #[must_use]
    pub fn up_to(&self) -> SolutionNumber {
        let last = match self.next {
            Some(next) => SolutionNumber(next.0.saturating_sub(1)),
            None => {
                let refused = self.refused.iter().map(|refusal| refusal.solution);
                refused.max().unwrap_or(self.number)
            }
        };
        last.max(self.number)
    }
}

/// Orders what one server said of a title: later editions have greater numbers. The
/// server's life comes first, so that a restart never falls behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Edition(pub Incarnation, pub u64);

/// A presentation as one server published it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The place that holds it.
    pub server: PlaceName,
    /// When it was published, in the server's own count.
    pub edition: Edition,
    /// The presentation.
    pub presentation: Arc<Presentation>,
}

/// How a place does, in few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceSummary {
    /// The place.
    pub place: PlaceName,
    /// Orders what the place said of itself.
    pub edition: Edition,
    /// How long ago it said so.
    pub age: Duration,
    /// The scarcest resource's share in use.
    pub load: Load,
    /// Each resource with its capacity and what is booked of it.
    pub resources: Vec<(Resource, u64, u64)>,
    /// Sessions with a booking there.
    pub sessions: u32,
    /// What its operator keeps from being booked. Travels beside the body, in a block of its
    /// own (see the wire format).
    #[serde(skip)]
    pub withheld: Withheld,
}

/// What the operator of a place keeps from being booked there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Withheld {
    /// Whether it is being drained: it takes no new sessions.
    pub draining: bool,
    /// The resources of which nothing more is booked, in the order of names.
    pub cordoned: BTreeSet<Resource>,
}

impl Withheld {
    /// Nothing is.
    pub const NOTHING: Self = Self {
        draining: false,
        cordoned: BTreeSet::new(),
    };

    /// Whether nothing is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }
}

/// What a survey asks about one solution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyStage {
    /// The solution.
    pub solution: SolutionNumber,
    /// What would be booked.
    pub demand: Demand,
    /// What would be run.
    pub components: Vec<Component>,
    /// Where the path would go on.
    pub next: Option<PlaceName>,
}
