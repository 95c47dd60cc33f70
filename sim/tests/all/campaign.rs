//! A short campaign: random cases with everything going wrong, on all processors. A long one is
//! `scripts/soak`, or `waybook sim fuzz`.

#![allow(
    clippy::disallowed_methods,
    reason = "a driver of many runs: threads, and a person's wish"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use waybook_sim::fuzz::{Case, Failure, Tally, draw, execute};

use crate::support::seeds;

/// Cases that failed once. Each says in its first lines what failed.
const FAILED_ONCE: [(&str, &str); 11] = [
    (
        "clock-set-back",
        include_str!("../cases/clock-set-back.toml"),
    ),
    (
        "transfer-ends-unheard",
        include_str!("../cases/transfer-ends-unheard.toml"),
    ),
    (
        "add-waits-for-the-machine",
        include_str!("../cases/add-waits-for-the-machine.toml"),
    ),
    (
        "transfer-ends-at-its-deadline",
        include_str!("../cases/transfer-ends-at-its-deadline.toml"),
    ),
    (
        "two-solutions-after-a-crash",
        include_str!("../cases/two-solutions-after-a-crash.toml"),
    ),
    (
        "two-components-fail-at-once",
        include_str!("../cases/two-components-fail-at-once.toml"),
    ),
    (
        "clock-set-ahead",
        include_str!("../cases/clock-set-ahead.toml"),
    ),
    (
        "a-refusal-is-forgotten",
        include_str!("../cases/a-refusal-is-forgotten.toml"),
    ),
    (
        "a-refusal-reaches-further",
        include_str!("../cases/a-refusal-reaches-further.toml"),
    ),
    (
        "cut-again-before-it-was-told",
        include_str!("../cases/cut-again-before-it-was-told.toml"),
    ),
    (
        "slow-for-too-long",
        include_str!("../cases/slow-for-too-long.toml"),
    ),
];

fn campaign(seeds: &[u64]) -> (Tally, Vec<(u64, Failure)>) {
    let next = AtomicU64::new(0);
    let found: Mutex<(Tally, Vec<(u64, Failure)>)> = Mutex::default();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let Some(seed) = seeds.get(at) else { return };
                    let run = execute(&draw(*seed), false).unwrap();
                    let mut found = found.lock().unwrap();
                    found.0.merge(&run.tally);
                    found.1.extend(run.failure.map(|failure| (*seed, failure)));
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn whatever_goes_wrong_the_promises_are_kept() {
    let seeds = seeds(3000);
    let (tally, failures) = campaign(&seeds);
    let told: Vec<_> = failures
        .iter()
        .map(|(seed, failure)| {
            format!(
                "waybook sim fuzz --seeds {seed}..{}: {}",
                seed + 1,
                failure.violation.what
            )
        })
        .collect();
    assert!(
        told.is_empty(),
        "{} failed:\n{}",
        told.len(),
        told.join("\n")
    );
    if seeds.len() < 1000 {
        return;
    }
    // A campaign in which nothing happens would find nothing.
    for what in [
        "code fetched",
        "code transfers failed",
        "crashes during set-ups",
        "faults: clock set",
        "faults: crash without its disk",
        "faults: cut",
        "faults: message",
        "faults: mute",
        "fell back",
        "leases lapsed",
        "messages fenced",
        "messages of older lives",
        "requests established and broken",
        "solutions refused: lacking",
        "solutions refused: limit",
        "traced back",
    ] {
        assert!(tally.of(what) >= 10, "{what}: {}", tally.of(what));
    }
    // Rarer, for a session must be cut where something else can take its place.
    for what in [
        "requests established and reconciled",
        "requests established and replaced",
    ] {
        assert!(tally.of(what) >= 3, "{what}: {}", tally.of(what));
    }
    let (established, asked) = (tally.established(), tally.of("requests"));
    assert!(
        established * 3 > asked,
        "{established} of {asked} requests got a session"
    );
}

#[test]
fn what_failed_once_does_not_fail_again() {
    for (name, text) in FAILED_ONCE {
        let case = Case::from_toml(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let run = execute(&case, true).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(failure) = run.failure {
            panic!("{name}: {}", failure.violation);
        }
    }
}
