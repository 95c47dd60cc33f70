//! Transfers take the time that they should, and fail as they should. The places here have
//! not asked for them, and take no notice.

use std::fmt::Write;

use waybook_place::Instant;

use super::*;
use crate::network::{DirectionModel, Discipline, EdgeModel};
use crate::setting::{Setting, release};
use crate::world::Tell;

const MS: Duration = Duration::from_millis(1);
/// An edge of 8 Mbit/s is busy for that long with a chunk.
const CHUNK: Duration = Duration::from_nanos(65_536_000);
const LATENCY: Duration = Duration::from_millis(5);

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// `r` over `r/a` over `r/a/x` and `r/a/y`; `r` holds the code, of that many chunks.
fn world(chunks: u64) -> (World, Arc<Release>) {
    let mut setting = ["r", "r/a", "r/a/x", "r/a/y"]
        .into_iter()
        .fold(Setting::new(), |setting, place| setting.place(place, &[]));
    setting.bandwidth = Some(8_000_000);
    let mut world = World::new(&setting, 1).unwrap();
    world.run_for(100 * MS).unwrap();
    let code = Arc::new(release("pass", "1.0.0", chunks * (64 << 10), "r"));
    let root = world.slots.get_mut(&name("r")).unwrap();
    root.repository.put(Arc::clone(&code));
    (world, code)
}

fn begin(world: &mut World, code: &Arc<Release>, from: &str, to: &str, fetch: u64) {
    let (place, source) = (name(to), name(from));
    world
        .fetch(&place, FetchId(fetch), Arc::clone(code), &source)
        .unwrap();
}

/// Runs until a place is told that a transfer is over: when, and what.
fn end(world: &mut World, place: &str, fetch: u64) -> (Instant, String) {
    let place = name(place);
    while world.transfers.named(&place, FetchId(fetch)).is_some() {
        assert!(world.step().unwrap(), "nothing happens any more");
    }
    let mut told = format!(" {place:<10} < fetch {fetch} ");
    let tail = world.transcript().tail(1000);
    let line = tail.lines().rev().find(|line| line.contains(&told));
    let line = line.unwrap_or_else(|| panic!("{place} is not told"));
    let at = line.find(&told).unwrap();
    told = line[at + told.len()..].to_owned();
    (world.now(), told)
}

fn takes(world: &mut World, place: &str, fetch: u64, expected: Duration) {
    let begun = world.now();
    let (at, what) = end(world, place, fetch);
    assert_eq!(what, "is whole");
    assert_eq!(at.since(begun), expected);
}

fn fails(world: &mut World, place: &str, fetch: u64, failure: &FetchFailure) {
    let (_, what) = end(world, place, fetch);
    assert_eq!(what, format!("failed: {failure:?}"));
}

#[test]
fn one_edge_takes_the_request_and_every_chunk() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a", 1);
    takes(&mut world, "r/a", 1, LATENCY + 10 * CHUNK + LATENCY);
    let carried = world.network.carried(&name("r"), &name("r/a"));
    assert_eq!(carried, code.length);
}

#[test]
fn a_place_between_adds_a_chunk_and_keeps_nothing() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a/x", 1);
    takes(
        &mut world,
        "r/a/x",
        1,
        2 * LATENCY + 11 * CHUNK + 2 * LATENCY,
    );
    assert!(!world.slot(&name("r/a")).repository.holds(&code.digest));
}

#[test]
fn a_source_that_is_receiving_serves_what_has_come() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a", 1);
    begin(&mut world, &code, "r/a", "r/a/x", 1);
    takes(&mut world, "r/a/x", 1, LATENCY + 11 * CHUNK + 2 * LATENCY);
}

#[test]
fn transfers_share_an_edge() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a/x", 1);
    begin(&mut world, &code, "r", "r/a/y", 1);
    let begun = world.now();
    let (first, _) = end(&mut world, "r/a/x", 1);
    let (second, _) = end(&mut world, "r/a/y", 1);
    // The shared edge is busy with all; each has another edge for itself.
    assert_eq!(second.since(begun), 4 * LATENCY + 21 * CHUNK);
    assert_eq!(second.since(first), CHUNK);
}

/// All edges take 8 Mbit/s, and chunks share them.
fn fair(world: &mut World) {
    world.network.model_all(EdgeModel::alike(DirectionModel {
        bandwidth: Some(8_000_000),
        discipline: Discipline::Fair,
        ..DirectionModel::default()
    }));
}

#[test]
fn transfers_share_an_edge_at_every_moment_where_it_is_fair() {
    let (mut world, code) = world(10);
    fair(&mut world);
    begin(&mut world, &code, "r", "r/a/x", 1);
    begin(&mut world, &code, "r", "r/a/y", 1);
    let begun = world.now();
    let (first, _) = end(&mut world, "r/a/x", 1);
    let (second, _) = end(&mut world, "r/a/y", 1);
    // The chunks of both leave the shared edge at the same time.
    assert_eq!(second.since(begun), 4 * LATENCY + 21 * CHUNK);
    assert_eq!(second, first);
}

#[test]
fn who_shared_an_edge_goes_on_when_another_is_gone() {
    let (mut world, code) = world(10);
    fair(&mut world);
    begin(&mut world, &code, "r", "r/a/x", 1);
    begin(&mut world, &code, "r", "r/a/y", 1);
    let begun = world.now();
    world.run_for(2 * LATENCY + CHUNK).unwrap();
    world.forget_transfers(&name("r/a/x"));
    let (at, what) = end(&mut world, "r/a/y", 1);
    assert_eq!(what, "is whole");
    // What was handed over is sent, so the first chunk is shared to its end.
    assert_eq!(at.since(begun), 4 * LATENCY + 12 * CHUNK);
}

#[test]
fn a_place_is_told_of_the_first_chunk_and_then_now_and_then() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a", 1);
    end(&mut world, "r/a", 1);
    let tail = world.transcript().tail(1000);
    let mut told = String::new();
    for line in tail.lines().filter(|line| line.contains("< fetch 1 has")) {
        let bytes: u64 = line
            .split_whitespace()
            .rev()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        write!(told, "{} ", bytes >> 16).unwrap();
    }
    // Three chunks come in 200 ms, but for a little: the fourth after the last report.
    assert_eq!(told, "1 5 9 ");
}

#[test]
fn what_has_come_does_not_come_again() {
    let (mut world, code) = world(10);
    begin(&mut world, &code, "r", "r/a", 1);
    world.run_for(LATENCY + 4 * CHUNK + LATENCY + MS).unwrap();
    let (root, at) = (name("r"), name("r/a"));
    world.cut(&root, &at, &Tell::Both);
    fails(&mut world, "r/a", 1, &FetchFailure::Cut);
    assert_eq!(world.slot(&at).repository.bytes_of(&code.digest), 4 << 16);
    world.heal(&root, &at, &Tell::Both);
    world.run_for(2 * LATENCY).unwrap();
    let before = world.network.carried(&root, &at);
    // The fifth was under way.
    assert_eq!(before, 5 << 16);
    begin(&mut world, &code, "r", "r/a", 2);
    takes(&mut world, "r/a", 2, 2 * LATENCY + 6 * CHUNK);
    assert_eq!(world.network.carried(&root, &at) - before, 6 << 16);
}

#[test]
fn a_cut_that_nobody_is_told_of_ends_in_silence() {
    let (mut world, code) = world(100);
    begin(&mut world, &code, "r", "r/a/x", 1);
    world.run_for(500 * MS).unwrap();
    world.cut(&name("r"), &name("r/a"), &Tell::Nobody);
    fails(&mut world, "r/a/x", 1, &FetchFailure::Slow);
}

#[test]
fn a_far_cut_is_heard_of_over_the_edges_between() {
    let (mut world, code) = world(100);
    begin(&mut world, &code, "r", "r/a/x", 1);
    world.run_for(500 * MS).unwrap();
    let cut = world.now();
    world.crash(&name("r"), &Tell::Both);
    let (at, what) = end(&mut world, "r/a/x", 1);
    assert_eq!((at.since(cut), what.as_str()), (LATENCY, "failed: Cut"));
    // A request is not even sent that way.
    begin(&mut world, &code, "r", "r/a/x", 2);
    let (at, what) = end(&mut world, "r/a/x", 2);
    assert_eq!(at.since(cut), 3 * LATENCY);
    assert_eq!(what, "failed: Cut");
}

#[test]
fn a_rebuilt_connection_does_not_go_on_with_what_the_old_one_brought() {
    let (mut world, code) = world(100);
    begin(&mut world, &code, "r", "r/a", 1);
    world.run_for(500 * MS).unwrap();
    world.cut(&name("r"), &name("r/a"), &Tell::Nobody);
    world.heal(&name("r"), &name("r/a"), &Tell::Both);
    fails(&mut world, "r/a", 1, &FetchFailure::Cut);
}

#[test]
fn readers_are_cut_when_what_they_read_ends() {
    for how in ["fails", "is given up"] {
        let (mut world, code) = world(100);
        begin(&mut world, &code, "r", "r/a", 1);
        begin(&mut world, &code, "r/a", "r/a/x", 1);
        world.run_for(500 * MS).unwrap();
        if how == "fails" {
            world.trouble(&name("r"), &code.digest, Trouble::Corrupt(20));
        } else {
            world.cancel_fetch(&name("r/a"), FetchId(1), 0).unwrap();
            assert!(world.cancel_fetch(&name("r/a"), FetchId(1), 0).is_err());
        }
        fails(&mut world, "r/a/x", 1, &FetchFailure::Cut);
        assert_eq!(world.transfers().count(), 0, "{how}");
    }
}

#[test]
fn code_that_is_deleted_is_no_longer_served() {
    let (mut world, code) = world(100);
    begin(&mut world, &code, "r", "r/a", 1);
    world.run_for(500 * MS).unwrap();
    world.evict(&name("r"), &code.digest);
    fails(&mut world, "r/a", 1, &FetchFailure::NotHeld);
    begin(&mut world, &code, "r", "r/a", 2);
    let begun = world.now();
    let (at, what) = end(&mut world, "r/a", 2);
    assert_eq!(
        (at.since(begun), what.as_str()),
        (2 * LATENCY, "failed: NotHeld")
    );
}

#[test]
fn a_wrong_chunk_is_noticed_where_it_comes() {
    for at in [0, 1, 9] {
        let (mut world, code) = world(10);
        world.trouble(&name("r"), &code.digest, Trouble::Corrupt(at));
        begin(&mut world, &code, "r", "r/a/x", 1);
        let wrong = format!("chunk {at} is not what it should be");
        fails(&mut world, "r/a/x", 1, &FetchFailure::Lying(wrong));
        let place = name("r/a/x");
        assert_eq!(
            world.slot(&place).repository.bytes_of(&code.digest),
            at << 16
        );
        world.no_trouble(&name("r"));
        begin(&mut world, &code, "r", "r/a/x", 2);
        assert_eq!(end(&mut world, "r/a/x", 2).1, "is whole");
    }
}

#[test]
fn a_source_may_stop_end_early_or_drip() {
    let (mut world, code) = world(10);
    let root = name("r");
    world.trouble(&root, &code.digest, Trouble::Stops(3));
    begin(&mut world, &code, "r", "r/a", 1);
    let begun = world.now();
    let (at, what) = end(&mut world, "r/a", 1);
    assert_eq!(what, "failed: Slow");
    // The chunks come in the first of the times that are watched, none in the second.
    assert_eq!(at.since(begun), 2 * world.transfer.stall);
    world.no_trouble(&root);

    world.trouble(&root, &code.digest, Trouble::Short(5));
    begin(&mut world, &code, "r", "r/a", 2);
    let early = FetchFailure::Lying("it ended too early".to_owned());
    fails(&mut world, "r/a", 2, &early);
    world.no_trouble(&root);

    world.trouble(&root, &code.digest, Trouble::Drips(2000 * MS));
    world.transfer.least = 200_000;
    begin(&mut world, &code, "r", "r/a", 3);
    fails(&mut world, "r/a", 3, &FetchFailure::Slow);
    let place = name("r/a");
    assert_eq!(
        world.slot(&place).repository.bytes_of(&code.digest),
        7 << 16
    );
}

#[test]
fn a_disk_may_be_full() {
    let (mut world, code) = world(10);
    let at = name("r/a");
    world.trouble(&at, &code.digest, Trouble::DiskFull(4));
    begin(&mut world, &code, "r", "r/a", 1);
    let full = FetchFailure::Disk("no space left on device".to_owned());
    fails(&mut world, "r/a", 1, &full);
    assert_eq!(world.slot(&at).repository.bytes(), 4 << 16);
    world.no_trouble(&at);

    let slot = world.slots.get_mut(&at).unwrap();
    slot.repository.capacity = Some((4 << 16) + code.length);
    slot.repository.begin_life(world.now);
    // What the former life left is not of this code.
    let other = Arc::new(release("other", "1.0.0", code.length, "r"));
    let root = world.slots.get_mut(&name("r")).unwrap();
    root.repository.put(Arc::clone(&other));
    begin(&mut world, &other, "r", "r/a", 2);
    assert_eq!(end(&mut world, "r/a", 2).1, "is whole");
    assert_eq!(world.slot(&at).repository.bytes_of(&code.digest), 4 << 16);

    begin(&mut world, &code, "r", "r/a", 3);
    fails(&mut world, "r/a", 3, &full);
}

#[test]
fn what_no_place_may_fetch_is_refused() {
    let (mut world, code) = world(10);
    let at = name("r/a");
    let mut fetch = |number, source: &str, to: &str| {
        world.fetch(&name(to), FetchId(number), Arc::clone(&code), &name(source))
    };
    assert!(
        fetch(1, "r/a", "r/a")
            .unwrap_err()
            .contains("no other place")
    );
    assert!(
        fetch(1, "r/b", "r/a")
            .unwrap_err()
            .contains("no other place")
    );
    assert!(fetch(1, "r/a", "r").unwrap_err().contains("it holds"));
    assert_eq!(fetch(1, "r", "r/a"), Ok(()));
    assert!(fetch(2, "r", "r/a").unwrap_err().contains("on its way"));
    world.crash(&at, &Tell::Both);
    assert_eq!(world.transfers().count(), 0);
}
