//! What soaks share, and a crowd. Whatever else can happen, the campaign draws (`campaign.rs`).

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_location_tree::PlaceName;
use waybook_sim::client::{Script, request};
use waybook_sim::world::Tell;
use waybook_sim::{Setting, Violation, World};

use crate::scenarios::settings::{MBIT, film, place, quality, two_localities};
use crate::support::{Findings, LIMIT, MS, SECOND, seeds, titled};

/// Not enough of anything for all who will ask.
fn setting() -> Setting {
    let some = film(&[
        quality("hd", 4 * MBIT, 500),
        quality("sd", 2 * MBIT, 300),
        quality("ld", MBIT, 100),
    ]);
    let mut setting = two_localities();
    for name in ["r/a", "r/a/x", "r/a/z", "r/b", "r/b/y", "r/b/w"] {
        let room = [("cpu", 2000), ("down", 12 * MBIT), ("up", 12 * MBIT)];
        setting = setting.place(name, &room);
    }
    setting
        .publish("r/b/y", titled("one", &some))
        .publish("r/a/z", titled("one", &some))
        .publish("r/b/w", titled("two", &some))
        .publish("r/a", titled("two", &some))
        .publish("r/a/x", titled("three", &some))
}

pub(crate) fn names(world: &World) -> Vec<PlaceName> {
    world.tree().places().cloned().collect()
}

pub(crate) fn pick<'a, T>(rng: &mut StdRng, all: &'a [T]) -> &'a T {
    &all[rng.random_range(0..all.len())]
}

pub(crate) fn ms(rng: &mut StdRng, most: u32) -> Duration {
    rng.random_range(0..most) * MS
}

/// A place crashes, or an edge is cut, for a while.
pub(crate) fn trouble(world: &mut World, rng: &mut StdRng) -> Result<(), Violation> {
    let at = pick(rng, &names(world)).clone();
    let tell = pick(rng, &[Tell::Both, Tell::Nobody]).clone();
    let most = if rng.random_bool(0.5) { 500 } else { 30_000 };
    let pause = ms(rng, most);
    if rng.random_bool(0.5) {
        world.crash(&at, &tell);
        world.run_for(pause)?;
        world.restart(&at, rng.random_bool(0.8))
    } else if let Some(parent) = at.parent() {
        let told = if rng.random_bool(0.3) {
            Tell::Only(at.clone())
        } else {
            tell
        };
        let heal = match &told {
            Tell::Nobody => Tell::Nobody,
            _ => Tell::Both,
        };
        world.cut(&at, &parent, &told);
        world.run_for(pause)?;
        world.heal(&at, &parent, &heal);
        Ok(())
    } else {
        Ok(())
    }
}

/// From now on so many messages are lost, come twice, and overtake others.
pub(crate) fn make_noise(world: &mut World, share: f64) {
    world.network.model.jitter = 20 * MS;
    world.network.model.loss = share;
    world.network.model.duplicate = share;
    world.network.model.reorder = share;
    world.network.model.late = 3 * SECOND;
}

/// Soaks with every seed.
pub(crate) fn with_seeds(count: u64, soak: impl Fn(u64) -> Result<(), Violation>) {
    let mut findings = Findings::default();
    for seed in seeds(count) {
        findings.add(&format!("seed {seed}"), soak(seed));
    }
    findings.none();
}

/// Where all is well, everybody is served who can be.
#[test]
fn a_crowd_is_served_as_far_as_there_is_room() {
    let mut world = World::new(&setting(), 1).unwrap();
    world.run_for(SECOND).unwrap();
    for _ in 0..30 {
        let at = place("r/a/x");
        world.open(&at, request("two"), Script::STAYS, Duration::ZERO);
    }
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
    let clients = world.clients().iter();
    let served = clients.filter(|(_, c)| c.session().is_some()).count();
    // `r/a` serves with 2000 of processor time over an edge of 12 Mbit/s; set-ups that
    // hold meanwhile may keep others out, but not everybody.
    assert!((3..=12).contains(&served), "{served} are served");
}
