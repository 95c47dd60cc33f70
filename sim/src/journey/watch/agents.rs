//! The agents of a place, compared with how they were seen last.

use std::collections::BTreeSet;

use waybook_agents::{Message, PlanVisitor, Refusal, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Outcome, Output};
use waybook_place::{Instant, Place};
use waybook_plan::{Demand, Digest, Runtime};

use super::Watch;
use crate::journey::step::{Solution, What};
use crate::world::PlaceIndex;

/// How an agent was when it was seen last.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) place: PlaceName,
    pub(super) visit: u16,
    pub(super) solution: u16,
    pub(super) state: State,
    pub(super) demand: Demand,
    /// The hops before and after it.
    pub(super) neighbours: [Option<PlaceName>; 2],
    /// The code that it waits for.
    pub(super) awaits: Vec<(Digest, String)>,
}

impl Watch {
    /// The session that waits for code at a place, or at one below it: default places fetch for
    /// those.
    pub(super) fn awaiting(&self, digest: Digest, at: &PlaceName) -> Option<u64> {
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

    pub(super) fn hops_at_edge(&self, at: PlaceIndex, neighbour: &PlaceName) -> Vec<u64> {
        let here = self.agents_at(at);
        let over =
            here.filter(|(_, seen)| seen.neighbours.iter().flatten().any(|n| n == neighbour));
        let numbers = over.filter_map(|(session, _)| self.numbers.get(&session).copied());
        numbers.collect()
    }

    pub(super) fn agents_at(&self, at: PlaceIndex) -> impl Iterator<Item = (SessionId, &Seen)> {
        let all = (at, SessionId(0))..=(at, SessionId(u128::MAX));
        (self.seen.range(all)).map(|((_, session), seen)| (*session, seen))
    }

    /// The sessions whose agents may be others than before at a place.
    pub(super) fn candidates(&self, at: PlaceIndex, place: &Place) -> Vec<SessionId> {
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

    /// Refusals by an agent that is gone stand in what it said last.
    pub(super) fn take_refusals(&mut self, now: Instant, place: &Place, out: &[Output]) {
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

    pub(super) fn refuses(
        &mut self,
        now: Instant,
        session: SessionId,
        at: &PlaceName,
        all: &[Refusal],
    ) {
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
    pub(super) fn compare(
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
}

impl Seen {
    pub(super) fn of(agent: &PlanVisitor, place: &Place) -> Self {
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
