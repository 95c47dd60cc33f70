//! What places keep of code: when room is short, when operators say so, and over crashes.

use std::sync::Arc;
use std::time::Duration;

use waybook_place::io::CodeOrder;
use waybook_plan::Position;
use waybook_sim::World;
use waybook_sim::client::{Script, request};
use waybook_sim::setting::release;
use waybook_sim::world::Tell;

use crate::code::{
    CHUNK, ask, carried, given, holds, pass, quiet, refused_first, setting, with_code,
};
use crate::scenarios::settings::{MBIT, film, place, quality, quality_with, two_localities};
use crate::support::{LIMIT, MS, SECOND, titled};

/// Room for two pieces of code: what runs stays, what was used last stays next.
#[test]
fn what_is_used_stays_when_room_is_short() {
    let code: Vec<_> = ["one", "two", "three"]
        .map(|name| Arc::new(release(name, "1.0.0", 4 * CHUNK, "r")))
        .into();
    let mut setting = two_localities().repository("r/a/x", 9 * CHUNK);
    for name in ["one", "two", "three"] {
        let reference = format!("{name}@^1");
        let qualities = [
            quality_with("hd", 2 * MBIT, Position::Client, &reference),
            quality("sd", MBIT, 100),
        ];
        setting = setting.publish("r/b/y", titled(name, &film(&qualities)));
    }
    setting.bandwidth = Some(80 * MBIT);
    let mut world = with_code(&setting, &code);
    let open = |world: &mut World, title| {
        let id = world.open(
            &place("r/a/x"),
            request(title),
            Script::STAYS,
            Duration::ZERO,
        );
        quiet(world);
        id
    };
    let held = |world: &World| {
        let held = code.iter().filter(|code| holds(world, "r/a/x", code));
        let names: Vec<_> = held.map(|code| code.name.clone()).collect();
        names.join(" ")
    };
    let one = open(&mut world, "one");
    let two = open(&mut world, "two");
    assert_eq!(held(&world), "one two");
    let three = open(&mut world, "three");
    assert_eq!(given(&world, three), "sd", "both that are there run");
    let why = refused_first(&world, three);
    assert!(why.contains("no room"), "{why}");
    world.close(one, Duration::ZERO);
    quiet(&mut world);
    let three = open(&mut world, "three");
    assert_eq!(given(&world, three), "hd");
    assert_eq!(held(&world), "two three");
    world.close(two, Duration::ZERO);
    world.close(three, Duration::ZERO);
    quiet(&mut world);
    world
        .order(&place("r/a/x"), CodeOrder::Pin(code[1].digest, true))
        .unwrap();
    open(&mut world, "one");
    assert_eq!(held(&world), "one two", "what is pinned stays");
}

#[test]
fn operators_add_pin_prefetch_collect_and_remove() {
    let code = pass(4, "r");
    let mut world = with_code(&setting(), &[Arc::clone(&code)]);
    let at = place("r/a/x");
    let order = |world: &mut World, order| {
        let id = world.order(&at, order).unwrap();
        quiet(world);
        world.ordered(id).expect("an answer").clone()
    };
    let fetched = order(&mut world, CodeOrder::Prefetch("pass@^1".to_owned()));
    assert_eq!(fetched, Ok(vec![Arc::clone(&code)]));
    assert!(holds(&world, "r/a/x", &code));
    assert!(order(&mut world, CodeOrder::Pin(code.digest, true)).is_ok());
    assert!(order(&mut world, CodeOrder::Collect).is_ok());
    assert!(holds(&world, "r/a/x", &code), "it is pinned");
    assert!(order(&mut world, CodeOrder::Pin(code.digest, false)).is_ok());
    assert!(order(&mut world, CodeOrder::Collect).is_ok());
    assert!(!holds(&world, "r/a/x", &code));

    let unknown = order(&mut world, CodeOrder::Prefetch("what@^1".to_owned())).unwrap_err();
    assert!(unknown.contains("what"), "{unknown}");
    ask(&mut world, "r/a/x");
    quiet(&mut world);
    let runs = order(&mut world, CodeOrder::Remove(code.digest)).unwrap_err();
    assert!(runs.contains("run"), "{runs}");

    let id = world
        .order(&place("r"), CodeOrder::Remove(code.digest))
        .unwrap();
    quiet(&mut world);
    assert!(world.ordered(id).is_some_and(Result::is_ok));
    assert!(!holds(&world, "r", &code));
}

#[test]
fn a_place_takes_up_what_its_disk_has_even_if_the_record_was_lost() {
    let code = pass(4, "r");
    let mut world = with_code(&setting(), &[Arc::clone(&code)]);
    world.durable = false;
    let id = ask(&mut world, "r/a/x");
    world.run_until_answered(LIMIT).unwrap();
    world.close(id, Duration::ZERO);
    quiet(&mut world);
    let before = carried(&world, "r/a", "r/a/x");
    world.crash(&place("r/a/x"), &Tell::Both);
    world.restart(&place("r/a/x"), true).unwrap();
    quiet(&mut world);
    assert!(holds(&world, "r/a/x", &code));
    ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(carried(&world, "r/a", "r/a/x"), before);
}

/// A place restarts in the middle of a transfer: what its disk has is not fetched again.
#[test]
fn a_transfer_goes_on_in_the_next_life() {
    let code = pass(10, "r");
    let mut world = with_code(&setting(), &[Arc::clone(&code)]);
    ask(&mut world, "r/a/x");
    world.run_for(400 * MS).unwrap();
    world.crash(&place("r/a/x"), &Tell::Both);
    world.run_for(SECOND).unwrap();
    world.restart(&place("r/a/x"), true).unwrap();
    quiet(&mut world);
    ask(&mut world, "r/a/x");
    quiet(&mut world);
    let bytes = carried(&world, "r/a", "r/a/x");
    assert!(
        (code.length..=code.length + CHUNK).contains(&bytes),
        "{bytes}"
    );
}
