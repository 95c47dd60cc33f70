//! The hot paths of a place, for counting their instructions: `README.md` says how.
//!
//! Four places in a row, a client's at one end and a server at the other, hand letters to each other
//! as they are, with nothing between. What is on the path that was asked for goes through
//! [`measured`], all else around it.

// This is a driver: it is told what to do, and says what it saw.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Envelope, Incarnation, Message, wire};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Input, OpenRequest, Outcome, Output, RequestId};
use waybook_place::{CodeConfig, Config, Instant, Limits, Place, Timing};
use waybook_plan::{Presentation, Profile, Resource};

/// The row, from the client's place to the server.
const ROW: [&str; 4] = ["core/edge/leaf", "core/edge", "core", "core/shelf"];

/// A film in two qualities, the better one of them with a component at every hop of the way.
const FILM: &str = include_str!("film.toml");

/// An input is on a path if it is of this kind and at this place.
struct Path {
    name: &'static str,
    /// Of [`ROW`].
    at: usize,
    is_on: fn(&Input) -> bool,
    /// Whether it is one input for all sessions that stand.
    of_all: bool,
}

fn received(input: &Input, is_so: fn(&Message) -> bool) -> bool {
    matches!(input, Input::Received { envelope, .. } if is_so(&envelope.message))
}

const PATHS: [Path; 8] = [
    Path {
        name: "open",
        at: 0,
        is_on: |input| matches!(input, Input::Open(_)),
        of_all: false,
    },
    Path {
        name: "depart",
        at: 0,
        is_on: |input| received(input, |m| matches!(m, Message::Found { .. })),
        of_all: false,
    },
    Path {
        name: "visit",
        at: 1,
        is_on: |input| received(input, |m| matches!(m, Message::Visit(_))),
        of_all: false,
    },
    Path {
        name: "hold",
        at: 3,
        is_on: |input| received(input, |m| matches!(m, Message::Visit(_))),
        of_all: false,
    },
    Path {
        name: "ready",
        at: 1,
        is_on: |input| received(input, |m| matches!(m, Message::Ready(_))),
        of_all: false,
    },
    Path {
        name: "confirm",
        at: 1,
        is_on: |input| received(input, |m| matches!(m, Message::Confirm(_))),
        of_all: false,
    },
    Path {
        name: "release",
        at: 1,
        is_on: |input| received(input, |m| matches!(m, Message::Release(_))),
        of_all: false,
    },
    Path {
        name: "refresh",
        at: 1,
        is_on: |input| received(input, |m| matches!(m, Message::Refresh { .. })),
        of_all: true,
    },
];

/// What is counted.
#[inline(never)]
fn measured(place: &mut Place, now: Instant, input: Input, out: &mut Vec<Output>) {
    place.handle(now, input, out);
}

/// All else. Not word for word the same as what is counted: the compiler would make one of both.
#[inline(never)]
fn beside(place: &mut Place, now: Instant, input: Input, out: &mut Vec<Output>) {
    place.handle(black_box(now), input, out);
}

struct Row {
    path: &'static Path,
    now: Instant,
    places: Vec<(PlaceName, Place)>,
    /// To which place, and what.
    due: VecDeque<(usize, Input)>,
    /// What a place says; kept, as a driver does.
    out: Vec<Output>,
    requests: u64,
    opened: Vec<waybook_agents::SessionId>,
    counted: u64,
}

impl Row {
    fn new(path: &'static Path) -> Self {
        let mut row = Self {
            path,
            now: Instant(1),
            places: Vec::new(),
            due: VecDeque::new(),
            out: Vec::new(),
            requests: 0,
            opened: Vec::new(),
            counted: 0,
        };
        for (at, name) in ROW.iter().enumerate() {
            let (mut out, seed) = (Vec::new(), [at as u8 + 1; 32]);
            let place = Place::new(
                config(name),
                Incarnation(1),
                seed,
                Vec::new(),
                row.now,
                &mut out,
            );
            let place = place.expect("the place is configured right");
            row.places.push((config(name).name, place));
            row.carry_out(at, &mut out);
        }
        for at in 0..ROW.len() {
            for neighbour in [at.wrapping_sub(1), at + 1] {
                if let Some((name, _)) = row.places.get(neighbour) {
                    let input = Input::LinkUp {
                        neighbour: name.clone(),
                        incarnation: Incarnation(1),
                        version: wire::VERSION,
                    };
                    row.due.push_back((at, input));
                }
            }
        }
        let presentation = Presentation::from_toml(FILM).expect("the film is sound");
        let presentation = Arc::new(presentation);
        row.due
            .push_back((ROW.len() - 1, Input::Publish { presentation }));
        row.settle();
        row
    }

    fn settle(&mut self) {
        while let Some((at, input)) = self.due.pop_front() {
            let mut out = std::mem::take(&mut self.out);
            let place = &mut self.places[at].1;
            if at == self.path.at && (self.path.is_on)(&input) {
                self.counted += 1;
                measured(place, self.now, input, &mut out);
            } else {
                beside(place, self.now, input, &mut out);
            }
            self.carry_out(at, &mut out);
            self.out = out;
        }
    }

    fn carry_out(&mut self, at: usize, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            match output {
                Output::Send { to, envelope } => {
                    let to = self.places.iter().position(|(name, _)| *name == to);
                    let from = config(ROW[at]).name;
                    let envelope = passed(&envelope);
                    let to = to.expect("it is a place of the row");
                    self.due.push_back((to, Input::Received { from, envelope }));
                }
                Output::Start { instance, .. } => {
                    let endpoint = "here".to_owned();
                    let up = Input::ComponentUp { instance, endpoint };
                    self.due.push_back((at, up));
                }
                Output::Opened { outcome, .. } => match outcome {
                    Outcome::Established(session) => {
                        self.opened.push(session.session);
                        let session = session.session;
                        self.due.push_back((at, Input::Claim { session }));
                    }
                    other => panic!("not established: {other:?}"),
                },
                _ => {}
            }
        }
    }

    fn open(&mut self) {
        self.requests += 1;
        let request = OpenRequest {
            request: RequestId(self.requests),
            profile: Profile::default(),
            ..OpenRequest::new(format!("key {}", self.requests), "film")
        };
        self.due.push_back((0, Input::Open(request)));
        self.settle();
    }

    fn close_all(&mut self) {
        for session in std::mem::take(&mut self.opened) {
            self.due.push_back((0, Input::Close { session }));
            self.settle();
        }
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let places = self.places.iter();
            let next = places.filter_map(|(_, place)| place.next_timeout()).min();
            self.now = next.map_or(end, |next| next.max(self.now)).min(end);
            for at in 0..self.places.len() {
                self.due.push_back((at, Input::Tick));
            }
            self.settle();
        }
    }
}

/// A message as it arrives: nothing in it is shared with who sent it.
fn passed(envelope: &Envelope) -> Envelope {
    let frame = wire::encode(envelope);
    wire::decode(&frame[wire::PREFIX..]).expect("what a place writes can be read")
}

/// A place with room for all.
fn config(name: &str) -> Config {
    let plenty = u64::MAX >> 8;
    let resources = [
        Resource::cpu(),
        Resource::memory(),
        Resource::down(),
        Resource::up(),
    ];
    let name = PlaceName::new(name).expect("a name");
    let edge = name.parent().is_some();
    let has = |r: &Resource| edge || (*r != Resource::down() && *r != Resource::up());
    Config {
        name,
        capacity: BTreeMap::from_iter(resources.into_iter().filter(has).map(|r| (r, plenty))),
        programs: Vec::new(),
        limits: Limits::default(),
        timing: Timing::default(),
        strategy: "nearest".to_owned(),
        servers_per_plan: 3,
        code: CodeConfig::default(),
    }
}

fn main() {
    // `cargo bench` gives one of its own.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let names = || PATHS.iter().map(|path| path.name).collect::<Vec<_>>();
    let (path, sessions) = (arguments.next(), arguments.next());
    let Some(path) = PATHS.iter().find(|p| Some(p.name) == path.as_deref()) else {
        println!("{}", names().join("\n"));
        return;
    };
    let sessions = sessions.map_or(1000, |text| text.parse().expect("a number of sessions"));
    let mut row = Row::new(path);
    for _ in 0..sessions {
        row.open();
        if !path.of_all {
            row.close_all();
        }
    }
    if path.of_all {
        row.counted = 0;
        row.pass(Duration::from_secs(60));
        row.counted *= sessions;
    }
    row.close_all();
    println!("{}", row.counted);
}
