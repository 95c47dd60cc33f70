//! Averages over time of what changes in steps.

use waybook_place::Instant;

/// The integral of a step function, and its extremes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeAverage {
    /// From when on it is averaged.
    pub from: Instant,
    /// When the value changed last.
    pub since: Instant,
    /// The value since then.
    pub value: f64,
    /// The integral up to then, in units of the value times seconds.
    pub area: f64,
    /// The smallest value so far.
    pub least: f64,
    /// The greatest value so far.
    pub greatest: f64,
}

impl TimeAverage {
    /// That value from then on.
    #[must_use]
    pub fn new(from: Instant, value: f64) -> Self {
        Self {
            from,
            since: from,
            value,
            area: 0.0,
            least: value,
            greatest: value,
        }
    }

    /// Another value from now on. Times before the last change count as that.
    pub fn set(&mut self, now: Instant, value: f64) {
        self.area += self.value * now.since(self.since).as_secs_f64();
        self.since = self.since.max(now);
        self.value = value;
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    /// Forgets what was, but for the value: the warm-up is over.
    pub fn restart(&mut self, now: Instant) {
        *self = Self::new(now.max(self.since), self.value);
    }

    /// The average up to now; the value itself if no time has passed.
    #[must_use]
    pub fn mean(&self, now: Instant) -> f64 {
        let now = now.max(self.since);
        let length = now.since(self.from).as_secs_f64();
        if length == 0.0 {
            return self.value;
        }
        (self.area + self.value * now.since(self.since).as_secs_f64()) / length
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn by_hand() {
        let mut average = TimeAverage::new(at(10), 2.0);
        assert_eq!(average.mean(at(10)), 2.0);
        average.set(at(13), 5.0);
        average.set(at(14), 0.0);
        assert_eq!(average.mean(at(20)), (6.0 + 5.0) / 10.0);
        assert_eq!((average.least, average.greatest), (0.0, 5.0));
        average.set(at(20), 4.0);
        average.restart(at(30));
        average.set(at(31), 6.0);
        assert_eq!(average.mean(at(32)), 5.0);
        assert_eq!((average.least, average.greatest), (4.0, 6.0));
    }

    proptest! {
        /// Two windows side by side average to the whole.
        #[test]
        fn windows_add_up(steps in vec((1u64..100, -5.0..5.0f64), 2..30), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(steps.len());
            let mut whole = TimeAverage::new(at(0), 1.0);
            let mut part = whole;
            let (mut now, mut first) = (0, (0.0, 0.0));
            for (n, (wait, value)) in steps.iter().enumerate() {
                now += wait;
                whole.set(at(now), *value);
                part.set(at(now), *value);
                if n == cut {
                    first = (part.mean(at(now)), now as f64);
                    part.restart(at(now));
                }
            }
            let end = now + 7;
            let second = part.mean(at(end)) * (end as f64 - first.1);
            let sum = first.0 * first.1 + second;
            prop_assert!((whole.mean(at(end)) * end as f64 - sum).abs() < 1e-6);
        }
    }
}
