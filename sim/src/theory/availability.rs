//! Availability of a path whose parts crash and are repaired.
//!
//! Each part is up and down in turn, for independent times (an alternating renewal process), and
//! independent of all other parts; it goes on doing so while others are down. The path works
//! while all of its parts do (a series system). R. E. Barlow and F. Proschan, "Statistical Theory of
//! Reliability and Life Testing", 1975, chapter 7; S. M. Ross, "Introduction to Probability Models",
//! section 9.6. Long-run figures hold for all distributions with these means; those that depend on
//! the time since the start, for exponential ones.

use super::{OutOfRange, not_negative, positive};

/// A part: a place, or an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    up: f64,
    down: f64,
}

impl Part {
    /// Up for `up` seconds on the average, then down for `down` seconds.
    ///
    /// # Errors
    /// If `up` is not above zero or `down` is negative.
    pub fn new(up: f64, down: f64) -> Result<Self, OutOfRange> {
        positive("up", up)?;
        not_negative("down", down)?;
        Ok(Self { up, down })
    }

    /// The mean time in seconds for which it is up at a stretch.
    #[must_use]
    pub fn up(&self) -> f64 {
        self.up
    }

    /// The mean time in seconds for which it is down at a stretch.
    #[must_use]
    pub fn down(&self) -> f64 {
        self.down
    }

    /// The share of time in which it is up, between 0 and 1.
    #[must_use]
    pub fn availability(&self) -> f64 {
        self.up / (self.up + self.down)
    }

    /// The probability that it is up `time` seconds after it was, with exponential times.
    #[must_use]
    pub fn up_after(&self, time: f64) -> f64 {
        let availability = self.availability();
        if self.down == 0.0 {
            return 1.0;
        }
        let rate = 1.0 / self.up + 1.0 / self.down;
        availability + (1.0 - availability) * (-rate * time.max(0.0)).exp()
    }
}

/// The share of time in which a path works: the product over its parts.
#[must_use]
pub fn availability(path: &[Part]) -> f64 {
    path.iter().map(Part::availability).product()
}

/// How often per second a path stops working in the long run: the availability times the sum
/// of 1 / up over its parts.
#[must_use]
pub fn failures_per_second(path: &[Part]) -> f64 {
    availability(path) * path.iter().map(|part| 1.0 / part.up).sum::<f64>()
}

/// The mean time in seconds for which a path works at a stretch; infinite for a path without
/// parts.
#[must_use]
pub fn mean_up(path: &[Part]) -> f64 {
    path.iter().map(|part| 1.0 / part.up).sum::<f64>().recip()
}

/// The mean time in seconds for which a path does not work at a stretch.
#[must_use]
pub fn mean_down(path: &[Part]) -> f64 {
    if path.is_empty() {
        return 0.0;
    }
    (1.0 - availability(path)) / failures_per_second(path)
}

/// The probability that a path works `time` seconds after all of its parts were up, with
/// exponential times.
#[must_use]
pub fn works_after(path: &[Part], time: f64) -> f64 {
    path.iter().map(|part| part.up_after(time)).product()
}

/// The probability that a path that works does so for `time` seconds without a break, with
/// exponential times.
#[must_use]
pub fn works_throughout(path: &[Part], time: f64) -> f64 {
    (-time.max(0.0) / mean_up(path)).exp()
}

/// The probability that a session with an exponential holding time of that mean, in seconds, is
/// not cut by any part of its path, given that it begins while all are up; with exponential times.
///
/// # Errors
/// If the holding time is not above zero.
pub fn survives(path: &[Part], holding: f64) -> Result<f64, OutOfRange> {
    positive("holding", holding)?;
    Ok(1.0 / (1.0 + holding / mean_up(path)))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::close;
    use super::super::ctmc::Chain;
    use super::*;
    use crate::random;

    fn part(up: f64, down: f64) -> Part {
        Part::new(up, down).unwrap()
    }

    #[test]
    fn by_hand() {
        let path = [part(90.0, 10.0), part(40.0, 10.0)];
        assert!(close(availability(&path), 0.72, 1e-14));
        assert!(close(mean_up(&path), 360.0 / 13.0, 1e-14));
        assert!(close(mean_down(&path), 0.28 / 0.72 * 360.0 / 13.0, 1e-13));
        assert!(close(failures_per_second(&path), 0.026, 1e-13));
        assert_eq!(availability(&[]), 1.0);
        assert_eq!(mean_down(&[]), 0.0);
        assert_eq!(works_throughout(&[], 5.0), 1.0);
        assert!(close(survives(&path, 360.0 / 13.0).unwrap(), 0.5, 1e-14));
        assert!(Part::new(0.0, 1.0).is_err());
        assert_eq!(part(3.0, 0.0).up_after(7.0), 1.0);
    }

    /// The chain of three parts, each up or down, has the product as its steady state; what it
    /// loses from "all up" is the frequency of failures.
    #[test]
    fn as_the_chain_says() {
        let path = [part(5.0, 1.0), part(3.0, 2.0), part(8.0, 0.5)];
        let chain = Chain::explore([true; 3], 8, |state, to| {
            for (at, part) in path.iter().enumerate() {
                let mut next = *state;
                next[at] = !next[at];
                to.push((
                    next,
                    if state[at] {
                        1.0 / part.up
                    } else {
                        1.0 / part.down
                    },
                ));
            }
        })
        .unwrap();
        let steady = chain.stationary(1e-13).unwrap();
        let all = chain.states().iter().position(|s| *s == [true; 3]).unwrap();
        assert!(close(availability(&path), steady.probability[all], 1e-10));
    }

    /// The derivative of the transient is what its differential equation says, and it begins
    /// and ends as it must.
    #[test]
    fn transient_of_one_part() {
        let one = part(4.0, 1.5);
        assert!(close(one.up_after(0.0), 1.0, 1e-15));
        assert!(close(one.up_after(1e4), one.availability(), 1e-15));
        for time in [0.1, 1.0, 3.0] {
            let step = 1e-6;
            let slope = (one.up_after(time + step) - one.up_after(time - step)) / (2.0 * step);
            let up = one.up_after(time);
            assert!((slope - ((1.0 - up) / 1.5 - up / 4.0)).abs() < 1e-8);
        }
        let path = [one, part(2.0, 1.0)];
        let both = one.up_after(0.7) * path[1].up_after(0.7);
        assert!(close(works_after(&path, 0.7), both, 1e-15));
    }

    /// Times that are even rather than exponential have the same long-run figures.
    #[test]
    fn only_means_matter_in_the_long_run() {
        let path = [part(5.0, 1.0), part(3.0, 2.0)];
        let mut rng = random::stream(1, "availability", 0);
        let end = 400_000.0;
        // The changes of each part, merged in order of time.
        let mut changes = Vec::new();
        for (at, part) in path.iter().enumerate() {
            let (mut now, mut up) = (0.0, true);
            while now < end {
                let mean = if up { part.up } else { part.down };
                now += mean * rng.random_range(0.0..2.0);
                up = !up;
                changes.push((now, at, up));
            }
        }
        changes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut state, mut last, mut works, mut failures) = ([true; 2], 0.0, 0.0, 0.0);
        for (now, at, up) in changes {
            let before = state == [true; 2];
            if before {
                works += now - last;
            }
            state[at] = up;
            if before && !up {
                failures += 1.0;
            }
            last = now;
        }
        assert!(close(works / last, availability(&path), 0.01));
        assert!(close(failures / last, failures_per_second(&path), 0.01));
        assert!(close(works / failures, mean_up(&path), 0.01));
    }
}
