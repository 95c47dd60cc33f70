//! `waybook sim`: experiments with the very places that daemons run.

mod again;
mod animate;
mod check;
mod files;
mod fuzz;
mod progress;
mod replay;
mod report;
mod run;
mod summary;
mod sweep;
mod topology;
mod validate;

use std::num::NonZeroUsize;

use clap::Subcommand;

pub(crate) use check::check;

use crate::fail::Done;
use crate::find::Global;

/// Experiments in virtual time.
#[derive(Subcommand)]
pub(crate) enum Sim {
    /// Run a scenario once, or a few times with different seeds
    Run(run::Run),
    /// Run a scenario at every point of a grid of parameters
    Sweep(sweep::Sweep),
    /// Put the runs of a sweep together, from one folder or several
    Merge(sweep::Merge),
    /// Make a page with plots and tables of results
    Report(report::Report),
    /// Show what became of one session of a run, hop by hop
    Replay(replay::Replay),
    /// Make a page on which the agents of a run walk
    Animate(animate::Animate),
    /// Hold the simulator against what queueing theory says exactly
    Validate(validate::Validate),
    /// Run random cases, with everything going wrong, that must keep the promises
    Fuzz(fuzz::Fuzz),
    /// Turn graphs into location trees
    #[command(
        subcommand,
        after_help = "\
Examples:
  waybook sim topology import abilene.graphml --out abilene.csv
  waybook sim topology generate regular --set degree=4 --set depth=3 --out tree.csv"
    )]
    Topology(topology::Topology),
}

/// How many runs at a time.
fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "write a whole number from 1".to_owned())
}

impl Sim {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        match self {
            Self::Run(command) => command.run(global),
            Self::Sweep(command) => command.run(global),
            Self::Merge(command) => command.run(global),
            Self::Report(command) => command.run(global),
            Self::Replay(command) => command.run(global),
            Self::Animate(command) => command.run(global),
            Self::Validate(command) => command.run(global),
            Self::Fuzz(command) => command.run(global),
            Self::Topology(command) => command.run(global),
        }
    }
}
