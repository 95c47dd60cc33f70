//! Location trees as the simulator takes them: places with a class and an edge to their parent.

use std::time::Duration;

use waybook_location_tree::{LocationTree, PlaceName};

use super::error::TopologyError;

/// A location tree: its places in a fixed order, each with a class and its edge to the parent.
///
/// The order is that of the names: the root comes first, every place before those below it,
/// and each locality is contiguous. So a tree that is written and read again, or built from
/// the same lines in another order, is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    pub(super) places: Vec<TreePlace>,
    pub(super) classes: Vec<String>,
}

/// One place of a [`Topology`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreePlace {
    /// Its name.
    pub name: PlaceName,
    /// The index of its parent among the places; none for the root.
    pub parent: Option<u32>,
    /// Its edge to the parent.
    pub edge: Edge,
    pub(super) class: u16,
}

/// What is known of the edge between a place and its parent; what is not is up to the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edge {
    /// How long a bit takes in either direction.
    pub latency: Option<Duration>,
    /// Bit/s from the parent to the place.
    pub down: Option<u64>,
    /// Bit/s from the place to the parent.
    pub up: Option<u64>,
}

impl Topology {
    /// The places, the root first.
    #[must_use]
    pub fn places(&self) -> &[TreePlace] {
        &self.places
    }

    /// How many places there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a topology is never empty")]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The classes that places are of, in the order of the first place of each.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of a place of this topology.
    #[must_use]
    pub fn class(&self, place: &TreePlace) -> &str {
        &self.classes[usize::from(place.class)]
    }

    /// The index of the place with that name.
    #[must_use]
    pub fn find(&self, name: &PlaceName) -> Option<usize> {
        self.places.binary_search_by(|p| p.name.cmp(name)).ok()
    }

    /// The number of hops from the root to the farthest place.
    #[must_use]
    pub fn height(&self) -> usize {
        self.places
            .iter()
            .map(|p| p.name.depth())
            .max()
            .unwrap_or(0)
    }

    /// The indices of the places without children, in order.
    pub fn leaves(&self) -> impl Iterator<Item = usize> {
        // A place with children is followed by the first of them.
        (0..self.places.len()).filter(|index| {
            let next = self.places.get(index + 1).and_then(|p| p.parent);
            next.is_none_or(|parent| parent as usize != *index)
        })
    }

    /// The names as a tree.
    ///
    /// # Errors
    /// None, as all that makes a topology makes a tree; the type keeps it from panicking.
    pub fn tree(&self) -> Result<LocationTree, TopologyError> {
        LocationTree::new(self.places.iter().map(|p| p.name.clone()))
            .map_err(|e| TopologyError::whole(e.to_string()))
    }
}
