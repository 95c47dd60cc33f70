//! The watch: what the world tells while it runs, and what of it is taken down.
//!
//! It is told of every input before a place takes it and of every output after, and compares
//! the agents of a place with how it saw them last. It only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{Envelope, Message, PlanVisitor, Refusal, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, FetchId, Input, InstanceId, Outcome, Output, RequestId};
use waybook_place::{Counters, Instant, Place, ResourceView};
use waybook_plan::{Demand, Digest, Runtime};

use super::step::{Said, Solution, Step, What, is_routine, sessions};
use crate::network::Sent;
use crate::world::PlaceIndex;

/// A request that has had no answer yet.
#[derive(Debug)]
struct Waiting {
    number: u64,
    request: RequestId,
    user: String,
    key: String,
    title: String,
    /// The session that its present attempt goes by.
    session: Option<SessionId>,
    attempts: u64,
}

/// How an agent was when it was seen last.
#[derive(Debug)]
struct Seen {
    place: PlaceName,
    visit: u16,
    solution: u16,
    state: State,
    demand: Demand,
    /// The hops before and after it.
    neighbours: [Option<PlaceName>; 2],
    /// The code that it waits for.
    awaits: Vec<(Digest, String)>,
}

/// What is taken down.
#[derive(Debug)]
pub(crate) struct Watch {
    /// One session alone; otherwise all.
    only: Option<u64>,
    /// Whether anything is to be taken down now.
    on: bool,
    /// When users could ask first.
    start: Instant,
    /// The most steps.
    most: usize,
    asked: u64,
    requests: BTreeMap<RequestId, u64>,
    waiting: BTreeMap<PlaceIndex, Vec<Waiting>>,
    numbers: BTreeMap<SessionId, u64>,
    /// Questions of places on behalf of sessions.
    questions: BTreeMap<(PlaceName, u64), u64>,
    seen: BTreeMap<(PlaceIndex, SessionId), Seen>,
    /// Refusals that have been told, by session, place and solution.
    refused: BTreeSet<(SessionId, PlaceName, u16)>,
    instances: BTreeMap<(PlaceIndex, InstanceId), (u64, String)>,
    fetches: BTreeMap<(PlaceIndex, FetchId), (u64, String)>,
    /// As it was before the present input.
    before: Counters,
    /// The step that says that the present input is a message.
    read: Option<usize>,
    /// Places that took something since this was last asked.
    touched: BTreeSet<PlaceName>,
    /// The resources of each place before the first input that it took while things are taken
    /// down.
    first: BTreeMap<PlaceName, Vec<ResourceView>>,
    steps: Vec<Step>,
    routine: u64,
    full: bool,
}

impl Watch {
    /// A watch over one session, by its number, or over all; it takes down nothing before it is
    /// [turned on](Self::turn).
    pub(super) fn new(only: Option<u64>, start: Instant, most: usize) -> Self {
        Self {
            only,
            on: only.is_some(),
            start,
            most,
            asked: 0,
            requests: BTreeMap::new(),
            waiting: BTreeMap::new(),
            numbers: BTreeMap::new(),
            questions: BTreeMap::new(),
            seen: BTreeMap::new(),
            refused: BTreeSet::new(),
            instances: BTreeMap::new(),
            fetches: BTreeMap::new(),
            before: Counters::default(),
            read: None,
            touched: BTreeSet::new(),
            first: BTreeMap::new(),
            steps: Vec::new(),
            routine: 0,
            full: false,
        }
    }

    /// From now on takes things down, or no longer.
    pub(super) fn turn(&mut self, on: bool) {
        self.on = on;
    }

    /// How many requests there have been.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether there were more steps than may be.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// What has been taken down so far.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What has been taken down, and how many messages of routine are not in it.
    pub(super) fn into_steps(self) -> (Vec<Step>, u64) {
        (self.steps, self.routine)
    }

    /// Whether any place still has an agent that is watched.
    pub(super) fn has_agents(&self) -> bool {
        !self.seen.is_empty()
    }

    /// The places that took something since this was last asked.
    pub(super) fn take_touched(&mut self) -> BTreeSet<PlaceName> {
        std::mem::take(&mut self.touched)
    }

    /// The resources of a place before it took anything; none if it has not yet.
    pub(super) fn first(&self, place: &PlaceName) -> Option<&[ResourceView]> {
        self.first.get(place).map(Vec::as_slice)
    }

    /// Whether what happens now may concern a watched session.
    fn is_active(&self) -> bool {
        // A single session has not begun before its user asked.
        self.on && (self.only.is_none() || !self.requests.is_empty() || !self.numbers.is_empty())
    }

    fn touch(&mut self, place: &Place) {
        if self.is_active() {
            let name = place.name();
            if !self.first.contains_key(name) {
                self.first.insert(name.clone(), place.resources());
            }
            self.touched.insert(name.clone());
        }
    }

    /// Takes the agents of a place as they are, without a word.
    pub(super) fn begin_at(&mut self, at: PlaceIndex, place: &Place) {
        for booking in place.bookings() {
            let agent = place.agent(booking.session);
            if let Some(agent) = agent.filter(|_| self.numbers.contains_key(&booking.session)) {
                let seen = Seen::of(agent, place);
                self.seen.insert((at, booking.session), seen);
            }
        }
    }

    /// A user asks.
    pub(crate) fn asks(&mut self, request: RequestId) {
        self.asked += 1;
        if self.only.is_none_or(|only| only == self.asked) {
            self.requests.insert(request, self.asked);
        }
    }

    fn note(&mut self, now: Instant, session: u64, place: &PlaceName, what: What) {
        if !self.on {
            return;
        }
        if self.steps.len() >= self.most {
            self.full = true;
            return;
        }
        self.steps.push(Step {
            at: self.since(now),
            session,
            place: place.clone(),
            what,
        });
    }

    fn since(&self, now: Instant) -> Duration {
        now.since(self.start)
    }

    /// The watched session that a message is about. None if it is about several, or none.
    fn about(&self, message: &Message) -> Option<u64> {
        let question = |origin: &PlaceName, id: &u64| {
            let asker = self.questions.get(&(origin.clone(), *id));
            asker.copied()
        };
        match message {
            Message::Search { id, origin, .. }
            | Message::Found { id, origin, .. }
            | Message::Resolve { id, origin, .. }
            | Message::Resolved { id, origin, .. } => question(origin, id),
            Message::Download(agent) => {
                let digest = agent.release.digest;
                self.awaiting(digest, &agent.id.origin)
            }
            _ => {
                let about = sessions(message);
                about.iter().find_map(|s| self.numbers.get(s).copied())
            }
        }
    }

    /// The session that waits for code at a place, or at one below it: default places fetch for
    /// those.
    fn awaiting(&self, digest: Digest, at: &PlaceName) -> Option<u64> {
        if self.seen.is_empty() {
            return None;
        }
        let waits = |seen: &&Seen| seen.awaits.iter().any(|(d, _)| *d == digest);
        let waiting = self.seen.iter().filter(|(_, seen)| waits(seen));
        let numbers = waiting.filter_map(|((_, session), seen)| {
            let here = at.contains(&seen.place);
            here.then(|| self.numbers.get(session).copied()).flatten()
        });
        numbers.min()
    }

    /// A place is about to take an input.
    pub(crate) fn before(&mut self, now: Instant, at: PlaceIndex, place: &Place, input: &Input) {
        self.touch(place);
        self.before = place.counters();
        self.read = None;
        let name = place.name();
        match input {
            Input::Received { from, envelope } => self.received(now, name, from, envelope),
            Input::Open(open) => {
                let Some(number) = self.requests.get(&open.request).copied() else {
                    return;
                };
                let title = open.title.clone();
                let waiting = Waiting {
                    number,
                    request: open.request,
                    user: open.profile.user.clone(),
                    key: open.key.clone(),
                    title: title.clone(),
                    session: None,
                    attempts: 0,
                };
                self.waiting.entry(at).or_default().push(waiting);
                self.note(now, number, name, What::Asks { title });
            }
            Input::Claim { session } => self.of_session(now, *session, name, What::Claims),
            Input::Close { session } => self.of_session(now, *session, name, What::Leaves),
            Input::Cancel { request } => {
                if let Some(number) = self.requests.get(request).copied() {
                    self.note(now, number, name, What::Leaves);
                }
            }
            Input::ComponentUp { instance, .. } => {
                if let Some((number, component)) = self.instances.get(&(at, *instance)).cloned() {
                    self.note(now, number, name, What::Answers { component });
                }
            }
            Input::ComponentFailed { instance, why } => {
                if let Some((number, component)) = self.instances.remove(&(at, *instance)) {
                    let why = why.clone();
                    self.note(now, number, name, What::Fails { component, why });
                }
            }
            Input::Fetched { fetch } => {
                if let Some((number, component)) = self.fetches.remove(&(at, *fetch)) {
                    self.note(now, number, name, What::Fetched { component });
                }
            }
            Input::FetchFailed { fetch, failure } => {
                if let Some((number, component)) = self.fetches.remove(&(at, *fetch)) {
                    let why = format!("{failure:?}").to_lowercase();
                    self.note(now, number, name, What::FetchFails { component, why });
                }
            }
            Input::LinkDown { neighbour } => {
                for number in self.hops_at_edge(at, neighbour) {
                    let neighbour = neighbour.clone();
                    self.note(now, number, name, What::LosesNeighbour { neighbour });
                }
            }
            Input::LinkUp { neighbour, .. } => {
                for number in self.hops_at_edge(at, neighbour) {
                    let neighbour = neighbour.clone();
                    self.note(now, number, name, What::FindsNeighbour { neighbour });
                }
            }
            _ => {}
        }
    }

    fn of_session(&mut self, now: Instant, session: SessionId, place: &PlaceName, what: What) {
        if let Some(number) = self.numbers.get(&session).copied() {
            self.note(now, number, place, what);
        }
    }

    fn hops_at_edge(&self, at: PlaceIndex, neighbour: &PlaceName) -> Vec<u64> {
        let here = self.agents_at(at);
        let over =
            here.filter(|(_, seen)| seen.neighbours.iter().flatten().any(|n| n == neighbour));
        let numbers = over.filter_map(|(session, _)| self.numbers.get(&session).copied());
        numbers.collect()
    }

    fn agents_at(&self, at: PlaceIndex) -> impl Iterator<Item = (SessionId, &Seen)> {
        let all = (at, SessionId(0))..=(at, SessionId(u128::MAX));
        (self.seen.range(all)).map(|((_, session), seen)| (*session, seen))
    }

    fn received(&mut self, now: Instant, place: &PlaceName, from: &PlaceName, read: &Envelope) {
        let Some(number) = self.about(&read.message) else {
            return;
        };
        if is_routine(&read.message) {
            return;
        }
        let what = What::Receives {
            from: from.clone(),
            message: Said::of(&read.message),
            late: false,
        };
        self.read = Some(self.steps.len());
        self.note(now, number, place, what);
    }

    /// A place has taken an input, and this is what it wants done.
    pub(crate) fn after(&mut self, now: Instant, at: PlaceIndex, place: &Place, out: &[Output]) {
        let counters = place.counters();
        if counters.fenced > self.before.fenced
            && let Some(read) = self.read.and_then(|read| self.steps.get_mut(read))
            && let What::Receives { late, .. } = &mut read.what
        {
            *late = true;
        }
        let lapsed = counters.lapsed > self.before.lapsed;
        self.before = counters;
        self.find_sessions(at, place, out);
        self.take_refusals(now, place, out);
        for session in self.candidates(at, place) {
            self.compare(now, (at, place), session, lapsed, false);
        }
        for output in out {
            self.output(now, at, place, output);
        }
    }

    /// The sessions whose agents may be others than before at a place.
    fn candidates(&self, at: PlaceIndex, place: &Place) -> Vec<SessionId> {
        if self.only.is_some() {
            return self.numbers.keys().copied().collect();
        }
        if !self.on {
            return Vec::new();
        }
        let known = self.agents_at(at).map(|(session, _)| session);
        let booked = place.bookings().map(|booking| booking.session);
        let all: BTreeSet<_> = known.chain(booked).collect();
        all.into_iter().collect()
    }

    /// Learns by which sessions and questions the requests go that wait at a place.
    fn find_sessions(&mut self, at: PlaceIndex, place: &Place, out: &[Output]) {
        let Some(waiting) = self.waiting.get_mut(&at) else {
            return;
        };
        for one in waiting.iter_mut() {
            let session = place.session_of(&one.user, &one.key);
            if let Some(session) = session.filter(|s| one.session != Some(*s)) {
                one.session = Some(session);
                one.attempts += 1;
                self.numbers.insert(session, one.number);
            }
        }
        for output in out {
            let Output::Send { envelope, .. } = output else {
                continue;
            };
            let asks = |one: &&Waiting, wanted: Option<&str>| {
                place.session_of(&one.user, &one.key).is_none()
                    && wanted.is_none_or(|title| title == one.title)
            };
            let (id, asker) = match &envelope.message {
                Message::Search {
                    id, origin, title, ..
                } if origin == place.name() => {
                    let asker = waiting.iter().find(|one| asks(one, Some(title.as_str())));
                    (*id, asker)
                }
                Message::Resolve { id, origin, .. } if origin == place.name() => {
                    (*id, waiting.iter().find(|one| asks(one, None)))
                }
                _ => continue,
            };
            if let Some(asker) = asker {
                let question = (place.name().clone(), id);
                self.questions.entry(question).or_insert(asker.number);
            }
        }
    }

    /// Refusals by an agent that is gone stand in what it said last.
    fn take_refusals(&mut self, now: Instant, place: &Place, out: &[Output]) {
        for output in out {
            let (session, refused) = match output {
                Output::Send { envelope, .. } => match &envelope.message {
                    Message::Refuse(refuse) => (refuse.session, &refuse.refused),
                    Message::Ready(ready) => (ready.session, &ready.refused),
                    _ => continue,
                },
                Output::Opened { request, outcome } => {
                    let refused = match outcome {
                        Outcome::Refused { refused, .. } => refused,
                        Outcome::Established(established) => &established.refused,
                        _ => continue,
                    };
                    let mut waiting = self.waiting.values().flatten();
                    let asker = waiting.find(|one| one.request == *request);
                    let Some(session) = asker.and_then(|one| one.session) else {
                        continue;
                    };
                    (session, refused)
                }
                _ => continue,
            };
            self.refuses(now, session, place.name(), refused);
        }
    }

    fn refuses(&mut self, now: Instant, session: SessionId, at: &PlaceName, all: &[Refusal]) {
        let known = self.numbers.get(&session).copied();
        let Some(number) = known.filter(|_| self.on) else {
            return;
        };
        for refusal in all.iter().filter(|refusal| refusal.place == *at) {
            let key = (session, at.clone(), refusal.solution.0);
            if self.refused.insert(key) {
                let what = What::Refuses {
                    solution: refusal.solution.0,
                    reason: refusal.reason.to_string(),
                };
                self.note(now, number, at, what);
            }
        }
    }

    /// Looks at an agent of a place, and says how it differs from how it was seen last.
    fn compare(
        &mut self,
        now: Instant,
        (at, place): (PlaceIndex, &Place),
        session: SessionId,
        lapsed: bool,
        restarted: bool,
    ) {
        let Some(number) = self.numbers.get(&session).copied() else {
            return;
        };
        let name = place.name();
        let before = self.seen.remove(&(at, session));
        let Some(agent) = place.agent(session) else {
            if let Some(Seen { demand, .. }) = before {
                self.note(now, number, name, What::GivesBack { demand, lapsed });
            }
            return;
        };
        let seen = Seen::of(agent, place);
        if before.is_none() && agent.previous().is_none() && !restarted {
            let waiting = self.waiting.get(&at).into_iter().flatten();
            let mut own = waiting.filter(|one| one.number == number);
            let what = What::Plans {
                attempt: own.next().map_or(1, |one| one.attempts),
                solutions: Solution::all(agent.plan()),
            };
            self.note(now, number, name, what);
        }
        self.refuses(now, session, name, agent.refused());
        let (solution, quality) = (seen.solution, agent.solution().quality.clone());
        let demand = seen.demand.clone();
        let was = before.as_ref().map(|b| (b.visit, b.solution, b.state));
        let what = match was {
            None if restarted => Some(What::Restores { solution }),
            Some((visit, from, _)) if visit == seen.visit && from != solution => {
                Some(What::FallsBack {
                    from,
                    solution,
                    quality,
                    demand,
                })
            }
            Some((visit, ..)) if visit == seen.visit => None,
            _ => Some(What::Holds {
                solution,
                quality,
                demand,
            }),
        };
        if let Some(what) = what {
            self.note(now, number, name, what);
        }
        for (digest, component) in &seen.awaits {
            let known = before.as_ref().is_some_and(|b| b.waits_for(digest));
            if !known {
                let length = agent.plan().releases.get(component).map_or(0, |r| r.length);
                let what = What::AwaitsCode {
                    component: component.clone(),
                    bytes: length,
                };
                self.note(now, number, name, what);
            }
        }
        let state = was.filter(|(visit, ..)| *visit == seen.visit);
        if !restarted && state.is_none_or(|(.., state)| state != seen.state) {
            match seen.state {
                State::Ready => self.note(now, number, name, What::IsReady { solution }),
                State::Established => self.note(now, number, name, What::Establishes { solution }),
                State::Arrived | State::Waiting | State::Ended => {}
            }
        }
        self.seen.insert((at, session), seen);
    }

    fn output(&mut self, now: Instant, at: PlaceIndex, place: &Place, output: &Output) {
        let name = place.name();
        match output {
            Output::Start {
                instance,
                component,
                session,
                ..
            } => {
                let Some(number) = self.numbers.get(session).copied() else {
                    return;
                };
                let component = component.name.clone();
                let started = (number, component.clone());
                self.instances.insert((at, *instance), started);
                self.note(now, number, name, What::Starts { component });
            }
            Output::Stop { instance } => {
                self.instances.remove(&(at, *instance));
            }
            Output::Fetch {
                fetch,
                release,
                source,
            } => {
                let Some(number) = self.awaiting(release.digest, name) else {
                    return;
                };
                let component = release.reference();
                let fetched = (number, component.clone());
                self.fetches.insert((at, *fetch), fetched);
                let source = source.clone();
                self.note(now, number, name, What::Fetches { component, source });
            }
            Output::CancelFetch { fetch, .. } => {
                if let Some((number, component)) = self.fetches.remove(&(at, *fetch)) {
                    let why = "given up".to_owned();
                    self.note(now, number, name, What::FetchFails { component, why });
                }
            }
            Output::Opened { request, outcome } => {
                if let Some(waiting) = self.waiting.get_mut(&at) {
                    waiting.retain(|one| one.request != *request);
                    if waiting.is_empty() {
                        self.waiting.remove(&at);
                    }
                }
                if let Some(number) = self.requests.remove(request) {
                    self.note(now, number, name, answered(outcome));
                }
            }
            Output::Ended { session, why } => {
                let why = match why {
                    EndReason::Closed => "closed".to_owned(),
                    EndReason::Unclaimed => "nobody took it up".to_owned(),
                    EndReason::Idle => "nobody used it".to_owned(),
                    EndReason::Expired => "its time is over".to_owned(),
                    EndReason::Broken(refused) => {
                        let why: Vec<_> = refused.iter().map(ToString::to_string).collect();
                        format!("its path broke: {}", why.join("; "))
                    }
                };
                self.of_session(now, *session, name, What::Ends { why });
            }
            _ => {}
        }
    }

    /// A place has sent a message, and this is what the network does with it.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        message: &Message,
        sent: &Sent,
    ) {
        let Some(number) = self.about(message) else {
            return;
        };
        if is_routine(message) && sent.first.is_some() {
            self.routine += u64::from(self.on);
            return;
        }
        let what = What::Sends {
            to: to.clone(),
            message: Said::of(message),
            arrives: sent.first.map(|at| self.since(at)),
            again: sent.again.map(|at| self.since(at)),
            received: None,
        };
        self.note(now, number, from, what);
    }

    /// A place crashes: its agents are gone.
    pub(crate) fn crashed(&mut self, now: Instant, at: PlaceIndex, place: &PlaceName) {
        let gone: Vec<_> = self.agents_at(at).map(|(session, _)| session).collect();
        for session in gone {
            self.seen.remove(&(at, session));
            self.of_session(now, session, place, What::Crashes);
        }
        self.waiting.remove(&at);
        self.instances.retain(|(place, _), _| *place != at);
        self.fetches.retain(|(place, _), _| *place != at);
    }

    /// A place has started, maybe with sessions that it found on its disk.
    pub(crate) fn started(&mut self, now: Instant, at: PlaceIndex, place: &Place) {
        self.touch(place);
        self.before = place.counters();
        for session in self.candidates(at, place) {
            if place.agent(session).is_some() {
                self.of_session(now, session, place.name(), What::Restarts);
            }
            self.compare(now, (at, place), session, false, true);
        }
    }
}

impl Seen {
    fn of(agent: &PlanVisitor, place: &Place) -> Self {
        let session = agent.session();
        let next = agent.solution().place(agent.hop() + 1).cloned();
        let waits = agent.state() == State::Waiting;
        Self {
            place: place.name().clone(),
            visit: agent.number().0,
            solution: agent.solution().number.0,
            state: agent.state(),
            demand: place
                .booking(session)
                .map_or_else(Demand::none, |b| b.demand),
            neighbours: [agent.previous().cloned(), next],
            awaits: if waits {
                awaits(agent, place)
            } else {
                Vec::new()
            },
        }
    }

    fn waits_for(&self, digest: &Digest) -> bool {
        self.awaits.iter().any(|(awaited, _)| awaited == digest)
    }
}

/// The code that an agent's components need at a place and that is not whole there.
fn awaits(agent: &PlanVisitor, place: &Place) -> Vec<(Digest, String)> {
    let stage = agent.stage();
    let brought = stage
        .components
        .iter()
        .filter(|c| c.runtime == Runtime::Wasm);
    let releases = brought.filter_map(|c| agent.plan().releases.get(&c.name));
    let mut missing: Vec<_> = releases.map(|r| (r.digest, r.reference())).collect();
    if !missing.is_empty() {
        let held = place.code();
        let whole = |digest: &Digest| {
            let mut of_it = held.iter().filter(|code| code.release.digest == *digest);
            of_it.any(|code| code.from.is_none() && code.bytes == code.release.length)
        };
        missing.retain(|(digest, _)| !whole(digest));
    }
    missing
}

/// The answer to a request, in words.
fn answered(outcome: &Outcome) -> What {
    let (outcome, says) = match outcome {
        Outcome::Established(e) => {
            let took = e.took.as_secs_f64() * 1e3;
            let says = format!(
                "the user has a session: solution {} of {}, {}, after {took:.3} ms",
                e.solution, e.solutions, e.quality
            );
            ("established", says)
        }
        Outcome::Refused { refused, .. } => {
            let says = match refused.len() {
                1 => "the user is refused: the only solution was".to_owned(),
                all => format!("the user is refused: all {all} solutions were"),
            };
            ("refused", says)
        }
        Outcome::NoPlan(why) => ("no-plan", format!("there is nothing to try: {why}")),
        Outcome::Rejected { why } => ("rejected", format!("the request is rejected: {why}")),
        Outcome::Closed => ("closed", "the user had left before".to_owned()),
    };
    What::Answered { outcome, says }
}
