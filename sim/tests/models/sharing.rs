//! Chunks that share an edge, against what is known of processor sharing.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rand::RngExt;
use waybook_place::Instant;
use waybook_sim::network::{
    Carriage, DirectionModel, Discipline, EdgeModel, Finished, Handed, LinkModel, Messages, Network,
};
use waybook_sim::random;

use crate::support::{MS, at, close, exponential, place};

/// One edge of 8 Mbit/s: a byte a microsecond.
fn network(discipline: Discipline) -> Network {
    let mut network = Network::new(LinkModel::default(), 1);
    network.model_all(EdgeModel::alike(DirectionModel {
        bandwidth: Some(8_000_000),
        discipline,
        messages: Messages::Within,
        ..DirectionModel::default()
    }));
    network.connect(&place("r"), &place("r/a"));
    network
}

/// Hands over a chunk that shares; when to ask who is done.
fn share(network: &mut Network, now: Instant, flow: u64, length: u64) -> Option<Instant> {
    match network.hand(now, &place("r"), &place("r/a"), flow, length) {
        Handed::Shares(ask) => ask,
        Handed::Queues(_) => panic!("the edge is shared"),
    }
}

/// What a chunk in a queue is told that has left at that time.
fn turn(left_ms: u64) -> Handed {
    Handed::Queues(Carriage {
        left: at(left_ms),
        arrives: at(left_ms + 5),
    })
}

/// Lets chunks come at their times, and asks when told to; who is done when, in order. A
/// chunk is (when it comes, its bytes); it is known by its number.
fn run(network: &mut Network, chunks: &[(Instant, u64)]) -> Vec<(u64, Instant)> {
    let (from, to) = (place("r"), place("r/a"));
    let mut asks: Vec<Instant> = Vec::new();
    let mut left = Vec::new();
    let mut coming = chunks.iter().enumerate().peekable();
    loop {
        asks.sort_unstable_by(|a, b| b.cmp(a));
        let ask = asks.last().copied();
        match coming.peek() {
            Some((number, (comes, length))) if ask.is_none_or(|ask| *comes < ask) => {
                asks.extend(share(network, *comes, *number as u64, *length));
                coming.next();
            }
            _ => {
                let Some(now) = asks.pop() else {
                    return left;
                };
                let Finished { done, ask } = network.finish(now, &from, &to);
                asks.extend(ask);
                for (number, carriage) in done {
                    assert_eq!(carriage.left, now);
                    assert_eq!(carriage.arrives, now + 5 * MS);
                    left.push((number, carriage.left));
                }
            }
        }
    }
}

#[test]
fn alone_a_chunk_has_all() {
    let mut network = network(Discipline::Fair);
    assert_eq!(run(&mut network, &[(at(3), 2000)]), [(0, at(5))]);
}

#[test]
fn all_who_are_there_have_the_same_share() {
    let mut network = network(Discipline::Fair);
    // Three share until the short one is done, then two.
    let chunks = [(at(0), 3000), (at(0), 1000), (at(0), 2000)];
    assert_eq!(
        run(&mut network, &chunks),
        [(1, at(3)), (2, at(5)), (0, at(6))]
    );
    // Who comes later slows who is there: 2 ms alone, then both at half the pace.
    let chunks = [(at(10), 4000), (at(12), 1000)];
    assert_eq!(run(&mut network, &chunks), [(1, at(14)), (0, at(15))]);
}

#[test]
fn messages_go_before_chunks_that_share_and_behind_those_that_queue() {
    let (from, to) = (place("r"), place("r/a"));
    let mut fair = network(Discipline::Fair);
    assert_eq!(share(&mut fair, at(0), 7, 2000), Some(at(2)));
    let message = fair.send_sized(at(1), &from, &to, "visit", 1000);
    assert_eq!(message.arrivals, [at(7)], "at once, with its own 1 ms");
    let early = fair.finish(at(2), &from, &to);
    assert_eq!((early.done.len(), early.ask), (0, Some(at(3))));
    assert_eq!(fair.finish(at(3), &from, &to).done.len(), 1);

    let mut queue = network(Discipline::Queue);
    assert_eq!(queue.hand(at(0), &from, &to, 7, 2000), turn(2));
    let message = queue.send_sized(at(1), &from, &to, "visit", 1000);
    assert_eq!(message.arrivals, [at(8)], "when the chunk has left");
    assert_eq!(queue.hand(at(1), &from, &to, 7, 1000), turn(4));
}

#[test]
fn who_leaves_makes_room() {
    let (from, to) = (place("r"), place("r/a"));
    let mut network = network(Discipline::Fair);
    assert_eq!(share(&mut network, at(0), 1, 2000), Some(at(2)));
    assert_eq!(share(&mut network, at(0), 2, 2000), None, "at 2 ms");
    let at_two = network.finish(at(2), &from, &to);
    assert_eq!((at_two.done.len(), at_two.ask), (0, Some(at(4))));
    assert_eq!(network.leave(at(2), &from, &to, 1), Some(at(3)));
    let done = network.finish(at(3), &from, &to).done;
    assert_eq!(done.iter().map(|(flow, _)| *flow).collect::<Vec<_>>(), [2]);
}

const CHUNKS: u32 = 200_000;

/// M/G/1 with processor sharing: the mean time of a chunk is its mean length over what the
/// load leaves, whatever the lengths are like (Kleinrock, vol. 2, equation 4.17). Within
/// 5%, at 70% load.
#[test]
fn the_mean_time_of_a_chunk_depends_on_the_mean_length_alone() {
    let exponential = |mean_us: u64| exponential(Duration::from_micros(mean_us));
    for seed in [1, 2] {
        let mut rng = random::small(seed, "chunks", 0);
        let mut now = at(0);
        let mut chunks = Vec::new();
        for _ in 0..CHUNKS {
            now = now + exponential(1000).sample(&mut rng);
            let length = match seed {
                1 => exponential(700).sample(&mut rng).as_micros() as u64,
                // Twice the mean or nearly nothing.
                _ => [1, 1399][usize::from(rng.random_bool(0.5))],
            };
            chunks.push((now, length));
        }
        let done = run(&mut network(Discipline::Fair), &chunks);
        assert_eq!(done.len(), chunks.len());
        let times = done
            .iter()
            .map(|(n, left)| left.since(chunks[*n as usize].0).as_secs_f64());
        let mean = times.sum::<f64>() / done.len() as f64;
        let length = chunks.iter().map(|c| c.1 as f64).sum::<f64>() / f64::from(CHUNKS) / 1e6;
        let load = length / (now.0 as f64 / 1e9 / f64::from(CHUNKS));
        close(length / (1.0 - load), mean, 0.05);
    }
}

fn any_chunks() -> impl Strategy<Value = Vec<(Instant, u64)>> {
    prop::collection::vec((0..3_000_000u64, 0..5000u64), 1..40).prop_map(|steps| {
        let mut now = Instant::default();
        let step = |(later, length)| {
            now = now + Duration::from_nanos(later);
            (now, length)
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn a_shared_edge_takes_no_more_than_its_rate_and_rests_only_when_empty(
        chunks in any_chunks(),
    ) {
        let done: BTreeMap<_, _> =
            run(&mut network(Discipline::Fair), &chunks).into_iter().collect();
        prop_assert_eq!(done.len(), chunks.len());
        // A single server that is never idle while something is there is done with all of
        // a busy period when any other discipline is.
        let mut free = Instant::default();
        let mut period = (Instant::default(), Vec::new());
        for (number, (comes, length)) in chunks.iter().enumerate() {
            prop_assert!(done[&(number as u64)] >= *comes + Duration::from_micros(*length));
            if *comes > free {
                check_period(&done, &period)?;
                period.1.clear();
            }
            free = free.max(*comes) + Duration::from_micros(*length);
            period.0 = free;
            period.1.push(number as u64);
        }
        check_period(&done, &period)?;
    }

    #[test]
    fn a_queue_takes_no_more_than_its_rate_and_keeps_the_order(chunks in any_chunks()) {
        let (from, to) = (place("r"), place("r/a"));
        let mut network = network(Discipline::Queue);
        let mut before = Instant::default();
        for (comes, length) in chunks {
            let carriage = network.carry(comes, &from, &to, length);
            let start = before.max(comes);
            prop_assert_eq!(carriage.left, start + Duration::from_micros(length));
            prop_assert!(carriage.arrives >= carriage.left);
            before = carriage.left;
        }
    }
}

fn check_period(
    done: &BTreeMap<u64, Instant>,
    (end, members): &(Instant, Vec<u64>),
) -> Result<(), TestCaseError> {
    let last = members.iter().map(|number| done[number]).max();
    // Each asking rounds up to the next nanosecond.
    let late = last.map_or(0, |last| last.0.abs_diff(end.0));
    prop_assert!(late <= members.len() as u64, "{last:?}, {end:?}");
    Ok(())
}
