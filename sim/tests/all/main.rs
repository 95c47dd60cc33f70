//! The simulator's own tests, and the protocol's, over it.

#[path = "../../../tests/scenarios/mod.rs"]
mod scenarios;

mod crashes;
mod messages;
mod stories;
mod support;
