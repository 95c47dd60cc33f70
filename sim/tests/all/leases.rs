//! Leases and releases: what nobody feeds any more lapses in time, what is given up goes
//! at once, and a place that restarts grants nothing that it may have promised already.

use std::time::Duration;

use waybook_agents::RefusalReason;
use waybook_place::{BookingPhase, Place};
use waybook_sim::World;
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::network::{Act, Fault};
use waybook_sim::world::Tell;

use crate::scenarios::settings::{MBIT, film, place, quality, two_localities};
use crate::support::{LIMIT, MS, SECOND, Scenario, scenarios};

const PATH: [&str; 5] = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];

fn established() -> (Scenario, World) {
    let scenario = scenarios().remove(0);
    let mut world = scenario.begin(1).unwrap();
    scenario.ask(&mut world, Script::STAYS);
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
    (scenario, world)
}

fn bookings(world: &World, at: &str) -> usize {
    world
        .place(&place(at))
        .into_iter()
        .flat_map(Place::bookings)
        .count()
}

/// With every message lost that could release them, all hops lapse one after the other,
/// each within a lease of the one before.
#[test]
fn hops_lapse_within_one_lease_each() {
    let (scenario, mut world) = established();
    for edge in PATH.windows(2) {
        for (from, to) in [(edge[0], edge[1]), (edge[1], edge[0])] {
            world.network.mute(&place(from), &place(to), true);
        }
    }
    let lease = scenario.setting.timing.session_lease;
    for hops in 1..PATH.len() as u32 {
        world.run_for(lease).unwrap();
        let at = PATH[hops as usize];
        assert_eq!(bookings(&world, at), 0, "{at} after {hops} leases");
    }
}

/// A session lives as long as it is fed, however many leases that is.
#[test]
fn a_session_that_is_fed_does_not_lapse() {
    let (_, mut world) = established();
    world.run_for(3600 * SECOND).unwrap();
    for at in PATH {
        assert_eq!(bookings(&world, at), 1, "{at}");
        let counters = world.place(&place(at)).unwrap().counters();
        assert_eq!(counters.lapsed, 0, "{at}");
    }
}

/// Five refreshes in a row may be lost.
#[test]
fn a_session_survives_a_silence_of_five_refreshes() {
    let (scenario, mut world) = established();
    let (a, b) = (place("r/a"), place("r"));
    world.network.mute(&a, &b, true);
    world
        .run_for(scenario.setting.timing.session_refresh * 5)
        .unwrap();
    world.network.mute(&a, &b, false);
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(bookings(&world, "r/b/y"), 1);
}

#[test]
fn a_restarted_place_finds_its_established_bookings_at_once() {
    for at in PATH {
        let (_, mut world) = established();
        world.crash(&place(at), &Tell::Nobody);
        world.restart(&place(at), true).unwrap();
        let found = world.place(&place(at)).unwrap().bookings().next();
        let found = found.unwrap_or_else(|| panic!("{at} has forgotten its booking"));
        assert_eq!(found.phase, BookingPhase::Established);
        world
            .run_until_quiet(LIMIT)
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(bookings(&world, at), 1, "{at} has lost its booking");
    }
}

/// While the neighbour through which the session came is down, a restarted place grants
/// nothing; when the longest lease has passed it does.
#[test]
fn a_restarted_place_grants_nothing_before_it_knows_what_it_has_promised() {
    let (scenario, mut world) = established();
    world.crash(&place("r"), &Tell::Both);
    world.crash(&place("r/b"), &Tell::Both);
    world.restart(&place("r/b"), true).unwrap();
    world.run_for(100 * MS).unwrap();
    let ask =
        |world: &mut World| world.open(&place("r/b/w"), request("film"), Script::STAYS, SECOND);
    let early = ask(&mut world);
    world.run_until_answered(LIMIT).unwrap();
    match world.knows(early) {
        Knows::Refused { refused, .. } => assert!(
            refused
                .iter()
                .all(|r| r.reason == RefusalReason::Restarting),
            "{refused:?}"
        ),
        other => panic!("{other:?}"),
    }
    world
        .run_for(scenario.setting.timing.session_lease)
        .unwrap();
    let late = ask(&mut world);
    world.run_until_answered(LIMIT).unwrap();
    assert!(matches!(world.knows(late), Knows::Session(_)));
    world.restart(&place("r"), true).unwrap();
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
}

/// A release that is lost is repeated: nobody waits for the lease.
#[test]
fn a_lost_release_is_repeated() {
    for nth in 0..4 {
        let (_, mut world) = established();
        let (id, _) = world.clients().iter().next().unwrap();
        world.network.arm(Fault {
            nth,
            kind: Some("release"),
            act: Act::Drop,
        });
        world.close(id, Duration::ZERO);
        world.run_for(2 * SECOND).unwrap();
        assert!(!world.network.is_armed());
        for at in PATH {
            assert_eq!(bookings(&world, at), 0, "{at}, with release {nth} lost");
        }
    }
}

/// A release may overtake the visit that it gives up. When that arrives, nothing is
/// booked for it, not even for a moment.
#[test]
fn what_was_released_before_it_arrived_books_nothing() {
    for nth in 0..4 {
        let scenario = scenarios().remove(0);
        let mut world = scenario.begin(1).unwrap();
        world.network.arm(Fault {
            nth,
            kind: Some("visit"),
            act: Act::Postpone(3 * SECOND),
        });
        scenario.ask(&mut world, Script::closes(100 * MS));
        world.run_for(SECOND).unwrap();
        assert!(!world.network.is_armed());
        let end = world.now() + 4 * SECOND;
        while world.now() < end && world.step().unwrap() {
            for at in PATH {
                assert_eq!(bookings(&world, at), 0, "{at}, with visit {nth} late");
            }
        }
        world
            .run_until_quiet(LIMIT)
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

/// The client's place decides what stands: a session that it has lost with its disk is closed
/// everywhere as soon as it is connected again.
#[test]
fn what_the_client_s_place_has_forgotten_is_closed_at_once() {
    let (_, mut world) = established();
    world.crash(&place("r/a/x"), &Tell::Nobody);
    world.restart(&place("r/a/x"), false).unwrap();
    world.run_for(SECOND).unwrap();
    for at in PATH {
        assert_eq!(bookings(&world, at), 0, "{at}");
    }
}

/// A next hop that is silent is given up after a lease, long before the deadline, and the
/// next solution is tried.
#[test]
fn a_silent_next_hop_is_given_up_after_a_lease() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let setting = two_localities()
        .publish("r/a", film.clone())
        .publish("r/b/y", film);
    let mut world = World::new(&setting, 1).unwrap();
    world.run_for(SECOND).unwrap();
    let mut open = request("film");
    open.strategy = Some("nearest".to_owned());
    // From `r` both servers' paths part at once; `r/a` is nearer.
    world.network.mute(&place("r"), &place("r/a"), true);
    let id = world.open(&place("r"), open, Script::STAYS, Duration::ZERO);
    let lease = setting.timing.setup_lease;
    world.run_for(lease - SECOND).unwrap();
    assert_eq!(*world.knows(id), Knows::Nothing);
    world.run_for(3 * SECOND).unwrap();
    let session = world.clients().get(id).unwrap().session().unwrap();
    assert_eq!(session.solution.0, 2);
    let next = place("r/a");
    assert_eq!(session.refused[0].reason, RefusalReason::NoAnswer { next });
    world.network.mute(&place("r"), &place("r/a"), false);
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
}
