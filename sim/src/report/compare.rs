//! Several folders side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::{Grid, Observation};
use super::of_run::{in_time, setups};
use super::of_sweep::{about, observations, plots, points};
use super::page::{Page, Report};
use super::pairs::pairs;
use super::runs::Runs;
use crate::sweep::Merged;

/// What the folder is called as a parameter.
const FOLDER: &str = "folder";

/// What a folder holds.
#[derive(Debug, Clone)]
pub enum Folder {
    /// Runs of one scenario.
    Runs(Box<Runs>),
    /// A sweep, with what it is called by.
    Sweep(String, Merged),
}

impl Folder {
    /// What it is called by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Runs(runs) => &runs.name,
            Self::Sweep(name, _) => name,
        }
    }

    fn observations(&self) -> Vec<Observation> {
        let mut runs: Vec<_> = match self {
            Self::Sweep(_, merged) => observations(merged).collect(),
            Self::Runs(runs) => {
                let runs = runs.summaries.iter().map(|summary| Observation {
                    values: BTreeMap::new(),
                    summary: summary.clone(),
                });
                runs.collect()
            }
        };
        for run in &mut runs {
            run.values.insert(FOLDER.to_owned(), self.name().to_owned());
        }
        runs
    }
}

/// The report of several folders. Their names must differ.
#[must_use]
pub fn of_folders(folders: &[Folder]) -> Report {
    let names: Vec<_> = folders.iter().map(Folder::name).collect();
    let mut page = Page::new(format!("Comparison: {}", names.join(", ")));
    page.made_from("folders", names.join(", "));
    let all: Vec<_> = folders.iter().flat_map(Folder::observations).collect();
    about(&mut page, &all);
    let runs = folders.iter().filter_map(|folder| match folder {
        Folder::Runs(runs) => Some(runs.as_ref()),
        Folder::Sweep(..) => None,
    });
    let runs: Vec<_> = runs.collect();
    let scenarios: BTreeSet<_> = all
        .iter()
        .map(|run| run.summary.scenario.as_str())
        .collect();
    if scenarios.len() > 1 {
        let scenarios: Vec<_> = scenarios.into_iter().collect();
        page.paragraph(&format!(
            "The folders are of different scenarios ({}): equal seeds are common random numbers only as far as these draw for the same purposes.",
            scenarios.join(", ")
        ));
    }
    let grid = Grid::new(all);
    plots(&mut page, &grid);
    points(&mut page, &grid);
    page.section("Comparisons");
    match grid
        .varied
        .iter()
        .find(|parameter| parameter.name == FOLDER)
    {
        Some(folder) => pairs(&mut page, &grid, folder),
        None => page.paragraph("There are no runs of two folders to compare."),
    }
    if !runs.is_empty() {
        in_time(&mut page, &runs);
        setups(&mut page, &runs);
    }
    page.finish()
}
