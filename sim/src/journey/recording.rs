//! Recordings: what was taken down of a run.

use std::time::Duration;

use serde::{Serialize, Serializer};
use waybook_agents::State;
use waybook_location_tree::PlaceName;
use waybook_plan::{Resource, format_amount};

use super::step::{Solution, Step, What};
use crate::results::SessionRow;
use crate::run::RunError;

/// What is to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One session, by its number in the table of sessions: from its request until nothing is
    /// left of it.
    Session(u64),
    /// Everything that happens between two times, since users could ask first.
    Between(Duration, Duration),
}

/// How much a recording may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most steps.
    pub steps: usize,
    /// A tree with no more places is kept whole; of a larger one, the places that are
    /// concerned.
    pub places: usize,
}

impl Default for Limits {
    /// As much as a page still plays well.
    fn default() -> Self {
        Self {
            steps: 20_000,
            places: 60,
        }
    }
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum Unrecorded {
    /// The run itself went wrong.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nobody walks in the baseline.
    #[error(
        "`protocol.booking = \"central\"`: the root books whole paths by itself there, so there \
         are no agents to follow: run the scenario with `booking = \"visitor\"`"
    )]
    Central,
    /// The number is too great, or 0.
    #[error("there is no session {wanted}: the run has sessions 1 to {asked}")]
    NoSession {
        /// What was asked for.
        wanted: u64,
        /// How many there are.
        asked: u64,
    },
    /// The times make no sense.
    #[error(
        "from {from:?} until {until:?} is no time of this run: it lasts {duration:?}, and `from` \
         comes before `until`"
    )]
    NoTime {
        /// The beginning.
        from: Duration,
        /// The end.
        until: Duration,
        /// How long the run lasts.
        duration: Duration,
    },
    /// More happened than may be held.
    #[error("more happens than {most} steps; by {at:?} there were so many")]
    TooMuch {
        /// The limit.
        most: usize,
        /// When it was reached.
        at: Duration,
    },
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What was wanted.
    pub wanted: Wanted,
    /// The name of the scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The row of the session, if it is one.
    pub row: Option<SessionRow>,
    /// The agents that were there when it began: where, for which session, in which state.
    pub present: Vec<(PlaceName, u64, State)>,
    /// What happened, in its order.
    pub steps: Vec<Step>,
    /// How many messages said only that all is as it was. They are no steps.
    pub routine: u64,
    /// The places that are concerned, and those that connect them, in the order of names.
    pub places: Vec<PlaceName>,
    /// The bookings of these places when steps were made, wherever they had changed.
    pub levels: Vec<Level>,
    /// All places in the order of names, if they are no more than the limit.
    pub tree: Vec<PlaceName>,
    /// How many places there are in all.
    pub of_places: usize,
}

/// How much of a resource is booked at a place from some time on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// Since users could ask.
    #[serde(serialize_with = "seconds", rename = "at_s")]
    pub at: Duration,
    /// The place.
    pub place: PlaceName,
    /// The resource.
    pub resource: Resource,
    /// What the place has.
    pub capacity: u64,
    /// By established sessions.
    pub established: u64,
    /// By set-ups under way.
    pub held: u64,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Level {
    /// In words: `down: 6 Mbit/s of 40 Mbit/s`.
    #[must_use]
    pub fn says(&self) -> String {
        let show = |amount| format_amount(&self.resource, amount);
        let held = match self.held {
            0 => String::new(),
            held => format!(" + {} held", show(held)),
        };
        let (booked, all) = (show(self.established), show(self.capacity));
        format!("{}: {booked}{held} of {all}", self.resource)
    }
}

impl Recording {
    /// Every plan that was made, with the session.
    pub fn plans(&self) -> impl Iterator<Item = (u64, &[Solution])> {
        self.steps.iter().filter_map(|step| match &step.what {
            What::Plans { solutions, .. } => Some((step.session, solutions.as_slice())),
            _ => None,
        })
    }
}
