//! Every place crashes at every step, every edge is cut at every step.

use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_sim::client::{Knows, Script};
use waybook_sim::world::Tell;
use waybook_sim::{Violation, World};

use crate::scenarios::settings::place;
use crate::support::{
    Findings, LIMIT, MS, SECOND, Scenario, code_scenarios, is_answered, scenarios,
};

const PATH: [&str; 5] = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];

/// The scenarios whose paths through the protocol differ most, for the longer runs.
fn some_scenarios() -> impl Iterator<Item = Scenario> {
    let all = scenarios().into_iter();
    all.filter(|s| ["straight on", "trace back halfway", "replace"].contains(&s.name))
}

/// The client has asked, and so many steps have been taken since.
fn after_steps(scenario: &Scenario, steps: u64) -> Result<World, Violation> {
    let mut world = scenario.begin(1)?;
    scenario.ask(&mut world, Script::STAYS);
    for _ in 0..steps {
        world.step()?;
    }
    Ok(world)
}

/// A client whose place crashed comes back with its key, and must get an answer.
fn come_back(world: &mut World) -> Result<(), Violation> {
    let (id, client) = world.clients().iter().next().unwrap();
    if !matches!(client.knows, Knows::Cut(_)) {
        return is_answered(world, id);
    }
    let (at, request) = (client.place.clone(), client.request.clone());
    let id = world.open(&at, request, Script::STAYS, Duration::ZERO);
    world.run_until_quiet(LIMIT)?;
    is_answered(world, id)
}

fn crash(
    scenario: &Scenario,
    steps: u64,
    at: &PlaceName,
    down: Duration,
    with_disk: bool,
    tell: &Tell,
) -> Result<(), Violation> {
    let mut world = after_steps(scenario, steps)?;
    world.crash(at, tell);
    world.run_for(down)?;
    world.restart(at, with_disk)?;
    world.run_until_quiet(LIMIT)?;
    come_back(&mut world)
}

fn every_crash(
    scenarios: impl IntoIterator<Item = Scenario>,
    down: Duration,
    with_disk: bool,
    tell: &Tell,
) {
    let mut findings = Findings::default();
    for scenario in scenarios {
        let (_, steps) = scenario.length(Script::STAYS);
        for step in 0..steps {
            for at in PATH {
                let result = crash(&scenario, step, &place(at), down, with_disk, tell);
                findings.add(&format!("{}, {at} at step {step}", scenario.name), result);
            }
        }
    }
    findings.none();
}

#[test]
fn every_place_crashes_and_restarts_at_once() {
    every_crash(scenarios(), 50 * MS, true, &Tell::Both);
}

#[test]
fn every_place_crashes_and_restarts_after_the_deadline() {
    every_crash(some_scenarios(), 5 * SECOND, true, &Tell::Both);
}

#[test]
fn every_place_crashes_unnoticed_and_restarts() {
    every_crash(some_scenarios(), 300 * MS, true, &Tell::Nobody);
}

#[test]
fn every_place_crashes_and_loses_its_disk() {
    every_crash(some_scenarios(), 50 * MS, false, &Tell::Both);
}

#[test]
fn every_place_crashes_unnoticed_and_loses_its_disk() {
    every_crash(some_scenarios(), 5 * SECOND, false, &Tell::Nobody);
}

#[test]
fn every_place_crashes_for_longer_than_any_lease() {
    every_crash(some_scenarios(), 60 * SECOND, true, &Tell::Nobody);
}

fn every_cut(
    scenarios: impl IntoIterator<Item = Scenario>,
    down: Duration,
    tell: impl Fn(&PlaceName, &PlaceName) -> (Tell, Tell),
) {
    let mut findings = Findings::default();
    for scenario in scenarios {
        let (_, steps) = scenario.length(Script::STAYS);
        for step in 0..steps {
            for edge in PATH.windows(2) {
                let (a, b) = (place(edge[0]), place(edge[1]));
                let (tell_cut, tell_heal) = tell(&a, &b);
                let result = after_steps(&scenario, step).and_then(|mut world| {
                    world.cut(&a, &b, &tell_cut);
                    world.run_for(down)?;
                    world.heal(&a, &b, &tell_heal);
                    world.run_until_quiet(LIMIT)?;
                    come_back(&mut world)
                });
                findings.add(
                    &format!("{}, {a} - {b} at step {step}", scenario.name),
                    result,
                );
            }
        }
    }
    findings.none();
}

#[test]
fn every_edge_is_cut_for_a_moment() {
    every_cut(scenarios(), 50 * MS, |_, _| (Tell::Both, Tell::Both));
}

#[test]
fn every_edge_is_cut_unnoticed() {
    every_cut(some_scenarios(), 5 * SECOND, |_, _| {
        (Tell::Nobody, Tell::Nobody)
    });
}

#[test]
fn every_edge_is_cut_and_one_end_learns_it() {
    every_cut(some_scenarios(), 2 * SECOND, |a, _| {
        (Tell::Only(a.clone()), Tell::Both)
    });
    every_cut(some_scenarios(), 2 * SECOND, |_, b| {
        (Tell::Only(b.clone()), Tell::Both)
    });
}

#[test]
fn every_edge_is_cut_for_longer_than_any_lease() {
    every_cut(some_scenarios(), 60 * SECOND, |_, _| {
        (Tell::Both, Tell::Both)
    });
}

#[test]
fn every_edge_is_cut_unnoticed_for_longer_than_any_lease() {
    every_cut(some_scenarios(), 60 * SECOND, |_, _| {
        (Tell::Nobody, Tell::Nobody)
    });
}

/// Nothing passes one way, while the other end still hears.
#[test]
fn every_edge_is_mute_one_way() {
    let mut findings = Findings::default();
    for scenario in some_scenarios() {
        let (_, steps) = scenario.length(Script::STAYS);
        for step in 0..steps {
            for edge in PATH.windows(2) {
                for (from, to) in [(edge[0], edge[1]), (edge[1], edge[0])] {
                    let (from, to) = (place(from), place(to));
                    let result = after_steps(&scenario, step).and_then(|mut world| {
                        world.network.mute(&from, &to, true);
                        world.run_for(60 * SECOND)?;
                        world.network.mute(&from, &to, false);
                        world.run_until_quiet(LIMIT)?;
                        come_back(&mut world)
                    });
                    let name = format!("{}, {from} to {to} at step {step}", scenario.name);
                    findings.add(&name, result);
                }
            }
        }
    }
    findings.none();
}

#[test]
fn every_place_crashes_while_code_comes() {
    every_crash(code_scenarios(), 50 * MS, true, &Tell::Both);
}

#[test]
fn every_place_crashes_for_long_while_code_comes() {
    let some = code_scenarios().into_iter().take(2);
    every_crash(some, 20 * SECOND, true, &Tell::Both);
}

#[test]
fn every_place_crashes_unnoticed_while_code_comes() {
    every_crash(code_scenarios(), 300 * MS, true, &Tell::Nobody);
}

#[test]
fn every_place_loses_its_disk_while_code_comes() {
    // What was added there is gone for good if that is its home.
    let elsewhere = code_scenarios()
        .into_iter()
        .filter(|s| s.code[0].home == place("r/b/w"));
    every_crash(elsewhere, 50 * MS, false, &Tell::Both);
}

#[test]
fn every_edge_is_cut_while_code_comes() {
    every_cut(code_scenarios(), 50 * MS, |_, _| (Tell::Both, Tell::Both));
    let some = code_scenarios().into_iter().take(2);
    every_cut(some, 5 * SECOND, |_, _| (Tell::Nobody, Tell::Nobody));
}
