//! Cuts: what becomes of established sessions while two neighbours on their path have no
//! connection.
//!
//! Both sides keep what they have, each for as long as the presentation says, and each gives it
//! up by itself then: the server's side because its lease ends, the client's side because the
//! next hop counts as lost. The hops towards the client are told that the path is cut, so that
//! their client can be; those towards the server are fed as ever by the hop behind the cut.

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_agents::{Event, Feed, Message, RefusalReason, SessionId};
use waybook_location_tree::PlaceName;

use super::Place;
use super::alarms::Alarm;
use super::feeds::REFRESH_PART;
use super::hops::Hop;
use crate::io::Output;
use crate::{Instant, Timing};

/// The version of the protocol since which hops speak of cuts.
const CUT_SINCE: u8 = 3;

impl Place {
    /// The connection to a neighbour is gone.
    pub(super) fn cut_off(&mut self, now: Instant, neighbour: &PlaceName, out: &mut Vec<Output>) {
        let mut news = Vec::new();
        for session in self.established_at_edge(neighbour) {
            let Some(hop) = self.hops.get_mut(&session) else {
                continue;
            };
            if hop.from.as_ref() == Some(neighbour) {
                hop.lease = now + lost_after(hop, &self.config.timing);
                hop.alarms.set(Alarm::Lease, hop.lease);
            } else if hop.lose_sight(now, &self.config.timing) {
                news.push(session);
            }
            hop.attend(&mut self.timers);
        }
        self.pass_on(now, &news, true, out);
    }

    /// There is a connection to a neighbour again. A next hop will say whether the path is whole,
    /// and is told so by this one if it is a hop before.
    pub(super) fn rejoined(&mut self, now: Instant, neighbour: &PlaceName, out: &mut Vec<Output>) {
        let tells = self.links.version(neighbour) >= Some(CUT_SINCE);
        let silence = now + told_lasts(&self.config.timing);
        let (mut cut, mut whole) = (Vec::new(), Vec::new());
        for session in self.established_at_edge(neighbour) {
            let Some(hop) = self.hops.get_mut(&session) else {
                continue;
            };
            if hop.from.as_ref() == Some(neighbour) {
                hop.lease = now + self.config.timing.session_lease;
                hop.alarms.set(Alarm::Lease, hop.lease);
                let list = if hop.cut.is_some() {
                    &mut cut
                } else {
                    &mut whole
                };
                list.push(session);
            } else if tells {
                hop.alarms.set(Alarm::Cut, silence);
            } else if hop.regain_sight() {
                whole.push(session);
            }
            hop.attend(&mut self.timers);
        }
        self.pass_on(now, &cut, true, out);
        self.pass_on(now, &whole, false, out);
    }

    /// The next hop says that the path is cut somewhere beyond, or whole again.
    pub(super) fn told_cut(
        &mut self,
        now: Instant,
        from: &PlaceName,
        sessions: &[Feed],
        cut: bool,
        out: &mut Vec<Output>,
    ) {
        let silence = now + told_lasts(&self.config.timing);
        let mut news = Vec::new();
        for feed in sessions {
            let Some(hop) = self.hops.get_mut(&feed.session) else {
                continue;
            };
            let next = hop.visitor.child();
            if next.is_none_or(|(next, _)| next != from) {
                self.counters.refused_messages += 1;
                continue;
            }
            if hop.established.is_none() || next != Some((from, feed.number)) {
                self.counters.fenced += 1;
                continue;
            }
            let is_news = if cut {
                hop.alarms.set(Alarm::Cut, silence);
                hop.cut.replace(hop.cut.unwrap_or(now)).is_none()
            } else {
                hop.regain_sight()
            };
            if is_news {
                news.push(feed.session);
            }
            hop.attend(&mut self.timers);
        }
        self.pass_on(now, &news, cut, out);
    }

    /// The path has been cut for as long as it may be; or the next hop, which said so, has not
    /// said it again.
    pub(super) fn cut_alarm(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        let Some((next, number)) = hop.visitor.child() else {
            return;
        };
        if self.links.is_up(next) {
            if hop.regain_sight() {
                self.pass_on(now, &[session], false, out);
            }
            return;
        }
        let reason = RefusalReason::Lost { next: next.clone() };
        self.drive(now, session, Event::ChildLost { number, reason }, out);
    }

    /// Of what a neighbour has just fed, it is told which paths are cut beyond.
    pub(super) fn answer_cut(&self, from: &PlaceName, fed: &[Feed], out: &mut Vec<Output>) {
        let is_cut = |feed: &&Feed| {
            let hop = self.hops.get(&feed.session);
            hop.is_some_and(|hop| hop.cut.is_some() && hop.from.as_ref() == Some(from))
        };
        let sessions: Vec<_> = fed.iter().filter(is_cut).copied().collect();
        self.tell_cut(from, &sessions, true, out);
    }

    /// What is new of these sessions' paths is told towards their clients.
    fn pass_on(&mut self, now: Instant, sessions: &[SessionId], cut: bool, out: &mut Vec<Output>) {
        let mut by_neighbour: BTreeMap<PlaceName, Vec<Feed>> = BTreeMap::new();
        let mut whole_here = Vec::new();
        for session in sessions {
            let Some(hop) = self.hops.get(session) else {
                continue;
            };
            match &hop.from {
                Some(from) => by_neighbour
                    .entry(from.clone())
                    .or_default()
                    .push(hop.feed()),
                None if !cut => whole_here.push(*session),
                None => {}
            }
        }
        for (from, feeds) in by_neighbour {
            self.tell_cut(&from, &feeds, cut, out);
        }
        for session in whole_here {
            self.reconcile(now, session, out);
        }
    }

    fn tell_cut(&self, to: &PlaceName, sessions: &[Feed], cut: bool, out: &mut Vec<Output>) {
        for part in sessions.chunks(REFRESH_PART) {
            let sessions = part.to_vec();
            self.send(to, Message::Cut { sessions, cut }, out);
        }
    }

    fn established_at_edge(&self, neighbour: &PlaceName) -> Vec<SessionId> {
        let hops = self.hops_at_edge(neighbour);
        let established = hops.filter(|hop| hop.established.is_some());
        established.map(|hop| hop.visitor.session()).collect()
    }
}

impl Hop {
    /// There is no connection to the next hop; whether that is news of the path.
    pub(super) fn lose_sight(&mut self, now: Instant, timing: &Timing) -> bool {
        self.alarms.set(Alarm::Cut, now + lost_after(self, timing));
        self.cut.replace(self.cut.unwrap_or(now)).is_none()
    }

    /// As far as can be told here the path is whole; whether that is news of it.
    fn regain_sight(&mut self) -> bool {
        self.alarms.cancel(Alarm::Cut);
        self.cut.take().is_some()
    }
}

/// How long it counts what a next hop says of a cut. It says so again in answer to every
/// refresh, of which some may be lost.
fn told_lasts(timing: &Timing) -> Duration {
    timing.session_lease / 2
}

/// How long a session that is cut is kept on either side.
pub(super) fn lost_after(hop: &Hop, timing: &Timing) -> Duration {
    let said = hop.visitor.solution().when_cut.lost_after;
    said.unwrap_or(timing.session_lease)
}
