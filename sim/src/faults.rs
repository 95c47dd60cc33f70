//! What goes wrong with places and edges, and when: schedules of faults.
//!
//! ```toml
//! [[fault]]                       # a crash of one place, with repair
//! place = "core/bologna"
//! at = "10 s"
//! lasts = "30 s"
//! crash = "lose-disk"             # or "keep-disk"
//!
//! [[fault]]                       # crashes at random, of each place of a class
//! class = "edge"
//! to-failure = { exponential = "1 h" }
//! to-repair = { exponential = "5 min" }
//! crash = "keep-disk"
//!
//! [[fault]]                       # of each place of a locality
//! below = "core"
//! at = "1 min"
//! lasts = "5 s"
//! partition = "up"                # or "down" or "both": the edge above the place
//! ```
//!
//! Instead of `crash` and `partition` also `slow = 10.0` (everything takes so many times as
//! long), `step = "-3 s"` (of the clock) or
//! `messages = { loss = 0.1, duplicate = 0.1, reorder = 0.1, late = "1 s" }` (in both
//! directions of the edge above the place). A fault that names neither `place`, `class` nor
//! `below` strikes every place. One with a time strikes all that it names at once; one at
//! random strikes each by itself, by alternating times up and down (an alternating renewal
//! process: Cox, *Renewal Theory*, 1962, chapter 7).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use crate::distribution::Distribution;
use crate::network::Disturbance;
use crate::quantity::{Factor, Invalid, Shift, Span};
use crate::random::Draws;
use crate::workload::Member;

/// One thing that happens to a place or to the edge above it. What is so already stays so:
/// a place that is down does not crash again, and one that runs is not restarted. Where two
/// faults overlap, the end of the first one ends both.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// The place stops at once and tells nobody.
    Crash(PlaceName),
    /// The place starts again.
    Restart(PlaceName, Disk),
    /// Nothing passes the edge above the place in that way, and no end is told.
    Cut(PlaceName, Way),
    /// It passes again.
    Mend(PlaceName, Way),
    /// Everything that takes time at the place takes so many times as long; 1 ends it.
    Slow(PlaceName, Factor),
    /// The clock of the place is set forwards or backwards.
    Step(PlaceName, Shift),
    /// Messages on the edge above the place are disturbed, in both directions; none ends
    /// it.
    Disturb(PlaceName, Option<Arc<Disturbance>>),
}

/// What a place finds when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Disk {
    /// All that it had stored.
    #[serde(rename = "keep-disk")]
    Kept,
    /// Nothing.
    #[serde(rename = "lose-disk")]
    Lost,
}

/// Which directions of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Both.
    Both,
    /// Towards the root.
    Up,
    /// Away from the root.
    Down,
}

/// A kind of fault, whom it strikes and when.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Fault {
    /// Whom it strikes.
    pub target: Target,
    /// When.
    pub time: Timing,
    /// What it does.
    pub effect: Effect,
}

/// Whom a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every place.
    All,
    /// That place.
    Place(PlaceName),
    /// Every place of that class.
    Class(String),
    /// That place and all below it.
    Below(PlaceName),
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq)]
pub enum Timing {
    /// Once.
    Once {
        /// When, after the start of the run.
        at: Instant,
        /// How long; drawn for each place by itself. None for ever.
        lasts: Option<Distribution>,
    },
    /// Again and again.
    Renewed {
        /// From the start or the last repair to the next failure.
        to_failure: Distribution,
        /// From a failure to its repair; nothing for what needs none.
        to_repair: Distribution,
    },
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The place is down.
    Crash(Disk),
    /// The edge above the place lets nothing pass.
    Partition(Way),
    /// The place is slow.
    Slow(Factor),
    /// The clock of the place jumps. There is nothing to repair.
    Step(Shift),
    /// The edge above the place disturbs messages.
    Messages(Arc<Disturbance>),
}

impl Target {
    fn holds(&self, member: Member<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Place(name) => name == member.name,
            Self::Class(class) => class == member.class,
            Self::Below(name) => name.contains(member.name),
        }
    }
}

impl Fault {
    /// Whether it strikes a place. The root has no edge above it that could be struck.
    #[must_use]
    pub fn strikes(&self, member: Member<'_>) -> bool {
        let rootless = self.effect.is_of_edge() && member.name.depth() == 0;
        self.target.holds(member) && !rootless
    }
}

impl Effect {
    /// Whether it strikes the edge above a place, which a root has not.
    fn is_of_edge(&self) -> bool {
        matches!(self, Self::Partition(_) | Self::Messages(_))
    }

    fn begin(&self, place: PlaceName) -> Act {
        match self {
            Self::Crash(_) => Act::Crash(place),
            Self::Partition(way) => Act::Cut(place, *way),
            Self::Slow(factor) => Act::Slow(place, *factor),
            Self::Step(by) => Act::Step(place, *by),
            Self::Messages(disturbance) => Act::Disturb(place, Some(Arc::clone(disturbance))),
        }
    }

    /// What ends it; nothing does for a step.
    fn end(&self, place: PlaceName) -> Option<Act> {
        match self {
            Self::Crash(disk) => Some(Act::Restart(place, *disk)),
            Self::Partition(way) => Some(Act::Mend(place, *way)),
            Self::Slow(_) => Some(Act::Slow(place, Factor::default())),
            Self::Step(_) => None,
            Self::Messages(_) => Some(Act::Disturb(place, None)),
        }
    }
}

/// All that goes wrong in a run, in the order of time, found as it is asked for. It keeps
/// some 50 bytes for each place and fault.
#[derive(Debug)]
pub struct Timeline {
    faults: Vec<Fault>,
    subjects: Vec<Subject>,
    /// What each subject does next.
    next: BinaryHeap<Reverse<(Instant, u32)>>,
}

/// One place that one fault strikes.
#[derive(Debug)]
struct Subject {
    place: PlaceName,
    draws: Draws,
    fault: u32,
    /// Failures and repairs so far.
    turns: u32,
}

impl Timeline {
    /// What these faults do to these places. Each place and fault has random numbers of its
    /// own, so that more places or faults behind them change nothing for the others.
    ///
    /// # Panics
    /// If there are 2^32 pairs of a fault and a place that it strikes.
    #[must_use]
    pub fn new<'a>(
        faults: Vec<Fault>,
        places: impl IntoIterator<Item = Member<'a>>,
        seed: u64,
    ) -> Self {
        let mut timeline = Self {
            faults,
            subjects: Vec::new(),
            next: BinaryHeap::new(),
        };
        for member in places {
            for (number, fault) in timeline.faults.iter().enumerate() {
                if fault.strikes(member) {
                    timeline.subjects.push(Subject {
                        place: member.name.clone(),
                        draws: Draws::new(seed ^ FAULTS, member.name.as_str(), number as u64),
                        fault: u32::try_from(number).unwrap_or(u32::MAX),
                        turns: 0,
                    });
                }
            }
        }
        for number in 0..timeline.subjects.len() {
            timeline.plan(number, Instant::default());
        }
        timeline
    }

    /// Plans the next turn of a subject whose last one was at that time.
    fn plan(&mut self, number: usize, last: Instant) {
        let subject = &self.subjects[number];
        let mut rng = subject.draws.nth(0, subject.turns.into());
        let at = match &self.faults[subject.fault as usize].time {
            Timing::Once { at, .. } if subject.turns == 0 => Some(*at),
            Timing::Once { lasts, .. } if subject.turns == 1 => {
                lasts.as_ref().map(|lasts| last + lasts.sample(&mut rng))
            }
            Timing::Once { .. } => None,
            Timing::Renewed { to_failure, .. } if subject.turns.is_multiple_of(2) => {
                Some(last + to_failure.sample(&mut rng))
            }
            Timing::Renewed { to_repair, .. } => Some(last + to_repair.sample(&mut rng)),
        };
        // At the end of time nothing happens any more.
        if let Some(at) = at.filter(|at| *at < Instant(u64::MAX)) {
            let number = u32::try_from(number).expect("fewer subjects than 2^32");
            self.next.push(Reverse((at, number)));
        }
    }
}

/// Keeps the draws of faults apart from those of edges of the same name.
const FAULTS: u64 = 0x6661_756c_7473_0000;

impl Iterator for Timeline {
    type Item = (Instant, Act);

    fn next(&mut self) -> Option<(Instant, Act)> {
        loop {
            let Reverse((at, number)) = self.next.pop()?;
            let subject = &mut self.subjects[number as usize];
            let effect = &self.faults[subject.fault as usize].effect;
            let place = subject.place.clone();
            let act = if subject.turns.is_multiple_of(2) {
                Some(effect.begin(place))
            } else {
                effect.end(place)
            };
            subject.turns += 1;
            self.plan(number as usize, at);
            if let Some(act) = act {
                return Some((at, act));
            }
        }
    }
}

/// All that these faults do to these places up to a time.
#[must_use]
pub fn expand<'a>(
    faults: Vec<Fault>,
    places: impl IntoIterator<Item = Member<'a>>,
    horizon: Instant,
    seed: u64,
) -> Vec<(Instant, Act)> {
    Timeline::new(faults, places, seed)
        .take_while(|(at, _)| *at <= horizon)
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Fields {
    place: Option<PlaceName>,
    class: Option<String>,
    below: Option<PlaceName>,
    at: Option<Span>,
    lasts: Option<Distribution>,
    to_failure: Option<Distribution>,
    to_repair: Option<Distribution>,
    crash: Option<Disk>,
    partition: Option<Way>,
    slow: Option<Factor>,
    step: Option<Shift>,
    messages: Option<Disturbance>,
}

impl TryFrom<Fields> for Fault {
    type Error = Invalid;

    fn try_from(mut fields: Fields) -> Result<Self, Invalid> {
        let effect = fields.effect()?;
        Ok(Self {
            target: fields.target()?,
            time: fields.time(matches!(effect, Effect::Step(_)))?,
            effect,
        })
    }
}

impl Fields {
    fn effect(&mut self) -> Result<Effect, Invalid> {
        let mut effects: Vec<Effect> = Vec::new();
        effects.extend(self.crash.map(Effect::Crash));
        effects.extend(self.partition.map(Effect::Partition));
        effects.extend(self.slow.map(Effect::Slow));
        effects.extend(self.step.map(Effect::Step));
        let messages = self.messages.take();
        effects.extend(messages.map(|disturbance| Effect::Messages(Arc::new(disturbance))));
        match (effects.pop(), effects.is_empty()) {
            (Some(effect), true) => Ok(effect),
            _ => Err(Invalid::new(
                "fault",
                "does one thing: write one of `crash`, `partition`, `slow`, `step` and `messages`",
            )),
        }
    }

    fn target(&mut self) -> Result<Target, Invalid> {
        match (self.place.take(), self.class.take(), self.below.take()) {
            (None, None, None) => Ok(Target::All),
            (Some(place), None, None) => Ok(Target::Place(place)),
            (None, Some(class), None) => Ok(Target::Class(class)),
            (None, None, Some(place)) => Ok(Target::Below(place)),
            _ => Err(Invalid::new(
                "fault",
                "strikes one `place`, one `class` or all `below` a place: write one of them, \
                 or none for all places",
            )),
        }
    }

    fn time(&mut self, step: bool) -> Result<Timing, Invalid> {
        let (lasts, to_repair) = (self.lasts.take(), self.to_repair.take());
        if step && (lasts.is_some() || to_repair.is_some()) {
            return Err(Invalid::new(
                "step",
                "is not repaired: leave out `lasts` and `to-repair`, and step back by a second \
                 fault if that is meant",
            ));
        }
        match (self.at, lasts, self.to_failure.take(), to_repair) {
            (Some(at), lasts, None, None) => Ok(Timing::Once {
                at: Instant::default() + at.0,
                lasts,
            }),
            (None, None, Some(to_failure), to_repair) if to_repair.is_some() || step => {
                if to_failure.mean() == Some(Duration::ZERO) {
                    return Err(Invalid::new("to-failure", "must be more than 0 s"));
                }
                Ok(Timing::Renewed {
                    to_failure,
                    to_repair: to_repair.unwrap_or_default(),
                })
            }
            _ => Err(Invalid::new(
                "fault",
                "strikes once, by `at` and perhaps `lasts`, or again and again, by `to-failure` \
                 and `to-repair`",
            )),
        }
    }
}
