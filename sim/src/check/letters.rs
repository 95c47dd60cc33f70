//! What a place owes to letters: some must be answered at once, and some must have no effect.
//!
//! Leases repair nearly everything in the end, so that what is merely forgotten shows only in
//! bookings that stay a while too long. Here it shows at once. The rules are those of
//! `docs/PROTOCOL.md`, read from outside: a place's inputs and outputs, and which sessions have
//! an agent there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{Envelope, Feed, Incarnation, Message, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Input, Output};
use waybook_place::{BookingPhase, Counters, Instant, Place};
use waybook_plan::SolutionNumber;

use crate::transcript::short;
use crate::world::PlaceIndex;

/// Fewer sessions than this, and a place may have to forget that a visit is over.
pub(crate) const FORGETFUL: usize = 1000;

/// Whose visits are over at which place.
type Key = (PlaceIndex, PlaceName, SessionId);

/// A visit that is over: since when by its place's clock, and when that was said.
#[derive(Debug)]
struct Over {
    number: SolutionNumber,
    at: Instant,
    said: Instant,
}

/// The visits that are over.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    over: BTreeMap<Key, Over>,
    swept: Instant,
    /// What was established by way of a neighbour when the connection to it came up.
    before: BTreeMap<(PlaceIndex, PlaceName), BTreeSet<SessionId>>,
    /// Places whose clocks were set back: they cannot say what was before what.
    confused: BTreeSet<PlaceIndex>,
}

/// A letter that a place is about to take, and what was so before.
#[derive(Debug)]
pub(crate) struct Letter {
    from: PlaceName,
    about: About,
    counters: Counters,
    /// The number of the session's agent here, if there is one, and which child it awaits.
    agent: Agent,
}

/// What a session has here: the number of its agent, and the visit that it has sent on.
type Agent = Option<(SolutionNumber, Option<(PlaceName, SolutionNumber)>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Visit,
    Ready,
    Release,
    Confirm,
}

#[derive(Debug, Clone, Copy)]
struct About {
    kind: Kind,
    feed: Feed,
}

fn about(message: &Message) -> Option<About> {
    let (kind, feed) = match message {
        Message::Visit(visit) => {
            let (session, number) = (visit.agent.session(), visit.agent.number());
            (Kind::Visit, Feed { session, number })
        }
        Message::Ready(ready) => {
            let (session, number) = (ready.session, ready.number);
            (Kind::Ready, Feed { session, number })
        }
        Message::Release(feed) => (Kind::Release, *feed),
        Message::Confirm(feed) => (Kind::Confirm, *feed),
        _ => return None,
    };
    Some(About { kind, feed })
}

fn agent(place: &Place, session: SessionId) -> Agent {
    let agent = place.agent(session)?;
    let child = agent.child().map(|(place, number)| (place.clone(), number));
    Some((agent.number(), child))
}

/// What a place owes to an input that it is about to take.
#[derive(Debug)]
pub(crate) enum Owed {
    Answer(Letter),
    /// The neighbour, and all that it still feeds.
    OnlyThese(PlaceName, BTreeSet<SessionId>),
}

impl Letters {
    /// A place has a new life, and remembers nothing.
    pub(crate) fn forget(&mut self, at: PlaceIndex) {
        self.over.retain(|(place, _, _), _| *place != at);
        self.before.retain(|(place, _), _| *place != at);
    }

    /// Looks at what a place is about to take, by its clock; none if nothing is owed to it.
    pub(crate) fn before(
        &mut self,
        now: Instant,
        at: PlaceIndex,
        place: &Place,
        input: &Input,
    ) -> Option<Owed> {
        match input {
            Input::LinkUp { neighbour, .. } => {
                self.connects(now, at, place, neighbour);
                None
            }
            Input::Received { from, envelope } => {
                only_these(place, from, envelope).or_else(|| answer(place, from, envelope))
            }
            _ => None,
        }
    }

    /// A place has taken it, and said this.
    ///
    /// # Errors
    /// What it owed, and did not do.
    pub(crate) fn after(
        &self,
        now: Instant,
        at: PlaceIndex,
        place: &Place,
        owed: &Owed,
        out: &[Output],
    ) -> Result<(), String> {
        match owed {
            Owed::Answer(letter) => self.taken(now, at, place, letter, out),
            Owed::OnlyThese(from, sessions) => self.listed(at, place, from, sessions),
        }
    }

    /// A connection to a neighbour stands: what is established by way of it was so before.
    fn connects(&mut self, now: Instant, at: PlaceIndex, place: &Place, neighbour: &PlaceName) {
        let established = place
            .bookings()
            .filter(|b| b.phase == BookingPhase::Established);
        let from = |session: &SessionId| {
            let hop = place.hop(*session, now);
            hop.is_some_and(|hop| hop.previous.as_ref() == Some(neighbour))
        };
        let sessions = established.map(|b| b.session).filter(from).collect();
        self.before.insert((at, neighbour.clone()), sessions);
    }

    /// The clock of a place is set back.
    pub(crate) fn confuse(&mut self, at: PlaceIndex) {
        self.confused.insert(at);
    }

    fn listed(
        &self,
        at: PlaceIndex,
        place: &Place,
        from: &PlaceName,
        sessions: &BTreeSet<SessionId>,
    ) -> Result<(), String> {
        if self.confused.contains(&at) {
            return Ok(());
        }
        let before = self.before.get(&(at, from.clone())).into_iter().flatten();
        let mut over = before.filter(|session| !sessions.contains(session));
        match over.find(|session| place.agent(**session).is_some()) {
            Some(session) => Err(format!(
                "keeps {}, which the hop before no longer has",
                short(*session)
            )),
            None => Ok(()),
        }
    }

    fn taken(
        &self,
        now: Instant,
        at: PlaceIndex,
        place: &Place,
        letter: &Letter,
        out: &[Output],
    ) -> Result<(), String> {
        let Letter { from, about, .. } = letter;
        let feed = about.feed;
        let after = place.counters();
        let before = &letter.counters;
        if after.outdated > before.outdated || after.refused_messages > before.refused_messages {
            return Ok(());
        }
        let said = |what: fn(&Message) -> Option<Feed>| {
            out.iter().any(|o| match o {
                Output::Send { to, envelope } => {
                    to == from && what(&envelope.message) == Some(feed)
                }
                _ => false,
            })
        };
        let name = short(feed.session);
        let agent = agent(place, feed.session);
        match about.kind {
            Kind::Visit => {
                if !said(received) {
                    return Err(format!("does not say that it has the agent of {name}"));
                }
                let here = letter.agent.as_ref().map(|(number, _)| *number);
                if here.is_some_and(|here| here >= feed.number) && after.visits > before.visits {
                    return Err(format!(
                        "lets the agent of {name} in, which is here already"
                    ));
                }
                let key = (at, from.clone(), feed.session);
                let remembers = place.config().timing.fence();
                let over = self.over.get(&key).is_some_and(|over| {
                    over.number >= feed.number && now.since(over.at) < remembers && now >= over.at
                });
                let limit = place.config().limits.sessions;
                let enters = letter.agent.is_none() && after.visits > before.visits;
                if over && limit >= FORGETFUL && enters {
                    return Err(format!("lets the agent of {name} in, whose visit is over"));
                }
            }
            Kind::Ready => {
                let awaited = |agent: &Agent| {
                    let child = agent.as_ref().and_then(|(_, child)| child.as_ref());
                    child.is_some_and(|(place, number)| place == from && *number == feed.number)
                };
                if !awaited(&letter.agent) && !awaited(&agent) && !said(released) {
                    return Err(format!("does not release {name}, which nobody awaits"));
                }
            }
            Kind::Release => {
                if !said(release_acked) {
                    return Err(format!("does not say that it has released {name}"));
                }
                if agent.is_some_and(|(number, _)| number <= feed.number) {
                    return Err(format!("keeps the agent of {name}, which is released"));
                }
            }
            Kind::Confirm => {
                let fenced = after.fenced > before.fenced;
                if !fenced && !said(confirmed) {
                    return Err(format!("does not answer that {name} is established"));
                }
            }
        }
        Ok(())
    }

    /// Takes notice of what a place says, whose clock shows `local`: which visits are over.
    pub(crate) fn said(
        &mut self,
        (now, local): (Instant, Instant),
        at: PlaceIndex,
        to: &PlaceName,
        message: &Message,
        remembers: Duration,
    ) {
        let (feed, again) = match message {
            Message::ReleaseAck(feed) => (*feed, true),
            Message::Refuse(refuse) => {
                let (session, number) = (refuse.session, refuse.number);
                (Feed { session, number }, false)
            }
            _ => return,
        };
        if now.since(self.swept) > remembers {
            self.over
                .retain(|_, over| now.since(over.said) <= remembers);
            self.swept = now;
        }
        let number = feed.number;
        let key = (at, to.clone(), feed.session);
        let new = || Over {
            number,
            at: local,
            said: now,
        };
        let over = self.over.entry(key).or_insert_with(new);
        if number > over.number || local.since(over.at) >= remembers {
            *over = new();
        } else if again {
            (over.at, over.said) = (local, now);
        }
    }
}

fn received(message: &Message) -> Option<Feed> {
    match message {
        Message::VisitAck(feed) | Message::Gone(feed) => Some(*feed),
        Message::Ready(ready) => Some(Feed {
            session: ready.session,
            number: ready.number,
        }),
        Message::Refuse(refuse) => Some(Feed {
            session: refuse.session,
            number: refuse.number,
        }),
        _ => None,
    }
}

fn released(message: &Message) -> Option<Feed> {
    match message {
        Message::Release(feed) => Some(*feed),
        _ => None,
    }
}

fn release_acked(message: &Message) -> Option<Feed> {
    match message {
        Message::ReleaseAck(feed) => Some(*feed),
        _ => None,
    }
}

fn confirmed(message: &Message) -> Option<Feed> {
    match message {
        Message::ConfirmAck(feed) => Some(*feed),
        other => received(other),
    }
}

fn answer(place: &Place, from: &PlaceName, envelope: &Envelope) -> Option<Owed> {
    let about = about(&envelope.message)?;
    Some(Owed::Answer(Letter {
        from: from.clone(),
        about,
        counters: place.counters(),
        agent: agent(place, about.feed.session),
    }))
}

/// A whole list of what a neighbour feeds, if the place must heed it.
fn only_these(place: &Place, from: &PlaceName, envelope: &Envelope) -> Option<Owed> {
    let Message::Resync {
        sessions,
        first: true,
        last: true,
    } = &envelope.message
    else {
        return None;
    };
    let present = place
        .links()
        .any(|(known, life)| known == from && life == envelope.from);
    let meant = [place.incarnation(), Incarnation::UNKNOWN].contains(&envelope.to);
    let heeded = present && meant && sessions.len() <= place.config().limits.sessions;
    let sessions = || sessions.iter().map(|feed| feed.session).collect();
    heeded.then(|| Owed::OnlyThese(from.clone(), sessions()))
}
