//! Durations that are drawn: how long a link, a place, a session or a repair takes.
//!
//! A [`Distribution`] is checked when it is made, so that drawing from it cannot fail. It
//! knows its mean and variance exactly, for the comparison with theory. The drawing
//! itself is the `rand_distr` crate's; a draw is rounded to the nearest nanosecond. Where the
//! machine's own `exp` and `ln` are used, they may differ from another machine's in the last
//! bit, which the rounding hides but in some one draw of a billion.
//!
//! In scenarios:
//!
//! | written | what it is |
//! |---|---|
//! | `"5 ms"` | always that |
//! | `{ constant = "5 ms" }` | the same |
//! | `{ uniform = { from = "1 ms", to = "3 ms" } }` | evenly drawn, ends included |
//! | `{ exponential = "5 ms" }` | by its mean |
//! | `{ normal = { mean = "5 ms", deviation = "1 ms" } }` | see [`Distribution::normal`] |
//! | `{ log-normal = { mean = "5 ms", deviation = "2 ms" } }` | by the mean and standard deviation of the durations |
//! | `{ log-normal = { median = "5 ms", sigma = 0.5 } }` | by the median, and the standard deviation of the logarithm |
//! | `{ pareto = { shape = 2.5, mean = "5 ms" } }` | by the mean; the shape must be above 1 |
//! | `{ pareto = { shape = 1.2, minimum = "1 ms" } }` | by the smallest value |
//! | `{ gamma = { shape = 0.5, mean = "5 ms" } }` | by the mean |
//! | `{ erlang = { phases = 3, mean = "5 ms" } }` | the sum of so many exponential phases, by the mean of the sum |
//! | `{ empirical = ["1 ms", "3 ms"] }` | each listed value as likely as any other |
//!
//! Formulas: Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions*, 2nd
//! edition, vol. 1, 1994 (normal: ch. 13, log-normal: 14, gamma: 17, exponential: 19,
//! Pareto: 20).

mod read;

use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_distr::Distribution as _;
use rand_distr::{Exp1, Gamma, LogNormal, Normal, Pareto};

use crate::quantity::{Invalid, nanoseconds};

/// A distribution of durations.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(Kind);

/// All numbers are nanoseconds, but shapes and sigmas.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Constant(Duration),
    Uniform {
        from: u64,
        to: u64,
    },
    Exponential {
        mean: f64,
    },
    Normal {
        mean: f64,
        deviation: f64,
        uncut: Normal<f64>,
    },
    LogNormal {
        mu: f64,
        sigma: f64,
        drawn: LogNormal<f64>,
    },
    Pareto {
        minimum: f64,
        shape: f64,
        drawn: Pareto<f64>,
    },
    Gamma {
        mean: f64,
        shape: f64,
        drawn: Gamma<f64>,
    },
    Empirical(Arc<[u64]>),
}

impl Default for Distribution {
    /// Always nothing.
    fn default() -> Self {
        Self::constant(Duration::ZERO)
    }
}

impl From<Duration> for Distribution {
    fn from(value: Duration) -> Self {
        Self::constant(value)
    }
}

impl Distribution {
    /// Always the same; nothing is drawn for it.
    #[must_use]
    pub const fn constant(value: Duration) -> Self {
        Self(Kind::Constant(value))
    }

    /// Every nanosecond between the two, ends included, is as likely as any other.
    ///
    /// # Errors
    /// If `to` is earlier than `from`.
    pub fn uniform(from: Duration, to: Duration) -> Result<Self, Invalid> {
        if to < from {
            return Err(Invalid::new("to", "must not be less than `from`"));
        }
        let (from, to) = (whole(from), whole(to));
        Ok(if from == to {
            Self::constant(Duration::from_nanos(from))
        } else {
            Self(Kind::Uniform { from, to })
        })
    }

    /// Without memory, by its mean.
    ///
    /// # Errors
    /// If the mean is nothing.
    pub fn exponential(mean: Duration) -> Result<Self, Invalid> {
        let mean = positive("exponential", mean)?;
        Ok(Self(Kind::Exponential { mean }))
    }

    /// The normal distribution of that mean and standard deviation, given that it is not
    /// below nothing: what falls below is drawn again. So the [`mean`](Self::mean) is a
    /// little more than `mean` where the deviation is not small beside it.
    ///
    /// # Errors
    /// If the mean is nothing.
    pub fn normal(mean: Duration, deviation: Duration) -> Result<Self, Invalid> {
        if deviation.is_zero() {
            return Ok(Self::constant(mean));
        }
        let (mean, deviation) = (positive("mean", mean)?, nanos(deviation));
        let uncut = Normal::new(mean, deviation).map_err(|e| refused("deviation", &e))?;
        Ok(Self(Kind::Normal {
            mean,
            deviation,
            uncut,
        }))
    }

    /// The log-normal distribution whose durations have that mean and standard deviation.
    ///
    /// # Errors
    /// If the mean is nothing.
    pub fn log_normal(mean: Duration, deviation: Duration) -> Result<Self, Invalid> {
        if deviation.is_zero() {
            return Ok(Self::constant(mean));
        }
        let mean = positive("mean", mean)?;
        let ratio = nanos(deviation) / mean;
        let variance = libm::log1p(ratio * ratio);
        Self::logarithmic(libm::log(mean) - variance / 2.0, variance.sqrt())
    }

    /// The log-normal distribution of that median, the logarithm of whose durations has the
    /// standard deviation `sigma`.
    ///
    /// # Errors
    /// If the median is nothing, or sigma is negative or not finite.
    pub fn log_normal_by_median(median: Duration, sigma: f64) -> Result<Self, Invalid> {
        Self::logarithmic(libm::log(positive("median", median)?), sigma)
    }

    fn logarithmic(mu: f64, sigma: f64) -> Result<Self, Invalid> {
        if !(0.0..=20.0).contains(&sigma) {
            return Err(Invalid::new("sigma", "must be a number from 0 to 20"));
        }
        let drawn = LogNormal::new(mu, sigma).map_err(|e| refused("sigma", &e))?;
        Ok(Self(Kind::LogNormal { mu, sigma, drawn }))
    }

    /// The Pareto distribution of the first kind: the probability of more than `x` is
    /// `(minimum / x)^shape`. Its mean is infinite up to shape 1, its variance up to 2.
    ///
    /// # Errors
    /// If the minimum is nothing, or the shape is not a finite number above 0.
    pub fn pareto(minimum: Duration, shape: f64) -> Result<Self, Invalid> {
        Self::heavy(positive("minimum", minimum)?, shape)
    }

    /// The Pareto distribution of that mean.
    ///
    /// # Errors
    /// If the mean is nothing, or the shape is not above 1: there is no mean then.
    pub fn pareto_by_mean(mean: Duration, shape: f64) -> Result<Self, Invalid> {
        let mean = positive("mean", mean)?;
        // Also refuses what is not a number.
        if !(shape > 1.0 && shape.is_finite()) {
            return Err(Invalid::new(
                "shape",
                "must be above 1 where the mean is given: up to 1 the mean is infinite",
            ));
        }
        Self::heavy(mean * (shape - 1.0) / shape, shape)
    }

    fn heavy(minimum: f64, shape: f64) -> Result<Self, Invalid> {
        above_zero("shape", shape)?;
        let drawn = Pareto::new(minimum, shape).map_err(|e| refused("shape", &e))?;
        Ok(Self(Kind::Pareto {
            minimum,
            shape,
            drawn,
        }))
    }

    /// The gamma distribution of that mean. The variance is the mean's square, divided by
    /// the shape.
    ///
    /// # Errors
    /// If the mean is nothing, or the shape is not a finite number above 0.
    pub fn gamma(mean: Duration, shape: f64) -> Result<Self, Invalid> {
        let mean = positive("mean", mean)?;
        above_zero("shape", shape)?;
        let drawn = Gamma::new(shape, mean / shape).map_err(|e| refused("shape", &e))?;
        Ok(Self(Kind::Gamma { mean, shape, drawn }))
    }

    /// The sum of so many exponential phases, all alike, by the mean of the sum (Erlang-k).
    ///
    /// # Errors
    /// If the mean is nothing or there is no phase.
    pub fn erlang(mean: Duration, phases: u32) -> Result<Self, Invalid> {
        if phases == 0 {
            return Err(Invalid::new("phases", "must be at least 1"));
        }
        Self::gamma(mean, f64::from(phases))
    }

    /// Each of the values is as likely as any other; listed twice, it is twice as likely.
    ///
    /// # Errors
    /// If there is none.
    pub fn empirical(values: &[Duration]) -> Result<Self, Invalid> {
        if values.is_empty() {
            return Err(Invalid::new("empirical", "must list at least one duration"));
        }
        let values = values.iter().copied().map(whole).collect();
        Ok(Self(Kind::Empirical(values)))
    }

    /// Its only value, if it has only one.
    #[must_use]
    pub fn only(&self) -> Option<Duration> {
        match self.0 {
            Kind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Draws a duration.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        match &self.0 {
            Kind::Constant(value) => *value,
            Kind::Uniform { from, to } => Duration::from_nanos(rng.random_range(*from..=*to)),
            Kind::Exponential { mean } => {
                let unit: f64 = Exp1.sample(rng);
                nanoseconds(unit * mean)
            }
            // At least half of the normal distribution lies above 0, as its mean does.
            Kind::Normal { uncut, .. } => loop {
                let drawn = uncut.sample(rng);
                if drawn >= 0.0 {
                    break nanoseconds(drawn);
                }
            },
            Kind::LogNormal { drawn, .. } => nanoseconds(drawn.sample(rng)),
            Kind::Pareto { drawn, .. } => nanoseconds(drawn.sample(rng)),
            Kind::Gamma { drawn, .. } => nanoseconds(drawn.sample(rng)),
            Kind::Empirical(values) => {
                Duration::from_nanos(values[rng.random_range(0..values.len())])
            }
        }
    }

    /// What is drawn on average; none if that is infinite.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.moments().0.map(nanoseconds)
    }

    /// The variance in square seconds; none if it is infinite.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        self.moments().1.map(|square| square * 1e-18)
    }

    /// The mean in nanoseconds, and the variance in their squares; none if infinite.
    fn moments(&self) -> (Option<f64>, Option<f64>) {
        match &self.0 {
            Kind::Constant(value) => (Some(nanos(*value)), Some(0.0)),
            Kind::Uniform { from, to } => {
                let (from, to) = (*from as f64, *to as f64);
                let values = to - from + 1.0;
                let variance = (values * values - 1.0) / 12.0;
                (Some(f64::midpoint(from, to)), Some(variance))
            }
            Kind::Exponential { mean } => (Some(*mean), Some(mean * mean)),
            Kind::Normal {
                mean, deviation, ..
            } => {
                let (mean, variance) = cut_normal(*mean, *deviation);
                (Some(mean), Some(variance))
            }
            Kind::LogNormal { mu, sigma, .. } => {
                let variance = sigma * sigma;
                let mean = libm::exp(mu + variance / 2.0);
                (Some(mean), Some(libm::expm1(variance) * mean * mean))
            }
            Kind::Pareto { minimum, shape, .. } => {
                let mean = minimum * shape / (shape - 1.0);
                let variance = mean * mean / (shape * (shape - 2.0));
                (
                    (*shape > 1.0).then_some(mean),
                    (*shape > 2.0).then_some(variance),
                )
            }
            Kind::Gamma { mean, shape, .. } => (Some(*mean), Some(mean * mean / shape)),
            Kind::Empirical(values) => {
                let count = values.len() as f64;
                let mean = values.iter().map(|v| *v as f64).sum::<f64>() / count;
                let square = |v: &u64| (*v as f64 - mean) * (*v as f64 - mean);
                let variance = values.iter().map(square).sum::<f64>() / count;
                (Some(mean), Some(variance))
            }
        }
    }
}

/// Mean and variance of a normal distribution, given that it is not below 0 (Johnson,
/// Kotz and Balakrishnan, section 13.10.1).
fn cut_normal(mean: f64, deviation: f64) -> (f64, f64) {
    let from = -mean / deviation;
    let density = libm::exp(-from * from / 2.0) / std::f64::consts::TAU.sqrt();
    let above = libm::erfc(from / std::f64::consts::SQRT_2) / 2.0;
    let hazard = density / above;
    let variance = deviation * deviation * (1.0 + from * hazard - hazard * hazard);
    (mean + deviation * hazard, variance)
}

/// The nanoseconds of a duration; as many as an instant can hold if there are more.
fn whole(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn nanos(duration: Duration) -> f64 {
    whole(duration) as f64
}

fn positive(field: &'static str, duration: Duration) -> Result<f64, Invalid> {
    if duration.is_zero() {
        return Err(Invalid::new(field, "must be more than 0 s"));
    }
    Ok(nanos(duration))
}

fn above_zero(field: &'static str, value: f64) -> Result<(), Invalid> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Invalid::new(field, "must be a finite number above 0"))
}

fn refused(field: &'static str, error: &impl ToString) -> Invalid {
    Invalid::new(field, format!("is out of range: {}", error.to_string()))
}
