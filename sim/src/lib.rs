//! The deterministic simulator: places over a modelled network in virtual time.
//!
//! A [`World`] runs the very [`Place`](waybook_place::Place)s that a daemon runs. It
//! hands them virtual time, carries their messages, encoded, over a modelled
//! [`network`], keeps their records and their [`repository`] as a disk would, makes the
//! [`transfer`]s of code and starts the components that they ask for. Everything that is
//! drawn comes from one seed: the same setting, seed and calls give the same [`transcript`],
//! line by line. A [`scenario`] is a file that tells a [`run`] all of this; a [`sweep`] varies
//! one.
//!
//! What is drawn at random has its rooms as well: [`distribution`]s of durations, edges
//! ([`network`]), [`places`], the [`workload`] and [`faults`]. They are pure: they say when
//! things happen, from a generator that they are given, and scenarios write them with units
//! ([`quantity`]).
//!
//! Checkers ([`check`]) look at every step, and an [`oracle`] says by brute force what
//! should have come out. An [`arm::Arm`] tells scenarios to the simulator as to real daemons.
//!
//! # A scenario, with a Decision Maker of one's own
//!
//! ```
//! use std::sync::Arc;
//!
//! use waybook_plan::{DecisionMaker, Nearest, NoPlan, Plan, Question};
//! use waybook_sim::Strategies;
//! use waybook_sim::results::Nowhere;
//! use waybook_sim::run::execute;
//! use waybook_sim::scenario::Scenario;
//!
//! /// Tries the first choice only.
//! struct OneTry;
//!
//! impl DecisionMaker for OneTry {
//!     fn name(&self) -> &'static str {
//!         "one-try"
//!     }
//!
//!     fn decide(&self, question: &Question<'_>) -> Result<Plan, NoPlan> {
//!         let mut plan = Nearest.decide(question)?;
//!         plan.solutions.truncate(1);
//!         Ok(plan)
//!     }
//! }
//!
//! let strategies = Strategies::default().with_decision_maker(OneTry);
//! let scenario = Scenario::with_strategies(
//!     r#"
//!     name = "small"
//!     run = { duration = "20 min", warm-up = "5 min" }
//!     topology = { generate = "regular", degree = 2, depth = 1 }
//!     places.capacity = { down = "4 Mbit/s", up = "4 Mbit/s" }
//!     edges.latency = "5 ms"
//!     protocol.decision-maker = "one-try"
//!
//!     [[presentation]]
//!     title = "film"
//!     at = "root"
//!     quality = [{ name = "hd", demand = { edge = { to-client = "2 Mbit/s" } } }]
//!
//!     [[users]]
//!     name = "viewers"
//!     arrivals = { poisson = "1/min" }
//!     holding = { exponential = "3 min" }
//!     "#,
//!     Arc::new(strategies),
//! )?;
//! let mut no_files = |name: &str| Err(format!("there is no {name}"));
//! let summary = execute(&scenario, 1, &mut no_files, &mut Nowhere, |_| {})?;
//! assert!(summary.blocked.share < 0.5);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The same with a download strategy, swept and compared, is in `examples/own_strategies.rs`.
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
pub mod fuzz;
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
pub use waybook_place::{Instant, Strategies};
pub use world::World;
