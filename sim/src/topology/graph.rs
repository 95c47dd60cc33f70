//! Graphs, as files of networks describe them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::{TopologyError, quote};
use super::limits::{MOST_ATTRIBUTE_NAME, MOST_ATTRIBUTES, MOST_LINKS, MOST_PLACES, MOST_VALUES};
use super::quantities::{Quantities, Stated};

/// A graph: nodes, and links between them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// The nodes in the file's order; links name them by their index.
    pub nodes: Vec<Node>,
    /// The links in the file's order, self loops and parallel ones included.
    pub links: Vec<Link>,
    /// What was left out or could not be understood, for people.
    pub notes: Vec<String>,
}

/// One node of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What the file's links call it; no other node has the same.
    pub id: String,
    /// What people call it, if the file says.
    pub label: Option<String>,
    /// Where it stands, if the file says.
    pub position: Option<Position>,
    /// All else that the file says of it.
    pub attributes: Attributes,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// On the globe, in degrees.
    Globe {
        /// North of the equator.
        latitude: f64,
        /// East of Greenwich.
        longitude: f64,
    },
    /// In a plane, in kilometres.
    Plane {
        /// To the right.
        x: f64,
        /// Upwards.
        y: f64,
    },
}

/// One link of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The index of the node that the file names first.
    pub from: usize,
    /// The index of the node that the file names second.
    pub to: usize,
    /// Whether the file says that it leads only there.
    pub directed: bool,
    /// How long a bit takes in either direction.
    pub latency: Option<Duration>,
    /// The length in kilometres.
    pub length: Option<f64>,
    /// Bit/s from `from` to `to`.
    pub forward: Option<u64>,
    /// Bit/s from `to` to `from`.
    pub back: Option<u64>,
    /// All that the file says of it.
    pub attributes: Attributes,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// Yes or no.
    Truth(bool),
    /// Two numbers, as positions are written in JSON.
    Pair(f64, f64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::Pair(a, b) => write!(f, "{a}, {b}"),
        }
    }
}

/// What a file says of one node or link, by name, in the file's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(Arc<str>, Value)>);

impl Attributes {
    /// The value of that name, upper and lower case being alike; the first if there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let alike = |(n, _): &&(Arc<str>, Value)| n.eq_ignore_ascii_case(name);
        self.0.iter().find(alike).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(super) fn push(&mut self, name: Arc<str>, value: Value) -> Result<(), String> {
        if self.0.len() == MOST_ATTRIBUTES {
            return Err(format!(
                "there are more than {MOST_ATTRIBUTES} attributes here; remove what no simulation needs"
            ));
        }
        if name.len() > MOST_ATTRIBUTE_NAME {
            return Err(format!(
                "the name of the attribute {} is longer than {MOST_ATTRIBUTE_NAME} bytes",
                quote(&name)
            ));
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// Names of attributes, each kept once: a file repeats them for every node.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Arc<str>>);

impl Names {
    pub(super) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.0.insert(name.to_owned(), Arc::clone(&new));
        new
    }
}

/// Makes a graph: all nodes first, then the links.
pub(super) struct Builder<'a> {
    graph: Graph,
    index: BTreeMap<String, usize>,
    quantities: &'a Quantities,
    unread: Vec<String>,
    /// How many attributes there are so far.
    values: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(quantities: &'a Quantities) -> Self {
        Self {
            graph: Graph::default(),
            index: BTreeMap::new(),
            quantities,
            unread: Vec::new(),
            values: 0,
        }
    }

    pub(super) fn note(&mut self, note: String) {
        self.graph.notes.push(note);
    }

    /// Adds a node; the error is a message.
    pub(super) fn node(&mut self, node: Node) -> Result<(), String> {
        if self.graph.nodes.len() == MOST_PLACES {
            return Err(format!("there are more than {MOST_PLACES} nodes"));
        }
        self.count(&node.attributes)?;
        let index = self.graph.nodes.len();
        if let Some(first) = self.index.insert(node.id.clone(), index) {
            return Err(format!(
                "the id {} belongs to two nodes, the {}th and the {}th; give each node an id of its own",
                quote(&node.id),
                first + 1,
                index + 1
            ));
        }
        self.graph.nodes.push(node);
        Ok(())
    }

    /// Adds a link that says nothing of itself; the error is a message.
    pub(super) fn bare_link(&mut self, from: &str, to: &str) -> Result<&mut Link, String> {
        if self.graph.links.len() == MOST_LINKS {
            return Err(format!("there are more than {MOST_LINKS} links"));
        }
        let find = |id: &str| {
            self.index.get(id).copied().ok_or_else(|| {
                format!(
                    "no node has the id {}; links name their ends by the ids of nodes",
                    quote(id)
                )
            })
        };
        let (from, to) = (find(from)?, find(to)?);
        let at = self.graph.links.len();
        self.graph.links.push(Link {
            from,
            to,
            directed: false,
            latency: None,
            length: None,
            forward: None,
            back: None,
            attributes: Attributes::default(),
        });
        Ok(&mut self.graph.links[at])
    }

    /// Adds a link, and reads what its attributes say of latency and bandwidth.
    pub(super) fn link(
        &mut self,
        from: &str,
        to: &str,
        directed: bool,
        attributes: Attributes,
    ) -> Result<(), String> {
        self.count(&attributes)?;
        let mut stated = Stated::default();
        let unread = self.quantities.of_link(&attributes, &mut stated)?;
        let link = self.bare_link(from, to)?;
        link.directed = directed;
        link.latency = stated.latency;
        link.length = stated.length;
        link.forward = stated.forward;
        link.back = stated.back;
        link.attributes = attributes;
        self.unread.extend(unread);
        Ok(())
    }

    fn count(&mut self, attributes: &Attributes) -> Result<(), String> {
        self.values += attributes.0.len();
        if self.values > MOST_VALUES {
            return Err(format!(
                "there are more than {MOST_VALUES} attributes in it; remove what no simulation needs"
            ));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Graph, TopologyError> {
        if self.graph.nodes.is_empty() {
            return Err(TopologyError::whole(
                "the graph has no nodes; a location tree needs at least one place",
            ));
        }
        if let Some(first) = self.unread.first() {
            self.graph.notes.push(format!(
                "{} could not be read and count as missing; the first: {first}",
                super::error::count(self.unread.len(), "value")
            ));
        }
        Ok(self.graph)
    }
}
