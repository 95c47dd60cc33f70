//! Leases: fed from the client towards the server, each hop feeding the next one only
//! while it is fed itself; and releases, repeated until they are acknowledged.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::{Event, Feed, Message, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use super::Place;
use super::alarms::Alarm;
use super::shares::Tally;
use super::timers::Timer;
use crate::Instant;
use crate::by_neighbour::ByNeighbour;
use crate::io::Output;
use crate::lazy::Empty;

/// Sessions per refresh message; it stays well below the frame limit.
pub(super) const REFRESH_PART: usize = 4_000;
/// How often it is looked which releases are due, at most, in the time after which one is told
/// again.
const RELEASE_ROUNDS: u32 = 8;

/// What one neighbour is fed.
#[derive(Debug, Clone, Default)]
struct Fed {
    setups: BTreeSet<SessionId>,
    established: BTreeSet<SessionId>,
}

/// Whom this place feeds, and whom it has told to let go.
#[derive(Debug, Clone, Default)]
pub(super) struct Feeds {
    fed: ByNeighbour<Fed>,
    /// Releases that have not been acknowledged.
    releases: BTreeMap<(PlaceName, SessionId, SolutionNumber), Releasing>,
    /// How many of them each neighbour owes.
    owed: Tally,
}

/// A release that has not been acknowledged.
#[derive(Debug, Clone)]
struct Releasing {
    /// Since when it is told.
    since: Instant,
    /// When it is told again.
    again: Instant,
    /// Until when it is told.
    until: Instant,
}

impl Empty for Feeds {
    const EMPTY: &'static Self = &Self {
        fed: ByNeighbour::new(),
        releases: BTreeMap::new(),
        owed: Tally::new(),
    };
}

impl Place {
    /// The next hop has the agent of a set-up: feed it.
    pub(super) fn feed_setup(&mut self, now: Instant, to: &PlaceName, session: SessionId) {
        self.feeds.fed.entry(to).setups.insert(session);
        let at = self.jittered(now, self.config.timing.setup_refresh);
        self.timers.set_if_unset(Timer::FeedSetups(to.clone()), at);
    }

    /// The next hop knows that the session is established: feed it more rarely.
    pub(super) fn feed_session(&mut self, now: Instant, to: &PlaceName, session: SessionId) {
        let fed = self.feeds.fed.entry(to);
        fed.setups.remove(&session);
        fed.established.insert(session);
        let at = self.jittered(now, self.config.timing.session_refresh);
        self.timers
            .set_if_unset(Timer::FeedSessions(to.clone()), at);
    }

    pub(super) fn unfeed(&mut self, to: &PlaceName, session: SessionId) {
        let Some(fed) = self.feeds.fed.get_mut(to) else {
            return;
        };
        fed.setups.remove(&session);
        fed.established.remove(&session);
        if fed.setups.is_empty() && fed.established.is_empty() {
            self.feeds.fed.remove(to);
        }
    }

    /// Every established session that leads on to that neighbour.
    pub(super) fn established_towards(&self, to: &PlaceName) -> Vec<Feed> {
        let Some(fed) = self.feeds.fed.get(to) else {
            return Vec::new();
        };
        let sessions = fed.setups.iter().chain(&fed.established);
        self.feeds_of(sessions, true)
    }

    /// The visits that those sessions have sent on.
    fn feeds_of<'a>(
        &self,
        sessions: impl Iterator<Item = &'a SessionId>,
        established: bool,
    ) -> Vec<Feed> {
        let feed = |session: &SessionId| {
            let hop = self.hops.get(session)?;
            let (_, number) = hop.visitor.child()?;
            let is = hop.visitor.state() == State::Established;
            (is == established).then_some(Feed {
                session: *session,
                number,
            })
        };
        sessions.filter_map(feed).collect()
    }

    pub(super) fn feed_setups(&mut self, now: Instant, to: PlaceName, out: &mut Vec<Output>) {
        let Some(fed) = self.feeds.fed.get(&to).filter(|f| !f.setups.is_empty()) else {
            return;
        };
        // Established ones among them have their confirmation repeated instead.
        let setups = self.feeds_of(fed.setups.iter(), false);
        for part in setups.chunks(REFRESH_PART) {
            let message = Message::Refresh {
                setups: part.to_vec(),
                established: Vec::new(),
            };
            self.send(&to, message, out);
        }
        let at = self.jittered(now, self.config.timing.setup_refresh);
        self.timers.set(Timer::FeedSetups(to), at);
    }

    pub(super) fn feed_sessions(&mut self, now: Instant, to: PlaceName, out: &mut Vec<Output>) {
        let Some(fed) = self
            .feeds
            .fed
            .get(&to)
            .filter(|f| !f.established.is_empty())
        else {
            return;
        };
        let established = self.feeds_of(fed.established.iter(), true);
        for part in established.chunks(REFRESH_PART) {
            let message = Message::Refresh {
                setups: Vec::new(),
                established: part.to_vec(),
            };
            self.send(&to, message, out);
        }
        let at = self.jittered(now, self.config.timing.session_refresh);
        self.timers.set(Timer::FeedSessions(to), at);
    }

    /// The hop before feeds these visits. Set-ups are answered with how far they are, so
    /// that an answer which was lost is given again.
    pub(super) fn refreshed(
        &mut self,
        now: Instant,
        from: &PlaceName,
        setups: &[Feed],
        established: &[Feed],
        out: &mut Vec<Output>,
    ) {
        let mut working = Vec::new();
        // A visit that is listed twice is answered once: answers are long.
        let setups: BTreeSet<_> = setups.iter().collect();
        for feed in setups {
            match self.fed_hop(from, *feed) {
                Ok(session) => {
                    let Some(hop) = self.hops.get_mut(&session) else {
                        continue;
                    };
                    if hop.established.is_none() {
                        hop.lease = hop.lease.max(now + self.config.timing.setup_lease);
                    }
                    match hop.visitor.answer().cloned() {
                        Some(ready) => self.send(from, Message::Ready(ready), out),
                        None => working.push(*feed),
                    }
                }
                Err(missing) => self.missed(now, from, *feed, missing, out),
            }
        }
        if !working.is_empty() {
            self.send(from, Message::Working(working), out);
        }
        for feed in established {
            self.confirmed(now, from, *feed, out);
        }
        self.answer_cut(from, established, out);
    }

    pub(super) fn confirm(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        if self.confirmed(now, from, feed, out) {
            self.send(from, Message::ConfirmAck(feed), out);
        }
    }

    /// The hop before says that the session is established; whether it is here as well.
    fn confirmed(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) -> bool {
        match self.fed_hop(from, feed) {
            Ok(session) => {
                // Most of what is said here is a refresh of what has long been established.
                let established = self
                    .hops
                    .get(&session)
                    .is_some_and(|h| h.established.is_some());
                if !established {
                    self.drive(now, session, Event::Confirmed, out);
                }
                let Some(hop) = self.hops.get_mut(&session) else {
                    return false;
                };
                if hop.established.is_none() {
                    // It cannot be: this hop has not been ready.
                    self.counters.refused_messages += 1;
                    return false;
                }
                hop.lease = hop.lease.max(now + self.config.timing.session_lease);
                true
            }
            Err(missing) => {
                self.missed(now, from, feed, missing, out);
                false
            }
        }
    }

    /// What the hop before feeds is not here for it.
    fn missed(
        &mut self,
        now: Instant,
        from: &PlaceName,
        feed: Feed,
        missing: Missing,
        out: &mut Vec<Output>,
    ) {
        match missing {
            Missing::Replaced => return self.counters.fenced += 1,
            Missing::Gone => {}
            Missing::OfOthers => self.counters.refused_messages += 1,
        }
        self.answer_gone(now, from, feed, out);
    }

    /// The hop that a refresh is for.
    fn fed_hop(&self, from: &PlaceName, feed: Feed) -> Result<SessionId, Missing> {
        match self.hops.get(&feed.session) {
            Some(hop) if hop.from.as_ref() != Some(from) => Err(Missing::OfOthers),
            Some(hop) if hop.visitor.number() == feed.number => Ok(feed.session),
            Some(hop) if hop.visitor.number() > feed.number => Err(Missing::Replaced),
            _ => Err(Missing::Gone),
        }
    }

    pub(super) fn confirm_acked(&mut self, now: Instant, from: &PlaceName, feed: Feed) {
        let Some(hop) = self.hops.get_mut(&feed.session) else {
            return;
        };
        if hop.visitor.child() != Some((from, feed.number)) {
            return;
        }
        if hop.established.is_none() {
            // Nothing was confirmed, and the set-up must go on being watched and fed.
            self.counters.refused_messages += 1;
            return;
        }
        let Some(sent) = hop.sent.as_mut() else {
            return;
        };
        if !std::mem::replace(&mut sent.confirmed, true) {
            hop.alarms.cancel(Alarm::Child);
            hop.attend(&mut self.timers);
            self.feed_session(now, from, feed.session);
        }
    }

    /// Tells a neighbour to give up a visit, and goes on telling until it says that it
    /// has, or until its lease must have run out.
    pub(super) fn release_child(
        &mut self,
        now: Instant,
        to: PlaceName,
        feed: Feed,
        out: &mut Vec<Output>,
    ) {
        let Feed { session, number } = feed;
        let timing = &self.config.timing;
        let until = now + timing.session_lease.max(timing.setup_lease);
        self.send(&to, Message::Release(feed), out);
        let again = self.told_again(now, &to, now);
        // One that acknowledges nothing is not remembered without end: what it is not told
        // again ends with its lease.
        let most = self.neighbour_part(self.most_ended());
        let feeds = &mut *self.feeds;
        let owes = feeds.owed.of(&to);
        match feeds.releases.entry((to, session, number)) {
            Entry::Occupied(mut known) => known.get_mut().again = again,
            Entry::Vacant(_) if owes >= most => {
                self.counters.limited += 1;
                return;
            }
            Entry::Vacant(new) => {
                feeds.owed.one_more(&new.key().0);
                new.insert(Releasing {
                    since: now,
                    again,
                    until,
                });
            }
        }
        // One that is set already sees to this one as well: it is no later than this one might
        // have been drawn.
        self.timers.set_if_unset(Timer::Releases, again);
    }

    /// Tells again what is due, and looks again when the next one is: not for each by itself,
    /// for a neighbour that is away may owe very many.
    pub(super) fn releases_timer(&mut self, now: Instant, out: &mut Vec<Output>) {
        let due = self.feeds.releases.iter();
        let due = due.filter(|(_, releasing)| releasing.again <= now);
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            self.release_again(now, key, out);
        }
        let next = self.feeds.releases.values().map(|r| r.again).min();
        if let Some(next) = next {
            let rest = self.config.timing.setup_refresh / RELEASE_ROUNDS;
            self.timers.set(Timer::Releases, next.max(now + rest));
        }
    }

    fn release_again(
        &mut self,
        now: Instant,
        key: (PlaceName, SessionId, SolutionNumber),
        out: &mut Vec<Output>,
    ) {
        let since = self.feeds.releases.get(&key).map_or(now, |r| r.since);
        let again = self.told_again(now, &key.0, since);
        match self.feeds.releases.get_mut(&key) {
            Some(releasing) if releasing.until > now => {
                releasing.again = again;
                let (to, session, number) = key;
                self.send(&to, Message::Release(Feed { session, number }), out);
            }
            _ => self.no_longer_owed(&key),
        }
    }

    fn no_longer_owed(&mut self, key: &(PlaceName, SessionId, SolutionNumber)) {
        if self.feeds.releases.remove(key).is_some() {
            self.feeds.owed.one_less(&key.0);
        }
    }

    /// When a release that has been told since then is told again: ever more seldom, for what
    /// very many have to be told of may be down, or late.
    fn told_again(&mut self, now: Instant, to: &PlaceName, since: Instant) -> Instant {
        let again = self.said_again(now, to);
        again.max(now + now.since(since))
    }

    pub(super) fn repeat_releases(&mut self, now: Instant, to: &PlaceName, out: &mut Vec<Output>) {
        let first = (to.clone(), SessionId(0), SolutionNumber(0));
        let keys: Vec<_> = self
            .feeds
            .releases
            .range(first..)
            .map(|(key, _)| key)
            .take_while(|key| key.0 == *to)
            .cloned()
            .collect();
        for key in keys {
            self.release_again(now, key, out);
        }
    }

    pub(super) fn release_acked(&mut self, from: &PlaceName, feed: Feed) {
        let key = (from.clone(), feed.session, feed.number);
        self.no_longer_owed(&key);
        if self.feeds.releases.is_empty() {
            self.timers.cancel(&Timer::Releases);
        }
    }
}

/// Why there is no hop for a refresh.
#[derive(Clone, Copy)]
enum Missing {
    /// A newer visit has replaced the one that is meant.
    Replaced,
    /// There is none.
    Gone,
    /// The session is here, and does not come from whoever says so.
    OfOthers,
}
