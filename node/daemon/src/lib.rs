//! The place daemon: what a place does.
//!
//! A daemon drives one [`Place`](waybook_place::Place): `pump` feeds it and carries
//! out what it asks for, `link` keeps the QUIC connections to parent and children,
//! `data` lets the sessions' HTTP through, `api` is the control API.

mod body;
pub mod data;
mod handle;
mod peer;

pub use body::{Body, BoxError, empty_body, full_body};
pub use handle::{Command, OpenEvent, PlaceHandle, Stopping};
pub use peer::{Io, PeerApi, PeerStreams};
