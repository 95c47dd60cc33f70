//! Sources that fail: the next one is taken, until there is none.

use std::time::Duration;

use waybook_agents::{DownloadStrategy, Message};
use waybook_place::io::{CodeOrder, FetchFailure, Input, Output};

use super::{film, release, runs};
use crate::letters::intercept;
use crate::neighbours::{Neighbours, name};

/// A leaf below its default place, the root, and the home of the code, which serves too.
fn four(change: impl Fn(&mut waybook_place::Config)) -> Neighbours {
    let config = |place| {
        let mut config = runs(place);
        change(&mut config);
        config
    };
    let mut all = Neighbours::join(["r", "r/a", "r/a/x", "r/a/y", "r/h"].map(config).into());
    all.publish("r/h", &film("client", "cap@^1"));
    all.add(&release("cap@1.2.0", "r/h"));
    all.settle();
    all
}

/// As [`four`], with the first bytes at the leaf.
fn flowing() -> (Neighbours, waybook_place::io::RequestId) {
    let mut all = four(|_| {});
    let request = all.open("r/a/x", "film");
    all.settle();
    for place in ["r", "r/a", "r/a/x"] {
        all.progress(place, 10);
    }
    all.transfers.clear();
    (all, request)
}

#[test]
fn a_transfer_that_breaks_is_resumed_from_the_same_source_and_only_a_few_times() {
    let (mut all, request) = flowing();
    // As long as something is gained each time, it may break as often as it likes.
    for gained in 2..12 {
        all.fail("r/a/x", FetchFailure::Cut);
        assert_eq!(
            all.code_at("r/a/x", &release("cap@1.2.0", "r").digest)
                .unwrap()
                .bytes,
            (gained - 1) * 10
        );
        all.pass(Duration::from_secs(1));
        all.progress("r/a/x", gained * 10);
    }
    assert_eq!(all.transfers, ["r/a/x: cap@1.2.0 from r/a"; 10]);
    all.transfers.clear();
    for _ in 0..5 {
        all.fail("r/a/x", FetchFailure::Cut);
        all.pass(Duration::from_secs(5));
    }
    let mut expected = vec!["r/a/x: cap@1.2.0 from r/a"; 4];
    expected.push("r/a/x: cap@1.2.0 from r/h");
    assert_eq!(all.transfers, expected);
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
}

#[test]
fn a_source_that_lies_or_drips_or_has_nothing_is_avoided_and_the_next_one_is_tried() {
    let lying = || FetchFailure::Lying("a chunk is wrong".to_owned());
    for (failure, lies) in [(lying(), 1), (FetchFailure::Slow, 0)] {
        let (mut all, request) = flowing();
        all.fail("r/a/x", failure);
        assert_eq!(all.transfers, ["r/a/x: cap@1.2.0 from r/h"]);
        let counters = all.places[&name("r/a/x")].counters();
        assert_eq!((counters.lies, counters.fetch_failures), (lies, 1));
        all.transfer();
        assert_eq!(all.established(request).quality, "fine");
    }
}

#[test]
fn a_default_place_whose_own_transfer_broke_is_waited_for_and_not_read_past() {
    let (mut all, request) = flowing();
    for _ in 0..3 {
        // The break travels down; nobody below can tell it from a source that has nothing.
        all.fail("r", FetchFailure::Cut);
        all.fail("r/a", FetchFailure::NotHeld);
        all.fail("r/a/x", FetchFailure::NotHeld);
        assert_eq!(all.fetching, []);
        all.pass(Duration::from_secs(1));
        for place in ["r", "r/a", "r/a/x"] {
            let before = all.code_at(place, &release("cap@1.2.0", "r").digest);
            let before = before.unwrap().bytes;
            // What was there already says nothing of what will come.
            let others = all.fetching.len();
            all.progress(place, before);
            assert_eq!(all.fetching.len(), others);
            all.progress(place, before + 100);
        }
    }
    let round = [
        "r: cap@1.2.0 from r/h",
        "r/a: cap@1.2.0 from r",
        "r/a/x: cap@1.2.0 from r/a",
    ];
    assert_eq!(all.transfers, round.repeat(3));
    // One that says that it has nothing, though it has, is believed the second time.
    all.transfers.clear();
    all.fail("r/a/x", FetchFailure::NotHeld);
    all.fail("r/a/x", FetchFailure::NotHeld);
    let tried = ["r/a/x: cap@1.2.0 from r/a", "r/a/x: cap@1.2.0 from r/h"];
    assert_eq!(all.transfers, tried);
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
}

#[test]
fn when_no_source_is_left_the_next_solution_is_taken_and_the_client_learns_why() {
    let mut all = four(|_| {});
    let request = all.open("r/a/x", "film");
    all.settle();
    while !all.fetching.is_empty() {
        let at = all.fetching[0].at.to_string();
        all.fail(&at, FetchFailure::NotHeld);
    }
    // Each place on the way asks home once, and not once more for each that asks it.
    assert_eq!(
        all.transfers,
        [
            "r: cap@1.2.0 from r/h",
            "r/a: cap@1.2.0 from r/h",
            "r/a/x: cap@1.2.0 from r/h",
        ]
    );
    assert_eq!(all.established(request).quality, "plain");
    assert_eq!(
        all.refused(request),
        [
            "solution 1 at r/a/x: component `cap@1.2.0` failed: cap@1.2.0 could not be fetched: \
             r/h does not have it; every place that might hold it was tried"
        ]
    );
    let code = |place: &str| all.places[&name(place)].code();
    assert!(
        ["r", "r/a", "r/a/x"]
            .iter()
            .all(|place| code(place).is_empty())
    );
}

#[test]
fn a_holder_that_dies_half_way_is_replaced_and_what_it_gave_is_kept() {
    let mut all = four(|config| config.code.strategy = DownloadStrategy::NearestHolder);
    let order = all.order("r/a/y", CodeOrder::Prefetch("cap".to_owned()));
    all.transfer();
    assert_eq!(all.ordered(order), Some(Ok(vec!["cap@1.2.0".to_owned()])));
    let request = all.open("r/a/x", "film");
    all.settle();
    all.progress("r/a/x", 600);
    all.cut("r/a", "r/a/y");
    for _ in 0..5 {
        all.fail("r/a/x", FetchFailure::Cut);
        all.pass(Duration::from_secs(5));
    }
    let last = all.transfers.last().unwrap();
    assert_eq!(last, "r/a/x: cap@1.2.0 from r/h");
    assert_eq!(
        all.code_at("r/a/x", &all.fetching[0].release.digest)
            .unwrap()
            .bytes,
        600
    );
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
    let counters = all.places[&name("r/a/x")].counters();
    assert_eq!(counters.fetched_bytes, 1_000);
}

#[test]
fn a_full_disk_is_helped_once() {
    for (held, helped) in [(true, true), (false, false)] {
        let mut all = four(|_| {});
        if held {
            all.add(&release("old@1.0.0", "r/h"));
            all.order("r/a/x", CodeOrder::Prefetch("old".to_owned()));
            all.transfer();
        }
        let request = all.open("r/a/x", "film");
        all.settle();
        all.progress("r", 1);
        all.progress("r/a", 1);
        all.transfers.clear();
        let full = || FetchFailure::Disk("no space left".to_owned());
        all.fail("r/a/x", full());
        assert_eq!(all.transfers == ["r/a/x: cap@1.2.0 from r/a"], helped);
        if helped {
            assert_eq!(all.count(|o| matches!(o, Output::Evict { .. })), 1);
            all.fail("r/a/x", full());
        }
        let said = all.refused(request).join("");
        assert!(
            said.ends_with("it could not be written: no space left"),
            "{said}"
        );
    }
}

#[test]
fn a_disk_that_stays_full_does_not_cost_all_that_is_held() {
    let mut all = four(|_| {});
    for code in ["old@1.0.0", "dog@1.0.0"] {
        all.add(&release(code, "r/h"));
        all.order("r", CodeOrder::Prefetch(code.to_owned()));
        all.transfer();
    }
    let order = all.order("r", CodeOrder::Prefetch("cap".to_owned()));
    for _ in 0..2 {
        all.fail("r", FetchFailure::Disk("no space left".to_owned()));
    }
    assert!(all.ordered(order).unwrap().is_err());
    assert!(all.held().contains(&"r: dog@1.0.0".to_owned()));
    assert_eq!(all.places[&name("r")].counters().evicted, 1);
}

#[test]
fn what_came_of_a_transfer_that_was_given_up_is_not_fetched_again() {
    let (mut all, request) = flowing();
    all.progress("r/a/x", 600);
    all.put(&name("r/a/x"), Input::Cancel { request });
    all.settle();
    let part = |all: &Neighbours| {
        let digest = release("cap@1.2.0", "r").digest;
        all.code_at("r/a/x", &digest).unwrap()
    };
    assert_eq!((part(&all).bytes, part(&all).from), (600, None));
    let request = all.open("r/a/x", "film");
    all.settle();
    assert_eq!(
        (part(&all).bytes, part(&all).from),
        (600, Some(name("r/a")))
    );
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
    let counters = all.places[&name("r/a/x")].counters();
    assert_eq!((counters.fetched, counters.fetched_bytes), (1, 1_000));
}

#[test]
fn an_agent_that_is_lost_is_replaced_and_has_no_effect_when_it_is_back_after_all() {
    let mut all = four(|_| {});
    let request = all.open("r/a/x", "film");
    let lost = intercept(&mut all, "r/a", "download");
    all.settle();
    all.pass(Duration::from_secs(11));
    assert_eq!(all.transfers, ["r: cap@1.2.0 from r/h"]);
    all.progress("r", 1);
    all.put(
        &name("r/a"),
        Input::FetchProgress {
            fetch: all.fetching[1].fetch,
            bytes: 1,
        },
    );
    let late = intercept(&mut all, "r/a/x", "download");
    all.pass(Duration::from_secs(11));
    assert_eq!(all.transfers.last().unwrap(), "r/a/x: cap@1.2.0 from r/a");
    let fenced = all.places[&name("r/a/x")].counters().fenced;
    all.give(late);
    all.give(lost);
    all.settle();
    assert_eq!(all.places[&name("r/a/x")].counters().fenced, fenced + 2);
    assert_eq!(all.transfers.len(), 3);
    all.transfer();
    assert_eq!(all.established(request).quality, "fine");
}

#[test]
fn agents_that_never_come_back_are_not_sent_for_ever() {
    let mut all = four(|_| {});
    let order = all.order("r/a/x", CodeOrder::Prefetch("cap".to_owned()));
    assert_eq!(all.ordered(order), None);
    let mut lost = 0;
    let end = all.now + Duration::from_secs(300);
    // Whatever goes from the leaf to look for code is lost.
    while all.now < end {
        all.now = all.now + Duration::from_secs(1);
        all.put(&name("r/a/x"), Input::Tick);
        let before = all.letters.len();
        all.letters
            .retain(|l| !matches!(l.envelope.message, Message::Download(_)));
        lost += before - all.letters.len();
        all.settle();
    }
    assert_eq!(lost, 5, "after the first one, which was not");
    // Then the default place is done without.
    assert_eq!(all.transfers.last().unwrap(), "r/a/x: cap@1.2.0 from r/h");
    all.fail("r/a/x", FetchFailure::NotHeld);
    let why = all.ordered(order).unwrap().unwrap_err();
    let reasons = "no agent that looked for it came back; r/h does not have it";
    assert!(why.contains(reasons), "{why}");
    assert_eq!(all.places[&name("r/a/x")].next_timeout(), None);
}

#[test]
fn a_default_place_that_has_no_room_sends_its_guests_home() {
    let small = |config: &mut waybook_place::Config| {
        if config.name == name("r/a") {
            config.limits.repository = 999;
        }
    };
    let mut all = four(small);
    let request = all.open("r/a/x", "film");
    all.settle();
    all.transfer();
    assert_eq!(
        all.transfers,
        ["r: cap@1.2.0 from r/h", "r/a/x: cap@1.2.0 from r/h"]
    );
    assert_eq!(all.established(request).quality, "fine");
}

#[test]
fn transfers_beyond_the_limit_wait_for_others_to_end() {
    let mut all = four(|config| {
        config.limits.downloads = if config.name == name("r/h") { 64 } else { 1 };
    });
    for code in ["dog@1.0.0", "eel@1.0.0"] {
        all.add(&release(code, "r/h"));
    }
    let order =
        |all: &mut Neighbours, name: &str| all.order("r", CodeOrder::Prefetch(name.to_owned()));
    let orders = ["cap", "dog", "eel"].map(|name| order(&mut all, name));
    assert_eq!(all.transfers, ["r: cap@1.2.0 from r/h"]);
    all.finish("r");
    assert_eq!(all.transfers.len(), 2);
    all.fail("r", FetchFailure::NotHeld);
    assert_eq!(all.transfers.len(), 3);
    all.finish("r");
    let done = orders.map(|order| all.ordered(order).unwrap().is_ok());
    assert_eq!(done, [true, false, true]);
    // So many may wait, and no more.
    let queued = all.order("r", CodeOrder::Prefetch("dog".to_owned()));
    assert_eq!(all.ordered(queued), None);
    let mut refused = 0;
    for number in 0..20 {
        all.add(&release(&format!("fly@1.0.{number}"), "r/h"));
        let order = order(&mut all, &format!("fly@1.0.{number}"));
        refused += usize::from(all.ordered(order).is_some_and(|done| done.is_err()));
    }
    assert_eq!(refused, 20 + 1 - 16);
}
