//! What is kept: orders about code, eviction, and what survives a restart.

use std::sync::Arc;

use waybook_place::io::{CodeOrder, Input, Output};
use waybook_plan::Digest;

use super::{film, release, runs};
use crate::neighbours::{Neighbours, name};

/// A root that has room for three pieces of code, and the home of five.
fn two() -> Neighbours {
    let mut root = runs("r");
    root.limits.repository = 3_500;
    let mut all = Neighbours::join(vec![root, runs("r/h")]);
    for code in ["ant", "bee", "cat", "dog", "eel"] {
        all.add(&release(&format!("{code}@1.0.0"), "r/h"));
    }
    all
}

fn fetch(all: &mut Neighbours, code: &str) -> Result<Vec<String>, String> {
    let order = all.order("r", CodeOrder::Prefetch(code.to_owned()));
    all.transfer();
    all.ordered(order).unwrap()
}

fn held_at(all: &Neighbours, place: &str) -> Vec<String> {
    let code = all.places[&name(place)].code();
    let mut names: Vec<_> = code.iter().map(|c| c.release.name.clone()).collect();
    names.sort();
    names
}

fn digest(code: &str) -> Digest {
    release(&format!("{code}@1.0.0"), "r/h").digest
}

#[test]
fn what_was_not_used_for_longest_goes_first_but_nothing_that_is_pinned_or_runs() {
    let mut all = two();
    for code in ["ant", "bee", "cat"] {
        fetch(&mut all, code).unwrap();
    }
    all.order("r", CodeOrder::Pin(digest("ant"), true));
    // It runs `bee`, at both ends of a path of one place.
    all.publish("r", &film("server", "bee"));
    let request = all.open("r", "film");
    all.settle();
    let session = all.established(request).session;
    fetch(&mut all, "dog").unwrap();
    assert_eq!(held_at(&all, "r"), ["ant", "bee", "dog"]);
    fetch(&mut all, "eel").unwrap();
    assert_eq!(held_at(&all, "r"), ["ant", "bee", "eel"]);
    assert_eq!(all.places[&name("r")].counters().evicted, 2);
    // The parent, had it one, would know: the locality's index follows.
    let known = all.places[&name("r")].holdings();
    assert!(
        known
            .iter()
            .all(|h| h.place != name("r") || h.release.name != "cat")
    );

    all.order("r", CodeOrder::Pin(digest("eel"), true));
    let why = fetch(&mut all, "cat").unwrap_err();
    assert_eq!(
        why,
        "cat@1.0.0 could not be fetched: there is no room for 1 kB: limit `repository` = 3.5 kB, \
         of which 0 B were added here, 2 kB are pinned, 1 kB are in use and 0 B are kept for what \
         is arriving"
    );
    let remove = |all: &mut Neighbours, code| {
        let order = all.order("r", CodeOrder::Remove(digest(code)));
        all.ordered(order).unwrap()
    };
    let why = remove(&mut all, "bee").unwrap_err();
    assert_eq!(why, format!("bee@1.0.0 runs for session {session}"));
    all.put(&name("r"), Input::Close { session });
    remove(&mut all, "bee").unwrap();
    assert!(
        remove(&mut all, "bee")
            .unwrap_err()
            .ends_with("is not held here")
    );
    fetch(&mut all, "cat").unwrap();
    assert_eq!(held_at(&all, "r"), ["ant", "cat", "eel"]);
    let collect = all.order("r", CodeOrder::Collect);
    assert_eq!(all.ordered(collect), Some(Ok(vec!["cat@1.0.0".to_owned()])));
    let evicted = |o: &Output| matches!(o, Output::Evict { .. });
    assert_eq!(all.count(evicted), 4);
}

#[test]
fn code_that_was_used_lately_outlives_code_that_was_fetched_lately() {
    let mut all = two();
    for code in ["ant", "bee", "cat"] {
        fetch(&mut all, code).unwrap();
    }
    all.publish("r", &film("server", "ant"));
    let request = all.open("r", "film");
    all.settle();
    let session = all.established(request).session;
    all.put(&name("r"), Input::Close { session });
    // And a restart does not make it forget.
    all.restart(runs_small());
    all.reconnect("r");
    fetch(&mut all, "dog").unwrap();
    assert_eq!(held_at(&all, "r"), ["ant", "cat", "dog"]);
}

fn runs_small() -> waybook_place::Config {
    let mut config = runs("r");
    config.limits.repository = 3_500;
    config
}

#[test]
fn names_bind_to_code_and_only_at_its_home_is_anything_added() {
    let mut all = two();
    let mut add = |release: waybook_plan::Release, at: &str| {
        let order = all.order(at, CodeOrder::Add(Arc::new(release)));
        all.ordered(order).unwrap()
    };
    let mut other = release("ant@1.0.0", "r/h");
    other.digest = Digest([7; 32]);
    let why = add(other, "r/h").unwrap_err();
    let before = digest("ant");
    assert_eq!(
        why,
        format!("ant@1.0.0 was added here before, as {before}; other code needs another version")
    );
    let why = add(release("fly@1.0.0", "r/h"), "r").unwrap_err();
    assert!(why.starts_with("the home of fly@1.0.0 is r/h"), "{why}");
    let mut alias = release("ant@1.0.1", "r/h");
    alias.digest = before;
    let why = add(alias, "r/h").unwrap_err();
    assert_eq!(why, "the same code was added here before, as ant@1.0.0");
    let mut long = release("fly@1.0.0", "r/h");
    long.length = (64 << 20) + 1;
    let why = add(long, "r/h").unwrap_err();
    assert!(why.ends_with("limit `component` = 64 MiB"), "{why}");
    let mut empty = release("fly@1.0.0", "r/h");
    empty.length = 0;
    assert!(add(empty, "r/h").unwrap_err().starts_with("length"));
    // Once more the same is fine.
    assert!(add(release("ant@1.0.0", "r/h"), "r/h").is_ok());
}

#[test]
fn what_is_added_while_it_arrives_is_here() {
    let mut all = two();
    let mut code = release("fly@1.0.0", "r/h");
    all.add(&code);
    let order = all.order("r", CodeOrder::Prefetch("fly".to_owned()));
    all.progress("r", 10);
    code.home = name("r");
    all.add(&code);
    assert_eq!(all.ordered(order), Some(Ok(vec!["fly@1.0.0".to_owned()])));
    assert_eq!(all.fetching, []);
    // The driver is to leave the code that was added as it is.
    let whole = |o: &Output| matches!(o, Output::CancelFetch { keep: 1_000, .. });
    assert_eq!(all.count(whole), 1);
    let here = all.code_at("r", &code.digest).unwrap();
    assert!(here.added && here.bytes == 1_000);
}

#[test]
fn holdings_pins_and_names_survive_a_restart_and_go_with_their_records() {
    let mut all = two();
    fetch(&mut all, "ant").unwrap();
    fetch(&mut all, "bee").unwrap();
    all.order("r", CodeOrder::Pin(digest("bee"), true));
    let before = all.places[&name("r")].code();
    all.restart(runs_small());
    all.reconnect("r");
    assert_eq!(all.places[&name("r")].code(), before);
    // A driver that finds code without its record makes one.
    let record = waybook_place::code_record(&release("cat@1.0.0", "r/h"), false, true, 0);
    let key = waybook_place::io::RecordKey::Code(digest("cat"));
    all.records
        .get_mut(&name("r"))
        .unwrap()
        .insert(key.clone(), record);
    all.restart(runs_small());
    assert!(all.code_at("r", &digest("cat")).unwrap().pinned);
    all.order("r", CodeOrder::Remove(digest("cat")));
    assert!(!all.records[&name("r")].contains_key(&key));
    // The home tells what it has in every life.
    all.restart(runs("r/h"));
    all.reconnect("r/h");
    assert_eq!(fetch(&mut all, "dog"), Ok(vec!["dog@1.0.0".to_owned()]));
}

/// A place went on offering, and starting, code that its disk had not kept.
#[test]
fn code_that_the_disk_has_not_kept_is_offered_no_more_and_fetched_again() {
    let mut all = two();
    fetch(&mut all, "ant").unwrap();
    let lost = |at: &str, all: &mut Neighbours| {
        let digest = digest("ant");
        all.put(&name(at), Input::CodeLost { digest });
        all.settle();
    };
    lost("r", &mut all);
    assert_eq!(held_at(&all, "r"), Vec::<String>::new());
    let key = waybook_place::io::RecordKey::Code(digest("ant"));
    assert!(!all.records[&name("r")].contains_key(&key));
    let of_ant = |all: &Neighbours| {
        let known = all.places[&name("r")].holdings();
        let of_ant = known.into_iter().filter(|h| h.release.name == "ant");
        of_ant.map(|h| h.place).collect::<Vec<_>>()
    };
    assert_eq!(of_ant(&all), [name("r/h")]);
    // Nothing is there to be removed any more.
    assert_eq!(all.count(|o| matches!(o, Output::Evict { .. })), 0);
    fetch(&mut all, "ant").unwrap();
    assert_eq!(held_at(&all, "r"), ["ant"]);
    // Said late of what is arriving, it has no effect.
    lost("r", &mut all);
    all.order("r", CodeOrder::Prefetch("ant".to_owned()));
    all.settle();
    lost("r", &mut all);
    all.transfer();
    assert_eq!(held_at(&all, "r"), ["ant"]);
    // Where it was added it is not offered any more.
    lost("r/h", &mut all);
    assert_eq!(of_ant(&all), [name("r")]);
}

/// What an interrupted transfer had left was found again by the driver alone: it took room
/// that the place did not count, and it never went.
#[test]
fn what_came_in_part_is_reckoned_with_after_a_restart() {
    let mut all = two();
    let part = |all: &mut Neighbours, code: &str, bytes| {
        let release = release(&format!("{code}@1.0.0"), "r/h");
        let key = waybook_place::io::RecordKey::Part(release.digest);
        let record = waybook_place::part_record(&release, bytes);
        all.records
            .entry(name("r"))
            .or_default()
            .insert(key, record);
    };
    part(&mut all, "ant", 900);
    part(&mut all, "bee", 900);
    all.restart(runs_small());
    all.reconnect("r");
    let here = |all: &Neighbours, code: &str| {
        let here = all.code_at("r", &digest(code));
        here.map(|here| here.bytes)
    };
    assert_eq!(
        (here(&all, "ant"), here(&all, "bee")),
        (Some(900), Some(900))
    );
    // Only what is missing counts as fetched.
    fetch(&mut all, "bee").unwrap();
    assert_eq!(all.places[&name("r")].counters().fetched_bytes, 100);
    // It goes before all else.
    fetch(&mut all, "cat").unwrap();
    fetch(&mut all, "dog").unwrap();
    assert_eq!(held_at(&all, "r"), ["bee", "cat", "dog"]);
    assert_eq!(all.count(|o| matches!(o, Output::Evict { .. })), 1);
}

#[test]
fn an_order_brings_dependencies_too_and_fails_as_a_whole() {
    let mut all = two();
    let mut fly = release("fly@1.0.0", "r/h");
    fly.dependencies = [("ant".to_owned(), "^1".parse().unwrap())].into();
    all.add(&fly);
    assert_eq!(
        fetch(&mut all, "fly@^1"),
        Ok(vec!["ant@1.0.0".to_owned(), "fly@1.0.0".to_owned()])
    );
    all.order("r", CodeOrder::Collect);
    let order = all.order("r", CodeOrder::Prefetch("fly".to_owned()));
    all.fail("r", waybook_place::io::FetchFailure::NotHeld);
    assert!(all.ordered(order).unwrap().is_err());
    assert_eq!(all.fetching, []);
    let order = all.order("r", CodeOrder::Prefetch("gnu@^9".to_owned()));
    assert!(all.ordered(order).unwrap().unwrap_err().contains("gnu"));
}
