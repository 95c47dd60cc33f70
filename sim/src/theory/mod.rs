//! What the literature says: exact values of models that the simulator must reproduce.
//!
//! Nothing in here is simulated, and nothing in here knows the simulator. Each file is one model,
//! with its assumptions, its units and where it was published. All are exact up to rounding
//! (and where a method iterates or cuts off, up to what it states), except [`reduced_load`],
//! which is an approximation and says so.
//!
//! Loads are in *erlangs*: the arrival rate times the mean holding time, without dimension.
//! Rates are per second and times in seconds, though any one unit serves as long as it is the
//! same throughout. Capacities and demands are whole *units* of whatever a link or a place
//! has.

pub mod availability;
pub mod ctmc;
pub mod engset;
pub mod erlang;
pub mod fallback;
pub mod kaufman_roberts;
pub mod network;
mod poisson;
pub mod reduced_load;
pub mod setup_delay;
pub mod transient;
pub mod tree;
pub mod waiting;

use std::error::Error;
use std::fmt;

/// A parameter for which a formula has no value, or one too great to be worked out.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfRange {
    /// Which one.
    pub parameter: &'static str,
    /// What it was.
    pub value: f64,
    /// What would be right.
    pub wanted: &'static str,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            parameter,
            value,
            wanted,
        } = self;
        write!(f, "{parameter} is {value}, and must be {wanted}")
    }
}

impl Error for OutOfRange {}

/// The parameter, if it holds.
fn require(
    holds: bool,
    parameter: &'static str,
    value: f64,
    wanted: &'static str,
) -> Result<(), OutOfRange> {
    if holds {
        Ok(())
    } else {
        Err(OutOfRange {
            parameter,
            value,
            wanted,
        })
    }
}

fn not_negative(parameter: &'static str, value: f64) -> Result<(), OutOfRange> {
    let holds = value.is_finite() && value >= 0.0;
    require(holds, parameter, value, "a finite number, not negative")
}

fn positive(parameter: &'static str, value: f64) -> Result<(), OutOfRange> {
    let holds = value.is_finite() && value > 0.0;
    require(holds, parameter, value, "a finite number above zero")
}

/// Whether two numbers agree to that relative precision; near zero, absolutely.
#[cfg(test)]
pub(crate) fn close(a: f64, b: f64, precision: f64) -> bool {
    (a - b).abs() <= precision * a.abs().max(b.abs()).max(1e-12)
}
