//! The modelled network keeps what it promises.

use std::time::Duration;

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_sim::network::{Act, Fault, LinkModel, Network, Passage, Rates};

use crate::scenarios::settings::place;
use crate::support::{MS, SECOND};

fn ends() -> (PlaceName, PlaceName) {
    (place("r/a"), place("r"))
}

fn network(model: LinkModel, seed: u64) -> Network {
    let mut network = Network::new(model, seed);
    let (a, b) = ends();
    network.connect(&a, &b);
    network
}

fn at(ms: u64) -> Instant {
    Instant(ms * 1_000_000)
}

/// Sends a message every millisecond.
fn send(network: &mut Network, count: u64) -> Vec<Passage> {
    let (a, b) = ends();
    (0..count)
        .map(|ms| network.send(at(ms), &a, &b, "visit"))
        .collect()
}

fn arrivals(network: &mut Network, count: u64) -> Vec<Vec<u64>> {
    let ms = |at: Instant| at.0 / 1_000_000;
    send(network, count)
        .into_iter()
        .map(|passage| passage.arrivals.into_iter().map(ms).collect())
        .collect()
}

fn fault(nth: u64, act: Act) -> Fault {
    Fault {
        nth,
        kind: None,
        act,
    }
}

#[test]
fn a_quiet_network_delivers_after_its_latency() {
    let mut network = network(LinkModel::default(), 1);
    assert_eq!(arrivals(&mut network, 3), [[5], [6], [7]]);
}

#[test]
fn faults_strike_the_message_that_they_name() {
    let struck = |act| {
        let mut network = network(LinkModel::default(), 1);
        network.arm(fault(1, act));
        let arrivals = arrivals(&mut network, 4);
        assert!(!network.is_armed());
        arrivals
    };
    assert_eq!(struck(Act::Drop), [vec![5], vec![], vec![7], vec![8]]);
    assert_eq!(
        struck(Act::Duplicate(10 * MS)),
        [vec![5], vec![6, 16], vec![7], vec![8]]
    );
    assert_eq!(struck(Act::Stall(10 * MS)), [[5], [16], [16], [16]]);
    assert_eq!(struck(Act::Postpone(10 * MS)), [[5], [16], [7], [8]]);
}

#[test]
fn faults_can_name_a_kind() {
    let (a, b) = ends();
    let mut network = network(LinkModel::default(), 1);
    network.arm(Fault {
        kind: Some("ready"),
        ..fault(1, Act::Drop)
    });
    let kinds = ["ready", "visit", "visit", "ready", "ready"];
    let lost = kinds.map(|kind| network.send(at(0), &a, &b, kind).arrivals.is_empty());
    assert_eq!(lost, [false, false, false, true, false]);
}

#[test]
fn what_is_under_way_on_a_broken_connection_is_lost() {
    let (a, b) = ends();
    let mut network = network(LinkModel::default(), 1);
    let before = network.send(at(0), &a, &b, "visit");
    assert!(network.carries(&a, &b, before.connection));
    network.disconnect(&a, &b);
    assert!(!network.stands(&a, &b));
    assert!(!network.carries(&a, &b, before.connection));
    assert_eq!(network.send(at(0), &a, &b, "visit").arrivals, []);
    network.connect(&b, &a);
    assert!(!network.carries(&a, &b, before.connection));
    let after = network.send(at(0), &a, &b, "visit");
    assert!(network.carries(&a, &b, after.connection));
}

#[test]
fn an_edge_may_be_mute_one_way() {
    let (a, b) = ends();
    let mut network = network(LinkModel::default(), 1);
    network.mute(&a, &b, true);
    assert_eq!(network.send(at(0), &a, &b, "visit").arrivals, []);
    assert_eq!(network.send(at(0), &b, &a, "visit").arrivals, [at(5)]);
    network.mute(&a, &b, false);
    assert_eq!(network.send(at(0), &a, &b, "visit").arrivals, [at(5)]);
}

#[test]
fn probabilities_come_true_about_as_often_as_they_say() {
    let model = LinkModel {
        loss: 0.2,
        duplicate: 0.1,
        ..LinkModel::default()
    };
    let all = arrivals(&mut network(model, 1), 10_000);
    let count = |n| all.iter().filter(|arrivals| arrivals.len() == n).count();
    assert!((1800..2200).contains(&count(0)), "{} lost", count(0));
    assert!((650..950).contains(&count(2)), "{} doubled", count(2));
}

/// Edges of the model take 8 Mbit/s, that of `r/a` half of it towards the root.
fn shaped() -> Network {
    let model = LinkModel {
        bandwidth: Some(8_000_000),
        ..LinkModel::default()
    };
    let mut network = network(model, 1);
    network.connect(&place("r/b"), &place("r"));
    let rates = Rates {
        up: Some(4_000_000),
        down: None,
    };
    network.shape(&place("r/a"), Some(rates));
    network
}

/// Hands a chunk of 1000 bytes over: when it has left and when it arrives, in milliseconds.
fn carry(network: &mut Network, now: u64, from: &str, to: &str) -> (u64, u64) {
    let carriage = network.carry(at(now), &place(from), &place(to), 1000);
    (carriage.left.0 / 1_000_000, carriage.arrives.0 / 1_000_000)
}

#[test]
fn chunks_wait_for_those_before_them_in_their_direction() {
    let mut network = shaped();
    assert_eq!(carry(&mut network, 0, "r", "r/b"), (1, 6));
    assert_eq!(carry(&mut network, 0, "r", "r/b"), (2, 7));
    assert_eq!(
        carry(&mut network, 0, "r/b", "r"),
        (1, 6),
        "the other direction"
    );
    assert_eq!(
        carry(&mut network, 9, "r", "r/b"),
        (10, 15),
        "it is free again"
    );
    assert_eq!(network.carried(&place("r"), &place("r/b")), 3000);
    assert_eq!(network.carried(&place("r/b"), &place("r")), 1000);
}

#[test]
fn an_edge_may_have_rates_of_its_own() {
    let mut network = shaped();
    assert_eq!(carry(&mut network, 0, "r/a", "r"), (2, 7));
    assert_eq!(carry(&mut network, 0, "r", "r/a"), (0, 5), "no limit");
    network.shape(&place("r/a"), None);
    assert_eq!(carry(&mut network, 9, "r", "r/a"), (10, 15));
}

#[test]
fn a_new_connection_begins_with_nothing_under_way() {
    let mut network = shaped();
    for _ in 0..100 {
        carry(&mut network, 0, "r", "r/b");
    }
    let connection = network.connect(&place("r"), &place("r/b"));
    assert_eq!(carry(&mut network, 0, "r", "r/b"), (1, 6));
    let (from, to) = (place("r"), place("r/b"));
    assert!(network.passes(&from, &to, connection));
    assert!(!network.passes(&from, &to, connection - 1));
    network.mute(&from, &to, true);
    assert!(!network.passes(&from, &to, connection));
    assert!(network.passes(&to, &from, connection));
}

fn any_model() -> impl Strategy<Value = LinkModel> {
    (0..50u32, 0..50u32, 0.0..0.5, 0.0..0.5, 0..9000u32).prop_map(
        |(latency, jitter, loss, duplicate, late)| LinkModel {
            latency: latency * MS,
            jitter: jitter * MS,
            loss,
            duplicate,
            reorder: 0.0,
            late: late * MS,
            idle: 6 * SECOND,
            bandwidth: None,
        },
    )
}

proptest! {
    #[test]
    fn a_stream_keeps_its_order(model in any_model(), seed: u64, stall in 0..7000u32) {
        let mut network = network(model, seed);
        network.arm(fault(20, Act::Stall(stall * MS)));
        let firsts: Vec<_> = send(&mut network, 100)
            .into_iter()
            .filter_map(|passage| passage.arrivals.first().copied())
            .collect();
        prop_assert!(firsts.is_sorted());
    }

    #[test]
    fn nothing_arrives_too_early_or_too_late(
        model in any_model(),
        reorder in 0.0..0.5,
        seed: u64,
    ) {
        let model = LinkModel { reorder, ..model };
        for (sent, passage) in send(&mut network(model, seed), 100).into_iter().enumerate() {
            for arrival in passage.arrivals {
                let took = arrival.since(at(sent as u64));
                prop_assert!(took >= model.latency && took <= model.idle, "{took:?}");
            }
        }
    }

    #[test]
    fn reordering_overtakes(seed: u64) {
        let model = LinkModel { reorder: 0.5, late: Duration::from_millis(100), ..LinkModel::default() };
        let all = arrivals(&mut network(model, seed), 200);
        prop_assert!(!all.is_sorted());
    }

    #[test]
    fn one_seed_gives_one_fate(model in any_model(), seed: u64) {
        let run = || send(&mut network(model, seed), 50);
        prop_assert_eq!(run(), run());
    }
}
