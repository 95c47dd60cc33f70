//! Set-ups: what became of each, and what took how long on the way.

use serde::{Deserialize, Serialize};

use super::{EndInfo, RefusalInfo, SolutionInfo, Span};

/// A set-up that a place remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub began: u64,
    /// From its beginning until it was ready here, or nothing was left.
    pub took: Option<Span>,
    /// What has become of it: `under-way`, `ready`, `established`, `refused`, `tried-again`,
    /// `no-plan` or `given-up`.
    pub became: String,
    /// Why there was nothing to try, for `no-plan`.
    pub why: Option<String>,
    /// The number of the solution that was tried last, or chosen.
    pub solution: Option<u16>,
    /// That solution's quality level, at the client's place.
    pub quality: Option<String>,
}

/// A set-up with what was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What took how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanInfo {
    /// Its number: 16 hexadecimal digits.
    pub id: String,
    /// The span that it is part of; none, or one of the client's own, for the first.
    pub parent: Option<String>,
    /// Where.
    pub place: String,
    /// Of what: `open`, `plan`, `visit`, `hold`, `forward`, `download` or `start`.
    pub kind: String,
    /// The same for people, with names.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteInfo {
    /// When, counted as the span's beginning is.
    pub at: Span,
    /// What.
    pub text: String,
}

/// What one place saw of a set-up. Its times are its own: no two clocks are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A place that could not say what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntoldInfo {
    /// The place.
    pub place: String,
    /// Why.
    pub problem: String,
}

/// A whole trace, from the client to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceInfo {
    /// The set-up, as the client's place sees it.
    pub setup: SetupInfo,
    /// What all places saw, in one time: each place's part lies within the sending that it
    /// answers, in the middle of the room that there is.
    pub spans: Vec<SpanInfo>,
    /// Places that agents went to and that could not be asked, or have forgotten it.
    pub untold: Vec<UntoldInfo>,
}
