//! What the crate promises, told through its public interface.

mod code;
mod decision_maker;
mod demand;
mod manifest;
mod plan;
mod presentation;
mod presentation_check;
mod profile;
mod resolve;
mod signature;
mod units;
mod user;
mod world;
