//! Quantiles to a stated relative error, in bounded memory.

use std::collections::BTreeMap;

/// A sketch of the distribution of numbers that are not negative.
///
/// C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
/// relative-error guarantees", Proceedings of the VLDB Endowment 12, 2019: bin k counts what is above
/// g^(k-1) and at most g^k, with g = (1 + e) / (1 - e), and stands for 2 g^k / (g + 1), which is within
/// the relative error e of all of these. When there are too many bins the lowest two become
/// one, so that small quantiles lose their guarantee first. Merging sketches gives exactly what one
/// would be that had seen everything, in whatever order.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// The relative error, above 0 and below 1.
    pub error: f64,
    /// How many bins are kept at most, besides that of zero.
    pub most: usize,
    /// Counts by bin.
    pub bins: BTreeMap<i32, u64>,
    /// How many were zero.
    pub zeros: u64,
    /// How many were negative, infinite or no numbers; they are in no quantile.
    pub invalid: u64,
    /// Whether bins had to be put together: below the lowest one nothing is guaranteed.
    pub collapsed: bool,
}

impl Quantiles {
    /// An empty sketch with that relative error, which is made at least 1e-6 and at most a half, and
    /// with at least one bin.
    #[must_use]
    pub fn new(error: f64, most: usize) -> Self {
        Self {
            error: if error.is_nan() {
                0.5
            } else {
                error.clamp(1e-6, 0.5)
            },
            most: most.max(1),
            bins: BTreeMap::new(),
            zeros: 0,
            invalid: 0,
            collapsed: false,
        }
    }

    /// One more observation.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() || value < 0.0 {
            self.invalid += 1;
        } else if value < f64::MIN_POSITIVE {
            self.zeros += 1;
        } else {
            let bin = (value.ln() / self.growth()).ceil() as i32;
            *self.bins.entry(bin).or_default() += 1;
            self.collapse();
        }
    }

    /// All observations of another, too; false, and nothing done, if it has another error or
    /// another number of bins.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        if (self.error, self.most) != (other.error, other.most) {
            return false;
        }
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
        self.zeros += other.zeros;
        self.invalid += other.invalid;
        self.collapsed |= other.collapsed;
        self.collapse();
        true
    }

    /// How many observations there were, without invalid ones.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.zeros + self.bins.values().sum::<u64>()
    }

    /// The number that a share of the observations is at most, within the relative error: that of
    /// rank floor(share x (count - 1)), from zero, in ascending order. None if there is none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || share.is_nan() {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * (count - 1) as f64).floor() as u64;
        let mut seen = self.zeros;
        if rank < seen {
            return Some(0.0);
        }
        for (bin, number) in &self.bins {
            seen += number;
            if rank < seen {
                return Some(self.stands_for(*bin));
            }
        }
        self.bins
            .keys()
            .next_back()
            .map(|bin| self.stands_for(*bin))
    }

    /// The logarithm of g.
    fn growth(&self) -> f64 {
        ((1.0 + self.error) / (1.0 - self.error)).ln()
    }

    fn stands_for(&self, bin: i32) -> f64 {
        // 2 / (g + 1) is 1 - e.
        (f64::from(bin) * self.growth()).exp() * (1.0 - self.error)
    }

    fn collapse(&mut self) {
        while self.bins.len() > self.most {
            self.collapsed = true;
            if let Some((_, count)) = self.bins.pop_first()
                && let Some(mut next) = self.bins.first_entry()
            {
                *next.get_mut() += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64], most: usize) -> Quantiles {
        let mut sketch = Quantiles::new(0.01, most);
        values.iter().for_each(|value| sketch.add(*value));
        sketch
    }

    fn exact(values: &[f64], share: f64) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values[(share * (values.len() - 1) as f64).floor() as usize]
    }

    #[test]
    fn what_has_no_place_is_counted_apart() {
        let mut sketch = of(&[-1.0, f64::NAN, f64::INFINITY, 0.0, 3.0], 100);
        assert_eq!((sketch.invalid, sketch.zeros, sketch.count()), (3, 1, 2));
        assert_eq!(sketch.quantile(0.0), Some(0.0));
        assert!((sketch.quantile(1.0).unwrap() / 3.0 - 1.0).abs() <= 0.01);
        assert_eq!(Quantiles::new(0.01, 9).quantile(0.5), None);
        assert!(!sketch.merge(&Quantiles::new(0.02, 100)));
    }

    #[test]
    fn when_bins_run_out_the_high_end_stays_right() {
        let values: Vec<f64> = (0..20_000).map(|n| 1.001f64.powi(n)).collect();
        let sketch = of(&values, 200);
        assert!(sketch.collapsed && sketch.bins.len() == 200);
        assert_eq!(sketch.count(), 20_000);
        for share in [0.9, 0.99, 1.0] {
            let off = sketch.quantile(share).unwrap() / exact(&values, share) - 1.0;
            assert!(off.abs() <= 0.0101, "{share}: {off}");
        }
        assert!(sketch.quantile(0.1).unwrap() > exact(&values, 0.1) * 2.0);
    }

    proptest! {
        #[test]
        fn within_the_relative_error(
            logarithms in vec(-20.0..20.0f64, 1..300),
            share in 0.0..=1.0f64,
        ) {
            let values: Vec<f64> = logarithms.iter().map(|x| x.exp()).collect();
            let sketch = of(&values, 4_000);
            let off = sketch.quantile(share).unwrap() / exact(&values, share) - 1.0;
            prop_assert!(off.abs() <= 0.01 + 1e-9, "{}", off);
        }

        /// Also when both, or neither, or only the whole had to put bins together.
        #[test]
        fn merged_as_if_one_had_seen_all(
            first in vec(0.0..1e4f64, 0..100),
            second in vec(0.0..10.0f64, 0..100),
            most in 1usize..80,
        ) {
            let mut merged = of(&first, most);
            prop_assert!(merged.merge(&of(&second, most)));
            let all = of(&[first, second].concat(), most);
            prop_assert_eq!(merged, all);
        }
    }
}
