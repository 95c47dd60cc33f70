//! One edge: its connection, its two directions, and what holds for it alone.

use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::direction::{Direction, Terms};
use super::model::{Disturbance, EdgeModel, Rates};
use crate::random::Draws;

/// The number of an edge, for who sends much over it: see
/// [`Network::number`](super::Network::number).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EdgeId(pub(super) u32);

/// An edge of the tree. There is one for each place, so it is kept small.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) connection: u64,
    draws: [Draws; 2],
    /// What is not as for all; made when something is not.
    pub(super) own: Option<Box<Own>>,
    pub(super) up: Direction,
    pub(super) down: Direction,
    pub(super) standing: bool,
    /// Whether the end above and the end below take the edge for connected: what they were told
    /// last.
    pub(super) believed: [bool; 2],
}

/// What holds for one edge only.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) model: Option<Arc<EdgeModel>>,
    pub(super) rates: Option<Rates>,
    pub(super) up: Option<Disturbance>,
    pub(super) down: Option<Disturbance>,
}

impl Edge {
    pub(super) fn new(seed: u64, lower: &PlaceName) -> Self {
        Self {
            connection: 0,
            draws: [0, 1].map(|upward| Draws::new(seed, lower.as_str(), upward)),
            own: None,
            up: Direction::default(),
            down: Direction::default(),
            standing: false,
            believed: [false; 2],
        }
    }

    /// One direction, with what holds there now.
    pub(super) fn direction<'a>(
        &'a mut self,
        upward: bool,
        now: Instant,
        common: &'a EdgeModel,
    ) -> (&'a mut Direction, Terms<'a>) {
        let own = self.own.as_deref();
        let model = own.and_then(|own| own.model.as_deref()).unwrap_or(common);
        let model = model.direction(upward);
        let rates = own.and_then(|own| own.rates);
        let rate = rates.map_or(model.bandwidth, |r| if upward { r.up } else { r.down });
        let disturbance = own.and_then(|own| if upward { &own.up } else { &own.down }.as_ref());
        let terms = Terms {
            now,
            model,
            disturbance,
            rate,
            draws: self.draws[usize::from(upward)],
        };
        let direction = if upward { &mut self.up } else { &mut self.down };
        (direction, terms)
    }
}

#[cfg(test)]
mod tests {
    use super::Edge;

    /// A million edges take 176 MB, before anything passes them.
    #[test]
    fn an_edge_is_small() {
        assert!(size_of::<Edge>() <= 176, "{}", size_of::<Edge>());
    }
}
