//! Inputs at the servers of a place, against queueing theory.

use std::num::NonZeroU32;

use proptest::prelude::*;
use waybook_place::Instant;
use waybook_sim::distribution::Distribution;
use waybook_sim::places::{Desk, PlaceModel, Service};
use waybook_sim::quantity::Factor;
use waybook_sim::random;

use crate::support::{MS, at, close, exponential};

fn servers(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("a server")
}

/// The mean waiting time of Poisson arrivals 1 ms apart on average, in milliseconds.
fn waiting(time: &Distribution, count: u32) -> f64 {
    let (mut arrivals, mut times) = (random::small(1, "arrivals", 0), random::small(1, "work", 0));
    let gap = exponential(MS);
    let mut desk = Desk::default();
    let mut now = Instant::default();
    let mut waited = 0.0;
    for _ in 0..INPUTS {
        now = now + gap.sample(&mut arrivals);
        let service = desk.take(now, servers(count), time.sample(&mut times));
        waited += service.start.since(now).as_secs_f64() * 1e3;
    }
    waited / f64::from(INPUTS)
}

const INPUTS: u32 = 300_000;

/// Pollaczek and Khinchine: `W = rate * E[S^2] / (2 (1 - load))`, here at load 0.6.
#[test]
fn one_server_has_the_waiting_time_of_m_g_1() {
    let load = 0.6;
    let mean = MS.mul_f64(load);
    for time in [
        mean.into(),
        exponential(mean),
        Distribution::gamma(mean, 0.5).expect("gamma"),
    ] {
        let variance = time.variance().expect("a variance") * 1e6;
        let expected = (variance + load * load) / (2.0 * (1.0 - load));
        close(expected, waiting(&time, 1), 0.05);
    }
}

/// Erlang C for 2 servers and 1.2 erlangs: 0.45 wait, `0.45 / (2 - 1.2)` service times on
/// average.
#[test]
fn two_servers_have_the_waiting_time_of_m_m_2() {
    let time = exponential(MS.mul_f64(1.2));
    close(1.2 * 0.5625, waiting(&time, 2), 0.05);
}

#[test]
fn inputs_are_served_in_their_order_by_whoever_is_free() {
    let mut desk = Desk::default();
    let mut take = |ms, length: u32| desk.take(at(ms), servers(2), length * MS);
    let service = |start, end| Service {
        start: at(start),
        end: at(end),
    };
    assert_eq!(take(0, 10), service(0, 10));
    assert_eq!(take(1, 2), service(1, 3));
    assert_eq!(take(2, 5), service(3, 8), "waits for the second server");
    assert_eq!(take(2, 5), service(8, 13), "waits behind");
    assert_eq!(take(20, 1), service(20, 21), "all are free");
    desk.clear();
    assert_eq!(desk.take(at(20), servers(1), MS), service(20, 21));
}

#[test]
fn a_slow_place_takes_longer_for_everything() {
    let mut rng = random::small(1, "test", 0);
    let model = PlaceModel {
        processing: MS.into(),
        slowness: Factor::new(2.5).expect("a factor"),
        start: (10 * MS).into(),
        compile: (30 * MS).into(),
        ..PlaceModel::default()
    };
    assert_eq!(model.processing_time(&mut rng), MS.mul_f64(2.5));
    assert_eq!(model.start_time(&mut rng), 25 * MS);
    assert_eq!(model.compile_time(&mut rng), 75 * MS);
    assert!(!model.is_immediate() && PlaceModel::default().is_immediate());
}

proptest! {
    /// No input is served before it came or before one that came earlier, never more at a
    /// time than there are servers, and none waits while a server is free.
    #[test]
    fn servers_do_no_more_than_they_can_and_no_less(
        inputs in prop::collection::vec((0..5u64, 0..20u32), 1..60),
        count in 1..4u32,
    ) {
        let mut desk = Desk::default();
        let mut now = 0;
        let mut services: Vec<Service> = Vec::new();
        for (later, length) in inputs {
            now += later;
            let service = desk.take(at(now), servers(count), length * MS);
            prop_assert!(service.start >= at(now));
            prop_assert_eq!(service.end, service.start + length * MS);
            prop_assert!(services.last().is_none_or(|last| last.start <= service.start));
            let busy = |then: Instant| {
                let at_work = |s: &&Service| s.start <= then && then < s.end;
                services.iter().filter(at_work).count()
            };
            prop_assert!(busy(service.start) < count as usize);
            if service.start > at(now) {
                let before = Instant(service.start.0 - 1);
                prop_assert_eq!(busy(before), count as usize);
            }
            services.push(service);
        }
    }
}
