//! What edges are given to carry: messages and chunks of code.

use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::direction::{Carriage, Direction, Finished, Terms};
use super::fault::{Arrivals, Passage};
use super::{Discipline, Lane, Network, lower};

impl Network {
    /// Who gets the bandwidth from one place to a neighbour: whether chunks are to be
    /// handed to [`Network::carry`] (`queue`) or to [`Network::enter`] (`fair`).
    #[must_use]
    pub fn discipline(&mut self, from: &PlaceName, to: &PlaceName) -> Discipline {
        let lane = self.lane(from, to);
        let (_, terms) = self.at(Instant::default(), lane);
        terms.model.discipline
    }

    /// A direction with what holds there now.
    fn at(&mut self, now: Instant, lane: Lane) -> (&mut Direction, Terms<'_>) {
        if self.common.0 != self.model {
            // Somebody has changed the plain numbers since.
            self.common = (self.model, Arc::new((&self.model).into()));
        }
        let edge = &mut self.edges[lane.edge as usize];
        edge.direction(lane.upward, now, &self.common.1)
    }

    /// Takes a chunk for a neighbour: it waits until the edge is done with all that was
    /// handed over before it in that direction, takes its time by the edge's rate, and
    /// then the latency.
    pub fn carry(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        length: u64,
    ) -> Carriage {
        let lane = self.lane(from, to);
        let (direction, terms) = self.at(now, lane);
        direction.carry(&terms, length)
    }

    /// Takes a chunk for a neighbour that shares the direction with all others that are
    /// under way there. `flow` tells whose it is. What comes back is when to call
    /// [`Network::finish`]; none if that has been said already and is early enough.
    pub fn enter(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        flow: u64,
        length: u64,
    ) -> Option<Instant> {
        let lane = self.lane(from, to);
        let (direction, terms) = self.at(now, lane);
        direction.enter(&terms, flow, length)
    }

    /// Which of the chunks that share a direction have left by now. To be called when
    /// [`Network::enter`], this and [`Network::leave`] say; to call it besides changes
    /// nothing.
    pub fn finish(&mut self, now: Instant, from: &PlaceName, to: &PlaceName) -> Finished {
        let lane = self.lane(from, to);
        let (direction, terms) = self.at(now, lane);
        direction.finish(&terms)
    }

    /// Gives up what a transfer has under way in a direction that is shared; when to call
    /// [`Network::finish`], as that may be earlier for the others now.
    pub fn leave(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        flow: u64,
    ) -> Option<Instant> {
        let lane = self.lane(from, to);
        let (direction, terms) = self.at(now, lane);
        direction.leave(&terms, flow)
    }

    /// Decides what becomes of a message that is sent now and takes no time by its length.
    pub fn send(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        kind: &'static str,
    ) -> Passage {
        self.send_sized(now, from, to, kind, 0)
    }

    /// Decides what becomes of a message of so many bytes that is sent now. They take time
    /// where the model has [messages](Messages) within the bandwidth.
    pub fn send_sized(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        kind: &'static str,
        length: u64,
    ) -> Passage {
        let (child, upward) = lower(from, to);
        if let Some(edge) = self.numbers.get(child) {
            let lane = Lane {
                edge: *edge,
                upward,
            };
            return self.send_on(now, lane, kind, length);
        }
        self.sent += 1;
        self.armed.strike(kind);
        Passage {
            arrivals: Arrivals::default(),
            connection: 0,
        }
    }

    /// As [`Network::send_sized`], by number.
    pub fn send_on(
        &mut self,
        now: Instant,
        lane: Lane,
        kind: &'static str,
        length: u64,
    ) -> Passage {
        self.sent += 1;
        let acts = self.armed.strike(kind);
        let edge = &self.edges[lane.edge as usize];
        let connection = edge.connection;
        if !edge.standing {
            let arrivals = Arrivals::default();
            return Passage {
                arrivals,
                connection,
            };
        }
        let (direction, terms) = self.at(now, lane);
        let fate = direction.send(&terms, length, &acts);
        self.flawed |= fate.flawed;
        Passage {
            arrivals: fate.arrivals,
            connection,
        }
    }
}
