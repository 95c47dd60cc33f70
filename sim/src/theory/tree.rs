//! Exact blocking in a tree of links, by convolving the product form up the tree.
//!
//! A loss network as in [`network`](super::network), whose links are the edges of a tree. The share
//! of the product form that fits is worked out from the leaves: what crosses a node's link is the
//! convolution of what comes out of its children and what begins at the node, cut off at the link's
//! capacity. A request of a route is lost with probability 1 - G'/G, where G' is that share with the
//! request's units taken off the links on its way (D. Tsang and K. W. Ross, "Algorithms to determine
//! exact blocking probabilities for multirate tree networks", IEEE Transactions on Communications
//! 38, 1990; K. W. Ross, "Multiservice Loss Models for Broadband Telecommunication Networks",
//! 1995, chapter 5).
//!
//! There routes end at the root. Here they may end at any place above, and may turn round on the way:
//! a node's link then carries one sum for each end that lies above, and the number of requests of each
//! route that turns, since its other leg must have the same. Each such dimension multiplies the
//! states; with routes to the root alone the work grows with capacity squared times places.

use super::network::{LossNetwork, Route};
use super::poisson::ln_weight;
use super::{OutOfRange, not_negative, require};

mod table;

use table::{Dimension, MOST_ENTRIES, Table};

/// A route between two places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeRoute {
    /// Where it begins.
    pub from: usize,
    /// Where it ends; none if it goes on over the root's link.
    pub to: Option<usize>,
    /// In erlangs: arrivals per second times mean holding time.
    pub load: f64,
    /// How many units each request takes, the same on every link of its way.
    pub units: u32,
}

/// A tree of places and routes in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    parent: Vec<Option<usize>>,
    /// Of the link above each place; the root's is crossed by the routes that end nowhere.
    capacity: Vec<Option<u32>>,
    routes: Vec<TreeRoute>,
}

impl Tree {
    /// For each place its parent and the capacity of the link to it, none for no limit. The root
    /// comes first, and every parent before its children. The root's link stands for what
    /// all routes share that end nowhere in the tree: a server at the root, for instance.
    ///
    /// # Errors
    /// If the places are in another order, a route names a place that does not exist, a load is
    /// negative or not a number, or a route takes no units.
    pub fn new(
        places: &[(Option<usize>, Option<u32>)],
        routes: Vec<TreeRoute>,
    ) -> Result<Self, OutOfRange> {
        for (at, (parent, _)) in places.iter().enumerate() {
            let ordered = match parent {
                None => at == 0,
                Some(parent) => *parent < at,
            };
            let wanted = "the root first, and parents before children";
            require(ordered, "place out of order", at as f64, wanted)?;
        }
        for route in &routes {
            not_negative("load", route.load)?;
            require(route.units > 0, "units", 0.0, "at least 1")?;
            let last = route.from.max(route.to.unwrap_or(0));
            let exists = last < places.len();
            require(exists, "place of a route", last as f64, "one of the tree")?;
        }
        let (parent, capacity) = places.iter().copied().unzip();
        Ok(Self {
            parent,
            capacity,
            routes,
        })
    }

    /// A star: leaves with edges of those capacities around a hub. The hub is place 0, the leaves
    /// follow; `hub` is the capacity of what all share that goes on from the hub.
    ///
    /// # Errors
    /// As [`Tree::new`].
    pub fn star(
        hub: Option<u32>,
        edges: &[u32],
        routes: Vec<TreeRoute>,
    ) -> Result<Self, OutOfRange> {
        let mut places = vec![(None, hub)];
        places.extend(edges.iter().map(|capacity| (Some(0), Some(*capacity))));
        Self::new(&places, routes)
    }

    /// For each place its parent and the capacity of the link above it, in the order given.
    pub fn places(&self) -> impl Iterator<Item = (Option<usize>, Option<u32>)> {
        self.parent
            .iter()
            .copied()
            .zip(self.capacity.iter().copied())
    }

    /// The routes, in the order given.
    #[must_use]
    pub fn routes(&self) -> &[TreeRoute] {
        &self.routes
    }

    /// The same as a network of links, one for each place, in the same order.
    ///
    /// # Panics
    /// Never: what it is made of has been checked.
    #[must_use]
    pub fn network(&self) -> LossNetwork {
        let routes = self.routes.iter().map(|route| {
            let way = self.way(route);
            let units = |at| if way.contains(&at) { route.units } else { 0 };
            Route {
                load: route.load,
                demand: (0..self.parent.len()).map(units).collect(),
            }
        });
        LossNetwork::new(self.capacity.clone(), routes.collect()).expect("it has been checked")
    }

    /// The exact probability that a request is lost, for each route in the order given, between
    /// 0 and 1. Its error is rounding alone, about 1e-13 absolutely, since it is a difference
    /// from one.
    ///
    /// # Errors
    /// If a table would have more than sixteen million entries.
    pub fn blocking(&self) -> Result<Vec<f64>, OutOfRange> {
        let all = self.weight(&self.capacity)?;
        let mut lost: Vec<f64> = Vec::with_capacity(self.routes.len());
        for (at, route) in self.routes.iter().enumerate() {
            // Whoever takes the same way with as many units loses the same share.
            let same = |other: &TreeRoute| {
                (other.from, other.to, other.units) == (route.from, route.to, route.units)
            };
            if let Some(same) = self.routes[..at].iter().position(same) {
                lost.push(lost[same]);
                continue;
            }
            let mut less = self.capacity.clone();
            let mut fits = true;
            for link in self.way(route) {
                if let Some(capacity) = less[link] {
                    fits &= capacity >= route.units;
                    less[link] = Some(capacity.saturating_sub(route.units));
                }
            }
            let share = if fits { self.weight(&less)? / all } else { 0.0 };
            lost.push((1.0 - share).clamp(0.0, 1.0));
        }
        Ok(lost)
    }

    /// The places from one up to the root.
    fn above(&self, place: usize) -> Vec<usize> {
        std::iter::successors(Some(place), |at| self.parent[*at]).collect()
    }

    /// The links of a route, each named by the place below it.
    fn way(&self, route: &TreeRoute) -> Vec<usize> {
        let up = self.above(route.from);
        let Some(to) = route.to else {
            return up;
        };
        let down = self.above(to);
        let only = |these: &[usize], those: &[usize]| -> Vec<usize> {
            let mine = these.iter().filter(|at| !those.contains(at));
            mine.copied().collect()
        };
        let mut way = only(&up, &down);
        way.extend(only(&down, &up));
        way
    }

    /// How many requests of a route there can be at once; none for no limit.
    fn most(&self, route: &TreeRoute, capacity: &[Option<u32>]) -> Option<u32> {
        let way = self.way(route);
        let limits = way.iter().filter_map(|link| capacity[*link]);
        limits.map(|capacity| capacity / route.units).min()
    }

    /// The weight of all states that fit those capacities. Each route's weights are scaled so
    /// that the greatest is one with the tree's own capacities.
    fn weight(&self, capacity: &[Option<u32>]) -> Result<f64, OutOfRange> {
        let mut tables: Vec<Option<Table>> = vec![None; self.parent.len()];
        for at in (0..self.parent.len()).rev() {
            let mut table = tables[at].take().unwrap_or_else(Table::one);
            for (number, route) in self.routes.iter().enumerate() {
                // What nothing limits is independent of all the rest.
                let (Some(most), Some(full)) =
                    (self.most(route, capacity), self.most(route, &self.capacity))
                else {
                    continue;
                };
                let bounded = (most as usize) < MOST_ENTRIES;
                let wanted = "less than sixteen million at once";
                require(bounded, "requests of a route", f64::from(most), wanted)?;
                if route.from == at {
                    let weights = weights(route.load, most, full);
                    let (dimension, step) = self.dimension(number, route);
                    table = table.convolved(&Table::line(dimension, step, &weights))?;
                } else if route.to == Some(at) && self.turns(route) {
                    let leg = vec![1.0; most as usize + 1];
                    let leg = Table::line(Dimension::Turns(number), 1, &leg);
                    table = table.convolved(&leg)?;
                }
            }
            // What ends here goes no further.
            table = table.without(Dimension::Ends(Some(at)));
            let units = |dimension| match dimension {
                Dimension::Ends(_) => 1,
                Dimension::Turns(route) => self.routes[route].units,
            };
            if let Some(capacity) = capacity[at] {
                table.cut(capacity, units);
            }
            let Some(parent) = self.parent[at] else {
                return Ok(table.total());
            };
            let merged = match &tables[parent] {
                Some(other) => other.convolved(&table)?,
                None => table,
            };
            tables[parent] = Some(merged);
        }
        Ok(1.0)
    }

    fn turns(&self, route: &TreeRoute) -> bool {
        route
            .to
            .is_some_and(|to| !self.above(route.from).contains(&to) && to != route.from)
    }

    /// Under what a route is counted on its way up, and how much each request adds.
    fn dimension(&self, number: usize, route: &TreeRoute) -> (Dimension, u32) {
        if self.turns(route) {
            (Dimension::Turns(number), 1)
        } else {
            (Dimension::Ends(route.to), route.units)
        }
    }
}

/// load^n / n! for n up to `most`, over the greatest of those up to `full`.
fn weights(load: f64, most: u32, full: u32) -> Vec<f64> {
    if load == 0.0 {
        return vec![1.0];
    }
    // The most probable number, or the greatest possible one.
    let peak = ln_weight(load, full.min(load.floor().min(f64::from(u32::MAX)) as u32));
    (0..=most)
        .map(|n| (ln_weight(load, n) - peak).exp())
        .collect()
}

#[cfg(test)]
mod tests;
