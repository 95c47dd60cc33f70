//! Loss networks with fixed routes, and their blocking by plain enumeration.
//!
//! Requests of each route arrive as a Poisson process, take their units at all links of the route at
//! once for their holding time, and are lost if any link has too little free. The numbers of
//! requests under way then have the product form of independent Poisson variables cut off where
//! a link would be overfull, whatever the holding times' distributions (F. P. Kelly, "Loss
//! networks", Annals of Applied Probability 1, 1991). A place is a link like any other.
//!
//! Enumeration takes as many steps as there are states: it is for small networks, and for checking
//! what is cleverer.

use super::{OutOfRange, not_negative, require};

/// How many states are enumerated at most.
const MOST_STATES: u64 = 2_000_000;

/// What the requests of one route ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// In erlangs: arrivals per second times mean holding time.
    pub load: f64,
    /// How many units of each link, in the network's order of links; zero of those beside
    /// the route.
    pub demand: Vec<u32>,
}

/// Links and routes.
#[derive(Debug, Clone, PartialEq)]
pub struct LossNetwork {
    capacity: Vec<Option<u32>>,
    routes: Vec<Route>,
}

impl LossNetwork {
    /// A network whose links have those capacities in units; none for no limit.
    ///
    /// # Errors
    /// If a load is negative or not a number, or a route does not say what it asks of each link.
    pub fn new(capacity: Vec<Option<u32>>, routes: Vec<Route>) -> Result<Self, OutOfRange> {
        for route in &routes {
            not_negative("load", route.load)?;
            let demands = route.demand.len();
            let wanted = "one demand for each link";
            require(
                demands == capacity.len(),
                "demands of a route",
                demands as f64,
                wanted,
            )?;
        }
        Ok(Self { capacity, routes })
    }

    /// The capacity of each link.
    #[must_use]
    pub fn capacity(&self) -> &[Option<u32>] {
        &self.capacity
    }

    /// The routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The exact probability that a request is lost, for each route in the order given, between
    /// 0 and 1.
    ///
    /// # Errors
    /// If there are more than two million states.
    pub fn blocking(&self) -> Result<Vec<f64>, OutOfRange> {
        let mut walk = Walk {
            network: self,
            limited: (0..self.routes.len())
                .filter(|at| self.most(*at).is_some())
                .collect(),
            free: self.capacity.clone(),
            total: 0.0,
            full: vec![0.0; self.routes.len()],
            states: 0,
        };
        walk.step(0, 0.0)?;
        Ok(walk.full.iter().map(|full| full / walk.total).collect())
    }

    /// How many requests of a route there can be at once; none for no limit.
    pub(super) fn most(&self, route: usize) -> Option<u32> {
        let demand = &self.routes[route].demand;
        let links = self.capacity.iter().zip(demand);
        links
            .filter_map(|(capacity, units)| capacity.and_then(|c| c.checked_div(*units)))
            .min()
    }
}

/// A walk through all states. A route without a limit is independent of all others, and left
/// out.
struct Walk<'a> {
    network: &'a LossNetwork,
    limited: Vec<usize>,
    free: Vec<Option<u32>>,
    total: f64,
    /// The weight of the states in which no further request of the route fits.
    full: Vec<f64>,
    states: u64,
}

impl Walk<'_> {
    /// Takes every possible number of the route at `at`, and walks on; `weight` is the logarithm
    /// of what is chosen so far.
    fn step(&mut self, at: usize, weight: f64) -> Result<(), OutOfRange> {
        let Some(route) = self.limited.get(at).copied() else {
            return self.count(weight.exp());
        };
        let Route { load, demand } = &self.network.routes[route];
        let most = self.network.most(route).unwrap_or(0);
        let before = self.free.clone();
        let mut weight = weight - load;
        for number in 0..=most {
            if number > 0 {
                if !fits(&self.free, demand) || *load == 0.0 {
                    break;
                }
                take(&mut self.free, demand);
                weight += (load / f64::from(number)).ln();
            }
            self.step(at + 1, weight)?;
        }
        self.free = before;
        Ok(())
    }

    fn count(&mut self, weight: f64) -> Result<(), OutOfRange> {
        self.states += 1;
        let states = self.states;
        let wanted = "at most two million, to be enumerated";
        require(states <= MOST_STATES, "states", states as f64, wanted)?;
        self.total += weight;
        for (route, sum) in self.network.routes.iter().zip(&mut self.full) {
            if !fits(&self.free, &route.demand) {
                *sum += weight;
            }
        }
        Ok(())
    }
}

fn fits(free: &[Option<u32>], demand: &[u32]) -> bool {
    let mut links = free.iter().zip(demand);
    links.all(|(free, units)| free.is_none_or(|free| free >= *units))
}

fn take(free: &mut [Option<u32>], demand: &[u32]) {
    for (free, units) in free.iter_mut().zip(demand) {
        *free = free.map(|free| free - units);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{close, erlang};
    use super::*;

    fn route(load: f64, demand: &[u32]) -> Route {
        Route {
            load,
            demand: demand.to_vec(),
        }
    }

    #[test]
    fn one_link_is_erlang() {
        let network = LossNetwork::new(vec![Some(7)], vec![route(5.0, &[1])]).unwrap();
        let lost = network.blocking().unwrap()[0];
        assert!(close(lost, erlang::blocking(7, 5.0).unwrap(), 1e-13));
    }

    /// Two links of one unit and three routes of one erlang, one over each and one over both. Of
    /// the five states that fit all weigh 1; a request over one link fits where that is free.
    #[test]
    fn by_hand() {
        let routes = vec![
            route(1.0, &[1, 0]),
            route(1.0, &[0, 1]),
            route(1.0, &[1, 1]),
        ];
        let network = LossNetwork::new(vec![Some(1), Some(1)], routes).unwrap();
        let lost = network.blocking().unwrap();
        for (lost, wanted) in lost.iter().zip([0.6, 0.6, 0.8]) {
            assert!(close(*lost, wanted, 1e-13), "{lost} {wanted}");
        }
    }

    #[test]
    fn what_no_link_limits_is_never_lost() {
        let routes = vec![route(3.0, &[1, 1]), route(900.0, &[0, 9])];
        let network = LossNetwork::new(vec![Some(2), None], routes).unwrap();
        let lost = network.blocking().unwrap();
        assert!(close(lost[0], erlang::blocking(2, 3.0).unwrap(), 1e-13));
        assert_eq!(lost[1], 0.0);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let routes = vec![route(1.0, &[1]); 12];
        let network = LossNetwork::new(vec![Some(40)], routes).unwrap();
        assert!(network.blocking().is_err());
        assert!(LossNetwork::new(vec![Some(1)], vec![route(1.0, &[])]).is_err());
    }
}
