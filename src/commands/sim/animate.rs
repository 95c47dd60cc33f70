//! `waybook sim animate`: the tree with agents walking, as a page.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use waybook_sim::journey::{Limits, Unshowable, Wanted, animation};

use super::again::{Again, time};
use super::files::write_whole;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Makes a page on which agents walk.
#[derive(Args)]
#[command(after_help = "\
The folder is one that `waybook sim run --out` has written; it is run again with its seed.
The page is one file that asks no other host for anything: the tree with a bar for every
booking that changes, agents that walk along its edges, and a table of all that happens.
It plays, pauses and goes step by step, by mouse and keyboard. Times are seconds, as in the
tables, or have a unit.

A tree with more places than --places is not shown whole: only the places that are concerned,
and those between them.

Examples:
  waybook sim animate star --session 64
  waybook sim animate star --from 2260 --until 2300 --out busy.html
  waybook sim animate star --from \"38 min\" --until \"39 min\" --places 200")]
pub(crate) struct Animate {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    folder: PathBuf,

    /// Follow this session, by its number in the tables
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "until"])]
    session: Option<u64>,

    /// Show everything from this time on [default: 0]
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Duration>,

    /// Show everything until this time [default: the end of the run]
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Duration>,

    /// Write the page to this file [default: RUN/session-ID.html or RUN/animation.html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,

    /// Show at most so many places
    #[arg(long, value_name = "N", default_value_t = Limits::default().places)]
    places: usize,

    /// Show at most so many steps
    #[arg(long, value_name = "N", default_value_t = Limits::default().steps)]
    steps: usize,

    /// Read files that the scenario names in this folder [default: RUN]
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

impl Animate {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let again = Again::open(&self.folder, self.files.as_deref())?;
        let (wanted, name) = match self.session {
            Some(number) => (Wanted::Session(number), format!("session-{number}.html")),
            None => {
                let until = self.until.unwrap_or(again.scenario.run.duration.0);
                let from = self.from.unwrap_or_default();
                (Wanted::Between(from, until), "animation.html".to_owned())
            }
        };
        let limits = Limits {
            steps: self.steps,
            places: self.places,
        };
        let recording = again.record(wanted, limits)?;
        let page = animation(&recording, self.places).map_err(|error| match error {
            Unshowable::TooManyPlaces { places, most } => Fail::usage(format!(
                "{places} places are concerned, more than --places {most}: choose a shorter time \
                 or one session, or a greater number"
            )),
            Unshowable::Nothing => Fail::usage(format!("{}: {error}", self.folder.display())),
        })?;
        let out = self.out.clone().unwrap_or_else(|| self.folder.join(name));
        write_whole(&out, &page.html)?;
        if global.json {
            return show::json(&json!({
                "file": out,
                "title": page.title,
                "places": page.places,
                "moments": page.moments,
                "steps": recording.steps.len(),
                "bytes": page.html.len(),
            }));
        }
        show::line(&out.display().to_string())
    }
}
