//! What the crate promises, told through its public interface.

mod presentation;
mod profile;
mod units;
