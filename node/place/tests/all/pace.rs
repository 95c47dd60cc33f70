//! A neighbour that is late with what it has been asked is asked no more for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use waybook_agents::Message;
use waybook_place::io::{Input, Outcome, RequestId};

use crate::neighbours::{Letter, Neighbours, config, name};

/// Visits, or questions, that may be under way to a neighbour of which nothing is known yet.
const START: usize = 2;

const NOTE: &str = r#"
title = "note"
[[quality]]
name = "only"
[quality.demand.server]
cpu = "1m"
"#;

/// A server below the root, and places with clients one below the other.
fn line() -> Neighbours {
    let places = ["r", "r/m", "r/a", "r/a/x"].map(|place| config(place, 1000));
    let mut all = Neighbours::join(places.into());
    all.publish("r/m", NOTE);
    all
}

fn open(all: &mut Neighbours, at: &str, count: usize) -> Vec<RequestId> {
    (0..count).map(|_| all.open(at, "note")).collect()
}

/// How those ended that have an answer, in words.
fn answers(all: &Neighbours, requests: &[RequestId]) -> Vec<String> {
    let outcomes = requests.iter().filter_map(|request| all.outcome(*request));
    let words = outcomes.map(|outcome| match outcome {
        Outcome::Established(_) => "established".to_owned(),
        Outcome::Refused { refused, .. } => refused[0].to_string(),
        Outcome::NoPlan(no) => no.to_string(),
        other => format!("{other:?}"),
    });
    words.collect()
}

/// The sessions that such letters were about.
#[derive(Default)]
struct Seen {
    visits: BTreeSet<String>,
    releases: BTreeSet<String>,
}

impl Seen {
    fn note(&mut self, letter: &Letter) {
        match &letter.envelope.message {
            Message::Visit(visit) => self.visits.insert(visit.agent.session().to_string()),
            Message::Release(feed) => self.releases.insert(feed.session.to_string()),
            _ => false,
        };
    }
}

#[test]
fn more_is_sent_as_what_was_sent_is_taken() {
    let mut all = line();
    let requests = open(&mut all, "r", 10);
    let visits = all
        .letters
        .iter()
        .filter(|l| l.envelope.message.kind() == "visit");
    assert_eq!(visits.count(), START);
    assert_eq!(all.places[&name("r")].sessions(all.now).len(), 10);
    all.settle();
    assert_eq!(answers(&all, &requests), ["established"; 10]);
    // It is known now that the neighbour can take more.
    let requests = open(&mut all, "r", 4);
    let visits = all
        .letters
        .iter()
        .filter(|l| l.envelope.message.kind() == "visit");
    assert_eq!(visits.count(), 4);
    all.settle();
    assert_eq!(answers(&all, &requests), ["established"; 4]);
}

/// All visits were sent to a neighbour that took none of them, and so were as many releases.
#[test]
fn what_does_not_get_its_turn_is_refused_and_costs_the_neighbour_nothing() {
    let mut all = line();
    let requests = open(&mut all, "r", 10);
    let mut seen = Seen::default();
    let mut to_server = |letter: &Letter| {
        let is = letter.to == name("r/m");
        if is {
            seen.note(letter);
        }
        is
    };
    all.pass_losing(Duration::from_millis(2100), &mut to_server);
    let crowded = "solution 1 at r: limit `set-ups under way to r/m` = 1 is reached";
    assert_eq!(answers(&all, &requests), [crowded; 8]);
    all.pass_losing(Duration::from_secs(7), &mut to_server);
    let silent = "solution 1 at r: no answer from r/m";
    let mut all_answers = answers(&all, &requests);
    all_answers.sort();
    assert_eq!(
        all_answers,
        [[crowded; 8].as_slice(), &[silent; START]].concat()
    );
    assert_eq!((seen.visits.len(), seen.releases.len()), (START, START));
    assert_eq!(seen.visits, seen.releases);
    // Nothing is left of it.
    all.pass(Duration::from_secs(100));
    assert_eq!(all.bookings(), [""; 0]);
    let request = open(&mut all, "r", 1);
    all.settle();
    assert_eq!(answers(&all, &request), ["established"]);
}

#[test]
fn who_comes_when_others_have_waited_for_long_is_refused_at_once() {
    let mut all = line();
    open(&mut all, "r", 4);
    all.pass_losing(Duration::from_millis(1100), |letter| {
        letter.to == name("r/m")
    });
    let late = open(&mut all, "r", 1);
    let crowded = "solution 1 at r: limit `set-ups under way to r/m` = 1 is reached";
    assert_eq!(answers(&all, &late), [crowded]);
}

/// A visit that waits is given up as any other, and its turn goes to the next.
#[test]
fn what_waits_can_be_given_up() {
    let mut all = line();
    let requests = open(&mut all, "r", 4);
    for request in &requests[1..3] {
        all.put(&name("r"), Input::Cancel { request: *request });
    }
    all.settle();
    assert_eq!(answers(&all, &requests[..1]), ["established"]);
    assert_eq!(answers(&all, &requests[3..]), ["established"]);
    all.pass(Duration::from_secs(20));
    assert_eq!(all.bookings().len(), 2 * 2, "{:?}", all.bookings());
}

/// Questions climb as visits do, those of a place below as well as own ones.
#[test]
fn questions_wait_for_their_turn_too() {
    let mut all = line();
    let below = open(&mut all, "r/a/x", 1);
    let own = open(&mut all, "r/a", 3);
    let searches = |all: &Neighbours, to: &str| {
        let to = name(to);
        let to_it = all.letters.iter().filter(|letter| letter.to == to);
        to_it
            .filter(|l| l.envelope.message.kind() == "search")
            .count()
    };
    assert_eq!(searches(&all, "r"), START);
    all.settle();
    assert_eq!(answers(&all, &below), ["established"]);
    assert_eq!(answers(&all, &own), ["established"; 3]);

    let mut all = line();
    let own = open(&mut all, "r/a", 4);
    let lost = |letter: &Letter| letter.to == name("r");
    all.pass_losing(Duration::from_millis(2600), lost);
    // It was said of these that there is no server.
    let crowded = "no server of `note` is known here, and r is late with answers: no more than 1 \
                   may be under way to it; try again";
    assert_eq!(answers(&all, &own), [crowded; 2]);
    all.pass_losing(Duration::from_secs(3), lost);
    let unanswered = "no server of `note` is known here, and r did not answer in time; try again";
    let mut all_answers = answers(&all, &own);
    all_answers.sort();
    assert_eq!(all_answers, [unanswered, unanswered, crowded, crowded]);
}
