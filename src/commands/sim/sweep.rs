//! `waybook sim sweep` and `merge`: many runs, kept and put together.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use sha2::{Digest as _, Sha256};
use waybook_sim::results::{CsvTable, Nowhere, ParquetTable};
use waybook_sim::sweep::{Kept, Merged, Point, RunId, Shard, Sweep as Grid};

use super::files::{cannot, write_whole};
use super::progress::Progress;
use super::run::{at_point, beside, broken, wrong};
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Where the runs of a sweep are kept, within its folder.
pub(super) const RUNS: &str = "runs";

/// Runs every point of a sweep.
#[derive(Args)]
#[command(after_help = "\
Every run is kept in a file of its own as soon as it is over. A sweep that was stopped goes
on with --resume: what is there already is not run again. With --shard, each task of a
job array takes its share into a folder of its own, or all into a shared one; `waybook sim
merge` puts them together. scripts/ has job files for Slurm and Kubernetes.

Examples:
  waybook sim sweep configs/simulations/load.toml --out load
  waybook sim sweep configs/simulations/load.toml --out load --resume --jobs 8
  waybook sim sweep configs/simulations/load.toml --out load-3 --shard 3/16")]
pub(crate) struct Sweep {
    /// The sweep
    #[arg(value_name = "SWEEP.toml")]
    sweep: PathBuf,

    /// Keep the runs in this folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Run so many at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<NonZeroUsize>,

    /// Take the Ith of N shares only
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Go on with what the folder has already
    #[arg(long)]
    resume: bool,
}

/// Puts the runs of a sweep together.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook sim merge load --out load
  waybook sim merge load-1 load-2 load-3 --out load")]
pub(crate) struct Merge {
    /// Folders of the sweep, or of its shares
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// Write the tables into this folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Sweep {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let text = read_file(&self.sweep)?;
        let mut read = beside(&self.sweep);
        let grid = Grid::from_toml(&text, &mut read).map_err(|error| wrong(&self.sweep, &error))?;
        let folder = self.out.join(RUNS);
        fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
        let found = kept(&self.out)?;
        if !self.resume && found.runs().next().is_some() {
            return Err(Fail::usage(format!(
                "{} has runs already: go on with --resume, or choose another folder",
                self.out.display()
            )));
        }
        let texts = (1..=grid.points())
            .map(|point| grid.text(point))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(&self.sweep, &error))?;
        let fingerprint = |run: &RunId| fingerprint(&texts[run.point - 1], grid.seed(run));
        for run in found.runs() {
            let known = run.run.point <= texts.len() && fingerprint(&run.run) == run.fingerprint;
            if !known {
                return Err(Fail::usage(format!(
                    "{}: run {} is of another sweep, scenario or version: choose another folder",
                    self.out.display(),
                    run.run
                )));
            }
        }
        let mine: Vec<_> = grid.runs(self.shard.unwrap_or(Shard::ALL)).collect();
        let missing: Vec<_> = mine.iter().filter(|run| !found.has(run)).cloned().collect();
        self.run_all(&grid, &missing, &folder, &fingerprint)?;
        let merged = kept(&self.out)?;
        write(&merged, &self.out)?;
        report(&merged, global, Some((missing.len(), mine.len())))
    }

    /// Runs what is missing, on several threads, and keeps each run.
    fn run_all(
        &self,
        grid: &Grid,
        missing: &[RunId],
        folder: &Path,
        fingerprint: &(dyn Fn(&RunId) -> String + Sync),
    ) -> Done {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self.jobs.map_or(processors, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        let done = Mutex::new((Progress::new(grid.spec.name.clone()), 0_usize));
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(missing.len()) {
                scope.spawn(|| {
                    while failed.lock().is_ok_and(|failed| failed.is_none()) {
                        let Some(run) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else {
                            return;
                        };
                        let result = self.run_one(grid, run, folder, fingerprint(run));
                        if let (Err(error), Ok(mut failed)) = (result, failed.lock()) {
                            failed.get_or_insert(error);
                        }
                        if let Ok(mut done) = done.lock() {
                            done.1 += 1;
                            #[allow(clippy::cast_precision_loss, reason = "for a bar")]
                            let share = done.1 as f64 / missing.len() as f64;
                            done.0.at(share);
                        }
                    }
                });
            }
        });
        if let Ok((progress, _)) = done.into_inner() {
            progress.done();
        }
        match failed.into_inner() {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(Fail::failed("a run ended in a panic")),
        }
    }

    fn run_one(&self, grid: &Grid, run: &RunId, folder: &Path, fingerprint: String) -> Done {
        let path = &self.sweep;
        let at = path.with_file_name(&grid.spec.scenario);
        let command = at_point(path, run.point);
        let kept = grid
            .execute(run, &mut beside(&at), &mut Nowhere)
            .map_err(|error| broken(&at, &command, grid.seed(run), error))
            .map_err(|fail| fail.during(format!("run {run}")))?;
        let kept = Kept {
            fingerprint,
            ..kept
        };
        let text = serde_json::to_string(&kept).map_err(Fail::failed)?;
        write_whole(&folder.join(format!("{run}.json")), &text)
    }
}

impl Merge {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let mut merged = Merged::default();
        for folder in &self.folders {
            for run in kept(folder)?.runs() {
                merged.add(run.clone()).map_err(Fail::usage)?;
            }
        }
        fs::create_dir_all(&self.out).map_err(|error| cannot(&self.out, &error))?;
        write(&merged, &self.out)?;
        report(&merged, global, None)
    }
}

fn fingerprint(scenario: &str, seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(seed.to_le_bytes());
    hash.update(scenario);
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}

/// The runs that a folder of a sweep has.
pub(super) fn kept(folder: &Path) -> Done<Merged> {
    let mut merged = Merged::default();
    let runs = folder.join(RUNS);
    let listed = fs::read_dir(&runs).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fail::usage(format!(
            "{}: no folder of a sweep: there is no folder {RUNS} in it",
            folder.display()
        )),
        _ => cannot(&runs, &error),
    })?;
    for entry in listed {
        let path = entry.map_err(|error| cannot(&runs, &error))?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let run = serde_json::from_str(&read_file(&path)?)
            .map_err(|error| Fail::usage(format!("{}: {error}", path.display())))?;
        merged.add(run).map_err(Fail::usage)?;
    }
    Ok(merged)
}

/// Writes the tables of runs and points.
fn write(merged: &Merged, folder: &Path) -> Done {
    let columns = merged.columns();
    let about = [("waybook".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let create = |name: &str| {
        let path = folder.join(name);
        File::create(&path).map(BufWriter::new)
    };
    let tables = || {
        let mut csv = CsvTable::new(create("runs.csv")?, &columns, &about)?;
        let mut parquet = ParquetTable::new(create("runs.parquet")?, &columns, &about)?;
        for run in merged.runs() {
            csv.add(&run.row())?;
            parquet.add(&run.row())?;
        }
        csv.finish()?;
        parquet.finish()
    };
    tables().map_err(|error| cannot(folder, &error))?;
    let points = serde_json::to_string_pretty(&merged.points()).map_err(Fail::failed)?;
    write_whole(&folder.join("points.json"), &points)
}

fn report(merged: &Merged, global: &Global, ran: Option<(usize, usize)>) -> Done {
    let points = merged.points();
    if global.json {
        return show::json(&points);
    }
    if let Some((new, mine)) = ran {
        show::line(&format!("{new} of {mine} runs were missing and are done"))?;
    }
    let shown = ["blocked", "fell_back", "setup_mean_s", "setup_p99_s"];
    let parameters: Vec<_> = points
        .first()
        .map_or(Vec::new(), |p| p.values.keys().collect());
    let mut headings = vec!["point"];
    headings.extend(parameters.iter().map(|name| name.as_str()));
    headings.extend([
        "runs",
        "blocked",
        "fell back",
        "set-up (ms)",
        "set-up 99% (ms)",
    ]);
    let rows: Vec<_> = points
        .iter()
        .map(|point| {
            let mut row = vec![point.point.to_string()];
            row.extend(point.values.values().cloned());
            row.push(point.replications.to_string());
            row.extend(shown.map(|name| cell(point, name)));
            row
        })
        .collect();
    show::table(&headings, &rows, "no runs")
}

/// A figure with its interval: `0.0123 ±0.0004`.
fn cell(point: &Point, name: &str) -> String {
    let figure = &point.figures[name];
    let scale = if name.ends_with("_s") { 1e3 } else { 1.0 };
    let half = figure
        .half_width
        .map_or(String::new(), |half| format!(" ±{:.4}", half * scale));
    format!("{:.4}{half}", figure.mean * scale)
}
