//! Handing an agent on: it is kept and sent again until the next place has it.

use std::time::Duration;

use waybook_agents::{Event, Feed, Message, PlanVisitor, SessionId, State, Visit};
use waybook_location_tree::PlaceName;

use super::Place;
use super::alarms::Alarm;
use super::hops::{Hop, Sent};
use crate::Instant;
use crate::io::Output;

impl Place {
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
        let session = agent.session();
        self.unfeed(to, session);
        let remaining = self.remaining(now, hop);
        self.send(
            to,
            Message::Visit(Visit {
                agent: (*agent).clone(),
                remaining,
            }),
            out,
        );
        hop.sent = Some(Sent {
            kept: Some(agent),
            heard: now,
            confirmed: false,
        });
        let at = self.jittered(now, self.config.timing.setup_refresh);
        hop.alarms.set(Alarm::Child, at);
    }

    /// What the next hop is given of the set-up's time.
    fn remaining(&self, now: Instant, hop: &Hop) -> Duration {
        hop.deadline
            .since(now)
            .saturating_sub(self.config.timing.setup_margin)
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
        if hop.visitor.state() == State::Waiting {
            if now.since(sent.heard) >= self.config.timing.setup_lease {
                let reason = waybook_agents::RefusalReason::NoAnswer { next: to };
                return self.drive(now, session, Event::ChildLost { number, reason }, out);
            }
            if let Some(agent) = sent.kept.clone() {
                let remaining = self.remaining(now, hop);
                self.send(
                    &to,
                    Message::Visit(Visit {
                        agent: *agent,
                        remaining,
                    }),
                    out,
                );
            }
        } else if sent.confirmed || hop.visitor.state() != State::Established {
            return;
        } else {
            self.send(&to, Message::Confirm(Feed { session, number }), out);
        }
        let at = self.jittered(now, self.config.timing.setup_refresh);
        if let Some(hop) = self.hops.get_mut(&session) {
            hop.alarms.set(Alarm::Child, at);
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
                    .is_some_and(|s| s.kept.is_some() || !s.confirmed)
            })
            .map(|h| h.visitor.session())
            .collect();
        for session in open {
            self.child_alarm(now, session, out);
        }
        self.repeat_releases(now, to, out);
    }
}
