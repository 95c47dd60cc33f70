//! What edges are given to carry: messages and chunks of code.

use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::direction::{Carriage, Direction, Finished, Handed, Terms};
use super::edge::Edge;
use super::fault::{Passage, Sent};
use super::{Discipline, EdgeId, Messages, Network, lower};

impl Network {
    /// A direction with what holds there now.
    fn at(&mut self, now: Instant, edge: EdgeId, upward: bool) -> (&mut Direction, Terms<'_>) {
        if self.common.0 != self.model {
            // Somebody has changed the plain numbers since.
            self.common = (self.model, Arc::new((&self.model).into()));
        }
        let edge = &mut self.edges[edge.0 as usize];
        edge.direction(upward, now, &self.common.1)
    }

    fn between(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
    ) -> (&mut Direction, Terms<'_>) {
        let (child, upward) = lower(from, to);
        let edge = self.number(child);
        self.at(now, edge, upward)
    }

    /// Whether the bytes of messages take time there, so that they must be counted.
    #[must_use]
    pub fn counts_bytes(&mut self, edge: EdgeId, upward: bool) -> bool {
        let (_, terms) = self.at(Instant::default(), edge, upward);
        terms.model.messages == Messages::Within && terms.rate.is_some()
    }

    /// Takes a chunk for a neighbour: it waits until the edge is done with all that was
    /// handed over before it in that direction, takes its time by the edge's rate, and
    /// then the latency.
    ///
    /// That is so whatever the discipline; [`Network::hand`] goes by it.
    pub fn carry(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        length: u64,
    ) -> Carriage {
        let (direction, terms) = self.between(now, from, to);
        direction.carry(&terms, length)
    }

    /// Takes a chunk for a neighbour by the direction's [`Discipline`]. `flow` tells whose it
    /// is, to who shares.
    pub fn hand(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        flow: u64,
        length: u64,
    ) -> Handed {
        let (direction, terms) = self.between(now, from, to);
        match terms.model.discipline {
            Discipline::Queue => Handed::Queues(direction.carry(&terms, length)),
            Discipline::Fair => Handed::Shares(direction.enter(&terms, flow, length)),
        }
    }

    /// Which of the chunks that share a direction have left by now. To be called when
    /// [`Network::hand`], this and [`Network::leave`] say; to call it besides changes
    /// nothing.
    pub fn finish(&mut self, now: Instant, from: &PlaceName, to: &PlaceName) -> Finished {
        let (direction, terms) = self.between(now, from, to);
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
        let (direction, terms) = self.between(now, from, to);
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
    /// where the model has [messages](super::Messages) within the bandwidth.
    pub fn send_sized(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        kind: &'static str,
        length: u64,
    ) -> Passage {
        let (child, upward) = lower(from, to);
        let edge = self.number(child);
        let sent = self.send_sized_on(now, edge, upward, kind, length);
        Passage {
            arrivals: sent.first.into_iter().chain(sent.again).collect(),
            connection: sent.connection,
        }
    }

    /// As [`Network::send`], over an edge by its number, towards the root or away from it.
    pub fn send_on(
        &mut self,
        now: Instant,
        edge: EdgeId,
        upward: bool,
        kind: &'static str,
    ) -> Sent {
        self.send_sized_on(now, edge, upward, kind, 0)
    }

    /// As [`Network::send_sized`], over an edge by its number, towards the root or away from
    /// it.
    pub fn send_sized_on(
        &mut self,
        now: Instant,
        edge: EdgeId,
        upward: bool,
        kind: &'static str,
        length: u64,
    ) -> Sent {
        self.sent += 1;
        let acts = self.armed.strike(kind);
        let Edge {
            connection,
            standing,
            ..
        } = self.edges[edge.0 as usize];
        if !standing {
            return Sent {
                first: None,
                again: None,
                connection,
            };
        }
        let (direction, terms) = self.at(now, edge, upward);
        let fate = direction.send(&terms, length, &acts);
        self.flawed |= fate.flawed;
        Sent {
            first: fate.first,
            again: fate.again,
            connection,
        }
    }
}
