//! Operators change places while set-ups are under way.

use std::time::Duration;

use waybook_agents::RefusalReason;
use waybook_place::io::EndReason;
use waybook_plan::Resource;
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::{Setting, World};

use crate::scenarios::settings::{MBIT, PLENTY, film, place, quality, two_localities};
use crate::support::{LIMIT, MS, SECOND};

const PATH: [&str; 5] = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];

fn far_away() -> Setting {
    two_localities().publish("r/b/y", film(&[quality("hd", 4 * MBIT, 500)]))
}

fn world(setting: &Setting) -> World {
    let mut world = World::new(setting, 1).unwrap_or_else(|e| panic!("{e}"));
    // Long enough for the places to have said what they serve.
    world.run_for(SECOND).unwrap();
    world
}

fn quiet(world: &mut World) {
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
}

/// Whenever a place of the path is drained while a set-up is under way, the client has a session,
/// which ends at the deadline, or is refused because of the draining; and nothing is left of it.
#[test]
fn a_set_up_under_way_is_established_or_refused() {
    let (mut established, mut refused) = (0, 0);
    for at in PATH {
        for after in (0..60).step_by(2) {
            let mut world = world(&far_away());
            let id = world.open(
                &place("r/a/x"),
                request("film"),
                Script::STAYS,
                Duration::ZERO,
            );
            world.run_for(after * MS).unwrap();
            world.drain(&place(at), Some(200 * MS)).unwrap();
            world.run_for(SECOND).unwrap();
            quiet(&mut world);
            match world.knows(id) {
                Knows::Ended(_, why) => {
                    assert_eq!(*why, EndReason::Drained(place(at)), "{after} ms");
                    established += 1;
                }
                Knows::Refused { refused: why, .. } => {
                    let why: Vec<_> = why.iter().map(|r| (&r.place, &r.reason)).collect();
                    let drained = (&place(at), &RefusalReason::Drained);
                    assert_eq!(why, [drained], "{after} ms");
                    refused += 1;
                }
                other => panic!("drained {at} after {after} ms: {other:?}"),
            }
            assert!(world.place(&place(at)).unwrap().bookings().next().is_none());
        }
    }
    assert!(established > 0 && refused > 0, "{established}, {refused}");
}

/// A deadline that has not passed counts no more when the place takes sessions again, or when
/// another one is given.
#[test]
fn a_deadline_that_is_taken_back_ends_nothing() {
    for again in [None, Some(None), Some(Some(100 * SECOND))] {
        let mut world = world(&far_away());
        let id = world.open(
            &place("r/a/x"),
            request("film"),
            Script::STAYS,
            Duration::ZERO,
        );
        quiet(&mut world);
        world.drain(&place("r"), Some(5 * SECOND)).unwrap();
        world.run_for(4 * SECOND).unwrap();
        match again {
            None => world.undrain(&place("r")).unwrap(),
            Some(deadline) => world.drain(&place("r"), deadline).unwrap(),
        }
        world.run_for(20 * SECOND).unwrap();
        assert!(matches!(world.knows(id), Knows::Session(_)), "{again:?}");
        world.run_for(200 * SECOND).unwrap();
        quiet(&mut world);
        let ended = matches!(world.knows(id), Knows::Ended(..));
        assert_eq!(ended, matches!(again, Some(Some(_))), "{again:?}");
    }
}

/// Where a plan has room for one server, that is not one which is known to be drained, or to lie
/// behind a place that is; unless there is no other.
#[test]
fn servers_that_cannot_be_had_take_no_others_place() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let mut setting = two_localities()
        .publish("r/b/y", film.clone())
        .publish("r/a/z", film);
    setting.servers_per_plan = 1;
    let ask = |world: &mut World, at: &str| {
        let id = world.open(&place(at), request("film"), Script::STAYS, Duration::ZERO);
        quiet(world);
        match world.knows(id) {
            Knows::Session(session) => session.journey.last().unwrap().place.to_string(),
            Knows::Refused { refused, .. } => refused[0].to_string(),
            other => panic!("{other:?}"),
        }
    };
    let word = setting.timing.summary / 5;
    for drained in ["r/a/z", "r/a"] {
        let mut world = world(&setting);
        assert_eq!(ask(&mut world, "r/a/x"), "r/a/z");
        assert_eq!(ask(&mut world, "r"), "r/a/z");
        world.drain(&place(drained), None).unwrap();
        // Word of it goes up in a twentieth of what a summary takes, from place to place.
        world.run_for(word).unwrap();
        assert_eq!(ask(&mut world, "r"), "r/b/y");
        if drained == "r/a/z" {
            assert_eq!(ask(&mut world, "r/a/x"), "r/b/y");
        }
        world.drain(&place("r/b"), None).unwrap();
        world.run_for(word).unwrap();
        let refused = ask(&mut world, "r");
        assert!(refused.contains("is being drained"), "{refused}");
        world.undrain(&place(drained)).unwrap();
        world.run_for(word).unwrap();
        assert_eq!(ask(&mut world, "r"), "r/a/z");
    }
}

/// A near server that is known to be drained is not enough to end a search.
#[test]
fn a_search_climbs_past_drained_servers() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let mut setting = two_localities()
        .place("r/a/x/p", PLENTY)
        .place("r/a/x/q", PLENTY)
        .publish("r/a/x/q", film.clone())
        .publish("r/b/y", film);
    setting.servers_per_plan = 1;
    let mut world = world(&setting);
    world.drain(&place("r/a/x/q"), None).unwrap();
    world.run_for(setting.timing.summary / 5).unwrap();
    let id = world.open(
        &place("r/a/x/p"),
        request("film"),
        Script::STAYS,
        Duration::ZERO,
    );
    quiet(&mut world);
    assert!(
        matches!(world.knows(id), Knows::Session(_)),
        "{:?}",
        world.knows(id)
    );
}

/// One refusal answers for all solutions over a drained place, those included for which the hops
/// before would have to hold more.
#[test]
fn a_drained_place_is_asked_once() {
    let film = film(&[quality("hd", 2 * MBIT, 500), quality("raw", 8 * MBIT, 100)]);
    let mut world = world(&two_localities().publish("r/b/y", film));
    world.drain(&place("r/b"), None).unwrap();
    let id = world.open(
        &place("r/a/x"),
        request("film"),
        Script::STAYS,
        Duration::ZERO,
    );
    quiet(&mut world);
    let Knows::Refused { refused, .. } = world.knows(id) else {
        panic!("{:?}", world.knows(id));
    };
    assert_eq!(refused.len(), 2);
    assert_eq!(world.place(&place("r/b")).unwrap().counters().visits, 1);
}

/// A capacity that sinks while set-ups hold some of it: who holds it may have it, and nobody else
/// does.
#[test]
fn a_capacity_that_sinks_under_set_ups_is_granted_no_more() {
    for after in (0..60).step_by(4) {
        let mut world = world(&far_away());
        for _ in 0..4 {
            world.open(
                &place("r/a/x"),
                request("film"),
                Script::STAYS,
                Duration::ZERO,
            );
        }
        world.run_for(after * MS).unwrap();
        let server = place("r/b/y");
        let had = world.place(&server).unwrap().bookings().count();
        world.set_capacity(&server, &Resource::cpu(), 0).unwrap();
        quiet(&mut world);
        let has = world.place(&server).unwrap().bookings().count();
        assert_eq!(has, had, "after {after} ms");
    }
}
