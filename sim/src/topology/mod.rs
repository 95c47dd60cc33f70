//! Topologies: the tree of places that a run has, and where it comes from.
//!
//! A [`Topology`] is a location tree whose places have a class and whose edges may have a latency and
//! bandwidths. It comes
//!
//! - from a tree file ([`Topology::from_csv`]) or a list ([`Topology::from_list`]),
//! - from a generator ([`generate`]),
//! - from nested names, such as countries, regions and cities ([`from_names`]),
//! - from a [`Graph`] in one of four [`Format`]s, by a [`Rule`] that makes a tree of it
//!   ([`import`]); a [`Report`] says what was lost.
//!
//! A scenario says which in its `[topology]` table: a [`TopologySpec`].
//!
//! All of it is pure: texts come in, values come out, and whoever calls reads the files. Files come
//! from outside: they are read or refused, within the [`limits`], and without recursion on what
//! they nest (JSON's is bounded by its library, at 128).
//!
//! ```text
//! error, limits                         what is wrong, and how much is too much
//! graph, quantities, distance           what files say, in values with units
//! format, json, graphml, gml, brite     the readers
//! merge, paths, rule, mapping, naming   from a graph to a tree
//! stretch, report                       what became of the graph
//! label, classes, sketch, tree          trees
//! tree_file, lines                      trees as CSV
//! list, generate, names                 other ways to one
//! spec, table                           what a scenario says of it
//! ```

mod brite;
mod classes;
pub mod distance;
mod error;
mod format;
pub mod generate;
mod gml;
mod graph;
mod graphml;
mod json;
mod label;
pub mod limits;
mod lines;
mod list;
mod mapping;
mod merge;
mod names;
mod naming;
mod paths;
mod quantities;
mod report;
mod rule;
mod sketch;
mod spec;
mod stretch;
mod table;
mod tree;
mod tree_file;

pub use classes::Classes;
pub use error::TopologyError;
pub use format::Format;
pub use graph::{Attributes, Graph, Link, Node, Position, Value};
pub use label::label;
pub use mapping::import;
pub use names::{NamesRule, Repeated, from_names};
pub use quantities::{Named, Quantities};
pub use report::{Latencies, Report, Stretch};
pub use rule::{Duplicates, Measure, Naming, Root, Rule, Unconnected};
pub use spec::{Built, TopologySpec};
pub use tree::{Edge, Topology, TreePlace};
pub use tree_file::COLUMNS;
