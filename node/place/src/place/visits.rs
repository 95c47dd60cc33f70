//! Visits as they arrive, and what the next hops answer to those sent on.

use std::time::Duration;

use waybook_agents::{
    Event, Feed, Message, Progress, Ready, RefusalReason, Refuse, SessionId, State, Step, Visit,
};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use super::Place;
use super::alarms::Alarm;
use super::handoff::Kept;
use super::hops::Hop;
use crate::Instant;
use crate::io::Output;

impl Place {
    /// A plan visitor has migrated here.
    pub(super) fn visit(
        &mut self,
        now: Instant,
        from: &PlaceName,
        visit: Visit,
        out: &mut Vec<Output>,
    ) {
        let agent = visit.agent;
        let feed = Feed {
            session: agent.session(),
            number: agent.number(),
        };
        if !self.may_send(from, &agent) {
            self.counters.refused_messages += 1;
            return;
        }
        if let Some(live) = self.hops.get(&feed.session) {
            if live.from.as_ref() != Some(from) {
                self.counters.refused_messages += 1;
                return;
            }
            let number = live.visitor.number();
            if feed.number < number || live.established.is_some() && feed.number > number {
                // Late, or from somebody who does not know that it is established.
                self.counters.fenced += 1;
                self.send(from, Message::VisitAck(feed), out);
                return;
            }
            if feed.number == number {
                self.counters.fenced += 1;
                self.answer_again(from, feed, out);
                return;
            }
        }
        if self
            .fences
            .get(now, feed.session, from)
            .is_some_and(|f| f.number >= feed.number)
        {
            self.counters.fenced += 1;
            self.send(from, Message::VisitAck(feed), out);
            self.answer_gone(now, from, feed, out);
            return;
        }

        self.counters.visits += 1;
        let deadline = now + visit.remaining.min(self.longest_setup());
        let mut hop = Hop::new(agent, Some(from.clone()), now, deadline);
        match self.hops.remove(&feed.session) {
            Some(older) => {
                // The greater number replaces the older visit, its booking and all that
                // it forwarded, in one step.
                hop.visitor.inherit(&older.visitor);
                hop.booking = older.booking;
                hop.uses = older.uses;
                hop.routed = older.routed;
                hop.sent = older.sent;
            }
            None => {
                self.setups += 1;
                self.edges.brought_mut(from).begun();
            }
        }
        hop.lease = now + self.config.timing.setup_lease;
        hop.alarms.set(Alarm::Lease, hop.lease);
        hop.alarms.set(Alarm::Deadline, deadline);
        self.edges.add(from, feed.session);
        self.hops.insert(feed.session, Box::new(hop));
        let answers = out.len();
        self.drive(now, feed.session, Event::Arrive, out);
        // An answer acknowledges the hand-off as well.
        let answered = out[answers..].iter().any(|o| {
            matches!(o, Output::Send { to, envelope } if to == from
                && matches!(envelope.message, Message::Ready(_) | Message::Refuse(_)))
        });
        if !answered {
            self.send(from, Message::VisitAck(feed), out);
        }
    }

    /// The longest set-up that any request may ask for.
    pub(super) fn longest_setup(&self) -> Duration {
        self.config.timing.setup_deadline
    }

    /// Whether that neighbour may send that agent: it follows the tree, and comes over
    /// the edge that its path says.
    fn may_send(&self, from: &PlaceName, agent: &waybook_agents::PlanVisitor) -> bool {
        agent.plan().solutions.len() <= self.config.limits.solutions
            && agent.check().is_ok()
            && agent.stage().place == self.config.name
            && agent.previous() == Some(from)
    }

    /// The same visit once more: the same answer once more.
    fn answer_again(&mut self, from: &PlaceName, feed: Feed, out: &mut Vec<Output>) {
        let ready = self
            .hops
            .get(&feed.session)
            .and_then(|h| h.visitor.answer().cloned());
        match ready {
            Some(ready) => self.send(from, Message::Ready(ready), out),
            None => self.send(from, Message::VisitAck(feed), out),
        }
    }

    /// A visit that is over: what it was answered, or that there is nothing. A refusal that
    /// reaches beyond the visit it was said to holds for the later one as well.
    pub(super) fn answer_gone(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        let fence = self
            .fences
            .get(now, feed.session, from)
            .filter(|f| f.number >= feed.number);
        let said = fence.and_then(|f| f.answer.as_deref());
        let message = match said.filter(|said| said.number <= feed.number) {
            Some(said) => Message::Refuse(Refuse {
                number: feed.number,
                ..said.clone()
            }),
            None => Message::Gone(feed),
        };
        self.send(from, message, out);
    }

    /// The hop whose child that is, if the place has such a hop and awaits that visit.
    fn awaiting(&mut self, from: &PlaceName, feed: Feed) -> Option<&mut Box<Hop>> {
        let hop = self.hops.get_mut(&feed.session)?;
        let (place, number) = hop.visitor.child()?;
        (place == from && number == feed.number).then_some(hop)
    }

    /// Something was heard of a child: it has the agent, and it lives.
    fn heard(&mut self, now: Instant, from: &PlaceName, feed: Feed, out: &mut Vec<Output>) -> bool {
        let Some(hop) = self.awaiting(from, feed) else {
            self.counters.fenced += 1;
            return false;
        };
        let Some(sent) = hop.sent.as_mut().filter(|sent| !sent.is_waiting()) else {
            return false;
        };
        let last = std::mem::replace(&mut sent.heard, now);
        if sent.has_arrived() {
            self.feed_setup(now, from, feed.session);
            self.taken(now, from, last, out);
        }
        true
    }

    pub(super) fn visit_acked(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        self.heard(now, from, feed, out);
    }

    pub(super) fn child_working(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feeds: &[Feed],
        out: &mut Vec<Output>,
    ) {
        for feed in feeds {
            self.heard(now, from, *feed, out);
        }
    }

    pub(super) fn child_ready(
        &mut self,
        now: Instant,
        from: &PlaceName,
        ready: Ready,
        out: &mut Vec<Output>,
    ) {
        let feed = Feed {
            session: ready.session,
            number: ready.number,
        };
        if self.heard(now, from, feed, out) {
            let path = self.hops.get(&feed.session).and_then(|hop| {
                let chosen = hop.visitor.plan().solution(ready.solution)?;
                Some(chosen.stages.len())
            });
            let most = self.config.limits.solutions * 2;
            if ready.refused.len() > most || ready.journey.len() > path.unwrap_or(0) {
                let what = "it said more than there are solutions and hops";
                return self.broke_protocol(now, feed, what, out);
            }
            self.drive(now, feed.session, Event::ChildReady(ready), out);
        } else {
            // Nobody awaits it: what it stands for is not needed. Said once, for whoever
            // sends it is not fed either, and must not make this place remember it.
            self.send(from, Message::Release(feed), out);
        }
    }

    pub(super) fn child_refused(
        &mut self,
        now: Instant,
        from: &PlaceName,
        refuse: Refuse,
        out: &mut Vec<Output>,
    ) {
        let feed = Feed {
            session: refuse.session,
            number: refuse.number,
        };
        if !self.heard(now, from, feed, out) {
            return;
        }
        self.unfeed(from, feed.session);
        if refuse.refused.len() > self.config.limits.solutions * 2 {
            let what = "it gave more reasons than there are solutions";
            return self.broke_protocol(now, feed, what, out);
        }
        if refuse.next.is_some() {
            self.counters.fell_back += 1;
        }
        self.drive(now, feed.session, Event::ChildRefused(refuse), out);
    }

    /// The next hop said what it could not have: it counts as lost.
    fn broke_protocol(&mut self, now: Instant, feed: Feed, what: &str, out: &mut Vec<Output>) {
        self.counters.refused_messages += 1;
        let what = what.to_owned();
        let event = Event::ChildLost {
            number: feed.number,
            reason: RefusalReason::Protocol { what },
        };
        self.drive(now, feed.session, event, out);
    }

    pub(super) fn child_gone(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        let Some(hop) = self.awaiting(from, feed) else {
            self.counters.fenced += 1;
            return;
        };
        // While the agent is still kept, the next place may only have been asked too
        // early; it will get it.
        if hop.sent.as_ref().is_some_and(|s| s.agent != Kept::No) {
            return;
        }
        let reason = RefusalReason::Lost { next: from.clone() };
        self.drive(
            now,
            feed.session,
            Event::ChildLost {
                number: feed.number,
                reason,
            },
            out,
        );
    }

    /// News on its way to the client.
    pub(super) fn child_progress(
        &mut self,
        from: &PlaceName,
        progress: Progress,
        out: &mut Vec<Output>,
    ) {
        let Some(hop) = self.hops.get(&progress.session) else {
            return;
        };
        let is_child = hop.visitor.child().is_some_and(|(place, _)| place == from);
        if !is_child || !hop.visitor.is_watched() || hop.visitor.state() != State::Waiting {
            return;
        }
        match (&hop.from, &hop.client) {
            (Some(before), _) => self.send(before, Message::Progress(progress), out),
            (None, Some(client)) => client.progress(&progress, out),
            (None, None) => {}
        }
    }

    pub(super) fn tell_progress(
        &self,
        hop: &Hop,
        solution: SolutionNumber,
        step: Step,
        out: &mut Vec<Output>,
    ) {
        let (session, place) = (hop.visitor.session(), self.config.name.clone());
        let progress = Progress {
            session,
            place,
            solution,
            step,
        };
        match (&hop.from, &hop.client) {
            (Some(before), _) => self.send(before, Message::Progress(progress), out),
            (None, Some(client)) => client.progress(&progress, out),
            (None, None) => {}
        }
    }

    /// Upstream gives the visit up, and every older one.
    pub(super) fn release(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        match self.hops.get(&feed.session) {
            Some(hop) if hop.from.as_ref() != Some(from) => {
                self.counters.refused_messages += 1;
                return;
            }
            Some(hop) if feed.number >= hop.visitor.number() => {
                self.drive(now, feed.session, Event::Released, out);
                self.raise_fence(now, from, feed, None);
            }
            // A newer visit has replaced the one that is given up.
            Some(_) => self.counters.fenced += 1,
            // It may still be on its way.
            None => self.raise_fence(now, from, feed, None),
        }
        self.send(from, Message::ReleaseAck(feed), out);
    }

    /// The lease of a hop may have run out.
    pub(super) fn lease_alarm(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        if hop.lease > now {
            return hop.alarms.set(Alarm::Lease, hop.lease);
        }
        self.counters.lapsed += 1;
        let (from, feed) = (hop.from.clone(), hop.feed());
        self.drive(now, session, Event::Released, out);
        // If the hop before lives after all, it learns at once.
        if let Some(from) = from {
            self.send(&from, Message::Gone(feed), out);
        }
    }
}
