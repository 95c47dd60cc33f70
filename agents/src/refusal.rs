//! Why a solution was refused, in a form that reaches the client.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use waybook_location_tree::PlaceName;
use waybook_plan::{Resource, SolutionNumber, format_amount};

/// One solution refused at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The solution.
    pub solution: SolutionNumber,
    /// Where it was refused.
    pub place: PlaceName,
    /// Why.
    pub reason: RefusalReason,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "solution {} at {}: {}",
            self.solution, self.place, self.reason
        )
    }
}

/// The limit that stands for [`RefusalReason::Drained`] wherever it is written.
const WHILE_DRAINED: &str = "sessions while it is drained";
/// What follows a resource's name in the limit that stands for [`RefusalReason::Cordoned`].
const WHILE_CORDONED: &str = " while it is cordoned";

/// Why a place refused a solution.
///
/// Written as bytes, `Drained` and `Cordoned` are limits of zero with names of their own, which
/// every version of the protocol reads: an older place passes them on, and shows them as such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Self")]
pub enum RefusalReason {
    /// A resource did not suffice.
    Lacking(Lack),
    /// The place does not have, or does not allow, a component.
    ComponentUnavailable {
        /// The component's name.
        component: String,
        /// What would have to change.
        why: String,
    },
    /// A component did not start or did not answer its probe.
    ComponentFailed {
        /// The component's name.
        component: String,
        /// What it or its runtime said.
        why: String,
    },
    /// There is no connection to the next place.
    Unreachable {
        /// The next place.
        next: PlaceName,
    },
    /// The next place took the agent, or should have, and then was silent.
    NoAnswer {
        /// The next place.
        next: PlaceName,
    },
    /// The next place crashed, or lost the visit otherwise, during the set-up.
    Lost {
        /// The next place.
        next: PlaceName,
    },
    /// The set-up's deadline passed before the solution was reached or answered.
    Deadline,
    /// The place has just restarted and does not yet know what it has promised.
    Restarting,
    /// A limit of the place is reached.
    Limit {
        /// The setting's name.
        limit: String,
        /// Its value.
        value: u64,
    },
    /// A neighbour broke the protocol.
    Protocol {
        /// What it did.
        what: String,
    },
    /// Upstream gave the visit up.
    Released,
    /// It was not tried: the set-up ended where it would have had to trace back. Said by the
    /// client's place to its client only; from a neighbour it is refused, since older builds
    /// would not understand it if it were passed on.
    #[serde(skip_deserializing)]
    NotTried,
    /// Its operator drains the place: it takes no new sessions.
    #[serde(skip)]
    Drained,
    /// Its operator has cordoned the resource: nothing more of it is booked.
    #[serde(skip)]
    Cordoned {
        /// The kind.
        resource: Resource,
    },
}

impl Serialize for RefusalReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limit = match self {
            Self::Drained => WHILE_DRAINED.to_owned(),
            Self::Cordoned { resource } => format!("{resource}{WHILE_CORDONED}"),
            other => return Self::serialize(other, serializer),
        };
        Self::serialize(&Self::Limit { limit, value: 0 }, serializer)
    }
}

impl<'de> Deserialize<'de> for RefusalReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reason = Self::deserialize(deserializer)?;
        let Self::Limit { limit, value: 0 } = &reason else {
            return Ok(reason);
        };
        if limit == WHILE_DRAINED {
            return Ok(Self::Drained);
        }
        let cordoned = limit.strip_suffix(WHILE_CORDONED);
        Ok(match cordoned.map(Resource::new) {
            Some(Ok(resource)) => Self::Cordoned { resource },
            _ => reason,
        })
    }
}

impl RefusalReason {
    /// Whether the same request might succeed a moment later, because what stood in the
    /// way was another set-up that may itself be refused.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lacking(lack) => lack.holds_stood_in_the_way(),
            Self::Restarting => true,
            _ => false,
        }
    }

    /// What would have to change for the solution not to be refused so, in a sentence for the
    /// people who can change it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Lacking(lack) => lack.remedy(),
            Self::ComponentUnavailable { component, .. } => {
                format!("The place must have `{component}`, or be allowed to run it.")
            }
            Self::ComponentFailed { component, .. } => format!(
                "`{component}` must start and answer there; the log of the place may say more."
            ),
            Self::Unreachable { next } => {
                format!("{next} must run and be connected; `waybook links` shows who is.")
            }
            Self::NoAnswer { next } => {
                format!("{next}, or the connection to it, must answer sooner.")
            }
            Self::Lost { next } => format!("{next} must stay up; it may be back by now."),
            Self::Deadline => {
                "The set-up needs more time, or its code must be there beforehand.".to_owned()
            }
            Self::Restarting => "It knows within a lease what it has promised; then it grants \
                                 again."
                .to_owned(),
            Self::Limit { limit, value } => {
                format!("There must be fewer at a time, or `{limit}` be greater than {value}.")
            }
            Self::Protocol { .. } => {
                "One of the two places is broken or lies; the logs of both may say more.".to_owned()
            }
            Self::Released => {
                "Nothing here: the client's side did not want it any more.".to_owned()
            }
            Self::NotTried => "The set-up must be allowed to trace back.".to_owned(),
            Self::Drained => {
                "Its operator must end the draining, with `waybook place undrain`.".to_owned()
            }
            Self::Cordoned { resource } => {
                format!("Its operator must uncordon {resource}, with `waybook place uncordon`.")
            }
        }
    }
}

/// A resource that did not suffice. At one instant, at one place:
/// `established + held_by_others + free = capacity`, if the place is not over capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// The kind.
    pub resource: Resource,
    /// How much the solution needs.
    pub wanted: u64,
    /// How much it could have had.
    pub free: u64,
    /// What the place has in all.
    pub capacity: u64,
    /// Booked by established sessions.
    pub established: u64,
    /// Held by other set-ups that are still under way.
    pub held_by_others: u64,
}

impl Lack {
    /// How much was missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.wanted.saturating_sub(self.free)
    }

    /// What would have to change, in a sentence.
    fn remedy(&self) -> String {
        let show = |amount| format_amount(&self.resource, amount);
        let resource = &self.resource;
        if self.wanted > self.capacity {
            let has = match self.capacity {
                0 => "the place has none".to_owned(),
                capacity => format!("the place has {} in all", show(capacity)),
            };
            return format!(
                "No session that ends would help, for {has}: its `capacity.{resource}` must be at \
                 least {}.",
                show(self.wanted)
            );
        }
        if self.holds_stood_in_the_way() {
            return "Only other set-ups stood in the way: the same may succeed a moment later."
                .to_owned();
        }
        let missing = self.missing();
        format!(
            "Sessions with {} there must end, or its `capacity.{resource}` be at least {}.",
            show(missing),
            show(self.capacity.saturating_add(missing))
        )
    }

    /// Whether it would have sufficed if no other set-up had been under way.
    #[must_use]
    pub fn holds_stood_in_the_way(&self) -> bool {
        self.held_by_others > 0 && self.wanted <= self.capacity.saturating_sub(self.established)
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacking(lack) => {
                let show = |amount| format_amount(&lack.resource, amount);
                if lack.capacity == 0 {
                    return write!(f, "has no {}; {} wanted", lack.resource, show(lack.wanted));
                }
                write!(
                    f,
                    "{} lacks {}: {} wanted, {} free of {} ({} established, {} held by other set-ups)",
                    lack.resource,
                    show(lack.missing()),
                    show(lack.wanted),
                    show(lack.free),
                    show(lack.capacity),
                    show(lack.established),
                    show(lack.held_by_others),
                )
            }
            Self::ComponentUnavailable { component, why } => {
                write!(f, "component `{component}` is not available: {why}")
            }
            Self::ComponentFailed { component, why } => {
                write!(f, "component `{component}` failed: {why}")
            }
            Self::Unreachable { next } => write!(f, "no connection to {next}"),
            Self::NoAnswer { next } => write!(f, "no answer from {next}"),
            Self::Lost { next } => write!(f, "{next} crashed or lost the visit"),
            Self::Deadline => f.write_str("not reached before the deadline of the set-up"),
            Self::Restarting => {
                f.write_str("has just restarted and is still learning what it has promised")
            }
            Self::Limit { limit, value } => write!(f, "limit `{limit}` = {value} is reached"),
            Self::Protocol { what } => write!(f, "a neighbour broke the protocol: {what}"),
            Self::Released => f.write_str("given up by the client's side"),
            Self::NotTried => f.write_str("not tried: the set-up does not trace back"),
            Self::Drained => f.write_str("is being drained: it takes no new sessions"),
            Self::Cordoned { resource } => {
                write!(f, "{resource} is cordoned: no more of it is booked")
            }
        }
    }
}
