//! What a neighbour that lies, or a client that changes its mind, must not cause.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{
    Edition, Envelope, Feed, Incarnation, IndexEntry, Message, PlaceSummary, Ready, Refusal,
    RefusalReason, SessionId, Visit, Withheld, wire,
};
use waybook_place::Timing;
use waybook_place::io::{Input, OpenRequest, Outcome, Output, RequestId};
use waybook_plan::{Load, Presentation, Resource, SolutionNumber};

use crate::letters::intercept;
use crate::neighbours::{FILM, Letter, Neighbours, config, name};

fn three() -> Neighbours {
    let mut all = Neighbours::join(vec![
        config("r/a", 1000),
        config("r", 1000),
        config("r/m", 1000),
    ]);
    all.publish("r/m", FILM);
    all
}

/// A letter between places in their first life.
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

fn summary(place: &str, age: Duration) -> PlaceSummary {
    PlaceSummary {
        place: name(place),
        edition: Edition::default(),
        age,
        load: Load(0),
        resources: Vec::new(),
        sessions: 0,
        withheld: Withheld::NOTHING,
    }
}

#[test]
fn a_summary_of_any_age_is_kept_and_passed_on() {
    let mut all = Neighbours::join(vec![
        config("r", 1000),
        config("r/b", 1000),
        config("r/b/c", 1000),
    ]);
    let places = vec![summary("r/b/c/x", Duration::MAX)];
    let gone = Vec::new();
    all.give(letter("r/b/c", "r/b", Message::Summaries { places, gone }));
    all.pass(Duration::from_secs(10));
    for place in ["r/b", "r"] {
        let known = all.places[&name(place)].summaries(all.now);
        assert!(known.iter().any(|s| s.place == name("r/b/c/x")));
    }
}

/// A request of the key `shared`, to be tried again once.
fn request(number: u64) -> OpenRequest {
    OpenRequest {
        request: RequestId(number),
        retries: 1,
        ..OpenRequest::new("shared", "film")
    }
}

fn ask(all: &mut Neighbours, place: &str, number: u64) -> RequestId {
    all.put(&name(place), Input::Open(request(number)));
    RequestId(number)
}

#[test]
fn a_set_up_is_given_up_when_the_last_of_its_requests_is_cancelled_whichever_came_first() {
    // While the servers are looked for; while the visitor is on its way; while a retry
    // is waited for.
    for stage in ["search", "visit", "retry"] {
        let mut client = config("r/a", 1000);
        client.capacity.insert(Resource::down(), 4_000_000);
        let mut all = Neighbours::join(vec![client, config("r", 1000), config("r/m", 1000)]);
        all.publish("r/m", FILM);
        // Another set-up holds the whole edge: its visit to the root waits.
        let other = (stage == "retry").then(|| {
            let other = all.open("r/a", "film");
            intercept(&mut all, "r", "visit");
            other
        });
        let (first, second) = (ask(&mut all, "r/a", 101), ask(&mut all, "r/a", 102));
        match stage {
            "visit" => drop(intercept(&mut all, "r", "visit")),
            "retry" => all.settle(),
            _ => {}
        }
        all.put(&name("r/a"), Input::Cancel { request: first });
        assert_eq!(all.outcome(second), None);
        all.put(&name("r/a"), Input::Cancel { request: second });
        all.settle();
        assert_eq!(all.outcome(first), None, "{stage}");
        assert_eq!(all.outcome(second), Some(&Outcome::Closed), "{stage}");
        if let Some(request) = other {
            all.put(&name("r/a"), Input::Cancel { request });
        }
        all.pass(Duration::from_secs(2));
        assert_eq!(all.bookings(), [""; 0], "{stage}");
    }
}

/// How many letters of a kind wait to be delivered to a place.
fn waiting(all: &Neighbours, to: &str, what: &str) -> usize {
    let letters = all.letters.iter().filter(|l| l.to == name(to));
    letters
        .filter(|l| l.envelope.message.kind() == what)
        .count()
}

#[test]
fn ready_of_a_session_that_never_was_is_answered_once_and_forgotten() {
    let mut all = three();
    let ready = Ready {
        session: SessionId(7),
        number: SolutionNumber(1),
        solution: SolutionNumber(1),
        journey: Vec::new(),
        refused: Vec::new(),
    };
    all.give(letter("r/m", "r", Message::Ready(ready)));
    assert_eq!(waiting(&all, "r/m", "release"), 1);
    all.letters.clear();
    // Nothing feeds such a booking: the lease ends it if the release was lost.
    all.now = all.now + Duration::from_secs(2);
    all.put(&name("r"), Input::Tick);
    assert_eq!(waiting(&all, "r/m", "release"), 0);
}

#[test]
fn ready_with_more_reasons_or_hops_than_there_can_be_is_refused() {
    for (reasons, hops) in [(1000, 0), (0, 1000)] {
        let mut all = three();
        let request = all.open("r/a", "film");
        let mut letter = intercept(&mut all, "r", "ready");
        let Message::Ready(ready) = &mut letter.envelope.message else {
            panic!()
        };
        let refusal = Refusal {
            solution: SolutionNumber(1),
            place: name("r/m"),
            reason: RefusalReason::Deadline,
        };
        ready.refused = vec![refusal; reasons];
        let report = ready.journey[0].clone();
        ready.journey.extend(vec![report; hops]);
        all.give(letter);
        all.settle();
        assert!(matches!(
            all.outcome(request),
            Some(Outcome::Refused { .. })
        ));
        assert_eq!(all.bookings(), [""; 0]);
        assert_eq!(all.places[&name("r")].counters().refused_messages, 1);
    }
}

#[test]
fn a_set_up_that_is_refreshed_many_times_in_one_letter_answers_once() {
    let mut all = three();
    all.open("r/a", "film");
    let ready = intercept(&mut all, "r", "ready");
    let Message::Ready(ready) = ready.envelope.message else {
        panic!()
    };
    let feed = Feed {
        session: ready.session,
        number: ready.number,
    };
    let refresh = Message::Refresh {
        setups: vec![feed; 1000],
        established: Vec::new(),
    };
    all.give(letter("r", "r/m", refresh));
    assert_eq!(waiting(&all, "r", "ready"), 1);
}

/// The film under many titles, each as long as a title may be.
fn films(server: &str, count: usize) -> Vec<IndexEntry> {
    let film = Presentation::from_toml(FILM).unwrap();
    let entry = |at| IndexEntry {
        server: name(server),
        edition: Edition(Incarnation(1), 1),
        presentation: Arc::new(Presentation {
            title: format!("{at:0>200}"),
            ..film.clone()
        }),
    };
    (0..count).map(entry).collect()
}

fn index(complete: bool, entries: &[IndexEntry]) -> Message {
    Message::Index {
        complete,
        entries: entries.to_vec(),
        withdrawn: Vec::new(),
    }
}

#[test]
fn what_goes_with_a_cut_off_locality_is_told_in_letters_that_fit() {
    let mut all = Neighbours::join(vec![
        config("r", 1000),
        config("r/b", 1000),
        config("r/b/c", 1000),
    ]);
    let long = |at| format!("r/b/c/{at:0>60}/{at:0>60}/{at:0>60}/{at:0>60}");
    for part in films(&long(0), 2500).chunks(16) {
        all.give(letter("r/b/c", "r/b", index(false, part)));
    }
    let places = (0..4500).map(|at| summary(&long(at), Duration::ZERO));
    let places = places.collect();
    let gone = Vec::new();
    all.give(letter("r/b/c", "r/b", Message::Summaries { places, gone }));
    all.pass(Duration::from_secs(5));
    assert_eq!(all.places[&name("r")].presentations().count(), 2500);
    let neighbour = name("r/b/c");
    all.put(&name("r/b"), Input::LinkDown { neighbour });
    all.now = all.now + Duration::from_secs(20);
    all.put(&name("r/b"), Input::Tick);
    all.now = all.now + Duration::from_secs(20);
    all.put(&name("r/b"), Input::Tick);
    for letter in &all.letters {
        let frame = wire::encode(&letter.envelope).len() - wire::PREFIX;
        assert!(frame <= wire::MAX_FRAME, "{frame} bytes");
    }
    all.settle();
    assert_eq!(all.places[&name("r")].presentations().count(), 0);
    assert_eq!(all.places[&name("r")].summaries(all.now).len(), 2);
}

#[test]
fn a_title_is_found_while_its_server_lists_all_that_it_holds_again() {
    let mut all = three();
    let films = films("r/m", 40);
    for part in films.chunks(16) {
        all.give(letter("r/m", "r", index(false, part)));
    }
    let known = |all: &Neighbours| all.places[&name("r")].presentations().count();
    assert_eq!(known(&all), 41);
    // On a new connection all is listed again, in parts, but for one that was withdrawn.
    all.give(letter("r/m", "r", index(true, &films[..16])));
    assert_eq!(known(&all), 41);
    all.give(letter("r/m", "r", index(false, &films[16..32])));
    all.give(letter("r/m", "r", index(false, &films[32..])));
    assert_eq!(known(&all), 41);
    all.pass(Duration::from_secs(11));
    assert_eq!(known(&all), 40);
    let request = all.open("r/a", "film");
    all.settle();
    assert!(matches!(all.outcome(request), Some(Outcome::NoPlan(_))));
}

#[test]
fn a_full_index_takes_new_editions_and_a_place_serves_only_as_many_as_it_may() {
    let mut root = config("r", 1000);
    root.limits.index = 2;
    let mut media = config("r/m", 1000);
    media.limits.presentations = 1;
    let mut all = Neighbours::join(vec![root, config("r/a", 1000), media]);
    all.publish("r/m", FILM);
    all.publish("r/m", &FILM.replace("\"film\"", "\"second\""));
    assert_eq!(all.places[&name("r/m")].presentations().count(), 1);
    all.publish("r/a", &FILM.replace("\"film\"", "\"other\""));
    all.publish("r/m", &FILM.replace("low", "small"));
    let known: Vec<_> = all.places[&name("r")].presentations().collect();
    assert_eq!(known.len(), 2);
    assert_eq!(known[0].presentation.qualities[1].name, "small");
}

#[test]
fn no_more_children_are_connected_than_may_be() {
    let mut root = config("r", 1000);
    root.limits.children = 2;
    let mut all = Neighbours::join(vec![root]);
    let turn = |all: &mut Neighbours, child: &str, up: bool| {
        let (neighbour, incarnation) = (name(child), Incarnation(1));
        let input = match up {
            true => Input::LinkUp {
                neighbour,
                incarnation,
                version: waybook_agents::wire::VERSION,
            },
            false => Input::LinkDown { neighbour },
        };
        all.put(&name("r"), input);
        all.places[&name("r")].links().count()
    };
    assert_eq!(turn(&mut all, "r/a", true), 1);
    assert_eq!(turn(&mut all, "r/b", true), 2);
    assert_eq!(turn(&mut all, "r/c", true), 2);
    assert_eq!(turn(&mut all, "r/b", false), 1);
    assert_eq!(turn(&mut all, "r/c", true), 2);
    // One that was here before needs room as well; a connection rebuilt does not.
    assert_eq!(turn(&mut all, "r/b", true), 2);
    assert_eq!(turn(&mut all, "r/a", true), 2);
    let up: Vec<_> = all.places[&name("r")]
        .links()
        .map(|(n, _)| n.clone())
        .collect();
    assert_eq!(up, [name("r/a"), name("r/c")]);
}

#[test]
fn surveys_beyond_the_limit_are_answered_at_once_without_asking() {
    let mut root = config("r", 1000);
    root.limits.questions = 1;
    let mut all = Neighbours::join(vec![root, config("r/m", 1000)]);
    all.publish("r/m", FILM);
    let surveyed = |all: &mut Neighbours| {
        all.put(&name("r"), Input::DryRun(request(1)));
        let is = |o: &&(_, Output)| matches!(o.1, Output::Surveyed { .. });
        all.done.iter().filter(is).count()
    };
    assert_eq!(surveyed(&mut all), 0);
    assert_eq!(surveyed(&mut all), 1);
    assert_eq!(waiting(&all, "r/m", "survey"), 1);
    all.settle();
    assert_eq!(all.done.len(), 2);
}

#[test]
fn a_release_bars_only_what_its_own_sender_sends() {
    let mut all = three();
    let request = all.open("r/a", "film");
    let visit = intercept(&mut all, "r", "visit");
    let Message::Visit(Visit { agent, .. }) = &visit.envelope.message else {
        panic!()
    };
    let feed = Feed {
        session: agent.session(),
        number: SolutionNumber(9),
    };
    all.give(letter("r/m", "r", Message::Release(feed)));
    all.give(visit);
    all.settle();
    assert!(matches!(
        all.outcome(request),
        Some(Outcome::Established(_))
    ));
}

#[test]
fn a_confirmation_that_was_never_sent_is_not_acknowledged() {
    let mut all = three();
    let request = all.open("r/a", "film");
    let ready = intercept(&mut all, "r", "ready");
    let Message::Ready(Ready {
        session, number, ..
    }) = ready.envelope.message
    else {
        panic!()
    };
    // The media place says so and falls silent: the silence is still noticed.
    let feed = Feed { session, number };
    all.give(letter("r/m", "r", Message::ConfirmAck(feed)));
    for _ in 0..100 {
        all.now = all.now + Duration::from_millis(100);
        all.put(&name("r"), Input::Tick);
        all.put(&name("r/a"), Input::Tick);
        while let Some(letter) = all.letters.pop_front() {
            if letter.from != name("r/m") {
                all.give(letter);
            }
        }
    }
    assert!(matches!(
        all.outcome(request),
        Some(Outcome::Refused { .. })
    ));
}

#[test]
fn a_period_too_long_for_its_lease_is_refused_however_long_it_is() {
    let timing = Timing {
        session_refresh: Duration::MAX,
        ..Timing::default()
    };
    assert!(timing.check().is_err());
}
