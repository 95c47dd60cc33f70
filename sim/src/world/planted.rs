//! Each rule of the world is broken once, by a place that says what no place may, and the
//! checker of that rule says so. What the checkers in quiet see is in `check::tests`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Envelope, Feed, Incarnation, Message, PlanVisitor, SessionId, Visit};
use waybook_location_tree::PlaceName;
use waybook_place::io::{
    Booked, CodeOrder, FetchId, Input, InstanceId, Outcome, Output, RecordKey, RequestId, Route,
};
use waybook_plan::{
    Component, Demand, EdgeDemand, Plan, Presentation, Quality, Release, Runtime, Solution,
    SolutionNumber, Stage, StageDemand, WhenCut,
};

use super::{Checks, Event, Options, SPINNING, World};
use crate::Setting;
use crate::check::Violation;
use crate::client::{Clients, Script, request};
use crate::quantity::Shift;
use crate::setting::release;

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// A session from `r/a` to `r/b` that takes more than half of what there is, in quiet.
fn established(seed: u64) -> World {
    let room: &[(&str, u64)] = &[("down", 100), ("up", 100)];
    let quality = Quality {
        name: "hd".to_owned(),
        demand: StageDemand {
            edge: EdgeDemand {
                to_client: 60,
                to_server: 10,
            },
            ..StageDemand::default()
        },
        components: Vec::new(),
    };
    let film = Presentation {
        title: "film".to_owned(),
        description: String::new(),
        servers: Vec::new(),
        qualities: vec![quality],
        ..Presentation::default()
    };
    let setting = Setting::new()
        .place("r", &[])
        .place("r/a", room)
        .place("r/b", room)
        .publish("r/b", film);
    let mut world = World::new(&setting, seed).unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    world.open(&name("r/a"), request("film"), Script::STAYS, Duration::ZERO);
    quiet(&mut world).unwrap_or_else(|e| panic!("{e}"));
    world
}

fn quiet(world: &mut World) -> Result<(), Violation> {
    world.run_until_quiet(Duration::from_secs(1000))
}

/// What the world says when a place says these things.
fn says(world: &mut World, place: &str, outputs: Vec<Output>) -> Result<(), Violation> {
    let at = world.slots.find(&name(place)).unwrap();
    world.carry_out(at, outputs)
}

/// The last of what `r/a` says is objected to, with these words.
fn caught(outputs: Vec<Output>, words: &str) {
    caught_in(&mut established(1), outputs, words);
}

fn caught_in(world: &mut World, mut outputs: Vec<Output>, words: &str) {
    let last = outputs.split_off(outputs.len() - 1);
    says(world, "r/a", outputs).unwrap_or_else(|e| panic!("{e}"));
    objected(says(world, "r/a", last), words);
}

fn objected(said: Result<(), Violation>, words: &str) {
    let violation = said.expect_err(words);
    assert!(violation.what.contains(words), "{}", violation.what);
    assert!(!violation.tail.is_empty(), "there is a transcript");
}

fn send(to: &str, from: u64, message: Message) -> Output {
    Output::Send {
        to: name(to),
        envelope: Envelope {
            from: Incarnation(from),
            to: Incarnation(1),
            message,
        },
    }
}

fn feed(session: u128) -> Feed {
    Feed {
        session: SessionId(session),
        number: SolutionNumber(1),
    }
}

/// An agent that `r/a` hands on to `r` with these solutions, over these places.
fn visit(numbers: &[u16], places: &[&str]) -> Output {
    let solution = |number: &u16| {
        let stage = |place: &&str| Stage {
            place: name(place),
            demand: Demand::none(),
            components: Vec::new(),
        };
        Arc::new(Solution {
            number: SolutionNumber(*number),
            quality: "hd".to_owned(),
            stages: places.iter().map(stage).collect(),
            when_cut: WhenCut::default(),
        })
    };
    let plan = Plan {
        title: "film".to_owned(),
        solutions: numbers.iter().map(solution).collect(),
        releases: Arc::default(),
    };
    let visit = Visit {
        agent: PlanVisitor::new(SessionId(7), plan, false),
        remaining: Duration::from_secs(1),
    };
    send("r", 1, Message::Visit(visit))
}

fn start(instance: u64, runtime: Runtime, release: Option<Arc<Release>>) -> Output {
    let name = release
        .as_ref()
        .map_or("files".to_owned(), |r| r.reference());
    Output::Start {
        session: SessionId(7),
        instance: InstanceId(instance),
        component: Component {
            name,
            runtime,
            config: BTreeMap::new(),
        },
        release,
        booked: Booked::default(),
    }
}

fn code() -> Arc<Release> {
    Arc::new(release("pass", "1.0.0", 100_000, "r/a"))
}

/// With code that was added at `r/a`.
fn with_code() -> (World, Arc<Release>) {
    let (mut world, code) = (established(1), code());
    world.add_code(&name("r/a"), &code).unwrap().unwrap();
    (world, code)
}

#[test]
fn a_message_past_the_tree() {
    caught(vec![send("r/b", 1, Message::Gone(feed(7)))], "no neighbour");
}

#[test]
fn a_message_of_another_life() {
    caught(vec![send("r", 9, Message::Gone(feed(7)))], "another life");
}

#[test]
fn a_message_that_is_too_long() {
    let feeds = vec![feed(u128::MAX); 100_000];
    let message = Message::Refresh {
        setups: feeds,
        established: Vec::new(),
    };
    caught(vec![send("r", 1, message)], "a frame of");
}

#[test]
fn a_message_that_its_receiver_cannot_read() {
    let mut world = established(1);
    // An agent whose path leaves out the root.
    let leap = vec![visit(&[1], &["r/a", "r/b"])];
    says(&mut world, "r/a", leap).unwrap_or_else(|e| panic!("{e}"));
    objected(world.run_for(Duration::from_secs(1)), "r cannot read r/a");
}

#[test]
fn an_agent_that_goes_back_to_what_it_has_tried() {
    let path = &["r/a", "r"];
    let walk = [&[1, 2][..], &[2], &[1, 2]];
    let walk = walk.map(|numbers| visit(numbers, path));
    caught(walk.into(), "after a later one");
}

#[test]
fn an_agent_that_goes_on_for_ever() {
    let path = &["r/a", "r"];
    let walk = [&[1, 2][..], &[2], &[3]];
    let walk = walk.map(|numbers| visit(numbers, path));
    caught(walk.into(), "solution 3, which its plan did not have");
}

#[test]
fn an_instance_that_is_started_twice() {
    let twice = [(); 2].map(|()| start(7, Runtime::Builtin, None));
    caught(twice.into(), "starts InstanceId(7) twice");
}

#[test]
fn code_that_is_started_without_being_there() {
    let (wasm, code) = (Runtime::Wasm, Some(code()));
    caught(vec![start(7, wasm, code)], "runs without its code");
}

#[test]
fn a_component_that_is_started_as_something_else() {
    caught(vec![start(7, Runtime::Wasm, None)], "without its code");
    let code = Some(code());
    caught(vec![start(7, Runtime::Builtin, code)], "starts pass@1.0.0");
}

#[test]
fn a_route_through_what_does_not_run() {
    let route = Route {
        session: SessionId(7),
        chain: vec![InstanceId(7)],
        next: None,
        previous: None,
        to_client: None,
        to_server: None,
        booked: Booked::default(),
    };
    caught(vec![Output::Route(route)], "which does not run");
}

#[test]
fn code_that_is_deleted_where_it_was_added() {
    let (mut world, code) = with_code();
    let digest = code.digest;
    let evict = vec![Output::Evict { digest }];
    caught_in(&mut world, evict, "was added here");
}

#[test]
fn more_code_than_a_place_may_keep() {
    let mut world = established(1);
    let slot = world.slots.get_mut(&name("r/a")).unwrap();
    let limit = slot.place().unwrap().config().limits.repository;
    let big = Arc::new(release("big", "1.0.0", limit + 1, "r"));
    slot.repository.put(big);
    let said = world.inject(&name("r/a"), Input::Tick);
    objected(said, "are allowed");
}

#[test]
fn transfers_that_cannot_be() {
    let fetch = |source: &str| Output::Fetch {
        fetch: FetchId(7),
        release: code(),
        source: name(source),
    };
    caught(vec![fetch("r/a")], "no other place");
    caught(vec![fetch("r/b"), fetch("r/b")], "on its way already");
    let (mut world, _) = with_code();
    caught_in(&mut world, vec![fetch("r/b")], "which it holds");
    let give_up = Output::CancelFetch {
        fetch: FetchId(7),
        keep: 0,
    };
    caught(vec![give_up], "not under way");
}

#[test]
fn answers_that_nobody_waits_for() {
    let opened = |request| Output::Opened {
        request: RequestId(request),
        outcome: Outcome::Closed,
    };
    caught(vec![opened(1)], "answered twice");
    caught(vec![opened(2)], "was never made");
    let done = Output::CodeDone {
        request: RequestId(1 << 32),
        result: Ok(Vec::new()),
    };
    caught(vec![done], "which nobody waits for");
}

#[test]
fn a_place_that_wants_a_tick_again_and_again() {
    let mut world = established(1);
    let at = world.slots.find(&name("r/a")).unwrap();
    // It is due, as its clock has jumped; and has been so often at this moment.
    world.step_clock(&name("r/a"), Shift(100_000_000_000));
    world.spinning = (Some(at), world.now(), SPINNING);
    let said = world.take(Event::Tick(at));
    objected(said, "again and again");
}

/// Its disk says that there are two sessions, each of which takes more than half.
#[test]
fn a_place_that_books_more_than_it_has() {
    let is_session = |(key, _): &(&RecordKey, &Vec<u8>)| matches!(key, RecordKey::Session(_));
    let other = established(2);
    let records = other.slots[&name("r/a")].disk.iter().filter(is_session);
    let records: Vec<_> = records.map(|(k, v)| (k.clone(), v.clone())).collect();
    assert_eq!(records.len(), 1);
    let mut world = established(1);
    world.crash(&name("r/a"), &super::Tell::Both);
    world.run_for(Duration::from_secs(1)).unwrap();
    let slot = world.slots.get_mut(&name("r/a")).unwrap();
    slot.disk.extend(records);
    objected(world.restart(&name("r/a"), true), "overbooked");
}

#[test]
fn a_client_that_is_forgotten() {
    let forget = || {
        let mut world = established(1);
        world.open(&name("r/a"), request("film"), Script::STAYS, Duration::ZERO);
        let waiting = world.clients.waiting();
        world.run_for(Duration::ZERO).unwrap();
        assert_eq!(world.clients.waiting(), waiting, "there is no answer yet");
        // It begins a new life without anybody having noticed the end of the old one.
        let at = world.slots.find(&name("r/a")).unwrap();
        world.start(at).unwrap();
        world
    };
    // The other places have given up what they had with it after the lease.
    let limit = Duration::from_secs(10);
    objected(forget().run_until_answered(limit), "has had no answer");
    objected(forget().run_until_quiet(limit), "no quiet within");
}

#[test]
fn what_is_left_in_quiet() {
    let mut world = established(1);
    world.clients = Clients::default();
    objected(quiet(&mut world), "a booking is left");
}

#[test]
fn code_that_is_gone_in_quiet() {
    let (mut world, code) = with_code();
    quiet(&mut world).unwrap_or_else(|e| panic!("{e}"));
    let slot = world.slots.get_mut(&name("r/a")).unwrap();
    slot.repository.remove(&code.digest);
    objected(quiet(&mut world), "says that r/a holds");
}

/// An operator who is told something else makes another run, and shows in the digest.
#[test]
fn a_run_that_is_not_the_same_again() {
    let digest = |meddle: bool| {
        let mut world = established(1);
        if meddle {
            let order = CodeOrder::Collect;
            world.order(&name("r/a"), order).unwrap();
        }
        world.transcript().digest()
    };
    assert_eq!(digest(false), digest(false));
    assert_ne!(digest(false), digest(true));
}

/// With the checkers turned off, only what no driver could carry out is objected to.
#[test]
fn nobody_looks_where_the_checks_are_off() {
    let mut world = established(1);
    world.options = Options {
        checks: Checks::Off,
        ..Options::default()
    };
    world.clients = Clients::default();
    assert_eq!(quiet(&mut world), Ok(()));
}
