//! What the crate promises, told through its public interface.

mod decision_maker;
mod demand;
mod plan;
mod presentation;
mod presentation_check;
mod profile;
mod units;
