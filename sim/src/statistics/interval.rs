//! Confidence intervals.

use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc_inv;

use super::Moments;

/// A range that covers the true mean with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate, in the middle.
    pub mean: f64,
    /// How far the range goes to either side.
    pub half_width: f64,
    /// The probability with which such a range covers the truth, between 0 and 1.
    pub confidence: f64,
    /// From how many independent observations it was made.
    pub samples: u64,
}

impl Interval {
    /// Student's interval for the mean of independent observations that are about normal, as
    /// the means of replications are (W. S. Gosset, "The probable error of a mean", Biometrika 6,
    /// 1908). None for fewer than two.
    ///
    /// # Panics
    /// If the confidence is not above 0 and below 1.
    #[must_use]
    pub fn student(observations: &Moments, confidence: f64) -> Option<Self> {
        let error = observations.standard_error()?;
        let quantile = student_quantile((1.0 - confidence) / 2.0, (observations.count - 1) as f64);
        Some(Self {
            mean: observations.mean,
            half_width: quantile * error,
            confidence,
            samples: observations.count,
        })
    }

    /// The lower end.
    #[must_use]
    pub fn low(&self) -> f64 {
        self.mean - self.half_width
    }

    /// The upper end.
    #[must_use]
    pub fn high(&self) -> f64 {
        self.mean + self.half_width
    }

    /// Whether the value is in the range, its ends included.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half_width
    }

    /// The half width over the estimate's absolute value; infinite where that is zero and the range
    /// is not.
    #[must_use]
    pub fn relative_half_width(&self) -> f64 {
        if self.half_width == 0.0 {
            return 0.0;
        }
        self.half_width / self.mean.abs()
    }
}

/// The confidence that each of so many intervals must have for all of them to cover the truth
/// with `confidence`, however they depend on each other: 1 - (1 - confidence) / cases (C. E.
/// Bonferroni 1936; O. J. Dunn, Journal of the American Statistical Association 56, 1961).
#[must_use]
pub fn each_of(confidence: f64, cases: usize) -> f64 {
    1.0 - (1.0 - confidence) / cases.max(1) as f64
}

/// Beyond so many degrees of freedom Student's distribution is taken as normal; a quantile that
/// is used here differs by less than one in ten million there.
const NORMAL_FROM: f64 = 1e8;

/// The number above which a variable of Student's distribution is with the probability `tail`.
/// By bisection of the distribution function, to full precision also far out.
///
/// # Panics
/// If the tail is not above 0 and below 1, or `freedom`, the degrees of freedom, is not above zero.
#[must_use]
pub fn student_quantile(tail: f64, freedom: f64) -> f64 {
    assert!(
        tail > 0.0 && tail < 1.0,
        "tail is {tail}, and must be above 0 and below 1"
    );
    assert!(
        freedom > 0.0,
        "degrees of freedom are {freedom}, and must be above zero"
    );
    if tail > 0.5 {
        return -student_quantile(1.0 - tail, freedom);
    }
    if freedom >= NORMAL_FROM {
        return normal_quantile(tail);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_tail(high, freedom) > tail {
        low = high;
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if student_tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability that a variable of Student's distribution is above `t`.
#[must_use]
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - student_tail(-t, freedom);
    }
    beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)) / 2.0
}

/// The number above which a standard normal variable is with the probability `tail`.
#[must_use]
pub fn normal_quantile(tail: f64) -> f64 {
    std::f64::consts::SQRT_2 * erfc_inv(2.0 * tail)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use statrs::function::erf::erfc;

    use super::*;
    use crate::random;

    /// From the tables in every textbook (R. A. Fisher and F. Yates, "Statistical Tables", 1963),
    /// and from closed forms for one and two degrees of freedom.
    #[test]
    fn published_quantiles() {
        let table = [
            (0.025, 1.0, 12.706),
            (0.025, 5.0, 2.571),
            (0.025, 9.0, 2.262),
            (0.025, 29.0, 2.045),
            (0.005, 10.0, 3.169),
            (0.0005, 10.0, 4.587),
            (0.0005, 30.0, 3.646),
            (0.05, 120.0, 1.658),
        ];
        for (tail, freedom, wanted) in table {
            let quantile = student_quantile(tail, freedom);
            assert!(
                (quantile - wanted).abs() < 6e-4,
                "{tail} {freedom}: {quantile}"
            );
        }
        for tail in [0.3, 1e-3, 1e-6, 1e-9] {
            let one = 1.0 / (std::f64::consts::PI * tail).tan();
            assert!((student_quantile(tail, 1.0) / one - 1.0).abs() < 1e-9);
            let p: f64 = 1.0 - 2.0 * tail;
            let two = p * (2.0 / (4.0 * tail * (1.0 - tail))).sqrt();
            assert!(
                (student_quantile(tail, 2.0) / two - 1.0).abs() < 1e-9,
                "{tail}"
            );
        }
        for (tail, wanted) in [(0.025, 1.959_964), (0.0005, 3.290_527), (1e-6, 4.753_424)] {
            assert!((normal_quantile(tail) - wanted).abs() < 1e-5);
            let normal = erfc(normal_quantile(tail) / std::f64::consts::SQRT_2) / 2.0;
            assert!((normal / tail - 1.0).abs() < 1e-7);
            // Many degrees of freedom are normal, on either side of where it is taken so.
            assert!((student_quantile(tail, 9.9e7) / wanted - 1.0).abs() < 1e-5);
        }
        assert!((student_quantile(0.975, 9.0) + 2.262).abs() < 6e-4);
        assert!(student_quantile(0.5, 9.0).abs() < 1e-12);
    }

    #[test]
    fn by_hand() {
        let runs: Moments = [9.0, 10.0, 11.0].into_iter().collect();
        let interval = Interval::student(&runs, 0.95).unwrap();
        let wanted = 4.302_653 / 3.0f64.sqrt();
        assert!((interval.half_width - wanted).abs() < 1e-5);
        assert!(interval.covers(interval.low()) && !interval.covers(interval.high() + 0.01));
        assert!((interval.relative_half_width() - wanted / 10.0).abs() < 1e-6);
        let one: Moments = [9.0].into_iter().collect();
        assert_eq!(Interval::student(&one, 0.95), None);
        assert!((each_of(0.999, 40) - 0.999_975).abs() < 1e-12);
    }

    /// A normal variable, by G. E. P. Box and M. E. Muller (1958).
    fn normal(rng: &mut impl rand::Rng) -> f64 {
        let (a, b): (f64, f64) = (
            rng.random_range(f64::MIN_POSITIVE..1.0),
            rng.random_range(0.0..1.0),
        );
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Of four thousand intervals from eight normal observations each, 90% cover; five standard
    /// deviations of that share are 2.4%. With normal quantiles it would be 85.6%.
    #[test]
    fn covers_as_often_as_it_says() {
        let mut rng = random::stream(1, "coverage", 0);
        let covers = (0..4_000)
            .filter(|_| {
                let runs: Moments = (0..8).map(|_| 3.0 + 2.0 * normal(&mut rng)).collect();
                Interval::student(&runs, 0.9).unwrap().covers(3.0)
            })
            .count();
        let share = covers as f64 / 4_000.0;
        assert!((share - 0.9).abs() < 0.024, "{share}");
    }

    /// Five intervals at once, from observations that depend on each other, all cover with at
    /// least the joint confidence.
    #[test]
    fn all_cover_at_once() {
        let mut rng = random::stream(2, "coverage", 0);
        let each = each_of(0.9, 5);
        let covers = (0..2_000)
            .filter(|_| {
                let mut cases = [Moments::default(); 5];
                for _ in 0..10 {
                    let common = normal(&mut rng);
                    cases
                        .iter_mut()
                        .for_each(|case| case.add(common + normal(&mut rng)));
                }
                let mut intervals = cases.iter().filter_map(|c| Interval::student(c, each));
                intervals.all(|interval| interval.covers(0.0))
            })
            .count();
        assert!(covers as f64 / 2_000.0 > 0.9 - 0.034, "{covers}");
        assert!(covers < 2_000);
    }
}
