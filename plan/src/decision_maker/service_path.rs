//! From one quality level on one service path to the stages of a solution.

use waybook_location_tree::PlaceName;

use crate::{Demand, Locked, Position, Quality, Resource, ResourceError, Stage};

/// The places from the client to a server, and what each of them is.
pub(super) struct ServicePath {
    places: Vec<PlaceName>,
    /// The hop of the lowest common ancestor. Hops before it are on the client's side.
    top: usize,
    /// The hop of the client's default place.
    default_place: usize,
}

impl ServicePath {
    /// The path between two places; `None` if they are not in one tree.
    pub(super) fn new(
        client: &PlaceName,
        client_is_default_place: bool,
        server: &PlaceName,
    ) -> Option<Self> {
        let places = client.path_to(server)?;
        let ancestor = client.common_ancestor(server)?;
        let top = places.iter().position(|place| *place == ancestor)?;
        // The client's parent is the second place of every path that climbs.
        let default_place = usize::from(!client_is_default_place && top > 0);
        Some(Self {
            places,
            top,
            default_place,
        })
    }

    fn is_at(&self, hop: usize, position: Position) -> bool {
        match position {
            Position::Client => hop == 0,
            Position::DefaultPlace => hop == self.default_place,
            Position::EveryHop => true,
            Position::Server => hop + 1 == self.places.len(),
        }
    }

    /// The stages of a quality level on this path, with the releases that were chosen
    /// for it.
    ///
    /// # Errors
    /// [`ResourceError::Overflow`] if the demands of a place do not add up.
    pub(super) fn stages(
        &self,
        quality: &Quality,
        locked: &Locked,
    ) -> Result<Vec<Stage>, ResourceError> {
        let stage = |(hop, place): (usize, &PlaceName)| {
            let applies = |(at, _): &&(Position, _)| self.is_at(hop, *at);
            let components = quality.components.iter().filter(applies);
            let components: Vec<_> = components.map(|(_, c)| c.clone()).collect();
            Ok(Stage {
                place: place.clone(),
                demand: self.demand(hop, quality)?,
                components: locked.chain(&components),
            })
        };
        self.places.iter().enumerate().map(stage).collect()
    }

    fn demand(&self, hop: usize, quality: &Quality) -> Result<Demand, ResourceError> {
        let of = &quality.demand;
        let mut demand = Demand::none();
        for (position, part) in [
            (Position::Client, &of.client),
            (Position::DefaultPlace, &of.default_place),
            (Position::EveryHop, &of.every_hop),
            (Position::Server, &of.server),
        ] {
            if self.is_at(hop, position) {
                demand.add_all(part)?;
            }
        }
        // A place owns the edge to its parent. On the client's side the client is below
        // that edge, on the server's side above it; the ancestor's edge is not passed.
        if hop != self.top {
            let (to_client, to_server) = match hop < self.top {
                true => (Resource::down(), Resource::up()),
                false => (Resource::up(), Resource::down()),
            };
            demand.add(&to_client, of.edge.to_client)?;
            demand.add(&to_server, of.edge.to_server)?;
        }
        Ok(demand)
    }
}
