//! The checkers see what is planted for them.

use std::time::Duration;

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Demand, EdgeDemand, Position, Presentation, Quality, Runtime, StageDemand,
};

use super::*;
use crate::Setting;
use crate::client::{Script, request};
use crate::world::Running;

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn component() -> Component {
    Component {
        name: "files".to_owned(),
        runtime: Runtime::Builtin,
        config: BTreeMap::new(),
    }
}

/// A session from `r/a` to `r/b`, in quiet.
fn established() -> World {
    let room: &[(&str, u64)] = &[("down", 100), ("up", 100)];
    let film = Presentation {
        title: "film".to_owned(),
        description: String::new(),
        servers: Vec::new(),
        qualities: vec![Quality {
            name: "hd".to_owned(),
            demand: StageDemand {
                edge: EdgeDemand {
                    to_client: 60,
                    to_server: 10,
                },
                ..StageDemand::default()
            },
            components: vec![(Position::Server, component())],
        }],
        ..Presentation::default()
    };
    let setting = Setting::new()
        .place("r", &[])
        .place("r/a", room)
        .place("r/b", room)
        .publish("r/b", film);
    let mut world = World::new(&setting, 1).unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    world.index_is_known();
    world.open(&name("r/a"), request("film"), Script::STAYS, Duration::ZERO);
    world
        .run_until_quiet(Duration::from_secs(100))
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(quiet(&world), Ok(()));
    world
}

/// After the plant, the checker says so.
fn caught(plant: impl FnOnce(&mut World), says: &str) {
    let mut world = established();
    plant(&mut world);
    let said = quiet(&world).expect_err(says);
    assert!(said.contains(says), "{said}");
}

fn route_at<'a>(world: &'a mut World, place: &str) -> &'a mut Route {
    let slot = world.slots.get_mut(&name(place)).unwrap();
    slot.routes.values_mut().next().unwrap()
}

fn session(world: &mut World) -> &mut Established {
    let (id, _) = world.clients.iter().next().unwrap();
    match &mut world.clients.get_mut(id).unwrap().knows {
        Knows::Session(session) => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn routes_that_lead_astray_are_caught() {
    caught(
        |w| w.slots.get_mut(&name("r")).unwrap().routes.clear(),
        "no route",
    );
    caught(|w| route_at(w, "r").next = None, "the route comes from");
    caught(
        |w| route_at(w, "r").previous = Some(name("r/b")),
        "the route comes from",
    );
    caught(
        |w| route_at(w, "r/a").to_client = Some(61),
        "the route lets",
    );
    caught(|w| route_at(w, "r").to_server = Some(1), "the route lets");
    caught(|w| route_at(w, "r/b").chain.clear(), "other components");
    caught(
        |w| {
            let mut route = route_at(w, "r").clone();
            route.session = SessionId(7);
            let slot = w.slots.get_mut(&name("r")).unwrap();
            slot.routes.insert(route.session, Box::new(route));
        },
        "a route is left",
    );
}

#[test]
fn components_that_do_not_run_or_run_on_are_caught() {
    let server =
        |w: &mut World| std::mem::take(&mut w.slots.get_mut(&name("r/b")).unwrap().components);
    caught(|w| drop(server(w)), "does not run");
    caught(
        |w| {
            let slot = w.slots.get_mut(&name("r/b")).unwrap();
            slot.components.values_mut().for_each(|c| c.up = false);
        },
        "has not answered",
    );
    caught(
        |w| {
            let running = Running {
                component: component(),
                up: true,
                release: None,
            };
            let slot = w.slots.get_mut(&name("r")).unwrap();
            slot.components.insert(InstanceId(99), running);
        },
        "runs on as 99",
    );
}

#[test]
fn bookings_that_are_not_as_reported_are_caught() {
    caught(
        |w| session(w).journey[0].booked = Demand::none(),
        "the stage says",
    );
    caught(|w| session(w).solution.0 = 2, "is not in its plan");
    caught(|w| session(w).quality.clear(), "another quality");
    caught(
        |w| {
            session(w).journey.pop();
        },
        "another path",
    );
    caught(|w| session(w).session = SessionId(7), "nothing is booked");
    caught(
        |w| w.clients = crate::client::Clients::default(),
        "a booking is left",
    );
    caught(
        |w| w.slots.get_mut(&name("r")).unwrap().crash(),
        "the place is down",
    );
}

#[test]
fn ledgers_that_do_not_add_up_are_caught() {
    let cpu = Resource::cpu();
    let capacity = BTreeMap::from([(cpu.clone(), 10)]);
    let booking = |phase, amount| {
        let mut demand = Demand::none();
        demand.add(&Resource::cpu(), amount).unwrap();
        BookingView {
            session: SessionId(1),
            phase,
            demand,
        }
    };
    let shown = |capacity, established, held| {
        [ResourceView {
            resource: Resource::cpu(),
            capacity,
            established,
            held,
            cordoned: false,
        }]
    };
    let both = || {
        let held = [BookingPhase::Held, BookingPhase::Ready].map(|phase| booking(phase, 2));
        held.into_iter()
            .chain([booking(BookingPhase::Established, 6)])
    };
    assert_eq!(ledger(&capacity, |_| 0, both(), &shown(10, 6, 4)), Ok(()));
    let over = both().chain([booking(BookingPhase::Held, 1)]);
    let said = ledger(&capacity, |_| 0, over, &shown(10, 6, 5)).unwrap_err();
    assert!(said.contains("overbooked"), "{said}");
    // There was once more of it; but not that much.
    let over = || both().chain([booking(BookingPhase::Held, 1)]);
    assert_eq!(ledger(&capacity, |_| 11, over(), &shown(10, 6, 5)), Ok(()));
    let still = over().chain([booking(BookingPhase::Held, 1)]);
    assert!(ledger(&capacity, |_| 11, still, &shown(10, 6, 6)).is_err());
    for wrong in [shown(10, 5, 4), shown(10, 6, 3), shown(11, 6, 4)] {
        assert!(ledger(&capacity, |_| 0, both(), &wrong).is_err());
    }
    let said = ledger(&capacity, |_| 0, both(), &[]).unwrap_err();
    assert!(said.contains("not shown"), "{said}");
}

#[test]
fn walks_that_turn_back_or_go_on_for_ever_are_caught() {
    use std::sync::Arc;
    use waybook_agents::{PlanVisitor, Visit};
    use waybook_plan::{Solution, SolutionNumber, Stage, WhenCut};

    let solution = |number| {
        let stage = |place| Stage {
            place: name(place),
            demand: Demand::none(),
            components: Vec::new(),
        };
        Arc::new(Solution {
            number: SolutionNumber(number),
            quality: "hd".to_owned(),
            stages: vec![stage("r/a"), stage("r")],
            when_cut: WhenCut::default(),
        })
    };
    let visit = |numbers: &[u16]| {
        let plan = Plan {
            title: "film".to_owned(),
            solutions: numbers.iter().map(|n| solution(*n)).collect(),
            releases: std::sync::Arc::default(),
        };
        Visit {
            agent: PlanVisitor::new(SessionId(1), plan, false),
            remaining: Duration::from_secs(1),
        }
    };
    let mut walks = Walks::default();
    let to = name("r");
    assert_eq!(walks.sent(&to, &visit(&[1, 2])), Ok(()));
    assert_eq!(
        walks.sent(&to, &visit(&[1, 2])),
        Ok(()),
        "a repeated hand-off"
    );
    assert_eq!(walks.sent(&to, &visit(&[2])), Ok(()));
    let back = walks.sent(&to, &visit(&[1, 2])).unwrap_err();
    assert!(back.contains("after a later one"), "{back}");
    let more = walks.sent(&to, &visit(&[3])).unwrap_err();
    assert!(more.contains("which its plan did not have"), "{more}");
    let on = walks.sent(&name("r/b"), &visit(&[2])).unwrap_err();
    assert!(
        on.contains("2 times with solution 2, whose path has 1 edges"),
        "{on}"
    );
}

#[test]
fn books_that_differ_from_what_the_place_shows_are_noticed_and_made_anew() {
    let mut world = established();
    let slot = world.slots.get_mut(&name("r/a")).unwrap();
    let mut booking = slot.place().unwrap().bookings().next().unwrap();
    let mut books = Books::of(slot.place().unwrap());
    assert!(books.agree_with(slot.place().unwrap()));
    booking.session = SessionId(7);
    books.see(booking.session, Some(booking));
    assert!(!books.agree_with(slot.place().unwrap()));
    // Whoever looks at all of them sees that the place is right.
    slot.books = Some(Box::new(books));
    assert_eq!(step(slot, true), Ok(()));
    let books = slot.books.as_ref().unwrap();
    assert!(books.agree_with(slot.place().unwrap()));
}
