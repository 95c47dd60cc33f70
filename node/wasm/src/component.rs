//! A component that was started: it answers requests until it is stopped.

mod make;
mod pool;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, empty_body, for_component, from_component};
use crate::budget::Budget;
use crate::counters::add;
use crate::engine::{Code, Inner};
use crate::failure::CallFailure;
use crate::inspect::World;
use crate::job::{Hold, Job, RequestBody, ResponseBody};
use crate::log::{Log, Logger};
use crate::outgoing::{Hosts, NEXT, Next, Outgoing, Ways};
pub(crate) use make::Fresh;
use pool::Pool;
pub(crate) use pool::{Answer, Queued};

/// What a component is given for its life.
pub struct Start {
    /// Its name, for logs; also its first argument.
    pub name: String,
    /// Its configuration: by `wasi:config/store` and as environment variables.
    pub config: BTreeMap<String, String>,
    /// What it may use, together with the others of its session.
    pub budget: Arc<Budget>,
    /// Greatest memory of one instance, in bytes, within that of the settings.
    pub memory: Option<u64>,
    /// How many instances of it there may be.
    pub instances: Instances,
    /// Requests an instance answers before a fresh one takes its place, within those of the
    /// settings. `None`: one if it is of 0.2, whose hosts need not give an instance more
    /// (and what some tools make does not get over a second one); else as in the settings.
    pub reuse: Option<usize>,
    /// What comes after it on the path.
    pub next: Arc<dyn Next>,
    /// Hosts it may reach besides, like `example.org` (at the usual port of the scheme) or
    /// `example.org:8080`.
    pub hosts: Vec<String>,
    /// The way to them.
    pub outgoing: Arc<dyn Outgoing>,
    /// Receives what it prints.
    pub log: Arc<dyn Log>,
}

/// How many instances of a component there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instances {
    /// As many as needed, as the settings say. Each is replaced after some requests.
    Pool,
    /// As many as needed, up to a number, within those of the settings. Each is replaced
    /// after some requests.
    UpTo(usize),
    /// One, which lives until it traps or is stopped: for a component that keeps something
    /// in memory, such as a cache.
    Keep,
}

/// A component that was started. Dropping it stops it.
pub struct Component {
    shared: Arc<Shared>,
}

/// What the component and its instances share.
pub(crate) struct Shared {
    pub(crate) wasm: Arc<Inner>,
    code: Arc<Code>,
    name: String,
    config: BTreeMap<String, String>,
    pub(crate) budget: Arc<Budget>,
    memory: u64,
    instances: usize,
    /// Requests one instance answers.
    pub(crate) reuse: usize,
    /// Whether an idle instance is kept.
    pub(crate) keep: bool,
    ways: Arc<Ways>,
    logger: Arc<Logger>,
    requests: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pool: Mutex<Pool>,
    rest: Mutex<Rest>,
}

/// Traps in a row, and until when the component rests.
#[derive(Default)]
struct Rest {
    traps: u32,
    until: Option<Instant>,
}

impl Component {
    /// Starts a component; an error says why it does not start.
    pub(crate) async fn start(
        wasm: &Arc<Inner>,
        code: Arc<Code>,
        start: Start,
    ) -> Result<Arc<Self>, String> {
        let settings = &wasm.settings;
        let hosts = Hosts::read(&start.hosts)?;
        let keep = start.instances == Instances::Keep;
        let ways = Arc::new(Ways {
            name: start.name.clone(),
            next: start.next,
            outgoing: start.outgoing,
            hosts,
            room: Arc::new(Semaphore::new(settings.outgoing_per_component)),
            counters: Arc::clone(&wasm.counters),
        });
        let most = settings.reuse.max(1);
        let reuse = start.reuse.unwrap_or(match code.world() {
            World::Proxy => 1,
            World::Service | World::Middleware => most,
        });
        let shared = Arc::new(Shared {
            code,
            name: start.name,
            config: start.config,
            budget: start.budget,
            // The pool has no room for more.
            memory: start.memory.unwrap_or(u64::MAX).min(settings.memory),
            instances: match start.instances {
                Instances::Pool => settings.instances_per_component.max(1),
                Instances::UpTo(most) => most.clamp(1, settings.instances_per_component.max(1)),
                Instances::Keep => 1,
            },
            reuse: if keep {
                usize::MAX
            } else {
                reuse.clamp(1, most)
            },
            keep,
            ways,
            logger: Logger::new(start.log, &wasm.counters, settings.log_lines),
            requests: Arc::new(Semaphore::new(settings.requests_per_component)),
            stop: CancellationToken::new(),
            pool: Mutex::default(),
            rest: Mutex::default(),
            wasm: Arc::clone(wasm),
        });
        // From here on, giving up stops what was begun.
        let component = Arc::new(Self { shared });
        let fresh = component
            .shared
            .make()
            .await
            .map_err(|error| error.to_string())?;
        component.shared.employ(fresh);
        Ok(component)
    }

    /// Answers a request. Dropping the future, or the body of the response before its end,
    /// cancels the component's work.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, CallFailure> {
        let shared = &self.shared;
        let settings = &shared.wasm.settings;
        let counters = &shared.wasm.counters;
        if shared.stop.is_cancelled() {
            return Err(CallFailure::Stopped);
        }
        shared
            .is_resting()
            .inspect_err(|_| add(&counters.backed_off, 1))?;
        let permit = Arc::clone(&shared.requests)
            .try_acquire_owned()
            .map_err(|_| {
                add(&counters.refused, 1);
                CallFailure::TooManyRequests(settings.requests_per_component)
            })?;
        add(&counters.requests, 1);
        let is_head = request.method() == Method::HEAD;
        let (request, authority) = absolute(request)?;
        let job = Job::new(authority, settings.outgoing_per_request);
        let request =
            request.map(|body| for_component(RequestBody::new(body, &job).boxed_unsync()));
        let hold = Hold::new(&job, settings.grace);
        let (answer, response) = oneshot::channel();
        let _place = shared.enqueue(Queued {
            job: Arc::clone(&job),
            request,
            answer,
        });
        let response = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Err(CallFailure::Stopped),
            response = response => response,
            () = job.stands_still_for(settings.timeout) => {
                add(&counters.timeouts, 1);
                hold.give_up();
                return Err(if job.is_taken() {
                    CallFailure::TimedOut(settings.timeout)
                } else {
                    CallFailure::Busy("none of its instances became free in time".to_owned())
                });
            }
        };
        // A sender that is gone without a word was in an instance that ended.
        let ended = || job.failure().unwrap_or(CallFailure::NoResponse);
        let response = response.map_err(|_| ended())??;
        shared.has_answered();
        let status = response.status();
        if is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            // No body comes (RFC 9110, section 6.4.1), whatever length the header names: to
            // look for one would be to miss it. The component has its grace to end.
            return Ok(response.map(|_| empty_body()));
        }
        Ok(response
            .map(|body| ResponseBody::new(from_component(body), hold, permit).boxed_unsync()))
    }

    /// Ends everything under way. Calls from now on fail.
    pub fn stop(&self) {
        self.shared.stop.cancel();
        let waiting = std::mem::take(&mut self.shared.pool().queue);
        drop(waiting);
    }

    /// Instances that live now.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.shared.pool().live
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A request with a full URI, as a component wants it, and its authority.
fn absolute(mut request: Request<Body>) -> Result<(Request<Body>, Authority), CallFailure> {
    let bad = |what: &str| CallFailure::BadRequest(what.to_owned());
    let mut parts = request.uri().clone().into_parts();
    let authority = match (parts.authority.take(), request.headers().get(header::HOST)) {
        (Some(authority), _) => authority,
        (None, Some(host)) => {
            Authority::try_from(host.as_bytes()).map_err(|_| bad("its Host is no host name"))?
        }
        (None, None) => Authority::from_static(NEXT),
    };
    parts.authority = Some(authority.clone());
    parts.scheme.get_or_insert(Scheme::HTTP);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| bad("its target is not a path"))?;
    Ok((request, authority))
}

impl Shared {
    /// An instance trapped.
    pub(crate) fn has_trapped(&self) {
        let settings = &self.wasm.settings;
        add(&self.wasm.counters.traps, 1);
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.traps = rest.traps.saturating_add(1);
        if let Some(over) = rest.traps.checked_sub(settings.traps_allowed.max(1)) {
            let factor = 1_u32.checked_shl(over).unwrap_or(u32::MAX);
            let long = settings.backoff_first.saturating_mul(factor);
            rest.until = Some(Instant::now() + long.min(settings.backoff_most));
        }
    }

    fn has_answered(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        *rest = Rest::default();
    }

    fn is_resting(&self) -> Result<(), CallFailure> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        match rest.until.map(left) {
            Some(left) if left > Duration::ZERO => Err(CallFailure::BackingOff {
                traps: rest.traps,
                rest: left,
            }),
            _ => Ok(()),
        }
    }
}
