//! Recordings: a run once more, with somebody who takes notes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use waybook_location_tree::PlaceName;
use waybook_place::{Instant, ResourceView};
use waybook_plan::{Resource, format_amount};

use super::Watch;
use super::step::{Solution, Step, What};
use crate::World;
use crate::results::{IntervalRow, ResourceRow, SessionRow, Sink};
use crate::run::{Run, RunError};
use crate::scenario::{BookingProtocol, Files, Scenario};

/// What is to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One session, by its number in the table of sessions: from its request until nothing is
    /// left of it.
    Session(u64),
    /// Everything that happens between two times, since users could ask first.
    Between(Duration, Duration),
}

/// A session is looked at for so long after its last message would have arrived: its place may
/// be busy and read it later.
const AFTER: Duration = Duration::from_secs(10);

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

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
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

/// Runs a scenario again, up to what matters, and takes down what is wanted. `progress` is told
/// now and then how much of the run is done.
///
/// # Errors
/// [`Unrecorded`].
pub fn record(
    scenario: &Scenario,
    seed: u64,
    files: &mut Files<'_>,
    wanted: Wanted,
    limits: Limits,
    progress: impl FnMut(f64),
) -> Result<Recording, Unrecorded> {
    record_into(scenario, seed, files, wanted, limits, progress, &mut |_| {})
}

/// As [`record`], with somebody who sees every row of the sessions that end meanwhile.
pub(super) fn record_into(
    scenario: &Scenario,
    seed: u64,
    files: &mut Files<'_>,
    wanted: Wanted,
    limits: Limits,
    mut progress: impl FnMut(f64),
    rows: &mut dyn FnMut(&SessionRow),
) -> Result<Recording, Unrecorded> {
    if scenario.protocol.booking == BookingProtocol::Central {
        return Err(Unrecorded::Central);
    }
    let duration = scenario.run.duration.0;
    if let Wanted::Between(from, until) = wanted
        && (from >= until || from >= duration)
    {
        return Err(Unrecorded::NoTime {
            from,
            until,
            duration,
        });
    }
    let mut run = Run::new(scenario, seed, files)?;
    let only = match wanted {
        Wanted::Session(0) => {
            return Err(Unrecorded::NoSession {
                wanted: 0,
                asked: 0,
            });
        }
        Wanted::Session(number) => Some(number),
        Wanted::Between(..) => None,
    };
    let start = run.start();
    run.system_mut().watch = Some(Box::new(Watch::new(only, start, limits.steps)));
    let mut notes = Notes {
        only,
        concerned: BTreeSet::new(),
        levels: Vec::new(),
        last: BTreeMap::new(),
        steps: 0,
        row: None,
        rows,
    };
    let mut events = 0_u64;
    let mut begun = only.is_some();
    loop {
        if let Wanted::Between(from, until) = wanted {
            let next = run.next_at().map(|at| at.since(start));
            if next.is_none_or(|next| next > until) {
                break;
            }
            if !begun && next.is_some_and(|next| next >= from) {
                begun = true;
                begin(run.system_mut());
            }
        }
        if !run.advance(1, &mut notes)? {
            break;
        }
        events += 1;
        if events.is_multiple_of(10_000) {
            progress(run.progress());
        }
        notes.look(run.system_mut(), start);
        let watch = watch_of(run.system());
        if watch.is_full() {
            return Err(Unrecorded::TooMuch {
                most: limits.steps,
                at: run.elapsed(),
            });
        }
        if notes.row.is_some() && !watch.has_agents() && Notes::is_delivered(watch, run.elapsed()) {
            break;
        }
    }
    let of_places = run.layout().places.len();
    let tree = match of_places <= limits.places {
        true => (run.layout().places.iter())
            .map(|(name, _)| name.clone())
            .collect(),
        false => Vec::new(),
    };
    let end = run.elapsed();
    let watch = run.system_mut().watch.take().expect("as put there above");
    let asked = watch.asked();
    if let Some(number) = only
        && notes.row.is_none()
    {
        if number > asked {
            return Err(Unrecorded::NoSession {
                wanted: number,
                asked,
            });
        }
        // It still stood, or had no answer, when the run was over.
        run.finish(&mut notes)?;
    }
    let (mut steps, routine) = watch.into_steps();
    pair(&mut steps, end);
    notes.levels.sort_by_key(|level| level.at);
    Ok(Recording {
        wanted,
        scenario: scenario.name.clone(),
        seed,
        row: notes.row,
        steps,
        routine,
        places: connected(notes.concerned),
        levels: notes.levels,
        tree,
        of_places,
    })
}

fn watch_of(world: &World) -> &Watch {
    world.watch.as_deref().expect("a run that is recorded")
}

/// From now on everything is taken down, starting from how it is.
fn begin(world: &mut World) {
    let mut watch = world.watch.take().expect("a run that is recorded");
    for at in world.indices() {
        if let Some(place) = world.place(world.name_of(at)) {
            watch.begin_at(at, place);
        }
    }
    watch.turn(true);
    world.watch = Some(watch);
}

/// What is kept besides the steps.
struct Notes<'a> {
    only: Option<u64>,
    concerned: BTreeSet<PlaceName>,
    levels: Vec<Level>,
    /// What was said last of a place's resources: established and held.
    last: BTreeMap<(PlaceName, Resource), (u64, u64)>,
    /// How many steps have been looked at.
    steps: usize,
    row: Option<SessionRow>,
    rows: &'a mut dyn FnMut(&SessionRow),
}

impl Notes<'_> {
    /// Looks at the bookings of the places that are concerned, if there are new steps.
    fn look(&mut self, world: &mut World, start: Instant) {
        let Some(watch) = world.watch.as_deref_mut() else {
            return;
        };
        let Some(first) = watch.steps().first().map(|step| step.at) else {
            return;
        };
        let new = &watch.steps()[self.steps..];
        if new.is_empty() {
            return;
        }
        self.steps += new.len();
        let mut concerned = BTreeSet::new();
        for step in new {
            concerned.insert(&step.place);
            match &step.what {
                What::Plans { solutions, .. } => {
                    concerned.extend(solutions.iter().flat_map(|solution| &solution.path));
                }
                What::Sends { to, .. } => {
                    concerned.insert(to);
                }
                _ => {}
            }
        }
        let joined: Vec<_> = concerned.into_iter().cloned().collect();
        let touched = watch.take_touched();
        let watch = watch_of(world);
        for name in joined {
            if self.concerned.contains(&name) {
                continue;
            }
            let before = watch.first(&name).map(<[_]>::to_vec);
            let before = before.or_else(|| Some(world.place(&name)?.resources()));
            self.level(first, &name, before.unwrap_or_default());
            self.concerned.insert(name);
        }
        let now = world.now().since(start);
        for name in touched {
            if self.concerned.contains(&name)
                && let Some(place) = world.place(&name)
            {
                self.level(now, &name, place.resources());
            }
        }
    }

    /// The bookings of a place, where they are not what was said last.
    fn level(&mut self, at: Duration, name: &PlaceName, resources: Vec<ResourceView>) {
        for view in resources {
            let now = (view.established, view.held);
            let key = (name.clone(), view.resource.clone());
            if self.last.insert(key, now) != Some(now) {
                self.levels.push(Level {
                    at,
                    place: name.clone(),
                    resource: view.resource,
                    capacity: view.capacity,
                    established: view.established,
                    held: view.held,
                });
            }
        }
    }

    /// Whether nothing is on its way any more, nor waits to be read.
    fn is_delivered(watch: &Watch, now: Duration) -> bool {
        watch.steps().iter().all(|step| match &step.what {
            What::Sends { arrives, again, .. } => {
                again.or(*arrives).is_none_or(|at| at + AFTER < now)
            }
            _ => true,
        })
    }
}

impl Sink for Notes<'_> {
    fn session(&mut self, row: &SessionRow) {
        (self.rows)(row);
        if self.only == Some(row.session) {
            self.row = Some(row.clone());
        }
    }

    fn interval(&mut self, _: &IntervalRow) {}

    fn resource(&mut self, _: &ResourceRow) {}
}

/// Says of each message that was sent when it was read. Of what arrives after the end nothing
/// better is known than when it arrives.
fn pair(steps: &mut [Step], end: Duration) {
    type Key = (PlaceName, PlaceName, u64, &'static str, Option<u16>);
    let mut sent: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for at in 0..steps.len() {
        let Step {
            session,
            place,
            what,
            ..
        } = &steps[at];
        match what {
            What::Sends { to, message, .. } => {
                let (from, to) = (place.clone(), to.clone());
                let key = (from, to, *session, message.kind, message.visit);
                sent.entry(key).or_default().push(at);
            }
            What::Receives { from, message, .. } => {
                let (from, to) = (from.clone(), place.clone());
                let key = (from, to, *session, message.kind, message.visit);
                let read = steps[at].at;
                let waiting = sent.get_mut(&key).into_iter().flatten();
                for sender in waiting {
                    if let What::Sends {
                        received, arrives, ..
                    } = &mut steps[*sender].what
                        && received.is_none()
                        && arrives.is_some_and(|arrives| arrives <= read)
                    {
                        *received = Some(read);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    for step in steps {
        if let What::Sends {
            received, arrives, ..
        } = &mut step.what
            && received.is_none()
        {
            *received = arrives.filter(|at| *at > end);
        }
    }
}

/// These places, and those between them in the tree.
fn connected(places: BTreeSet<PlaceName>) -> Vec<PlaceName> {
    let top =
        (places.iter().cloned()).reduce(|top, place| top.common_ancestor(&place).unwrap_or(top));
    let Some(top) = top else {
        return Vec::new();
    };
    let mut all = BTreeSet::new();
    for place in places {
        let mut next = Some(place);
        while let Some(place) = next.filter(|place| top.contains(place)) {
            next = place.parent();
            if !all.insert(place) {
                break;
            }
        }
    }
    all.into_iter().collect()
}
