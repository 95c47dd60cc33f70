//! Spans: what took how long at one place.

use std::fmt;

use waybook_agents::{RefusalReason, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_plan::SolutionNumber;

/// The number of a span; never zero. It follows from what the span is of, so that the place
/// that an agent is sent to knows the span of its sending without being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl SpanId {
    /// Of what happened for a session at a place, `nth` of its kind there.
    #[must_use]
    pub fn of(session: SessionId, place: &PlaceName, what: &str, nth: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&session.0.to_le_bytes());
        hasher.update(&nth.to_le_bytes());
        // Names have no such byte in them.
        for part in [place.as_str(), what] {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_le_bytes(first).max(1))
    }

    /// Of the sending of a visit from a place.
    #[must_use]
    pub fn forward(session: SessionId, from: &PlaceName, number: SolutionNumber) -> Self {
        Self::of(session, from, "forward", u64::from(number.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What took time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanKind {
    /// The client's request, from its arrival to the answer.
    Open,
    /// The search for servers and the making of the plan.
    Plan,
    /// An agent's visit, from its arrival until all beyond was ready or nothing was left.
    Visit,
    /// From a visit's arrival until it held what it needs and went on, its turn awaited.
    Hold,
    /// From the agent's going on to the next place until that has answered.
    Forward {
        /// The next place.
        to: PlaceName,
    },
    /// Missing code on its way here.
    Download {
        /// The release.
        release: String,
        /// The place that it is read from.
        from: PlaceName,
    },
    /// The start of a component, its compiling included.
    Start {
        /// The component.
        component: String,
    },
}

impl SpanKind {
    /// The kind in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Plan => "plan",
            Self::Visit => "visit",
            Self::Hold => "hold",
            Self::Forward { .. } => "forward",
            Self::Download { .. } => "download",
            Self::Start { .. } => "start",
        }
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward { to } => write!(f, "forward to {to}"),
            Self::Download { release, from } => write!(f, "download {release} from {from}"),
            Self::Start { component } => write!(f, "start {component}"),
            kind => f.write_str(kind.word()),
        }
    }
}

/// What happened within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The agent turned to that solution.
    Tries(SolutionNumber),
    /// A solution was refused here.
    Refused(SolutionNumber, RefusalReason),
    /// The agent had its turn, and went on.
    Sent,
    /// A component answers there.
    Answers(String),
    /// The session is established.
    Established,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tries(solution) => write!(f, "tries solution {solution}"),
            Self::Refused(solution, reason) => write!(f, "refused solution {solution}: {reason}"),
            Self::Sent => f.write_str("sent"),
            Self::Answers(endpoint) => write!(f, "answers at {endpoint}"),
            Self::Established => f.write_str("established"),
        }
    }
}

/// What took how long. Times are the place's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its number.
    pub id: SpanId,
    /// The span that it is part of, here or at the place that the agent came from.
    pub parent: Option<SpanId>,
    /// What it is of.
    pub kind: SpanKind,
    /// The visit, by the solution that the agent was sent with; none before there is an agent.
    pub visit: Option<SolutionNumber>,
    /// When it began.
    pub begin: Instant,
    /// When it ended; none while it lasts.
    pub end: Option<Instant>,
    /// What went wrong, if anything did.
    pub problem: Option<String>,
    /// What happened within it.
    pub notes: Vec<(Instant, Note)>,
    /// Whether it has been handed to the exporter.
    pub(crate) exported: bool,
}

impl Span {
    pub(crate) fn new(
        id: SpanId,
        parent: Option<SpanId>,
        kind: SpanKind,
        visit: Option<SolutionNumber>,
        begin: Instant,
    ) -> Self {
        Self {
            id,
            parent,
            kind,
            visit,
            begin,
            end: None,
            problem: None,
            notes: Vec::new(),
            exported: false,
        }
    }

    /// Ends it, if it has not ended.
    pub(crate) fn finish(&mut self, now: Instant, problem: Option<String>) {
        if self.end.is_none() {
            self.end = Some(now);
            self.problem = problem;
        }
    }
}
