//! Requests that wait, and the workers that take them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::Waker;

use http::{Request, Response};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiBody;

use super::Shared;
use super::make::Fresh;
use crate::failure::CallFailure;
use crate::job::Job;
use crate::worker;

/// Requests that wait, and instances that take them.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) queue: VecDeque<Queued>,
    /// Workers that wait for a request.
    available: Vec<(u64, Waker)>,
    /// Workers that were told to look for one and have not yet.
    coming: BTreeSet<u64>,
    /// No further instance could be made. Tried again when one goes or a request comes.
    full: bool,
    pub(super) live: usize,
    last: u64,
}

/// A request that waits for an instance.
pub(crate) struct Queued {
    pub(crate) job: Arc<Job>,
    pub(crate) request: Request<WasiBody>,
    pub(crate) answer: Answer,
}

/// Where the response goes.
pub(crate) type Answer = oneshot::Sender<Result<Response<WasiBody>, CallFailure>>;

/// A request's place in the queue, which it leaves when nobody wants it any more.
pub(super) struct Place<'a> {
    shared: &'a Shared,
    job: Arc<Job>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.job.is_taken() {
            let mut pool = self.shared.pool();
            pool.queue
                .retain(|queued| !Arc::ptr_eq(&queued.job, &self.job));
        }
    }
}

impl Shared {
    pub(super) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enqueue(self: &Arc<Self>, queued: Queued) -> Place<'_> {
        let job = Arc::clone(&queued.job);
        let mut pool = self.pool();
        pool.queue.push_back(queued);
        pool.full = false;
        self.dispatch(&mut pool);
        Place { shared: self, job }
    }

    /// Sees that each waiting request has a worker that is coming for it, if there may be one.
    fn dispatch(self: &Arc<Self>, pool: &mut Pool) {
        while pool.queue.len() > pool.coming.len() && !self.stop.is_cancelled() {
            if let Some((worker, waker)) = pool.available.pop() {
                pool.coming.insert(worker);
                waker.wake();
            } else if pool.live < self.instances && (pool.live == 0 || !pool.full) {
                let worker = pool.hire();
                let shared = Arc::clone(self);
                self.wasm.spawn(async move {
                    let mut place = Employed::new(shared, worker);
                    let stop = &place.shared.stop;
                    match stop.run_until_cancelled(place.shared.make()).await {
                        Some(Ok(fresh)) => worker::work(&place.shared, worker, fresh).await,
                        Some(Err(failure)) => {
                            place.leaves_room = false;
                            place.shared.could_not_make(worker, &failure);
                        }
                        None => {}
                    }
                });
            } else {
                break;
            }
        }
    }

    /// Gives an instance a worker.
    pub(super) fn employ(self: &Arc<Self>, fresh: Fresh) {
        let worker = self.pool().hire();
        let shared = Arc::clone(self);
        self.wasm.spawn(async move {
            let place = Employed::new(shared, worker);
            worker::work(&place.shared, worker, fresh).await;
        });
    }

    /// A request for that worker, or none: then `waker` is woken when there is one.
    pub(crate) fn next_request(&self, worker: u64, waker: &Waker) -> Option<Queued> {
        let mut pool = self.pool();
        pool.absent(worker);
        let queued = pool.queue.pop_front();
        if queued.is_none() {
            pool.available.push((worker, waker.clone()));
        }
        queued
    }

    /// That worker cannot take requests now.
    pub(crate) fn not_available(self: &Arc<Self>, worker: u64) {
        let mut pool = self.pool();
        pool.absent(worker);
        self.dispatch(&mut pool);
    }

    /// Without any instance no request that waits will be answered; with one, it may.
    fn could_not_make(&self, worker: u64, failure: &CallFailure) {
        let mut pool = self.pool();
        pool.absent(worker);
        let failed: Vec<_> = if pool.live > 1 {
            pool.full = true;
            Vec::new()
        } else {
            pool.queue.drain(..).collect()
        };
        drop(pool);
        for queued in failed {
            let _ = queued.answer.send(Err(failure.clone()));
        }
    }
}

impl Pool {
    /// A place for a worker, who will look for a request.
    fn hire(&mut self) -> u64 {
        self.live += 1;
        self.last += 1;
        self.coming.insert(self.last);
        self.last
    }

    fn absent(&mut self, worker: u64) {
        self.coming.remove(&worker);
        self.available.retain(|(one, _)| *one != worker);
    }
}

/// A worker's place in the pool. When it is left, others take over what waits.
struct Employed {
    shared: Arc<Shared>,
    worker: u64,
    /// Whether there is room for another instance when this one is gone.
    leaves_room: bool,
}

impl Employed {
    fn new(shared: Arc<Shared>, worker: u64) -> Self {
        Self {
            shared,
            worker,
            leaves_room: true,
        }
    }
}

impl Drop for Employed {
    fn drop(&mut self) {
        let mut pool = self.shared.pool();
        pool.absent(self.worker);
        pool.live -= 1;
        pool.full &= !self.leaves_room;
        self.shared.dispatch(&mut pool);
    }
}
