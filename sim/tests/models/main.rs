//! The stochastic models against what the literature says of them, with fixed seeds.

mod clocks;
mod distributions;
mod faults;
mod forms;
mod links;
mod places;
mod random;
mod sharing;
mod support;
mod workload;
