//! A place takes nothing from who is no neighbour, and believes a neighbour only what that
//! one may say.

use std::sync::Arc;

use waybook_agents::{
    Edition, Envelope, Feed, Incarnation, IndexEntry, Message, PlanVisitor, Refuse, SessionId,
    Visit,
};
use waybook_place::Place;
use waybook_place::io::Input;
use waybook_plan::{Plan, SolutionNumber};
use waybook_sim::client::{Script, request};
use waybook_sim::{World, oracle};

use crate::scenarios::settings::{MBIT, film, place, quality};
use crate::support::{LIMIT, SECOND, scenarios};

fn begin() -> World {
    scenarios().remove(0).begin(1).unwrap()
}

fn life(world: &World, name: &str) -> Incarnation {
    world.place(&place(name)).unwrap().incarnation()
}

/// Hands a message to a place as if it came from another, of the lives that both have.
fn say(world: &mut World, from: &str, to: &str, message: Message) {
    let envelope = Envelope {
        from: if world.tree().has(&place(from)) {
            life(world, from)
        } else {
            Incarnation(1)
        },
        to: life(world, to),
        message,
    };
    let from = place(from);
    let input = Input::Received { from, envelope };
    let result = world.inject(&place(to), input);
    result.unwrap_or_else(|e| panic!("{e}"));
}

/// What a place has refused to listen to.
fn refused(world: &World, name: &str) -> u64 {
    let counters = world.place(&place(name)).unwrap().counters();
    counters.refused_messages + counters.outdated
}

fn bookings(world: &World) -> usize {
    let places = world.slots().filter_map(|(_, slot)| slot.place());
    places.flat_map(Place::bookings).count()
}

fn feed(session: u128) -> Feed {
    Feed {
        session: SessionId(session),
        number: SolutionNumber(1),
    }
}

fn plan(world: &World, client: &str) -> Plan {
    let (setting, strategies) = (world.setting(), world.strategies());
    let request = request("film");
    oracle::plan(setting, strategies, &[], &place(client), &request).unwrap()
}

fn entry(server: &str) -> IndexEntry {
    IndexEntry {
        server: place(server),
        edition: Edition(Incarnation(9), 9),
        presentation: Arc::new(film(&[quality("hd", MBIT, 1)])),
    }
}

#[test]
fn a_place_connects_to_its_parent_and_its_children_only() {
    let mut world = begin();
    for stranger in ["r/b", "r/a/x/deep/down", "s", "r/a/x/y/z", "r", "other/a"] {
        let input = Input::LinkUp {
            neighbour: place(stranger),
            incarnation: Incarnation(5),
            version: waybook_agents::wire::VERSION,
        };
        world.inject(&place("r/a/x"), input).unwrap();
    }
    let links: Vec<_> = world.place(&place("r/a/x")).unwrap().links().collect();
    assert_eq!(links, [(&place("r/a"), Incarnation(1))]);
}

#[test]
fn what_a_stranger_says_is_refused_and_counted() {
    let mut world = begin();
    let agent = PlanVisitor::new(SessionId(1), plan(&world, "r/a/x"), false);
    let visit = Message::Visit(Visit {
        agent,
        remaining: SECOND,
    });
    let index = Message::Index {
        complete: true,
        entries: vec![entry("r/b")],
        withdrawn: Vec::new(),
    };
    let search = Message::Search {
        id: 1,
        origin: place("r/b"),
        title: "film".to_owned(),
        most: 3,
    };
    let said = [visit, Message::Confirm(feed(1)), index, search];
    for (at, message) in said.into_iter().enumerate() {
        say(&mut world, "r/b", "r/a", message);
        assert_eq!(refused(&world, "r/a"), at as u64 + 1);
    }
    assert_eq!(bookings(&world), 0);
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn an_agent_must_come_from_the_place_before_on_its_path() {
    let mut world = begin();
    // At hop 0 it belongs at its client's place, and nobody may send it there.
    let agent = PlanVisitor::new(SessionId(1), plan(&world, "r/a/x"), false);
    for (from, to) in [
        ("r/a/x", "r/a"),
        ("r/a", "r/a/x"),
        ("r", "r/a"),
        ("r/a", "r"),
    ] {
        let agent = agent.clone();
        let before = refused(&world, to);
        let visit = Message::Visit(Visit {
            agent,
            remaining: SECOND,
        });
        say(&mut world, from, to, visit);
        assert_eq!(bookings(&world), 0, "from {from} to {to}");
        assert_eq!(refused(&world, to), before + 1, "from {from} to {to}");
    }
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_child_speaks_for_its_own_locality_only() {
    let mut world = begin();
    for server in ["r/b/y", "r/b", "r", "r/a", "s/a/x", "r/a/xx"] {
        let index = Message::Index {
            complete: false,
            entries: vec![entry(server)],
            withdrawn: Vec::new(),
        };
        say(&mut world, "r/a/x", "r/a", index);
    }
    let known = world.place(&place("r/a")).unwrap();
    let servers: Vec<_> = known.presentations().map(|e| e.server.as_str()).collect();
    assert_eq!(servers, [""; 0]);
    // And takes nothing back for others.
    let index = Message::Index {
        complete: true,
        entries: Vec::new(),
        withdrawn: vec![(
            "film".to_owned(),
            place("r/b/y"),
            Edition(Incarnation(99), 0),
        )],
    };
    say(&mut world, "r/a", "r", index);
    let root = world.place(&place("r")).unwrap();
    assert_eq!(root.presentations().count(), 1);
}

#[test]
fn a_parent_does_not_feed_its_child_an_index() {
    let mut world = begin();
    let index = Message::Index {
        complete: true,
        entries: vec![entry("r/a/x")],
        withdrawn: Vec::new(),
    };
    say(&mut world, "r", "r/a", index);
    let known = world.place(&place("r/a")).unwrap();
    assert_eq!(known.presentations().count(), 0);
}

#[test]
fn what_an_older_life_said_or_was_told_is_refused() {
    let mut world = begin();
    world.crash(&place("r/a"), &waybook_sim::world::Tell::Both);
    world.restart(&place("r/a"), true).unwrap();
    world.run_for(SECOND).unwrap();
    let now = (life(&world, "r/a"), life(&world, "r"));
    assert_eq!(now, (Incarnation(2), Incarnation(1)));
    for (from, to) in [(1, 1), (0, 1), (3, 1), (2, 3), (2, 2)] {
        let before = refused(&world, "r");
        let envelope = Envelope {
            from: Incarnation(from),
            to: Incarnation(to),
            message: Message::Confirm(feed(1)),
        };
        let from_place = place("r/a");
        let input = Input::Received {
            from: from_place,
            envelope,
        };
        world.inject(&place("r"), input).unwrap();
        assert_eq!(refused(&world, "r"), before + 1, "from {from} to {to}");
    }
}

/// A neighbour that is off the session's path can do nothing to it.
#[test]
fn only_the_neighbour_on_the_path_moves_a_session() {
    let scenario = scenarios().remove(0);
    let mut world = scenario.begin(1).unwrap();
    let id = scenario.ask(&mut world, Script::STAYS);
    world.run_until_quiet(LIMIT).unwrap();
    let session = world.clients().get(id).unwrap().session().unwrap().session;
    let feed = Feed {
        session,
        number: SolutionNumber(1),
    };
    for message in [
        Message::Release(feed),
        Message::Gone(feed),
        Message::Refuse(Refuse {
            session,
            number: feed.number,
            next: None,
            refused: Vec::new(),
        }),
        Message::Resync {
            sessions: Vec::new(),
            first: true,
            last: true,
        },
    ] {
        for (from, to) in [("r/a/z", "r/a"), ("r/b/w", "r/b")] {
            say(&mut world, from, to, message.clone());
        }
    }
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(world.clients().get(id).unwrap().session().is_some());
    assert_eq!(bookings(&world), 5);
}

/// What is said late of an older visit has no effect on the one that replaced it.
#[test]
fn only_the_present_visit_can_be_released_or_lost() {
    let scenario = scenarios().remove(2);
    assert_eq!(scenario.name, "trace back");
    let mut world = scenario.begin(1).unwrap();
    let id = scenario.ask(&mut world, Script::STAYS);
    world.run_until_quiet(LIMIT).unwrap();
    let session = world.clients().get(id).unwrap().session().unwrap().session;
    let older = Feed {
        session,
        number: SolutionNumber(1),
    };
    for edge in ["r/a/x", "r/a", "r", "r/b", "r/b/y"].windows(2) {
        say(&mut world, edge[0], edge[1], Message::Release(older));
        say(&mut world, edge[1], edge[0], Message::Gone(older));
        let refuse = Message::Refuse(Refuse {
            session,
            number: older.number,
            next: None,
            refused: Vec::new(),
        });
        say(&mut world, edge[1], edge[0], refuse);
        assert_eq!(bookings(&world), 5);
    }
    world
        .run_until_quiet(LIMIT)
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(world.clients().get(id).unwrap().session().is_some());
}
