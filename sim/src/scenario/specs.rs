//! The tables of a scenario about the run, places, edges, code and users.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;
use waybook_place::Strategies;
use waybook_plan::Resource;

use super::ScenarioError;
use crate::distribution::Distribution;
use crate::places::{Clock, PlaceModel};
use crate::quantity::{Bandwidth, Bytes, Factor, Span, some_amounts};
use crate::workload::{Arrivals, Mobility, Sources};
use crate::world::Checks;

/// `[run]`: how long to look, and how closely.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RunSpec {
    /// The seed, unless the caller names one.
    pub seed: u64,
    /// For how long users ask, the warm-up included.
    pub duration: Span,
    /// What is left out of all statistics at the beginning, because the system starts empty.
    pub warm_up: Span,
    /// The length of one row of the results over time.
    pub interval: Span,
    /// Into how many batches the time after the warm-up is cut for the confidence interval
    /// of a single run.
    pub batches: usize,
    /// How often all that must hold is looked at.
    pub checks: Checks,
    /// Whether every message is decoded from its bytes at its arrival, as between real
    /// places; otherwise it is encoded for its size alone.
    pub decode: bool,
    /// Whether to let everybody leave at the end, and to see that nothing is left behind.
    pub drain: bool,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            duration: Span(Duration::from_secs(3600)),
            warm_up: Span(Duration::from_secs(600)),
            interval: Span(Duration::from_secs(60)),
            batches: 20,
            checks: Checks::EveryStep,
            decode: false,
            drain: true,
        }
    }
}

impl RunSpec {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.warm_up >= self.duration {
            return Err(ScenarioError::new(
                "`run.warm-up` must be shorter than `run.duration`",
            ));
        }
        if self.interval.0.is_zero() {
            return Err(ScenarioError::new("`run.interval` must not be zero"));
        }
        if self.batches < 2 {
            return Err(ScenarioError::new(
                "`run.batches` must be 2 or more: one batch has no spread",
            ));
        }
        Ok(())
    }
}

/// `[places]` and `[place.CLASS]`.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PlaceSpec {
    /// How much there is of each resource; a resource that is not named has none.
    #[serde(deserialize_with = "some_amounts")]
    pub capacity: Option<BTreeMap<Resource, u64>>,
    /// How long one server is busy with one input; no time unless it is said.
    pub processing: Option<Distribution>,
    /// How many inputs are worked at at a time; 1 unless it is said.
    pub servers: Option<NonZeroU32>,
    /// Everything that takes time here takes so many times as long.
    pub slowness: Option<Factor>,
    /// How long a component takes to answer once it is started; 20 ms unless it is said.
    pub start: Option<Distribution>,
    /// What is added for code that the place runs for the first time; 50 ms unless it is
    /// said.
    pub compile: Option<Distribution>,
    /// How its clock goes; exact unless it is said.
    pub clock: Option<Clock>,
    /// The limit of its software repository.
    pub repository: Option<Bytes>,
    /// How much code its disk takes.
    pub disk: Option<Bytes>,
    /// The worlds that it runs; those of the shipped runtime unless it is said.
    pub runtimes: Option<Vec<String>>,
    /// What it has that code may require.
    pub capabilities: Option<Vec<String>>,
}

impl PlaceSpec {
    /// How the place behaves besides deciding.
    #[must_use]
    pub fn model(&self) -> PlaceModel {
        let some = |d: &Option<Distribution>, millis| {
            let usual = Distribution::constant(Duration::from_millis(millis));
            d.clone().unwrap_or(usual)
        };
        let usual = PlaceModel::default();
        PlaceModel {
            processing: some(&self.processing, 0),
            servers: self.servers.unwrap_or(usual.servers),
            slowness: self.slowness.unwrap_or(usual.slowness),
            start: some(&self.start, 20),
            compile: some(&self.compile, 50),
            clock: self.clock.unwrap_or(usual.clock),
        }
    }

    /// This one, with what it does not say as the other has it.
    #[must_use]
    pub(super) fn over(&self, other: &Self) -> Self {
        Self {
            capacity: self.capacity.clone().or_else(|| other.capacity.clone()),
            processing: (self.processing.clone()).or_else(|| other.processing.clone()),
            servers: self.servers.or(other.servers),
            slowness: self.slowness.or(other.slowness),
            clock: self.clock.or(other.clock),
            start: self.start.clone().or_else(|| other.start.clone()),
            compile: self.compile.clone().or_else(|| other.compile.clone()),
            repository: self.repository.or(other.repository),
            disk: self.disk.or(other.disk),
            runtimes: self.runtimes.clone().or_else(|| other.runtimes.clone()),
            capabilities: (self.capabilities.clone()).or_else(|| other.capabilities.clone()),
        }
    }
}

/// `[[release]]`: code that is added before the first request. Its binary is imagined.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReleaseSpec {
    /// What presentations refer to it by.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How long its binary is.
    pub size: Bytes,
    /// The place where it is added.
    pub at: String,
}

/// Some of the places.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Selection {
    /// All places of a class; or, if no class is called so, the place of that name.
    One(String),
    /// The places of these classes and names.
    Several(Vec<String>),
}

/// `[[users]]`: one class of users.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UsersSpec {
    /// What results call them.
    pub name: String,
    /// Where they are, each request at one of these places, evenly drawn.
    #[serde(default = "at_leaves")]
    pub at: Selection,
    /// When they ask, if they are many.
    pub arrivals: Option<Arrivals>,
    /// How many they are and how long each waits between two sessions, if they are few.
    pub population: Option<Sources>,
    /// How long they use a session, from its establishment.
    pub holding: Distribution,
    /// The presentations that they choose from, by title in the scenario; all unless it is
    /// said.
    pub titles: Option<Vec<String>>,
    /// The exponent of Zipf's law for the choice; 0, all alike, unless it is said.
    #[serde(default)]
    pub zipf: f64,
    /// The Decision Maker that they ask for.
    pub decision_maker: Option<String>,
    /// The best quality that they want, by name.
    pub best_quality: Option<String>,
    /// The bandwidth that their terminals take.
    pub terminal: Option<Bandwidth>,
    /// How often to try again where only other set-ups stood in the way.
    #[serde(default)]
    pub retries: u32,
    /// How they move while they use a session.
    pub mobility: Option<Mobility>,
}

impl UsersSpec {
    pub(super) fn check(&self, strategies: &Strategies) -> Result<(), ScenarioError> {
        let wrong = |what: &str| Err(ScenarioError::new(format!("users `{}`: {what}", self.name)));
        match (&self.arrivals, &self.population) {
            (None, None) => wrong("say when they ask, by `arrivals` or `population`"),
            (Some(_), Some(_)) => wrong("has `arrivals` and `population`: choose one"),
            _ => Ok(()),
        }?;
        if let Some(name) = &self.decision_maker
            && let Err(why) = strategies.decision_maker(name)
        {
            return wrong(&format!("`decision-maker`: {why}"));
        }
        Ok(())
    }
}

fn at_leaves() -> Selection {
    Selection::One("leaf".to_owned())
}
