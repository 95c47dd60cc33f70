//! Records: what survives a restart.
//!
//! Established sessions, the presentations served here, the code that is held, which children
//! there have been, and what the operator withholds. Set-ups under way are not kept: a crash is a refusal to them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_agents::{Event, HopReport, PlanVisitor, Refusal, SessionId, wire};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use super::Place;
use super::alarms::Alarm;
use super::clients::{Client, Key};
use super::cuts::lost_after;
use super::handoff::{Kept, Sent};
use super::hops::{self, Hop};
use super::ledger::Account;
use super::timers::Timer;
use crate::Instant;
use crate::io::{Established, Output, RecordKey};

/// An established session's hop, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct SessionRecord {
    visitor: PlanVisitor,
    from: Option<PlaceName>,
    client: Option<ClientRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClientRecord {
    key: Key,
    claimed: bool,
    idle: Duration,
    longest: Option<Duration>,
    title: String,
    quality: String,
    solution: SolutionNumber,
    solutions: u16,
    journey: Vec<HopReport>,
    refused: Vec<Refusal>,
    took: Duration,
}

impl Place {
    pub(super) fn store_session(&self, session: SessionId, out: &mut Vec<Output>) {
        if let Some(hop) = self.hops.get(&session) {
            self.store(hop, out);
        }
    }

    /// From now on says nothing of sessions that is to be kept across lives, for a driver that
    /// keeps nothing and need not be told.
    pub fn forget_sessions(&mut self) {
        self.keeps_sessions = false;
    }

    pub(super) fn store(&self, hop: &Hop, out: &mut Vec<Output>) {
        if !self.keeps_sessions {
            return;
        }
        let client = hop.client.as_ref().and_then(|client| {
            let e = client.established.clone()?;
            Some(ClientRecord {
                key: client.key.clone(),
                claimed: client.claimed,
                idle: client.idle,
                longest: client.longest,
                title: e.title,
                quality: e.quality,
                solution: e.solution,
                solutions: u16::try_from(e.solutions).unwrap_or(u16::MAX),
                journey: e.journey,
                refused: e.refused,
                took: e.took,
            })
        });
        let session = hop.visitor.session();
        let key = hop.client.as_ref().map(|client| &client.key);
        let replaces = key.and_then(|key| self.replaced_by(key, session));
        let record = SessionRecord {
            visitor: hop.visitor.clone(),
            from: hop.from.clone(),
            client,
        };
        let key = RecordKey::Session(session);
        out.push(Output::Store {
            key,
            value: Some(wire::encode_record_of(&record, &record.visitor, replaces)),
        });
    }

    pub(super) fn forget(&self, session: SessionId, out: &mut Vec<Output>) {
        if !self.keeps_sessions {
            return;
        }
        out.push(Output::Store {
            key: RecordKey::Session(session),
            value: None,
        });
    }

    /// Takes up what earlier lives have stored.
    pub(super) fn restore(
        &mut self,
        records: Vec<(RecordKey, Vec<u8>)>,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let lived_before = !records.is_empty();
        // Sessions that are found again run code that is found again.
        for (key, value) in &records {
            let restored = match key {
                RecordKey::Code(digest) => self.restore_code(digest, value, out),
                RecordKey::Part(digest) => self.restore_part(digest, value),
                _ => Ok(()),
            };
            restored.map_err(|e| bad(key, &e))?;
        }
        for (key, value) in records {
            match &key {
                RecordKey::Session(_) => {
                    let (record, replaces) =
                        wire::decode_record_of(&value, |record: &mut SessionRecord| {
                            &mut record.visitor
                        })
                        .map_err(|e| bad(&key, &e))?;
                    self.restore_session(record, replaces, now, out);
                }
                RecordKey::Presentation(_) => {
                    let presentation =
                        wire::decode_presentation(&value).map_err(|e| bad(&key, &e))?;
                    self.serve(now, Arc::new(presentation), out);
                }
                RecordKey::Child(child) => {
                    self.links.await_resync(child.clone());
                    self.links.remember(child.clone());
                }
                RecordKey::Drain => {
                    let restored = self.restore_drain(now, &value);
                    restored.map_err(|e| bad(&key, &e))?;
                }
                RecordKey::Cordon(resource) => self.restore_cordon(resource.clone()),
                RecordKey::Code(_) | RecordKey::Part(_) => {}
            }
        }
        self.forget_lost_originals();
        if lived_before {
            // What was established shortly before a crash may not have been stored.
            if let Some(parent) = self.parent.clone() {
                self.links.await_resync(parent);
            }
            self.timers
                .set(Timer::Recovery, now + self.config.timing.session_lease);
        }
        Ok(())
    }

    fn restore_session(
        &mut self,
        record: SessionRecord,
        replaces: Option<SessionId>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let SessionRecord {
            visitor,
            from,
            client,
        } = record;
        if !visitor.is_keeper() || visitor.stage().place != self.config.name {
            return;
        }
        let session = visitor.session();
        let stage = visitor.stage().clone();
        let child = visitor
            .child()
            .map(|(place, number)| (place.clone(), number));
        let mut hop = Hop::new(visitor, from, now, now);
        self.ledger.put(&stage.demand, Account::Established);
        hop.booking = Some(stage.demand.clone());
        hop.established = Some(now);
        // There is no connection yet: its path is cut on both sides.
        hop.lease = now + lost_after(&hop, &self.config.timing);
        self.acquire(now, &mut hop, &stage.components, out);
        if hop.from.is_some() {
            hop.alarms.set(Alarm::Lease, hop.lease);
        }
        if let Some((place, _)) = &child {
            // Whether the next hop knows is not known; it is told again.
            hop.sent = Some(Sent {
                to: place.clone(),
                agent: Kept::No,
                heard: now,
                confirmed: false,
            });
            self.feed_setup(now, place, session);
            let at = self.jittered(now, self.config.timing.setup_refresh);
            hop.alarms.set(Alarm::Child, at);
            hop.lose_sight(now, &self.config.timing);
        }
        if let Some(record) = client {
            let established = Established {
                session,
                title: record.title,
                quality: record.quality,
                solution: record.solution,
                solutions: usize::from(record.solutions),
                journey: record.journey,
                refused: record.refused,
                took: record.took,
            };
            self.remember_key(record.key.clone(), session, replaces);
            if !record.claimed {
                let claim = now + self.config.timing.claim;
                hop.alarms.set(Alarm::Claim, claim);
            }
            hop.watch_use(now, record.idle, record.longest);
            hop.client = Some(Box::new(Client::restored(
                record.key,
                record.claimed,
                record.idle,
                record.longest,
                established,
                now,
            )));
        }
        let next = child.map(|(place, _)| place);
        for neighbour in hop.from.iter().chain(&next) {
            self.edges.add(neighbour, session);
        }
        if let Some(from) = &hop.from {
            let share = self.edges.brought_mut(from);
            share.begun();
            share.established();
        }
        hops::bind(&mut hop, next, out);
        self.hops.insert(session, Box::new(hop));
        // Components that are shared with a session restored before may answer already.
        self.drive(now, session, Event::ComponentsUp, out);
    }
}

fn bad(key: &RecordKey, error: &wire::WireError) -> String {
    format!("the stored record {key:?} cannot be read: {error}")
}
