//! Holds a session to its booked bandwidth in one direction.
//!
//! Bytes ask in pieces. A piece takes its tokens when it asks and passes when the debt
//! of all who asked before it is paid, so pieces of concurrent requests take turns, and
//! a request whose client reads slowly delays nobody: nothing is held while it waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use waybook_place::{Instant, TokenBucket};

/// The largest piece of a shaped body.
pub(super) const PIECE: usize = 16 * 1024;

/// Lets bytes pass at a rate that can change, or freely.
#[derive(Debug)]
pub(super) struct Shaper {
    /// Whether there is a rate; read without the lock where there is none.
    shaped: AtomicBool,
    state: Mutex<State>,
    /// Wakes those who wait when the rate has changed.
    changed: Notify,
    epoch: tokio::time::Instant,
}

#[derive(Debug)]
struct State {
    bucket: Option<(u64, TokenBucket)>,
    /// Bytes that ever asked.
    asked: u64,
    /// Tokens of pieces that asked and were dropped before they passed.
    returned: u64,
}

/// Waits for a piece's turn.
pub(super) type Turn = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Shaper {
    /// A shaper for `rate` bit/s, or one that lets everything pass.
    pub(super) fn new(rate: Option<u64>) -> Self {
        let shaper = Self {
            shaped: AtomicBool::new(false),
            state: Mutex::new(State {
                bucket: None,
                asked: 0,
                returned: 0,
            }),
            changed: Notify::new(),
            epoch: tokio::time::Instant::now(),
        };
        shaper.set_rate(rate);
        shaper
    }

    /// Changes the rate, also for pieces that wait already.
    pub(super) fn set_rate(&self, rate: Option<u64>) {
        let now = self.now();
        let mut state = self.lock();
        match (&mut state.bucket, rate) {
            (Some((old, _)), Some(new)) if *old == new => return,
            // A new bucket, because the burst follows the rate. It takes over the debt,
            // and starts empty otherwise, so that changes collect no bursts.
            (Some((old, bucket)), Some(new)) => {
                let owed = bucket.wait(now).as_nanos() * u128::from(*old) / 8 / 1_000_000_000;
                let mut fresh = TokenBucket::new(new, burst(new), now);
                fresh.take(
                    burst(new) + u64::try_from(owed).unwrap_or(u64::MAX / 2),
                    now,
                );
                (*old, *bucket) = (new, fresh);
            }
            (bucket, Some(new)) => *bucket = Some((new, TokenBucket::new(new, burst(new), now))),
            (bucket, None) => *bucket = None,
        }
        drop(state);
        self.shaped.store(rate.is_some(), Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether bodies have to be cut into pieces.
    pub(super) fn is_shaped(&self) -> bool {
        self.shaped.load(Ordering::Acquire)
    }

    /// Asks to pass; none if the bytes may pass now.
    pub(super) fn ask(self: &Arc<Self>, bytes: usize) -> Option<Turn> {
        if !self.is_shaped() {
            return None;
        }
        let bytes = bytes as u64;
        let now = self.now();
        let mut state = self.lock();
        let before = state.asked;
        state.asked += bytes;
        let free = state.returned.min(bytes);
        state.returned -= free;
        let (_, bucket) = state.bucket.as_mut()?;
        let passes = bucket.wait(now).is_zero();
        bucket.take(bytes - free, now);
        drop(state);
        if passes {
            return None;
        }
        let mut ticket = Ticket {
            shaper: Arc::clone(self),
            before,
            bytes,
            passed: false,
        };
        Some(Box::pin(async move { ticket.pass().await }))
    }

    fn now(&self) -> Instant {
        Instant(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About 50 ms at the rate, and at least one piece.
fn burst(rate: u64) -> u64 {
    (rate / 8 / 20).max(PIECE as u64)
}

/// A piece's place in the order of asking.
struct Ticket {
    shaper: Arc<Shaper>,
    /// Bytes that had asked before it.
    before: u64,
    bytes: u64,
    passed: bool,
}

impl Ticket {
    async fn pass(&mut self) {
        loop {
            let shaper = Arc::clone(&self.shaper);
            // Made before the look at the state, so that no change is missed.
            let changed = shaper.changed.notified();
            let wait = self.wait();
            if wait.is_zero() {
                self.passed = true;
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    /// How long until the debt of all who asked earlier is paid.
    fn wait(&self) -> Duration {
        let now = self.shaper.now();
        let mut state = self.shaper.lock();
        let later = state.asked - self.before;
        let Some((rate, bucket)) = state.bucket.as_mut() else {
            return Duration::ZERO;
        };
        let all = bucket.wait(now);
        let later = u128::from(later) * 8 * 1_000_000_000 / u128::from((*rate).max(1));
        all.saturating_sub(Duration::from_nanos(
            u64::try_from(later).unwrap_or(u64::MAX),
        ))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.passed {
            self.shaper.lock().returned += self.bytes;
        }
    }
}
