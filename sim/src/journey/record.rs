//! Recording: a run once more, with somebody who takes notes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::State;
use waybook_location_tree::PlaceName;
use waybook_place::{Instant, ResourceView};
use waybook_plan::Resource;

use super::Watch;
use super::gather::{connected, pair};
use super::recording::{Level, Limits, Recording, Unrecorded, Wanted};
use super::step::What;
use crate::World;
use crate::results::{IntervalRow, ResourceRow, SessionRow, Sink};
use crate::run::Run;
use crate::scenario::{BookingProtocol, Files, Scenario};

/// A session is looked at for so long after its last message would have arrived: its place may
/// be busy and read it later.
const AFTER: Duration = Duration::from_secs(10);

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
    let mut present = Vec::new();
    let mut begun = only.is_some();
    loop {
        if let Wanted::Between(from, until) = wanted {
            let next = run.next_at().map(|at| at.since(start));
            if next.is_none_or(|next| next > until) {
                break;
            }
            if !begun && next.is_some_and(|next| next >= from) {
                begun = true;
                present = begin(run.system_mut());
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
        present,
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

/// From now on everything is taken down, starting from how it is: the agents that are there.
fn begin(world: &mut World) -> Vec<(PlaceName, u64, State)> {
    let mut watch = world.watch.take().expect("a run that is recorded");
    for at in world.indices() {
        if let Some(place) = world.place(world.name_of(at)) {
            watch.begin_at(at, place);
        }
    }
    watch.turn(true);
    let present = watch.present();
    world.watch = Some(watch);
    present
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
