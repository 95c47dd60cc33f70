//! What the client is told of the journey.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, SolutionNumber};

use crate::{Refusal, SessionId};

/// What was done at one hop of an established path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopReport {
    /// Where.
    pub place: PlaceName,
    /// What is booked there.
    pub booked: Demand,
    /// What runs there for the session, from the client's side to the server's.
    pub components: Vec<ComponentReport>,
    /// From the agent's arrival until the hop was ready, all beyond it included.
    pub took: Duration,
}

/// One component of a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentReport {
    /// The component's name.
    pub name: String,
    /// Where it answers, as its place knows it.
    pub endpoint: String,
    /// Whether it was running already and is shared.
    pub shared: bool,
    /// How long its start took; zero if it was shared.
    pub took: Duration,
}

/// News of a set-up under way, for a client that watches. Best effort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The session.
    pub session: SessionId,
    /// Where it happened.
    pub place: PlaceName,
    /// The solution concerned.
    pub solution: SolutionNumber,
    /// What happened.
    pub step: Step,
}

/// One thing that happened at a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The demand is held.
    Held(Demand),
    /// The solution was refused here.
    Refused(Refusal),
    /// No alternative fits what is held further up: back towards the client, for this
    /// solution.
    TracedBack,
    /// Booked, components running, path beyond ready.
    Ready(HopReport),
    /// Code for the session is coming; said now and then until it is there.
    Downloading(Transferred),
}

/// How far the transfer of one component's code has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// The component, as `name@version`.
    pub component: String,
    /// The place that it comes from; none while a source is sought.
    pub from: Option<PlaceName>,
    /// Bytes that are here and verified.
    pub bytes: u64,
    /// Bytes in all.
    pub length: u64,
    /// How many of the bytes were here before the session asked.
    pub before: u64,
}
