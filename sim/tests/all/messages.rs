//! Every single message lost, doubled or late, one at a time: the session is established
//! with exact bookings everywhere, or refused with none; nothing in between stays.

use waybook_sim::client::Script;
use waybook_sim::network::{Act, Fault};
use waybook_sim::{Violation, World, check};

use crate::support::{
    Findings, LIMIT, MS, SECOND, Scenario, code_scenarios, is_answered, scenarios,
};

/// With a fault at one message after the request, until all is quiet.
fn run(scenario: &Scenario, script: Script, nth: u64, act: Act) -> Result<World, Violation> {
    let mut world = scenario.begin(1)?;
    let id = scenario.ask(&mut world, script);
    let fault = Fault {
        nth,
        kind: None,
        act,
    };
    world.network.arm(fault);
    world.run_until_quiet(LIMIT)?;
    if world.network.is_armed() {
        return Err(world.violation("the fault has not struck".to_owned()));
    }
    is_answered(&world, id)?;
    Ok(world)
}

fn every_message(script: Script, act: Act, check: impl Fn(&Scenario, &World) -> bool) {
    every_message_of(scenarios(), script, act, check);
}

fn every_message_of(
    scenarios: Vec<Scenario>,
    script: Script,
    act: Act,
    check: impl Fn(&Scenario, &World) -> bool,
) {
    let mut findings = Findings::default();
    for scenario in scenarios {
        let (messages, _) = scenario.length(script);
        for nth in 0..messages {
            let result = run(&scenario, script, nth, act).and_then(|world| {
                if check(&scenario, &world) {
                    Ok(())
                } else {
                    Err(world.violation("another outcome than without the fault".to_owned()))
                }
            });
            findings.add(&format!("{}, message {nth}", scenario.name), result);
        }
    }
    findings.none();
}

/// The outcome is as if nothing had happened.
fn same(scenario: &Scenario, world: &World) -> bool {
    let (_, client) = world.clients().iter().next().unwrap();
    client.session().map(|s| s.solution.0) == scenario.solution
}

/// Whatever is lost once in a set-up is said again: the outcome stays the same. (Searches are
/// not; their time-out is as long as the set-up's here.)
#[test]
fn one_lost_message_changes_no_outcome() {
    let mut findings = Findings::default();
    for scenario in scenarios() {
        for kind in [
            "visit",
            "visit-ack",
            "ready",
            "refuse",
            "refresh",
            "working",
            "confirm",
        ] {
            for nth in 0..8 {
                let run = || -> Result<(), Violation> {
                    let mut world = scenario.begin(1)?;
                    scenario.ask(&mut world, Script::STAYS);
                    world.network.arm(Fault {
                        nth,
                        kind: Some(kind),
                        act: Act::Drop,
                    });
                    world.run_until_quiet(LIMIT)?;
                    if same(&scenario, &world) {
                        return Ok(());
                    }
                    Err(world.violation("another outcome".to_owned()))
                };
                findings.add(&format!("{}, {kind} {nth}", scenario.name), run());
            }
        }
    }
    findings.none();
}

/// Where nothing goes wrong, what is not needed is gone at once: no lease is waited for.
#[test]
fn without_faults_all_is_exact_a_second_after_the_answer() {
    for scenario in scenarios() {
        let mut world = scenario.begin(1).unwrap();
        scenario.ask(&mut world, Script::STAYS);
        world.run_until_answered(LIMIT).unwrap();
        world.run_for(SECOND).unwrap();
        assert_eq!(check::quiet(&world), Ok(()), "{}", scenario.name);
        assert!(same(&scenario, &world), "{}", scenario.name);
    }
}

#[test]
fn every_message_lost() {
    every_message(Script::STAYS, Act::Drop, |_, _| true);
}

#[test]
fn every_message_lost_while_the_client_closes() {
    for after in [10 * MS, 40 * MS, 200 * MS, SECOND] {
        every_message(Script::closes(after), Act::Drop, |_, _| true);
    }
}

#[test]
fn every_message_doubled_at_once() {
    every_message(Script::STAYS, Act::Duplicate(MS), same);
}

#[test]
fn every_message_doubled_much_later() {
    every_message(Script::STAYS, Act::Duplicate(5 * SECOND), same);
}

#[test]
fn every_message_doubled_after_the_client_has_closed() {
    let script = Script::closes(SECOND);
    every_message(script, Act::Duplicate(4 * SECOND), |_, _| true);
}

#[test]
fn every_message_held_up_past_the_deadline() {
    every_message(Script::STAYS, Act::Stall(5 * SECOND), |_, _| true);
}

#[test]
fn every_message_held_up_past_the_close() {
    let script = Script::closes(100 * MS);
    every_message(script, Act::Stall(5 * SECOND), |_, _| true);
}

#[test]
fn every_message_overtaken_past_the_deadline() {
    every_message(Script::STAYS, Act::Postpone(5 * SECOND), |_, _| true);
}

#[test]
fn every_message_overtaken_a_little() {
    every_message(Script::STAYS, Act::Postpone(300 * MS), |_, _| true);
}

#[test]
fn every_message_lost_while_code_comes() {
    every_message_of(code_scenarios(), Script::STAYS, Act::Drop, |_, _| true);
}

#[test]
fn every_message_lost_while_code_comes_and_the_client_closes() {
    for after in [40 * MS, 250 * MS] {
        let script = Script::closes(after);
        every_message_of(code_scenarios(), script, Act::Drop, |_, _| true);
    }
}

#[test]
fn every_message_doubled_while_code_comes() {
    for later in [MS, 5 * SECOND] {
        let act = Act::Duplicate(later);
        every_message_of(code_scenarios(), Script::STAYS, act, same);
    }
}

#[test]
fn every_message_held_up_or_overtaken_while_code_comes() {
    for act in [Act::Stall(5 * SECOND), Act::Postpone(300 * MS)] {
        every_message_of(code_scenarios(), Script::STAYS, act, |_, _| true);
    }
}
