//! From the miss to the running component, along the default places.

use std::time::Duration;

use waybook_agents::Step;
use waybook_place::io::{FetchFailure, Input, Output};

use super::{film, release, runs};
use crate::letters::intercept;
use crate::neighbours::{Neighbours, name};

/// A client's leaf below its default place; a server below another; code at a third home.
fn five(position: &str) -> Neighbours {
    let places = ["r", "r/a", "r/a/x", "r/h", "r/m", "r/m/s"];
    let mut all = Neighbours::join(places.map(runs).into());
    all.publish("r/m/s", &film(position, "cap@^1"));
    all.add(&release("cap@1.2.0", "r/h"));
    all.settle();
    all
}

#[test]
fn what_a_leaf_lacks_comes_by_its_default_places_and_all_of_them_keep_it() {
    let mut all = five("client");
    let request = all.open("r/a/x", "film");
    all.settle();
    assert_eq!(all.transfers, ["r: cap@1.2.0 from r/h"]);
    // The first bytes go on before the last ones are there.
    all.progress("r", 1);
    all.progress("r/a", 1);
    let chain = [
        "r: cap@1.2.0 from r/h",
        "r/a: cap@1.2.0 from r",
        "r/a/x: cap@1.2.0 from r/a",
    ];
    assert_eq!(all.transfers, chain);
    assert_eq!(all.outcome(request), None);
    all.transfer();
    assert_eq!(all.transfers, chain);
    let held = [
        "r: cap@1.2.0",
        "r/a/x: cap@1.2.0",
        "r/a: cap@1.2.0",
        "r/h: cap@1.2.0",
    ];
    let mut now = all.held();
    now.sort();
    let mut expected = held.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(now, expected);
    let session = all.established(request);
    assert_eq!(session.quality, "fine");
    let code = release("cap@1.2.0", "r/h").digest.short();
    assert!(all.started.contains(&format!("r/a/x: cap@1.2.0 {code}")));
    // The next one has it at once.
    let next = all.open("r/a/x", "film");
    all.settle();
    assert_eq!(all.established(next).quality, "fine");
    assert_eq!(all.transfers, chain);
}

#[test]
fn a_hundred_sessions_at_once_fetch_once_at_each_place() {
    let mut all = five("client");
    let requests: Vec<_> = (0..100).map(|_| all.open("r/a/x", "film")).collect();
    all.settle();
    all.transfer();
    assert_eq!(all.transfers.len(), 3, "{:?}", all.transfers);
    for request in requests {
        assert_eq!(all.established(request).quality, "fine");
    }
    let fetched: u64 = all.places.values().map(|p| p.counters().fetched).sum();
    let bytes: u64 = all
        .places
        .values()
        .map(|p| p.counters().fetched_bytes)
        .sum();
    assert_eq!((fetched, bytes), (3, 3_000));
    assert_eq!(
        all.code_at("r/a/x", &release("cap@1.2.0", "r").digest)
            .unwrap()
            .instances,
        100
    );
}

#[test]
fn the_report_counts_from_the_wish_and_a_watching_client_sees_the_bytes_come() {
    let mut all = five("client");
    all.watch = true;
    let request = all.open("r/a/x", "film");
    all.settle();
    all.pass(Duration::from_secs(3));
    all.progress("r", 1);
    all.progress("r/a", 1);
    all.progress("r/a/x", 400);
    let second = all.open("r/a/x", "film");
    all.settle();
    all.progress("r/a/x", 700);
    all.transfer();
    let seen = |request| {
        let news = all.done.iter().filter_map(|(_, output)| match output {
            Output::Progress {
                request: r,
                progress,
            } if *r == request => Some(&progress.step),
            _ => None,
        });
        let coming = news.filter_map(|step| match step {
            Step::Downloading(t) => {
                let from = t.from.as_ref().map_or("nowhere yet", |from| from.as_str());
                Some(format!(
                    "{} of {}, {} before, from {from}",
                    t.bytes, t.length, t.before
                ))
            }
            _ => None,
        });
        coming.collect::<Vec<_>>()
    };
    assert_eq!(
        seen(request),
        [
            "0 of 1000, 0 before, from nowhere yet",
            "0 of 1000, 0 before, from r/a",
            "400 of 1000, 0 before, from r/a",
            "700 of 1000, 0 before, from r/a",
        ]
    );
    assert_eq!(
        seen(second),
        [
            "400 of 1000, 400 before, from r/a",
            "700 of 1000, 400 before, from r/a"
        ]
    );
    let took = |request| all.established(request).journey[0].components[0].took;
    assert_eq!(took(request), Duration::from_secs(3));
    assert_eq!(took(second), Duration::ZERO);
}

#[test]
fn a_slow_download_is_work_that_advances_and_a_dead_one_is_a_refusal() {
    for ends_well in [true, false] {
        let mut all = five("server");
        let request = all.open("r/a/x", "film");
        all.settle();
        // Much longer than the silence after which a next hop counts as gone.
        for step in 1..=4 {
            all.pass(Duration::from_secs(10));
            all.progress("r", step * 100);
        }
        assert_eq!(all.outcome(request), None);
        if ends_well {
            all.transfer();
            assert_eq!(all.established(request).quality, "fine");
        } else {
            all.cut("r", "r/h");
            all.fail("r", FetchFailure::Slow);
            while !all.fetching.is_empty() {
                let at = all.fetching[0].at.to_string();
                all.fail(&at, FetchFailure::NotHeld);
            }
            let session = all.established(request);
            assert_eq!(session.quality, "plain");
            let said = all.refused(request).join("\n");
            assert!(
                said.contains("r/m/s: component `cap@1.2.0` failed"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_download_that_nobody_waits_for_any_more_is_given_up_and_leaves_nothing() {
    // While an agent is away; while a transfer runs; while a place further up fetches.
    for stage in 0..3 {
        let mut all = five("client");
        let requests = [all.open("r/a/x", "film"), all.open("r/a/x", "film")];
        match stage {
            0 => drop(intercept(&mut all, "r/a", "download")),
            1 => {
                all.settle();
                all.progress("r", 1);
                all.progress("r/a", 1);
            }
            _ => all.settle(),
        }
        all.put(
            &name("r/a/x"),
            Input::Cancel {
                request: requests[0],
            },
        );
        all.settle();
        let cancelled = |o: &Output| matches!(o, Output::CancelFetch { .. });
        assert_eq!(all.count(cancelled), 0, "the other one still waits");
        all.put(
            &name("r/a/x"),
            Input::Cancel {
                request: requests[1],
            },
        );
        all.settle();
        // What a place below was told to read comes to its end; nothing else is left.
        assert_eq!(all.count(cancelled), usize::from(stage == 1));
        all.pass(Duration::from_secs(30));
        if stage == 1 {
            all.transfer();
        }
        all.pass(Duration::from_secs(600));
        assert_eq!(all.fetching, []);
        for (place, state) in &all.places {
            let code = state
                .code()
                .into_iter()
                .filter(|c| c.bytes < c.release.length);
            assert_eq!(code.count(), 0, "{place} in stage {stage}");
            assert_eq!(state.next_timeout(), None, "{place} in stage {stage}");
        }
    }
}

#[test]
fn code_for_the_servers_side_is_fetched_while_the_visitor_is_still_on_its_way() {
    let mut all = five("server");
    let request = all.open("r/a/x", "film");
    let visit = intercept(&mut all, "r/m", "visit");
    assert_eq!(all.transfers, ["r: cap@1.2.0 from r/h"]);
    all.give(visit);
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
    assert_eq!(all.transfers.len(), 3);
    // Where the agents go straight to the source, nobody in between has a use for it.
    let mut all = five("server");
    for place in ["r", "r/m", "r/m/s"] {
        let strategy = waybook_agents::DownloadStrategy::Direct;
        all.put(&name(place), Input::Strategy(strategy));
    }
    let request = all.open("r/a/x", "film");
    all.settle();
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
    assert_eq!(all.transfers, ["r/m/s: cap@1.2.0 from r/h"]);
}

#[test]
fn what_was_fetched_ahead_is_given_up_with_its_session() {
    let mut all = five("server");
    let request = all.open("r/a/x", "film");
    drop(intercept(&mut all, "r/m", "visit"));
    all.put(&name("r/a/x"), Input::Cancel { request });
    all.settle();
    assert_eq!(all.fetching, []);
    assert_eq!(all.count(|o| matches!(o, Output::CancelFetch { .. })), 1);
}

#[test]
fn running_code_is_found_again_after_a_restart_and_fetched_again_if_it_is_lost() {
    for lost in [false, true] {
        let mut all = five("client");
        let request = all.open("r/a/x", "film");
        all.settle();
        all.transfer();
        let session = all.established(request).session;
        all.put(&name("r/a/x"), Input::Claim { session });
        let (held, code) = (all.held(), release("cap@1.2.0", "r/h").digest);
        if lost {
            let records = all.records.get_mut(&name("r/a/x")).unwrap();
            let key = waybook_place::io::RecordKey::Code(code);
            assert!(records.remove(&key).is_some());
        }
        all.started.clear();
        all.transfers.clear();
        all.restart(runs("r/a/x"));
        // Without a connection there is nowhere to look for it, and no hurry either.
        all.pass(Duration::from_secs(15));
        let running = format!("r/a/x: cap@1.2.0 {}", code.short());
        assert_eq!(all.started.contains(&running), !lost);
        all.reconnect("r/a/x");
        all.transfer();
        assert_eq!(
            all.transfers.len(),
            usize::from(lost),
            "{:?}",
            all.transfers
        );
        assert!(all.started.contains(&running));
        assert_eq!(all.held(), held);
        assert_eq!(all.count(|o| matches!(o, Output::Ended { .. })), 0);
    }
}
