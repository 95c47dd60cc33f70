//! The task that owns an instance: gives it requests, watches over it, and ends it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep};
use wasmtime::component::Accessor;
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{WasiHttpView, p3};

use crate::budget::Metered;
use crate::component::{Answer, Fresh, Queued, Shared};
use crate::counters::{add, sub};
use crate::failure::CallFailure;
use crate::guest::Guest;
use crate::instance::Instance;

/// How an instance ended.
enum End {
    /// It had answered enough, or had nothing to do.
    Well,
    Trapped(wasmtime::Error),
    /// It went on for too long with what nobody waited for, or only computed.
    TimedOut,
    Stopped,
}

/// Runs an instance until its end.
pub(crate) async fn work(shared: &Arc<Shared>, worker: u64, fresh: Fresh) {
    add(&shared.wasm.counters.instances_live, 1);
    let Fresh {
        mut store,
        proxy,
        instance,
    } = fresh;
    // Also when the host panics: a request must not wait for what is no more.
    let _live = Live {
        shared,
        instance: &instance,
    };
    let watch = Watch::default();
    let end = {
        let answering = store.run_concurrent(async |accessor| {
            answer_requests(shared, worker, &proxy, &instance, &watch, accessor).await
        });
        let answering = async { answering.await.flatten() };
        watch_over(shared, &instance, &watch, answering).await
    };
    shared.not_available(worker);
    let failure = match end {
        End::Well => return,
        End::Trapped(error) => {
            shared.has_trapped();
            let short = instance.short_of_memory.load(Ordering::Relaxed);
            let failure = trapped(&error, short);
            tracing::info!(%failure, "an instance of a component trapped");
            failure
        }
        End::TimedOut => CallFailure::TimedOut(shared.wasm.settings.timeout),
        End::Stopped => CallFailure::Stopped,
    };
    let failed = instance.fail(&failure);
    if matches!(failure, CallFailure::TimedOut(_)) {
        add(&shared.wasm.counters.timeouts, failed);
    }
}

/// An error of wasmtime, in one line.
pub(crate) fn describe(error: &wasmtime::Error) -> String {
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        return trap.to_string();
    }
    error.root_cause().to_string()
}

fn trapped(error: &wasmtime::Error, short_of_memory: bool) -> CallFailure {
    if short_of_memory {
        CallFailure::OutOfMemory
    } else {
        CallFailure::Trapped(describe(error))
    }
}

/// Counts an instance, and lets its requests fail at its end, before the store is dropped.
struct Live<'a> {
    shared: &'a Shared,
    instance: &'a Arc<Instance>,
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        sub(&self.shared.wasm.counters.instances_live, 1);
        let failure = CallFailure::Trapped("its instance ended".to_owned());
        self.instance.fail(&failure);
    }
}

/// What the two halves of a worker, inside the store and outside, tell each other.
#[derive(Default)]
struct Watch {
    /// Take no more requests.
    retire: AtomicBool,
    /// All requests inside wait for something, so that there is time for another.
    idle: AtomicBool,
    /// The component goes on with something though no call is under way.
    busy_behind: AtomicBool,
}

/// Inside the store: takes requests and gives them to the component.
async fn answer_requests(
    shared: &Arc<Shared>,
    worker: u64,
    proxy: &Proxy,
    instance: &Arc<Instance>,
    watch: &Watch,
    accessor: &Accessor<Guest>,
) -> wasmtime::Result<()> {
    let (func, at_once) = match proxy {
        Proxy::P2(guest) => (*guest.wasi_http_incoming_handler().func_handle().func(), 1),
        Proxy::P3(guest) => (
            *guest.wasi_http_handler().func_handle().func(),
            shared.wasm.settings.requests_per_instance.max(1),
        ),
    };
    let mut running: FuturesUnordered<BoxFuture<'_, wasmtime::Result<()>>> =
        FuturesUnordered::new();
    let mut taken = 0_usize;
    std::future::poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(done)) = running.poll_next_unpin(cx) {
                if let Err(error) = done {
                    return Poll::Ready(Err(error));
                }
            }
            let enough = watch.retire.load(Ordering::Relaxed) || taken >= shared.reuse;
            let ready = accessor.poll_ready_for_concurrent_call(func, cx).is_ready();
            let time = running.is_empty() || watch.idle.load(Ordering::Relaxed);
            if !enough && ready && time && running.len() < at_once {
                if let Some(queued) = shared.next_request(worker, cx.waker()) {
                    taken += 1;
                    watch.idle.store(false, Ordering::Relaxed);
                    if running.is_empty() {
                        // What earlier requests were refused they did without.
                        instance.short_of_memory.store(false, Ordering::Relaxed);
                    }
                    running.push(answer(queued, proxy, instance, accessor));
                    continue;
                }
            } else {
                shared.not_available(worker);
            }
            let behind = accessor.poll_no_interesting_tasks(cx).is_pending();
            watch.busy_behind.store(behind, Ordering::Relaxed);
            if enough && running.is_empty() && !behind && !instance.is_needed() {
                return Poll::Ready(Ok(()));
            }
            return Poll::Pending;
        }
    })
    .await
}

/// Gives the component one request. The future is ready when its function has returned; an
/// error is a trap.
fn answer<'a>(
    queued: Queued,
    proxy: &'a Proxy,
    instance: &Arc<Instance>,
    accessor: &'a Accessor<Guest>,
) -> BoxFuture<'a, wasmtime::Result<()>> {
    let job = Arc::clone(&queued.job);
    job.taken_by(instance);
    let returned = Arc::clone(&job);
    let instance = Arc::clone(instance);
    Box::pin(async move {
        match proxy {
            Proxy::P2(guest) => answer_p2(queued, guest, &instance, accessor).await,
            Proxy::P3(guest) => answer_p3(queued, guest, &instance, accessor).await,
        }?;
        returned.returned();
        Ok(())
    })
}

async fn answer_p2(
    queued: Queued,
    guest: &wasmtime_wasi_http::p2::bindings::Proxy,
    instance: &Arc<Instance>,
    accessor: &Accessor<Guest>,
) -> wasmtime::Result<()> {
    let handler = guest.wasi_http_incoming_handler().func_handle();
    let Queued {
        job,
        request,
        answer,
    } = queued;
    let call = accessor.with(|mut access| {
        let mut http = access.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let out = http.new_response_outparam_from_callback(move |response| {
            let refused = |error| CallFailure::Refused(format!("{error:?}"));
            let _ = answer.send(response.map_err(refused));
        })?;
        let call = handler.start_call_concurrent(&mut access, (request, out))?;
        instance.add(call.task(), &job);
        wasmtime::error::Ok(call)
    })?;
    handler.finish_call_concurrent(accessor, call).await
}

async fn answer_p3(
    queued: Queued,
    guest: &p3::bindings::Service,
    instance: &Arc<Instance>,
    accessor: &Accessor<Guest>,
) -> wasmtime::Result<()> {
    let handler = guest.wasi_http_handler().func_handle();
    let Queued {
        job,
        request,
        answer,
    } = queued;
    let (call, received) = accessor.with(|mut access| {
        let guest = access.data_mut();
        let (request, received) = p3::Request::from_http(&mut guest.hooks, request);
        let received: BoxFuture<'static, _> = Box::pin(received);
        let request = guest.table.push(request)?;
        let call = handler.start_call_concurrent(&mut access, (request,))?;
        instance.add(call.task(), &job);
        wasmtime::error::Ok((call, received))
    })?;
    let (response,) = handler.finish_call_concurrent(accessor, call).await?;
    let answered = match response {
        Ok(response) => accessor.with(|mut access| {
            let response = access.data_mut().table.delete(response)?;
            // Headers that contradict themselves are this answer's fault only.
            let made = response.into_http(&mut access, received);
            wasmtime::error::Ok(made.map_err(|error| CallFailure::Refused(describe(&error))))
        })?,
        Err(error) => Err(CallFailure::Refused(format!("{error:?}"))),
    };
    answer_with(answer, answered);
    Ok(())
}

fn answer_with(
    answer: Answer,
    answered: Result<http::Response<wasmtime_wasi_http::WasiBody>, CallFailure>,
) {
    // A client that has gone is no error.
    let _ = answer.send(answered);
}

/// Outside the store: polls what is inside as the budget allows, and ends it when it must
/// end. A component that computes or waits keeps the inside from being polled, so whatever
/// must work always is here.
async fn watch_over(
    shared: &Shared,
    instance: &Arc<Instance>,
    watch: &Watch,
    answering: impl Future<Output = wasmtime::Result<()>>,
) -> End {
    let mut answering = pin!(answering);
    let mut stopped = pin!(shared.stop.cancelled());
    let mut metered = Metered::new(&shared.budget, shared.wasm.ticker.runs());
    let mut overseer = Overseer::new(shared);
    std::future::poll_fn(|cx| {
        instance.register(cx.waker());
        if stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::Stopped);
        }
        if let Poll::Ready(end) = overseer.poll(cx, instance, watch) {
            return Poll::Ready(end);
        }
        let polled = metered.poll(cx, |cx| {
            instance.begin();
            let mut polled = answering.as_mut().poll(cx);
            let computing = instance.computing.load(Ordering::Relaxed);
            // All inside wait: another request may come in.
            if polled.is_pending() && !computing && !watch.idle.swap(true, Ordering::Relaxed) {
                polled = answering.as_mut().poll(cx);
            }
            if let Poll::Ready(Err(error)) = &polled {
                let short = instance.short_of_memory.load(Ordering::Relaxed);
                instance.fail(&trapped(error, short));
            }
            instance.end();
            polled
        });
        overseer.computes(instance.computing.load(Ordering::Relaxed) && polled.is_pending());
        polled.map(|ended| match ended {
            Ok(()) => End::Well,
            Err(error) => End::Trapped(error),
        })
    })
    .await
}

/// Looks from time to time whether an instance must end.
struct Overseer<'a> {
    shared: &'a Shared,
    beat: Duration,
    sleep: Pin<Box<Sleep>>,
    /// Since when the component has been computing without a pause.
    computes: Option<Instant>,
    /// Since when there are no requests, and whether the last client went away.
    free: Option<(Instant, bool)>,
}

impl<'a> Overseer<'a> {
    fn new(shared: &'a Shared) -> Self {
        let settings = &shared.wasm.settings;
        let shortest = settings.timeout.min(settings.grace).min(settings.idle);
        let beat = (shortest / 4).clamp(Duration::from_millis(5), Duration::from_millis(500));
        Self {
            shared,
            beat,
            sleep: Box::pin(tokio::time::sleep(beat)),
            computes: None,
            free: None,
        }
    }

    fn computes(&mut self, computes: bool) {
        match (computes, self.computes) {
            (true, None) => self.computes = Some(Instant::now()),
            (false, Some(_)) => self.computes = None,
            _ => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, instance: &Instance, watch: &Watch) -> Poll<End> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            self.sleep.as_mut().reset(now + self.beat);
            if let Some(end) = self.look(now, instance, watch) {
                return Poll::Ready(end);
            }
        }
        Poll::Pending
    }

    fn look(&mut self, now: Instant, instance: &Instance, watch: &Watch) -> Option<End> {
        let settings = &self.shared.wasm.settings;
        let standing = instance.standing(now);
        if standing.some_overdue {
            // The others may finish; then the instance ends.
            watch.retire.store(true, Ordering::Relaxed);
            instance.wake();
        }
        if standing.all_overdue {
            return Some(End::TimedOut);
        }
        let computes = self.computes.map_or(Duration::ZERO, |since| now - since);
        if computes >= settings.timeout && standing.still >= settings.timeout {
            return Some(End::TimedOut);
        }
        if standing.any {
            self.free = None;
            return None;
        }
        let (since, left) = *self.free.get_or_insert((now, standing.left));
        let free = now - since;
        if watch.busy_behind.load(Ordering::Relaxed) {
            let patience = if left {
                settings.grace
            } else {
                settings.timeout
            };
            return (free >= patience).then_some(End::TimedOut);
        }
        (free >= settings.idle && !self.shared.keep).then_some(End::Well)
    }
}
