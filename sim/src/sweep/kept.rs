//! Runs of a sweep that are kept, and what they come to together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::results::{Column, Kind, Value};
use crate::run::Summary;
use crate::statistics::{Interval, Moments};

/// Confidence of the intervals over replications.
const CONFIDENCE: f64 = 0.95;

/// One run of a sweep with what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    pub run: RunId,
    /// Of what it is a run: differs if the scenario, the seed or the version does.
    pub fingerprint: String,
    /// What the parameters were, as they are written.
    pub values: BTreeMap<String, String>,
    /// What came of it.
    pub summary: Summary,
}

/// A figure of a point: its mean over the replications and half the width of its 95%
/// confidence interval (Student).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The mean.
    pub mean: f64,
    /// Half the width; none with a single replication.
    pub half_width: Option<f64>,
}

/// One point of a sweep over all its replications.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its number.
    pub point: usize,
    /// What the parameters are.
    pub values: BTreeMap<String, String>,
    /// How many replications there are.
    pub replications: usize,
    /// The figures, by name.
    pub figures: BTreeMap<String, Figure>,
}

/// The runs of a sweep together, in the order of points and replications whatever order
/// they were run and read in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    runs: BTreeMap<RunId, Kept>,
}

impl Merged {
    /// Adds a run.
    ///
    /// # Errors
    /// A sentence, if the same run is there already with another outcome, which no
    /// deterministic simulator gives.
    pub fn add(&mut self, run: Kept) -> Result<(), String> {
        match self.runs.get(&run.run) {
            Some(other) if *other != run => Err(format!(
                "run {} is there twice and differs: it is of two sweeps, or of two versions",
                run.run
            )),
            _ => {
                self.runs.insert(run.run.clone(), run);
                Ok(())
            }
        }
    }

    /// All of them.
    pub fn runs(&self) -> impl Iterator<Item = &Kept> {
        self.runs.values()
    }

    /// Whether a run is there.
    #[must_use]
    pub fn has(&self, run: &RunId) -> bool {
        self.runs.contains_key(run)
    }

    /// The points, over their replications.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut by_point: BTreeMap<usize, Vec<&Kept>> = BTreeMap::new();
        for run in self.runs.values() {
            by_point.entry(run.run.point).or_default().push(run);
        }
        by_point
            .into_iter()
            .map(|(point, runs)| Point {
                point,
                values: runs[0].values.clone(),
                replications: runs.len(),
                figures: figures(&runs),
            })
            .collect()
    }

    /// A figure of every replication of a point, in their order: what two points are compared
    /// by.
    ///
    /// # Panics
    /// If there is no figure of that name.
    #[must_use]
    pub fn figure(&self, point: usize, name: &str) -> Vec<f64> {
        let of_point = self.runs.values().filter(|run| run.run.point == point);
        let figure = |run: &Kept| {
            let figures = run.summary.figures();
            let found = figures.iter().find(|(figure, _)| *figure == name);
            found
                .unwrap_or_else(|| panic!("there is no figure `{name}`"))
                .1
        };
        of_point.map(figure).collect()
    }

    /// The columns of the table of runs.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let column = |name: String, kind| Column {
            name: name.into(),
            kind,
            optional: false,
        };
        let Some(any) = self.runs.values().next() else {
            return Vec::new();
        };
        let numbers = ["point", "replication", "seed"].map(|name| column(name.into(), Kind::Count));
        let values = any
            .values
            .keys()
            .map(|name| column(name.clone(), Kind::Word));
        let figures = any.summary.figures().into_iter();
        let figures = figures.map(|(name, _)| column(name.to_owned(), Kind::Number));
        numbers.into_iter().chain(values).chain(figures).collect()
    }
}

impl Kept {
    /// Its row in the table of runs.
    #[must_use]
    pub fn row(&self) -> Vec<Value<'_>> {
        let mut row = vec![
            Value::Count(self.run.point as u64),
            Value::Count(self.run.replication),
            Value::Count(self.summary.seed),
        ];
        row.extend(self.values.values().map(|value| Value::Word(value)));
        let figures = self.summary.figures().into_iter();
        row.extend(figures.map(|(_, value)| Value::Number(value)));
        row
    }
}

fn figures(runs: &[&Kept]) -> BTreeMap<String, Figure> {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs {
        for (name, value) in run.summary.figures() {
            by_name.entry(name).or_default().push(value);
        }
    }
    let figure = |values: &[f64]| {
        let moments: Moments = values.iter().copied().collect();
        Figure {
            mean: moments.mean,
            half_width: Interval::student(&moments, CONFIDENCE).map(|i| i.half_width),
        }
    };
    by_name
        .into_iter()
        .map(|(name, values)| (name.to_owned(), figure(&values)))
        .collect()
}
