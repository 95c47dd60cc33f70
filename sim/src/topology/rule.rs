//! How a location tree is made of a graph.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::classes::Classes;
use super::distance::FIBRE;

/// How a location tree is made of a graph: the tree of the shortest paths from a root.
///
/// Of equally short paths the one is taken whose last node before the place has the least id
/// (whole numbers as numbers, before texts). So the tree follows from the graph and the rule alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What makes a path short.
    pub measure: Measure,
    /// Which node becomes the root.
    pub root: Root,
    /// What happens to a graph in several parts.
    pub unconnected: Unconnected,
    /// What happens to siblings of one label.
    pub duplicates: Duplicates,
    /// What places are called after.
    pub naming: Naming,
    /// How places get their classes.
    pub classes: Classes,
    /// The speed in kilometres a second at which lengths and positions give latencies to
    /// links that have none; none to leave them without.
    pub speed: Option<f64>,
    /// The latency of links that have none even then; none to leave them without, which
    /// [`Measure::Latency`] refuses.
    pub missing_latency: Option<Duration>,
}

impl Default for Rule {
    /// Shortest paths by latency from the centre; siblings of one label are numbered, lengths
    /// and positions give latencies at the speed of light in fibre.
    fn default() -> Self {
        Self {
            measure: Measure::Latency,
            root: Root::Centre,
            unconnected: Unconnected::Refuse,
            duplicates: Duplicates::Number,
            naming: Naming::Label,
            classes: Classes::Role,
            speed: Some(FIBRE),
            missing_latency: None,
        }
    }
}

/// What makes a path short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The sum of the latencies; of equals the fewest hops. Every link must have a latency.
    #[default]
    Latency,
    /// The number of hops; of equals the least latency, if every link has one.
    Hops,
}

/// Which node becomes the root of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Root {
    /// `center`: the node whose greatest distance to any other is least; of equals the least
    /// id. Distances are those of the rule's measure.
    #[default]
    Centre,
    /// `centroid`: the node whose distances to all others have the least sum; of equals the
    /// least id. In a tree by hops, that is the centroid.
    Centroid,
    /// `id:NAME`: the node with that id.
    Id(String),
    /// `label:NAME`: the one node with that label.
    Label(String),
    /// Anything else: the node with that id, or else the one node with that label.
    Named(String),
}

impl Root {
    /// Reads how a scenario writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(id) = text.strip_prefix("id:") {
            return Self::Id(id.to_owned());
        }
        if let Some(label) = text.strip_prefix("label:") {
            return Self::Label(label.to_owned());
        }
        match text {
            "center" | "centre" => Self::Centre,
            "centroid" => Self::Centroid,
            other => Self::Named(other.to_owned()),
        }
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Centre => f.write_str("center"),
            Self::Centroid => f.write_str("centroid"),
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Label(label) => write!(f, "label:{label}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// What happens to a graph in several parts that no link joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unconnected {
    /// It is refused, and the parts are listed.
    #[default]
    Refuse,
    /// The largest part is taken (of equals the one with the least id), and what was left out is
    /// counted.
    Largest,
}

/// What happens when labels give two places one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The second in the order of ids gets `-2` behind its label, and so on.
    #[default]
    Number,
    /// The graph is refused.
    Refuse,
}

/// What places are called after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// The node's label, or its id if it has none.
    #[default]
    Label,
    /// The node's id.
    Id,
}
