//! `waybook sim replay`: the journey of one session's agents.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use waybook_sim::journey::{Limits, Recording, Wanted, drawing};
use waybook_sim::results::SessionRow;

use super::again::{Again, row_json};
use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Shows what became of one session, hop by hop.
#[derive(Args)]
#[command(after_help = "\
The folder is one that `waybook sim run --out` has written. The run is run again with its
seed, up to what matters, and everything that concerns the session is taken down: where
agents hold, refuse, fall back and trace back, what is sent, received and lost, downloads,
components, and the end. The number is that of the column `session` in sessions.csv.

In the drawing, ● is a booking that was established, ○ one that was only held, × a place that
refused, and · one that was merely passed.

Examples:
  waybook sim run configs/simulations/star.toml --out star
  waybook sim replay star --session 64
  waybook sim replay star --session 64 --json")]
pub(crate) struct Replay {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    folder: PathBuf,

    /// The session, by its number in the tables
    #[arg(long, value_name = "ID")]
    session: u64,

    /// Read files that the scenario names in this folder [default: RUN]
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,

    /// Take down at most so many steps
    #[arg(long, value_name = "N", default_value_t = Limits::default().steps)]
    steps: usize,
}

impl Replay {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let again = Again::open(&self.folder, self.files.as_deref())?;
        let limits = Limits {
            steps: self.steps,
            ..Limits::default()
        };
        let recording = again.record(Wanted::Session(self.session), limits)?;
        if global.json {
            return show::json(&json!({
                "scenario": recording.scenario,
                "seed": recording.seed,
                "version": env!("CARGO_PKG_VERSION"),
                "row": recording.row.as_ref().map(row_json),
                "places": recording.places,
                "steps": recording.steps,
                "routine_messages": recording.routine,
                "levels": recording.levels,
            }));
        }
        show(&recording)
    }
}

fn show(recording: &Recording) -> Done {
    if let Some(row) = &recording.row {
        show::line(&headline(recording, row))?;
        show::line("")?;
    }
    show::line(&drawing(recording))?;
    let begin = recording.steps.first().map(|step| step.at);
    let rows: Vec<_> = (recording.steps.iter())
        .map(|step| {
            let since = step.at.saturating_sub(begin.unwrap_or_default());
            vec![
                format!("{:.6}", step.at.as_secs_f64()),
                format!("+{:.6}", since.as_secs_f64()),
                step.place.to_string(),
                step.says(),
            ]
        })
        .collect();
    show::table(
        &["time (s)", "since (s)", "place", "what happens"],
        &rows,
        "nothing happened: its place was down",
    )?;
    if recording.routine > 0 {
        show::line(&format!(
            "besides, {} messages that said only that all is as it was",
            recording.routine
        ))?;
    }
    Ok(())
}

/// The session in a line.
fn headline(recording: &Recording, row: &SessionRow) -> String {
    let mut says = format!(
        "session {} of {} (seed {}): {} at {} ask for `{}`: {}",
        row.session,
        recording.scenario,
        recording.seed,
        row.users,
        row.place,
        row.title,
        row.fate.word()
    );
    if let (Some(quality), Some(server)) = (&row.quality, &row.server) {
        says += &format!(", {quality} from {server}");
    }
    if let (Some(at), Some(why)) = (&row.refused_at, &row.refused_for) {
        says += &format!(", refused first at {at} for {why}");
    }
    if let (Some(end), Some(stood)) = (row.end, row.stood) {
        says += &format!("; {} after {stood:.1} s", end.word());
    }
    if let Some(from) = row.moved_from {
        says += &format!("; it goes on from session {from} at another place");
    }
    says
}
