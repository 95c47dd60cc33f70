//! `waybook sim run`: one scenario, once or a few times.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use waybook_sim::results::{Nowhere, Sink};
use waybook_sim::run::{RunError, Summary, execute};
use waybook_sim::scenario::{Scenario, ScenarioError};

use super::files::{Tables, cannot, write_whole};
use super::progress::Progress;
use super::summary;
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Runs a scenario.
#[derive(Args)]
#[command(after_help = "\
The tables are sessions, intervals and resources, each as CSV and Parquet, with the
scenario, the seed and the version in every file. The same scenario and seed give the
same bytes on every machine.

Examples:
  waybook sim run configs/simulations/star.toml
  waybook sim run configs/simulations/star.toml --seed 7 --out results
  waybook sim run configs/simulations/star.toml --replications 10")]
pub(crate) struct Run {
    /// The scenario
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,

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
        let text = read_file(&self.scenario)?;
        let scenario = Scenario::from_toml(&text).map_err(|e| wrong(&self.scenario, &e))?;
        let first = self.seed.unwrap_or(scenario.run.seed);
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
            summaries.push(one(
                &self.scenario,
                &text,
                &scenario,
                seed,
                folder.as_deref(),
            )?);
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

/// Runs a scenario once; with a folder, what comes of it is written there.
fn one(
    path: &Path,
    text: &str,
    scenario: &Scenario,
    seed: u64,
    folder: Option<&Path>,
) -> Done<Summary> {
    let Some(folder) = folder else {
        return go(path, scenario, seed, &mut Nowhere);
    };
    let about = [
        ("waybook", env!("CARGO_PKG_VERSION").to_owned()),
        ("seed", seed.to_string()),
        ("scenario", text.to_owned()),
    ];
    let about = about.map(|(key, value)| (key.to_owned(), value));
    let mut tables = Tables::create(folder, &about)?;
    let summary = go(path, scenario, seed, &mut tables)?;
    tables.finish(folder)?;
    let scenario = folder.join("scenario.toml");
    fs::write(&scenario, text).map_err(|error| cannot(&scenario, &error))?;
    let json = serde_json::to_string_pretty(&summary).map_err(Fail::failed)?;
    write_whole(&folder.join("summary.json"), &json)?;
    Ok(summary)
}

fn go(path: &Path, scenario: &Scenario, seed: u64, sink: &mut dyn Sink) -> Done<Summary> {
    let mut progress = Progress::new(format!("{} (seed {seed})", scenario.name));
    let result = execute(scenario, seed, &mut beside(path), sink, |share| {
        progress.at(share);
    });
    progress.done();
    result.map_err(|error| broken(path, seed, error))
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
pub(super) fn broken(path: &Path, seed: u64, error: RunError) -> Fail {
    match error {
        RunError::Scenario(error) => wrong(path, &error),
        RunError::Violation(violation) => Fail::failed(format!(
            "a rule is broken: {violation}\nsee it again: waybook sim run {} --seed {seed}",
            path.display()
        )),
    }
}
