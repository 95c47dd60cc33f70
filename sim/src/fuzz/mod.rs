//! The campaign: random cases, one for each seed, that must all keep the promises.
//!
//! A seed is [drawn](draw()) into a [`Case`], which is plain data: a tree, what is served, who
//! asks, and what goes wrong when. The case is [executed](execute()): the checkers look at every
//! step, then everything is mended, and all must come to rest within a stated time and be as
//! promised. A case that fails is made [smaller](shrink()) as long as it fails in the same way,
//! and written to a file, which is all that is needed to see it again.
//!
//! ```
//! use waybook_sim::fuzz::{Case, draw, execute};
//!
//! let case = draw(1);
//! let run = execute(&case, false)?;
//! assert!(run.failure.is_none());
//! assert_eq!(Case::from_toml(&case.to_toml())?, case);
//! # Ok::<(), String>(())
//! ```

mod act;
mod build;
mod case;
mod draw;
mod execute;
mod promises;
mod shrink;
mod tally;
#[cfg(test)]
mod tests;

pub use act::{Act, Conduct, Defect, Errand, Mishap, Timed};
pub use case::{Asker, Bounds, Case, Code, Kind, Level, Noise, Part, PlaceCase, Times, Title};
pub use draw::draw;
pub use execute::{Failure, Run, execute};
pub use shrink::{Shrunk, shrink};
pub use tally::Tally;
