//! Mean and variance, observation by observation.

/// Number, mean, spread and extremes of observations, without keeping them.
///
/// B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
/// Technometrics 4, 1962; merged as in T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for
/// computing the sample variance", The American Statistician 37, 1983. Both stay exact where sums of
/// squares would cancel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many observations.
    pub count: u64,
    /// Their mean; 0 if there is none.
    pub mean: f64,
    /// The sum of squared deviations from the mean.
    pub squares: f64,
    /// The smallest; infinite if there is none.
    pub least: f64,
    /// The greatest; negative infinite if there is none.
    pub greatest: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    /// One more observation.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    /// All observations of another, too.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let all = mine + theirs;
        let off = other.mean - self.mean;
        self.count += other.count;
        self.mean += off * theirs / all;
        self.squares += other.squares + off * off * mine * theirs / all;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }

    /// The unbiased estimate of the variance; none for fewer than two observations.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }

    /// The standard error of the mean, if observations are independent.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        Some((self.variance()? / self.count as f64).sqrt())
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        let moments: Moments = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
            .into_iter()
            .collect();
        assert_eq!((moments.count, moments.mean), (8, 5.0));
        assert!((moments.squares - 32.0).abs() < 1e-12);
        assert!((moments.variance().unwrap() - 32.0 / 7.0).abs() < 1e-12);
        assert!((moments.standard_error().unwrap() - (4.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!((moments.least, moments.greatest), (2.0, 9.0));
        assert_eq!(Moments::default().variance(), None);
    }

    #[test]
    fn far_from_zero() {
        let moments: Moments = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]
            .into_iter()
            .collect();
        assert!((moments.variance().unwrap() - 30.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn merged_as_if_one_had_seen_all(
            first in vec(-1e3..1e3f64, 0..50),
            second in vec(-1e3..1e3f64, 0..50),
        ) {
            let mut merged: Moments = first.iter().copied().collect();
            merged.merge(&second.iter().copied().collect());
            let all: Moments = first.into_iter().chain(second).collect();
            prop_assert_eq!(merged.count, all.count);
            prop_assert!((merged.mean - all.mean).abs() < 1e-9);
            prop_assert!((merged.squares - all.squares).abs() < 1e-6 * all.squares.max(1.0));
            prop_assert_eq!((merged.least, merged.greatest), (all.least, all.greatest));
        }
    }
}
