//! Scenarios and sweeps as researchers write them, from their text to their tables.

mod determinism;
mod errors;
mod outcomes;
mod overload;
mod own_strategies;
mod reference;
mod sweeps;
mod tables;
mod violations;

use waybook_sim::results::{Rows, Sink};
use waybook_sim::run::{Summary, execute};
use waybook_sim::scenario::Scenario;

/// The scenario that is shipped.
const STAR: &str = include_str!("../../../configs/simulations/star.toml");

/// The shipped scenario, cut short for tests, with some of its words replaced.
fn star(changes: &[(&str, &str)]) -> Scenario {
    let mut text = STAR
        .replace("\"3 h\"", "\"1 h\"")
        .replace("\"30 min\"", "\"10 min\"");
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the scenario");
        text = text.replace(from, to);
    }
    Scenario::from_toml(&text).unwrap_or_else(|e| panic!("{e}"))
}

fn no_files(name: &str) -> Result<String, String> {
    Err(format!("there is no {name}"))
}

fn run_into(scenario: &Scenario, seed: u64, sink: &mut dyn Sink) -> Summary {
    execute(scenario, seed, &mut no_files, sink, |_| {}).unwrap_or_else(|e| panic!("{e}"))
}

fn run(scenario: &Scenario, seed: u64) -> (Summary, Rows) {
    let mut kept = Rows::default();
    let summary = run_into(scenario, seed, &mut kept);
    (summary, kept)
}
