//! Journeys: what becomes of one session's agents, hop by hop.
//!
//! A run is deterministic, so nothing of this has to be kept while it goes on: [`record`] runs a
//! scenario again with the same seed and takes note of what concerns one session, or of
//! everything in some stretch of time. Whoever looks changes nothing of what happens: every
//! place gets the same inputs at the same times.
//!
//! A [`Recording`] says it in [`Step`]s with words; [`drawing()`] draws the places in a few lines
//! of text, and [`animation()`] makes a page on which agents walk.

mod animation;
mod drawing;
mod gather;
mod record;
mod recording;
mod said;
mod scene;
mod step;
mod watch;

pub use animation::{Animation, Unshowable, animation};
pub use drawing::drawing;
pub use record::record;
pub use recording::{Level, Limits, Recording, Unrecorded, Wanted};
pub use said::Said;
pub use step::{Solution, Step, What};

pub(crate) use watch::Watch;

#[cfg(test)]
mod tests;
