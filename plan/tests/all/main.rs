//! What the crate promises, told through its public interface.

mod units;
