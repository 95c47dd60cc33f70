//! Fallback: a request that is refused at its first choice is tried at the next.
//!
//! With that, the product form is lost, and so is the insensitivity to holding times: they
//! are exponential here. The chain of how many requests of each class are served by each choice is
//! solved numerically (as overflow is in R. I. Wilkinson, "Theories for toll traffic engineering in
//! the U.S.A.", Bell System Technical Journal 35, 1956, and R. B. Cooper, "Introduction to
//! Queueing Theory", 1981, section 4.6, by their birth and death equations).

use super::ctmc::Chain;
use super::{OutOfRange, not_negative, positive, require};

/// How many states a chain may have.
const MOST_STATES: usize = 2_000_000;

/// The residual of the steady state.
const RESIDUAL: f64 = 1e-12;

/// Requests that come at one rate and have the same choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Requests per second, a Poisson process.
    pub arrivals: f64,
    /// The mean holding time in seconds; exponentially distributed.
    pub holding: f64,
    /// What each choice asks of each resource, in units, in the order in which they are tried.
    pub choices: Vec<Vec<u32>>,
}

/// Resources, and the classes of requests that share them.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    capacity: Vec<u32>,
    classes: Vec<Class>,
}

/// What becomes of requests in the steady state.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// For each class and each choice of it, the share of its requests that are served so.
    pub served: Vec<Vec<f64>>,
    /// For each class, the share of its requests that no choice could serve.
    pub blocked: Vec<f64>,
    /// For each resource, the mean number of busy units.
    pub busy: Vec<f64>,
    /// How many states the chain has.
    pub states: usize,
    /// How far from balance it was left; see [`Stationary::residual`](super::ctmc::Stationary::residual).
    pub residual: f64,
}

impl Fallback {
    /// Any resources and classes.
    ///
    /// # Errors
    /// If a rate or time is out of range, or a choice does not ask for something of what there
    /// is: one number for each resource, not all of them zero. If a class has no choice.
    pub fn new(capacity: Vec<u32>, classes: Vec<Class>) -> Result<Self, OutOfRange> {
        for class in &classes {
            let wanted = "at least 1";
            let choices = class.choices.len();
            require(choices > 0, "choices of a class", choices as f64, wanted)?;
            not_negative("arrivals", class.arrivals)?;
            positive("holding", class.holding)?;
            for choice in &class.choices {
                let demands = choice.len();
                let wanted = "one for each resource";
                let complete = demands == capacity.len();
                require(complete, "demands of a choice", demands as f64, wanted)?;
                let asks = choice.iter().any(|units| *units > 0);
                require(asks, "demand of a choice", 0.0, "above zero somewhere")?;
            }
        }
        Ok(Self { capacity, classes })
    }

    /// One place with one resource, and one class whose choices take ever fewer units of it.
    ///
    /// # Errors
    /// As [`Fallback::new`].
    pub fn place(
        capacity: u32,
        arrivals: f64,
        holding: f64,
        choices: &[u32],
    ) -> Result<Self, OutOfRange> {
        let class = Class {
            arrivals,
            holding,
            choices: choices.iter().map(|units| vec![*units]).collect(),
        };
        Self::new(vec![capacity], vec![class])
    }

    /// A star: each leaf has an edge of so many units and requests of its own, all of which share
    /// the hub. A choice is what it takes of the leaf's edge and of the hub. The classes are in
    /// the order of the leaves; the resources are the edges in that order, then the hub.
    ///
    /// # Errors
    /// As [`Fallback::new`].
    pub fn star(
        edges: &[u32],
        hub: u32,
        arrivals: &[f64],
        holding: f64,
        choices: &[(u32, u32)],
    ) -> Result<Self, OutOfRange> {
        let leaves = arrivals.len();
        let each = leaves == edges.len();
        require(each, "arrival rates", leaves as f64, "one for each edge")?;
        let mut capacity = edges.to_vec();
        capacity.push(hub);
        let classes = arrivals.iter().enumerate().map(|(leaf, arrivals)| Class {
            arrivals: *arrivals,
            holding,
            choices: choices
                .iter()
                .map(|(at_edge, at_hub)| {
                    let mut demand = vec![0; edges.len() + 1];
                    demand[leaf] = *at_edge;
                    demand[edges.len()] = *at_hub;
                    demand
                })
                .collect(),
        });
        let classes = classes.collect();
        Self::new(capacity, classes)
    }

    /// How many units there are of each resource.
    #[must_use]
    pub fn capacity(&self) -> &[u32] {
        &self.capacity
    }

    /// The classes.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Solves the chain, to a residual of 1e-12. By PASTA, requests see the time averages.
    ///
    /// # Errors
    /// If there are more than two million states, or the residual is not reached.
    pub fn solve(&self) -> Result<Outcome, OutOfRange> {
        // A state counts, class by class and choice by choice, what is being served.
        let slots: Vec<(usize, usize)> = self.slots();
        let empty = vec![0u32; slots.len()];
        let chain = Chain::explore(empty, MOST_STATES, |state, to| {
            for class in 0..self.classes.len() {
                let arrivals = self.classes[class].arrivals;
                if let Some(choice) = self.choice(state, class).filter(|_| arrivals > 0.0) {
                    let mut more = state.clone();
                    more[self.slot(class, choice)] += 1;
                    to.push((more, arrivals));
                }
            }
            for (slot, (class, _)) in slots.iter().enumerate() {
                if state[slot] > 0 {
                    let mut less = state.clone();
                    less[slot] -= 1;
                    let rate = f64::from(state[slot]) / self.classes[*class].holding;
                    to.push((less, rate));
                }
            }
        })?;
        let steady = chain.stationary(RESIDUAL)?;
        let mut outcome = Outcome {
            served: self
                .classes
                .iter()
                .map(|class| vec![0.0; class.choices.len()])
                .collect(),
            blocked: vec![0.0; self.classes.len()],
            busy: vec![0.0; self.capacity.len()],
            states: chain.states().len(),
            residual: steady.residual,
        };
        for (state, p) in chain.states().iter().zip(&steady.probability) {
            for class in 0..self.classes.len() {
                match self.choice(state, class) {
                    Some(choice) => outcome.served[class][choice] += p,
                    None => outcome.blocked[class] += p,
                }
            }
            for (busy, used) in outcome.busy.iter_mut().zip(self.used(state)) {
                *busy += p * used as f64;
            }
        }
        Ok(outcome)
    }

    fn slots(&self) -> Vec<(usize, usize)> {
        let classes = self.classes.iter().enumerate();
        classes
            .flat_map(|(class, c)| (0..c.choices.len()).map(move |choice| (class, choice)))
            .collect()
    }

    fn slot(&self, class: usize, choice: usize) -> usize {
        let before = self.classes[..class].iter();
        before.map(|c| c.choices.len()).sum::<usize>() + choice
    }

    /// How much of each resource is taken.
    fn used(&self, state: &[u32]) -> Vec<u64> {
        let mut used = vec![0; self.capacity.len()];
        let demands = self.classes.iter().flat_map(|class| &class.choices);
        for (number, demand) in state.iter().zip(demands) {
            for (used, units) in used.iter_mut().zip(demand) {
                *used += u64::from(*number) * u64::from(*units);
            }
        }
        used
    }

    /// The first choice that fits what is free.
    fn choice(&self, state: &[u32], class: usize) -> Option<usize> {
        let used = self.used(state);
        let fits = |demand: &Vec<u32>| {
            let mut resources = used.iter().zip(&self.capacity).zip(demand);
            resources
                .all(|((used, capacity), units)| used + u64::from(*units) <= u64::from(*capacity))
        };
        self.classes[class].choices.iter().position(fits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::network::{LossNetwork, Route};
    use super::super::{close, erlang};
    use super::*;

    /// Three units, first choice two, second one; arrivals and holding times of 1. Of the states
    /// (first, second) 00, 10, 11 and 01 are reached: from 00 and 01 a request takes two units,
    /// from 10 one, at 11 nothing fits.
    #[test]
    fn a_place_by_hand() {
        let outcome = Fallback::place(3, 1.0, 1.0, &[2, 1])
            .unwrap()
            .solve()
            .unwrap();
        // Balance: 2 p(01) = p(11), 2 p(10) = p(00) + p(11), p(00) = p(10) + p(01); so they are
        // 4/10, 3/10, 2/10 and 1/10 in that order.
        assert_eq!(outcome.states, 4);
        assert!(close(outcome.served[0][0], 0.5, 1e-10));
        assert!(close(outcome.served[0][1], 0.3, 1e-10));
        assert!(close(outcome.blocked[0], 0.2, 1e-10));
        assert!(close(outcome.busy[0], 0.3 * 2.0 + 0.2 * 3.0 + 0.1, 1e-10));
        assert!(outcome.residual <= 1e-12);
    }

    #[test]
    fn one_choice_is_erlang() {
        let outcome = Fallback::place(20, 4.0, 1.5, &[2])
            .unwrap()
            .solve()
            .unwrap();
        let lost = erlang::blocking(10, 6.0).unwrap();
        assert!(close(outcome.blocked[0], lost, 1e-9));
    }

    /// A star in which nothing falls back is a loss network.
    #[test]
    fn a_star_with_one_choice_has_the_product_form() {
        let star = Fallback::star(&[4, 6], 7, &[2.0, 3.0], 1.0, &[(1, 1)]).unwrap();
        let outcome = star.solve().unwrap();
        let route = |load, demand: [u32; 3]| Route {
            load,
            demand: demand.to_vec(),
        };
        let capacity = [4, 6, 7].map(Some).to_vec();
        let routes = vec![route(2.0, [1, 0, 1]), route(3.0, [0, 1, 1])];
        let exact = LossNetwork::new(capacity, routes)
            .unwrap()
            .blocking()
            .unwrap();
        for (blocked, exact) in outcome.blocked.iter().zip(exact) {
            assert!(close(*blocked, exact, 1e-9));
        }
    }

    /// Overflow to a second resource: of what both together lose, Erlang says how much (each
    /// request takes a unit of one or of the other).
    #[test]
    fn overflow_to_a_second_group() {
        let class = Class {
            arrivals: 8.0,
            holding: 1.0,
            choices: vec![vec![1, 0], vec![0, 1]],
        };
        let outcome = Fallback::new(vec![6, 5], vec![class])
            .unwrap()
            .solve()
            .unwrap();
        let first = erlang::blocking(6, 8.0).unwrap();
        let both = erlang::blocking(11, 8.0).unwrap();
        assert!(close(outcome.served[0][0], 1.0 - first, 1e-9));
        assert!(close(outcome.blocked[0], both, 1e-9));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Fallback::place(3, 1.0, 0.0, &[1]).is_err());
        assert!(Fallback::place(3, 1.0, 1.0, &[0]).is_err());
        assert!(Fallback::place(3, 1.0, 1.0, &[]).is_err());
        assert!(Fallback::star(&[1], 1, &[1.0, 1.0], 1.0, &[(1, 1)]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn all_requests_are_accounted_for(
            capacity in 3u32..20,
            arrivals in 0.1..20.0f64,
            great in 2u32..4,
        ) {
            let outcome = Fallback::place(capacity, arrivals, 2.0, &[great, 1]).unwrap().solve().unwrap();
            let served = &outcome.served[0];
            prop_assert!(close(served.iter().sum::<f64>() + outcome.blocked[0], 1.0, 1e-12));
            // Little's law for what is carried.
            let carried = arrivals * 2.0 * (served[0] * f64::from(great) + served[1]);
            prop_assert!(close(outcome.busy[0], carried, 1e-8));
            // A request with a second choice is lost less often.
            let strict = Fallback::place(capacity, arrivals, 2.0, &[great]).unwrap().solve().unwrap();
            prop_assert!(outcome.blocked[0] < strict.blocked[0] + 1e-11);
        }
    }
}
