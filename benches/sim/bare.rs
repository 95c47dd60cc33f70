//! The limit: a binary heap of events and a counter for each place, doing the same work
//! letter by letter (`README.md`), with nothing that a place must know beside.

mod work;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_sim::random;

use work::{
    Clock, ERLANGS, FIRST, FIRST_ROOM, HOLDING, LATENCY, SECOND, SECOND_ROOM, WARM_UP, argument,
    first_leaf, memory, parent, report,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Ask,
    Search,
    Found,
    Visit,
    Ready,
    Refuse,
    Confirm,
    Close,
    Release,
    /// Of a visit, a confirmation or a release.
    Ack,
}

/// A letter of a session arrives at a place of its way, counted from the client's.
type Event = (u64, u64, Letter, u32, u8);

#[derive(Debug, Clone, Copy)]
struct Session {
    /// Where the client is.
    leaf: u32,
    /// How deep that is.
    depth: u8,
    /// The hop of the server that holds it.
    server: u8,
    holds: u64,
}

struct Run {
    now: u64,
    sequence: u64,
    heap: BinaryHeap<Reverse<Event>>,
    held: Vec<u64>,
    sessions: Vec<Session>,
    free: Vec<u32>,
    handled: u64,
    asked: u64,
    refused: u64,
    rng: StdRng,
    leaves: std::ops::Range<u32>,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("short times")
}

impl Run {
    fn push(&mut self, after: u64, letter: Letter, session: u32, hop: u8) {
        self.sequence += 1;
        let event = (self.now + after, self.sequence, letter, session, hop);
        self.heap.push(Reverse(event));
    }

    fn send(&mut self, letter: Letter, session: u32, hop: u8) {
        self.push(nanos(LATENCY), letter, session, hop);
    }

    fn exponential(&mut self, mean: Duration) -> u64 {
        let uniform: f64 = self.rng.random_range(f64::MIN_POSITIVE..1.0);
        nanos(mean.mul_f64(-uniform.ln()))
    }

    fn arrive(&mut self) {
        let leaf = self.rng.random_range(self.leaves.clone());
        let (mut at, mut depth) = (leaf as usize, 0);
        while at > 0 {
            at = parent(at);
            depth += 1;
        }
        let holds = self.exponential(HOLDING);
        let session = Session {
            leaf,
            depth,
            server: 0,
            holds,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.sessions.push(session);
            u32::try_from(self.sessions.len() - 1).expect("few sessions")
        });
        self.sessions[id as usize] = session;
        self.asked += 1;
        self.push(0, Letter::Ask, id, 0);
    }

    /// The counter of the place at a hop.
    fn counter(&mut self, session: Session, hop: u8) -> &mut u64 {
        let mut at = session.leaf as usize;
        for _ in 0..hop {
            at = parent(at);
        }
        &mut self.held[at]
    }

    fn step(&mut self, (at, _, letter, id, hop): Event) {
        self.now = at;
        self.handled += 1;
        let session = self.sessions[id as usize];
        let depth = usize::from(session.depth.saturating_sub(hop));
        match letter {
            Letter::Ask => self.send(Letter::Search, id, 1),
            Letter::Search if depth > SECOND => self.send(Letter::Search, id, hop + 1),
            Letter::Search => self.send(Letter::Found, id, hop - 1),
            Letter::Found if hop > 0 => self.send(Letter::Found, id, hop - 1),
            Letter::Found => self.send(Letter::Visit, id, 1),
            Letter::Visit => {
                self.send(Letter::Ack, id, hop - 1);
                let room = match depth {
                    FIRST => FIRST_ROOM,
                    SECOND => SECOND_ROOM,
                    _ => 0,
                };
                let held = self.counter(session, hop);
                if *held < room {
                    *held += 1;
                    self.sessions[id as usize].server = hop;
                    self.send(Letter::Ready, id, hop - 1);
                } else if depth == SECOND {
                    self.send(Letter::Refuse, id, hop - 1);
                } else {
                    self.send(Letter::Visit, id, hop + 1);
                }
            }
            Letter::Ready if hop > 0 => self.send(Letter::Ready, id, hop - 1),
            Letter::Ready => {
                self.send(Letter::Confirm, id, 1);
                self.push(session.holds, Letter::Close, id, 0);
            }
            Letter::Refuse if hop > 0 => self.send(Letter::Refuse, id, hop - 1),
            Letter::Refuse => {
                self.refused += 1;
                self.free.push(id);
            }
            Letter::Confirm => {
                self.send(Letter::Ack, id, hop - 1);
                if hop < session.server {
                    self.send(Letter::Confirm, id, hop + 1);
                }
            }
            Letter::Close => self.send(Letter::Release, id, 1),
            Letter::Release => {
                self.send(Letter::Ack, id, hop - 1);
                if hop < session.server {
                    self.send(Letter::Release, id, hop + 1);
                } else {
                    *self.counter(session, hop) -= 1;
                    self.free.push(id);
                }
            }
            Letter::Ack => {}
        }
    }

    /// Takes all events of a while, and lets the next client come.
    fn next(&mut self) {
        let end = self.now + self.exponential(HOLDING.div_f64(ERLANGS));
        while let Some(Reverse(event)) = self.heap.peek().copied() {
            if event.0 > end {
                break;
            }
            self.heap.pop();
            self.step(event);
        }
        self.now = end;
        self.arrive();
    }
}

fn main() {
    let places = argument("--places", 1_000);
    let events = argument("--events", 10_000_000) as u64;
    let (clock, before) = (Clock::start(), memory());
    let count = |place| u32::try_from(place).expect("fewer places than 2^32");
    let mut run = Run {
        now: 0,
        sequence: 0,
        heap: BinaryHeap::new(),
        held: vec![0; places],
        sessions: Vec::new(),
        free: Vec::new(),
        handled: 0,
        asked: 0,
        refused: 0,
        rng: random::stream(1, "arrivals", 0),
        leaves: count(first_leaf(places))..count(places),
    };
    let set_up = clock.seconds();
    while run.now < nanos(WARM_UP) {
        run.next();
    }
    let bytes = (memory() - before) / places as u64;
    (run.asked, run.refused) = (0, 0);
    let (clock, begun) = (Clock::start(), run.handled);
    while run.handled - begun < events {
        run.next();
    }
    let seconds = clock.seconds();
    let blocked = run.refused as f64 / run.asked as f64;
    report(run.handled - begun, seconds, bytes, blocked, set_up);
}
