//! What a neighbour that lies, or a client that changes its mind, must not cause.

use std::time::Duration;

use waybook_agents::{
    Edition, Envelope, Feed, Incarnation, Message, PlaceSummary, Ready, Refusal, RefusalReason,
    SessionId,
};
use waybook_place::io::{Input, OpenRequest, Outcome, RequestId};
use waybook_plan::{Load, Profile, Resource, SolutionNumber};

use crate::letters::intercept;
use crate::neighbours::{FILM, Letter, Neighbours, config, kind, name};

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
fn ask(all: &mut Neighbours, place: &str, request: u64) -> RequestId {
    let request = RequestId(request);
    let open = OpenRequest {
        request,
        key: "shared".to_owned(),
        title: "film".to_owned(),
        profile: Profile::default(),
        strategy: None,
        deadline: None,
        retries: 1,
        idle: None,
        longest: None,
        watch: false,
    };
    all.put(&name(place), Input::Open(open));
    request
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
        .filter(|l| kind(&l.envelope.message) == what)
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
