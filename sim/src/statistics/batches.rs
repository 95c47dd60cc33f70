//! Batch means: an interval from one long run, whose observations depend on each other.

use super::interval::normal_quantile;
use super::{Interval, Moments};

/// Means of ever longer batches of consecutive observations.
///
/// Between `most` / 2 and `most` batches are kept. When there are `most`, neighbours are put
/// together and batches are twice as long from then on, so memory is bounded and batches grow with
/// the run (G. S. Fishman, "Grouping observations in digital simulation", Management Science 24,
/// 1978).
#[derive(Debug, Clone, PartialEq)]
pub struct Batches {
    /// How many observations a batch has.
    pub length: u64,
    /// At how many batches they are put together; even.
    pub most: usize,
    /// The sums of the batches that are complete.
    pub sums: Vec<f64>,
    /// The sum and number of the observations since.
    pub rest: (f64, u64),
}

/// An interval by batch means, and whether batches are as good as independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchMeans {
    /// Student's interval over the means of batches.
    pub interval: Interval,
    /// The estimated correlation of a batch's mean with the next one's, between -1 and 1.
    pub lag_one: f64,
    /// Von Neumann's statistic, which is about standard normal if batches are independent:
    /// great when neighbours resemble each other.
    pub statistic: f64,
    /// Whether it is not so great as only one in twenty would be: without that the interval
    /// is too narrow, and the run too short.
    pub independent: bool,
}

impl Batches {
    /// Batches of one observation first; `most` is made even and at least 20.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            length: 1,
            most: most.next_multiple_of(2).max(20),
            sums: Vec::new(),
            rest: (0.0, 0),
        }
    }

    /// One more observation.
    pub fn add(&mut self, value: f64) {
        self.rest.0 += value;
        self.rest.1 += 1;
        if self.rest.1 < self.length {
            return;
        }
        self.sums.push(self.rest.0);
        self.rest = (0.0, 0);
        if self.sums.len() == self.most {
            self.sums = self.sums.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.length *= 2;
        }
    }

    /// The means of the batches that are complete.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let length = self.length as f64;
        self.sums.iter().map(|sum| sum / length).collect()
    }

    /// The interval for the mean, and the check of independence by the ratio of J. von Neumann
    /// ("Distribution of the ratio of the mean square successive difference to the variance", Annals of
    /// Mathematical Statistics 12, 1941; as in C. Alexopoulos and A. F. Seila, "Output data analysis",
    /// 1998). None for fewer than ten batches, or if the observations are all the same.
    ///
    /// # Panics
    /// If the confidence is not above 0 and below 1.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<BatchMeans> {
        let means = self.means();
        if means.len() < 10 {
            return None;
        }
        let moments: Moments = means.iter().copied().collect();
        if moments.squares <= 0.0 {
            return None;
        }
        let pairs = means.windows(2);
        let steps: f64 = pairs.clone().map(|p| (p[0] - p[1]).powi(2)).sum();
        let products: f64 = pairs
            .map(|p| (p[0] - moments.mean) * (p[1] - moments.mean))
            .sum();
        let k = means.len() as f64;
        let ratio = 1.0 - steps / (2.0 * moments.squares);
        let statistic = ratio * ((k * k - 1.0) / (k - 2.0)).sqrt();
        Some(BatchMeans {
            interval: Interval::student(&moments, confidence)?,
            lag_one: products / moments.squares,
            statistic,
            independent: statistic <= normal_quantile(0.05),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random;

    #[test]
    fn batches_grow_and_lose_nothing() {
        let mut batches = Batches::new(20);
        for n in 0..1_003 {
            batches.add(f64::from(n));
        }
        assert_eq!(batches.length, 64);
        assert_eq!(batches.sums.len(), 15);
        assert_eq!(batches.rest.1, 1_003 - 15 * 64);
        let all = batches.sums.iter().sum::<f64>() + batches.rest.0;
        assert_eq!(all, 1_002.0 * 1_003.0 / 2.0);
        assert_eq!(batches.means()[1], (64.0 + 127.0) / 2.0);
    }

    /// An autoregressive series: each observation is 0.9 times the last, and noise. Its mean's
    /// variance is nineteen times what independent ones would have.
    fn series(seed: u64, length: usize) -> Vec<f64> {
        let mut rng = random::stream(seed, "series", 0);
        let mut value = 0.0;
        // From about its steady state on.
        let mut next = || {
            value = 0.9 * value + rng.random_range(-1.0..1.0);
            value
        };
        (0..100).for_each(|_| {
            next();
        });
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn covers_where_plain_intervals_do_not() {
        let (mut by_batches, mut plain, mut passes) = (0, 0, 0);
        for seed in 0..400 {
            let series = series(seed, 12_800);
            let mut batches = Batches::new(40);
            series.iter().for_each(|value| batches.add(*value));
            let means = batches.interval(0.9).unwrap();
            by_batches += u32::from(means.interval.covers(0.0));
            passes += u32::from(means.independent);
            let all: Moments = series.into_iter().collect();
            plain += u32::from(Interval::student(&all, 0.9).unwrap().covers(0.0));
        }
        // 90% of 400, with a margin of five standard deviations of 6.
        assert!((330..=390).contains(&by_batches), "{by_batches}");
        assert!(plain < 200, "{plain}");
        assert!(passes > 350, "{passes}");
    }

    #[test]
    fn short_batches_are_found_out() {
        let found = (0..100)
            .filter(|seed| {
                let mut batches = Batches::new(40);
                series(*seed, 39)
                    .into_iter()
                    .for_each(|value| batches.add(value));
                let means = batches.interval(0.9).unwrap();
                assert!(means.lag_one.abs() <= 1.0);
                !means.independent
            })
            .count();
        assert!(found >= 95, "{found}");
    }

    #[test]
    fn independent_ones_are_seldom_accused() {
        let accused = (0..1_000)
            .filter(|seed| {
                let mut rng = random::stream(*seed, "noise", 0);
                let mut batches = Batches::new(40);
                (0..39).for_each(|_| batches.add(rng.random_range(0.0..1.0)));
                !batches.interval(0.9).unwrap().independent
            })
            .count();
        // One in twenty; five standard deviations are 34.
        assert!((16..=84).contains(&accused), "{accused}");
    }

    #[test]
    fn what_is_too_little_gives_none() {
        let mut batches = Batches::new(0);
        assert_eq!(batches.most, 20);
        (0..9).for_each(|n| batches.add(f64::from(n)));
        assert_eq!(batches.interval(0.9), None);
        let mut same = Batches::new(20);
        (0..100).for_each(|_| same.add(1.0));
        assert_eq!(same.interval(0.9), None);
    }
}
