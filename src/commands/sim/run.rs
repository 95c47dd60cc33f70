//! `waybook sim run`: one scenario, once or a few times.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use waybook_sim::results::{Nowhere, Sink};
use waybook_sim::run::{RunError, Summary, execute};
use waybook_sim::scenario::{Files, Scenario, ScenarioError};
use waybook_sim::sweep::Sweep;

use super::again::stays_inside;
use super::files::{Tables, cannot, write_whole};
use super::progress::Progress;
use super::summary;
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// The scenario of a run, within its folder.
pub(super) const SCENARIO: &str = "scenario.toml";
/// What else is written there: a file that a scenario names may not take its place.
const OWN: [&str; 8] = [
    SCENARIO,
    "summary.json",
    "sessions.csv",
    "sessions.parquet",
    "intervals.csv",
    "intervals.parquet",
    "resources.csv",
    "resources.parquet",
];

/// Runs a scenario.
#[derive(Args)]
#[command(after_help = "\
The tables are sessions, intervals and resources, each as CSV and Parquet, with the
scenario, the seed and the version in every file. The same scenario and seed give the
same bytes on every machine. The scenario and the files that it names are kept beside them, so
that `waybook sim replay` and `animate` can run it again.

Examples:
  waybook sim run configs/simulations/star.toml
  waybook sim run configs/simulations/star.toml --seed 7 --out results
  waybook sim run configs/simulations/star.toml --replications 10
  waybook sim run configs/simulations/load.toml --point 3")]
pub(crate) struct Run {
    /// The scenario; with --point, a sweep
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,

    /// Run the scenario that the sweep has at this point
    #[arg(long, value_name = "N")]
    point: Option<usize>,

    /// The seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Run it so often, with this seed and those after it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    replications: u64,

    /// Write tables of every session and interval into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Run {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let told = match self.point {
            Some(point) => Told::at_point(&self.scenario, point)?,
            None => Told::read(&self.scenario)?,
        };
        let first = self.seed.unwrap_or(told.seed);
        let last = first.checked_add(self.replications - 1).ok_or_else(|| {
            Fail::usage(format!(
                "--replications {}: seeds end at {}",
                self.replications,
                u64::MAX
            ))
        })?;
        let mut summaries = Vec::new();
        for seed in first..=last {
            let folder = self.out.as_ref().map(|out| match self.replications {
                1 => out.clone(),
                _ => out.join(format!("seed-{seed}")),
            });
            summaries.push(told.run(seed, folder.as_deref())?);
        }
        if global.json {
            return match summaries.as_slice() {
                [only] => show::json(only),
                all => show::json(&all),
            };
        }
        summary::show(&summaries)?;
        if let Some(out) = &self.out {
            show::line(&format!("tables: {}", out.display()))?;
        }
        Ok(())
    }
}

/// A scenario as it was told.
struct Told {
    scenario: Scenario,
    text: String,
    /// The seed, unless another one is asked for.
    seed: u64,
    /// Where the names of files in it start from.
    path: PathBuf,
    /// What runs it again, but for the seed.
    command: String,
}

impl Told {
    fn read(path: &Path) -> Done<Self> {
        let text = read_file(path)?;
        let scenario = Scenario::from_toml(&text).map_err(|e| wrong(path, &e))?;
        Ok(Self {
            seed: scenario.run.seed,
            scenario,
            text,
            path: path.to_owned(),
            command: format!("waybook sim run {}", path.display()),
        })
    }

    fn at_point(path: &Path, point: usize) -> Done<Self> {
        let sweep = Sweep::from_toml(&read_file(path)?, beside(path));
        let sweep = sweep.map_err(|e| wrong(path, &e))?;
        let points = sweep.points();
        if !(1..=points).contains(&point) {
            return Err(Fail::usage(format!(
                "{} has the points 1 to {points}, and no point {point}",
                path.display()
            )));
        }
        Ok(Self {
            scenario: sweep.scenario(point).map_err(|e| wrong(path, &e))?,
            text: sweep.text(point).map_err(|e| wrong(path, &e))?,
            seed: sweep.spec.seed,
            path: path.with_file_name(&sweep.spec.scenario),
            command: at_point(path, point),
        })
    }

    /// Runs it once; with a folder, what comes of it is written there.
    fn run(&self, seed: u64, folder: Option<&Path>) -> Done<Summary> {
        let Some(folder) = folder else {
            return self.go(seed, &mut beside(&self.path), &mut Nowhere);
        };
        let about = [
            ("waybook", env!("CARGO_PKG_VERSION").to_owned()),
            ("seed", seed.to_string()),
            ("scenario", self.text.clone()),
        ];
        let about = about.map(|(key, value)| (key.to_owned(), value));
        let mut tables = Tables::create(folder, &about)?;
        let mut read = beside(&self.path);
        let mut named = Vec::new();
        let mut files = |name: &str| {
            let text = read(name)?;
            named.push((name.to_owned(), text.clone()));
            Ok(text)
        };
        let summary = self.go(seed, &mut files, &mut tables)?;
        tables.finish(folder)?;
        let scenario = folder.join(SCENARIO);
        fs::write(&scenario, &self.text).map_err(|error| cannot(&scenario, &error))?;
        for (name, text) in &named {
            keep(folder, name, text)?;
        }
        let json = serde_json::to_string_pretty(&summary).map_err(Fail::failed)?;
        write_whole(&folder.join("summary.json"), &json)?;
        Ok(summary)
    }

    fn go(&self, seed: u64, files: &mut Files<'_>, sink: &mut dyn Sink) -> Done<Summary> {
        let mut progress = Progress::new(format!("{} (seed {seed})", self.scenario.name));
        let result = execute(&self.scenario, seed, files, sink, |share| {
            progress.at(share);
        });
        progress.done();
        result.map_err(|error| broken(&self.path, &self.command, seed, error))
    }
}

/// What runs a point of a sweep again, but for the seed.
pub(super) fn at_point(sweep: &Path, point: usize) -> String {
    format!("waybook sim run {} --point {point}", sweep.display())
}

/// Keeps a file that a scenario names under the same name in the folder of its run. What lies
/// elsewhere is left there: `waybook sim replay --files` says where.
fn keep(folder: &Path, name: &str, text: &str) -> Done {
    if !stays_inside(name) || OWN.contains(&name) {
        return Ok(());
    }
    let path = folder.join(name);
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)
    };
    write().map_err(|error| cannot(&path, &error))
}

/// Reads files by their names in a file: relative ones start at its folder.
pub(super) fn beside(path: &Path) -> impl FnMut(&str) -> Result<String, String> + use<> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    move |name| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A scenario that is wrong, with its file's name.
pub(super) fn wrong(path: &Path, error: &ScenarioError) -> Fail {
    Fail::usage(format!("{}: {error}", path.display()))
}

/// A run that went wrong, with the command that shows it again.
pub(super) fn broken(path: &Path, command: &str, seed: u64, error: RunError) -> Fail {
    match error {
        RunError::Scenario(error) => wrong(path, &error),
        RunError::Violation(violation) => Fail::failed(format!(
            "a rule is broken: {violation}\nsee it again: {command} --seed {seed}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_shows_what_came_before_it_and_how_to_see_it_again() {
        let violation = waybook_sim::Violation {
            seed: 7,
            at: waybook_sim::Instant(1),
            what: "a booking is left".to_owned(),
            tail: "the last lines".to_owned(),
        };
        let (sweep, scenario) = (Path::new("load.toml"), Path::new("star.toml"));
        let command = at_point(sweep, 3);
        let said = broken(scenario, &command, 7, RunError::from(violation)).into_message();
        for part in [
            "a booking is left",
            "the last lines",
            "waybook sim run load.toml --point 3 --seed 7",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
