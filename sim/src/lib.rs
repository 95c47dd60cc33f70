//! The deterministic simulator: places over a modelled network in virtual time.
//!
//! A [`World`] runs the very [`Place`](waybook_place::Place)s that a daemon runs. It
//! hands them virtual time, carries their messages, encoded, over a modelled
//! [`network`], keeps their records and their [`repository`] as a disk would, makes the
//! [`transfer`]s of code and starts the components that they ask for. Everything that is drawn comes from one seed: the same setting, seed and
//! calls give the same [`transcript`], line by line.
//!
//! What is drawn at random has its rooms as well: [`distribution`]s of durations, edges
//! ([`network`]), [`places`], the [`workload`] and [`faults`]. They are pure: they say when
//! things happen, from a generator that they are given, and scenarios write them with units
//! ([`quantity`]).
//!
//! Checkers ([`check`]) look at every step, and an [`oracle`] says by brute force what
//! should have come out. An [`arm::Arm`] tells scenarios to the simulator as to real daemons.
//!
//! What the literature says of such systems is in [`theory`], what can be said from figures that
//! were drawn is in [`statistics`], and [`validate`] holds one against the other.

#![forbid(unsafe_code)]

pub mod arm;
pub mod central;
pub mod check;
pub mod client;
pub mod distribution;
pub mod faults;
pub mod journey;
pub mod network;
pub mod oracle;
pub mod places;
pub mod quantity;
pub mod random;
pub mod report;
pub mod repository;
pub mod results;
pub mod run;
pub mod scenario;
pub mod setting;
pub mod statistics;
pub mod sweep;
pub mod theory;
pub mod topology;
pub mod transcript;
pub mod transfer;
pub mod validate;
pub mod workload;
pub mod world;

pub use check::Violation;
pub use setting::Setting;
pub use world::World;
