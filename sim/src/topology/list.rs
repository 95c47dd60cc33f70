//! Topologies from places that are written out.

use waybook_location_tree::{LocationTree, PlaceName};

use super::classes::Classes;
use super::error::TopologyError;
use super::sketch::Sketch;
use super::tree::{Edge, Topology};

impl Topology {
    /// The topology of these places, in any order; nothing is known of its edges.
    ///
    /// # Errors
    /// [`TopologyError`] if they do not form a tree.
    pub fn from_list(names: &[PlaceName], classes: &Classes) -> Result<Self, TopologyError> {
        let tree = LocationTree::new(names.iter().cloned())
            .map_err(|e| TopologyError::at("`list`", e.to_string()))?;
        let mut sketch = Sketch::default();
        let mut open: Vec<(u32, &PlaceName)> = Vec::new();
        for name in tree.places() {
            while open.last().is_some_and(|(_, above)| !above.contains(name)) {
                open.pop();
            }
            let parent = open.last().map_or(0, |(place, _)| *place);
            open.push((sketch.add(parent, name.label(), Edge::default())?, name));
        }
        sketch.finish(classes)
    }
}
