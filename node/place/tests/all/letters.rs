//! Single letters late, twice, lost, or from somebody who may not send them.

use std::time::Duration;

use waybook_agents::{Incarnation, Message};
use waybook_place::io::{Input, Outcome};

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

/// Delivers until a letter of that kind to that place is next, and takes it out.
pub(crate) fn intercept(all: &mut Neighbours, to: &str, what: &str) -> Letter {
    loop {
        let letter = all
            .letters
            .pop_front()
            .unwrap_or_else(|| panic!("no {what} to {to}"));
        if letter.to == name(to) && letter.envelope.message.kind() == what {
            return letter;
        }
        all.give(letter);
    }
}

#[test]
fn a_visit_twice_books_once() {
    let mut all = three();
    all.open("r/a", "film");
    let visit = intercept(&mut all, "r/m", "visit");
    all.give(visit.clone());
    let once = all.bookings();
    all.give(visit.clone());
    assert_eq!(all.bookings(), once);
    all.settle();
    let established = all.bookings();
    all.give(visit);
    all.settle();
    assert_eq!(all.bookings(), established);
    assert_eq!(all.places[&name("r/m")].counters().fenced, 2);
}

#[test]
fn a_visit_after_its_release_is_barred() {
    let mut all = three();
    let request = all.open("r/a", "film");
    let visit = intercept(&mut all, "r/m", "visit");
    all.put(&name("r/a"), Input::Cancel { request });
    all.settle();
    assert_eq!(all.outcome(request), Some(&Outcome::Closed));
    all.give(visit);
    all.settle();
    assert_eq!(all.bookings(), [""; 0]);
    assert_eq!(all.places[&name("r/m")].counters().fenced, 1);
}

/// A hop that had gone on by itself to later solutions, and then refused, remembered the visit only
/// that it had been sent. The next one of the hop before, which was late, was let in, and the hop
/// sent a solution on that its next hop had long been past.
#[test]
fn a_refusal_holds_for_all_that_was_tried_under_it() {
    const RELAYED: &str = r#"
title = "relayed"
[[quality]]
name = "high"
[[quality.component]]
at = "every-hop"
name = "relay"
runtime = "builtin"
[[quality]]
name = "middle"
[[quality.component]]
at = "default-place"
name = "relay"
runtime = "builtin"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
[[quality]]
name = "low"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
"#;
    let mut all = Neighbours::join(vec![
        config("r", 1000),
        config("r/m", 1000),
        config("r/m/x", 1000),
    ]);
    all.publish("r/m/x", RELAYED);
    all.instant_components = false;
    let request = all.open("r", "relayed");
    all.settle();
    let fails = |all: &mut Neighbours, place: &str| {
        // The last one it was told to start: the others are not needed any more.
        let at = all.starting.iter().rposition(|(p, _)| *p == name(place));
        let (place, instance) = all.starting.remove(at.unwrap());
        let why = "it broke".to_owned();
        all.put(&place, Input::ComponentFailed { instance, why });
    };
    // The middle hop goes on by itself with the second quality, and the client's place, where the
    // first two need what fails there as well, with the third.
    fails(&mut all, "r/m");
    fails(&mut all, "r");
    let late = intercept(&mut all, "r/m", "visit");
    all.settle();
    let visits = |all: &Neighbours| {
        let place = |p| all.places[&name(p)].counters().visits;
        (place("r/m"), place("r/m/x"))
    };
    assert_eq!(visits(&all), (1, 2));
    // What the second and the third need of the server fails, so that all three are refused.
    fails(&mut all, "r/m/x");
    all.settle();
    assert!(all.outcome(request).is_none());
    all.give(late);
    all.settle();
    let Some(Outcome::Refused { refused, .. }) = all.outcome(request) else {
        panic!("{:?}", all.outcome(request));
    };
    assert!(refused.iter().any(|r| r.solution.0 == 3), "{refused:?}");
    assert_eq!(visits(&all), (1, 2));
    assert_eq!(all.bookings(), [""; 0]);
}

#[test]
fn ready_that_nobody_awaits_is_answered_with_a_release() {
    let mut all = three();
    let request = all.open("r/a", "film");
    let ready = intercept(&mut all, "r", "ready");
    // The client goes; its release to the media place is lost, again and again.
    all.put(&name("r/a"), Input::Cancel { request });
    while let Some(letter) = all.letters.pop_front() {
        if letter.to != name("r/m") {
            all.give(letter);
        }
    }
    assert_eq!(all.bookings().len(), 1, "{:?}", all.bookings());
    all.give(ready);
    all.settle();
    assert_eq!(all.bookings(), [""; 0]);
}

#[test]
fn what_an_older_life_sent_has_no_effect() {
    let mut all = three();
    all.open("r/a", "film");
    let visit = intercept(&mut all, "r", "visit");
    // The client's place begins a new life before its agent arrives.
    all.begin(config("r/a", 1000), Incarnation(2));
    all.put(
        &name("r"),
        Input::LinkDown {
            neighbour: name("r/a"),
        },
    );
    all.put(
        &name("r"),
        Input::LinkUp {
            neighbour: name("r/a"),
            incarnation: Incarnation(2),
            version: waybook_agents::wire::VERSION,
        },
    );
    let before = all.places[&name("r")].counters().outdated;
    all.give(visit);
    assert_eq!(all.places[&name("r")].counters().outdated, before + 1);
    assert_eq!(all.bookings(), [""; 0]);
}

#[test]
fn strangers_and_places_out_of_line_are_not_neighbours() {
    let mut all = three();
    for stranger in ["r/a/x/y", "x", "r/b/c", "r/m", "r/a"] {
        let neighbour = name(stranger);
        all.put(
            &name("r/a"),
            Input::LinkUp {
                neighbour,
                incarnation: Incarnation(9),
                version: waybook_agents::wire::VERSION,
            },
        );
    }
    let links: Vec<_> = all.places[&name("r/a")]
        .links()
        .map(|(n, _)| n.to_string())
        .collect();
    assert_eq!(links, ["r"]);
    assert_eq!(all.places[&name("r/a")].counters().refused_messages, 5);
}

#[test]
fn an_agent_is_let_in_only_over_the_edge_that_its_path_says() {
    let mut all = Neighbours::join(vec![
        config("r/a", 1000),
        config("r", 1000),
        config("r/m", 1000),
        config("r/m/x", 1000),
    ]);
    all.publish("r/m", FILM);
    all.open("r/a", "film");
    let visit = intercept(&mut all, "r/m", "visit");
    // The same agent from a child, which is not on its path.
    let mut forged = visit.clone();
    forged.from = name("r/m/x");
    all.give(forged);
    assert_eq!(all.places[&name("r/m")].counters().refused_messages, 1);
    all.give(visit);
    all.settle();
    // Once established, its child cannot release it either.
    let Some(session) = all.places[&name("r/m")].bookings().next() else {
        panic!()
    };
    let feed = waybook_agents::Feed {
        session: session.session,
        number: waybook_plan::SolutionNumber(9),
    };
    let before = all.bookings();
    let envelope = waybook_agents::Envelope {
        from: Incarnation(1),
        to: Incarnation(1),
        message: Message::Release(feed),
    };
    all.give(Letter {
        from: name("r/m/x"),
        to: name("r/m"),
        envelope,
    });
    assert_eq!(all.bookings(), before);
}

#[test]
fn a_child_can_only_publish_for_its_own_locality() {
    let mut all = three();
    let film = waybook_plan::Presentation::from_toml(FILM).unwrap();
    let entry = waybook_agents::IndexEntry {
        server: name("r/m"),
        edition: waybook_agents::Edition(Incarnation(99), 1),
        presentation: std::sync::Arc::new(film),
    };
    let message = Message::Index {
        complete: true,
        entries: vec![entry],
        withdrawn: Vec::new(),
    };
    let envelope = waybook_agents::Envelope {
        from: Incarnation(1),
        to: Incarnation(1),
        message,
    };
    all.give(Letter {
        from: name("r/a"),
        to: name("r"),
        envelope,
    });
    let editions: Vec<_> = all.places[&name("r")]
        .presentations()
        .map(|e| e.edition.0.0)
        .collect();
    assert_eq!(editions, [1]);
}

#[test]
fn withdrawn_and_dead_servers_are_no_longer_found() {
    let mut all = three();
    all.put(
        &name("r/m"),
        Input::Withdraw {
            title: "film".to_owned(),
        },
    );
    all.settle();
    let request = all.open("r/a", "film");
    all.settle();
    assert!(matches!(all.outcome(request), Some(Outcome::NoPlan(_))));

    all.publish("r/m", FILM);
    all.put(
        &name("r"),
        Input::LinkDown {
            neighbour: name("r/m"),
        },
    );
    all.pass(Duration::from_secs(11));
    let request = all.open("r/a", "film");
    all.settle();
    assert!(matches!(all.outcome(request), Some(Outcome::NoPlan(_))));

    let incarnation = Incarnation(1);
    all.put(
        &name("r"),
        Input::LinkUp {
            neighbour: name("r/m"),
            incarnation,
            version: waybook_agents::wire::VERSION,
        },
    );
    all.put(
        &name("r/m"),
        Input::LinkUp {
            neighbour: name("r"),
            incarnation,
            version: waybook_agents::wire::VERSION,
        },
    );
    all.settle();
    let request = all.open("r/a", "film");
    all.settle();
    assert!(matches!(
        all.outcome(request),
        Some(Outcome::Established(_))
    ));
}

#[test]
fn the_same_key_gives_the_same_session_while_it_lives() {
    let mut all = three();
    let first = all.open("r/a", "film");
    let Some(Outcome::Established(one)) = ({
        all.settle();
        all.outcome(first).cloned()
    }) else {
        panic!()
    };
    let again = all.open_with_key("r/a", "film", "key 1");
    let Some(Outcome::Established(two)) = all.outcome(again).cloned() else {
        panic!()
    };
    assert_eq!(one, two);
    all.put(
        &name("r/a"),
        Input::Close {
            session: one.session,
        },
    );
    all.settle();
    let third = all.open_with_key("r/a", "film", "key 1");
    all.settle();
    let Some(Outcome::Established(three)) = all.outcome(third).cloned() else {
        panic!()
    };
    assert_ne!(one.session, three.session);
}

/// A list that came twice ended a session that had come to stand between the two.
#[test]
fn a_list_that_comes_twice_ends_nothing() {
    let mut all = three();
    all.cut("r", "r/m");
    all.link_up(&name("r"), &name("r/m"));
    all.link_up(&name("r/m"), &name("r"));
    let list = intercept(&mut all, "r/m", "resync");
    all.give(list.clone());
    all.settle();
    // At the very moment at which the connection came up.
    all.open("r/a", "film");
    all.settle();
    let before = all.bookings();
    assert_eq!(before.len(), 3);
    all.give(list);
    all.settle();
    assert_eq!(all.bookings(), before);
}
