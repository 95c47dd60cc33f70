//! How large a topology may be.
//!
//! These bound what a file or a line of a scenario can make a run allocate. They are far
//! above what the simulator has been measured with.

use std::time::Duration;

/// The greatest length of a file in bytes.
pub const MOST_BYTES: usize = 1 << 28;
/// The greatest number of nodes of a graph, and of places of a tree.
pub const MOST_PLACES: usize = 1 << 22;
/// The greatest number of links of a graph.
pub const MOST_LINKS: usize = 1 << 23;
/// The greatest number of attributes of one node or link.
pub const MOST_ATTRIBUTES: usize = 256;
/// The greatest number of attributes of all nodes and links together.
pub const MOST_VALUES: usize = 1 << 25;
/// The greatest length of an attribute's name in bytes, that of what it is nested in included.
pub const MOST_ATTRIBUTE_NAME: usize = 256;
/// The greatest number of classes of places.
pub const MOST_CLASSES: usize = 1024;
/// How deep a file may nest what it says.
pub const MOST_NESTING: usize = 64;
/// The greatest latency of a link. With it, no path through a graph overflows a sum.
pub const MOST_LATENCY: Duration = Duration::from_secs(3600);
/// The greatest product of nodes and links of a graph whose centre or centroid is looked for. That
/// measures the distances between all pairs; 20,000 nodes with 50,000 links are within.
pub const MOST_FOR_CENTRE: u64 = 1 << 30;
