//! How a system fills that was empty at the start.
//!
//! M/M/c/c by uniformization: the chain is looked at when a Poisson process of a rate above all of its
//! own rings, so that its state after a time is a mixture of powers of a matrix (A. Jensen,
//! "Markoff chains as an aid in the study of Markoff processes", Skandinavisk Aktuarietidskrift
//! 36, 1953; W. J. Stewart 1994, section 8.4). M/G/infinity by its integral (L. Takács,
//! "Introduction to the Theory of Queues", 1962, chapter 3).

use statrs::function::erf::erfc;

use super::{OutOfRange, not_negative, poisson, positive, require};

/// How many steps of the uniformized chain are made at most, times states.
const MOST_WORK: f64 = 4e9;

/// How many servers there may be.
const MOST_SERVERS: u32 = 1_000_000;

/// A group of servers without a waiting room, empty at time zero: Poisson arrivals, exponential
/// holding times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filling {
    servers: u32,
    arrivals: f64,
    holding: f64,
}

impl Filling {
    /// `arrivals` requests per second, each for `holding` seconds on the average.
    ///
    /// # Errors
    /// If a rate or time is not above zero, or there are more than a million servers.
    pub fn new(servers: u32, arrivals: f64, holding: f64) -> Result<Self, OutOfRange> {
        positive("arrivals", arrivals)?;
        positive("holding", holding)?;
        let bounded = servers <= MOST_SERVERS;
        require(bounded, "servers", f64::from(servers), "at most a million")?;
        Ok(Self {
            servers,
            arrivals,
            holding,
        })
    }

    /// The distribution of the number of busy servers after that many seconds.
    ///
    /// # Errors
    /// If the time is negative, or so long that it would take more than 4e9 steps: the time in
    /// units of 1 / (arrivals + servers / holding), times the servers.
    pub fn states(&self, time: f64) -> Result<Vec<f64>, OutOfRange> {
        let mean = self.rings(time)?;
        let (first, weights) = poisson::weights(mean);
        let weight = |ring: usize| ring.checked_sub(first).map_or(0.0, |at| weights[at]);
        Ok(self.mixed(first + weights.len(), weight))
    }

    /// The probability that a request that arrives after that many seconds is lost.
    ///
    /// # Errors
    /// As [`Filling::states`].
    pub fn blocking(&self, time: f64) -> Result<f64, OutOfRange> {
        Ok(self.states(time)?[self.servers as usize])
    }

    /// The mean number of busy servers after that many seconds.
    ///
    /// # Errors
    /// As [`Filling::states`].
    pub fn busy(&self, time: f64) -> Result<f64, OutOfRange> {
        let states = self.states(time)?;
        Ok(states.iter().enumerate().map(|(n, p)| n as f64 * p).sum())
    }

    /// The expected share of lost ones among the requests that arrive between two times: what a
    /// simulation that counts them estimates, as the ratio of the expected numbers.
    ///
    /// # Errors
    /// As [`Filling::states`], or if the second time is not after the first.
    pub fn blocking_between(&self, from: f64, to: f64) -> Result<f64, OutOfRange> {
        let wanted = "later than the time from which";
        require(to > from, "time until which", to, wanted)?;
        let until = |time| -> Result<f64, OutOfRange> {
            Ok(self.time_in_states(time)?[self.servers as usize])
        };
        Ok(((until(to)? - until(from)?) / (to - from)).clamp(0.0, 1.0))
    }

    /// For each number of busy servers, the expected time in seconds that it has lasted up to a
    /// time. The integral of a Poisson weight is the probability of more rings, over the rate.
    fn time_in_states(&self, time: f64) -> Result<Vec<f64>, OutOfRange> {
        let mean = self.rings(time)?;
        let (first, weights) = poisson::weights(mean);
        // The probability of more than so many rings.
        let mut more = vec![0.0; weights.len()];
        let mut sum = 0.0;
        for at in (0..weights.len()).rev() {
            more[at] = sum;
            sum += weights[at];
        }
        let weight = |ring: usize| ring.checked_sub(first).map_or(1.0, |at| more[at]) / self.rate();
        Ok(self.mixed(first + weights.len(), weight))
    }

    /// A rate no smaller than that at which any state is left, per second.
    fn rate(&self) -> f64 {
        self.arrivals + f64::from(self.servers) / self.holding
    }

    /// How many rings are expected up to a time.
    fn rings(&self, time: f64) -> Result<f64, OutOfRange> {
        not_negative("time", time)?;
        let rings = self.rate() * time;
        let work = rings * f64::from(self.servers + 1);
        require(
            work <= MOST_WORK,
            "time x rate x servers",
            work,
            "at most 4e9",
        )?;
        Ok(rings)
    }

    /// The sum of the distributions after each ring from none on, with those weights.
    fn mixed(&self, rings: usize, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let n = self.servers as usize + 1;
        let up = self.arrivals / self.rate();
        let down = 1.0 / self.holding / self.rate();
        let mut now = vec![0.0; n];
        now[0] = 1.0;
        let mut sum = vec![0.0; n];
        let mut next = vec![0.0; n];
        for ring in 0..rings {
            let weight = weight(ring);
            if weight > 0.0 {
                for (sum, p) in sum.iter_mut().zip(&now) {
                    *sum += weight * p;
                }
            }
            for at in 0..n {
                let leaves = if at + 1 < n { up } else { 0.0 } + at as f64 * down;
                let mut p = now[at] * (1.0 - leaves);
                if at > 0 {
                    p += now[at - 1] * up;
                }
                if at + 1 < n {
                    p += now[at + 1] * (at + 1) as f64 * down;
                }
                next[at] = p;
            }
            std::mem::swap(&mut now, &mut next);
        }
        sum
    }
}

/// How holding times are distributed. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Holding {
    /// Exponentially.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Always the same.
    Constant {
        /// How long.
        time: f64,
    },
    /// Pareto: longer than t with probability (least / t)^shape.
    Pareto {
        /// The shortest.
        least: f64,
        /// Above 0; the mean is finite above 1.
        shape: f64,
    },
    /// The logarithm is normal.
    LogNormal {
        /// The mean of the logarithm of the time in seconds.
        mu: f64,
        /// Its standard deviation, above 0.
        sigma: f64,
    },
}

/// M/G/infinity, empty at time zero: the mean number of requests that are being served after
/// `time` seconds, with `arrivals` per second. It is arrivals x the integral over \[0, time\] of the
/// probability that a holding time is longer; the number is Poisson with that mean.
///
/// # Errors
/// If a parameter is out of range.
pub fn busy_without_limit(arrivals: f64, holding: Holding, time: f64) -> Result<f64, OutOfRange> {
    positive("arrivals", arrivals)?;
    not_negative("time", time)?;
    let integral = match holding {
        Holding::Exponential { mean } => {
            positive("mean", mean)?;
            -mean * (-time / mean).exp_m1()
        }
        Holding::Constant { time: holding } => {
            positive("holding time", holding)?;
            time.min(holding)
        }
        Holding::Pareto { least, shape } => {
            positive("least", least)?;
            positive("shape", shape)?;
            let beyond = (time / least).max(1.0).ln();
            // The integral of x^-shape from 1; with shape 1 it is the logarithm.
            let power = 1.0 - shape;
            let tail = if power.abs() < 1e-12 {
                beyond
            } else {
                (power * beyond).exp_m1() / power
            };
            time.min(least) + least * tail
        }
        Holding::LogNormal { mu, sigma } => {
            require(mu.is_finite(), "mu", mu, "a finite number")?;
            positive("sigma", sigma)?;
            if time == 0.0 {
                return Ok(0.0);
            }
            // E min(S, t) = E[S; S <= t] + t P(S > t).
            let z = (time.ln() - mu) / sigma;
            let mean = (mu + sigma * sigma / 2.0).exp();
            mean * below(z - sigma) + time * below(-z)
        }
    };
    Ok(arrivals * integral)
}

/// The standard normal distribution function.
fn below(z: f64) -> f64 {
    erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{close, erlang};
    use super::*;

    /// The forward equations step by step, by Runge and Kutta's fourth order.
    fn by_small_steps(servers: u32, arrivals: f64, holding: f64, time: f64) -> Vec<f64> {
        let n = servers as usize + 1;
        let slope = |p: &[f64]| -> Vec<f64> {
            let up = |at: usize| if at + 1 < n { arrivals } else { 0.0 };
            let down = |at: usize| at as f64 / holding;
            (0..n)
                .map(|at| {
                    let mut change = -p[at] * (up(at) + down(at));
                    if at > 0 {
                        change += p[at - 1] * up(at - 1);
                    }
                    if at + 1 < n {
                        change += p[at + 1] * down(at + 1);
                    }
                    change
                })
                .collect()
        };
        let steps = 4_000;
        let step = time / f64::from(steps);
        let mut p = vec![0.0; n];
        p[0] = 1.0;
        let along = |p: &[f64], by: f64, k: &[f64]| -> Vec<f64> {
            p.iter().zip(k).map(|(p, k)| p + by * k).collect()
        };
        for _ in 0..steps {
            let k1 = slope(&p);
            let k2 = slope(&along(&p, step / 2.0, &k1));
            let k3 = slope(&along(&p, step / 2.0, &k2));
            let k4 = slope(&along(&p, step, &k3));
            for at in 0..n {
                p[at] += step / 6.0 * (k1[at] + 2.0 * k2[at] + 2.0 * k3[at] + k4[at]);
            }
        }
        p
    }

    #[test]
    fn as_small_steps_say() {
        let filling = Filling::new(8, 5.0, 1.3).unwrap();
        for time in [0.2, 1.0, 4.0] {
            let wanted = by_small_steps(8, 5.0, 1.3, time);
            let states = filling.states(time).unwrap();
            for (p, wanted) in states.iter().zip(&wanted) {
                assert!((p - wanted).abs() < 1e-10, "{time}: {p} {wanted}");
            }
        }
    }

    #[test]
    fn begins_empty_and_ends_as_erlang_says() {
        let filling = Filling::new(10, 8.0, 1.0).unwrap();
        assert_eq!(filling.blocking(0.0).unwrap(), 0.0);
        assert!(close(filling.busy(1e-9).unwrap(), 8e-9, 1e-6));
        let lost = erlang::blocking(10, 8.0).unwrap();
        assert!(close(filling.blocking(60.0).unwrap(), lost, 1e-12));
        let carried = erlang::carried(10, 8.0).unwrap();
        assert!(close(filling.busy(60.0).unwrap(), carried, 1e-12));
        assert!(Filling::new(10, 8.0, 1.0).unwrap().states(-1.0).is_err());
        assert!(filling.blocking_between(2.0, 2.0).is_err());
        assert!(filling.states(1e12).is_err());
        assert!(Filling::new(u32::MAX, 8.0, 1.0).is_err());
    }

    /// One server: P(busy) = a / (1 + a) (1 - exp(-(lambda + mu) t)).
    #[test]
    fn one_server_by_hand() {
        let filling = Filling::new(1, 2.0, 0.5).unwrap();
        let busy = |time: f64| 0.5 * (1.0 - (-4.0 * time).exp());
        assert!(close(filling.blocking(0.3).unwrap(), busy(0.3), 1e-13));
        let integral = |time: f64| 0.5 * (time - (1.0 - (-4.0 * time).exp()) / 4.0);
        let wanted = (integral(1.5) - integral(0.4)) / 1.1;
        assert!(close(
            filling.blocking_between(0.4, 1.5).unwrap(),
            wanted,
            1e-12
        ));
    }

    /// The derivative of the integral is the chance that a holding time is longer.
    #[test]
    fn without_limit_the_slope_is_the_tail() {
        let normal_tail = |t: f64| below(-(t.ln() - 0.3) / 0.8);
        let tail = |holding: &Holding, t: f64| match *holding {
            Holding::Exponential { mean } => (-t / mean).exp(),
            Holding::Constant { time } => f64::from(t < time),
            Holding::Pareto { least, shape } => (least / t.max(least)).powf(shape),
            Holding::LogNormal { .. } => normal_tail(t),
        };
        let all = [
            Holding::Exponential { mean: 1.7 },
            Holding::Constant { time: 1.1 },
            Holding::Pareto {
                least: 0.6,
                shape: 1.5,
            },
            Holding::Pareto {
                least: 0.6,
                shape: 1.0,
            },
            Holding::LogNormal {
                mu: 0.3,
                sigma: 0.8,
            },
        ];
        for holding in all {
            assert_eq!(busy_without_limit(3.0, holding, 0.0).unwrap(), 0.0);
            for t in [0.3, 1.0, 2.5, 9.0] {
                let step = 1e-5;
                let at = |t| busy_without_limit(3.0, holding, t).unwrap();
                let slope = (at(t + step) - at(t - step)) / (2.0 * step);
                assert!(
                    (slope - 3.0 * tail(&holding, t)).abs() < 1e-6,
                    "{holding:?} {t}"
                );
            }
        }
        // Long after the start it is the load.
        let mean = (0.3f64 + 0.32).exp();
        let lasting = Holding::LogNormal {
            mu: 0.3,
            sigma: 0.8,
        };
        assert!(close(
            busy_without_limit(3.0, lasting, 1e6).unwrap(),
            3.0 * mean,
            1e-9
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn many_servers_are_as_no_limit(arrivals in 0.1..5.0f64, time in 0.0..8.0f64) {
            let filling = Filling::new(60, arrivals, 1.4).unwrap();
            let free = busy_without_limit(arrivals, Holding::Exponential { mean: 1.4 }, time).unwrap();
            prop_assert!(close(filling.busy(time).unwrap(), free, 1e-10));
            let states = filling.states(time).unwrap();
            prop_assert!(close(states.iter().sum(), 1.0, 1e-12));
        }

        #[test]
        fn it_only_fills(servers in 1u32..20, load in 0.1..20.0f64, time in 0.01..5.0f64) {
            let filling = Filling::new(servers, load, 1.0).unwrap();
            let (early, late) = (filling.blocking(time).unwrap(), filling.blocking(2.0 * time).unwrap());
            prop_assert!(early <= late + 1e-13);
            let between = filling.blocking_between(time, 2.0 * time).unwrap();
            prop_assert!(early <= between + 1e-12 && between <= late + 1e-12);
        }
    }
}
