//! The checkers of code see what is planted for them.

use std::sync::Arc;
use std::time::Duration;

use waybook_place::io::{CodeOrder, FetchId, InstanceId};
use waybook_plan::{Component, Release, Runtime};

use super::*;
use crate::Setting;
use crate::check;
use crate::setting::release;
use crate::world::Running;

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// Code added at `r/a/x` and fetched by `r/a`, in quiet.
fn fetched() -> (World, Arc<Release>) {
    let setting = ["r", "r/a", "r/a/x", "r/b"]
        .into_iter()
        .fold(Setting::new(), |setting, place| setting.place(place, &[]));
    let mut world = World::new(&setting, 1).unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    let code = Arc::new(release("pass", "1.0.0", 100_000, "r/a/x"));
    world.add_code(&name("r/a/x"), &code).unwrap().unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    let order = CodeOrder::Prefetch("pass@^1".to_owned());
    world.order(&name("r/a"), order).unwrap();
    world
        .run_until_quiet(Duration::from_secs(100))
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(world.slot(&name("r/a")).repository().holds(&code.digest));
    (world, code)
}

fn slot<'a>(world: &'a mut World, at: &str) -> &'a mut Slot {
    world.slots.get_mut(&name(at)).unwrap()
}

/// After the plant, the checker of code in a quiet world says so.
fn caught(says: &str, plant: impl FnOnce(&mut World, &Arc<Release>)) {
    let (mut world, code) = fetched();
    plant(&mut world, &code);
    let said = quiet(&world).expect_err(says);
    assert!(said.contains(says), "{said}");
}

fn running(code: &Arc<Release>) -> Running {
    let component = Component {
        name: code.reference(),
        runtime: Runtime::Wasm,
        config: std::collections::BTreeMap::new(),
    };
    Running {
        component,
        up: true,
        release: Some(Arc::clone(code)),
    }
}

#[test]
fn code_that_runs_without_being_held_is_caught() {
    let (mut world, code) = fetched();
    let slot = slot(&mut world, "r/a");
    slot.components.insert(InstanceId(1), running(&code));
    assert_eq!(check::place(slot), Ok(()));
    slot.repository.truncate(&code.digest, code.length - 1);
    let said = check::place(slot).unwrap_err();
    assert!(said.contains("runs without its code"), "{said}");
}

#[test]
fn a_repository_beyond_its_limit_is_caught() {
    let (mut world, _) = fetched();
    let slot = slot(&mut world, "r/a");
    let limit = slot.place().unwrap().config().limits.repository;
    slot.repository
        .put(Arc::new(release("big", "1.0.0", limit - 100_000, "r")));
    assert_eq!(check::place(slot), Ok(()));
    slot.repository
        .put(Arc::new(release("bit", "1.0.0", 1, "r")));
    let said = check::place(slot).unwrap_err();
    assert!(said.contains("are allowed"), "{said}");
}

#[test]
fn deleting_what_must_stay_is_caught() {
    let (mut world, code) = fetched();
    let slot = slot(&mut world, "r/a");
    let digest = code.digest;
    let says = |slot: &Slot, arrives| evict(slot, arrives, &digest).unwrap_err();
    assert_eq!(evict(slot, false, &digest), Ok(()));
    assert!(says(slot, true).contains("is arriving"));
    slot.pinned.insert(digest);
    assert!(says(slot, false).contains("is pinned"));
    slot.pinned.clear();
    slot.added.insert(digest);
    assert!(says(slot, false).contains("was added here"));
    slot.added.clear();
    slot.components.insert(InstanceId(1), running(&code));
    assert!(says(slot, false).contains("runs"));
}

#[test]
fn transfers_and_parts_that_are_left_are_caught() {
    caught(
        "a transfer of pass@1.0.0 from r/a to r/b is left",
        |world, code| {
            let (at, source) = (name("r/b"), name("r/a"));
            let code = Arc::clone(code);
            world.fetch(&at, FetchId(1), code, &source).unwrap();
        },
    );
    caught("shows 100000 bytes of pass@1.0.0", |world, code| {
        slot(world, "r/a").repository.truncate(&code.digest, 1);
        // Or the root would say first that it has heard something else.
        world.network.disconnect(&name("r"), &name("r/a"));
    });
    caught("does not show the code", |world, _| {
        let other = Arc::new(release("other", "1.0.0", 1, "r"));
        slot(world, "r/b").repository.put(other);
        world.network.disconnect(&name("r"), &name("r/b"));
    });
}

#[test]
fn what_a_place_says_wrongly_of_its_locality_is_caught() {
    caught("r: says that r/a holds", |world, code| {
        slot(world, "r/a").repository.remove(&code.digest);
    });
    caught("r: does not say that r/b holds", |world, code| {
        slot(world, "r/b").repository.put(Arc::clone(code));
    });
    caught("r: says that r/a/x holds", |world, _| {
        slot(world, "r/a/x").added.clear();
    });
    caught("r/a: shows pass@1.0.0 as added or pinned", |world, code| {
        slot(world, "r/a").pinned.insert(code.digest);
    });
    caught("r/a: shows 0 instances", |world, code| {
        let running = running(code);
        slot(world, "r/a").components.insert(InstanceId(1), running);
    });
}
