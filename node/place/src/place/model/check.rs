//! The promises, as questions to a state.

use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::{SessionId, State};

use super::world::{Knows, PLACES, World};
use crate::io::RecordKey;
use crate::place::Place;
use crate::{BookingPhase, ResourceView};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    /// More is booked than there is.
    Capacity,
    /// The sums are not those of the bookings.
    Ledger,
    /// A visit came back after a later one of the session, or after its end.
    Order,
    /// A place holds something of a try that was refused when the next one is under way.
    Tries,
    /// A component was stopped that did not run.
    Components,
    /// A client was told something else than what came of its request, or told twice.
    Answers,
    /// A session ended that must survive what happened.
    Lost,
    /// After the faults are over: what is booked, runs, is let through or stored is not
    /// that of the established sessions.
    Inexact(String),
    /// It takes longer than it may until everything is in order.
    TooLong(u64),
}

/// Sessions with a visitor at a place, and the numbers of their visits.
pub(super) fn numbers(place: &Place) -> Vec<(SessionId, u16)> {
    let hops = place.hops.iter();
    hops.map(|(session, hop)| (*session, hop.visitor.number().0))
        .collect()
}

/// Numbers only grow, and what is over stays so. Notes what is over now.
pub(super) fn numbers_rise(
    before: &[(SessionId, u16)],
    after: &[(SessionId, u16)],
    over: &mut BTreeMap<SessionId, u16>,
) -> Option<Wrong> {
    let now = |session: SessionId| after.iter().find(|(s, _)| *s == session).map(|(_, n)| *n);
    for (session, number) in before {
        if now(*session) != Some(*number) {
            let most = over.entry(*session).or_default();
            *most = (*most).max(*number);
        }
    }
    let late =
        |(session, number): &(SessionId, u16)| over.get(session).is_some_and(|o| number <= o);
    after.iter().any(late).then_some(Wrong::Order)
}

impl World {
    /// What must hold at every moment of a place that has just done something.
    pub(super) fn check(&mut self, at: usize) {
        let Some(place) = self.place(at) else { return };
        let wrong = if place.each_resource(|_, capacity, established, held| {
            established.saturating_add(held) <= capacity
        }) {
            let wrong = (!sums_are_right(place)).then_some(Wrong::Ledger);
            wrong.or_else(|| self.older_tries())
        } else {
            Some(Wrong::Capacity)
        };
        self.fault(wrong);
    }

    /// Without faults, when a hop goes on with a solution nothing of an earlier one is left
    /// beyond it.
    fn older_tries(&self) -> Option<Wrong> {
        if self.spent.any > 0 {
            return None;
        }
        for place in self.nodes.iter().filter_map(|n| n.place.as_ref()) {
            for (session, hop) in &place.hops {
                let held = hop.visitor.solution().number;
                let beyond = self.nodes.iter().filter_map(|n| n.place.as_ref());
                let mut beyond = beyond.filter_map(|p| p.hops.get(session));
                // A hop that is told to go leaves one after the other.
                if hop.visitor.state() != State::Ended
                    && beyond.any(|other| {
                        other.visitor.hop() > hop.visitor.hop()
                            && other.visitor.solution().number < held
                    })
                {
                    return Some(Wrong::Tries);
                }
            }
        }
        None
    }

    /// Whether a session is established for its client but not at all hops.
    pub(super) fn has_half_established(&self) -> bool {
        let has = self.clients.iter().filter_map(|c| match c {
            Knows::Has(session) => Some(*session),
            _ => None,
        });
        has.into_iter().any(|session| {
            let hops = self
                .nodes
                .iter()
                .filter_map(|n| n.place.as_ref()?.hops.get(&session));
            let path = hops
                .clone()
                .map(|h| h.visitor.solution().stages.len())
                .max();
            hops.filter(|h| h.established.is_some()).count() < path.unwrap_or(usize::MAX)
        })
    }

    /// Whether everything there is belongs to an established session, each of which has what
    /// its solution needs; else what does not.
    pub(super) fn exact(&self) -> Result<(), Wrong> {
        let inexact = |what: String| Err(Wrong::Inexact(what));
        let mut known = BTreeSet::new();
        for (number, client) in self.clients.iter().enumerate() {
            match client {
                Knows::Waits => return inexact(format!("client {number} has no answer")),
                Knows::Has(session) => {
                    known.insert(*session);
                    if self.found_nowhere(*session) {
                        if !self.excused {
                            return Err(Wrong::Lost);
                        }
                        continue;
                    }
                    self.is_whole(*session).or_else(inexact)?;
                }
                // All of it or nothing, as long as nobody was told which.
                Knows::Unsure(session) => {
                    known.insert(*session);
                    if !self.found_nowhere(*session) {
                        self.is_whole(*session).or_else(inexact)?;
                    }
                }
                Knows::Nothing | Knows::Refused | Knows::Ending(_) | Knows::Over => {}
            }
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(place) = &node.place else {
                return inexact(format!("{} is dead", PLACES[at]));
            };
            if let Some(session) = place.hops.keys().find(|s| !known.contains(s)) {
                return inexact(format!("{} has {session}, which nobody has", PLACES[at]));
            }
            let sessions: BTreeSet<_> = place.hops.keys().copied().collect();
            let uses = place.hops.values().flat_map(|h| &h.uses);
            let uses: BTreeSet<_> = uses.map(|u| u.instance).collect();
            if uses != node.running {
                return inexact(format!(
                    "{} runs {:?} for {uses:?}",
                    PLACES[at], node.running
                ));
            }
            if sessions != node.routed {
                return inexact(format!("{} lets through {:?}", PLACES[at], node.routed));
            }
            let stored = node.disk.keys().filter_map(|key| match key {
                RecordKey::Session(session) => Some(*session),
                _ => None,
            });
            if !stored.eq(sessions.iter().copied()) {
                return inexact(format!("{} has stored something else", PLACES[at]));
            }
        }
        Ok(())
    }

    fn found_nowhere(&self, session: SessionId) -> bool {
        let mut places = self.nodes.iter().filter_map(|n| n.place.as_ref());
        places.all(|p| !p.hops.contains_key(&session))
    }

    /// Whether a session is established at all places of its path and at no other, with
    /// what its solution needs there.
    fn is_whole(&self, session: SessionId) -> Result<(), String> {
        let places = || self.nodes.iter().filter_map(|n| n.place.as_ref());
        let client = places()
            .filter_map(|p| p.hops.get(&session))
            .find(|h| h.client.is_some());
        let client = client.ok_or("a session is not at its client's place")?;
        let solution = client.visitor.solution();
        for place in places() {
            let stage = solution.stages.iter().find(|s| s.place == *place.name());
            let hop = place.hops.get(&session);
            let right = match (stage, hop) {
                (None, None) => true,
                (Some(stage), Some(hop)) => {
                    hop.phase() == BookingPhase::Established
                        && hop.visitor.solution().number == solution.number
                        && hop.booking.as_ref().is_none_or(|b| *b == stage.demand)
                        && (hop.booking.is_some() || stage.demand.is_empty())
                }
                _ => false,
            };
            if !right {
                return Err(format!(
                    "{} does not have what the session needs",
                    place.name()
                ));
            }
        }
        Ok(())
    }
}

/// Whether what is said of resources is what the bookings come to.
fn sums_are_right(place: &Place) -> bool {
    let sum = |view: &ResourceView, established: bool| -> u64 {
        let bookings = place.bookings();
        let of = bookings.filter(|b| (b.phase == BookingPhase::Established) == established);
        of.map(|b| b.demand.of(view.resource.as_str())).sum()
    };
    let views = place.resources();
    let all = views.iter();
    all.clone()
        .all(|v| v.established == sum(v, true) && v.held == sum(v, false))
}
