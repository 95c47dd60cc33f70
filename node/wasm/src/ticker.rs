//! Lets the engine's epoch pass, so that a component that computes long is interrupted.
//!
//! Where no component has run for a while nothing needs to be interrupted, and the thread that
//! does it sleeps: a place that serves nothing wakes no processor.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// Ticks without a component running after which the thread sleeps.
const IDLE_TICKS: u32 = 100;

/// The thread. It ends when this is dropped.
pub(crate) struct Ticker {
    runs: Arc<Runs>,
    thread: Option<JoinHandle<()>>,
}

/// Knows whether components run.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    begun: AtomicU64,
    ended: AtomicU64,
    sleeps: AtomicBool,
    closes: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A component runs until this is dropped.
pub(crate) struct Run<'a>(&'a Runs);

impl Runs {
    /// A component runs from now on.
    pub(crate) fn begin(&self) -> Run<'_> {
        // In this order, and the thread looks in the other one: either it sees the run, or it is
        // seen to sleep.
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.sleeps.load(Ordering::SeqCst) {
            self.wake();
        }
        Run(self)
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// How many runs have begun, and whether one is under way.
    fn look(&self) -> (u64, bool) {
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun, begun != ended)
    }

    fn tick(&self, engine: &Engine, tick: Duration) {
        let (mut seen, mut idle) = (0, 0);
        while !self.closes.load(Ordering::SeqCst) {
            std::thread::park_timeout(tick);
            engine.increment_epoch();
            let (begun, runs) = self.look();
            idle = if runs || begun != seen { 0 } else { idle + 1 };
            seen = begun;
            if idle >= IDLE_TICKS {
                self.sleeps.store(true, Ordering::SeqCst);
                if self.look() == (seen, false) && !self.closes.load(Ordering::SeqCst) {
                    std::thread::park();
                }
                self.sleeps.store(false, Ordering::SeqCst);
                idle = 0;
            }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Ticker {
    /// Starts the thread; the epoch passes every `tick`.
    pub(crate) fn start(engine: &Engine, tick: Duration) -> io::Result<Self> {
        let runs = Arc::<Runs>::default();
        let (engine, ticking) = (engine.clone(), runs.clone());
        let thread = std::thread::Builder::new()
            .name("waybook-epoch".to_owned())
            .spawn(move || ticking.tick(&engine, tick))?;
        let _ = runs.thread.set(thread.thread().clone());
        Ok(Self {
            runs,
            thread: Some(thread),
        })
    }

    /// To say that a component runs.
    pub(crate) fn runs(&self) -> &Arc<Runs> {
        &self.runs
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.runs.closes.store(true, Ordering::SeqCst);
        self.runs.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The thread woke a hundred times a second in places that had no component.
    #[test]
    fn it_sleeps_while_nothing_runs_and_wakes_when_something_does() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine, Duration::from_micros(100)).unwrap();
        let runs = ticker.runs().clone();
        let sleeps = || runs.sleeps.load(Ordering::SeqCst);
        for _ in 0..3 {
            until("asleep", sleeps);
            let run = runs.begin();
            until("awake", || !sleeps());
            drop(run);
        }
        until("asleep", sleeps);
        drop(ticker);
    }
}
