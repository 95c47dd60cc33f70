//! Scenarios and sweeps, as `waybook check` reads them.

use std::path::Path;

use waybook_sim::run::Run;
use waybook_sim::scenario::Scenario;
use waybook_sim::sweep::Sweep;

use super::run::{beside, wrong};
use crate::fail::{Done, Fail};

/// Tables that a scenario has and no other file.
const OF_SCENARIO: &[&str] = &[
    "edge",
    "edges",
    "fault",
    "places",
    "presentation",
    "protocol",
    "release",
    "run",
    "topology",
    "users",
];
/// Keys that a sweep has and no other file.
const OF_SWEEP: &[&str] = &["parameters", "replications", "scenario"];

/// Checks a file of the simulator, and says which kind it is; none if it is of another kind.
/// The tree is made and the first requests are drawn, but nothing runs.
pub(crate) fn check(path: &Path, text: &str) -> Option<Done<&'static str>> {
    let table = text.parse::<toml::Table>().ok()?;
    let has = |keys: &[&str]| keys.iter().any(|key| table.contains_key(*key));
    if has(OF_SWEEP) {
        return Some(sweep(path, text).map(|()| "sweep"));
    }
    if has(OF_SCENARIO) {
        let read = Scenario::from_toml(text).map_err(|error| wrong(path, &error));
        let checked = read.and_then(|scenario| begins(path, path, &scenario));
        return Some(checked.map(|()| "scenario"));
    }
    None
}

/// Checks every point of a sweep, and the tree and the users of the first one.
fn sweep(path: &Path, text: &str) -> Done {
    let grid = Sweep::from_toml(text, beside(path)).map_err(|error| wrong(path, &error))?;
    let first = grid.scenario(1).map_err(|error| wrong(path, &error))?;
    begins(path, &path.with_file_name(&grid.spec.scenario), &first)
}

/// Whether a scenario can begin. `at` is the file that the names of its files start at.
fn begins(path: &Path, at: &Path, scenario: &Scenario) -> Done {
    Run::new(scenario, scenario.run.seed, &mut beside(at))
        .map(drop)
        .map_err(|error| Fail::usage(format!("{}: {error}", path.display())))
}
