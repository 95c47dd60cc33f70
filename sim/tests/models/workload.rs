//! Requests, titles, places and movements come as often as they should.

use std::time::Duration;

use waybook_place::Instant;
use waybook_sim::quantity::{Factor, Frequency};
use waybook_sim::random;
use waybook_sim::workload::mobility::Reach;
use waybook_sim::workload::{Arrivals, Leaves, Mobility, Origins, Sources, Titles};

use crate::support::{SECOND, close, exponential, moments, place, read};

fn per_second(rate: f64) -> Frequency {
    Frequency::per_second(rate).expect("a rate")
}

/// How many requests come in each window.
fn counts(mut arrivals: Arrivals, window: Duration, windows: usize) -> Vec<f64> {
    let mut rng = random::small(1, "arrivals", 0);
    let mut counts = vec![0.0; windows];
    let mut now = Instant::default();
    while let Some(at) = arrivals.next(now, &mut rng) {
        assert!(at >= now);
        now = at;
        match counts.get_mut((now.0 / window.as_nanos() as u64) as usize) {
            Some(count) => *count += 1.0,
            None => break,
        }
    }
    counts
}

/// As many as the rate says, and the variance of the counts is their mean: the index of
/// dispersion of 10,000 windows is within 0.06 of 1 (three standard errors of
/// `sqrt(2 / 10,000)` are 0.042).
#[test]
fn poisson_arrivals_have_an_index_of_dispersion_of_one() {
    let arrivals = Arrivals::poisson(per_second(20.0));
    assert_eq!(arrivals.mean_rate(), Some(20.0));
    let (mean, variance) = moments(&counts(arrivals, SECOND, 10_000));
    close(20.0, mean, 0.01);
    close(1.0, variance / mean, 0.06);
}

/// An interrupted Poisson process of rate 20 that is on for 1 s and off for 3 s on average
/// has the index of dispersion `1 + 2 * rate * a / (a + b)^2` in long windows, with `a = 1`
/// and `b = 1/3` the rates of going off and on: 23.5 (Fischer and Meier-Hellstern, *The
/// Markov-modulated Poisson process cookbook*, 1993, equation 25 without a second rate).
#[test]
fn arrivals_that_are_interrupted_come_in_bursts() {
    let on_off = Arrivals::on_off(
        per_second(20.0),
        exponential(SECOND),
        exponential(3 * SECOND),
    );
    let arrivals = on_off.expect("a process");
    close(5.0, arrivals.mean_rate().expect("a rate"), 1e-9);
    let (mean, variance) = moments(&counts(arrivals, 200 * SECOND, 3000));
    close(5.0, mean / 200.0, 0.03);
    close(23.5, variance / mean, 0.1);
}

#[test]
fn arrivals_follow_the_hours_of_the_day() {
    let hour = Duration::from_secs(3600);
    let mut factors = [0.0; 24];
    factors[8] = 0.5;
    factors[20] = 2.0;
    let arrivals = Arrivals::diurnal(per_second(1.0), 24 * hour, &factors).expect("a process");
    close(2.5 / 24.0, arrivals.mean_rate().expect("a rate"), 1e-9);
    let counts = counts(arrivals, hour, 48);
    for (at, count) in counts.iter().enumerate() {
        match at % 24 {
            8 => close(1800.0, *count, 0.1),
            20 => close(7200.0, *count, 0.05),
            _ => assert_eq!(*count, 0.0),
        }
    }
}

#[test]
fn arrivals_may_swing_around_their_rate() {
    let day = Duration::from_secs(1000);
    let peak = Duration::from_secs(250);
    let arrivals = Arrivals::swinging(per_second(50.0), day, 0.8, peak).expect("a process");
    assert_eq!(arrivals.mean_rate(), Some(50.0));
    let counts = counts(arrivals, day / 100, 1000);
    // Around the peak and the valley, over ten days.
    let part = |from: usize| (0..10).map(|d| counts[d * 100 + from]).sum::<f64>() / 100.0;
    close(90.0, part(25), 0.04);
    close(50.0, part(50), 0.07);
    close(10.0, part(75), 0.1);
}

#[test]
fn a_trace_comes_at_its_times_and_ends() {
    let mut rng = random::small(1, "arrivals", 0);
    let mut arrivals: Arrivals = read("{ trace = ['1 s', '1 s', '2.5 s'] }").expect("a trace");
    let mut times = Vec::new();
    while let Some(at) = arrivals.next(Instant::default(), &mut rng) {
        times.push(at.0 / 100_000_000);
    }
    assert_eq!(times, [10, 10, 25]);
    assert_eq!(arrivals.next(Instant::default(), &mut rng), None);
}

/// Ten sources that are idle for 3 s and served for 1 s on average are idle three quarters
/// of their time, so that each asks every 4 s.
#[test]
fn few_sources_ask_less_while_they_are_served() {
    let sources: Sources = read("{ sources = 10, idle = { exponential = '3 s' } }").expect("ten");
    close(
        1.0 / 3.0,
        sources.offered_when_idle(SECOND).expect("a mean"),
        1e-9,
    );
    let (mut rng, mut holding) = (random::small(1, "idle", 0), random::small(1, "hold", 0));
    let mut asked = 0;
    for _ in 0..sources.sources.get() {
        let mut now = Instant::default();
        while now < Instant::default() + 4000 * SECOND {
            now = now + sources.idle_time(&mut rng);
            asked += 1;
            now = now + exponential(SECOND).sample(&mut holding);
        }
    }
    close(10_000.0, f64::from(asked), 0.03);
}

/// Each of 50 titles as often as its probability says: chi-square with 49 degrees of
/// freedom stays below 85.4 in 999 of 1,000 cases.
#[test]
fn titles_are_as_popular_as_zipf_says() {
    for exponent in [0.0, 0.8, 1.0, 1.5] {
        let titles = Titles::new(50, exponent).expect("titles");
        let mut rng = random::small(1, "titles", 0);
        let mut counts = vec![0.0; 50];
        for _ in 0..100_000 {
            counts[titles.sample(&mut rng) as usize] += 1.0;
        }
        let expected = |title| titles.probability(title) * 1e5;
        let all: f64 = (0..50).map(|t| titles.probability(t)).sum();
        close(1.0, all, 1e-9);
        close(
            titles.probability(0),
            titles.probability(9) * 10f64.powf(exponent),
            1e-9,
        );
        let chi: f64 = (0..50)
            .map(|t| (counts[t as usize] - expected(t)).powi(2) / expected(t))
            .sum();
        assert!(chi < 85.4, "exponent {exponent}: {chi}");
    }
}

fn leaves() -> Leaves {
    Leaves::new(["r/b/y", "r/a/x", "r/a/w", "r/c", "r/b/y-2"].map(place))
}

fn share(origins: &Origins, class: impl Fn(&str) -> &'static str) -> Vec<f64> {
    let leaves = leaves();
    let picker = origins.over(&leaves, |name| class(name.as_str()));
    let picker = picker.unwrap_or_else(|e| panic!("{e}"));
    let mut rng = random::small(1, "origins", 0);
    let mut counts = vec![0.0; leaves.names().len()];
    for _ in 0..20_000 {
        counts[picker.pick(&mut rng)] += 1.0 / 20_000.0;
    }
    counts
}

#[test]
fn places_are_picked_evenly_or_by_weight() {
    let names: Vec<_> = leaves().names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["r/a/w", "r/a/x", "r/b/y", "r/b/y-2", "r/c"]);
    let weight = |w| Factor::new(w).expect("a factor");
    let cases = [
        (Origins::Uniform, [0.2; 5]),
        (
            Origins::Localities([(place("r"), weight(1.0)), (place("r/b"), weight(3.0))].into()),
            [0.25 / 3.0, 0.25 / 3.0, 0.375, 0.375, 0.25 / 3.0],
        ),
        (
            Origins::Classes(
                [
                    ("home".to_owned(), weight(1.0)),
                    ("far".to_owned(), weight(1.0)),
                ]
                .into(),
            ),
            [0.25, 0.25, 0.0, 0.0, 0.5],
        ),
    ];
    for (origins, expected) in cases {
        let seen = share(&origins, |name| match name {
            "r/c" => "far",
            name if name.starts_with("r/a") => "home",
            _ => "",
        });
        for (expected, seen) in expected.iter().zip(seen) {
            assert!((expected - seen).abs() < 0.015, "{origins:?}: {seen}");
        }
    }
}

#[test]
fn weights_must_belong_to_leaves() {
    let origins: Origins = read("{ localities = { 'r/a' = 1, 'r/d' = 2.5 } }").expect("origins");
    let refused = origins.over(&leaves(), |_| "").expect_err("no leaf");
    let why = "`localities` lists `r/d`, but no leaf belongs to it";
    assert_eq!(refused.to_string(), why);
}

#[test]
fn terminals_go_to_a_leaf_next_to_theirs_or_anywhere() {
    let leaves = leaves();
    let around = |name: &str| leaves.around(leaves.number(&place(name)).expect("a leaf"));
    assert_eq!(around("r/a/x"), 0..2);
    assert_eq!(around("r/b/y"), 2..4);
    assert_eq!(around("r/c"), 0..5, "it has no sibling that is a leaf");

    let walk = |to| Mobility::Walk {
        dwell: exponential(SECOND),
        to,
    };
    let visits = |to| {
        let mut rng = random::small(1, "mobility", 0);
        let (mut now, mut leaf, mut visits) = (Instant::default(), 0, [0.0; 5]);
        for _ in 0..20_000 {
            let (at, next) = walk(to).next(&leaves, leaf, now, &mut rng).expect("a move");
            assert!(at >= now && next != leaf);
            (now, leaf) = (at, next);
            visits[leaf] += 1.0 / 20_000.0;
        }
        close(20_000.0, now.0 as f64 / 1e9, 0.03);
        visits
    };
    assert_eq!(
        visits(Reach::Near).map(|v: f64| v.round() as u8),
        [1, 1, 0, 0, 0].map(|v| v / 2)
    );
    for share in visits(Reach::Anywhere) {
        close(0.2, share, 0.05);
    }
}

#[test]
fn a_terminal_that_has_nowhere_to_go_stays() {
    let alone = Leaves::new([place("r")]);
    let mut rng = random::small(1, "mobility", 0);
    let walk: Mobility = read("{ walk = { dwell = '1 s', to = 'near' } }").expect("a walk");
    assert_eq!(walk.next(&alone, 0, Instant::default(), &mut rng), None);
}

#[test]
fn a_trace_of_moves_is_followed() {
    let leaves = leaves();
    let mut rng = random::small(1, "mobility", 0);
    let text = "{ trace = [{ at = '1 s', place = 'r/c' }, { at = '3 s', place = 'r/a/w' }] }";
    let trace: Mobility = read(text).expect("a trace");
    assert_eq!(trace.check(&leaves), Ok(()));
    let start = Instant::default();
    let first = trace.next(&leaves, 2, start, &mut rng);
    assert_eq!(first, Some((start + SECOND, 4)));
    let second = trace.next(&leaves, 4, start + SECOND, &mut rng);
    assert_eq!(second, Some((start + 3 * SECOND, 0)));
    assert_eq!(trace.next(&leaves, 0, start + 3 * SECOND, &mut rng), None);

    let astray: Mobility = read("{ trace = [{ at = '1 s', place = 'r/a' }] }").expect("a trace");
    assert_eq!(
        astray.check(&leaves).expect_err("no leaf").to_string(),
        "`trace` goes to `r/a`, which is no leaf of the tree"
    );
}
