//! Errors as problem details (RFC 9457).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{EndInfo, RefusalInfo, SolutionInfo};
use crate::Stopping;

/// What went wrong, in a form for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind, as a URN: `urn:waybook:problem:refused`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: Cow<'static, str>,
    /// The status of the answer.
    pub status: u16,
    /// What happened, and what would be right.
    pub detail: String,
    /// The place that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What some kinds say beside.
    #[serde(flatten)]
    pub more: Box<More>,
}

/// What some kinds of problem say beside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct More {
    /// For a refused session: its number, by which its set-up is remembered for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// For a refused session: for each solution, where and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusalInfo>,
    /// For a refused session: the plan that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub solutions: Vec<SolutionInfo>,
    /// For a session that is over: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndInfo>,
}

/// What the kinds' names begin with.
const URN: &str = "urn:waybook:problem:";

/// What a problem said, for who looks at its answer.
#[derive(Debug, Clone)]
pub(super) struct Said(pub(super) String);

/// The kinds of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The token is missing or wrong.
    Unauthorized,
    /// The place does not let the caller do that.
    NotAllowed,
    /// There is no such thing here.
    NotFound,
    /// The path of the request is not part of the API.
    NoSuchPath,
    /// That path is not to be used like this.
    NoSuchMethod,
    /// The request cannot be read.
    Malformed,
    /// The request can be read, but what it says is wrong.
    Invalid,
    /// A place on the way has no connection to the next one.
    NotConnected,
    /// A neighbour sent what it may not send.
    Protocol,
    /// No solution of the plan could be booked.
    Refused,
    /// There is nothing to try.
    NoPlan,
    /// Whoever would have to be asked does not answer in time.
    Unanswered,
    /// The place does not take the request.
    Rejected,
    /// The session was closed before it was established.
    Closed,
    /// The session is over.
    Ended,
    /// The name may mean several things.
    Ambiguous,
    /// The name is taken.
    Taken,
    /// The place does not trust who made it.
    Untrusted,
    /// It is larger than the place allows.
    TooLarge,
    /// It does not come.
    TooSlow,
    /// There is no room for it.
    NoRoom,
    /// So much is under way that a limit is reached.
    Busy,
    /// The place tried, and failed.
    Failed,
    /// The daemon is stopping.
    Stopping,
}

impl Kind {
    /// Status, the last part of the URN, and the title.
    const fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "The token is missing or wrong",
            ),
            Self::NotAllowed => (StatusCode::FORBIDDEN, "not-allowed", "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "no-such-path",
                "Not a path of this API",
            ),
            Self::NoSuchMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "no-such-method",
                "Not a method of this path",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "The request cannot be read",
            ),
            Self::Invalid => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "The request is wrong",
            ),
            Self::NotConnected => (
                StatusCode::BAD_GATEWAY,
                "not-connected",
                "A place on the way is not connected",
            ),
            Self::Protocol => (
                StatusCode::BAD_REQUEST,
                "protocol",
                "A neighbour broke the protocol",
            ),
            Self::Refused => (
                StatusCode::CONFLICT,
                "refused",
                "No solution could be booked",
            ),
            Self::NoPlan => (StatusCode::CONFLICT, "no-plan", "There is nothing to try"),
            Self::Unanswered => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unanswered",
                "Another place did not answer in time",
            ),
            Self::Rejected => (
                StatusCode::CONFLICT,
                "rejected",
                "The place does not take the request",
            ),
            Self::Closed => (
                StatusCode::CONFLICT,
                "closed",
                "Closed before it was established",
            ),
            Self::Ended => (StatusCode::GONE, "ended", "The session is over"),
            Self::Ambiguous => (
                StatusCode::CONFLICT,
                "ambiguous",
                "The name may mean several things",
            ),
            Self::Taken => (StatusCode::CONFLICT, "taken", "The name is taken"),
            Self::Untrusted => (
                StatusCode::FORBIDDEN,
                "untrusted",
                "The place does not trust who made it",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The request does not come",
            ),
            Self::NoRoom => (
                StatusCode::INSUFFICIENT_STORAGE,
                "no-room",
                "There is no room for it",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too much is under way",
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "failed",
                "The place tried, and failed",
            ),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "The daemon is stopping",
            ),
        }
    }

    /// Whether a problem, of whichever place, is of this kind.
    pub(super) fn is_of(self, problem: &Problem) -> bool {
        let (_, name, _) = self.facts();
        problem.kind.strip_prefix(URN) == Some(name)
    }

    /// A problem of this kind.
    #[must_use]
    pub fn because(self, detail: impl Into<String>) -> Problem {
        let (status, name, title) = self.facts();
        Problem {
            kind: format!("{URN}{name}"),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            place: None,
            more: Box::default(),
        }
    }
}

impl Problem {
    /// The same, said by that place.
    #[must_use]
    pub fn at(mut self, place: &waybook_location_tree::PlaceName) -> Self {
        self.place = Some(place.to_string());
        self
    }
}

impl From<Stopping> for Problem {
    fn from(stopping: Stopping) -> Self {
        Kind::Stopping.because(stopping.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem is texts, numbers and lists of these, which always serialize.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.extensions_mut().insert(Said(self.detail));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
