//! Little's law, checked on every run.
//!
//! J. D. C. Little, "A proof for the queuing formula L = lambda W", Operations Research 9, 1961: the mean
//! number present is the arrival rate times the mean stay. In the limit, that is; over a window of time
//! it fails at the edges, because whoever was there when the window began was counted as present but
//! did not arrive in it, and whoever is there when it ends has not finished the stay.
//!
//! It is exact if a stay counts as what of it lies within the window (S. Stidham, "A last word on
//! L = lambda W", Operations Research 22, 1974): the integral of the number present is then the sum of the
//! stays, whatever happened. Both are kept here in whole nanoseconds, the one from a counter that only
//! goes up and down, the other from when each session says that it arrived and left. If they differ by
//! one nanosecond, a session was lost, counted twice or given a wrong time.

use waybook_place::Instant;

/// What is present in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Little {
    /// When the window begins. Events before it only say who is there then.
    pub from: Instant,
    /// When something happened last, or the window's beginning.
    pub last: Instant,
    /// How many are present, by counting up and down.
    pub present: u64,
    /// The integral of that number over the window so far, in nanoseconds.
    pub area: u128,
    /// How many were present when the window began.
    pub carried_in: u64,
    /// How many arrived in the window.
    pub arrivals: u64,
    /// How many left in the window.
    pub departures: u64,
    /// The sum of what of their stays was within the window, of those who left, in nanoseconds.
    pub stays: u128,
    /// The sum of their whole stays, in nanoseconds.
    pub whole_stays: u128,
    /// How many left that were not there, or before they came.
    pub impossible: u64,
}

/// Little's law over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Balance {
    /// The mean number present, by the counter.
    pub mean_present: f64,
    /// Arrivals per second.
    pub arrival_rate: f64,
    /// The sum of stays within the window over the number of arrivals, in seconds: with edges
    /// corrected, so that the law is exact.
    pub mean_stay: f64,
    /// The mean whole stay of those who left in the window, in seconds; the law holds with it up to
    /// the edges.
    pub mean_whole_stay: f64,
    /// By how many nanoseconds the counter's integral exceeds the sum of stays.
    pub gap: i128,
    /// Whether the law holds exactly, and everybody is accounted for.
    pub holds: bool,
}

impl Little {
    /// A window that begins then, with nobody there yet. Arrivals and departures are told from the
    /// run's beginning on, in order of time.
    #[must_use]
    pub fn new(from: Instant) -> Self {
        Self {
            from,
            last: from,
            present: 0,
            area: 0,
            carried_in: 0,
            arrivals: 0,
            departures: 0,
            stays: 0,
            whole_stays: 0,
            impossible: 0,
        }
    }

    /// Somebody arrives.
    pub fn arrives(&mut self, now: Instant) {
        self.pass(now);
        self.present += 1;
        if now < self.from {
            self.carried_in += 1;
        } else {
            self.arrivals += 1;
        }
    }

    /// Somebody leaves who says to have arrived then.
    pub fn leaves(&mut self, now: Instant, arrived: Instant) {
        self.pass(now);
        if self.present == 0 || arrived > now {
            self.impossible += 1;
            return;
        }
        self.present -= 1;
        if now < self.from {
            self.carried_in = self.carried_in.saturating_sub(1);
        } else {
            self.departures += 1;
            self.stays += between(arrived.max(self.from), now);
            self.whole_stays += between(arrived, now);
        }
    }

    /// The law over the window up to now; `still` are the arrivals of those who are there.
    #[must_use]
    pub fn balance(mut self, now: Instant, still: impl IntoIterator<Item = Instant>) -> Balance {
        self.pass(now);
        let mut staying = 0;
        let mut stays = self.stays;
        for arrived in still {
            staying += 1;
            stays += between(arrived.max(self.from), now);
        }
        let seconds = now.since(self.from).as_secs_f64();
        let over = |sum: u128, number: u64| {
            if number == 0 {
                0.0
            } else {
                sum as f64 / 1e9 / number as f64
            }
        };
        let per_second = |number: f64| if seconds > 0.0 { number / seconds } else { 0.0 };
        let gap = self.area as i128 - stays as i128;
        let came = self.carried_in + self.arrivals;
        let accounted = staying == self.present && came == self.departures + self.present;
        Balance {
            mean_present: per_second(self.area as f64 / 1e9),
            arrival_rate: per_second(self.arrivals as f64),
            mean_stay: over(stays, self.arrivals),
            mean_whole_stay: over(self.whole_stays, self.departures),
            gap,
            holds: gap == 0 && accounted && self.impossible == 0,
        }
    }

    fn pass(&mut self, now: Instant) {
        self.area += u128::from(self.present) * between(self.last, now);
        self.last = self.last.max(now);
    }
}

fn between(from: Instant, to: Instant) -> u128 {
    u128::from(to.0.saturating_sub(from.0))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000_000)
    }

    #[test]
    fn by_hand() {
        // In the window from 10 to 20: one there from 4 to 12, one from 11 to 17, one from 18 on.
        let mut little = Little::new(at(10));
        little.arrives(at(1));
        little.leaves(at(3), at(1));
        little.arrives(at(4));
        little.arrives(at(11));
        little.leaves(at(12), at(4));
        little.leaves(at(17), at(11));
        little.arrives(at(18));
        let balance = little.balance(at(20), [at(18)]);
        assert!(balance.holds && balance.gap == 0);
        assert_eq!(balance.mean_present, (2.0 + 6.0 + 2.0) / 10.0);
        assert_eq!(balance.arrival_rate, 0.2);
        assert_eq!(balance.mean_stay, 5.0);
        assert_eq!(balance.mean_whole_stay, 7.0);
        assert_eq!(Little::new(at(3)).balance(at(3), []).mean_present, 0.0);
    }

    #[test]
    fn whatever_is_wrong_is_found() {
        let mut little = Little::new(at(0));
        little.arrives(at(1));
        little.arrives(at(2));
        // Somebody is forgotten at the end.
        assert!(!little.balance(at(9), [at(1)]).holds);
        // Somebody is there who never came, if only since now.
        assert!(!little.balance(at(9), [at(1), at(2), at(9)]).holds);
        // A stay is off by one nanosecond.
        let mut wrong = little;
        wrong.leaves(at(5), Instant(at(1).0 + 1));
        let balance = wrong.balance(at(9), [at(2)]);
        assert_eq!((balance.holds, balance.gap), (false, 1));
        // A departure is told twice.
        let mut twice = little;
        twice.leaves(at(5), at(1));
        twice.leaves(at(5), at(1));
        assert!(!twice.balance(at(9), [at(2)]).holds);
        // Who leaves was never there.
        let mut nobody = Little::new(at(0));
        nobody.leaves(at(1), at(0));
        assert!(!nobody.balance(at(9), []).holds);
    }

    proptest! {
        #[test]
        fn it_is_exact_in_any_window(
            stays in vec((0u64..1_000, 0u64..300), 0..60),
            from in 0u64..700,
            length in 1u64..500,
        ) {
            let until = from + length;
            let mut events = Vec::new();
            for (arrived, stay) in &stays {
                events.push((*arrived, true, *arrived));
                events.push((arrived + stay, false, *arrived));
            }
            // Who stays for no time arrives before leaving.
            events.sort_by_key(|(time, arrives, _)| (*time, !arrives));
            let mut little = Little::new(Instant(from));
            for (time, arrives, arrived) in events.into_iter().filter(|(time, ..)| *time <= until) {
                if arrives {
                    little.arrives(Instant(time));
                } else {
                    little.leaves(Instant(time), Instant(arrived));
                }
            }
            let still = stays.iter().filter(|(a, s)| *a <= until && a + s > until);
            let balance = little.balance(Instant(until), still.map(|(a, _)| Instant(*a)));
            prop_assert!(balance.holds, "{:?}", balance);
        }
    }
}
