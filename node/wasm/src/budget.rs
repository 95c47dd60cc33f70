//! What the components of one session may use at this place.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, Sleep};

use crate::ticker::Runs;
/// How much processor time may be saved up: what the share brings in this time.
const BURST: Duration = Duration::from_millis(100);

/// The longest rest at once, so that a share that was raised shows soon.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// An account of memory and processor time, shared by all components of a session at one
/// place. It may be changed while they run.
#[derive(Debug)]
pub struct Budget {
    memory: AtomicU64,
    used: AtomicU64,
    processor: Mutex<Bucket>,
}

/// A token bucket of processor time, in nanoseconds.
#[derive(Debug)]
struct Bucket {
    thousandths: u32,
    /// Below nought when more was used than there was.
    level: i64,
    filled: Instant,
    used: Duration,
}

impl Budget {
    /// An account of `memory` bytes of linear memory and `processor` thousandths of one
    /// processor. A share of nought counts as one thousandth.
    #[must_use]
    pub fn new(memory: u64, processor: u32) -> Arc<Self> {
        let thousandths = processor.max(1);
        Arc::new(Self {
            memory: AtomicU64::new(memory),
            used: AtomicU64::new(0),
            processor: Mutex::new(Bucket {
                thousandths,
                level: most(thousandths),
                filled: Instant::now(),
                used: Duration::ZERO,
            }),
        })
    }

    /// Changes the memory, in bytes. What is in use stays; no more is given while it is over.
    pub fn set_memory(&self, memory: u64) {
        self.memory.store(memory, Ordering::Relaxed);
    }

    /// Changes the share, in thousandths of one processor.
    pub fn set_processor(&self, processor: u32) {
        let mut bucket = self.bucket();
        bucket.fill();
        bucket.thousandths = processor.max(1);
        bucket.level = bucket.level.min(most(bucket.thousandths));
    }

    /// Linear memory in use, in bytes.
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Processor time used so far.
    #[must_use]
    pub fn processor_used(&self) -> Duration {
        self.bucket().used
    }

    /// Takes memory, if there is so much.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let most = self.memory.load(Ordering::Relaxed);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= most)
            })
            .is_ok()
    }

    /// Gives memory back.
    pub(crate) fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.processor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn charge(&self, used: Duration) {
        let mut bucket = self.bucket();
        bucket.fill();
        bucket.used += used;
        bucket.level = bucket.level.saturating_sub(nanos(used));
    }

    /// How long to rest until the share suffices again.
    fn debt(&self) -> Option<Duration> {
        let mut bucket = self.bucket();
        if bucket.level >= 0 {
            return None;
        }
        bucket.fill();
        let owed = u64::try_from(-bucket.level).ok().filter(|owed| *owed > 0)?;
        let rest = owed.saturating_mul(1000) / u64::from(bucket.thousandths);
        Some(Duration::from_nanos(rest).clamp(Duration::from_millis(1), LONGEST_REST))
    }
}

impl Bucket {
    fn fill(&mut self) {
        let now = Instant::now();
        let gained = nanos(now - self.filled).saturating_mul(i64::from(self.thousandths)) / 1000;
        // What a short time brings may be less than a nanosecond: keep it for later.
        if gained > 0 {
            self.filled = now;
            self.level = self
                .level
                .saturating_add(gained)
                .min(most(self.thousandths));
        }
    }
}

fn most(thousandths: u32) -> i64 {
    nanos(BURST).saturating_mul(i64::from(thousandths)) / 1000
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// Polls what runs in a component as long as its budget lasts. A component that runs long
/// is interrupted by the epoch and so is polled again and again.
pub(crate) struct Metered {
    budget: Arc<Budget>,
    runs: Arc<Runs>,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    pub(crate) fn new(budget: &Arc<Budget>, runs: &Arc<Runs>) -> Self {
        Self {
            budget: Arc::clone(budget),
            runs: Arc::clone(runs),
            rest: None,
        }
    }

    /// Polls `work`, or waits until the share suffices.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        while let Some(rest) = self.budget.debt() {
            let sleep = self
                .rest
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(rest)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.rest = None;
        }
        self.rest = None;
        let before = thread_time();
        let run = self.runs.begin();
        let polled = work(cx);
        drop(run);
        self.budget.charge(thread_time().saturating_sub(before));
        polled
    }

    /// As [`poll`](Self::poll), to the end.
    pub(crate) async fn run<F: Future>(mut self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| self.poll(cx, |cx| work.as_mut().poll(cx))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_up_to_the_limit_and_taken_back() {
        let budget = Budget::new(100, 1000);
        assert!(budget.take(60));
        assert!(!budget.take(41));
        assert!(budget.take(40));
        budget.give(60);
        assert_eq!(budget.memory_used(), 40);
        budget.set_memory(30);
        assert!(!budget.take(0));
        assert!(!budget.take(u64::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_that_is_used_up_comes_back_with_time() {
        let budget = Budget::new(0, 500);
        assert_eq!(budget.debt(), None);
        // 50 ms are saved up; 60 ms leave a debt of 10, which half a processor pays in 20.
        budget.charge(Duration::from_millis(60));
        assert_eq!(budget.debt(), Some(Duration::from_millis(20)));
        tokio::time::advance(Duration::from_millis(12)).await;
        assert_eq!(budget.debt(), Some(Duration::from_millis(8)));
        budget.set_processor(2000);
        assert_eq!(budget.debt(), Some(Duration::from_millis(2)));
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(budget.debt(), None);
        assert_eq!(budget.processor_used(), Duration::from_millis(60));
    }
}
