//! One session over three places, from the open to the close.

use std::time::Duration;

use waybook_agents::Incarnation;
use waybook_place::io::{EndReason, Established, Input, Outcome, Output, RequestId};

use crate::neighbours::{FILM, Neighbours, config, name};

/// A client's leaf, the root, and a media place that holds the film.
fn three() -> Neighbours {
    let mut all = Neighbours::join(vec![
        config("r/a", 1000),
        config("r", 1000),
        config("r/m", 1000),
    ]);
    all.publish("r/m", FILM);
    all
}

fn established(all: &Neighbours, request: RequestId) -> Established {
    match all.outcome(request) {
        Some(Outcome::Established(established)) => (**established).clone(),
        other => panic!("not established: {other:?}"),
    }
}

#[test]
fn a_session_is_booked_hop_by_hop_and_given_back() {
    let mut all = three();
    let request = all.open("r/a", "film");
    all.settle();
    let session = established(&all, request);
    assert_eq!(session.quality, "high");
    assert_eq!(
        all.bookings(),
        [
            "r Established nothing",
            "r/a Established down 4 Mbit/s, up 100 kbit/s",
            "r/m Established cpu 400m, down 100 kbit/s, up 4 Mbit/s",
        ]
    );
    let journey: Vec<_> = session.journey.iter().map(|h| h.place.as_str()).collect();
    assert_eq!(journey, ["r/a", "r", "r/m"]);

    all.put(
        &name("r/a"),
        Input::Close {
            session: session.session,
        },
    );
    all.settle();
    assert_eq!(all.bookings(), [""; 0]);
    assert!(all.done.iter().any(|(_, o)| matches!(
        o,
        Output::Ended {
            why: EndReason::Closed,
            ..
        }
    )));
}

#[test]
fn sessions_fall_back_until_none_fits_and_the_refusal_says_what_lacked() {
    let mut all = three();
    // The edge carries 10 Mbit/s: twice 4, twice 1.
    let qualities: Vec<_> = (0..4)
        .map(|_| {
            let request = all.open("r/a", "film");
            all.settle();
            established(&all, request).quality
        })
        .collect();
    assert_eq!(qualities, ["high", "high", "low", "low"]);
    let request = all.open("r/a", "film");
    all.settle();
    let Some(Outcome::Refused { refused, .. }) = all.outcome(request) else {
        panic!()
    };
    let said: Vec<_> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "solution 1 at r/a: down lacks 4 Mbit/s: 4 Mbit/s wanted, 0 bit/s free of 10 Mbit/s \
             (10 Mbit/s established, 0 bit/s held by other set-ups)",
            "solution 2 at r/a: down lacks 1 Mbit/s: 1 Mbit/s wanted, 0 bit/s free of 10 Mbit/s \
             (10 Mbit/s established, 0 bit/s held by other set-ups)",
        ]
    );
}

#[test]
fn an_unclaimed_session_is_released_and_a_claimed_one_stays_until_it_is_idle() {
    let mut all = three();
    let (unclaimed, claimed) = (all.open("r/a", "film"), all.open("r/a", "film"));
    all.settle();
    all.put(
        &name("r/a"),
        Input::Claim {
            session: established(&all, claimed).session,
        },
    );
    all.pass(Duration::from_secs(300));
    assert_eq!(all.bookings().len(), 3, "{:?}", all.bookings());
    let gone = established(&all, unclaimed).session;
    let ended = |all: &Neighbours, which, reason: &EndReason| {
        all.done.iter().any(|(_, o)| matches!(o, Output::Ended { session, why } if *session == which && why == reason))
    };
    assert!(ended(&all, gone, &EndReason::Unclaimed));
    all.pass(Duration::from_secs(301));
    assert!(ended(
        &all,
        established(&all, claimed).session,
        &EndReason::Idle
    ));
    assert_eq!(all.bookings(), [""; 0]);
}

#[test]
fn a_restarted_place_finds_its_bookings_again_and_the_session_lives_on() {
    let mut all = three();
    let request = all.open("r/a", "film");
    all.settle();
    all.put(
        &name("r/a"),
        Input::Claim {
            session: established(&all, request).session,
        },
    );
    let before = all.bookings();
    for place in ["r", "r/m", "r/a"] {
        all.pass(Duration::from_secs(20));
        let life = Incarnation(all.places[&name(place)].incarnation().0 + 1);
        all.begin(config(place, 1000), life);
        let neighbours = all
            .places
            .keys()
            .filter(|n| n.is_neighbour_of(&name(place)));
        for neighbour in neighbours.cloned().collect::<Vec<_>>() {
            all.put(
                &neighbour,
                Input::LinkDown {
                    neighbour: name(place),
                },
            );
            all.put(
                &neighbour,
                Input::LinkUp {
                    neighbour: name(place),
                    incarnation: life,
                    version: waybook_agents::wire::VERSION,
                },
            );
            let incarnation = all.places[&neighbour].incarnation();
            all.put(
                &name(place),
                Input::LinkUp {
                    neighbour,
                    incarnation,
                    version: waybook_agents::wire::VERSION,
                },
            );
        }
        all.settle();
        assert_eq!(all.bookings(), before, "after the restart of {place}");
        assert!(!all.places[&name(place)].is_recovering());
    }
    all.pass(Duration::from_secs(300));
    assert_eq!(all.bookings(), before);
    // The key still stands for the session.
    let again = all.open_with_key("r/a", "film", "key 1");
    all.settle();
    assert_eq!(
        established(&all, again).session,
        established(&all, request).session
    );
}
