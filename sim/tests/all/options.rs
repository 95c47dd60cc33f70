//! How much is looked at changes nothing of what happens; and clients that are over can be
//! taken out.

use waybook_place::Counters;
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::world::{Checks, Options, Wire};
use waybook_sim::{Setting, World};

use crate::scenarios::settings::{MBIT, film, place, quality, two_localities};
use crate::support::{LIMIT, MS, SECOND};

fn setting() -> Setting {
    let both = [quality("hd", 40 * MBIT, 500), quality("sd", MBIT, 200)];
    two_localities().publish("r/b/y", film(&both))
}

/// Clients that come and go; what each came to know, and what the places counted.
fn run(options: Options) -> (Vec<Knows>, u64, Vec<Counters>) {
    let mut world = World::with_options(setting(), 5, options).unwrap();
    world.network.model.jitter = 3 * MS;
    world.run_for(SECOND).unwrap();
    for number in 0..8 {
        let script = match number % 2 {
            0 => Script::STAYS,
            _ => Script::closes(2 * SECOND),
        };
        let after = number * 100 * MS;
        world.open(&place("r/a/x"), request("film"), script, after);
    }
    world.run_until_quiet(LIMIT).unwrap();
    let knows = world.clients().iter().map(|(_, c)| c.knows.clone());
    let counters = world.indices().filter_map(|at| world.counters(at));
    (knows.collect(), world.handled(), counters.collect())
}

#[test]
fn what_happens_does_not_depend_on_who_looks() {
    let all = run(Options::default());
    assert!(all.0.iter().any(|k| matches!(k, Knows::Session(_))));
    assert!(all.0.iter().any(|k| matches!(k, Knows::Ended(..))));
    assert_eq!(all, run(Options::lean()));
    for checks in [Checks::EveryStep, Checks::AtQuiet] {
        let options = Options {
            checks,
            ..Options::lean()
        };
        assert_eq!(all, run(options));
    }
    let decoded = Options {
        wire: Wire::Decoded,
        ..Options::lean()
    };
    assert_eq!(all, run(decoded));
}

#[test]
fn a_lean_run_writes_no_transcript() {
    let mut world = World::with_options(setting(), 5, Options::lean()).unwrap();
    world.run_for(SECOND).unwrap();
    assert_eq!(world.transcript().count(), 0);
    assert!(world.handled() > 0);
}

#[test]
fn clients_that_are_over_are_taken_out_once() {
    let mut world = World::new(&setting(), 5).unwrap();
    world.run_for(SECOND).unwrap();
    let at = place("r/a/x");
    let ends = world.open(&at, request("film"), Script::closes(SECOND), MS);
    let stays = world.open(&at, request("film"), Script::STAYS, MS);
    let unknown = world.open(&at, request("nothing"), Script::closes(9 * SECOND), MS);
    world.run_for(5 * SECOND).unwrap();
    let mut finished = world.take_finished();
    finished.sort_by_key(|(id, _)| *id);
    let ids: Vec<_> = finished.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [ends, unknown]);
    assert!(matches!(finished[0].1.knows, Knows::Ended(..)));
    assert!(matches!(finished[1].1.knows, Knows::NoPlan(_)));
    assert!(world.take_finished().is_empty());
    let left: Vec<_> = world.clients().iter().map(|(id, _)| id).collect();
    assert_eq!(left, [stays]);
    // A number is never given twice, and what was scheduled for who is gone does nothing.
    let next = world.open(&at, request("film"), Script::STAYS, MS);
    assert!(next > unknown);
    world.run_until_quiet(LIMIT).unwrap();
}
