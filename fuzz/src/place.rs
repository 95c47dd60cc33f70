//! One place that is told whatever comes to anybody's mind.
//!
//! The bytes are a list of steps: time passes, neighbours come and go and say what honest ones
//! say, out of order and changed, or what the bytes say; clients open and leave; components and
//! transfers answer; the place restarts. After each step what it shows must add up and be
//! within its capacity, and in the end, when nobody says anything more, nothing may be left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use waybook_agents::{Envelope, Feed, Incarnation, Message, Refuse, SessionId, wire};
use waybook_location_tree::PlaceName;
use waybook_place::io::{
    FetchFailure, FetchId, Input, InstanceId, OpenRequest, Outcome, Output, RecordKey, RequestId,
};
use waybook_place::{BookingPhase, CodeConfig, Config, Instant, Limits, Place, Timing};
use waybook_plan::{Presentation, Profile, Resource, SolutionNumber};

/// The place, between its neighbours.
const HERE: &str = "r/a";
const NEIGHBOURS: [&str; 3] = ["r", "r/a/x", "r/a/y"];
/// Nothing is kept for longer than that after the last word, by the times below.
const ALL_OVER: Duration = Duration::from_secs(120);
/// Steps beyond that find nothing new.
const MOST_STEPS: usize = 200;
/// What one input may lead to at most, here where there is little of everything.
const MOST_OUTPUTS: usize = 2_000;

const FILM: &str = include_str!("film.toml");

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).expect("a name")
}

fn config(place: &str) -> Config {
    let capacity = [
        (Resource::cpu(), 1000),
        (Resource::down(), 10_000_000),
        (Resource::up(), 10_000_000),
    ];
    let seconds = Duration::from_secs;
    Config {
        name: name(place),
        capacity: BTreeMap::from(capacity),
        programs: Vec::new(),
        limits: Limits {
            sessions: 64,
            setups: 16,
            ..Limits::default()
        },
        timing: Timing {
            setup_deadline: seconds(10),
            setup_lease: seconds(8),
            setup_refresh: seconds(1),
            session_lease: seconds(14),
            session_refresh: seconds(2),
            claim: seconds(5),
            idle: seconds(20),
            ..Timing::default()
        },
        strategy: "nearest".to_owned(),
        servers_per_plan: 3,
        code: CodeConfig::default(),
    }
}

/// What honest neighbours say to the place in sessions from above, from below and from here:
/// made once, by letting honest places do it.
fn honest() -> &'static [(usize, Message)] {
    static HONEST: OnceLock<Vec<(usize, Message)>> = OnceLock::new();
    HONEST.get_or_init(|| {
        let names = ["r", HERE, "r/a/x", "r/a/y", "r/b"];
        let now = Instant(1);
        let mut places = BTreeMap::new();
        let mut letters = std::collections::VecDeque::new();
        let mut said = Vec::new();
        let mut put = |places: &mut BTreeMap<&str, Place>,
                       letters: &mut std::collections::VecDeque<_>,
                       at: &'static str,
                       now: Instant,
                       input: Input| {
            let mut inputs = vec![input];
            while let Some(input) = inputs.pop() {
                let mut out = Vec::new();
                let place = places.get_mut(at).expect("it is there");
                place.handle(now, input, &mut out);
                for output in out {
                    match output {
                        Output::Send { to, envelope } => {
                            let to = names.iter().find(|n| to.as_str() == **n).expect("known");
                            let from = NEIGHBOURS.iter().position(|n| *n == at);
                            if let Some(from) = from.filter(|_| *to == HERE) {
                                said.push((from, envelope.message.clone()));
                            }
                            letters.push_back((at, *to, envelope));
                        }
                        Output::Start { instance, .. } => {
                            let endpoint = String::new();
                            inputs.push(Input::ComponentUp { instance, endpoint });
                        }
                        Output::Opened {
                            outcome: Outcome::Established(e),
                            ..
                        } => inputs.push(Input::Claim { session: e.session }),
                        _ => {}
                    }
                }
            }
        };
        for (at, place) in names.iter().enumerate() {
            let seed = [u8::try_from(at).expect("few"); 32];
            let mut out = Vec::new();
            let new = Place::new(
                config(place),
                Incarnation(1),
                seed,
                Vec::new(),
                now,
                &mut out,
            );
            places.insert(*place, new.expect("sound settings"));
        }
        for at in names {
            for neighbour in names.map(name) {
                if neighbour.is_neighbour_of(&name(at)) {
                    let input = Input::LinkUp {
                        neighbour,
                        incarnation: Incarnation(1),
                        version: wire::VERSION,
                    };
                    put(&mut places, &mut letters, at, now, input);
                }
            }
        }
        for (at, title) in [("r/a/y", "film"), ("r", "show")] {
            let presentation = presentation(title);
            put(
                &mut places,
                &mut letters,
                at,
                now,
                Input::Publish { presentation },
            );
        }
        let mut moment = now;
        for round in 0..40_u64 {
            let opens = match round {
                1 => Some("r/a/x"),
                3 | 9 => Some(HERE),
                5 => Some("r/b"),
                _ => None,
            };
            if let Some(at) = opens {
                put(
                    &mut places,
                    &mut letters,
                    at,
                    moment,
                    Input::Open(request(round)),
                );
            }
            for at in names {
                put(&mut places, &mut letters, at, moment, Input::Tick);
            }
            while let Some((from, to, envelope)) = letters.pop_front() {
                let input = Input::Received {
                    from: name(from),
                    envelope,
                };
                put(&mut places, &mut letters, to, moment, input);
            }
            moment = moment + Duration::from_secs(1);
        }
        // Repeated ones are no more use.
        let mut all: Vec<(usize, Message)> = Vec::new();
        for one in said {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    })
}

fn presentation(title: &str) -> Arc<Presentation> {
    let file = FILM.replace("title = \"film\"", &format!("title = \"{title}\""));
    Arc::new(Presentation::from_toml(&file).expect("a sound presentation"))
}

fn request(number: u64) -> OpenRequest {
    OpenRequest {
        request: RequestId(number),
        key: format!("key {number}"),
        title: if number % 4 == 3 { "show" } else { "film" }.to_owned(),
        profile: Profile::default(),
        strategy: None,
        deadline: None,
        retries: u32::from(number % 3 == 2),
        idle: None,
        longest: None,
        watch: number % 2 == 0,
        no_trace_back: number % 5 == 4,
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        let at = self.next()?;
        from.get(usize::from(at) % from.len().max(1))
    }
}

/// The place with what its driver and its neighbours remember.
struct Driver {
    place: Place,
    now: Instant,
    life: u64,
    lives: [u64; 3],
    records: BTreeMap<RecordKey, Vec<u8>>,
    started: Vec<InstanceId>,
    fetching: Vec<FetchId>,
    sessions: BTreeSet<SessionId>,
    sent: Vec<(usize, Message)>,
}

impl Driver {
    fn begin(now: Instant, life: u64, records: BTreeMap<RecordKey, Vec<u8>>) -> Self {
        let mut out = Vec::new();
        let seed = [u8::try_from(life % 256).expect("small"); 32];
        let kept = records.clone().into_iter().collect();
        let place = Place::new(config(HERE), Incarnation(life), seed, kept, now, &mut out);
        let mut driver = Self {
            place: place.expect("it reads what it has written"),
            now,
            life,
            lives: [1; 3],
            records,
            started: Vec::new(),
            fetching: Vec::new(),
            sessions: BTreeSet::new(),
            sent: Vec::new(),
        };
        driver.carry_out(out);
        driver
    }

    fn put(&mut self, input: Input) {
        let mut out = Vec::new();
        self.place.handle(self.now, input, &mut out);
        assert!(out.len() <= MOST_OUTPUTS, "{} outputs", out.len());
        self.carry_out(out);
        self.check();
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { to, envelope } => {
                    let to = NEIGHBOURS.iter().position(|n| *n == to.as_str());
                    let to = to.expect("it writes to neighbours only");
                    let bytes = wire::encode(&envelope);
                    assert!(bytes.len() <= wire::GREATEST_FRAME);
                    let read = wire::decode(&bytes[wire::PREFIX..]);
                    assert_eq!(
                        read.as_ref(),
                        Ok(&envelope),
                        "neighbours read something else"
                    );
                    self.sent.push((to, envelope.message));
                }
                Output::Start { instance, .. } => self.started.push(instance),
                Output::Stop { instance } => self.started.retain(|i| *i != instance),
                Output::Fetch { fetch, .. } => self.fetching.push(fetch),
                Output::CancelFetch { fetch, .. } => self.fetching.retain(|f| *f != fetch),
                Output::Store { key, value } => {
                    match value {
                        Some(value) => self.records.insert(key, value),
                        None => self.records.remove(&key),
                    };
                }
                _ => {}
            }
        }
        let keep = self.sent.len().saturating_sub(32);
        self.sent.drain(..keep);
    }

    fn check(&mut self) {
        let mut booked: BTreeMap<(String, bool), u64> = BTreeMap::new();
        for booking in self.place.bookings() {
            self.sessions.insert(booking.session);
            let established = booking.phase == BookingPhase::Established;
            for (resource, amount) in booking.demand.iter() {
                let sum = booked.entry((resource.as_str().to_owned(), established));
                *sum.or_default() += amount;
            }
        }
        for view in self.place.resources() {
            assert!(
                view.established + view.held <= view.capacity,
                "above capacity: {view:?}"
            );
            let mut sum = |established| {
                let key = (view.resource.as_str().to_owned(), established);
                booked.remove(&key).unwrap_or(0)
            };
            assert_eq!(
                (view.established, view.held),
                (sum(true), sum(false)),
                "{view:?}"
            );
        }
        assert!(
            booked.values().all(|sum| *sum == 0),
            "booked of nothing: {booked:?}"
        );
    }

    /// Timers fire until that moment.
    fn pass(&mut self, until: Instant) {
        while let Some(next) = self.place.next_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.put(Input::Tick);
            let again = self.place.next_timeout();
            assert!(
                again.is_none_or(|again| again > self.now),
                "a timer fires at once again"
            );
        }
        self.now = until;
    }

    fn receive(&mut self, from: usize, message: Message) {
        let envelope = Envelope {
            from: Incarnation(self.lives[from]),
            to: Incarnation(self.life),
            message,
        };
        // What could not have come over the wire does not.
        let bytes = wire::encode(&envelope);
        if let Ok(envelope) = wire::decode(&bytes[wire::PREFIX..]) {
            let from = name(NEIGHBOURS[from]);
            self.put(Input::Received { from, envelope });
        }
    }

    fn link_up(&mut self, neighbour: usize) {
        self.put(Input::LinkUp {
            neighbour: name(NEIGHBOURS[neighbour]),
            incarnation: Incarnation(self.lives[neighbour]),
            version: wire::VERSION,
        });
    }

    fn session(&self, bytes: &mut Bytes<'_>) -> Option<SessionId> {
        let known: Vec<_> = self.sessions.iter().copied().collect();
        bytes.pick(&known).copied()
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let step = bytes.next()?;
        let neighbour = usize::from(step / 16) % 3;
        match step % 16 {
            0 => {
                let millis = u64::from(bytes.next()?) * 100;
                self.pass(self.now + Duration::from_millis(millis));
            }
            1 => {
                self.lives[neighbour] += u64::from(bytes.next()? % 2);
                self.link_up(neighbour);
            }
            2 => self.put(Input::LinkDown {
                neighbour: name(NEIGHBOURS[neighbour]),
            }),
            3 => {
                let length = usize::from(u16::from_le_bytes([bytes.next()?, bytes.next()?]));
                if let Ok(envelope) = wire::decode(bytes.take(length)) {
                    self.receive(neighbour, envelope.message);
                }
            }
            4 | 5 => {
                let (from, message) = bytes.pick(honest())?.clone();
                self.receive(from, message);
            }
            6 => {
                // The same from somebody else.
                let (_, message) = bytes.pick(honest())?.clone();
                self.receive(neighbour, message);
            }
            7 => {
                let session = self.session(bytes)?;
                let number = SolutionNumber(u16::from(bytes.next()? % 8));
                let feed = Feed { session, number };
                let message = match bytes.next()? % 10 {
                    0 => Message::VisitAck(feed),
                    1 => Message::Release(feed),
                    2 => Message::ReleaseAck(feed),
                    3 => Message::Confirm(feed),
                    4 => Message::ConfirmAck(feed),
                    5 => Message::Gone(feed),
                    6 => Message::Working(vec![feed]),
                    7 => Message::Refresh {
                        setups: vec![feed, feed],
                        established: Vec::new(),
                    },
                    8 => Message::Refresh {
                        setups: Vec::new(),
                        established: vec![feed],
                    },
                    _ => Message::Resync {
                        sessions: vec![feed],
                        first: number.0 % 2 == 0,
                        last: number.0 % 3 == 0,
                    },
                };
                self.receive(neighbour, message);
            }
            8 => {
                // An answer to what it has just said.
                let (to, message) = bytes.pick(&self.sent)?.clone();
                let choice = bytes.next()?;
                let Message::Visit(visit) = message else {
                    return Some(());
                };
                let (session, number) = (visit.agent.session(), visit.agent.number());
                let solutions = &visit.agent.plan().solutions;
                let other = solutions.get(usize::from(choice / 8)).map(|s| s.number);
                let answer = match choice % 4 {
                    0 => Message::VisitAck(Feed { session, number }),
                    1 => Message::Refuse(Refuse {
                        session,
                        number,
                        next: other,
                        refused: Vec::new(),
                    }),
                    _ => Message::Ready(waybook_agents::Ready {
                        session,
                        number,
                        solution: other.unwrap_or(number),
                        journey: Vec::new(),
                        refused: Vec::new(),
                    }),
                };
                self.receive(to, answer);
            }
            9 => {
                let number = u64::from(bytes.next()? % 16);
                match neighbour {
                    0 | 1 => self.put(Input::Open(request(number))),
                    _ => self.put(Input::Cancel {
                        request: RequestId(number),
                    }),
                }
            }
            10 => {
                let session = self.session(bytes)?;
                self.put(match neighbour {
                    0 => Input::Claim { session },
                    1 => Input::Active { session },
                    _ => Input::Close { session },
                });
            }
            11 => match neighbour {
                0 => {
                    let title = "film".to_owned();
                    self.put(Input::Withdraw { title });
                }
                1 => self.put(Input::DryRun(request(u64::from(bytes.next()?)))),
                _ => {
                    let presentation = presentation("film");
                    self.put(Input::Publish { presentation });
                }
            },
            12 | 13 => {
                let instance = *bytes.pick(&self.started)?;
                if step % 16 == 12 {
                    let endpoint = "here".to_owned();
                    self.put(Input::ComponentUp { instance, endpoint });
                } else {
                    self.started.retain(|i| *i != instance);
                    let why = "it fell".to_owned();
                    self.put(Input::ComponentFailed { instance, why });
                }
            }
            14 => {
                let fetch = *bytes.pick(&self.fetching)?;
                let amount = bytes.next()?;
                self.put(match neighbour {
                    0 => Input::FetchProgress {
                        fetch,
                        bytes: u64::from(amount),
                    },
                    1 => Input::Fetched { fetch },
                    _ => Input::FetchFailed {
                        fetch,
                        failure: FetchFailure::Cut,
                    },
                });
                if neighbour > 0 {
                    self.fetching.retain(|f| *f != fetch);
                }
            }
            _ => {
                let (lives, sessions) = (self.lives, std::mem::take(&mut self.sessions));
                let records = std::mem::take(&mut self.records);
                *self = Self::begin(self.now, self.life + 1, records);
                self.lives = lives;
                self.sessions = sessions;
                self.check();
            }
        }
        Some(())
    }
}

/// See the module.
pub(crate) fn handle(bytes: &[u8]) {
    let mut driver = Driver::begin(Instant(1), 1, BTreeMap::new());
    for neighbour in 0..NEIGHBOURS.len() {
        driver.link_up(neighbour);
    }
    let mut bytes = Bytes(bytes);
    for _ in 0..MOST_STEPS {
        if bytes.0.is_empty() {
            break;
        }
        let _ = driver.step(&mut bytes);
    }
    driver.pass(driver.now + ALL_OVER);
    let left: Vec<_> = driver.place.bookings().collect();
    assert!(left.is_empty(), "left at the end: {left:?}");
    let left = driver.place.sessions(driver.now);
    assert!(left.is_empty(), "left at the end: {left:?}");
    assert!(
        driver.started.is_empty(),
        "left running: {:?}",
        driver.started
    );
    let stored = |key: &RecordKey| matches!(key, RecordKey::Session(_));
    assert!(
        !driver.records.keys().any(stored),
        "a session is stored that is over"
    );
}
