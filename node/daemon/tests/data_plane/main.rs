//! The data plane with real HTTP at both ends, and several places joined by pipes.

mod booking;
mod files;
mod gateway;
mod misbehaving;
mod origin;
mod path;
mod process;
mod program;
mod refusals;
mod wasm;
mod world;
