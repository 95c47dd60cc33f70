//! The topology of a scenario: its `[topology]` table.
//!
//! | what | keys |
//! |---|---|
//! | a tree file | `file` |
//! | places, written out | `list` |
//! | a regular tree | `generate = "regular"`, `degree`, `depth` |
//! | a random recursive tree | `generate = "recursive"`, `places`, `seed` |
//! | a preferential tree | `generate = "preferential"`, `places`, `exponent`, `offset`, `seed` |
//! | nested names | `names`, `columns`, `root`, `duplicates` |
//! | a graph | `import`, `format`, `rule`, `root`, `unconnected`, `duplicates`, `naming`, `speed`, `missing-latency`, `latency`, `latency-unit`, `bandwidth`, `bandwidth-unit` |
//!
//! and `classes` with each of them. Paths are as the scenario gives them; whoever builds the topology
//! reads the files.

use serde::Deserialize;
use waybook_location_tree::PlaceName;

use super::classes::Classes;
use super::error::TopologyError;
use super::format::Format;
use super::generate::{Preference, preferential, recursive, regular};
use super::graph::Graph;
use super::mapping::import;
use super::names::{NamesRule, from_names};
use super::quantities::Quantities;
use super::report::Report;
use super::rule::Rule;
use super::tree::Topology;

/// Where the topology of a scenario comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "super::table::Table")]
pub enum TopologySpec {
    /// A tree file.
    File {
        /// Its path.
        path: String,
        /// The classes of places that have none in it.
        classes: Classes,
    },
    /// Places, written out. All of them: nothing is added.
    List {
        /// Their names.
        names: Vec<PlaceName>,
        /// Their classes.
        classes: Classes,
    },
    /// A regular tree; see [`regular`].
    Regular {
        /// How many children a place has.
        degree: u32,
        /// How many hops the leaves are below the root.
        depth: u32,
        /// The classes of the places.
        classes: Classes,
    },
    /// A random recursive tree; see [`recursive`].
    Recursive {
        /// How many places there are.
        places: u32,
        /// The seed; none for that of the run.
        seed: Option<u64>,
        /// The classes of the places.
        classes: Classes,
    },
    /// A preferential tree; see [`preferential`].
    Preferential {
        /// How many places there are.
        places: u32,
        /// How parents are weighed.
        preference: Preference,
        /// The seed; none for that of the run.
        seed: Option<u64>,
        /// The classes of the places.
        classes: Classes,
    },
    /// A list of nested names; see [`from_names`].
    Names {
        /// Its path.
        path: String,
        /// How it becomes a tree.
        rule: NamesRule,
    },
    /// A graph; see [`import`].
    Import {
        /// Its path.
        path: String,
        /// Its format; none to tell by its name or content.
        format: Option<Format>,
        /// Which attributes say what.
        quantities: Quantities,
        /// How it becomes a tree.
        rule: Box<Rule>,
    },
}

/// A topology, with what a person should know of how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The topology.
    pub topology: Topology,
    /// What became of the graph, if it was one.
    pub report: Option<Report>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl TopologySpec {
    /// The file that it needs, if it needs one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::Names { path, .. } | Self::Import { path, .. } => {
                Some(path)
            }
            Self::List { .. }
            | Self::Regular { .. }
            | Self::Recursive { .. }
            | Self::Preferential { .. } => None,
        }
    }

    /// Makes the topology. `seed` is the run's, for trees that are drawn and have no seed of their
    /// own; `read` gives the content of a file, or says why it cannot.
    ///
    /// # Errors
    /// [`TopologyError`] names the file and the place in it, or the key that is wrong.
    pub fn build(
        &self,
        seed: u64,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Built, TopologyError> {
        let text = match self.path() {
            Some(path) => read(path).map_err(|e| TopologyError::at(path, e))?,
            None => String::new(),
        };
        let built = self.make(seed, &text);
        match self.path() {
            Some(path) => built.map_err(|e| e.within(path)),
            None => built,
        }
    }

    fn make(&self, seed: u64, text: &str) -> Result<Built, TopologyError> {
        let topology = match self {
            Self::File { classes, .. } => Topology::from_csv(text, classes)?,
            Self::List { names, classes } => Topology::from_list(names, classes)?,
            Self::Regular {
                degree,
                depth,
                classes,
            } => regular(*degree, *depth, classes)?,
            Self::Recursive {
                places,
                seed: own,
                classes,
            } => recursive(*places, own.unwrap_or(seed), classes)?,
            Self::Preferential {
                places,
                preference,
                seed: own,
                classes,
            } => preferential(*places, *preference, own.unwrap_or(seed), classes)?,
            Self::Names { rule, .. } => {
                let (topology, notes) = from_names(text, rule)?;
                return Ok(Built {
                    topology,
                    report: None,
                    notes,
                });
            }
            Self::Import {
                path,
                format,
                quantities,
                rule,
            } => {
                let format = format.or_else(|| Format::of(path, text)).ok_or_else(|| {
                    TopologyError::whole(
                        "neither the name nor the content tells the format; give `format`: json, graphml, \
                         gml or brite",
                    )
                })?;
                let graph = Graph::read(text, format, quantities)?;
                let (topology, report) = import(graph, rule)?;
                return Ok(Built {
                    topology,
                    report: Some(report),
                    notes: Vec::new(),
                });
            }
        };
        Ok(Built {
            topology,
            report: None,
            notes: Vec::new(),
        })
    }
}
