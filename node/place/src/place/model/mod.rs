//! Model check: three places and two sessions, with every order in which messages may arrive,
//! and every choice of a bounded number of faults.
//!
//! There is no model of the protocol here that could drift from it: every step is a call of
//! the [`Place::handle`](super::Place::handle) that ships, and what is explored is all that a
//! driver may do with three of them. [stateright](https://docs.rs/stateright) walks through it,
//! breadth first, so counterexamples are short.
//!
//! # What happens in it
//!
//! Clients ask and leave; messages arrive, are lost, come twice, or stay behind and are
//! overtaken; components answer or fail; places crash, with their disk whole or behind, and
//! begin their next life; connections break and stand again; time passes until the next timer.
//! Each kind of fault is bounded, and so is their sum ([`Faults`](world::Faults)).
//!
//! # What is left out, and why that does no harm
//!
//! - *Time* is counted in moments. A period is one moment, leases are longer than six, as
//!   [`Timing::check`](crate::Timing::check) demands. All places have one clock: they compare no
//!   moments, but if one clock stood still leases would mean nothing. Timers that are due at
//!   the same moment fire in every order.
//! - *Messages* arrive before time passes, in every order that connections allow: those of one
//!   edge and direction one after the other, as on a stream. What is slower is a fault: one
//!   stays behind (until the transport's idle time-out), or a timer fires with messages under
//!   way.
//! - *States* are told apart by all that a place holds, with moments as seen from now
//!   ([`Place::fingerprint`](super::Place::fingerprint)): so refreshing for ever is a circle, and
//!   the space is finite.
//! - *Draws* decide nothing here: half a moment to one and a half is one moment.
//! - *Both ends* of an edge learn at once that its connection broke or stands. Searches for
//!   servers are part of it. Code on demand, surveys, summaries, idle times and claims are not.
//! - Once no fault can come any more, a message to a leaf at which nothing else can happen is taken
//!   at once: it commutes with all that happens elsewhere.
//! - Two clients that want the same at the same place ask in one order.

#[allow(
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "derived renderings pass no arguments on to what they are made of"
)]
mod canonical;
mod check;
mod scenario;
mod world;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Property};

pub(crate) use canonical::from_now;
use check::Wrong;
use scenario::Scenario;
use world::{Act, Faults, Known, World};

/// No moment that has passed matters beyond the longest lease.
const LEASE: i64 = 9;

/// What is explored, with what has been found out about how states come to rest.
struct Exploration {
    scenario: Scenario,
    /// By state, how long it takes until everything is in order if no fault comes any more.
    rest: Mutex<BTreeMap<u64, u64>>,
    known: Known,
}

impl Exploration {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            rest: Mutex::default(),
            known: Known::default(),
        }
    }

    /// Lets everything come to rest: what is dead or cut comes back, what stayed behind is
    /// lost, clients stay as they are. How long it took until everything was in order, and
    /// stayed so for ever: until a state came back.
    fn settle(&self, world: &World) -> Result<u64, Wrong> {
        let mut world = world.clone();
        let began = world.now.0;
        world.late.clear();
        world.spent = Faults {
            any: u8::MAX,
            ..Faults::default()
        };
        let mut way: Vec<(u64, u64, Option<Wrong>)> = Vec::new();
        let mut at = BTreeMap::new();
        let rest = loop {
            let mut hasher = DefaultHasher::new();
            world.hash_future(&mut hasher);
            hasher.write_u8(u8::from(world.excused));
            let state = hasher.finish();
            if let Some(rest) = self.rest.lock().expect("not poisoned").get(&state) {
                // What is in order from there on may have been for long.
                break match rest {
                    0 => in_order_since(&way, world.now.0),
                    rest => world.now.0 + rest,
                };
            }
            if let Some(first) = at.insert(state, way.len()) {
                let circle = &mut way[first..];
                if let Some(wrong) = circle.iter_mut().find_map(|(_, _, wrong)| wrong.take()) {
                    return Err(wrong);
                }
                break in_order_since(&way, world.now.0);
            }
            if let Some(wrong) = world.wrong {
                return Err(wrong);
            }
            let wrong = if world.is_still() {
                world.exact().err()
            } else {
                None
            };
            way.push((state, world.now.0, wrong));
            let Some(act) = world.calm() else {
                // Nothing ever happens any more: that state is the circle.
                if let Some(wrong) = way.last_mut().and_then(|(_, _, wrong)| wrong.take()) {
                    return Err(wrong);
                }
                break in_order_since(&way, world.now.0);
            };
            world.act(&self.scenario, act);
        };
        let mut known = self.rest.lock().expect("not poisoned");
        for (state, now, _) in &way {
            known.insert(*state, rest.saturating_sub(*now));
        }
        let took = rest.saturating_sub(began);
        let most = u64::try_from(self.scenario.rest.as_nanos()).unwrap_or(u64::MAX);
        if took > most {
            return Err(Wrong::TooLong(took));
        }
        Ok(took)
    }
}

/// Since when all states of the way have been in order; from its beginning if all of them are.
fn in_order_since(way: &[(u64, u64, Option<Wrong>)], now: u64) -> u64 {
    let wrong = way.iter().rposition(|(_, _, wrong)| wrong.is_some());
    wrong.map_or(0, |at| way.get(at + 1).map_or(now, |(_, now, _)| *now))
}

impl Model for Exploration {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.scenario)]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        world.acts(&self.scenario, acts);
    }

    fn next_state(&self, world: &World, act: Act) -> Option<World> {
        let mut world = world.clone();
        world.act(&self.scenario, act);
        world.share(&self.known);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never above capacity", |_, w: &World| {
                w.wrong != Some(Wrong::Capacity)
            }),
            Property::always("sums are those of the bookings", |_, w: &World| {
                w.wrong != Some(Wrong::Ledger)
            }),
            Property::always(
                "numbers only grow, and what is over stays so",
                |_, w: &World| w.wrong != Some(Wrong::Order),
            ),
            Property::always(
                "nothing of a refused try is left at the next",
                |_, w: &World| w.wrong != Some(Wrong::Tries),
            ),
            Property::always("what is stopped ran", |_, w: &World| {
                w.wrong != Some(Wrong::Components)
            }),
            Property::always("clients are told once, and the truth", |_, w: &World| {
                w.wrong != Some(Wrong::Answers)
            }),
            Property::always("no session is lost", |_, w: &World| {
                w.wrong != Some(Wrong::Lost)
            }),
            Property::always(
                "without faults everything is in order at once",
                |_, w: &World| w.spent.any > 0 || !w.is_still() || w.exact().is_ok(),
            ),
            Property::always("it comes to rest, exactly", |e: &Self, w: &World| {
                // What is under way will be looked at when it has arrived.
                w.wrong.is_some() || !w.is_still() || e.settle(w).is_ok()
            }),
        ]
    }
}

/// Explores all of it, or what the time is enough for. How many states there are; a counterexample
/// fails it.
#[allow(
    clippy::disallowed_macros,
    reason = "a test says what it has looked at, and how to get to what is wrong"
)]
#[allow(
    clippy::disallowed_methods,
    reason = "stateright takes as many threads as it is told"
)]
fn explore_for(time: Option<Duration>, name: &str, scenario: Scenario, at_least: usize) {
    let mut checker = Exploration::new(scenario).checker().threads(2);
    if let Some(time) = time {
        checker = checker.timeout(time);
    }
    let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let checker = checker.join();
    let model = checker.model();
    let longest = model
        .rest
        .lock()
        .expect("not poisoned")
        .values()
        .copied()
        .max();
    println!(
        "{name}: {} states, {} transitions, {} deep, at rest after {} moments at the latest",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        longest.unwrap_or(0),
    );
    if let Some((promise, path)) = checker.discoveries().into_iter().next() {
        let mut lines = Vec::new();
        let mut last = None;
        for (world, act) in path.into_vec() {
            if let Some(act) = act {
                lines.push(format!("{:>4} {}", world.now.0, world.tell(act)));
            }
            last = Some(world);
        }
        let world = last.expect("a path ends somewhere");
        lines.push(format!("     {}", world.describe()));
        let what = world.wrong.clone().or_else(|| world.exact().err());
        let later = model.settle(&world);
        panic!(
            "{name}: not kept: {promise}: {what:?}; from here on: {later:?}\n{}\n",
            lines.join("\n")
        );
    }
    let states = checker.unique_state_count();
    assert!(
        states >= at_least,
        "{name}: only {states} states were explored"
    );
}

fn explore(name: &str, scenario: Scenario, at_least: usize) {
    explore_for(None, name, scenario, at_least);
}

/// Up to so many faults of each kind, and so many in all.
fn faults(each: u8, any: u8) -> Faults {
    Faults {
        lost: each,
        twice: each,
        delayed: each,
        failed: each,
        crashed: each,
        cut: each,
        slow: each,
        any,
    }
}

fn clients_stay(scenario: Scenario) -> Scenario {
    Scenario {
        leave: false,
        ..scenario
    }
}

#[test]
fn sessions_share_a_server() {
    explore("sharing", Scenario::sharing(), 50_000);
}

#[test]
fn set_ups_cross() {
    explore("crossing", Scenario::crossing(), 30_000);
}

#[test]
fn a_session_takes_a_detour() {
    explore("detour", clients_stay(Scenario::detour()), 1_000);
}

#[test]
#[ignore = "takes a minute on a quiet machine"]
fn one_fault_of_any_kind() {
    let (one, crossing) = (faults(1, 1), clients_stay(Scenario::crossing()));
    let crossing = crossing.with(one).resting(1);
    explore("crossing, one fault", crossing, 700_000);
}

#[test]
#[ignore = "takes minutes"]
fn one_fault_while_sharing() {
    let sharing = clients_stay(Scenario::sharing());
    let sharing = sharing.with(faults(1, 1)).resting(1);
    explore("sharing, one fault", sharing, 1_900_000);
}

#[test]
#[ignore = "takes minutes"]
fn one_fault_on_a_detour() {
    let detour = clients_stay(Scenario::detour());
    let detour = detour.with(faults(1, 1)).resting(1);
    explore("detour, one fault", detour, 1_300_000);
}

/// All that may befall one session, with its client closing it at any moment.
#[test]
#[ignore = "takes minutes"]
fn one_fault_while_a_client_leaves() {
    for (name, scenario) in [
        ("crossing", Scenario::crossing()),
        ("sharing", Scenario::sharing()),
        ("detour", Scenario::detour()),
    ] {
        let scenario = Scenario {
            asking: 1,
            ..scenario.with(faults(1, 1)).resting(1)
        };
        let name = format!("{name}, one client that leaves, one fault");
        explore(&name, scenario, 70_000);
    }
}

#[test]
#[ignore = "takes hours"]
fn one_fault_while_clients_leave() {
    let crossing = Scenario::crossing().with(faults(1, 1));
    explore("crossing, leaving, one fault", crossing, 1_000);
}

#[test]
#[ignore = "takes an hour"]
fn one_fault_while_clients_leave_and_share() {
    let sharing = Scenario::sharing().with(faults(1, 1));
    explore("sharing, leaving, one fault", sharing, 1_000);
}

#[test]
#[ignore = "takes an hour"]
fn one_fault_while_clients_leave_on_a_detour() {
    let detour = Scenario::detour().with(faults(1, 1));
    explore("detour, leaving, one fault", detour, 1_000);
}

/// Of the faults, those that end what a client has closed differently at different places.
const CRASH: Faults = Faults {
    crashed: 1,
    any: 1,
    ..Faults::NONE
};

#[test]
#[ignore = "takes minutes"]
fn one_crash_while_clients_leave_and_share() {
    let sharing = Scenario::sharing().with(CRASH);
    explore("sharing, leaving, one crash", sharing, 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn one_crash_while_clients_leave_on_a_detour() {
    let detour = Scenario::detour().with(CRASH);
    explore("detour, leaving, one crash", detour, 1_000);
}

#[test]
#[ignore = "takes twenty minutes"]
fn two_faults() {
    let crossing = clients_stay(Scenario::crossing()).with(faults(2, 2));
    let time = Duration::from_secs(20 * 60);
    explore_for(
        Some(time),
        "crossing, two faults, 20 minutes",
        crossing,
        1_000,
    );
}
