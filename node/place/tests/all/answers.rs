//! Answers to searches that more than one set-up is planned with.

use std::time::Duration;

use waybook_place::Config;
use waybook_place::io::{Input, Outcome, RequestId};

use crate::neighbours::{FILM, Letter, Neighbours, config, name};

const AGE: Duration = Duration::from_secs(1);

fn places(config_of_client: Config) -> Neighbours {
    let mut all = Neighbours::join(vec![
        config_of_client,
        config("r", 1000),
        config("r/m", 1000),
        config("r/a/x", 1000),
    ]);
    all.publish("r/m", FILM);
    all.settle();
    all
}

fn three() -> Neighbours {
    let mut client = config("r/a", 1000);
    client.timing.search_age = AGE;
    places(client)
}

/// Opens a session at `r/a`; what became of it, and how often `r` was asked for servers.
fn open(all: &mut Neighbours, title: &str) -> (Outcome, usize) {
    let request = all.open("r/a", title);
    let searches = settle(all);
    (all.outcome(request).unwrap().clone(), searches)
}

/// Delivers all letters; how many of them asked `r` for servers.
fn settle(all: &mut Neighbours) -> usize {
    let mut searches = 0;
    while let Some(letter) = all.letters.pop_front() {
        searches += usize::from(is_search(&letter));
        all.give(letter);
    }
    searches
}

fn is_search(letter: &Letter) -> bool {
    letter.envelope.message.kind() == "search" && letter.to == name("r")
}

fn established(all: &Neighbours, request: RequestId) -> bool {
    matches!(all.outcome(request), Some(Outcome::Established(_)))
}

fn close(all: &mut Neighbours, outcome: &Outcome) {
    let Outcome::Established(established) = outcome else {
        panic!("not established: {outcome:?}");
    };
    let session = established.session;
    all.put(&name("r/a"), Input::Close { session });
    all.settle();
}

#[test]
fn set_ups_of_the_same_title_share_an_answer_for_a_while() {
    let mut all = three();
    let (first, searches) = open(&mut all, "film");
    assert_eq!(searches, 1);
    close(&mut all, &first);
    all.pass(AGE / 2);
    let (second, searches) = open(&mut all, "film");
    assert_eq!(searches, 0);
    close(&mut all, &second);
    // It does not become younger by being used.
    all.pass(AGE / 2);
    let (third, searches) = open(&mut all, "film");
    assert_eq!(searches, 1);
    close(&mut all, &third);
}

#[test]
fn unless_answers_are_kept_every_set_up_searches() {
    let mut all = places(config("r/a", 1000));
    for _ in 0..3 {
        let (outcome, searches) = open(&mut all, "film");
        assert_eq!(searches, 1);
        close(&mut all, &outcome);
    }
}

#[test]
fn what_is_withdrawn_is_found_no_more_once_the_answer_is_old() {
    let mut all = three();
    let (outcome, _) = open(&mut all, "film");
    close(&mut all, &outcome);
    let title = "film".to_owned();
    all.put(&name("r/m"), Input::Withdraw { title });
    all.settle();
    all.pass(AGE);
    let (outcome, searches) = open(&mut all, "film");
    assert!(matches!(outcome, Outcome::NoPlan(_)), "{outcome:?}");
    assert_eq!(searches, 1);
    // And that there is none is not kept.
    all.publish("r/m", FILM);
    all.settle();
    let (outcome, _) = open(&mut all, "film");
    close(&mut all, &outcome);
}

#[test]
fn a_refusal_ends_an_answer() {
    let mut all = three();
    let mut open_sessions = Vec::new();
    let refused = loop {
        match open(&mut all, "film") {
            (Outcome::Established(established), _) => open_sessions.push(established.session),
            (refused, searches) => break (refused, searches),
        }
        assert!(open_sessions.len() < 20, "there is room for ever");
    };
    assert!(open_sessions.len() > 1);
    assert!(matches!(refused.0, Outcome::Refused { .. }), "{refused:?}");
    assert_eq!(refused.1, 0);
    let (_, searches) = open(&mut all, "film");
    assert_eq!(searches, 1);
}

#[test]
fn what_a_place_hears_from_below_ends_its_answers() {
    let mut all = three();
    let (outcome, searches) = open(&mut all, "film");
    assert_eq!(searches, 1);
    close(&mut all, &outcome);
    all.publish("r/a/x", FILM);
    all.settle();
    let (outcome, searches) = open(&mut all, "film");
    assert_eq!(searches, 1);
    let Outcome::Established(established) = &outcome else {
        panic!("not established: {outcome:?}");
    };
    let place = &all.places[&name("r/a")];
    let agent = place.agent(established.session).unwrap();
    assert_eq!(
        agent.plan().solutions[0].stages.last().unwrap().place,
        name("r/a/x")
    );
}

#[test]
fn the_oldest_answer_makes_room() {
    let mut all = three();
    let title = |at: usize| format!("film {at}");
    for at in 0..300 {
        let film = FILM.replace("\"film\"\n[[", &format!("\"{}\"\n[[", title(at)));
        all.publish("r/m", &film);
    }
    all.settle();
    for at in 0..300 {
        let (outcome, searches) = open(&mut all, &title(at));
        assert_eq!(searches, 1);
        close(&mut all, &outcome);
        all.pass(Duration::from_millis(1));
    }
    let (outcome, searches) = open(&mut all, &title(299));
    assert_eq!(searches, 0);
    close(&mut all, &outcome);
    let (_, searches) = open(&mut all, &title(0));
    assert_eq!(searches, 1);
}

/// Each of a crowd that came for one title asked on its own, and most of them waited for their turn.
#[test]
fn set_ups_at_the_same_time_share_a_search() {
    let mut all = three();
    let requests: Vec<_> = (0..3).map(|_| all.open("r/a", "film")).collect();
    assert_eq!(settle(&mut all), 1);
    for request in requests {
        assert!(established(&all, request), "{:?}", all.outcome(request));
    }
}

/// Whoever came after a search had begun was told by its answer that there is no server of what had been
/// published in between.
#[test]
fn that_there_is_no_server_is_told_to_those_who_came_before() {
    let mut all = three();
    let first = all.open("r/a", "news");
    let asked = all.letters.pop_front().unwrap();
    assert!(is_search(&asked));
    all.give(asked);
    let answer = all.letters.pop_front().unwrap();
    assert_eq!(answer.envelope.message.kind(), "found");
    all.publish("r/m", &FILM.replace("\"film\"\n[[", "\"news\"\n[["));
    all.settle();
    let second = all.open("r/a", "news");
    all.give(answer);
    assert_eq!(settle(&mut all), 1);
    let none = all.outcome(first).unwrap();
    assert!(matches!(none, Outcome::NoPlan(_)), "{none:?}");
    assert!(established(&all, second), "{:?}", all.outcome(second));
}

#[test]
fn who_gets_no_answer_in_time_plans_with_an_older_one() {
    let mut all = three();
    let (outcome, _) = open(&mut all, "film");
    close(&mut all, &outcome);
    all.pass(AGE);
    let request = all.open("r/a", "film");
    let later = all.open("r/a", "film");
    all.pass_losing(Duration::from_secs(6), is_search);
    assert!(established(&all, request), "{:?}", all.outcome(request));
    assert!(established(&all, later), "{:?}", all.outcome(later));
    // But not with one that is too old.
    all.pass(AGE * 61);
    let request = all.open("r/a", "film");
    all.pass_losing(Duration::from_secs(6), is_search);
    let outcome = all.outcome(request).unwrap();
    assert!(matches!(outcome, Outcome::NoPlan(_)), "{outcome:?}");
}

/// A place whose parent is late with answers does not wait for its turn to ask, where it has an answer.
#[test]
fn who_would_have_to_wait_for_a_turn_plans_with_an_older_answer() {
    let mut all = three();
    let (outcome, _) = open(&mut all, "film");
    close(&mut all, &outcome);
    all.pass(AGE);
    // None of these is answered.
    for title in 0..20 {
        all.open("r/a", &format!("unknown {title}"));
    }
    let asked = all
        .letters
        .iter()
        .filter(|letter| is_search(letter))
        .count();
    assert!(asked < 20, "{asked} are under way at once");
    all.letters.retain(|letter| !is_search(letter));
    let (outcome, searches) = open(&mut all, "film");
    assert!(matches!(outcome, Outcome::Established(_)), "{outcome:?}");
    assert_eq!(searches, 0);
}
