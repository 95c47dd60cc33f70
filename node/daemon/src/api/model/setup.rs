//! Set-ups: what became of each, and what took how long on the way.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_location_tree::PlaceName;

use super::{EndInfo, RefusalInfo, SolutionInfo, Span};
use crate::trace;

/// A set-up that a place remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupInfo {
    /// The session; none where it did not come to one.
    pub session: Option<String>,
    /// The trace that it is part of: the client's own, or the session's number.
    pub trace: Option<String>,
    /// What is to be presented.
    pub title: String,
    /// The client's place.
    pub client: String,
    /// The hop that this place is, counted from 0 at the client's.
    pub hop: usize,
    /// The client's key, at its place.
    pub key: Option<String>,
    /// Who asked, at the client's place.
    pub user: Option<String>,
    /// When it began, in milliseconds since 1970 by this machine's clock.
    #[schema(example = 1_790_000_000_000_u64)]
    pub began: u64,
    /// From its beginning until it was ready here, or nothing was left.
    pub took: Option<Span>,
    /// What has become of it: `under-way`, `ready`, `established`, `refused`, `tried-again`,
    /// `no-plan` or `given-up`.
    #[schema(example = "established")]
    pub became: String,
    /// Why there was nothing to try, for `no-plan`.
    pub why: Option<String>,
    /// The number of the solution that was tried last, or chosen.
    pub solution: Option<u16>,
    /// That solution's quality level, at the client's place.
    pub quality: Option<String>,
}

impl From<&trace::Setup> for SetupInfo {
    fn from(setup: &trace::Setup) -> Self {
        let since = setup.began.duration_since(SystemTime::UNIX_EPOCH);
        let plan = setup.plan.as_ref();
        let chosen = plan.and_then(|plan| plan.solution(setup.solution?));
        Self {
            session: setup.session.map(|session| session.to_string()),
            trace: Some(setup.trace())
                .filter(|trace| *trace != 0)
                .map(|trace| format!("{trace:032x}")),
            title: setup.title.clone(),
            client: setup.client.to_string(),
            hop: setup.hop,
            key: setup.request.as_ref().map(|request| request.key.clone()),
            user: setup.request.as_ref().map(|request| request.user.clone()),
            began: u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
            took: setup.took.map(Into::into),
            became: setup.became.word().to_owned(),
            why: match &setup.became {
                trace::Became::NoPlan(why) => Some(why.clone()),
                _ => None,
            },
            solution: setup.solution.map(|number| number.0),
            quality: chosen.map(|solution| solution.quality.clone()),
        }
    }
}

/// A set-up with what was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupDetail {
    /// The set-up.
    pub setup: SetupInfo,
    /// The plan, in order of preference; empty but at the client's place.
    pub solutions: Vec<SolutionInfo>,
    /// What was refused, where and why, as far as this place knows.
    pub refused: Vec<RefusalInfo>,
    /// Why the session that came of it is over, where the client's place remembers that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndInfo>,
}

impl SetupDetail {
    /// What is remembered of a set-up, and of the end of its session.
    #[must_use]
    pub fn new(setup: &trace::Setup, end: Option<EndInfo>) -> Self {
        let plan = setup.plan.as_deref();
        let refused = setup.refused.iter();
        Self {
            setup: setup.into(),
            solutions: plan.map(super::solutions).unwrap_or_default(),
            refused: refused
                .map(|refusal| RefusalInfo::new(refusal, plan))
                .collect(),
            end,
        }
    }
}

/// What took how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpanInfo {
    /// Its number: 16 hexadecimal digits.
    pub id: String,
    /// The span that it is part of; none, or one of the client's own, for the first.
    pub parent: Option<String>,
    /// Where.
    pub place: String,
    /// Of what: `open`, `plan`, `visit`, `hold`, `forward`, `download` or `start`.
    #[schema(example = "forward")]
    pub kind: String,
    /// The same for people, with names.
    #[schema(example = "forward to core/bologna")]
    pub name: String,
    /// The visit, by the solution that its agent was sent with.
    pub visit: Option<u16>,
    /// When it began, counted from the beginning of the trace, or of the place's own part of it.
    pub begin: Span,
    /// How long it took; none while it lasts.
    pub took: Option<Span>,
    /// What went wrong.
    pub problem: Option<String>,
    /// What happened within it.
    pub notes: Vec<NoteInfo>,
}

/// What happened within a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoteInfo {
    /// When, counted as the span's beginning is.
    pub at: Span,
    /// What.
    #[schema(example = "tries solution 2")]
    pub text: String,
}

/// What one place saw of a set-up. Its times are its own: no two clocks are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HopTraceInfo {
    /// The place.
    pub place: String,
    /// When its part began, in milliseconds since 1970 by its machine's clock.
    pub began: u64,
    /// The places that agents were sent on to from here.
    pub went_to: Vec<String>,
    /// In the order in which they began.
    pub spans: Vec<SpanInfo>,
}

impl HopTraceInfo {
    /// What `place` saw.
    #[must_use]
    pub fn new(place: &PlaceName, setup: &trace::Setup) -> Self {
        let after = |at: waybook_place::Instant| -> Duration { at.since(setup.origin) };
        let span = |span: &trace::Span| SpanInfo {
            id: span.id.to_string(),
            parent: span.parent.map(|parent| parent.to_string()),
            place: place.to_string(),
            kind: span.kind.word().to_owned(),
            name: span.kind.to_string(),
            visit: span.visit.map(|number| number.0),
            begin: after(span.begin).into(),
            took: span.end.map(|end| end.since(span.begin).into()),
            problem: span.problem.clone(),
            notes: span
                .notes
                .iter()
                .map(|(at, note)| NoteInfo {
                    at: after(*at).into(),
                    text: note.to_string(),
                })
                .collect(),
        };
        let went_to = setup.went_to().into_iter();
        Self {
            place: place.to_string(),
            began: SetupInfo::from(setup).began,
            went_to: went_to.map(ToString::to_string).collect(),
            spans: setup.spans.iter().map(span).collect(),
        }
    }
}

/// A place that could not say what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UntoldInfo {
    /// The place.
    pub place: String,
    /// Why.
    pub problem: String,
}

/// A whole trace, from the client to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceInfo {
    /// The set-up, as the client's place sees it.
    pub setup: SetupInfo,
    /// What all places saw, in one time: each place's part lies within the sending that it
    /// answers, in the middle of the room that there is.
    pub spans: Vec<SpanInfo>,
    /// Places that agents went to and that could not be asked, or have forgotten it.
    pub untold: Vec<UntoldInfo>,
}
