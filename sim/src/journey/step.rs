//! Steps: one thing that happened to a session at one place, in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, Plan};

use super::said::Said;

/// One thing that happened to a session at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Since the first moment at which users could ask.
    pub at: Duration,
    /// The session's number, as in the table of sessions.
    pub session: u64,
    /// Where.
    pub place: PlaceName,
    /// What.
    pub what: What,
}

/// What happens to a session at a place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// Its user asks.
    Asks {
        /// The title.
        title: String,
    },
    /// The place has made a plan, and a plan visitor sets out.
    Plans {
        /// Which attempt it is, from 1: a retry plans anew.
        attempt: u64,
        /// What is to be tried, in this order.
        solutions: Vec<Solution>,
    },
    /// An agent holds a solution's demand here.
    Holds {
        /// The solution.
        solution: u16,
        /// Its quality level.
        quality: String,
        /// What is held here.
        demand: Demand,
    },
    /// An agent takes another solution than the one that it held.
    FallsBack {
        /// The solution that it held.
        from: u16,
        /// The one that it holds now.
        solution: u16,
        /// Its quality level.
        quality: String,
        /// What is held here now.
        demand: Demand,
    },
    /// A solution is refused here.
    Refuses {
        /// The solution.
        solution: u16,
        /// Why.
        reason: String,
    },
    /// Code that the session needs here is not here yet.
    AwaitsCode {
        /// The component, as `name@version`.
        component: String,
        /// How long it is, in bytes.
        bytes: u64,
    },
    /// A transfer of that code begins.
    Fetches {
        /// The component.
        component: String,
        /// The place that it is read from.
        source: PlaceName,
    },
    /// The code is here.
    Fetched {
        /// The component.
        component: String,
    },
    /// The transfer has ended early.
    FetchFails {
        /// The component.
        component: String,
        /// In which way.
        why: String,
    },
    /// A component is started for the session.
    Starts {
        /// The component.
        component: String,
    },
    /// The component answers.
    Answers {
        /// The component.
        component: String,
    },
    /// The component fails.
    Fails {
        /// The component.
        component: String,
        /// What it said.
        why: String,
    },
    /// Everything from here to the server is booked and runs.
    IsReady {
        /// The solution.
        solution: u16,
    },
    /// What was held here is established.
    Establishes {
        /// The solution.
        solution: u16,
    },
    /// A restarted place finds the session on its disk.
    Restores {
        /// The solution.
        solution: u16,
    },
    /// Nothing of the session is left here.
    GivesBack {
        /// What was booked.
        demand: Demand,
        /// Whether that is because nobody refreshed it.
        lapsed: bool,
    },
    /// The place sends a message to a neighbour.
    Sends {
        /// The neighbour.
        to: PlaceName,
        /// What is said.
        message: Said,
        /// When it arrives; never, if it is lost on its way.
        #[serde(serialize_with = "maybe_seconds", rename = "arrives_s")]
        arrives: Option<Duration>,
        /// When it arrives once more.
        #[serde(serialize_with = "maybe_seconds", rename = "again_s")]
        again: Option<Duration>,
        /// When the neighbour got to it; never, if its connection broke or it was down. When it
        /// would arrive, if the recording ends before.
        #[serde(serialize_with = "maybe_seconds", rename = "received_s")]
        received: Option<Duration>,
    },
    /// The place gets to a message of a neighbour.
    Receives {
        /// The neighbour.
        from: PlaceName,
        /// What is said.
        message: Said,
        /// Whether it has no effect, because the place knows of something newer.
        late: bool,
    },
    /// The user has an answer: the session stands, or why it does not.
    Answered {
        /// In a word: `established`, `refused`, `no-plan`, `rejected` or `closed`.
        outcome: &'static str,
        /// In words.
        says: String,
    },
    /// The user takes up the session.
    Claims,
    /// The user leaves.
    Leaves,
    /// The session is over at its client's place.
    Ends {
        /// Why.
        why: String,
    },
    /// The place learns that the connection to a hop of the session broke.
    LosesNeighbour {
        /// The neighbour.
        neighbour: PlaceName,
    },
    /// The place is connected to a hop of the session again.
    FindsNeighbour {
        /// The neighbour.
        neighbour: PlaceName,
    },
    /// The place crashes.
    Crashes,
    /// The place starts again.
    Restarts,
}

/// One solution of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Solution {
    /// Its number.
    pub number: u16,
    /// Its quality level.
    pub quality: String,
    /// From the client's place to the server's.
    pub path: Vec<PlaceName>,
}

impl Solution {
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let solution = |s: &Arc<waybook_plan::Solution>| Self {
            number: s.number.0,
            quality: s.quality.clone(),
            path: s.stages.iter().map(|stage| stage.place.clone()).collect(),
        };
        plan.solutions.iter().map(solution).collect()
    }
}

impl fmt::Display for Solution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: Vec<_> = self.path.iter().map(PlaceName::as_str).collect();
        write!(f, "{} {}: {}", self.number, self.quality, path.join(" → "))
    }
}

impl Step {
    /// What happened, in words; the place is the subject.
    #[must_use]
    pub fn says(&self) -> String {
        match &self.what {
            What::Asks { title } => format!("the user asks for `{title}`"),
            What::Plans { attempt, solutions } => {
                let again = if *attempt > 1 {
                    format!("tries again (attempt {attempt}): ")
                } else {
                    String::new()
                };
                let all: Vec<_> = solutions.iter().map(ToString::to_string).collect();
                format!("{again}plans {}", all.join("; "))
            }
            What::Holds {
                solution,
                quality,
                demand,
            } => format!("holds {demand} for solution {solution} ({quality})"),
            What::FallsBack {
                from,
                solution,
                quality,
                demand,
            } => {
                format!("falls back from solution {from} to {solution} ({quality}), holds {demand}")
            }
            What::Refuses { solution, reason } => format!("refuses solution {solution}: {reason}"),
            What::AwaitsCode { component, bytes } => {
                format!("waits for the code of {component}, {bytes} bytes")
            }
            What::Fetches { component, source } => format!("fetches {component} from {source}"),
            What::Fetched { component } => format!("has {component}"),
            What::FetchFails { component, why } => format!("does not get {component}: {why}"),
            What::Starts { component } => format!("starts {component}"),
            What::Answers { component } => format!("{component} answers"),
            What::Fails { component, why } => format!("{component} fails: {why}"),
            What::IsReady { solution } => {
                format!("ready: solution {solution} is booked from here to the server")
            }
            What::Establishes { solution } => format!("established, with solution {solution}"),
            What::Restores { solution } => {
                format!("finds the session on its disk, with solution {solution}")
            }
            What::GivesBack { demand, lapsed } => {
                let why = if *lapsed {
                    ": the lease has run out, nobody refreshed it"
                } else {
                    ""
                };
                format!("gives back {demand}{why}")
            }
            What::Sends {
                to,
                message,
                arrives,
                again,
                received,
            } => {
                let fate = match (arrives, again, received) {
                    (None, _, _) => " (lost on the way)",
                    (Some(_), _, None) => " (never read)",
                    (Some(_), Some(_), Some(_)) => " (arrives twice)",
                    (Some(_), None, Some(_)) => "",
                };
                format!("to {to}: {}{fate}", message.says)
            }
            What::Receives {
                from,
                message,
                late,
            } => {
                let fate = if *late { " (too late to matter)" } else { "" };
                format!("from {from}: {}{fate}", message.says)
            }
            What::Answered { says, .. } => says.clone(),
            What::Claims => "the user takes up the session".to_owned(),
            What::Leaves => "the user leaves".to_owned(),
            What::Ends { why } => format!("the session is over: {why}"),
            What::LosesNeighbour { neighbour } => format!("loses the connection to {neighbour}"),
            What::FindsNeighbour { neighbour } => format!("is connected to {neighbour} again"),
            What::Crashes => "crashes".to_owned(),
            What::Restarts => "starts again".to_owned(),
        }
    }
}

/// What programs read of a step: with its words.
#[derive(Serialize)]
struct Written<'a> {
    at_s: f64,
    session: u64,
    place: &'a PlaceName,
    says: String,
    #[serde(flatten)]
    what: &'a What,
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            at_s: self.at.as_secs_f64(),
            session: self.session,
            place: &self.place,
            says: self.says(),
            what: &self.what,
        };
        written.serialize(serializer)
    }
}

#[allow(clippy::ref_option, reason = "the form that serde calls")]
fn maybe_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
