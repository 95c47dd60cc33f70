//! Schedules of faults.

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_sim::faults::{Act, Disk, Fault, Timeline, Way, expand};
use waybook_sim::quantity::{Factor, Shift};
use waybook_sim::workload::Member;

use crate::support::{SECOND, at, close, place, read};

fn faults(text: &str) -> Vec<Fault> {
    read(text).unwrap_or_else(|e| panic!("{e}"))
}

fn tree() -> Vec<(PlaceName, &'static str)> {
    [
        ("r", ""),
        ("r/a", "core"),
        ("r/a/x", "edge"),
        ("r/b", "core"),
    ]
    .map(|(name, class)| (place(name), class))
    .to_vec()
}

fn expanded(faults: &[Fault], tree: &[(PlaceName, &str)], seed: u64) -> Vec<(Instant, Act)> {
    let members = tree.iter().map(|(name, class)| Member { name, class });
    expand(faults.to_vec(), members, at(100_000_000), seed)
}

#[test]
fn a_fault_strikes_whom_it_names_and_ends() {
    let (a, x, b) = (place("r/a"), place("r/a/x"), place("r/b"));
    let struck = |text: &str| expanded(&faults(text), &tree(), 1);
    assert_eq!(
        struck("[{ place = 'r/a', at = '1 s', lasts = '2 s', crash = 'lose-disk' }]"),
        [
            (at(1000), Act::Crash(a.clone())),
            (at(3000), Act::Restart(a.clone(), Disk::Lost)),
        ]
    );
    assert_eq!(
        struck("[{ class = 'core', at = '1 s', crash = 'keep-disk' }]"),
        [
            (at(1000), Act::Crash(a.clone())),
            (at(1000), Act::Crash(b.clone())),
        ],
        "for ever"
    );
    assert_eq!(
        struck("[{ below = 'r/a', at = '1 s', lasts = '1 s', slow = 3 }]"),
        [
            (at(1000), Act::Slow(a.clone(), Factor::new(3.0).expect("3"))),
            (at(1000), Act::Slow(x.clone(), Factor::new(3.0).expect("3"))),
            (at(2000), Act::Slow(a.clone(), Factor::default())),
            (at(2000), Act::Slow(x.clone(), Factor::default())),
        ]
    );
    assert_eq!(
        struck("[{ place = 'r/b', at = '1 s', step = '-3 s' }]"),
        [(at(1000), Act::Step(b.clone(), Shift(-3_000_000_000)))]
    );
    let cuts = struck("[{ at = '1 s', lasts = '1 s', partition = 'up' }]");
    assert_eq!(cuts.len(), 6, "the root has no edge above it: {cuts:?}");
    assert_eq!(cuts[0], (at(1000), Act::Cut(a.clone(), Way::Up)));
    assert_eq!(cuts[3], (at(2000), Act::Mend(a, Way::Up)));
    let noise =
        struck("[{ place = 'r/b', at = '1 s', lasts = '1 s', messages = { duplicate = 0.5 } }]");
    assert!(
        matches!(&noise[0].1, Act::Disturb(at, Some(d)) if *at == b && d.duplicate.value() == 0.5)
    );
    assert_eq!(noise[1], (at(2000), Act::Disturb(b, None)));
}

const RENEWED: &str = "[{ class = 'core', to-failure = { exponential = '9 min' }, \
                       to-repair = { uniform = { from = '0 s', to = '2 min' } }, \
                       crash = 'keep-disk' }]";

/// The share of the time that a place is up is the mean time to failure over that of a
/// whole cycle, whatever the times are like (Cox, section 7.4). Within 1%: two times
/// 10,000 cycles.
#[test]
fn places_are_available_as_their_times_to_failure_and_repair_say() {
    for name in ["r/a", "r/b"] {
        let (mut down, mut since) = (0, None);
        for (at, act) in expanded(&faults(RENEWED), &tree(), 1) {
            match act {
                Act::Crash(place) if place.as_str() == name => {
                    assert_eq!(since.replace(at), None, "crashes while it is down");
                }
                Act::Restart(place, Disk::Kept) if place.as_str() == name => {
                    let crashed: Instant = since.take().expect("it was down");
                    down += at.since(crashed).as_secs();
                }
                _ => {}
            }
        }
        close(0.9, 1.0 - down as f64 / 100_000.0, 0.015);
    }
}

#[test]
fn each_place_and_fault_has_its_own_chance() {
    let all = expanded(&faults(RENEWED), &tree(), 1);
    let of = |acts: &[(Instant, Act)], name: &str| {
        let of = |act: &Act| match act {
            Act::Crash(at) | Act::Restart(at, _) => at.as_str() == name,
            _ => false,
        };
        let mine: Vec<_> = acts.iter().filter(|(_, act)| of(act)).cloned().collect();
        mine
    };
    // Without the other place, and with another fault behind it, nothing changes for one.
    let alone: Vec<_> = tree().into_iter().skip(3).collect();
    assert_eq!(of(&all, "r/b"), expanded(&faults(RENEWED), &alone, 1));
    let mut more = faults(RENEWED);
    more.extend(faults(
        "[{ to-failure = { exponential = '1 h' }, step = '1 s' }]",
    ));
    assert_eq!(of(&all, "r/b"), of(&expanded(&more, &tree(), 1), "r/b"));
    // The places do not fail together, nor as under another seed.
    let times = |acts: Vec<(Instant, Act)>| acts.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    assert_ne!(times(of(&all, "r/a")), times(of(&all, "r/b")));
    assert_ne!(all, expanded(&faults(RENEWED), &tree(), 2));
}

#[test]
fn what_is_stepped_at_random_is_not_stepped_back() {
    let acts = expanded(
        &faults("[{ place = 'r/a', to-failure = '10 s', step = '1 s' }]"),
        &tree(),
        1,
    );
    assert_eq!(acts.len(), 10_000);
    assert!(
        acts.iter()
            .all(|(_, act)| matches!(act, Act::Step(_, Shift(1_000_000_000))))
    );
    assert_eq!(acts[1].0, at(20_000));
}

proptest! {
    #[test]
    fn a_timeline_is_in_the_order_of_time(seed: u64) {
        let tree = tree();
        let members = tree.iter().map(|(name, class)| Member { name, class });
        let mut all = faults(RENEWED);
        all.extend(faults(
            "[{ at = '20 min', lasts = { exponential = '5 min' }, slow = 2.0 }, \
              { to-failure = { exponential = '5 min' }, to-repair = '1 s', partition = 'both' }]",
        ));
        let acts: Vec<_> = Timeline::new(all, members, seed).take(200).collect();
        prop_assert_eq!(acts.len(), 200);
        prop_assert!(acts.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(acts[0].0 < Instant::default() + 1000 * 60 * SECOND);
    }
}
