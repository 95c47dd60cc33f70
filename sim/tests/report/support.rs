//! Results to make pages of.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use waybook_sim::report::{Report, Runs, Tables, Unreadable, of_run};
use waybook_sim::results::{CsvTable, IntervalRow, Nowhere, ResourceRow, Rows, SessionRow, Table};
use waybook_sim::run::{Summary, execute};
use waybook_sim::scenario::Scenario;
use waybook_sim::sweep::{self, Merged, RunId, Sweep};

pub(crate) const STAR: &str = include_str!("../../../configs/simulations/star.toml");

/// The files of a run.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) summary: Summary,
    pub(crate) sessions: Vec<u8>,
    pub(crate) intervals: Vec<u8>,
    pub(crate) resources: Vec<u8>,
}

fn csv<T: Table>(rows: &[T], about: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut table = CsvTable::new(&mut bytes, T::COLUMNS, about).unwrap();
    for row in rows {
        table.add(&row.values()).unwrap();
    }
    table.finish().unwrap();
    bytes
}

impl Files {
    /// What the command would have written.
    pub(crate) fn new(summary: Summary, kept: &Rows, scenario: &str) -> Self {
        let about = [
            ("waybook".to_owned(), summary.version.clone()),
            ("seed".to_owned(), summary.seed.to_string()),
            ("scenario".to_owned(), scenario.to_owned()),
        ];
        Self {
            sessions: csv::<SessionRow>(&kept.sessions, &about),
            intervals: csv::<IntervalRow>(&kept.intervals, &about),
            resources: csv::<ResourceRow>(&kept.resources, &about),
            summary,
        }
    }

    pub(crate) fn add_to(&self, runs: &mut Runs) -> Result<(), Unreadable> {
        let tables = Tables {
            folder: "results/",
            sessions: &mut self.sessions.as_slice(),
            intervals: &mut self.intervals.as_slice(),
            resources: &mut self.resources.as_slice(),
        };
        runs.add(self.summary.clone(), tables)
    }

    pub(crate) fn report(&self) -> Result<Report, Unreadable> {
        let mut runs = Runs::new("results");
        self.add_to(&mut runs)?;
        Ok(of_run(&runs))
    }
}

/// The star, as long and as busy as wanted, with what came out.
pub(crate) fn star(seed: u64, duration: &str, arrivals: &str) -> (Summary, Rows, String) {
    let text = STAR
        .replace("duration = \"3 h\"", &format!("duration = \"{duration}\""))
        .replace("90/h", arrivals);
    let scenario = Scenario::from_toml(&text).unwrap_or_else(|e| panic!("{e}"));
    let mut kept = Rows::default();
    let summary = execute(&scenario, seed, &mut nothing, &mut kept, |_| {});
    (summary.unwrap_or_else(|e| panic!("{e}")), kept, text)
}

pub(crate) fn files(seed: u64) -> Files {
    let make = |seed| {
        let (summary, kept, text) = star(seed, "3 h", "90/h");
        Files::new(summary, &kept, &text)
    };
    // Most tests want the same one.
    static FIRST: OnceLock<Files> = OnceLock::new();
    match seed {
        1 => FIRST.get_or_init(|| make(1)).clone(),
        _ => make(seed),
    }
}

pub(crate) fn nothing(name: &str) -> Result<String, String> {
    Err(format!("there is no {name}"))
}

/// Several runs together.
pub(crate) fn runs(name: &str, seeds: std::ops::Range<u64>) -> Runs {
    let mut runs = Runs::new(name);
    for seed in seeds {
        files(seed).add_to(&mut runs).unwrap();
    }
    runs
}

/// A small sweep of the star over two booking protocols and a few loads.
pub(crate) fn swept() -> Merged {
    let text = r#"
        name = "load"
        scenario = "star.toml"
        replications = 4
        [parameters]
        "users.viewers.arrivals" = [
            { poisson = "30/h" }, { poisson = "60/h" }, { poisson = "90/h" },
        ]
        "protocol.booking" = ["visitor", "central"]
        "run.duration" = ["90 min"]
    "#;
    let sweep = Sweep::from_toml(text, |_| Ok(STAR.to_owned()));
    let sweep = sweep.unwrap_or_else(|e| panic!("{e}"));
    let mut merged = Merged::default();
    for run in sweep.runs(sweep::Shard::ALL) {
        let kept = sweep.execute(&run, &mut nothing, &mut Nowhere).unwrap();
        merged.add(kept).unwrap();
    }
    merged
}

pub(crate) fn kept(run: RunId, values: BTreeMap<String, String>, summary: Summary) -> sweep::Kept {
    sweep::Kept {
        run,
        fingerprint: String::new(),
        values,
        summary,
    }
}
