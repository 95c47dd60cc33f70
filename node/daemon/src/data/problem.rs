//! Errors as problem details (RFC 9457) that name the place where it went wrong.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use waybook_location_tree::PlaceName;

use crate::{Body, full_body};

/// The kinds of problems. Their URNs are part of the interface and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// No session is reached under that URL, or it is over.
    UnknownSession,
    /// A neighbour sent a request of a session whose previous hop it is not.
    NotPreviousHop,
    /// The last component asked for a next hop and there is none.
    NoNextHop,
    /// The next place cannot be reached now.
    NextPlaceUnreachable,
    /// A component is starting, restarting or has failed.
    ComponentUnavailable,
    /// A component broke off before it answered.
    ComponentFailed,
    /// A component took too long to answer.
    ComponentTimeout,
    /// A server elsewhere could not be reached or broke off.
    UpstreamUnreachable,
    /// The place has as many requests under way as it allows.
    TooManyRequests,
    /// The server has nothing under that path.
    NotFound,
    /// The method does not apply.
    MethodNotAllowed,
    /// The range lies outside the file.
    RangeNotSatisfiable,
    /// A precondition of the request does not hold.
    PreconditionFailed,
    /// The request is malformed.
    BadRequest,
    /// Upgrades and tunnels do not pass through a session.
    UpgradeNotSupported,
    /// The place failed.
    Internal,
}

impl ProblemKind {
    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::UnknownSession => (
                "unknown-session",
                StatusCode::NOT_FOUND,
                "There is no such session",
            ),
            Self::NotPreviousHop => (
                "not-previous-hop",
                StatusCode::FORBIDDEN,
                "The session does not come from that place",
            ),
            Self::NoNextHop => (
                "no-next-hop",
                StatusCode::BAD_GATEWAY,
                "The path ends at this component",
            ),
            Self::NextPlaceUnreachable => (
                "next-place-unreachable",
                StatusCode::BAD_GATEWAY,
                "The next place cannot be reached",
            ),
            Self::ComponentUnavailable => (
                "component-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "A component is not running",
            ),
            Self::ComponentFailed => (
                "component-failed",
                StatusCode::BAD_GATEWAY,
                "A component failed",
            ),
            Self::ComponentTimeout => (
                "component-timeout",
                StatusCode::GATEWAY_TIMEOUT,
                "A component did not answer in time",
            ),
            Self::UpstreamUnreachable => (
                "upstream-unreachable",
                StatusCode::BAD_GATEWAY,
                "The upstream server cannot be reached",
            ),
            Self::TooManyRequests => (
                "too-many-requests",
                StatusCode::SERVICE_UNAVAILABLE,
                "The place has too many requests under way",
            ),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such file"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The method does not apply here",
            ),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The range lies outside the file",
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "A precondition does not hold",
            ),
            Self::BadRequest => (
                "bad-request",
                StatusCode::BAD_REQUEST,
                "The request is malformed",
            ),
            Self::UpgradeNotSupported => (
                "upgrade-not-supported",
                StatusCode::NOT_IMPLEMENTED,
                "Upgrades do not pass through a session",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The place failed",
            ),
        }
    }

    /// The problem's `type`.
    #[must_use]
    pub fn urn(self) -> String {
        format!("urn:waybook:problem:{}", self.parts().0)
    }
}

/// A response that tells of a problem at `place`.
pub(crate) fn problem(place: &PlaceName, kind: ProblemKind, detail: &str) -> Response<Body> {
    let (_, status, title) = kind.parts();
    let text = json!({
        "type": kind.urn(),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "place": place.as_str(),
    })
    .to_string();
    let mut response = Response::new(full_body(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
