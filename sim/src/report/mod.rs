//! Reports: results as a page for people.
//!
//! A page is one file of HTML. It asks no other host for anything and needs no scripts; its plots
//! are pictures in SVG within it that can also be saved one by one, and what they show stands in
//! tables too. It reads on a light and on a dark screen, on paper, and without colours.
//!
//! [`of_run`] tells of a run, or of several with different seeds; [`of_sweep`] of a sweep;
//! [`of_folders`] puts some of these side by side. All are pure: what is in files comes in as
//! values and [readers](std::io::Read), and a string comes out.

mod axis;
mod bars;
mod chart;
mod compare;
mod figures;
mod grid;
mod of_run;
mod of_sweep;
mod overview;
pub(crate) mod page;
mod pairs;
mod plot;
mod read;
mod runs;
mod style;
pub(crate) mod text;

pub use compare::{Folder, of_folders};
pub use of_run::of_run;
pub use of_sweep::of_sweep;
pub use page::Report;
pub use read::Unreadable;
pub use runs::{Runs, Tables};
