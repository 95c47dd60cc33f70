//! Where clients come in: finds the session in the URL, and lets pages elsewhere play it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::headers::{add_forwarded, confine_cookies, stay_below};
use super::plane::Plane;
use super::problem::{ProblemKind, problem};
use super::token::is_token;
use crate::{Body, BoxError, Io, empty_body};

/// Accepts clients until the data plane stops.
pub(super) async fn serve(plane: &Arc<Plane>, listener: TcpListener) -> io::Result<()> {
    let _ = plane.bound.set(listener.local_addr()?);
    let (tasks, closing) = (plane.tasks.clone(), plane.stopping.clone());
    let answer = answering(plane);
    plane.door.serve(listener, closing, &tasks, answer).await;
    Ok(())
}

/// Serves one client until it goes or the data plane stops.
pub(super) async fn serve_client(
    plane: &Arc<Plane>,
    stream: impl Io + 'static,
    client: SocketAddr,
) {
    let closing = plane.stopping.clone();
    let answer = answering(plane);
    plane.door.serve_one(stream, client, closing, answer).await;
}

/// What answers the requests of all clients.
fn answering(
    plane: &Arc<Plane>,
) -> impl Fn(SocketAddr, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Clone + use<> {
    let plane = Arc::clone(plane);
    move |client, request| {
        let plane = Arc::clone(&plane);
        let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
        Box::pin(async move { answer(&plane, client, request).await })
    }
}

/// What a URL says.
struct Target {
    token: String,
    /// What absolute paths have to be put below, in the path form.
    prefix: Option<String>,
    /// The path for the server.
    path: PathAndQuery,
}

async fn answer(
    plane: &Arc<Plane>,
    client: SocketAddr,
    mut request: Request<Body>,
) -> Response<Body> {
    let here = &plane.config.place;
    let Some(target) = target(&request, &plane.config.host_suffix) else {
        let detail = "the URL names no session; they look like /s/<token>/";
        return allow_pages(problem(here, ProblemKind::UnknownSession, detail));
    };
    let Some(session) = plane.by_token(&target.token) else {
        let detail = "the session is over or never was";
        return allow_pages(problem(here, ProblemKind::UnknownSession, detail));
    };
    if is_preflight(&request) {
        return preflight(request.headers());
    }
    if let Some(prefix) = &target.prefix
        && request.uri().path() == prefix
    {
        return allow_pages(add_slash(prefix, request.uri().query()));
    }
    // In the path form of the target only; authority, if any, stays for `Host`.
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target.path);
    match Uri::from_parts(parts) {
        Ok(uri) => *request.uri_mut() = uri,
        Err(error) => {
            return allow_pages(problem(here, ProblemKind::BadRequest, &error.to_string()));
        }
    }
    add_forwarded(request.headers_mut(), client);
    let mut response = plane.enter(&session, request).await;
    confine_cookies(response.headers_mut());
    if let Some(prefix) = &target.prefix {
        stay_below(response.headers_mut(), prefix);
    }
    allow_pages(response)
}

fn target(request: &Request<Body>, suffix: &str) -> Option<Target> {
    let uri = request.uri();
    let host = uri.host().or_else(|| {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        Some(host.rsplit_once(':').map_or(host, |(host, _)| host))
    });
    let label = host.and_then(|host| {
        let (label, rest) = host.split_once('.')?;
        let rest = rest.trim_end_matches('.');
        (rest.eq_ignore_ascii_case(suffix) && is_token(label)).then(|| label.to_ascii_lowercase())
    });
    let path = uri.path_and_query();
    if let Some(token) = label {
        return Some(Target {
            token,
            prefix: None,
            path: path.cloned().unwrap_or(PathAndQuery::from_static("/")),
        });
    }
    let below = path?.as_str().strip_prefix("/s/")?;
    let end = below.find(['/', '?']).unwrap_or(below.len());
    let (token, rest) = below.split_at(end);
    if !is_token(token) {
        return None;
    }
    let rest = if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    };
    Some(Target {
        token: token.to_owned(),
        prefix: Some(format!("/s/{token}")),
        path: rest.parse().ok()?,
    })
}

/// Without its last slash the URL would make relative links miss the session.
fn add_slash(prefix: &str, query: Option<&str>) -> Response<Body> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = HeaderValue::try_from(format!("{prefix}/{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn is_preflight(request: &Request<Body>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = allow_pages(Response::new(empty_body()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let asks = |name: HeaderName| asked.get(name).cloned();
    if let Some(method) = asks(header::ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    if let Some(names) = asks(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    let day = HeaderValue::from_static("86400");
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
    response
}

/// Lets pages of any origin use the response. That gives nothing away: who has the URL
/// may use the session, and cookies are not sent along with such requests.
fn allow_pages(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "*, Content-Length, Content-Range, Accept-Ranges, ETag, Last-Modified, Location, Via",
        ),
    );
    response
}
