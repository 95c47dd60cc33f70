//! Code on demand: who fetches what from where, how often, and what happens if that goes
//! wrong.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_place::io::RequestId;
use waybook_plan::{Position, Release, SigningKey};
use waybook_sim::client::{Knows, Script, request};
use waybook_sim::network::{Act, Fault};
use waybook_sim::setting::release;
use waybook_sim::transfer::Trouble;
use waybook_sim::world::Tell;
use waybook_sim::{Setting, World};

use crate::scenarios::settings::{MBIT, film, place, quality, quality_with, two_localities};
use crate::support::{LIMIT, MS, SECOND};

/// The bytes of a chunk.
pub(crate) const CHUNK: u64 = 64 << 10;

/// The film is at `r/b/y`; its better quality needs `pass` at the client's place, its worse
/// one nothing. Every edge takes 8 Mbit/s.
pub(crate) fn setting() -> Setting {
    let qualities = [
        quality_with("hd", 2 * MBIT, Position::Client, "pass@^1"),
        quality("sd", MBIT, 100),
    ];
    let mut setting = two_localities().publish("r/b/y", film(&qualities));
    setting.bandwidth = Some(8 * MBIT);
    setting
}

/// `pass@1.0.0`, of that many chunks.
pub(crate) fn pass(chunks: u64, home: &str) -> Arc<Release> {
    Arc::new(release("pass", "1.0.0", chunks * CHUNK, home))
}

/// The world of a setting in which that code was added at its home, and everybody knows.
pub(crate) fn with_code(setting: &Setting, code: &[Arc<Release>]) -> World {
    let mut world = World::new(setting, 1).unwrap();
    world.run_for(SECOND).unwrap();
    for release in code {
        let added = world.add_code(&release.home, release).unwrap();
        assert_eq!(added, Ok(vec![Arc::clone(release)]));
    }
    world.run_for(SECOND).unwrap();
    world.index_is_known();
    world
}

/// A client asks for the film at `r/a/x`, or elsewhere.
pub(crate) fn ask(world: &mut World, at: &str) -> RequestId {
    world.open(&place(at), request("film"), Script::STAYS, Duration::ZERO)
}

pub(crate) fn quiet(world: &mut World) {
    let result = world.run_until_quiet(LIMIT);
    result.unwrap_or_else(|violation| panic!("{violation}"));
}

/// The quality that a client was given.
pub(crate) fn given(world: &World, id: RequestId) -> &str {
    match world.knows(id) {
        Knows::Session(session) => &session.quality,
        other => panic!("{other:?}"),
    }
}

/// What became of the first solution of a client that was given another one.
pub(crate) fn refused_first(world: &World, id: RequestId) -> String {
    match world.knows(id) {
        Knows::Session(session) => session.refused[0].to_string(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn carried(world: &World, from: &str, to: &str) -> u64 {
    world.network.carried(&place(from), &place(to))
}

pub(crate) fn holds(world: &World, at: &str, release: &Release) -> bool {
    world.slot(&place(at)).repository().holds(&release.digest)
}

/// Whoever reads code at a place, by the sources of the transfers under way.
fn sources(world: &World, at: &str) -> Vec<PlaceName> {
    let transfers = world.transfers().filter(|t| t.place == place(at));
    transfers.map(|t| t.source().clone()).collect()
}

/// Steps until something is so.
fn until(world: &mut World, mut so: impl FnMut(&World) -> bool) {
    while !so(world) {
        let stepped = world.step();
        assert!(stepped.unwrap_or_else(|violation| panic!("{violation}")));
    }
}

#[test]
fn what_a_leaf_lacks_comes_through_its_default_place_and_both_keep_it() {
    let code = pass(10, "r");
    let mut world = with_code(&setting(), &[Arc::clone(&code)]);
    let id = ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(given(&world, id), "hd");
    for (at, held) in [
        ("r", true),
        ("r/a", true),
        ("r/a/x", true),
        ("r/a/z", false),
        ("r/b", false),
    ] {
        assert_eq!(holds(&world, at, &code), held, "at {at}");
    }
    let twice = |world: &World| [carried(world, "r", "r/a"), carried(world, "r/a", "r/a/x")];
    assert_eq!(twice(&world), [code.length; 2]);

    let id = ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(given(&world, id), "hd");
    assert_eq!(
        twice(&world),
        [code.length; 2],
        "the second session fetches nothing"
    );

    ask(&mut world, "r/a/z");
    quiet(&mut world);
    assert_eq!(carried(&world, "r/a", "r/a/z"), code.length);
    assert_eq!(
        carried(&world, "r", "r/a"),
        code.length,
        "the default place has kept it"
    );
}

#[test]
fn a_hundred_sessions_at_once_cause_one_transfer_for_each_place() {
    let code = pass(10, "r");
    let mut qualities = [quality_with("hd", 1000, Position::Client, "pass@^1")];
    qualities[0].demand.server = crate::scenarios::settings::demand(&[("cpu", 1)]);
    let mut setting = two_localities().publish("r/b/y", film(&qualities));
    setting.bandwidth = Some(8 * MBIT);
    let mut world = with_code(&setting, &[Arc::clone(&code)]);
    let ids: Vec<_> = (0..100)
        .map(|number| ask(&mut world, ["r/a/x", "r/a/z"][number % 2]))
        .collect();
    quiet(&mut world);
    for id in ids {
        assert_eq!(given(&world, id), "hd");
    }
    for (from, to) in [("r", "r/a"), ("r/a", "r/a/x"), ("r/a", "r/a/z")] {
        assert_eq!(
            carried(&world, from, to),
            code.length,
            "from {from} to {to}"
        );
        let counters = world.place(&place(to)).unwrap().counters();
        assert_eq!(
            (counters.fetched, counters.fetch_failures),
            (1, 0),
            "at {to}"
        );
    }
}

#[test]
fn the_second_start_of_code_at_a_place_needs_no_compiling() {
    let mut world = with_code(&setting(), &[pass(1, "r")]);
    world.compile_time = 700 * MS;
    let took = |world: &mut World| {
        let id = ask(world, "r/a/x");
        quiet(world);
        match world.knows(id) {
            Knows::Session(session) => session.took,
            other => panic!("{other:?}"),
        }
    };
    let (first, second) = (took(&mut world), took(&mut world));
    assert!(first > 700 * MS && first < SECOND, "{first:?}");
    assert!(second < 200 * MS, "{second:?}");
}

/// The edge breaks at some moment of the transfer, and heals: what has come does not come
/// again.
///
/// A place whose default place had lost its own source read from home, past it, and so the
/// same code came twice over the edge that was cut.
#[test]
fn a_transfer_that_is_cut_goes_on_at_the_chunk() {
    let code = pass(10, "r");
    for (a, b) in [("r", "r/a"), ("r/a", "r/a/x")] {
        // Before that it is not known yet what is to be transferred.
        for after in [80, 150, 200, 300, 500, 650, 700] {
            let mut world = with_code(&setting(), &[Arc::clone(&code)]);
            let id = ask(&mut world, "r/a/x");
            world.run_for(after * MS).unwrap();
            world.cut(&place(a), &place(b), &Tell::Both);
            world.run_for(SECOND).unwrap();
            world.heal(&place(a), &place(b), &Tell::Both);
            quiet(&mut world);
            assert_eq!(given(&world, id), "hd", "{a} - {b} after {after} ms");
            for (from, to) in [("r", "r/a"), ("r/a", "r/a/x")] {
                let bytes = carried(&world, from, to);
                // One chunk may have been leaving, and one arriving.
                let most = code.length + 2 * CHUNK;
                assert!(
                    (code.length..=most).contains(&bytes),
                    "{a} - {b} after {after} ms: {bytes} from {from} to {to}"
                );
            }
        }
    }
}

#[test]
fn a_source_that_sends_a_wrong_chunk_is_left_for_the_next_one() {
    let code = pass(10, "r");
    for wrong in 0..10 {
        let mut world = with_code(&setting(), &[Arc::clone(&code)]);
        world.trouble(&place("r/a"), &code.digest, Trouble::Corrupt(wrong));
        let id = ask(&mut world, "r/a/x");
        quiet(&mut world);
        assert_eq!(given(&world, id), "hd", "chunk {wrong}");
        // From home, over the place that lies: what was right until then is kept.
        let bytes = carried(&world, "r/a", "r/a/x");
        assert!(bytes <= code.length + 2 * CHUNK, "chunk {wrong}: {bytes}");
    }
}

#[test]
fn a_source_that_stops_ends_early_or_drips_is_left_for_the_next_one() {
    let code = pass(10, "r");
    for trouble in [
        Trouble::Stops(3),
        Trouble::Stops(0),
        Trouble::Short(7),
        Trouble::Drips(9 * SECOND),
    ] {
        let mut world = with_code(&setting(), &[Arc::clone(&code)]);
        world.trouble(&place("r/a"), &code.digest, trouble);
        let id = ask(&mut world, "r/a/x");
        quiet(&mut world);
        assert_eq!(given(&world, id), "hd", "{trouble:?}");
    }
}

#[test]
fn what_nobody_sends_rightly_is_refused_with_the_reason() {
    let code = pass(10, "r");
    let mut world = with_code(&setting(), &[Arc::clone(&code)]);
    for at in ["r", "r/a"] {
        world.trouble(&place(at), &code.digest, Trouble::Corrupt(4));
    }
    let id = ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(given(&world, id), "sd");
    let why = refused_first(&world, id);
    assert!(
        why.contains("pass@1.0.0") && why.contains("chunk 4"),
        "{why}"
    );
}

/// The nearest place that holds it crashes half way: the rest comes from the next one.
#[test]
fn a_holder_that_dies_half_way_is_replaced() {
    let code = pass(10, "r");
    let mut setting = setting();
    setting.code.strategy = DownloadStrategy::NearestHolder;
    let mut world = with_code(&setting, &[Arc::clone(&code)]);
    ask(&mut world, "r/a/z");
    quiet(&mut world);
    let before = carried(&world, "r", "r/a");
    let id = ask(&mut world, "r/a/x");
    until(&mut world, |world| !sources(world, "r/a/x").is_empty());
    assert_eq!(sources(&world, "r/a/x"), [place("r/a/z")]);
    world.run_for(300 * MS).unwrap();
    world.crash(&place("r/a/z"), &Tell::Both);
    world.run_until_answered(LIMIT).unwrap();
    assert_eq!(given(&world, id), "hd");
    let rest = carried(&world, "r", "r/a") - before;
    assert!(rest > 0 && rest < code.length, "{rest}");
    world.restart(&place("r/a/z"), true).unwrap();
    quiet(&mut world);
}

#[test]
fn a_full_disk_is_the_refusal() {
    let code = pass(10, "r");
    let mut setting = setting();
    setting.places.get_mut(&place("r/a/x")).unwrap().disk = Some(4 * CHUNK);
    let mut world = with_code(&setting, &[Arc::clone(&code)]);
    let id = ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(given(&world, id), "sd");
    let why = refused_first(&world, id);
    assert!(why.contains("no space left on device"), "{why}");
    // That its default place has no room is no reason: the code can pass through.
    setting.places.get_mut(&place("r/a/x")).unwrap().disk = None;
    setting.places.get_mut(&place("r/a")).unwrap().disk = Some(4 * CHUNK);
    let mut world = with_code(&setting, &[Arc::clone(&code)]);
    let id = ask(&mut world, "r/a/x");
    quiet(&mut world);
    assert_eq!(given(&world, id), "hd");
}

#[test]
fn only_what_a_trusted_publisher_signed_runs_where_that_is_asked_for() {
    // Of PKCS #8 for Ed25519 (RFC 8410) only the key itself varies.
    let key = |seed: u8| {
        let mut document =
            b"\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        document.extend([seed; 32]);
        SigningKey::from_pkcs8(&document).unwrap()
    };
    let (mine, other) = (key(7), key(8));
    let setting = setting().code("r/a/x", |code| {
        code.trust.unsigned = false;
        code.trust.publishers = vec![mine.publisher().0];
    });
    for (key, expected) in [(Some(&mine), "hd"), (Some(&other), "sd"), (None, "sd")] {
        let mut code = release("pass", "1.0.0", CHUNK, "r");
        if let Some(key) = key {
            code.sign(key);
        }
        let mut world = with_code(&setting, &[Arc::new(code)]);
        let id = ask(&mut world, "r/a/x");
        quiet(&mut world);
        assert_eq!(given(&world, id), expected);
        let fetched = carried(&world, "r/a", "r/a/x");
        assert_eq!(
            fetched > 0,
            expected == "hd",
            "nothing comes that may not run"
        );
    }
}

/// An agent that is lost on its way, out or back, is sent again: the outcome stays the same.
#[test]
fn a_lost_download_agent_changes_no_outcome() {
    for strategy in DownloadStrategy::ALL.map(|(_, strategy)| strategy) {
        let mut setting = setting();
        setting.code.strategy = strategy.clone();
        for nth in 0..6 {
            let mut world = with_code(&setting, &[pass(3, "r/b/w")]);
            let id = ask(&mut world, "r/a/x");
            world.network.arm(Fault {
                nth,
                kind: Some("download"),
                act: Act::Drop,
            });
            quiet(&mut world);
            assert_eq!(given(&world, id), "hd", "{strategy}, agent {nth}");
        }
    }
}
