//! The builtin `files`: serves a directory.

use std::path::{Path, PathBuf};

use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tower::Service;
use tower_http::services::ServeDir;
use tower_http::services::fs::DefaultServeDirFallback;
use waybook_location_tree::PlaceName;

use super::super::chain::{Answer, NextHop};
use super::super::problem::{ProblemKind, problem};
use super::Running;
use super::confined::Confined;
use crate::{Body, BoxError, empty_body};

/// Bytes read from a file at once.
const CHUNK: usize = 64 * 1024;

/// A directory that is served.
pub(super) struct Files {
    confined: Confined,
    serve: ServeDir<DefaultServeDirFallback, Confined>,
}

impl Files {
    /// Serves `wanted`, which lies in one of the allowed directories.
    pub(super) fn new(allowed: &[PathBuf], wanted: &str) -> Result<Self, String> {
        let root = allowed_root(allowed, Path::new(wanted))?;
        let confined = Confined::new(&root).map_err(|error| format!("{wanted}: {error}"))?;
        let serve = ServeDir::with_backend(confined.root(), confined.clone())
            .ignore_multi_range_requests(true)
            .with_buf_chunk_size(CHUNK);
        Ok(Self { confined, serve })
    }

    pub(super) fn root(&self) -> &Path {
        self.confined.root()
    }
}

/// The real path of a directory below one of the allowed ones.
fn allowed_root(allowed: &[PathBuf], wanted: &Path) -> Result<PathBuf, String> {
    let allowed: Vec<PathBuf> = allowed
        .iter()
        .filter_map(|root| root.canonicalize().ok())
        .collect();
    if allowed.is_empty() {
        return Err("this place allows no directory to be served".to_owned());
    }
    // An absolute path replaces what it is joined to, so both forms are treated alike.
    let found = allowed
        .iter()
        .filter_map(|root| root.join(wanted).canonicalize().ok())
        .find(|path| path.is_dir() && allowed.iter().any(|root| path.starts_with(root)));
    found.ok_or_else(|| {
        format!(
            "`{}` is no directory below those that this place allows to be served",
            wanted.display()
        )
    })
}

impl Running for Files {
    fn call(&self, request: Request<Body>, next: NextHop) -> Answer {
        let serve = self.serve.clone();
        // A body, if any, means nothing here.
        let request = request.map(drop);
        Box::pin(async move { answer(serve, request, next.place().clone()).await })
    }
}

async fn answer(
    serve: ServeDir<DefaultServeDirFallback, Confined>,
    request: Request<()>,
    here: PlaceName,
) -> Response<Body> {
    let mut response = once(serve.clone(), &request, true).await;
    if response.status() == StatusCode::PARTIAL_CONTENT
        && let Some(condition) = request.headers().get(IF_RANGE)
        && !is_current(condition, response.headers())
    {
        response = once(serve, &request, false).await;
    }
    if let Some(kind) = problem_of(response.status()) {
        let told = problem(
            &here,
            kind,
            &format!("{} {}", request.method(), request.uri().path()),
        );
        return with_headers(told, response.headers());
    }
    if let Some(known) = media_type(request.uri().path())
        && response.headers().contains_key(CONTENT_TYPE)
    {
        let known = HeaderValue::from_static(known);
        response.headers_mut().insert(CONTENT_TYPE, known);
    }
    response
}

/// Serves the request, with its range or without.
fn once(
    mut serve: ServeDir<DefaultServeDirFallback, Confined>,
    request: &Request<()>,
    ranged: bool,
) -> Answer {
    let mut head = Request::new(empty_body());
    request.method().clone_into(head.method_mut());
    request.uri().clone_into(head.uri_mut());
    request.headers().clone_into(head.headers_mut());
    // RFC 9110, section 14.2: ranges are for GET.
    if !ranged || request.method() != Method::GET {
        head.headers_mut().remove(RANGE);
    }
    // Always ready.
    let response = serve.call(head);
    Box::pin(async move {
        match response.await {
            Ok(response) => response.map(|body| body.map_err(BoxError::from).boxed_unsync()),
            Err(never) => match never {},
        }
    })
}

/// Whether what the client has a part of is still what is served (RFC 9110, 13.1.5).
fn is_current(condition: &HeaderValue, present: &HeaderMap) -> bool {
    let text = condition.as_bytes();
    let against = if text.starts_with(b"\"") {
        ETAG
    } else if text.starts_with(b"W/") {
        return false;
    } else {
        LAST_MODIFIED
    };
    present.get(against) == Some(condition)
}

fn problem_of(status: StatusCode) -> Option<ProblemKind> {
    Some(match status {
        StatusCode::NOT_FOUND => ProblemKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemKind::MethodNotAllowed,
        StatusCode::RANGE_NOT_SATISFIABLE => ProblemKind::RangeNotSatisfiable,
        StatusCode::PRECONDITION_FAILED => ProblemKind::PreconditionFailed,
        status if status.is_client_error() => ProblemKind::BadRequest,
        status if status.is_server_error() => ProblemKind::Internal,
        _ => return None,
    })
}

/// Keeps what the answer said beside its body.
fn with_headers(mut told: Response<Body>, said: &HeaderMap) -> Response<Body> {
    const KEPT: [HeaderName; 2] = [header::ALLOW, header::CONTENT_RANGE];
    for name in KEPT {
        if let Some(value) = said.get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

/// Types that players insist on and common tables have otherwise.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "ts" => "video/mp2t",
        "m4s" => "video/iso.segment",
        "mp4" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "vtt" => "text/vtt",
        _ => return None,
    })
}
