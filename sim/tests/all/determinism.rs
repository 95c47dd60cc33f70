//! One seed gives one run, line by line; another gives another.

use std::time::Duration;

use waybook_sim::client::Script;

use crate::support::{LIMIT, MS, SECOND, scenarios};

/// A noisy run's digest and number of lines.
fn run(seed: u64) -> (u64, u64) {
    let scenario = scenarios().remove(2);
    let mut world = scenario.begin(seed).unwrap();
    world.network.model.jitter = 20 * MS;
    world.network.model.loss = 0.1;
    world.network.model.duplicate = 0.1;
    world.network.model.reorder = 0.1;
    for _ in 0..5 {
        scenario.ask(&mut world, Script::STAYS);
        world.run_for(Duration::from_millis(300)).unwrap();
    }
    world.run_for(30 * SECOND).unwrap();
    (world.transcript().digest(), world.transcript().count())
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    assert_eq!(run(7), run(7));
}

#[test]
fn other_seeds_give_other_transcripts() {
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn what_one_purpose_draws_changes_nothing_for_another() {
    // Without noise the network draws nothing; with a chance that never comes true it
    // does. The places must not notice.
    let run = |loss| {
        let scenario = scenarios().remove(0);
        let mut world = scenario.begin(3).unwrap();
        world.network.model.loss = loss;
        scenario.ask(&mut world, Script::STAYS);
        world.run_until_quiet(LIMIT).unwrap();
        world.transcript().digest()
    };
    assert_eq!(run(0.0), run(f64::MIN_POSITIVE));
}
