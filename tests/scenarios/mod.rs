//! Scenarios, each told once: to the simulator here, and to real daemons elsewhere.
//!
//! Whoever includes this module gives the stories an [`Arm`](waybook_sim::arm::Arm).

pub(crate) mod settings;
pub(crate) mod stories;
