//! `waybook sim report`: results as a page with plots and tables.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use waybook_sim::report::{self, Folder, Runs, Tables};
use waybook_sim::run::Summary;

use super::files::{cannot, write_whole};
use super::sweep::{RUNS, kept};
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// What a run comes to, within its folder.
const SUMMARY: &str = "summary.json";
/// What folders of runs with several seeds are called by, before the seed.
const SEED: &str = "seed-";

/// Makes a page of results.
#[derive(Args)]
#[command(after_help = "\
The folder is one that `waybook sim run --out`, `sweep` or `merge` has written. The page is
one file that needs neither a network nor scripts; every plot in it can be saved as SVG.
With --compare, two ways are held against each other over runs with equal seeds, which draw
the same numbers: mean difference, 95% interval, and two paired tests.

Examples:
  waybook sim report results
  waybook sim report load --out load.html
  waybook sim report visitor --compare central --out strategies.html")]
pub(crate) struct Report {
    /// A folder of results
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Put these folders beside it
    #[arg(long, value_name = "DIR", num_args = 1..)]
    compare: Vec<PathBuf>,

    /// Write the page to this file [default: DIR/report.html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

impl Report {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let paths: Vec<_> = std::iter::once(&self.folder).chain(&self.compare).collect();
        let names = names(&paths)?;
        let folders = paths.iter().zip(&names);
        let folders = folders.map(|(path, name)| read(path, name));
        let folders = folders.collect::<Done<Vec<_>>>()?;
        let report = match folders.as_slice() {
            [Folder::Runs(runs)] => report::of_run(runs),
            [Folder::Sweep(name, merged)] => report::of_sweep(name, merged),
            several => report::of_folders(several),
        };
        let out = (self.out.clone()).unwrap_or_else(|| self.folder.join("report.html"));
        write_whole(&out, &report.html)?;
        if global.json {
            return show::json(&json!({
                "file": out,
                "title": report.title,
                "folders": paths,
                "figures": report.figures,
                "tables": report.tables,
                "bytes": report.html.len(),
            }));
        }
        show::line(&out.display().to_string())
    }
}

/// What each folder is called by: the shortest ends of the paths that tell them apart.
fn names(paths: &[&PathBuf]) -> Done<Vec<String>> {
    let whole: Vec<PathBuf> = (paths.iter())
        .map(|path| fs::canonicalize(path).map_err(|error| no_folder(path, &error)))
        .collect::<Done<_>>()?;
    let deepest = whole.iter().map(|path| path.components().count()).max();
    let differ =
        |names: &[String]| (names.iter().enumerate()).all(|(at, name)| !names[..at].contains(name));
    for depth in 1..=deepest.unwrap_or(1) {
        let end = |path: &PathBuf| {
            let parts: Vec<_> = path.components().collect();
            let end: PathBuf = parts[parts.len().saturating_sub(depth)..].iter().collect();
            end.display().to_string()
        };
        let names: Vec<_> = whole.iter().map(end).collect();
        if differ(&names) {
            return Ok(names);
        }
    }
    Err(Fail::usage("--compare: a folder is named twice"))
}

fn no_folder(path: &Path, error: &std::io::Error) -> Fail {
    Fail::usage(format!("{}: {error}", path.display()))
}

/// Reads what a folder holds.
fn read(path: &Path, name: &str) -> Done<Folder> {
    if path.join(RUNS).is_dir() {
        let merged = kept(path)?;
        if merged.runs().next().is_none() {
            let runs = path.join(RUNS);
            return Err(Fail::usage(format!(
                "{}: no run is over yet",
                runs.display()
            )));
        }
        return Ok(Folder::Sweep(name.to_owned(), merged));
    }
    let mut runs = Runs::new(name);
    if path.join(SUMMARY).is_file() {
        add(&mut runs, path)?;
        return Ok(Folder::Runs(Box::new(runs)));
    }
    let seeds = seeds(path)?;
    if seeds.is_empty() {
        return Err(Fail::usage(format!(
            "{}: no results of a simulation: there is neither {SUMMARY}, nor a folder \
             {SEED}N with one, nor a folder {RUNS}",
            path.display()
        )));
    }
    for (_, folder) in seeds {
        add(&mut runs, &folder)?;
    }
    Ok(Folder::Runs(Box::new(runs)))
}

/// The folders of runs with several seeds, in the order of these.
fn seeds(path: &Path) -> Done<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| no_folder(path, &error))? {
        let entry = entry.map_err(|error| no_folder(path, &error))?;
        let name = entry.file_name();
        let seed = name.to_str().and_then(|name| name.strip_prefix(SEED));
        if let Some(seed) = seed.and_then(|seed| seed.parse().ok())
            && entry.path().join(SUMMARY).is_file()
        {
            found.push((seed, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Adds the run that a folder holds.
fn add(runs: &mut Runs, folder: &Path) -> Done {
    let path = folder.join(SUMMARY);
    let summary: Summary = serde_json::from_str(&read_file(&path)?)
        .map_err(|error| Fail::usage(format!("{}: {error}", path.display())))?;
    let open = |name: &str| {
        let path = folder.join(name);
        File::open(&path).map_err(|error| cannot(&path, &error))
    };
    let tables = Tables {
        folder: &format!("{}/", folder.display()),
        sessions: &mut open("sessions.csv")?,
        intervals: &mut open("intervals.csv")?,
        resources: &mut open("resources.csv")?,
    };
    runs.add(summary, tables).map_err(Fail::usage)
}
