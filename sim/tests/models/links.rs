//! Messages on edges: what is lost, in bursts or not, and what changing one part changes
//! of the others.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use waybook_place::Instant;
use waybook_sim::distribution::Distribution;
use waybook_sim::network::{
    Act, Bursts, DirectionModel, Disturbance, EdgeModel, Fault, LinkModel, Loss, Network,
};
use waybook_sim::quantity::Probability;

use crate::support::{MS, at, close, exponential, moments, place};

fn probability(value: f64) -> Probability {
    Probability::new(value).expect("a probability")
}

fn network(model: DirectionModel, seed: u64) -> Network {
    let mut network = Network::new(LinkModel::default(), seed);
    network.model_all(EdgeModel::alike(model));
    network.connect(&place("r"), &place("r/a"));
    network
}

/// Sends a message a second up; when each arrives, counted from its sending.
fn delays(network: &mut Network, count: u64) -> Vec<Vec<Duration>> {
    let (from, to) = (place("r/a"), place("r"));
    (0..count)
        .map(|n| {
            let now = at(n * 1000);
            let passage = network.send(now, &from, &to, "visit");
            let delay = |at: Instant| at.since(now);
            passage.arrivals.into_iter().map(delay).collect()
        })
        .collect()
}

const BURSTS: (f64, f64) = (0.02, 0.25);

fn in_bursts() -> DirectionModel {
    DirectionModel {
        loss: Loss::Bursts(Bursts {
            to_bad: probability(BURSTS.0),
            to_good: probability(BURSTS.1),
            good: probability(0.0),
            bad: probability(1.0),
        }),
        ..DirectionModel::default()
    }
}

/// Gilbert (1960): the share of bad messages is `p / (p + r)`, and a burst has `1 / r` of
/// them on average. Within 3%: a million messages have some 18,500 bursts, which makes the
/// standard error of the share 1%.
#[test]
fn loss_comes_in_bursts_and_in_the_share_that_is_stated() {
    let model = in_bursts();
    let all = delays(&mut network(model.clone(), 1), 1_000_000);
    let lost: Vec<bool> = all.iter().map(Vec::is_empty).collect();
    let count = lost.iter().filter(|lost| **lost).count() as f64;
    let share = BURSTS.0 / (BURSTS.0 + BURSTS.1);
    assert!((model.loss.mean() - share).abs() < 1e-12);
    close(share, count / 1_000_000.0, 0.03);
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
    close(1.0 / BURSTS.1, count / bursts, 0.03);
}

/// What is lost alone comes in runs of `1 / (1 - p)`: 1.08 here, and not 4.
#[test]
fn independent_loss_has_no_bursts() {
    let model = DirectionModel {
        loss: Loss::Independent(probability(0.074)),
        ..DirectionModel::default()
    };
    let all = delays(&mut network(model, 1), 200_000);
    let lost: Vec<bool> = all.iter().map(Vec::is_empty).collect();
    let count = lost.iter().filter(|lost| **lost).count() as f64;
    close(0.074, count / 200_000.0, 0.03);
    let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
    close(1.0 / (1.0 - 0.074), count / runs, 0.02);
}

/// Chance everywhere, but nothing that is lost.
fn chancy() -> DirectionModel {
    DirectionModel {
        latency: exponential(5 * MS),
        jitter: exponential(MS),
        duplicate: probability(0.1),
        reorder: probability(0.1),
        late: exponential(20 * MS),
        ..DirectionModel::default()
    }
}

#[test]
fn changing_one_part_changes_nothing_of_the_others() {
    let all = |model: DirectionModel| delays(&mut network(model, 7), 2000);
    let plain = all(chancy());

    // With loss, what arrives takes as long as without.
    for loss in [Loss::Independent(probability(0.3)), in_bursts().loss] {
        let lossy = all(DirectionModel { loss, ..chancy() });
        assert!(lossy.iter().any(Vec::is_empty));
        for (with, without) in lossy.iter().zip(&plain) {
            assert!(with.is_empty() || with == without);
        }
    }
    // Without repetition, the first arrivals are the same.
    let once = all(DirectionModel {
        duplicate: probability(0.0),
        ..chancy()
    });
    for (once, twice) in once.iter().zip(&plain) {
        assert_eq!(once.first(), twice.first());
    }
    // Another jitter changes the jitter alone: the latency is the rest.
    let steady = |jitter: Duration| {
        all(DirectionModel {
            jitter: jitter.into(),
            ..chancy()
        })
    };
    for (more, less) in steady(3 * MS).iter().zip(&steady(MS)) {
        assert_eq!(more[0], less[0] + 2 * MS);
    }
}

/// Half is lost, half repeated and half overtaken, and none of it goes with another: of what
/// arrives, each of the four cases has a quarter (standard error of 20,000: 0.3%).
#[test]
fn what_happens_to_a_message_in_one_way_says_nothing_of_the_others() {
    let model = DirectionModel {
        loss: Loss::Independent(probability(0.5)),
        duplicate: probability(0.5),
        reorder: probability(0.5),
        late: MS.into(),
        ..DirectionModel::default()
    };
    let all = delays(&mut network(model, 1), 40_000);
    let mut cases = [0.0; 4];
    for arrivals in all.iter().filter(|arrivals| !arrivals.is_empty()) {
        let (twice, late) = (arrivals.len() == 2, arrivals[0] > 5 * MS);
        cases[usize::from(twice) + 2 * usize::from(late)] += 1.0;
    }
    close(20_000.0, cases.iter().sum(), 0.02);
    for case in cases {
        close(5000.0, case, 0.05);
    }
}

/// The variance of a sum is that of its parts: 25 ms² each. Were they drawn alike, it would
/// be twice that.
#[test]
fn latency_and_jitter_are_drawn_apart() {
    let model = DirectionModel {
        latency: exponential(5 * MS),
        jitter: exponential(5 * MS),
        ..DirectionModel::default()
    };
    let all = delays(&mut network(model, 1), 100_000);
    let all: Vec<f64> = all.iter().map(|a| a[0].as_secs_f64() * 1e3).collect();
    let (mean, variance) = moments(&all);
    close(10.0, mean, 0.02);
    close(50.0, variance, 0.05);
}

#[test]
fn what_passes_one_way_changes_nothing_for_the_other_way_or_another_edge() {
    let (a, b, root) = (place("r/a"), place("r/b"), place("r"));
    let mut alone = network(chancy(), 7);
    let mut busy = network(chancy(), 7);
    busy.connect(&root, &b);
    for n in 0..200 {
        busy.send(at(n * 1000), &root, &a, "visit");
        busy.send(at(n * 1000), &b, &root, "visit");
        let here = alone.send(at(n * 1000), &a, &root, "visit").arrivals;
        assert_eq!(
            here,
            busy.send(at(n * 1000), &a, &root, "visit").arrivals,
            "{n}"
        );
    }
    // And they are not all the same.
    let up = busy.send(at(900_000), &a, &root, "visit").arrivals;
    assert_ne!(up, busy.send(at(900_000), &root, &a, "visit").arrivals);
    assert_ne!(up, busy.send(at(900_000), &b, &root, "visit").arrivals);
}

#[test]
fn an_edge_may_have_a_model_of_its_own_in_each_direction() {
    let (a, b, root) = (place("r/a"), place("r/b"), place("r"));
    let mut network = network(DirectionModel::default(), 1);
    network.connect(&root, &b);
    let slow = DirectionModel {
        latency: (50 * MS).into(),
        ..DirectionModel::default()
    };
    let own = EdgeModel {
        up: slow,
        down: DirectionModel::default(),
    };
    network.model_edge(&a, Some(Arc::new(own)));
    let mut arrival = |from, to| network.send(at(0), from, to, "visit").arrivals[0];
    assert_eq!(arrival(&a, &root), at(50));
    assert_eq!(arrival(&root, &a), at(5));
    assert_eq!(arrival(&b, &root), at(5));
    network.model_edge(&a, None);
    let arrival = network.send(at(100), &a, &root, "visit").arrivals;
    assert_eq!(arrival, [at(105)]);
}

#[test]
fn the_plain_numbers_take_the_place_of_a_model_when_they_are_set() {
    let mut network = network(chancy(), 1);
    assert_eq!(network.model.latency, 5 * MS);
    network.model = LinkModel {
        latency: 2 * MS,
        ..LinkModel::default()
    };
    assert_eq!(delays(&mut network, 2), [[2 * MS], [2 * MS]]);
}

#[test]
fn an_edge_may_be_disturbed_for_a_while() {
    let mut network = network(DirectionModel::default(), 1);
    let disturbance = Disturbance {
        loss: probability(0.2),
        duplicate: probability(1.0),
        late: Distribution::constant(7 * MS),
        ..Disturbance::default()
    };
    network.disturb(&place("r/a"), &place("r"), Some(disturbance));
    let all = delays(&mut network, 10_000);
    let lost = all.iter().filter(|arrivals| arrivals.is_empty()).count();
    assert!((1800..2200).contains(&lost), "{lost}");
    assert!(
        all.iter()
            .all(|arrivals| arrivals.is_empty() || *arrivals == [5 * MS, 12 * MS])
    );
    network.disturb(&place("r/a"), &place("r"), None);
    network.connect(&place("r"), &place("r/a"));
    assert_eq!(delays(&mut network, 2), [[5 * MS], [5 * MS]]);
}

#[test]
fn numbers_say_the_same_as_names() {
    let (a, root) = (place("r/a"), place("r"));
    let (mut by_name, mut by_number) = (network(chancy(), 3), network(chancy(), 3));
    let edge = by_number.number(&a);
    for n in 0..100 {
        let passage = by_name.send(at(n), &a, &root, "visit");
        let sent = by_number.send_on(at(n), edge, true, "visit");
        let arrivals: Vec<_> = sent.first.into_iter().chain(sent.again).collect();
        assert_eq!(passage.arrivals, arrivals);
        assert!(by_number.carries_on(edge, passage.connection));
    }
}

proptest! {
    #[test]
    fn nothing_arrives_before_it_was_sent_or_overtakes_without_leave(
        seed: u64,
        loss in 0.0..0.5,
        latency_us in 1..50_000u64,
    ) {
        let model = DirectionModel {
            latency: exponential(Duration::from_micros(latency_us)),
            loss: Loss::Independent(probability(loss)),
            reorder: probability(0.0),
            ..chancy()
        };
        let mut network = network(model, seed);
        let (a, root) = (place("r/a"), place("r"));
        let mut last = Instant::default();
        for n in 0..200 {
            for (nth, arrival) in network.send(at(n), &a, &root, "visit").arrivals.into_iter().enumerate() {
                prop_assert!(arrival >= at(n));
                if nth == 0 {
                    prop_assert!(arrival >= last);
                    last = arrival;
                }
            }
        }
    }
}

/// A message to which nothing can happen goes a shorter way through the model: not a way
/// on which anything else comes out.
#[test]
fn a_stall_holds_up_what_comes_after_it_but_not_for_ever() {
    let (a, root) = (place("r/a"), place("r"));
    let mut network = network(DirectionModel::default(), 1);
    network.arm(Fault {
        nth: 0,
        kind: None,
        act: Act::Stall(5900 * MS),
    });
    let mut arrivals = |ms| network.send(at(ms), &a, &root, "visit").arrivals;
    assert_eq!(arrivals(1000), [at(6905)]);
    assert_eq!(arrivals(1001), [at(6905)], "in order");
    assert_eq!(arrivals(800), [], "longer than the transport waits");
    assert_eq!(arrivals(6904), [at(6909)]);
}
