//! A place: hosts agents, bookings, components and metadata, and decides.
//!
//! [`Place`] is one deterministic state machine. It does no IO, reads no clock, draws
//! randomness only from the seed it was given, and never blocks; see [`io`] for what a
//! driver hands in and carries out.

#![forbid(unsafe_code)]
// The model check looks at a place by a moment of its thread; nothing less than the crate takes
// this back for a macro.
#![cfg_attr(test, allow(clippy::disallowed_macros))]

mod by_neighbour;
mod config;
pub mod io;
mod lazy;
mod place;
mod strategies;
mod time;
mod token_bucket;
mod view;

pub use config::{CodeConfig, Common, Config, Limits, Settings, Timing, Trust};
pub use place::{Account, Ledger, Place, code_record, part_record};
pub use strategies::Strategies;
pub use time::Instant;
pub use token_bucket::TokenBucket;
pub use view::{
    BookingPhase, BookingView, CodeView, Counters, DrainView, HopView, NeighbourView, PaceView,
    Refusals, ResourceView, SessionView,
};
