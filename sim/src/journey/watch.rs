//! The watch: what the world tells while it runs, and what of it is taken down.
//!
//! It is told of every input before a place takes it and of every output after, and compares
//! the agents of a place with how it saw them last. It only reads.

mod agents;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, Input, InstanceId, Output, RequestId};
use waybook_place::{Counters, Instant, Place, ResourceView};

use super::step::{Step, What};
use crate::world::PlaceIndex;
use agents::Seen;

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

    /// The agents that are watched now: where, for which session, in which state.
    pub(super) fn present(&self) -> Vec<(PlaceName, u64, State)> {
        let present = self.seen.iter().filter_map(|((_, session), seen)| {
            let number = self.numbers.get(session)?;
            Some((seen.place.clone(), *number, seen.state))
        });
        present.collect()
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
