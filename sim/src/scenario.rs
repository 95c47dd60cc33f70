//! Scenarios: what a run of the simulator is about, as researchers write it.
//!
//! A scenario is one TOML file: the tree, what its places and edges are like, what is
//! served, who asks for it, what goes wrong, and how long to look. [`Scenario::from_toml`]
//! reads it with errors that say line and field; [`Scenario::layout`] makes the tree of a
//! seed. `configs/simulations/scenario.toml` shows every setting.

mod layout;
mod presentations;
mod protocol;
mod specs;

pub use layout::{Class, Layout};
pub use presentations::PresentationSpec;
pub use protocol::{BookingProtocol, ProtocolSpec};
pub use specs::{PlaceSpec, ReleaseSpec, RunSpec, Selection, UsersSpec};

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use waybook_place::Strategies;

use crate::faults::Fault;
use crate::network::EdgeModel;
use crate::topology::TopologySpec;

/// One experiment, but for the seed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// What results are called by.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How long to look, and how closely.
    #[serde(default)]
    pub run: RunSpec,
    /// The tree.
    pub topology: TopologySpec,
    /// What every place is like, unless its class says otherwise.
    #[serde(default)]
    pub places: PlaceSpec,
    /// What the places of a class are like: what is not said here is as in `places`.
    #[serde(default)]
    pub place: BTreeMap<String, PlaceSpec>,
    /// What every edge is like, unless the class of its lower end says otherwise.
    #[serde(default)]
    pub edges: EdgeModel,
    /// What the edges above the places of a class are like, in place of `edges`.
    #[serde(default)]
    pub edge: BTreeMap<String, EdgeModel>,
    /// How sessions are set up and kept.
    #[serde(default)]
    pub protocol: ProtocolSpec,
    /// What is served, and where.
    #[serde(default)]
    pub presentation: Vec<PresentationSpec>,
    /// Code that is added before the first request.
    #[serde(default)]
    pub release: Vec<ReleaseSpec>,
    /// Who asks, for what, and how often.
    #[serde(default)]
    pub users: Vec<UsersSpec>,
    /// What goes wrong.
    #[serde(default)]
    pub fault: Vec<Fault>,
    /// What `decision-maker` and `download` choose from. Those that come with Waybook,
    /// unless the scenario was read [with others](Scenario::with_strategies).
    #[serde(skip)]
    pub strategies: Arc<Strategies>,
}

/// What is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScenarioError {
    /// Line, field, what is wrong and what would be right.
    pub message: String,
}

impl ScenarioError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// What the reader of TOML found, which ends its sentences with a line end.
    pub(crate) fn toml(error: &toml::de::Error) -> Self {
        Self::new(error.to_string().trim_end())
    }
}

/// Reads a file that a scenario names, by its name there; the error says why it cannot.
pub type Files<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names line and field, and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        Self::with_strategies(text, Arc::default())
    }

    /// As [`Scenario::from_toml`], with other strategies to choose from by name.
    ///
    /// # Errors
    /// As [`Scenario::from_toml`].
    pub fn with_strategies(text: &str, strategies: Arc<Strategies>) -> Result<Self, ScenarioError> {
        let read = toml::from_str(text).map_err(|e| ScenarioError::toml(&e))?;
        Self::checked(read, strategies)
    }

    /// Reads a scenario from a table whose values a sweep has changed.
    ///
    /// # Errors
    /// As [`Scenario::from_toml`], without lines.
    pub fn from_table(
        table: toml::Table,
        strategies: Arc<Strategies>,
    ) -> Result<Self, ScenarioError> {
        let read = table
            .try_into()
            .map_err(|e: toml::de::Error| ScenarioError::toml(&e))?;
        Self::checked(read, strategies)
    }

    fn checked(read: Self, strategies: Arc<Strategies>) -> Result<Self, ScenarioError> {
        let scenario = Self { strategies, ..read };
        scenario.check()?;
        Ok(scenario)
    }

    /// Users who want no better quality than one that nothing they may choose has are all
    /// refused, which looks like a result.
    fn check_best_quality(&self, users: &UsersSpec) -> Result<(), ScenarioError> {
        let Some(best) = &users.best_quality else {
            return Ok(());
        };
        let chosen = |title: &String| users.titles.as_ref().is_none_or(|t| t.contains(title));
        let choice = self.presentation.iter().filter(|p| chosen(&p.title));
        let names: std::collections::BTreeSet<_> = choice
            .flat_map(|p| p.qualities.iter().map(|quality| quality.name.as_str()))
            .collect();
        // Titles that are not there are told of where they are looked up.
        if names.is_empty() || names.contains(best.as_str()) {
            return Ok(());
        }
        let names: Vec<_> = names.into_iter().collect();
        Err(ScenarioError::new(format!(
            "users `{}`: best-quality: nothing that they may choose has a quality `{best}`; \
             there are {}",
            users.name,
            names.join(", ")
        )))
    }

    /// What no single field can know.
    fn check(&self) -> Result<(), ScenarioError> {
        self.run.check()?;
        self.protocol.check(&self.strategies)?;
        if self.presentation.is_empty() {
            return Err(ScenarioError::new(
                "there is no `[[presentation]]`: say what is served",
            ));
        }
        if self.users.is_empty() {
            return Err(ScenarioError::new(
                "there are no `[[users]]`: say who asks for sessions",
            ));
        }
        let mut names = std::collections::BTreeSet::new();
        for users in &self.users {
            if !names.insert(&users.name) {
                return Err(ScenarioError::new(format!(
                    "two `[[users]]` are called `{}`: give each a name of its own",
                    users.name
                )));
            }
        }
        for users in &self.users {
            users.check(&self.strategies)?;
        }
        for presentation in &self.presentation {
            presentation.check()?;
        }
        for users in &self.users {
            self.check_best_quality(users)?;
        }
        if !self.fault.is_empty() && self.protocol.booking == BookingProtocol::Central {
            return Err(ScenarioError::new(
                "`fault`: nothing fails in the baseline `protocol.booking = \"central\"`: \
                 leave one of them out",
            ));
        }
        Ok(())
    }
}
