//! Handing an agent on: it waits here for its turn, is sent, and is kept and sent again until
//! the next place has it.

use std::time::Duration;

use waybook_agents::{Event, Feed, Message, PlanVisitor, SessionId, State, Visit};
use waybook_location_tree::PlaceName;

use super::Place;
use super::alarms::Alarm;
use super::hops::Hop;
use super::local::crowded;
use crate::Instant;
use crate::io::Output;

/// How far the next hop is known to follow.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The next hop.
    pub(super) to: PlaceName,
    pub(super) agent: Kept,
    /// When the next hop was last heard of about this visit. As long as the agent is kept:
    /// since when it waits, or has been under way.
    pub(super) heard: Instant,
    /// Whether the next hop knows that the session is established.
    pub(super) confirmed: bool,
}

/// The agent that is to be handed on, kept until the next place has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    /// It waits for its turn; nothing has been sent.
    Waiting(Box<PlanVisitor>),
    UnderWay(Box<PlanVisitor>),
    /// The next place has it.
    No,
}

impl Sent {
    /// The next place has the agent, whether it was known or not; whether it was not.
    pub(super) fn has_arrived(&mut self) -> bool {
        let before = std::mem::replace(&mut self.agent, Kept::No);
        matches!(before, Kept::UnderWay(_))
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.agent, Kept::Waiting(_))
    }
}

impl Place {
    /// Sends the agent on, or lets it wait for its turn if the next place is late with what is
    /// under way to it. One that takes the place of another there need not wait.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        to: &PlaceName,
        mut agent: Box<PlanVisitor>,
        out: &mut Vec<Output>,
    ) {
        if self.links.version(to).is_some_and(|version| version < 2) {
            agent.leave_out_code();
        }
        self.unfeed(to, agent.session());
        let earlier = hop.sent.take();
        debug_assert!(
            earlier
                .as_ref()
                .is_none_or(|sent| sent.to == *to || sent.agent == Kept::No),
            "what went elsewhere has been taken back"
        );
        let earlier = earlier.filter(|sent| sent.to == *to);
        let waits = match &earlier {
            Some(sent) => sent.is_waiting(),
            None => !self.pace.is_free(to),
        };
        if waits {
            let since = earlier.map_or(now, |sent| sent.heard);
            let lane = self.pace.lane(to);
            lane.waiting.add(hop.from.clone(), since, agent.session());
            hop.sent = Some(Sent {
                to: to.clone(),
                agent: Kept::Waiting(agent),
                heard: since,
                confirmed: false,
            });
            hop.alarms
                .set(Alarm::Child, since + self.config.timing.turn);
            return;
        }
        let is_counted = earlier.is_some_and(|sent| matches!(sent.agent, Kept::UnderWay(_)));
        if !is_counted {
            self.pace.lane(to).window.sent();
        }
        self.send_off(now, hop, to, agent, out);
    }

    /// Sends the agent for the first time.
    fn send_off(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        to: &PlaceName,
        agent: Box<PlanVisitor>,
        out: &mut Vec<Output>,
    ) {
        let remaining = self.remaining(now, hop);
        let visit = Visit {
            agent: (*agent).clone(),
            remaining,
        };
        self.send(to, Message::Visit(visit), out);
        hop.sent = Some(Sent {
            to: to.clone(),
            agent: Kept::UnderWay(agent),
            heard: now,
            confirmed: false,
        });
        let again = self.said_again(now, to);
        hop.alarms.set(Alarm::Child, again);
    }

    /// When what a neighbour does not acknowledge is said again: later if it is late.
    pub(super) fn said_again(&mut self, now: Instant, to: &PlaceName) -> Instant {
        let again = self.jittered(now, self.config.timing.setup_refresh);
        let patience = self.pace.patience(to);
        again.max(now + patience.min(self.config.timing.setup_lease))
    }

    /// What the next hop is given of the set-up's time.
    fn remaining(&self, now: Instant, hop: &Hop) -> Duration {
        hop.deadline
            .since(now)
            .saturating_sub(self.config.timing.setup_margin)
    }

    /// The visit that was sent at `sent` has arrived there.
    pub(super) fn taken(
        &mut self,
        now: Instant,
        to: &PlaceName,
        sent: Instant,
        out: &mut Vec<Output>,
    ) {
        let (lag, most) = (self.config.timing.lag, self.config.limits.setups);
        let lane = self.pace.lane(to);
        lane.window.answered(now, sent, lag, most);
        self.send_waiting(now, to, out);
    }

    /// The visit is given up. Whether the next place may have anything of it.
    pub(super) fn take_back(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        to: &PlaceName,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(sent) = hop.sent.take_if(|sent| sent.to == *to) else {
            return true;
        };
        match sent.agent {
            Kept::Waiting(agent) => {
                let lane = self.pace.lane(to);
                lane.waiting.remove(&hop.from, sent.heard, agent.session());
                false
            }
            Kept::UnderWay(_) => {
                self.pace.lane(to).window.given_up();
                self.send_waiting(now, to, out);
                true
            }
            Kept::No => true,
        }
    }

    /// Sends what waits for its turn, as far as there is room.
    pub(super) fn send_waiting(&mut self, now: Instant, to: &PlaceName, out: &mut Vec<Output>) {
        while let Some(session) = self.pace.turn(to) {
            let Some(mut hop) = self.hops.remove(&session) else {
                debug_assert!(false, "what waits is there");
                continue;
            };
            let waiting = hop.sent.take_if(|sent| sent.is_waiting());
            if let Some(Sent {
                agent: Kept::Waiting(agent),
                ..
            }) = waiting
            {
                self.pace.lane(to).window.sent();
                self.send_off(now, &mut hop, to, agent, out);
                hop.attend(&mut self.timers);
            }
            self.hops.insert(session, hop);
        }
        if self.parent.as_ref() == Some(to) {
            self.ask_waiting(now, out);
        }
    }

    /// Looks whether the next hop is silent, and repeats a hand-off that was not
    /// acknowledged.
    pub(super) fn child_alarm(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let Some(hop) = self.hops.get(&session) else {
            return;
        };
        let (Some(sent), Some((to, number))) = (&hop.sent, hop.visitor.child()) else {
            return;
        };
        let to = to.clone();
        let mut again = None;
        if hop.visitor.state() == State::Waiting {
            let waits = sent.is_waiting();
            let patience = match waits {
                true => self.config.timing.turn,
                false => self.config.timing.setup_lease,
            };
            if now.since(sent.heard) >= patience {
                let reason = match waits {
                    true => crowded(&to, self.pace.lane(&to).window.size()),
                    false => waybook_agents::RefusalReason::NoAnswer { next: to },
                };
                return self.drive(now, session, Event::ChildLost { number, reason }, out);
            }
            match &sent.agent {
                Kept::Waiting(_) => again = Some(sent.heard + patience),
                Kept::UnderWay(agent) => {
                    let visit = Visit {
                        agent: (**agent).clone(),
                        remaining: self.remaining(now, hop),
                    };
                    let since = sent.heard;
                    self.send(&to, Message::Visit(visit), out);
                    self.pace.lane(&to).window.silent(now, since);
                    again = Some(self.said_again(now, &to));
                }
                Kept::No => {}
            }
        } else if sent.confirmed || hop.visitor.state() != State::Established {
            return;
        } else {
            self.send(&to, Message::Confirm(Feed { session, number }), out);
        }
        let again = again.unwrap_or_else(|| self.said_again(now, &to));
        if let Some(hop) = self.hops.get_mut(&session) {
            hop.alarms.set(Alarm::Child, again);
            hop.attend(&mut self.timers);
        }
    }

    /// On a new connection: what was under way on the old one may be lost.
    pub(super) fn repeat_to(&mut self, now: Instant, to: &PlaceName, out: &mut Vec<Output>) {
        let open: Vec<_> = self
            .hops_at_edge(to)
            .filter(|h| h.visitor.child().is_some_and(|(place, _)| place == to))
            .filter(|h| {
                h.sent
                    .as_ref()
                    .is_some_and(|s| s.agent != Kept::No || !s.confirmed)
            })
            .map(|h| h.visitor.session())
            .collect();
        for session in open {
            self.child_alarm(now, session, out);
        }
        self.repeat_releases(now, to, out);
    }
}
