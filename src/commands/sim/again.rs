//! A run that is over, taken up again from its folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use waybook_sim::journey::{Limits, Recording, Unrecorded, Wanted, record};
use waybook_sim::results::{CsvTable, SessionRow, Table, Value};
use waybook_sim::run::{RunError, Summary};
use waybook_sim::scenario::{BookingProtocol, Scenario};

use super::files::cannot;
use super::progress::Progress;
use super::run::{SCENARIO, broken, wrong};
use super::sweep::RUNS;
use crate::commands::read_file;
use crate::fail::{Done, Fail};

/// What a run comes to, within its folder.
const SUMMARY: &str = "summary.json";
/// Every request of a run, within its folder.
const SESSIONS: &str = "sessions.csv";

/// The folder of a run that is over.
#[derive(Debug)]
pub(super) struct Again {
    folder: PathBuf,
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    /// Where the files are that the scenario names.
    files: PathBuf,
}

impl Again {
    /// Reads what is needed to run it again. `files` is another folder for what the scenario
    /// names.
    pub(super) fn open(folder: &Path, files: Option<&Path>) -> Done<Self> {
        let shown = folder.display();
        if !folder.is_dir() {
            return Err(Fail::usage(format!("{shown}: there is no such folder")));
        }
        if !folder.join(SUMMARY).is_file() {
            return Err(Fail::usage(no_run(folder)));
        }
        let path = folder.join(SUMMARY);
        let summary: Summary = serde_json::from_str(&read_file(&path)?)
            .map_err(|error| Fail::usage(format!("{}: {error}", path.display())))?;
        let own = env!("CARGO_PKG_VERSION");
        if summary.version != own {
            return Err(Fail::usage(format!(
                "{}: Waybook {} ran it, and this is {own}, in which it may go otherwise: use that \
                 version, or run {SCENARIO} again with this one",
                path.display(),
                summary.version
            )));
        }
        let path = folder.join(SCENARIO);
        let scenario = Scenario::from_toml(&read_file(&path)?).map_err(|e| wrong(&path, &e))?;
        if scenario.protocol.booking == BookingProtocol::Central {
            let why = Unrecorded::Central;
            return Err(Fail::usage(format!("{}: {why}", path.display())));
        }
        Ok(Self {
            folder: folder.to_owned(),
            scenario,
            seed: summary.seed,
            files: files.unwrap_or(folder).to_owned(),
        })
    }

    /// Runs it again, and takes down what is wanted.
    pub(super) fn record(&self, wanted: Wanted, limits: Limits) -> Done<Recording> {
        let kept = match wanted {
            Wanted::Session(number) => Some(self.row(number)?),
            Wanted::Between(..) => None,
        };
        let name = format!("{} (seed {}) again", self.scenario.name, self.seed);
        let mut progress = Progress::new(name);
        let mut read = |name: &str| {
            let path = self.files.join(name);
            fs::read_to_string(&path).map_err(|error| {
                format!(
                    "{}: {error}; the scenario of the run names this file: put it there, or say \
                     by --files in which folder it is",
                    path.display()
                )
            })
        };
        let recorded = record(
            &self.scenario,
            self.seed,
            &mut read,
            wanted,
            limits,
            |share| progress.at(share),
        );
        progress.done();
        let recorded = recorded.map_err(|error| self.unrecorded(error, limits))?;
        if let (Some(kept), Some(row)) = (kept, &recorded.row)
            && line_of(row)? != kept
        {
            return Err(Fail::failed(format!(
                "{}: session {} did not end up as written there when it was run again: these \
                 results are of another build, or a file that the scenario names has changed; \
                 run {SCENARIO} anew",
                self.folder.join(SESSIONS).display(),
                row.session
            )));
        }
        Ok(recorded)
    }

    /// The line of a session, as it is written.
    fn row(&self, number: u64) -> Done<String> {
        let path = self.folder.join(SESSIONS);
        let file = File::open(&path).map_err(|error| cannot(&path, &error))?;
        let wanted = format!("{number},");
        let mut most = 0_u64;
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| cannot(&path, &error))?;
            if line.starts_with(&wanted) {
                return Ok(line);
            }
            let first = line.split(',').next().and_then(|word| word.parse().ok());
            most = most.max(first.unwrap_or(0));
        }
        let there_are = match most {
            0 => "nobody asked in that run".to_owned(),
            most => format!("there are 1 to {most}, as in the column `session`"),
        };
        Err(Fail::usage(format!(
            "--session {number}: {} has no such session: {there_are}",
            path.display()
        )))
    }

    fn unrecorded(&self, error: Unrecorded, limits: Limits) -> Fail {
        let path = self.folder.join(SCENARIO);
        match error {
            Unrecorded::Run(RunError::Scenario(error)) => wrong(&path, &error),
            Unrecorded::Run(error) => {
                let command = format!("waybook sim run {}", path.display());
                broken(&path, &command, self.seed, error)
            }
            Unrecorded::NoTime {
                from,
                until,
                duration,
            } => Fail::usage(format!(
                "--from {} s --until {} s: the run lasts from 0 to {} s, and the first must come \
                 before the second",
                from.as_secs_f64(),
                until.as_secs_f64(),
                duration.as_secs_f64()
            )),
            Unrecorded::TooMuch { at, .. } => Fail::usage(format!(
                "by {} s there are more steps than --steps {}: choose a shorter time or one \
                 session, or a greater number",
                at.as_secs_f64(),
                limits.steps
            )),
            other => Fail::usage(format!("{}: {other}", path.display())),
        }
    }
}

/// Why a folder is not that of a run, and what would be.
fn no_run(folder: &Path) -> String {
    let shown = folder.display();
    if folder.join(RUNS).is_dir() {
        return format!(
            "{shown}: that is a sweep, which keeps no sessions: run the point's scenario with \
             `waybook sim run --out`"
        );
    }
    let mut seeds: Vec<_> = (fs::read_dir(folder).into_iter().flatten().flatten())
        .filter(|entry| entry.path().join(SUMMARY).is_file())
        .map(|entry| entry.path().display().to_string())
        .collect();
    seeds.sort();
    if seeds.is_empty() {
        return format!(
            "{shown}: that is no run's folder, it has no {SUMMARY}: `waybook sim run SCENARIO.toml \
             --out DIR` makes one"
        );
    }
    format!(
        "{shown}: that is no run's folder, but there are runs in it, choose one: {}",
        seeds.join(", ")
    )
}

/// A row as it is written into a table, without what a title may have of further lines.
fn line_of(row: &SessionRow) -> Done<String> {
    let mut bytes = Vec::new();
    let written = CsvTable::new(&mut bytes, SessionRow::COLUMNS, &[]).and_then(|mut table| {
        table.add(&row.values())?;
        table.finish()
    });
    written.map_err(Fail::failed)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().nth(1).unwrap_or_default().to_owned())
}

/// A row as an object, its columns by their names.
pub(super) fn row_json(row: &SessionRow) -> Json {
    let columns = SessionRow::COLUMNS.iter();
    let object: Map<_, _> = (columns.zip(row.values()))
        .map(|(column, value)| {
            let value = match value {
                Value::Count(count) => count.into(),
                Value::Number(number) => number.into(),
                Value::Word(word) => word.into(),
                Value::Flag(flag) => flag.into(),
                Value::None => Json::Null,
            };
            (column.name.to_string(), value)
        })
        .collect();
    object.into()
}

/// A time of a run: in seconds, as in the tables, or with a unit, as in scenarios.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    waybook_plan::parse_duration(text)
        .map_err(|error| format!("{error}; seconds as in the tables are right too, such as 2288.6"))
}

/// Whether a name stays within the folder that it is read from.
pub(super) fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}
