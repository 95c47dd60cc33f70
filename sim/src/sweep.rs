//! Sweeps: one scenario at every point of a grid of parameters, several times each.
//!
//! Every point is run with the same seeds, so that points are compared over the same
//! requests at the same moments (common random numbers). A run depends on nothing but
//! its scenario and its seed: runs may be spread over processes and machines, kept, and
//! merged.

mod kept;

pub use kept::{Figure, Kept, Merged, Point};

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use waybook_place::Strategies;

use crate::results::Sink;
use crate::run::{RunError, execute};
use crate::scenario::{Files, Scenario, ScenarioError};

/// A sweep, as researchers write it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SweepSpec {
    /// What results are called by.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The file of the scenario that is varied.
    pub scenario: String,
    /// How often each point is run.
    #[serde(default = "ten")]
    pub replications: u64,
    /// The seed of the first replication; the next ones follow it.
    #[serde(default = "one")]
    pub seed: u64,
    /// What is varied: the way to a value of the scenario, and the values that it takes.
    pub parameters: BTreeMap<String, Vec<Value>>,
}

fn ten() -> u64 {
    10
}

fn one() -> u64 {
    1
}

/// A sweep with its scenario.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// What is varied.
    pub spec: SweepSpec,
    /// What it is varied of.
    base: Table,
    strategies: Arc<Strategies>,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId {
    /// The point, counted from 1.
    pub point: usize,
    /// The replication, counted from 1.
    pub replication: u64,
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p{:04}-r{:03}", self.point, self.replication)
    }
}

/// One task's share of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// All of it.
    pub const ALL: Self = Self { index: 1, of: 1 };
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, of)) if index >= 1 && index <= of => Ok(Self { index, of }),
            _ => Err(format!(
                "`{text}` is not a share: write 1/4 for the first of four"
            )),
        }
    }
}

impl Sweep {
    /// Reads a sweep; `read` reads the scenario's file.
    ///
    /// # Errors
    /// [`ScenarioError`], if a file is wrong, a way leads nowhere, or the scenario does not
    /// take a value.
    pub fn from_toml(
        text: &str,
        read: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<Self, ScenarioError> {
        Self::with_strategies(text, read, Arc::default())
    }

    /// As [`Sweep::from_toml`], with other strategies for the scenario to choose from by
    /// name.
    ///
    /// # Errors
    /// As [`Sweep::from_toml`].
    pub fn with_strategies(
        text: &str,
        read: impl FnOnce(&str) -> Result<String, String>,
        strategies: Arc<Strategies>,
    ) -> Result<Self, ScenarioError> {
        let spec: SweepSpec = toml::from_str(text).map_err(|e| ScenarioError::toml(&e))?;
        if spec.replications == 0 {
            return Err(ScenarioError::new("`replications` must be 1 or more"));
        }
        for (way, values) in &spec.parameters {
            if values.is_empty() {
                return Err(ScenarioError::new(format!(
                    "`parameters`: `{way}` takes no value: list one or more"
                )));
            }
        }
        let scenario = read(&spec.scenario).map_err(|e| {
            ScenarioError::new(format!("`scenario`: cannot read {}: {e}", spec.scenario))
        })?;
        // Said with lines, where they can be.
        Scenario::with_strategies(&scenario, Arc::clone(&strategies))
            .map_err(|e| ScenarioError::new(format!("{}: {e}", spec.scenario)))?;
        let base = scenario
            .parse()
            .map_err(|e: toml::de::Error| ScenarioError::toml(&e))?;
        let sweep = Self {
            spec,
            base,
            strategies,
        };
        for point in 1..=sweep.points() {
            sweep.scenario(point)?;
        }
        Ok(sweep)
    }

    /// How many points the grid has.
    #[must_use]
    pub fn points(&self) -> usize {
        self.spec.parameters.values().map(Vec::len).product()
    }

    /// What the parameters are at a point: the last one in the order of names varies
    /// fastest.
    #[must_use]
    pub fn values(&self, point: usize) -> BTreeMap<&str, &Value> {
        let mut left = point - 1;
        let mut values = BTreeMap::new();
        for (way, choices) in self.spec.parameters.iter().rev() {
            values.insert(way.as_str(), &choices[left % choices.len()]);
            left /= choices.len();
        }
        values
    }

    /// The scenario at a point.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none such.
    pub fn scenario(&self, point: usize) -> Result<Scenario, ScenarioError> {
        Scenario::from_table(self.table(point)?, Arc::clone(&self.strategies))
            .map_err(|e| ScenarioError::new(format!("point {point}: {e}")))
    }

    /// The text of the scenario at a point.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none such.
    pub fn text(&self, point: usize) -> Result<String, ScenarioError> {
        toml::to_string(&self.table(point)?).map_err(|e| ScenarioError::new(e.to_string()))
    }

    fn table(&self, point: usize) -> Result<Table, ScenarioError> {
        let mut table = self.base.clone();
        for (way, value) in self.values(point) {
            set(&mut table, way, value.clone())?;
        }
        Ok(table)
    }

    /// The seed of a run.
    #[must_use]
    pub fn seed(&self, run: &RunId) -> u64 {
        self.spec.seed + run.replication - 1
    }

    /// Runs one, with its rows for the sink. Its fingerprint is empty: whoever keeps runs
    /// knows by what to tell that one is no longer of this sweep.
    ///
    /// # Errors
    /// [`RunError`] if the scenario is wrong at that point, or a rule was broken.
    pub fn execute(
        &self,
        run: &RunId,
        files: &mut Files<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Kept, RunError> {
        let scenario = self.scenario(run.point)?;
        let summary = execute(&scenario, self.seed(run), files, sink, |_| {})?;
        let values = self.values(run.point).into_iter();
        Ok(Kept {
            run: run.clone(),
            fingerprint: String::new(),
            values: values
                .map(|(way, value)| (way.to_owned(), written(value)))
                .collect(),
            summary,
        })
    }

    /// The runs of a share, replication by replication, so that a sweep that was stopped
    /// has something of every point.
    pub fn runs(&self, share: Shard) -> impl Iterator<Item = RunId> + '_ {
        let points = self.points();
        let all = (1..=self.spec.replications).flat_map(move |replication| {
            (1..=points).map(move |point| RunId { point, replication })
        });
        let mine = move |(number, _): &(usize, RunId)| number % share.of == share.index - 1;
        all.enumerate().filter(mine).map(|(_, run)| run)
    }
}

/// A value as it is written, without the quotation marks of a string.
fn written(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Sets the value at the end of a way such as `users.viewers.holding`: an element of a list
/// of tables goes by its `name` or `title`, or by its number, counted from 1.
fn set(table: &mut Table, way: &str, value: Value) -> Result<(), ScenarioError> {
    let wrong = |step: &str, why: &str| {
        ScenarioError::new(format!("`parameters`: `{way}`: `{step}` {why}"))
    };
    let mut steps = way.split('.').peekable();
    let mut at = table;
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            at.insert(step.to_owned(), value);
            return Ok(());
        }
        let inner = at.entry(step).or_insert_with(|| Value::Table(Table::new()));
        at = match inner {
            Value::Table(inner) => inner,
            Value::Array(list) => {
                let Some(name) = steps.next() else {
                    return Err(wrong(step, "is a list: say which of its elements"));
                };
                let element = element(list, name);
                let element = element.ok_or_else(|| wrong(name, "is no element of that list"))?;
                if steps.peek().is_none() {
                    *element = value;
                    return Ok(());
                }
                let inner = element.as_table_mut();
                inner.ok_or_else(|| wrong(name, "is not a table"))?
            }
            _ => return Err(wrong(step, "is not a table")),
        };
    }
    Ok(())
}

fn element<'a>(list: &'a mut [Value], name: &str) -> Option<&'a mut Value> {
    let called = |value: &Value| {
        let called = value.get("name").or_else(|| value.get("title"));
        called.and_then(Value::as_str) == Some(name)
    };
    let number = name.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let at = list.iter().position(called).or(number)?;
    list.get_mut(at)
}
