//! The place's driver, which looks at the place after every input.

use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::{Envelope, Incarnation, Message, SessionId, wire};
use waybook_place::io::{FetchId, Input, InstanceId, Output, RecordKey};
use waybook_place::{BookingPhase, Instant, Place};

use super::honest::config;
use super::{HERE, NEIGHBOURS, name};

/// What one input may lead to at most, here where there is little of everything.
const MOST_OUTPUTS: usize = 2_000;

/// The place with what its driver and its neighbours remember.
pub(super) struct Driver {
    pub(super) place: Place,
    pub(super) now: Instant,
    pub(super) life: u64,
    pub(super) lives: [u64; 3],
    pub(super) records: BTreeMap<RecordKey, Vec<u8>>,
    pub(super) started: Vec<InstanceId>,
    pub(super) fetching: Vec<FetchId>,
    pub(super) sessions: BTreeSet<SessionId>,
    pub(super) sent: Vec<(usize, Message)>,
}

impl Driver {
    pub(super) fn begin(now: Instant, life: u64, records: BTreeMap<RecordKey, Vec<u8>>) -> Self {
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

    pub(super) fn put(&mut self, input: Input) {
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

    pub(super) fn check(&mut self) {
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
    pub(super) fn pass(&mut self, until: Instant) {
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

    pub(super) fn receive(&mut self, from: usize, message: Message) {
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

    pub(super) fn link_up(&mut self, neighbour: usize) {
        self.put(Input::LinkUp {
            neighbour: name(NEIGHBOURS[neighbour]),
            incarnation: Incarnation(self.lives[neighbour]),
            version: wire::VERSION,
        });
    }
}
