//! The simulator's own tests, and the protocol's, over it.

#[path = "../../../tests/scenarios/mod.rs"]
mod scenarios;

mod brute_force;
mod campaign;
mod clients;
mod code;
mod code_keeping;
mod code_soak;
mod code_strategies;
mod crashes;
mod cuts;
mod determinism;
mod leases;
mod messages;
mod network;
mod operators;
mod options;
mod soak;
mod stories;
mod strangers;
mod support;
