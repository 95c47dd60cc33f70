//! What can be said from figures that were drawn.
//!
//! All of these are plain structs whose fields say everything, so that a run can keep them and
//! another can read them; those that take observations one by one need bounded memory, and
//! where it makes sense two can be merged into what one would be that had seen both. Nothing here
//! knows what is measured.
//!
//! A. M. Law, "Simulation Modeling and Analysis", 5th edition 2015, chapter 9, is behind most of it.

pub mod batches;
pub mod histogram;
pub mod interval;
pub mod little;
pub mod moments;
pub mod paired;
pub mod quantiles;
pub mod time_average;
pub mod warm_up;

pub use batches::Batches;
pub use histogram::Histogram;
pub use interval::Interval;
pub use little::Little;
pub use moments::Moments;
pub use quantiles::Quantiles;
pub use time_average::TimeAverage;
