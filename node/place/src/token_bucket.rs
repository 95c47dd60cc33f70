//! A token bucket: holds a flow to its booked rate. Pure, so that the daemon's data
//! plane and the simulator enforce bookings alike.

use std::time::Duration;

use crate::Instant;

/// Lets bytes pass at a rate, with a burst. Exact: nothing is lost to rounding, however
/// often it is asked.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Bit/s.
    rate: u64,
    /// The greatest level.
    burst: u128,
    /// Present level, in bit-nanoseconds per second: bits times 10^9. Negative while a
    /// piece larger than the burst is being paid off.
    level: i128,
    /// When `level` was right.
    at: Instant,
}

const SCALE: u128 = 1_000_000_000;

impl TokenBucket {
    /// A full bucket for `rate` bit/s that lets at most `burst` bytes through at once.
    #[must_use]
    pub fn new(rate: u64, burst: u64, now: Instant) -> Self {
        let burst = u128::from(burst) * 8 * SCALE;
        Self {
            rate: rate.max(1),
            burst,
            level: i128::try_from(burst).unwrap_or(i128::MAX),
            at: now,
        }
    }

    /// Changes the rate from now on.
    pub fn set_rate(&mut self, rate: u64, now: Instant) {
        self.refill(now);
        self.rate = rate.max(1);
    }

    /// How long to wait until something may pass; zero if it may now.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.refill(now);
        if self.level > 0 {
            return Duration::ZERO;
        }
        let missing = self.level.unsigned_abs() + 1;
        let nanos = missing.div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Takes what has passed. A piece may be larger than the level: the bucket then
    /// goes into debt, and the next piece waits until that is paid, so that the mean
    /// rate holds for pieces of any size.
    pub fn take(&mut self, bytes: u64, now: Instant) {
        self.refill(now);
        let cost = i128::try_from(u128::from(bytes) * 8 * SCALE).unwrap_or(i128::MAX);
        self.level = self.level.saturating_sub(cost);
    }

    fn refill(&mut self, now: Instant) {
        let nanos = now.since(self.at).as_nanos();
        self.at = self.at.max(now);
        let gain = i128::try_from(nanos * u128::from(self.rate)).unwrap_or(i128::MAX);
        let full = i128::try_from(self.burst).unwrap_or(i128::MAX);
        self.level = self.level.saturating_add(gain).min(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends pieces as fast as the bucket lets them, for `seconds`; the bytes that passed.
    fn pump(rate: u64, burst: u64, piece: u64, seconds: u64) -> u64 {
        let mut now = Instant(0);
        let end = Instant(seconds * 1_000_000_000);
        let mut bucket = TokenBucket::new(rate, burst, now);
        let mut passed = 0;
        loop {
            now = now + bucket.wait(now);
            if now >= end {
                return passed;
            }
            bucket.take(piece, now);
            passed += piece;
        }
    }

    #[test]
    fn a_booked_rate_is_held_within_a_tenth_over_five_seconds() {
        for rate in [64_000, 400_000, 4_000_000, 1_000_000_000] {
            let booked = rate / 8 * 5;
            // A burst of 50 ms at the rate, as the data plane uses.
            let passed = pump(rate, rate / 8 / 20, 1_200, 5);
            assert!(
                passed * 10 >= booked * 9 && passed * 10 <= booked * 11,
                "{passed} bytes passed of {booked} booked at {rate} bit/s"
            );
        }
    }

    proptest! {
        #[test]
        fn never_more_than_rate_and_burst_and_one_piece(
            rate in 1_000_u64..100_000_000, burst in 0_u64..100_000, piece in 1_u64..50_000,
        ) {
            let passed = pump(rate, burst, piece, 2);
            prop_assert!(passed <= rate / 8 * 2 + burst + piece + 1);
        }
    }
}
