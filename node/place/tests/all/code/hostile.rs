//! What neighbours that lie about code, and drivers that are late, must not cause.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use waybook_agents::{
    Download, DownloadId, DownloadStrategy, Edition, Envelope, Found, Holding, Incarnation, Message,
};
use waybook_place::io::{CodeOrder, FetchFailure, FetchId, Input, Output};
use waybook_place::{Instant, Place};
use waybook_plan::Release;

use super::{film, release, runs};
use crate::letters::intercept;
use crate::neighbours::{Letter, Neighbours, name};

fn letter(from: &str, to: &str, message: Message) -> Letter {
    let envelope = Envelope {
        from: Incarnation(1),
        to: Incarnation(1),
        message,
    };
    Letter {
        from: name(from),
        to: name(to),
        envelope,
    }
}

fn tree() -> Neighbours {
    Neighbours::join(["r", "r/a", "r/a/x", "r/b"].map(runs).into())
}

/// Gives letters to a place that it has to refuse, each counted.
fn refused(all: &mut Neighbours, from: &str, to: &str, messages: Vec<Message>) {
    for message in messages {
        let before = all.places[&name(to)].counters().refused_messages;
        all.give(letter(from, to, message.clone()));
        let after = all.places[&name(to)].counters().refused_messages;
        assert_eq!(after, before + 1, "{message:?}");
        assert!(all.letters.is_empty(), "{:?}", all.letters);
    }
}

fn held(place: &str, release: Release, added: bool) -> Message {
    let holding = Holding {
        place: name(place),
        edition: Edition(Incarnation(1), 9),
        release: Arc::new(release),
        added,
    };
    Message::Holdings {
        complete: false,
        held: vec![holding],
        dropped: Vec::new(),
    }
}

#[test]
fn a_child_speaks_only_of_code_in_its_own_locality_and_a_parent_of_none() {
    let mut all = tree();
    let code = || release("cap@1.0.0", "r/a");
    let mut unsound = code();
    unsound.length = 0;
    let lies = vec![
        held("r/b", release("cap@1.0.0", "r/b"), true),
        held("r", release("cap@1.0.0", "r"), true),
        held("r/a", unsound, true),
        // Added, but not at its home: whoever says so takes a name that is not its own.
        held("r/a", release("cap@1.0.0", "r/b"), true),
    ];
    refused(&mut all, "r/a", "r", lies);
    refused(&mut all, "r", "r/a", vec![held("r/a", code(), true)]);
    assert!(all.places[&name("r")].holdings().is_empty());
    // What another one holds is not for it to drop.
    all.add(&release("cap@1.0.0", "r/b"));
    let dropped = vec![(
        release("cap@1.0.0", "r").digest,
        name("r/b"),
        Edition(Incarnation(9), 9),
    )];
    let message = Message::Holdings {
        complete: true,
        held: Vec::new(),
        dropped,
    };
    all.give(letter("r/a", "r", message));
    all.pass(Duration::from_secs(60));
    assert_eq!(all.places[&name("r")].holdings().len(), 1);
}

#[test]
fn an_index_of_code_that_is_full_takes_no_more() {
    let mut root = runs("r");
    root.limits.holdings = 2;
    root.limits.neighbour_share = 100;
    let mut all = Neighbours::join(vec![root, runs("r/a")]);
    for version in 0..3 {
        all.add(&release(&format!("cap@1.0.{version}"), "r/a"));
    }
    assert_eq!(all.places[&name("r")].holdings().len(), 2);
    assert_eq!(all.places[&name("r")].counters().limited, 1);
    // Copies never take all of it.
    let mut root = runs("r");
    root.limits.holdings = 4;
    root.limits.neighbour_share = 100;
    let mut all = Neighbours::join(vec![root, runs("r/a")]);
    for version in 0..6 {
        let copy = release(&format!("cap@1.0.{version}"), "r/h");
        all.give(letter("r/a", "r", held("r/a", copy, false)));
    }
    all.add(&release("dog@1.0.0", "r/a"));
    let known = all.places[&name("r")].holdings();
    assert_eq!(known.iter().filter(|h| h.added).count(), 1);
    assert_eq!(known.len(), 4);
    assert_eq!(all.places[&name("r")].counters().refused_messages, 0);
}

#[test]
fn questions_for_code_only_climb_and_answers_only_come_down() {
    let mut all = tree();
    let ask = |origin: &str, wanted: Vec<String>, found: Vec<Arc<Release>>| Message::Resolve {
        id: 1,
        origin: name(origin),
        wanted,
        found,
    };
    let cap = || vec!["cap".to_owned()];
    let mut unsound = release("cap@1.0.0", "r");
    unsound.name = "Cap".to_owned();
    let wordy = |n: usize| {
        let mut wordy = release(&format!("w{n}@1.0.0"), "r");
        wordy.description = "x".repeat(1_000);
        Arc::new(wordy)
    };
    let lies = vec![
        ask("r/b", cap(), Vec::new()),
        ask("r", cap(), Vec::new()),
        ask("s/a", cap(), Vec::new()),
        ask("r/a/x", vec!["cap".to_owned(); 257], Vec::new()),
        ask("r/a/x", vec!["c".repeat(201)], Vec::new()),
        ask("r/a/x", cap(), vec![Arc::new(unsound.clone())]),
        ask("r/a/x", cap(), (0..600).map(wordy).collect()),
    ];
    refused(&mut all, "r/a", "r", lies);
    refused(&mut all, "r", "r/a", vec![ask("r/a/x", cap(), Vec::new())]);
    let answer = |origin: &str, found: Vec<Arc<Release>>| Message::Resolved {
        id: 1,
        origin: name(origin),
        found,
    };
    refused(&mut all, "r/a/x", "r/a", vec![answer("r/a", Vec::new())]);
    let lies = vec![
        answer("r/b", Vec::new()),
        answer("r/a/x", vec![Arc::new(unsound)]),
    ];
    refused(&mut all, "r", "r/a", lies);
    // One that nobody asked for has no effect.
    all.give(letter("r", "r/a", answer("r/a", Vec::new())));
    assert_eq!(all.places[&name("r/a")].counters().fenced, 1);
    // What is no reference is not looked for, and the question is answered all the same.
    all.give(letter(
        "r/a",
        "r",
        ask("r/a/x", vec!["no such?".to_owned()], Vec::new()),
    ));
    drop(intercept(&mut all, "r/a", "resolved"));
}

#[test]
fn an_answer_that_would_not_fit_a_letter_is_cut_and_the_newest_stay() {
    let mut all = tree();
    for version in 0..700 {
        let mut wordy = release(&format!("cap@1.0.{version}"), "r/b");
        wordy.description = "x".repeat(1_000);
        wordy.digest.0[..2].copy_from_slice(&u16::to_be_bytes(version));
        all.add(&wordy);
    }
    all.publish("r/b", &film("client", "cap@^1"));
    let request = all.open("r/a/x", "film");
    let answer = intercept(&mut all, "r/a/x", "resolved");
    let bytes = waybook_agents::wire::encode(&answer.envelope).len();
    assert!((256 << 10..1 << 20).contains(&bytes), "{bytes}");
    all.give(answer);
    all.settle();
    all.transfer();
    let chosen = &all.established(request).journey[0].components[0].name;
    assert_eq!(chosen, "cap@1.0.699");
}

fn agent(origin: &str, trail: &[&str], strategy: DownloadStrategy) -> Download {
    let id = DownloadId {
        origin: name(origin),
        life: Incarnation(1),
        number: 1,
    };
    let code = Arc::new(release("cap@1.0.0", "r/b"));
    let mut agent = Download::new(id, code, strategy, [].into(), Duration::from_secs(10));
    agent.trail = trail.iter().map(|place| name(place)).collect();
    agent
}

#[test]
fn agents_from_the_wrong_side_or_in_a_circle_are_refused() {
    use DownloadStrategy::{DefaultPlace, Direct, NearestHolder};
    let mut all = tree();
    let mut home = agent("r/a/x", &["r/a"], Direct);
    home.found = Some(Ok(Found {
        source: name("r/b"),
    }));
    let mut bad = agent("r/a", &[], DefaultPlace);
    Arc::make_mut(&mut bad.release).length = 0;
    let lies = vec![
        agent("r/b", &[], DefaultPlace),
        agent("r/a/x", &["r/a"], DefaultPlace),
        agent("r/a/x", &["r/a", "r", "r/a"], NearestHolder),
        agent("r/a/x", &[], NearestHolder),
        home,
        bad,
    ];
    let lies = lies.into_iter().map(Message::Download).collect();
    refused(&mut all, "r/a", "r", lies);
    // One that is back, but was never sent; one whose time is over.
    let mut back = agent("r/a", &["r"], DefaultPlace);
    back.found = Some(Ok(Found { source: name("r") }));
    all.give(letter("r", "r/a", Message::Download(back)));
    assert_eq!(all.places[&name("r/a")].counters().fenced, 1);
    let mut late = agent("r/a", &[], DefaultPlace);
    late.remaining = Duration::ZERO;
    all.give(letter("r/a", "r", Message::Download(late)));
    assert_eq!(all.places[&name("r")].counters().fenced, 1);
    assert!(all.letters.is_empty() && all.fetching.is_empty());
}

/// It may have come any way, as nobody here can tell which is its strategy's. It is told to
/// read from home, and avoids this place from now on.
#[test]
fn an_agent_whose_strategy_is_not_known_goes_back() {
    let mut all = tree();
    let own = || DownloadStrategy::Own("mine".to_owned());
    all.give(letter(
        "r/a",
        "r",
        Message::Download(agent("r/a", &[], own())),
    ));
    let letter = all.letters.pop_front().expect("an answer");
    let Message::Download(back) = letter.envelope.message else {
        panic!("{letter:?}");
    };
    assert_eq!(letter.to, name("r/a"));
    assert_eq!(back.found, Some(Ok(Found::at(&name("r/b")))));
    assert_eq!(back.avoid, [name("r")].into());
    assert!(all.letters.is_empty() && all.fetching.is_empty());
    // Nor is it taken up.
    let before = all.places[&name("r")].config().code.strategy.clone();
    all.put(&name("r"), Input::Strategy(own()));
    assert_eq!(all.places[&name("r")].config().code.strategy, before);
    let mut config = runs("r");
    config.code.strategy = own();
    let why = Place::new(
        config,
        Incarnation(1),
        [0; 32],
        Vec::new(),
        Instant(0),
        &mut Vec::new(),
    );
    let why = why.unwrap_err();
    assert!(why.contains("`mine`") && why.contains("direct"), "{why}");
}

#[test]
fn guests_are_bounded_and_what_they_wait_for_ends_with_them() {
    let mut root = runs("r");
    root.limits.downloads = 1;
    let mut all = Neighbours::join(vec![root, runs("r/a"), runs("r/b")]);
    let guest = |number: u16| {
        let mut guest = agent("r/a", &[], DownloadStrategy::DefaultPlace);
        guest.id.number = number.into();
        Arc::make_mut(&mut guest.release).digest.0[..2].copy_from_slice(&number.to_le_bytes());
        letter("r/a", "r", Message::Download(guest))
    };
    for number in 0..40 {
        all.give(guest(number));
    }
    let denied = |all: &Neighbours| {
        let letters = all.letters.iter();
        let denied = letters.filter(|l| l.envelope.message.kind() == "download");
        denied.count()
    };
    assert_eq!(denied(&all), 40 - 4);
    assert_eq!(all.places[&name("r")].code().len(), 4);
    // The same one again takes the place of the older one.
    for number in 100..150 {
        let mut again = guest(0);
        if let Message::Download(agent) = &mut again.envelope.message {
            agent.id.number = number;
        }
        all.letters.clear();
        all.give(again);
        assert_eq!(denied(&all), usize::from(number < 100));
    }
    all.letters.clear();
    all.pass(Duration::from_secs(60));
    assert_eq!(all.places[&name("r")].code().len(), 0);
    assert_eq!(all.fetching, []);
    assert_eq!(all.places[&name("r")].next_timeout(), None);
}

/// Nothing would have told that this share counts for nothing.
#[test]
fn one_neighbour_takes_its_share_of_downloads_and_leaves_the_rest() {
    let mut root = runs("r");
    root.limits.downloads = 1;
    // Of sixteen.
    root.limits.neighbour_share = 13;
    let mut all = Neighbours::join(vec![root, runs("r/a"), runs("r/b")]);
    let mut asks = |from: &str, number: u8| {
        let mut guest = agent(from, &[], DownloadStrategy::DefaultPlace);
        guest.id.number = number.into();
        let code = Arc::make_mut(&mut guest.release);
        code.home = name("r/h");
        code.digest.0[0] = number;
        let before = all.places[&name("r")].counters().limited;
        all.give(letter(from, "r", Message::Download(guest)));
        let counters = all.places[&name("r")].counters();
        assert_eq!(counters.fenced, 0);
        let limited = counters.limited - before;
        let denied = all
            .letters
            .drain(..)
            .find_map(|l| match l.envelope.message {
                Message::Download(back) => back.found,
                _ => None,
            });
        assert_eq!(denied.is_some(), limited == 1);
        denied.map(|denied| format!("{denied:?}"))
    };
    assert_eq!([asks("r/a", 1), asks("r/a", 2)], [None, None]);
    let denied = asks("r/a", 3).expect("it is beyond its share");
    assert!(denied.contains("r/h"), "told to read from home: {denied}");
    // What it waits for already is not more.
    assert_eq!(asks("r/b", 4), None);
    assert_eq!(asks("r/b", 1), None);
}

#[test]
fn a_neighbours_guests_leave_with_its_life() {
    let mut all = tree();
    all.add(&release("cap@1.0.0", "r/b"));
    let order = all.order("r/a", CodeOrder::Prefetch("cap".to_owned()));
    assert_eq!((all.ordered(order), all.fetching.len()), (None, 1));
    all.restart(runs("r/a"));
    all.reconnect("r/a");
    assert_eq!(all.fetching, []);
    assert_eq!(all.count(|o| matches!(o, Output::CancelFetch { .. })), 1);
}

#[test]
fn what_a_driver_says_of_transfers_that_are_over_has_no_effect() {
    let mut all = tree();
    all.add(&release("cap@1.0.0", "r/b"));
    all.order("r", CodeOrder::Prefetch("cap".to_owned()));
    let fetch = all.fetching[0].fetch;
    all.finish("r");
    let before = (all.held(), all.places[&name("r")].counters());
    for fetch in [fetch, FetchId(99)] {
        let failure = FetchFailure::NotHeld;
        all.put(&name("r"), Input::FetchProgress { fetch, bytes: 5 });
        all.put(&name("r"), Input::Fetched { fetch });
        all.put(&name("r"), Input::FetchFailed { fetch, failure });
    }
    assert_eq!((all.held(), all.places[&name("r")].counters()), before);
}

#[derive(Debug, Clone)]
enum Act {
    Open(usize),
    Cancel(usize),
    Order(usize),
    Progress(usize, u64),
    Finish(usize),
    Fail(usize, u8),
    Pass(u64),
    Lose,
    Restart(usize),
}

fn any_act() -> impl Strategy<Value = Act> {
    let some = || 0..12usize;
    prop_oneof![
        3 => some().prop_map(Act::Open),
        1 => some().prop_map(Act::Cancel),
        1 => some().prop_map(Act::Order),
        3 => (some(), 0..1_500u64).prop_map(|(at, bytes)| Act::Progress(at, bytes)),
        2 => some().prop_map(Act::Finish),
        2 => (some(), 0..6u8).prop_map(|(at, how)| Act::Fail(at, how)),
        2 => (1..9_000u64).prop_map(Act::Pass),
        1 => Just(Act::Lose),
        1 => some().prop_map(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to transfers, agents and places: nothing is kept beyond its limit,
    /// and when all sessions are over and the last transfer has ended, nothing is under way.
    #[test]
    fn in_the_end_nothing_is_left(
        acts in proptest::collection::vec(any_act(), 1..60),
        strategy in 0..3usize,
    ) {
        let places = ["r", "r/a", "r/a/x", "r/a/y", "r/h"];
        let config = |place: &str| {
            let mut config = runs(place);
            config.code.strategy = DownloadStrategy::ALL[strategy].1.clone();
            config.limits.downloads = 2;
            if place != "r/h" {
                config.limits.repository = 2_500;
            }
            config
        };
        let mut all = Neighbours::join(places.map(config).into());
        for code in ["cap", "dog", "eel"] {
            all.add(&release(&format!("{code}@1.0.0"), "r/h"));
            all.publish("r/h", &film("client", code).replace("film", code));
        }
        let mut opened = Vec::new();
        for act in acts {
            let fetching = |at: usize| (!all.fetching.is_empty()).then(|| {
                all.fetching[at % all.fetching.len()].clone()
            });
            match act {
                Act::Open(n) => {
                    let (place, title) = (places[n % 4], ["cap", "dog", "eel"][n % 3]);
                    opened.push((place, all.open(place, title)));
                }
                Act::Cancel(n) => {
                    if let Some((place, request)) = opened.get(n).copied() {
                        all.put(&name(place), Input::Cancel { request });
                    }
                }
                Act::Order(n) => {
                    let code = ["cap", "dog", "eel"][n % 3].to_owned();
                    all.order(places[n % 4], CodeOrder::Prefetch(code));
                }
                Act::Progress(at, bytes) => {
                    if let Some(f) = fetching(at) {
                        all.put(&f.at, Input::FetchProgress { fetch: f.fetch, bytes });
                    }
                }
                Act::Finish(at) => {
                    if let Some(f) = fetching(at) {
                        all.fetching.retain(|other| *other != f);
                        all.put(&f.at, Input::Fetched { fetch: f.fetch });
                    }
                }
                Act::Fail(at, how) => {
                    if let Some(f) = fetching(at) {
                        let failure = match how {
                            0 => FetchFailure::Slow,
                            1 => FetchFailure::NotHeld,
                            2 => FetchFailure::Lying("it does".to_owned()),
                            3 => FetchFailure::Disk("full".to_owned()),
                            _ => FetchFailure::Cut,
                        };
                        all.fetching.retain(|other| *other != f);
                        all.put(&f.at, Input::FetchFailed { fetch: f.fetch, failure });
                    }
                }
                Act::Pass(time) => all.pass(Duration::from_millis(time)),
                Act::Lose => drop(all.letters.pop_front()),
                Act::Restart(n) => {
                    let place = places[n % places.len()];
                    all.restart(config(place));
                    all.reconnect(place);
                }
            }
            for (place, state) in &all.places {
                let bytes: u64 = state.code().iter().map(|c| c.bytes).sum();
                prop_assert!(*place == name("r/h") || bytes <= 2_500, "{place} keeps {bytes}");
            }
        }
        for (place, request) in opened {
            all.put(&name(place), Input::Cancel { request });
        }
        for _ in 0..20 {
            all.pass(Duration::from_secs(60));
            all.transfer();
        }
        all.pass(Duration::from_secs(1_000));
        prop_assert_eq!(&all.fetching, &[]);
        for (place, state) in &all.places {
            prop_assert_eq!(state.next_timeout(), None, "{}", place);
            for code in state.code() {
                prop_assert_eq!((code.instances, code.from), (0, None), "{}", place);
            }
        }
    }
}

/// Whoever waited for a digest failed with those who had been told something wrong of it.
#[test]
fn a_release_that_describes_code_wrongly_costs_only_those_who_believe_it() {
    let mut all = tree();
    all.add(&release("cap@1.0.0", "r/b"));
    all.publish("r/b", &film("server", "cap@^1"));
    all.publish("r/a", &film("client", "cap@^1").replace("film", "local"));
    // The liar comes first, and what it describes is fetched first.
    let liar = all.open("r/a/x", "local");
    let mut answer = intercept(&mut all, "r/a/x", "resolved");
    if let Message::Resolved { found, .. } = &mut answer.envelope.message {
        let mut wrong = release("cap@1.0.0", "r/b");
        wrong.root = [9; 32];
        *found = vec![Arc::new(wrong)];
    }
    all.give(answer);
    all.settle();
    let honest = all.order("r", CodeOrder::Prefetch("cap".to_owned()));
    assert_eq!(all.fetching.len(), 1, "{:?}", all.fetching);
    let lying = || FetchFailure::Lying("another root".to_owned());
    all.fail("r", lying());
    all.finish("r");
    assert_eq!(all.ordered(honest), Some(Ok(vec!["cap@1.0.0".to_owned()])));
    while let Some(coming) = all.fetching.first() {
        let at = coming.at.to_string();
        all.fail(&at, lying());
    }
    assert_eq!(all.established(liar).quality, "plain");
}

/// A neighbour that used one number again and again had as many downloads as it liked, and
/// nobody waited for the older ones any more.
#[test]
fn a_number_that_waits_already_is_not_taken_for_other_code() {
    let mut all = tree();
    for digest in 0..20 {
        let mut guest = agent("r/a", &[], DownloadStrategy::DefaultPlace);
        Arc::make_mut(&mut guest.release).digest.0[0] = digest;
        all.give(letter("r/a", "r", Message::Download(guest)));
    }
    assert_eq!(all.places[&name("r")].code().len(), 1);
    assert_eq!(all.places[&name("r")].counters().fenced, 19);
}
