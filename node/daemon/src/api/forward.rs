//! Requests for other places, hop by hop through the tree.
//!
//! The query `at` names the place that a request is for. Each place on the way passes the
//! request on to the next neighbour, over a stream of the standing connection, and the
//! answer back; both stream. The header `waybook-origin` names the place that the request
//! comes from. A place cannot know whether that is true, but it knows on which side of
//! itself the neighbour stands: a child speaks only for its own locality, the parent only
//! for places outside of this one. So no place can pass for one that is not behind it.
//!
//! Who asked is known only where the request came in, and travels in headers as well: the name of
//! the token, what it is good for, and whom it is bound to. They can take rights away from the
//! place of origin, and give none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tower::ServiceExt;
use waybook_location_tree::{MAX_DEPTH, PlaceName};

use super::rights::{Caller, May, Origin, Via};
use super::{ControlApi, Kind, Problem, Shared, routes, unread};
use crate::kept::Kept;
use crate::slots::Slot;
use crate::{Body, PeerApi, empty_body, hop};

/// The place that a request comes from.
const ORIGIN: HeaderName = HeaderName::from_static("waybook-origin");
/// How many edges the request has passed.
const HOPS: HeaderName = HeaderName::from_static("waybook-hops");
/// The name of the token that was shown where the request came in.
const TOKEN: HeaderName = HeaderName::from_static("waybook-token");
/// What that token is good for.
const MAY: HeaderName = HeaderName::from_static("waybook-may");
/// Whom it is bound to.
const USER: HeaderName = HeaderName::from_static("waybook-user");
/// No path of the tree is longer.
const MOST_HOPS: usize = 2 * MAX_DEPTH;
/// A neighbour that takes longer to take a stream counts as not connected.
const OPEN: Duration = Duration::from_secs(10);
/// Greatest answer that is read as a whole.
const MOST_ANSWER: usize = 4 << 20;
/// Greatest length of what is said of who asked, in bytes.
const MOST_TEXT: usize = 256;

/// Headers that belong to one connection (RFC 9110, section 7.6.1), or to this API's
/// local clients alone.
const NOT_PASSED_ON: [HeaderName; 11] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::AUTHORIZATION,
    ORIGIN,
    HOPS,
    TOKEN,
    MAY,
    USER,
];

/// Serves requests of local clients: here, or at the place that they are for.
pub(super) fn dispatch(shared: &Arc<Shared>, local: Router) -> Router {
    let shared = shared.clone();
    Router::new().fallback(async move |request: Request| {
        let (mut request, silence) = unread::read_out(request, shared.parts.limits.body_timeout);
        let name = shared.parts.name.clone();
        let slot = match shared.admit(None) {
            Ok(slot) => slot,
            Err(problem) => return problem.into_response(),
        };
        let answer = async {
            match target(&shared, &request) {
                Err(problem) => problem.into_response(),
                Ok(target) if target == name => {
                    request.extensions_mut().insert(Origin(name));
                    request.extensions_mut().insert(Via(None));
                    answer_here(local, request).await
                }
                Ok(target) => from_client(&shared, &target, request).await,
            }
        };
        keep(silence.or(answer).await, slot)
    })
}

/// Passes on what a local client asks of another place, as far as its token goes. That place looks
/// at this as well, but an older one would not.
async fn from_client(shared: &Shared, target: &PlaceName, request: Request) -> Response {
    let name = &shared.parts.name;
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return Kind::Protocol
            .because("the request says nothing of who asks")
            .into_response();
    };
    let right = routes::right_for(request.method(), request.uri().path());
    if let Err(problem) = caller.allow(right, name) {
        shared.parts.recorded.denied("right");
        return problem.at(name).into_response();
    }
    let asked = Asked {
        origin: name.clone(),
        caller,
    };
    pass_on(shared, &asked, None, target, 0, request).await
}

/// Where a request came in, and who asked there.
struct Asked {
    origin: PlaceName,
    caller: Caller,
}

impl PeerApi for ControlApi {
    fn call(
        &self,
        from: PlaceName,
        request: http::Request<Body>,
    ) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send + '_>> {
        Box::pin(async move {
            let patience = self.shared.parts.limits.body_timeout;
            let request = request.map(axum::body::Body::new);
            let (request, silence) = unread::read_out(request, patience);
            let said = |problem: Problem| problem.at(&self.shared.parts.name).into_response();
            let answer = async { from_peer(self, &from, request).await.unwrap_or_else(said) };
            let response = match self.shared.admit(Some(&from)) {
                Ok(slot) => keep(silence.or(answer).await, slot),
                Err(problem) => said(problem),
            };
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    }
}

/// A request is under way until its answer has been taken.
fn keep(response: Response, slot: Slot<PlaceName>) -> Response {
    response.map(|body| axum::body::Body::new(Kept::new(body, slot)))
}

/// A neighbour's request.
async fn from_peer(
    api: &ControlApi,
    from: &PlaceName,
    mut request: Request,
) -> Result<Response, Problem> {
    let shared = &api.shared;
    let name = &shared.parts.name;
    let asked = Asked {
        origin: origin(name, from, request.headers())?,
        caller: caller(from, request.headers())?,
    };
    let hops = request
        .headers()
        .get(HOPS)
        .and_then(|hops| hops.to_str().ok()?.parse::<usize>().ok())
        .filter(|hops| (1..=MOST_HOPS).contains(hops))
        .ok_or_else(|| {
            Kind::Protocol.because(format!(
                "`{HOPS}` must be a number from 1 to {MOST_HOPS}, in a request from {from}"
            ))
        })?;
    let target = target(shared, &request)?;
    if target == *name {
        request.extensions_mut().insert(Origin(asked.origin));
        request.extensions_mut().insert(asked.caller);
        request.extensions_mut().insert(Via(Some(from.clone())));
        return Ok(answer_here(api.local.clone(), request).await);
    }
    Ok(pass_on(shared, &asked, Some(from), &target, hops, request).await)
}

/// Which place a neighbour speaks for, if it may.
fn origin(name: &PlaceName, from: &PlaceName, headers: &HeaderMap) -> Result<PlaceName, Problem> {
    let origin = headers
        .get(ORIGIN)
        .and_then(|origin| PlaceName::new(origin.to_str().ok()?).ok())
        .ok_or_else(|| {
            Kind::Protocol.because(format!("{from} does not say which place it speaks for"))
        })?;
    let stands_there = match (from.parent(), name.parent()) {
        (Some(parent), _) if parent == *name => from.contains(&origin),
        (_, Some(parent)) if parent == *from => {
            !name.contains(&origin) && origin.common_ancestor(name).is_some()
        }
        _ => false,
    };
    if stands_there {
        Ok(origin)
    } else {
        Err(Kind::Protocol.because(format!(
            "{from} may not speak for {origin}, which does not stand behind it"
        )))
    }
}

/// Who asked at the place of origin. Where nothing is said it was an older place, which knows only
/// its owner.
fn caller(from: &PlaceName, headers: &HeaderMap) -> Result<Caller, Problem> {
    let text = |name: &HeaderName| match headers.get(name).map(HeaderValue::as_bytes) {
        None => Ok(None),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if (1..=MOST_TEXT).contains(&text.len()) => Ok(Some(text)),
            _ => Err(Kind::Protocol.because(format!(
                "`{name}` must be text of 1 to {MOST_TEXT} bytes, in a request from {from}"
            ))),
        },
    };
    match (text(&TOKEN)?, text(&MAY)?, text(&USER)?) {
        (None, None, None) => Ok(Caller::owner()),
        (Some(token), Some(may), user) => Ok(Caller {
            token: token.to_owned(),
            user: user.map(str::to_owned),
            may: May::from_text(may),
        }),
        _ => Err(Kind::Protocol.because(format!(
            "a request from {from} says only in part who asked: `{TOKEN}` and `{MAY}` go together"
        ))),
    }
}

/// The place that a request is for.
fn target(shared: &Shared, request: &Request) -> Result<PlaceName, Problem> {
    let name = &shared.parts.name;
    let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
        .map_err(|rejection| Kind::Malformed.because(rejection.body_text()).at(name))?;
    let Some((_, at)) = fields.into_iter().find(|(key, _)| key == "at") else {
        return Ok(name.clone());
    };
    let target = PlaceName::new(&at).map_err(|error| {
        Kind::Malformed
            .because(format!("`at` names no place: {error}"))
            .at(name)
    })?;
    if target.root() != name.root() {
        return Err(Kind::NotFound
            .because(format!(
                "{target} is in another tree than {name}, whose root is {}",
                name.root()
            ))
            .at(name));
    }
    Ok(target)
}

/// Answers at this place.
async fn answer_here(local: Router, request: Request) -> Response {
    match local.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Passes a request on to the next place, and its answer back.
async fn pass_on(
    shared: &Shared,
    asked: &Asked,
    from: Option<&PlaceName>,
    target: &PlaceName,
    hops: usize,
    request: Request,
) -> Response {
    let name = &shared.parts.name;
    let passed = async {
        let next = name.next_hop(target).ok_or_else(|| {
            Kind::NotFound.because(format!("no edge leads from {name} to {target}"))
        })?;
        if from == Some(&next) || hops >= MOST_HOPS {
            return Err(Kind::Protocol.because(format!(
                "the request for {target} is not on its way through the tree"
            )));
        }
        send(shared, &next, target, prepare(request, asked, hops + 1)).await
    };
    let response: Result<_, Problem> = passed.await;
    response.unwrap_or_else(|problem| problem.at(name).into_response())
}

/// Dresses a request for the next edge.
fn prepare(request: Request, asked: &Asked, hops: usize) -> http::Request<Body> {
    let (mut parts, body) = request.into_parts();
    for header in NOT_PASSED_ON {
        parts.headers.remove(header);
    }
    let headers = &mut parts.headers;
    headers.insert(header::HOST, HeaderValue::from_static("waybook"));
    headers.insert(HOPS, hops.into());
    let caller = &asked.caller;
    // None of these has a character that a header cannot have.
    for (header, text) in [
        (ORIGIN, Some(asked.origin.as_str())),
        (TOKEN, Some(caller.token.as_str())),
        (MAY, Some(caller.may.to_text().as_str())),
        (USER, caller.user.as_deref()),
    ] {
        if let Some(Ok(value)) = text.map(|text| HeaderValue::from_bytes(text.as_bytes())) {
            headers.insert(header, value);
        }
    }
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    // Over a connection of its own, a request names only path and query.
    if let Some(path) = parts.uri.path_and_query() {
        parts.uri = http::Uri::from(path.clone());
    }
    let body = body.map_err(Into::into).boxed_unsync();
    http::Request::from_parts(parts, body)
}

/// Sends a request over a stream to a neighbour.
async fn send(
    shared: &Shared,
    next: &PlaceName,
    target: &PlaceName,
    request: http::Request<Body>,
) -> Result<Response, Problem> {
    let name = &shared.parts.name;
    let lost = |why: &dyn std::fmt::Display| {
        Kind::NotConnected.because(format!(
            "the request for {target} stopped at the edge between {name} and {next}: {why}"
        ))
    };
    let stream = match tokio::time::timeout(OPEN, shared.parts.peers.open(next)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(lost(&error)),
        Err(_) => return Err(lost(&"no answer")),
    };
    let mut response = hop::send(stream, request)
        .await
        .map_err(|error| lost(&error))?;
    for header in NOT_PASSED_ON {
        response.headers_mut().remove(header);
    }
    Ok(response.map(axum::body::Body::new))
}

/// Asks a place of the tree on behalf of this one.
pub(super) async fn ask<T: DeserializeOwned>(
    shared: &Shared,
    target: &PlaceName,
    path: &str,
) -> Result<T, Problem> {
    let mut request = Request::new(axum::body::Body::new(empty_body()));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = http::Uri::builder()
        .path_and_query(format!("{path}?at={target}"))
        .build()
        .map_err(|error| Kind::Malformed.because(error.to_string()))?;
    let asked = Asked {
        origin: shared.parts.name.clone(),
        caller: Caller::owner(),
    };
    let response = pass_on(shared, &asked, None, target, 0, request).await;
    let ok = response.status().is_success();
    let odd = |error: &dyn std::fmt::Display| {
        Kind::Protocol.because(format!(
            "{target} sent an answer that cannot be read: {error}"
        ))
    };
    let body = Limited::new(response.into_body(), MOST_ANSWER)
        .collect()
        .await
        .map_err(|error| odd(&error))?
        .to_bytes();
    if ok {
        serde_json::from_slice(&body).map_err(|error| odd(&error))
    } else {
        Err(serde_json::from_slice(&body).unwrap_or_else(|error| odd(&error)))
    }
}
