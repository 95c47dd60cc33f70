//! How fast a transfer has to be, how fast it may be, and how often it is spoken of.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use waybook_place::{Instant, TokenBucket};

/// Tells a source that drips from one that sends. Counts only the time for which the
/// source was waited for: what this place itself takes is not the source's fault.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    brought: u64,
}

/// A whole window has brought too little.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Pace {
    /// Within every `window` of waiting at least `rate` bit/s must come, and something in
    /// any case.
    pub(super) fn new(window: Duration, rate: u64) -> Self {
        let least = u128::from(rate) * window.as_millis() / 8_000;
        Self {
            window,
            least: u64::try_from(least).unwrap_or(u64::MAX).max(1),
            waited: Duration::ZERO,
            brought: 0,
        }
    }

    /// How long may be waited before the next judgement.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    /// So many bytes were verified.
    pub(super) fn brought(&mut self, bytes: u64) {
        self.brought += bytes;
    }

    /// The source was waited for. At the end of a window it is judged.
    pub(super) fn waited(&mut self, time: Duration) -> Result<(), TooSlow> {
        self.waited += time;
        if self.waited < self.window {
            return Ok(());
        }
        let enough = self.brought >= self.least;
        (self.waited, self.brought) = (Duration::ZERO, 0);
        if enough { Ok(()) } else { Err(TooSlow) }
    }
}

/// Says when news are due: the first at once, the next ones not too often.
#[derive(Debug)]
pub(super) struct Throttle {
    every: Duration,
    last: Option<Duration>,
}

impl Throttle {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// How long until news are due, at that time, counted from any fixed moment.
    pub(super) fn left(&self, now: Duration) -> Duration {
        let next = self.last.map(|last| last + self.every);
        next.unwrap_or_default().saturating_sub(now)
    }

    /// News were told at that time.
    pub(super) fn told(&mut self, now: Duration) {
        self.last = Some(now);
    }
}

/// Holds all transfers to this place, together, to a rate.
#[derive(Debug)]
pub(super) struct Brake {
    bucket: Option<Mutex<TokenBucket>>,
    epoch: tokio::time::Instant,
}

impl Brake {
    /// A brake for `rate` bit/s, or one that holds nothing back.
    pub(super) fn new(rate: Option<u64>) -> Self {
        // Half a second's worth may come at once.
        let bucket = |rate| Mutex::new(TokenBucket::new(rate, rate / 16, Instant(0)));
        Self {
            bucket: rate.map(bucket),
            epoch: tokio::time::Instant::now(),
        }
    }

    /// Takes what has come, and says how long to wait before more is taken.
    pub(super) fn take(&self, bytes: u64) -> Duration {
        let Some(bucket) = &self.bucket else {
            return Duration::ZERO;
        };
        let since = self.epoch.elapsed().as_nanos();
        let now = Instant(u64::try_from(since).unwrap_or(u64::MAX));
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(bytes, now);
        bucket.wait(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_source_and_a_dripping_one_are_too_slow_and_a_steady_one_is_not() {
        // 80 kbit/s for 5 s are 50,000 bytes.
        let mut pace = Pace::new(5 * SECOND, 80_000);
        assert_eq!(pace.left(), 5 * SECOND);
        pace.brought(49_999);
        assert_eq!(pace.waited(4 * SECOND), Ok(()));
        assert_eq!(pace.left(), SECOND);
        assert_eq!(pace.waited(SECOND), Err(TooSlow));
        pace.brought(50_000);
        assert_eq!(pace.waited(6 * SECOND), Ok(()));
        // A new window begins with nothing.
        assert_eq!(pace.waited(5 * SECOND), Err(TooSlow));
        let mut any = Pace::new(SECOND, 0);
        any.brought(1);
        assert_eq!(any.waited(SECOND), Ok(()));
        assert_eq!(any.waited(SECOND), Err(TooSlow));
    }

    proptest! {
        #[test]
        fn the_first_news_come_at_once_and_later_ones_not_too_often(
            steps in prop::collection::vec(0_u64..500, 1..200),
        ) {
            let mut throttle = Throttle::new(Duration::from_millis(200));
            let mut now = 0;
            let mut told = Vec::new();
            for (at, step) in steps.iter().enumerate() {
                now += step;
                let time = Duration::from_millis(now);
                if throttle.left(time).is_zero() {
                    throttle.told(time);
                    told.push(now);
                } else {
                    prop_assert!(at > 0 && now < told.last().unwrap() + 200);
                }
            }
            prop_assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= 200));
        }
    }
}
