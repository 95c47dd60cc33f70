//! What a neighbour that lies, or a client that changes its mind, must not cause.

use std::time::Duration;

use waybook_agents::{Edition, Envelope, Incarnation, Message, PlaceSummary};
use waybook_plan::Load;

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
