//! Hops: the agents that stay here, and the carrying out of what they want done.

use std::collections::BTreeSet;
use std::sync::Arc;

use waybook_agents::{Action, Event, Feed, Message, PlanVisitor, Ready, Refuse, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, Resource};

use super::Place;
use super::alarms::{Alarm, Alarms};
use super::clients::Client;
use super::components::Use;
use super::handoff::Sent;
use super::ledger::Account;
use super::local::Desk;
use super::shares::Share;
use super::timers::Timer;
use crate::by_neighbour::ByNeighbour;
use crate::io::{Booked, Output, Route};
use crate::{BookingPhase, Instant};

/// How many ended visits are remembered for each session that may be here.
const FENCES_PER_SESSION: usize = 4;
/// How often fences that are over are forgotten, in the time that one lasts.
const SWEEPS: u32 = 4;

/// One hop of a session: its agent, and what the place has for it.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) visitor: PlanVisitor,
    /// The hop before; none at the client's place.
    pub(super) from: Option<PlaceName>,
    pub(super) arrived: Instant,
    /// When the set-up's time is over here.
    pub(super) deadline: Instant,
    /// When the lease runs out; never at the client's place.
    pub(super) lease: Instant,
    pub(super) alarms: Alarms,
    pub(super) booking: Option<Demand>,
    pub(super) uses: Vec<Use>,
    /// Whether requests are let through.
    pub(super) routed: bool,
    pub(super) sent: Option<Sent>,
    /// Since when the session has been established here.
    pub(super) established: Option<Instant>,
    /// Since when the path of the established session is known to be cut beyond.
    pub(super) cut: Option<Instant>,
    /// What only the client's place knows.
    pub(super) client: Option<Box<Client>>,
}

/// Which sessions come from a neighbour or go on to it, so that what happens to one costs
/// nothing for the sessions of all others.
#[derive(Debug, Clone, Default)]
pub(super) struct Edges(ByNeighbour<Edge>);

/// The sessions over one edge.
#[derive(Debug, Clone, Default)]
struct Edge {
    sessions: BTreeSet<SessionId>,
    /// Those that come from that neighbour.
    brought: Share,
}

impl Edges {
    pub(super) fn add(&mut self, neighbour: &PlaceName, session: SessionId) {
        self.0.entry(neighbour).sessions.insert(session);
    }

    fn remove(&mut self, neighbour: &PlaceName, session: SessionId) {
        if let Some(edge) = self.0.get_mut(neighbour) {
            edge.sessions.remove(&session);
            if edge.sessions.is_empty() {
                self.0.remove(neighbour);
            }
        }
    }

    /// What that neighbour has brought.
    pub(super) fn brought(&self, neighbour: &PlaceName) -> Share {
        let edge = self.0.get(neighbour);
        edge.map(|edge| edge.brought).unwrap_or_default()
    }

    pub(super) fn brought_mut(&mut self, neighbour: &PlaceName) -> &mut Share {
        &mut self.0.entry(neighbour).brought
    }
}

impl Hop {
    pub(super) fn new(
        visitor: PlanVisitor,
        from: Option<PlaceName>,
        now: Instant,
        deadline: Instant,
    ) -> Self {
        Self {
            visitor,
            from,
            arrived: now,
            deadline,
            lease: now,
            alarms: Alarms::default(),
            booking: None,
            uses: Vec::new(),
            routed: false,
            sent: None,
            established: None,
            cut: None,
            client: None,
        }
    }

    pub(super) fn feed(&self) -> Feed {
        Feed {
            session: self.visitor.session(),
            number: self.visitor.number(),
        }
    }

    pub(super) fn account(&self) -> Account {
        if self.established.is_some() {
            Account::Established
        } else {
            Account::Held
        }
    }

    pub(super) fn phase(&self) -> BookingPhase {
        match self.visitor.state() {
            State::Established => BookingPhase::Established,
            State::Ready => BookingPhase::Ready,
            State::Arrived | State::Waiting | State::Ended => BookingPhase::Held,
        }
    }
}

impl Place {
    /// Hands an event to a session's agent and carries out what it wants.
    pub(super) fn drive(
        &mut self,
        now: Instant,
        session: SessionId,
        event: Event,
        out: &mut Vec<Output>,
    ) {
        // Out of the map while it runs, so that carrying out its actions may use the
        // whole place. Nothing in there comes back to the same session.
        let Some(mut hop) = self.hops.remove(&session) else {
            return;
        };
        if let Some(acted) = &mut self.acted {
            acted.push(session);
        }
        let before = hop.visitor.state();
        let child_before = hop.visitor.child().map(|(place, _)| place.clone());
        let mut next = Some(event);
        let mut actions = Vec::new();
        let mut ended = None;
        while let Some(event) = next.take() {
            let arrives = before == State::Arrived;
            let limit = arrives.then(|| self.setup_limit(hop.from.as_ref()));
            let limit = limit.flatten();
            self.counters.limited += u64::from(limit.is_some());
            let mut desk = Desk {
                config: &self.config,
                withheld: &self.withholding.what,
                links: &self.links,
                pace: &self.pace,
                now,
                from: &hop.from,
                sent: hop.sent.as_ref().map(|sent| sent.to.clone()),
                ledger: &mut self.ledger,
                components: &self.components,
                verified: &mut self.verified,
                releases: Arc::clone(&hop.visitor.plan().releases),
                account: hop.account(),
                booking: &mut hop.booking,
                uses: &hop.uses,
                took: now.since(hop.arrived),
                limit,
            };
            hop.visitor.handle(event, &mut desk, &mut actions);
            for action in actions.drain(..) {
                match action {
                    Action::Forward { to, agent } => {
                        self.look_ahead(&hop.visitor, &to, out);
                        self.forward(now, &mut hop, &to, agent, out);
                    }
                    Action::ReleaseChild { to, number } => {
                        self.unfeed(&to, session);
                        if self.take_back(now, &mut hop, &to, out) {
                            self.release_child(now, to, Feed { session, number }, out);
                        }
                    }
                    Action::Run(components) => {
                        if self.run(now, &mut hop, &components, out) {
                            next = Some(Event::ComponentsUp);
                        }
                    }
                    Action::Bind { next } => bind(&mut hop, next, out),
                    Action::Ready(ready) => self.say_ready(now, &mut hop, ready, out),
                    Action::Confirm { to, number } => {
                        self.establish(now, &mut hop);
                        self.send(&to, Message::Confirm(Feed { session, number }), out);
                    }
                    Action::Refuse(refuse) => ended = Some(Some(refuse)),
                    Action::End => ended = Some(None),
                    Action::Progress(solution, step) => {
                        self.tell_progress(&hop, solution, step, out);
                    }
                }
            }
            // At the server there is nobody to confirm to.
            if hop.visitor.state() == State::Established {
                self.establish(now, &mut hop);
            }
        }
        if ended.is_some() || hop.visitor.state() != before {
            self.changed(now);
        }
        let child = hop.visitor.child().map(|(place, _)| place);
        if child != child_before.as_ref() {
            if let Some(before) = &child_before {
                self.edges.remove(before, session);
            }
            if let Some(child) = child {
                self.edges.add(child, session);
            }
        }
        match ended {
            None => {
                if hop.established.is_some() && before != State::Established {
                    self.store(&hop, out);
                }
                hop.attend(&mut self.timers);
                self.hops.insert(session, hop);
            }
            Some(refuse) => self.finish(now, *hop, refuse, out),
        }
    }

    /// The limit that keeps the set-up out that has just arrived, if one is reached.
    fn setup_limit(&self, from: Option<&PlaceName>) -> Option<(&'static str, usize)> {
        let limits = &self.config.limits;
        if self.hops.len() >= limits.sessions {
            Some(("sessions", limits.sessions))
        } else if self.setups > limits.setups {
            Some(("setups", limits.setups))
        } else {
            let mut others = self.edges.brought(from?);
            others.ended(false);
            self.neighbour_limit(others)
        }
    }

    /// The hops whose sessions come from that neighbour or go on to it.
    pub(super) fn hops_at_edge(&self, neighbour: &PlaceName) -> impl Iterator<Item = &Hop> {
        let edge = self.edges.0.get(neighbour);
        let sessions = edge.into_iter().flat_map(|edge| &edge.sessions);
        sessions.filter_map(|session| self.hops.get(session).map(|hop| &**hop))
    }

    fn say_ready(&mut self, now: Instant, hop: &mut Hop, ready: Ready, out: &mut Vec<Output>) {
        match hop.from.clone() {
            Some(from) => self.send(&from, Message::Ready(ready), out),
            None => {
                self.establish(now, hop);
                self.opened(now, hop, ready, out);
            }
        }
    }

    /// The session counts as established here from now on.
    fn establish(&mut self, now: Instant, hop: &mut Hop) {
        if hop.established.is_some() {
            return;
        }
        if let Some(booking) = &hop.booking {
            self.ledger.take(booking, Account::Held);
            self.ledger.put(booking, Account::Established);
        }
        hop.established = Some(now);
        hop.lease = now + self.config.timing.session_lease;
        self.setups = self.setups.saturating_sub(1);
        if let Some(from) = &hop.from {
            self.edges.brought_mut(from).established();
        }
        hop.alarms.cancel(Alarm::Deadline);
        if let Some((next, _)) = hop.visitor.child() {
            let next = next.clone();
            if !self.links.is_up(&next) {
                hop.lose_sight(now, &self.config.timing);
            }
            let at = self.said_again(now, &next);
            hop.alarms.set(Alarm::Child, at);
        }
    }

    /// The visit is over here: gives back everything but the booking, which the agent
    /// has given back itself, and remembers that it was.
    fn finish(&mut self, now: Instant, hop: Hop, refuse: Option<Refuse>, out: &mut Vec<Output>) {
        let session = hop.visitor.session();
        self.release_uses(session, &hop.uses, out);
        self.look_ahead_no_longer(session, out);
        if hop.routed {
            out.push(Output::Unroute { session });
        }
        self.timers.cancel(&Timer::Hop(session));
        if hop.established.is_some() {
            self.forget(session, out);
        } else {
            self.setups = self.setups.saturating_sub(1);
        }
        match &hop.from {
            Some(from) => {
                let share = self.edges.brought_mut(from);
                share.ended(hop.established.is_some());
                self.edges.remove(from, session);
                if let Some(refuse) = &refuse {
                    if refuse.next.is_some() {
                        self.counters.traced_back += 1;
                    }
                    self.send(from, Message::Refuse(refuse.clone()), out);
                }
                let number = refuse.as_ref().map_or(hop.visitor.number(), Refuse::up_to);
                self.raise_fence(now, from, Feed { session, number }, refuse);
            }
            None => self.client_over(now, hop, refuse, out),
        }
    }

    /// Remembers that visits from that neighbour, up to that number, are over.
    pub(super) fn raise_fence(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        answer: Option<Refuse>,
    ) {
        let Feed { session, number } = feed;
        let most = self.most_ended();
        let most = (most, self.neighbour_part(most));
        let lasts = self.config.timing.fence();
        let until = now + lasts;
        let raised = (self.fences).raise(session, from.clone(), number, (now, until), answer, most);
        if raised {
            let sweep = until + lasts / SWEEPS;
            self.timers.set_if_unset(Timer::Fences, sweep);
        } else {
            self.counters.limited += 1;
        }
    }

    /// How many ended visits are remembered.
    pub(super) fn most_ended(&self) -> usize {
        let sessions = self.config.limits.sessions;
        sessions.saturating_mul(FENCES_PER_SESSION)
    }

    /// Forgets the fences that are over.
    pub(super) fn forget_fences(&mut self, now: Instant) {
        if let Some(next) = self.fences.forget(now) {
            let sweep = next.max(now + self.config.timing.fence() / SWEEPS);
            self.timers.set(Timer::Fences, sweep);
        }
    }
}

/// Lets requests through, at the rates that are booked.
pub(super) fn bind(hop: &mut Hop, next: Option<PlaceName>, out: &mut Vec<Output>) {
    hop.routed = true;
    out.push(Output::Route(route(hop, next)));
}

pub(super) fn route(hop: &Hop, next: Option<PlaceName>) -> Route {
    // The edge to the parent carries the session towards the client if the path goes on
    // to the parent from here, and towards the server if it came from there.
    let here = &hop.visitor.stage().place;
    let goes_up = next.as_ref().is_some_and(|next| next.contains(here));
    let (down, up) = (amount(hop, Resource::DOWN), amount(hop, Resource::UP));
    let (to_client, to_server) = if goes_up { (down, up) } else { (up, down) };
    Route {
        session: hop.visitor.session(),
        chain: hop.uses.iter().map(|u| u.instance).collect(),
        next,
        previous: hop.from.clone(),
        to_client,
        to_server,
        booked: booked(hop),
    }
}

/// What the hop has booked for its components.
pub(super) fn booked(hop: &Hop) -> Booked {
    Booked {
        memory: amount(hop, Resource::MEMORY),
        cpu: amount(hop, Resource::CPU),
    }
}

/// How much of a resource the hop has booked; none if none.
fn amount(hop: &Hop, kind: &str) -> Option<u64> {
    let amount = hop.booking.as_ref().map_or(0, |b| b.of(kind));
    (amount > 0).then_some(amount)
}
