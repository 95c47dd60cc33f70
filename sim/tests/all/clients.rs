//! Clients that close, hang up or vanish, at every step; sessions that end by themselves.

use std::time::Duration;

use waybook_place::io::{EndReason, RequestId};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::{Violation, World};

use crate::support::{Findings, LIMIT, SECOND, is_answered, scenarios};

/// At every step of every scenario, `leave` lets the client go. Nothing may be left.
fn at_every_step(leave: impl Fn(&mut World, RequestId)) {
    let mut findings = Findings::default();
    for scenario in scenarios() {
        let (_, steps) = scenario.length(Script::STAYS);
        for step in 0..steps {
            let run = || -> Result<(), Violation> {
                let mut world = scenario.begin(1)?;
                let id = scenario.ask(&mut world, Script::STAYS);
                for _ in 0..step {
                    world.step()?;
                }
                leave(&mut world, id);
                world.run_until_quiet(LIMIT)?;
                is_answered(&world, id)
            };
            findings.add(&format!("{} at step {step}", scenario.name), run());
        }
    }
    findings.none();
}

#[test]
fn a_client_may_close_at_every_step() {
    at_every_step(|world, id| world.close(id, Duration::ZERO));
}

#[test]
fn a_client_may_hang_up_at_every_step() {
    at_every_step(|world, id| world.hang_up(id, Duration::ZERO));
}

#[test]
fn a_client_may_close_twice() {
    at_every_step(|world, id| {
        world.close(id, Duration::ZERO);
        world.close(id, SECOND);
    });
}

#[test]
fn a_session_that_nobody_claims_is_released() {
    for scenario in scenarios() {
        let mut world = scenario.begin(1).unwrap();
        let id = scenario.ask(&mut world, Script::VANISHES);
        world
            .run_until_quiet(LIMIT)
            .unwrap_or_else(|e| panic!("{e}"));
        match (world.knows(id), scenario.solution) {
            (Knows::Ended(session, why), Some(solution)) => {
                assert_eq!(session.solution.0, solution);
                assert_eq!(*why, EndReason::Unclaimed);
            }
            (Knows::Refused { .. }, None) => {}
            (other, _) => panic!("{}: {other:?}", scenario.name),
        }
        assert!(!world.is_setting_up());
    }
}

#[test]
fn a_session_ends_when_it_is_not_used_or_after_its_longest_time() {
    for (idle, longest, wanted) in [
        (Some(40 * SECOND), None, EndReason::Idle),
        (None, Some(40 * SECOND), EndReason::Expired),
    ] {
        let scenario = scenarios().remove(0);
        let mut world = scenario.begin(1).unwrap();
        let mut open = request("film");
        open.idle = idle;
        open.longest = longest;
        let id = world.open(&scenario.client, open, Script::STAYS, Duration::ZERO);
        world.run_for(35 * SECOND).unwrap();
        assert!(matches!(world.knows(id), Knows::Session(_)));
        world.run_for(10 * SECOND).unwrap();
        match world.knows(id) {
            Knows::Ended(_, why) => assert_eq!(*why, wanted),
            other => panic!("{other:?}"),
        }
        world.run_until_quiet(LIMIT).unwrap();
    }
}

#[test]
fn a_component_that_fails_or_is_silent_refuses_what_uses_it() {
    use waybook_sim::world::Behaviour;
    for behaviour in [
        Behaviour::Fails(Duration::ZERO, "no such file".to_owned()),
        Behaviour::Fails(SECOND, "no such file".to_owned()),
        Behaviour::Silent,
    ] {
        for component in ["files", "relay"] {
            let scenario = scenarios().remove(0);
            let mut world = scenario.begin(1).unwrap();
            world.behave(None, component, behaviour.clone());
            let id = scenario.ask(&mut world, Script::STAYS);
            world
                .run_until_quiet(LIMIT)
                .unwrap_or_else(|e| panic!("{e}"));
            assert!(matches!(world.knows(id), Knows::Refused { .. }));
            is_answered(&world, id).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}
