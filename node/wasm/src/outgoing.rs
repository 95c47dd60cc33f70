//! Where requests go that a component sends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use crate::body::{Body, BoxError, for_component, from_component};
use crate::counters::{Counters, add};
use crate::job::Job;

/// The host name under which a component reaches what comes after it on the session's
/// path: `http://next/`.
pub const NEXT: &str = "next";

/// What comes after a component on the session's path.
pub trait Next: Send + Sync {
    /// Sends a request on. Its URI is a path; its `Host` is that of the request which the
    /// component answers. The component waits as long as this does, so this must not wait
    /// for ever.
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>>;
}

/// The embedder's client, for requests to hosts that the operator allows.
pub trait Outgoing: Send + Sync {
    /// Sends a request, which has the full URL. The component waits as long as this does.
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Unsent>>;
}

/// Why a request to another host has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// No connection could be made.
    #[error("no connection could be made: {0}")]
    NotConnected(String),
    /// The connection broke before the response.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It took too long.
    #[error("there was no response in time")]
    TimedOut,
}

impl From<Unsent> for ErrorCode {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::NotConnected(_) => Self::ConnectionRefused,
            Unsent::Broken(_) => Self::ConnectionTerminated,
            Unsent::TimedOut => Self::ConnectionReadTimeout,
        }
    }
}

/// Hosts that a component may reach.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(Vec<Authority>);

impl Hosts {
    /// Reads names like `example.org` and `example.org:8080`.
    pub(crate) fn read(names: &[String]) -> Result<Self, String> {
        let read = |name: &String| match name.parse::<Authority>() {
            Ok(host) if !host.as_str().contains('@') && !host.host().is_empty() => Ok(host),
            _ => Err(format!(
                "hosts: `{name}` is no host name, with a port or without (example.org:8080)"
            )),
        };
        names.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A host without a port is meant with the port of the scheme.
    fn allow(&self, scheme: Option<&Scheme>, to: &Authority) -> bool {
        let usual = if scheme == Some(&Scheme::HTTPS) {
            443
        } else {
            80
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
        self.0
            .iter()
            .any(|host| host.host().eq_ignore_ascii_case(to.host()) && port(host) == port(to))
    }
}

/// Where requests of one component go.
pub(crate) struct Ways {
    /// The component's name, for the log.
    pub(crate) name: String,
    pub(crate) next: Arc<dyn Next>,
    pub(crate) outgoing: Arc<dyn Outgoing>,
    pub(crate) hosts: Hosts,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) counters: Arc<Counters>,
}

/// Held while a request that a component sent is under way.
struct Permits {
    _component: OwnedSemaphorePermit,
    _request: Option<OwnedSemaphorePermit>,
}

impl Ways {
    /// Sends a request on behalf of `job`. `handler`: by an imported handler, which leads to
    /// the next in any case.
    pub(crate) async fn send(
        self: Arc<Self>,
        job: Option<Arc<Job>>,
        request: Request<WasiBody>,
        options: RequestOptions,
        handler: bool,
    ) -> Result<Response<WasiBody>, ErrorCode> {
        let to_next = handler || self.leads_to_next(job.as_deref(), request.uri());
        if !to_next && !self.allows(request.uri()) {
            return Err(ErrorCode::HttpRequestDenied);
        }
        let permits = self.permits(job.as_deref())?;
        add(&self.counters.outgoing, 1);
        let waiting = job.as_ref().map(Job::wait);
        let request = request.map(|body| {
            let body = from_component(body);
            Moving::new(body, job.clone(), None, None).boxed_unsync()
        });
        let answer: BoxFuture<'static, Result<Response<Body>, Unsent>> = if to_next {
            let request = addressed_to_next(request, job.as_deref())?;
            let answer = self.next.call(request);
            Box::pin(async move { Ok(answer.await) })
        } else {
            self.outgoing.call(addressed_to_host(request)?)
        };
        let first_byte = options.first_byte_timeout.unwrap_or(Duration::MAX);
        let response = match tokio::time::timeout(first_byte, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(unsent)) => {
                tracing::debug!(component = self.name, %unsent, "a request of a component failed");
                return Err(unsent.into());
            }
            Err(_) => return Err(ErrorCode::ConnectionReadTimeout),
        };
        drop(waiting);
        Ok(response.map(|body| {
            let between = options.between_bytes_timeout;
            let body = Moving::new(body, job, between, Some(permits)).boxed_unsync();
            for_component(body)
        }))
    }

    fn leads_to_next(&self, job: Option<&Job>, uri: &Uri) -> bool {
        let Some(to) = uri.authority() else {
            return true;
        };
        to.as_str().eq_ignore_ascii_case(NEXT) || job.is_some_and(|job| job.authority == *to)
    }

    fn allows(&self, uri: &Uri) -> bool {
        let to = uri.authority().filter(|to| !to.as_str().contains('@'));
        let allowed = to.is_some_and(|to| self.hosts.allow(uri.scheme(), to));
        if !allowed {
            add(&self.counters.denied_hosts, 1);
            let host = uri.authority().map_or("", Authority::as_str);
            tracing::info!(
                component = self.name,
                host,
                "a component may not reach this host"
            );
        }
        allowed
    }

    fn permits(&self, job: Option<&Job>) -> Result<Permits, ErrorCode> {
        let take = |room: &Arc<Semaphore>, count: &AtomicU64| {
            Arc::clone(room).try_acquire_owned().map_err(|_| {
                add(count, 1);
                ErrorCode::ConnectionLimitReached
            })
        };
        let refused = &self.counters.outgoing_refused;
        let request = job.map(|job| take(&job.outgoing, refused)).transpose()?;
        Ok(Permits {
            _component: take(&self.room, refused)?,
            _request: request,
        })
    }
}

fn path(uri: &Uri) -> PathAndQuery {
    let path = uri.path_and_query().cloned();
    path.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// In the form in which a server has it from its client.
fn addressed_to_next(
    mut request: Request<Body>,
    job: Option<&Job>,
) -> Result<Request<Body>, ErrorCode> {
    let named = request.uri().authority();
    let named = named.filter(|to| !to.as_str().eq_ignore_ascii_case(NEXT));
    let host = job.map(|job| &job.authority).or(named);
    let host = host.map_or(NEXT, Authority::as_str);
    let host = HeaderValue::from_str(host).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    *request.uri_mut() = Uri::from(path(request.uri()));
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

fn addressed_to_host(mut request: Request<Body>) -> Result<Request<Body>, ErrorCode> {
    let host = request.uri().authority().map_or("", Authority::as_str);
    let host = HeaderValue::from_str(host).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

/// A body of a request that a component sent, or of its response.
struct Moving {
    inner: Body,
    job: Option<Arc<Job>>,
    /// Longest time between frames, if the component set one.
    between: Option<(Duration, Pin<Box<Sleep>>)>,
    permits: Option<Permits>,
}

impl Moving {
    fn new(
        inner: Body,
        job: Option<Arc<Job>>,
        between: Option<Duration>,
        permits: Option<Permits>,
    ) -> Self {
        // A component may say anything; a day is as good as for ever.
        let between = between.map(|limit| limit.min(Duration::from_secs(86_400)));
        let between = between.map(|limit| (limit, Box::pin(tokio::time::sleep(limit))));
        Self {
            inner,
            job,
            between,
            permits,
        }
    }
}

/// Bytes were too long in coming.
#[derive(Debug, thiserror::Error)]
#[error("the body stood still for longer than the component wants to wait")]
struct TooSlow;

impl HttpBody for Moving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            let Some((_, sleep)) = &mut this.between else {
                return Poll::Pending;
            };
            let slow = sleep.as_mut().poll(cx);
            return slow.map(|()| Some(Err(BoxError::from(TooSlow))));
        };
        if let Some(job) = &this.job {
            job.touch();
        }
        if let Some((limit, sleep)) = &mut this.between {
            sleep.as_mut().reset(Instant::now() + *limit);
        }
        if !matches!(frame, Some(Ok(_))) {
            this.permits = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_name_and_port() {
        let names = ["Example.org", "other.org:8080", "[::1]:80"].map(str::to_owned);
        let hosts = Hosts::read(&names).unwrap();
        let allow = |uri: &str| {
            let uri: Uri = uri.parse().unwrap();
            hosts.allow(uri.scheme(), uri.authority().unwrap())
        };
        assert!(allow("http://example.ORG/"));
        assert!(allow("https://example.org/"));
        assert!(allow("https://example.org:443/"));
        assert!(!allow("http://example.org:443/"));
        assert!(!allow("http://sub.example.org/"));
        assert!(!allow("http://other.org/"));
        assert!(allow("http://other.org:8080/"));
        assert!(allow("http://[::1]/"));
        for bad in ["", "http://x", "me@example.org", "a b"] {
            let error = Hosts::read(&[bad.to_owned()]).unwrap_err();
            assert!(error.starts_with(&format!("hosts: `{bad}`")), "{error}");
        }
    }
}
