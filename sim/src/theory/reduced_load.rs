//! The reduced load approximation, also called the Erlang fixed point. It is *not exact*.
//!
//! Each link is taken as if it were alone and lost requests independently of all others, and as
//! if it saw of each route only what the route's other links let through. F. P. Kelly, "Blocking
//! probabilities in large circuit-switched networks", Advances in Applied Probability 18, 1986; for
//! several rates with [`kaufman_roberts`] at each link, S.-P. Chung and K. W. Ross, "Reduced load
//! approximations for multirate loss networks", IEEE Transactions on Communications 41, 1993. It
//! is shown beside exact values and is never a criterion.

use super::kaufman_roberts::{self, Rate};
use super::network::LossNetwork;
use super::{OutOfRange, require};

/// How many rounds are made at most.
const ROUNDS: u32 = 10_000;

/// What the approximation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct ReducedLoad {
    /// For each route, about the probability that a request is lost, between 0 and 1.
    pub blocking: Vec<f64>,
    /// By how much a link's blocking changed at most in the last round.
    pub residual: f64,
    /// How many rounds were made.
    pub rounds: u32,
}

/// Repeats the substitution, each time half way, until nothing changes by more than 1e-13.
///
/// # Errors
/// If that is not so after ten thousand rounds: with several rates the fixed point need be neither
/// unique nor attracting.
pub fn blocking(network: &LossNetwork) -> Result<ReducedLoad, OutOfRange> {
    let (capacity, routes) = (network.capacity(), network.routes());
    // What each link loses of each route; nothing of those beside it.
    let mut lost = vec![vec![0.0f64; routes.len()]; capacity.len()];
    let mut residual = f64::INFINITY;
    let mut rounds = 0;
    while residual > 1e-13 && rounds < ROUNDS {
        rounds += 1;
        residual = 0.0;
        for link in 0..capacity.len() {
            let Some(capacity) = capacity[link] else {
                continue;
            };
            let here: Vec<_> = (0..routes.len())
                .filter(|route| routes[*route].demand[link] > 0)
                .collect();
            let rates: Vec<_> = here
                .iter()
                .map(|route| Rate {
                    load: routes[*route].load * passes(&lost, *route, Some(link)),
                    units: routes[*route].demand[link],
                })
                .collect();
            let now = kaufman_roberts::blocking(capacity, &rates)?;
            for (route, now) in here.into_iter().zip(now) {
                let change = now - lost[link][route];
                residual = residual.max(change.abs());
                lost[link][route] += change / 2.0;
            }
        }
    }
    require(residual <= 1e-13, "residual", residual, "1e-13 at most")?;
    let blocking = (0..routes.len()).map(|route| 1.0 - passes(&lost, route, None));
    Ok(ReducedLoad {
        blocking: blocking.collect(),
        residual,
        rounds,
    })
}

/// The share of a route's requests that all links but one let through.
fn passes(lost: &[Vec<f64>], route: usize, except: Option<usize>) -> f64 {
    let others = lost
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != except);
    others.map(|(_, lost)| 1.0 - lost[route]).product()
}

#[cfg(test)]
mod tests {
    use super::super::network::Route;
    use super::super::{close, erlang};
    use super::*;

    fn network(capacity: &[u32], routes: &[(f64, &[u32])]) -> LossNetwork {
        let capacity = capacity.iter().copied().map(Some).collect();
        let routes = routes.iter().map(|(load, demand)| Route {
            load: *load,
            demand: demand.to_vec(),
        });
        LossNetwork::new(capacity, routes.collect()).unwrap()
    }

    #[test]
    fn exact_on_one_link() {
        let one = network(&[9], &[(7.0, &[1])]);
        let lost = blocking(&one).unwrap();
        assert!(close(
            lost.blocking[0],
            erlang::blocking(9, 7.0).unwrap(),
            1e-11
        ));
        assert!(lost.residual <= 1e-13);
    }

    /// The fixed point by Erlang's formula: E = B(C, a (1 - E)) on each of two equal links of
    /// one route.
    #[test]
    fn solves_its_equation() {
        let two = network(&[10, 10], &[(8.0, &[1, 1])]);
        let lost = blocking(&two).unwrap().blocking[0];
        let each = 1.0 - (1.0 - lost).sqrt();
        let again = erlang::blocking(10, 8.0 * (1.0 - each)).unwrap();
        assert!(close(each, again, 1e-10));
        // Both links are full together: what is lost in truth is Erlang's formula on one.
        assert!(lost > erlang::blocking(10, 8.0).unwrap());
    }

    #[test]
    fn near_the_exact_value_where_routes_mix() {
        let mixed = network(
            &[12, 12, 12],
            &[
                (4.0, &[1, 1, 0]),
                (4.0, &[0, 1, 1]),
                (4.0, &[1, 0, 1]),
                (1.0, &[2, 0, 0]),
            ],
        );
        let about = blocking(&mixed).unwrap().blocking;
        let exact = mixed.blocking().unwrap();
        for (about, exact) in about.iter().zip(exact) {
            assert!((about - exact).abs() < 0.02, "{about} {exact}");
            assert!(!close(*about, exact, 1e-6), "it is an approximation");
        }
    }
}
