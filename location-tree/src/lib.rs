//! Names that are addresses, and the tree they span.
//!
//! A place is named by where it stands: `core/bologna/lab` is the child `lab` of
//! `core/bologna`. Everything that routing needs follows from two names alone: the
//! parent is the name without its last label, the lowest common ancestor of two
//! places is their longest common prefix, and the path between them climbs to that
//! ancestor and then descends. No place needs a table of the others.
//!
//! [`PlaceName`] does all of that. [`LocationTree`] is the whole tree at once, which
//! only topology files and the simulator know.

#![forbid(unsafe_code)]

mod name;
mod tree;

pub use name::{MAX_DEPTH, MAX_LABEL, MAX_NAME, NameError, PlaceName};
pub use tree::{LocationTree, TreeError};
