//! What is known of one instance from outside its store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;
use wasmtime::component::GuestTaskId;

use crate::failure::CallFailure;
use crate::job::Job;

/// So many requests are remembered before those that are over are forgotten.
const MANY: usize = 64;

/// One instance of a component.
#[derive(Default)]
pub(crate) struct Instance {
    /// Wakes the task that owns the store.
    worker: AtomicWaker,
    /// Set when the component was interrupted while computing.
    pub(crate) computing: AtomicBool,
    /// Memory was refused since there was last no request in the instance.
    pub(crate) short_of_memory: AtomicBool,
    jobs: Mutex<Vec<Entry>>,
    work: Mutex<Work>,
}

/// A request in the instance.
struct Entry {
    task: GuestTaskId,
    job: Arc<Job>,
    /// What its count of movements was, and since when.
    moved: u64,
    since: Instant,
}

/// Whether the store is being polled.
#[derive(Default)]
struct Work {
    by: Option<ThreadId>,
    wakers: Vec<Waker>,
}

/// How the requests of an instance stand.
#[derive(Default)]
pub(crate) struct Standing {
    /// There are requests.
    pub(crate) any: bool,
    /// The client of some request has gone and its grace is over.
    pub(crate) some_overdue: bool,
    /// This holds for all of them.
    pub(crate) all_overdue: bool,
    /// For how long nothing has moved, of any.
    pub(crate) still: Duration,
    /// The last request that ended did so because its client went away.
    pub(crate) left: bool,
}

impl Instance {
    pub(crate) fn wake(&self) {
        self.worker.wake();
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.worker.register(waker);
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, task: GuestTaskId, job: &Arc<Job>) {
        let mut jobs = self.jobs();
        if jobs.len() >= MANY {
            jobs.retain(|entry| !entry.job.is_over());
        }
        jobs.push(Entry {
            task,
            job: Arc::clone(job),
            moved: job.moved(),
            since: Instant::now(),
        });
    }

    /// The request on whose behalf these tasks run; without tasks, the only one that the
    /// component is answering.
    pub(crate) fn job_of(&self, tasks: &[GuestTaskId]) -> Option<Arc<Job>> {
        let jobs = self.jobs();
        let found = jobs.iter().rev().find(|entry| tasks.contains(&entry.task));
        let mut answering = jobs.iter().filter(|entry| !entry.job.has_returned());
        let only = answering.next().filter(|_| answering.next().is_none());
        found.or(only).map(|entry| Arc::clone(&entry.job))
    }

    /// Forgets requests that are over, and tells how the others stand.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let mut standing = Standing {
            all_overdue: true,
            still: Duration::MAX,
            ..Standing::default()
        };
        self.jobs().retain_mut(|entry| {
            let gone = entry.job.gone();
            if entry.job.is_over() {
                standing.left = gone.is_some();
                return false;
            }
            let overdue = gone.is_some_and(|until| now >= until);
            let moved = entry.job.moved();
            if moved != entry.moved {
                entry.moved = moved;
                entry.since = now;
            }
            standing.any = true;
            standing.some_overdue |= overdue;
            standing.all_overdue &= overdue;
            standing.still = standing.still.min(now - entry.since);
            true
        });
        standing.all_overdue &= standing.any;
        standing
    }

    /// Whether a client still reads.
    pub(crate) fn is_needed(&self) -> bool {
        self.jobs().iter().any(|entry| !entry.job.is_over())
    }

    /// All requests that are not over fail. Before the store is dropped, for this makes
    /// their bodies end. Tells how many of them still had a client.
    pub(crate) fn fail(&self, failure: &CallFailure) -> u64 {
        let mut waited_for = 0;
        for entry in self.jobs().drain(..) {
            waited_for += u64::from(!entry.job.is_left());
            entry.job.fail(failure.clone());
        }
        waited_for
    }

    /// The store is about to be polled.
    pub(crate) fn begin(&self) {
        self.computing.store(false, Ordering::Relaxed);
        self.work().by = Some(std::thread::current().id());
    }

    /// The store was polled, and failures were told.
    pub(crate) fn end(&self) {
        let mut work = self.work();
        work.by = None;
        for waker in work.wakers.drain(..) {
            waker.wake();
        }
    }

    /// Ready when no other thread polls the store, which may be about to trap.
    pub(crate) fn poll_at_rest(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut work = self.work();
        match work.by {
            Some(thread) if thread != std::thread::current().id() => {
                work.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}
