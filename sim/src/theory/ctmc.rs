//! Markov chains in continuous time, explored from their rules and solved for the steady state.

use std::collections::BTreeMap;

use super::{OutOfRange, positive, require};

/// How many sweeps are made at most.
const MOST_SWEEPS: u32 = 100_000;

/// A chain with finitely many states, each of which can be reached from each.
#[derive(Debug, Clone)]
pub struct Chain<S> {
    states: Vec<S>,
    /// For each state, from where it is entered and at which rate.
    into: Vec<Vec<(usize, f64)>>,
    /// The rate at which each state is left.
    out: Vec<f64>,
}

/// The steady state of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Stationary {
    /// The share of time spent in each state, in the chain's order; it sums to one.
    pub probability: Vec<f64>,
    /// What is left of the balance: the greatest |inflow - outflow| / outflow of a state, so that
    /// states that are hardly ever entered are as precise as the others. Without dimension.
    pub residual: f64,
    /// How many sweeps it took.
    pub sweeps: u32,
}

impl<S: Ord + Clone> Chain<S> {
    /// Explores the chain from one of its states. `transitions` appends where a state leads and at
    /// which rate per second; rates to the same state add up.
    ///
    /// # Errors
    /// If there are more states than `most`, or a rate is not above zero.
    pub fn explore(
        start: S,
        most: usize,
        mut transitions: impl FnMut(&S, &mut Vec<(S, f64)>),
    ) -> Result<Self, OutOfRange> {
        let mut index = BTreeMap::from([(start.clone(), 0)]);
        let mut chain = Self {
            states: vec![start],
            into: vec![Vec::new()],
            out: vec![0.0],
        };
        let mut found = Vec::new();
        let mut at = 0;
        while at < chain.states.len() {
            transitions(&chain.states[at], &mut found);
            for (to, rate) in found.drain(..) {
                positive("rate", rate)?;
                let next = chain.states.len();
                let to = *index.entry(to).or_insert_with_key(|state| {
                    chain.states.push(state.clone());
                    chain.into.push(Vec::new());
                    chain.out.push(0.0);
                    next
                });
                let wanted = "no more than the limit that was given";
                require(
                    chain.states.len() <= most,
                    "states",
                    next as f64 + 1.0,
                    wanted,
                )?;
                if to != at {
                    chain.into[to].push((at, rate));
                    chain.out[at] += rate;
                }
            }
            at += 1;
        }
        Ok(chain)
    }
}

impl<S> Chain<S> {
    /// The states, in the order in which they were found.
    #[must_use]
    pub fn states(&self) -> &[S] {
        &self.states
    }

    /// The steady state, by Gauss-Seidel sweeps over the balance equations, to and fro (W. J.
    /// Stewart, "Introduction to the Numerical Solution of Markov Chains", 1994, section 3.3), until the
    /// [residual](Stationary::residual) is at most `residual`.
    ///
    /// # Errors
    /// If a hundred thousand sweeps do not get there, or a state is never left though there are
    /// others.
    pub fn stationary(&self, residual: f64) -> Result<Stationary, OutOfRange> {
        positive("residual", residual)?;
        let n = self.states.len();
        let stuck = self.out.iter().position(|out| *out == 0.0);
        if n == 1 {
            return Ok(Stationary {
                probability: vec![1.0],
                residual: 0.0,
                sweeps: 0,
            });
        }
        if let Some(at) = stuck {
            require(false, "rate out of a state", at as f64, "above zero")?;
        }
        let mut p = vec![1.0 / n as f64; n];
        let mut left = f64::INFINITY;
        for sweep in 1..=MOST_SWEEPS {
            for at in (0..n).chain((0..n).rev()) {
                p[at] = self.inflow(&p, at) / self.out[at];
            }
            let total: f64 = p.iter().sum();
            p.iter_mut().for_each(|p| *p /= total);
            left = self.imbalance(&p);
            if left <= residual {
                return Ok(Stationary {
                    probability: p,
                    residual: left,
                    sweeps: sweep,
                });
            }
        }
        require(
            false,
            "residual",
            left,
            "what was asked for: it is too small",
        )?;
        unreachable!("it was refused")
    }

    fn inflow(&self, p: &[f64], at: usize) -> f64 {
        self.into[at]
            .iter()
            .map(|(from, rate)| p[*from] * rate)
            .sum()
    }

    fn imbalance(&self, all: &[f64]) -> f64 {
        all.iter()
            .enumerate()
            // What is smaller has lost its last digits.
            .filter(|(_, p)| **p > f64::MIN_POSITIVE / f64::EPSILON)
            .map(|(at, p)| {
                let out = p * self.out[at];
                (self.inflow(all, at) - out).abs() / out
            })
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::{close, erlang};
    use super::*;

    /// Elimination without subtraction: W. K. Grassmann, M. I. Taksar, D. P. Heyman,
    /// "Regenerative analysis and steady state distributions for Markov chains", Operations
    /// Research 33, 1985. Exact but for rounding, for small dense chains.
    fn by_elimination(mut rate: Vec<Vec<f64>>) -> Vec<f64> {
        let n = rate.len();
        for k in (1..n).rev() {
            let last = rate[k].clone();
            let out: f64 = last[..k].iter().sum();
            for row in &mut rate[..k] {
                row[k] /= out;
                for j in 0..k {
                    row[j] += row[k] * last[j];
                }
            }
        }
        let mut p: Vec<f64> = vec![1.0];
        for k in 1..n {
            p.push(p.iter().zip(&rate).map(|(p, row)| p * row[k]).sum());
        }
        let total: f64 = p.iter().sum();
        p.iter().map(|p| p / total).collect()
    }

    #[test]
    fn birth_and_death_is_erlang() {
        let chain = Chain::explore(0u32, 100, |n, to| {
            if *n < 12 {
                to.push((n + 1, 9.0));
            }
            if *n > 0 {
                to.push((n - 1, f64::from(*n)));
            }
        })
        .unwrap();
        let steady = chain.stationary(1e-13).unwrap();
        assert!(steady.residual <= 1e-13);
        let full = chain.states().iter().position(|n| *n == 12).unwrap();
        let lost = erlang::blocking(12, 9.0).unwrap();
        assert!(close(steady.probability[full], lost, 1e-10));
    }

    #[test]
    fn what_has_no_steady_state_is_refused() {
        let ends = |n: &u32, to: &mut Vec<(u32, f64)>| {
            if *n < 3 {
                to.push((n + 1, 1.0));
            }
        };
        let chain = Chain::explore(0, 10, ends).unwrap();
        assert!(chain.stationary(1e-12).is_err());
        let endless = |n: &u32, to: &mut Vec<(u32, f64)>| to.push((n + 1, 1.0));
        let why = Chain::explore(0, 10, endless).unwrap_err().to_string();
        assert!(why.contains("states is 11"), "{why}");
    }

    /// A residual over all states together left a rare one, of about one in a hundred thousand,
    /// with six digits.
    #[test]
    fn rare_states_are_as_precise_as_others() {
        let mut dense = vec![vec![0.0; 7]; 7];
        for (from, to, rate) in [
            (0, 6, 3.0),
            (1, 6, 4.0),
            (2, 6, 4.5),
            (3, 0, 4.8),
            (5, 4, 3.8),
        ] {
            dense[from][to] = rate;
        }
        for (from, row) in dense.iter_mut().enumerate() {
            row[(from + 1) % 7] += 0.1;
        }
        check(&dense);
    }

    /// The chain of these rates is solved as precisely as by elimination.
    fn check(dense: &[Vec<f64>]) {
        let wanted = by_elimination(dense.to_vec());
        let chain = Chain::explore(0usize, dense.len(), |i, to| {
            let rates = dense[*i].iter().enumerate();
            to.extend(
                rates
                    .filter(|(_, rate)| **rate > 0.0)
                    .map(|(j, rate)| (j, *rate)),
            );
        })
        .unwrap();
        let steady = chain.stationary(1e-13).unwrap();
        assert!(close(steady.probability.iter().sum(), 1.0, 1e-13));
        for (state, p) in chain.states().iter().zip(&steady.probability) {
            assert!(close(*p, wanted[*state], 1e-8), "{p} {}", wanted[*state]);
        }
    }

    proptest! {
        #[test]
        fn as_elimination_says(rates in vec(vec(0.0..5.0f64, 7), 7)) {
            // A circle through all states, so that each is reached from each.
            let n = rates.len();
            let rate = |i: usize, j: usize| {
                let more = if j == (i + 1) % n { 0.1 } else { 0.0 };
                // Sparse: about half of them are missing.
                if rates[i][j] < 2.5 { more } else { rates[i][j] + more }
            };
            let dense: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| {
                if i == j { 0.0 } else { rate(i, j) }
            }).collect()).collect();
            check(&dense);
        }
    }
}
