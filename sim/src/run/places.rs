//! Real places in a world, as what a run drives.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Refusal, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_place::io::{OpenRequest, RequestId};
use waybook_place::{Counters, Instant, Place, ResourceView};

use super::system::{News, System};
use super::{RunError, live};
use crate::client::{Knows, Script};
use crate::faults::{Act, Disk};
use crate::scenario::{Layout, Scenario};
use crate::world::{Options, Tell, Wire};
use crate::{Violation, World};

/// How long the places of a run may take to find each other, and to come to rest.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Starts the places of a scenario, adds its code, and waits until each place has heard
/// what its locality serves.
pub(super) fn start(
    scenario: &Scenario,
    layout: &Layout,
    seed: u64,
    transcript: bool,
) -> Result<World, RunError> {
    let options = Options {
        transcript,
        checks: scenario.run.checks,
        disk: !scenario.fault.is_empty(),
        wire: match scenario.run.decode {
            true => Wire::Decoded,
            false => Wire::Sized,
        },
    };
    let (setting, strategies) = (layout.setting.clone(), Arc::clone(&scenario.strategies));
    let mut world = World::with_strategies(setting, seed, options, strategies)?;
    world.run_for(Duration::from_secs(10))?;
    for release in &layout.releases {
        let home = release.home.clone();
        world.add_code(&home, release)?.map_err(|why| {
            crate::scenario::ScenarioError::new(format!("release `{}`: {why}", release.name))
        })?;
    }
    if !layout.releases.is_empty() {
        world.run_for(Duration::from_secs(10))?;
    }
    Ok(world)
}

/// Whether the refusal is of a solution that the agents came to.
fn was_tried(refusal: &Refusal) -> bool {
    refusal.reason != RefusalReason::NotTried
}

impl System for World {
    fn now(&self) -> Instant {
        World::now(self)
    }

    fn next_at(&self) -> Option<Instant> {
        self.next_event_at()
    }

    fn step(&mut self) -> Result<(), Violation> {
        World::step(self).map(drop)
    }

    fn idle_until(&mut self, at: Instant) {
        self.pass_until(at);
    }

    fn open(&mut self, place: &PlaceName, request: OpenRequest) -> Result<RequestId, Violation> {
        Ok(World::open(
            self,
            place,
            request,
            Script::STAYS,
            Duration::ZERO,
        ))
    }

    fn close(&mut self, request: RequestId) -> Result<(), Violation> {
        self.close_now(request)
    }

    fn stands(&self, request: RequestId) -> bool {
        let Some(client) = self.clients().get(request) else {
            return false;
        };
        let Some(place) = self.place(&client.place) else {
            return false;
        };
        match &client.knows {
            Knows::Session(_) => true,
            Knows::Cut(Some(session)) => place
                .bookings()
                .any(|booking| booking.session == session.session),
            _ => false,
        }
    }

    fn forget(&mut self, _: RequestId) {}

    fn take_news(&mut self, into: &mut Vec<(RequestId, News)>) {
        for request in World::take_told(self) {
            let Some(client) = self.clients().get(request) else {
                continue;
            };
            into.extend(news(&client.knows).map(|news| (request, news)));
            // Nobody asks about it again.
            drop(self.clients.take_if_over(request));
        }
    }

    fn resources(&self, place: &PlaceName) -> Option<Vec<ResourceView>> {
        self.place(place).map(Place::resources)
    }

    fn counters(&self, place: &PlaceName) -> Option<Counters> {
        self.place(place).map(Place::counters)
    }

    fn suffer(&mut self, act: &Act) -> Result<(), Violation> {
        match act {
            Act::Crash(place) if self.place(place).is_some() => self.crash(place, &Tell::Both),
            Act::Restart(place, disk) if self.place(place).is_none() => {
                self.restart(place, *disk == Disk::Kept)?;
            }
            // What is so already stays so.
            Act::Crash(_) | Act::Restart(..) => {}
            Act::Cut(place, way) => self.mute_edge(place, *way, true),
            Act::Mend(place, way) => self.mute_edge(place, *way, false),
            Act::Disturb(place, disturbance) => {
                if let Some(above) = place.parent() {
                    let disturbance = disturbance.as_deref();
                    self.network.disturb(place, &above, disturbance.cloned());
                    self.network.disturb(&above, place, disturbance.cloned());
                }
            }
            Act::Slow(place, factor) => self.slow(place, *factor),
            Act::Step(place, by) => self.step_clock(place, *by),
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Violation> {
        self.run_until_quiet(PATIENCE)
    }

    fn violation(&self, what: String) -> Violation {
        World::violation(self, what)
    }

    fn events(&self) -> u64 {
        self.steps()
    }

    fn messages(&self) -> u64 {
        self.network.sent()
    }
}

/// What a user is told of a request.
fn news(knows: &Knows) -> Option<News> {
    Some(match knows {
        Knows::Session(session) => News::Established(session.clone()),
        Knows::Refused { refused, plan } => News::Refused {
            solutions: plan.solutions.len() as u64,
            refusals: refused.iter().filter(|r| was_tried(r)).count() as u64,
            first: (refused.first()).map(|r| (r.place.clone(), live::reason(&r.reason))),
        },
        Knows::NoPlan(_) => News::NoPlan,
        Knows::Rejected(_) => News::Rejected,
        Knows::Cut(_) => News::Cut,
        Knows::Ended(_, why) => News::Ended(why.clone()),
        Knows::Nothing | Knows::Closed | Knows::Survey(_) => return None,
    })
}
