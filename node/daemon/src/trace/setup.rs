//! One set-up, as one place saw it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use waybook_agents::{Refusal, SessionId, TraceContext};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_plan::{Plan, SolutionNumber};

use super::span::{Note, Span, SpanId, SpanKind};

/// What a client asked for; known at its place only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's key.
    pub key: String,
    /// Who asked.
    pub user: String,
}

/// What has become of a set-up, as far as this place knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It goes on.
    UnderWay,
    /// All that is asked of this place is ready, and it waits for the confirmation.
    Ready,
    /// The session stands, or stood.
    Established,
    /// No solution could be booked.
    Refused,
    /// It was refused, and is tried again as another session.
    TriedAgain,
    /// There was nothing to try, or the request was not taken; why.
    NoPlan(String),
    /// It was given up from the client's side, or has lapsed.
    GivenUp,
}

impl Became {
    /// In a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::UnderWay => "under-way",
            Self::Ready => "ready",
            Self::Established => "established",
            Self::Refused => "refused",
            Self::TriedAgain => "tried-again",
            Self::NoPlan(_) => "no-plan",
            Self::GivenUp => "given-up",
        }
    }

    /// Whether somebody may want to know why.
    #[must_use]
    pub fn went_wrong(&self) -> bool {
        matches!(
            self,
            Self::Refused | Self::TriedAgain | Self::NoPlan(_) | Self::GivenUp
        )
    }
}

/// One set-up, as one place saw it. Its spans are in the order in which they began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The session; none where it did not come to one.
    pub session: Option<SessionId>,
    /// The client's own trace, if it has one.
    pub context: Option<TraceContext>,
    /// What is to be presented.
    pub title: String,
    /// The hop that this place is, counted from 0 at the client's.
    pub hop: usize,
    /// The client's place.
    pub client: PlaceName,
    /// Where the agent came from.
    pub previous: Option<PlaceName>,
    /// What the client asked for, if this is its place.
    pub request: Option<Request>,
    /// The plan, if this is the client's place and one was made.
    pub plan: Option<Arc<Plan>>,
    /// When it began, by the machine's clock.
    pub began: SystemTime,
    /// The same, by the place's own.
    pub origin: Instant,
    /// What took how long.
    pub spans: Vec<Span>,
    /// What was refused so far, as this place knows it.
    pub refused: Vec<Refusal>,
    /// The solution that was tried last, or chosen.
    pub solution: Option<SolutionNumber>,
    /// What has become of it.
    pub became: Became,
    /// From its beginning until it was ready, or nothing was left.
    pub took: Option<Duration>,
}

impl Setup {
    /// The trace that it is part of.
    #[must_use]
    pub fn trace(&self) -> u128 {
        let own = self.session.map_or(0, |session| session.0);
        self.context.map_or(own, |context| context.trace)
    }

    /// The places that its agents were sent on to from here, in the order of the first sending.
    #[must_use]
    pub fn went_to(&self) -> Vec<&PlaceName> {
        let mut places = Vec::new();
        for span in &self.spans {
            if let SpanKind::Forward { to } = &span.kind
                && !places.contains(&to)
            {
                places.push(to);
            }
        }
        places
    }

    pub(super) fn span(&mut self, id: SpanId) -> Option<&mut Span> {
        // The one that is sought has nearly always begun last.
        self.spans.iter_mut().rev().find(|span| span.id == id)
    }

    pub(super) fn begin(&mut self, span: Span) -> SpanId {
        let id = span.id;
        self.spans.push(span);
        id
    }

    pub(super) fn finish(&mut self, id: SpanId, now: Instant, problem: Option<String>) {
        if let Some(span) = self.span(id) {
            span.finish(now, problem);
        }
    }

    pub(super) fn note(&mut self, id: SpanId, now: Instant, note: Note) {
        if let Some(span) = self.span(id) {
            span.notes.push((now, note));
        }
    }

    /// What was refused is known from now on; what this place has refused belongs to its visit.
    pub(super) fn learn(
        &mut self,
        here: &PlaceName,
        visit: SpanId,
        now: Instant,
        refused: &[Refusal],
    ) {
        for refusal in refused {
            if self.refused.contains(refusal) {
                continue;
            }
            if refusal.place == *here {
                let note = Note::Refused(refusal.solution, refusal.reason.clone());
                self.note(visit, now, note);
            }
            self.refused.push(refusal.clone());
        }
    }

    /// The set-up is over here: whatever lasts ends.
    pub(super) fn over(&mut self, now: Instant, became: Became, problem: Option<&str>) {
        for span in self.spans.iter_mut().filter(|span| span.end.is_none()) {
            span.finish(now, problem.map(str::to_owned));
        }
        self.took.get_or_insert(now.since(self.origin));
        self.became = became;
    }
}
