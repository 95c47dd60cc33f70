//! What the place shows of itself.

use std::sync::Arc;

use waybook_agents::{Holding, Incarnation, IndexEntry, PlaceSummary, PlanVisitor, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::{Release, Resource};

use super::Place;
use super::hops::Hop;
use crate::{
    BookingView, CodeView, Counters, HopView, Instant, NeighbourView, ResourceView, SessionView,
    Settings,
};

impl Place {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &PlaceName {
        &self.config.name
    }

    /// This life.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Settings {
        &self.config
    }

    /// The neighbours with a connection, with their lives.
    pub fn links(&self) -> impl Iterator<Item = (&PlaceName, Incarnation)> {
        self.links.up()
    }

    /// The neighbours that there have been in this life, connected or not.
    #[must_use]
    pub fn neighbours(&self) -> Vec<NeighbourView> {
        let paced = |mut view: NeighbourView| {
            view.visits = self.pace.view(&view.place);
            if self.parent.as_ref() == Some(&view.place) {
                view.questions = self.climbing.view();
            }
            view
        };
        self.links.views().map(paced).collect()
    }

    /// Whether the place has just restarted and grants nothing new yet.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.links.is_recovering()
    }

    /// All bookings.
    pub fn bookings(&self) -> impl Iterator<Item = BookingView> {
        self.hops.values().filter_map(|hop| booking(hop))
    }

    /// What is booked for a session.
    #[must_use]
    pub fn booking(&self, session: SessionId) -> Option<BookingView> {
        self.hops.get(&session).and_then(|hop| booking(hop))
    }

    /// A number that is another one whenever bookings have changed.
    #[must_use]
    pub fn bookings_edition(&self) -> u64 {
        self.ledger.edition()
    }

    /// From now on takes note of the sessions for which agents act here, for somebody who
    /// asks after every input; or does so no longer.
    pub fn watch_sessions(&mut self, watch: bool) {
        self.acted = watch.then(Vec::new);
    }

    /// The sessions for which agents have acted since somebody has taken or forgotten them, if
    /// that is [watched](Self::watch_sessions). One may be in it more than once.
    #[must_use]
    pub fn acted(&self) -> &[SessionId] {
        self.acted.as_deref().unwrap_or_default()
    }

    /// The sessions for which agents have acted since the last call, if that is
    /// [watched](Self::watch_sessions).
    pub fn take_acted(&mut self) -> Vec<SessionId> {
        self.acted.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// As [`Self::take_acted`], for somebody who need not know.
    pub fn forget_acted(&mut self) {
        if let Some(acted) = &mut self.acted {
            acted.clear();
        }
    }

    /// The session that a user's key stands for, established or being set up.
    #[must_use]
    pub fn session_of(&self, user: &str, key: &str) -> Option<SessionId> {
        self.opens.session(user, key)
    }

    /// The user and the key that a session was opened for, if this is its client's place.
    #[must_use]
    pub fn client_of(&self, session: SessionId) -> Option<&(String, String)> {
        let hop = self.hops.get(&session)?;
        hop.client.as_ref().map(|client| &client.key)
    }

    /// All resources.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceView> {
        let cordoned = &self.withholding.what.cordoned;
        let mut views = self.ledger.views(&self.config.capacity);
        for view in &mut views {
            view.cordoned = cordoned.contains(&view.resource);
        }
        views
    }

    /// Whether something holds of every resource: its kind, what the place has, what is
    /// established and what is held of it.
    pub fn each_resource(&self, mut holds: impl FnMut(&Resource, u64, u64, u64) -> bool) -> bool {
        let mut all = self.ledger.all(&self.config.capacity);
        all.all(|(resource, capacity, established, held)| {
            holds(resource, capacity, established, held)
        })
    }

    /// The sessions whose client's place this is.
    #[must_use]
    pub fn sessions(&self, now: Instant) -> Vec<SessionView> {
        let hops = self.hops.values();
        hops.filter_map(|hop| self.session_view(hop, now)).collect()
    }

    /// A session whose client's place this is.
    #[must_use]
    pub fn session(&self, session: SessionId, now: Instant) -> Option<SessionView> {
        self.session_view(self.hops.get(&session)?, now)
    }

    fn session_view(&self, hop: &Hop, now: Instant) -> Option<SessionView> {
        let client = hop.client.as_ref()?;
        Some(SessionView {
            user: client.key.0.clone(),
            key: client.key.1.clone(),
            claimed: client.claimed,
            hop: self.view(hop, now),
            journey: client.journey().to_vec(),
        })
    }

    /// A session that this place is a hop of.
    #[must_use]
    pub fn hop(&self, session: SessionId, now: Instant) -> Option<HopView> {
        self.hops.get(&session).map(|hop| self.view(hop, now))
    }

    /// How many sessions this place is a hop of, and so many of them at the most, the newest
    /// first.
    #[must_use]
    pub fn newest_hops(&self, most: usize, now: Instant) -> (usize, Vec<HopView>) {
        let hops = self.hops.iter();
        let mut newest: Vec<_> = hops.map(|(session, hop)| (hop.arrived, *session)).collect();
        let all = newest.len();
        if all > most {
            // Far fewer are to be sorted than there may be.
            newest.select_nth_unstable_by(most, |a, b| b.cmp(a));
            newest.truncate(most);
        }
        newest.sort_unstable_by(|a, b| b.cmp(a));
        let views = newest
            .iter()
            .filter_map(|(_, session)| self.hop(*session, now));
        (all, views.collect())
    }

    fn view(&self, hop: &Hop, now: Instant) -> HopView {
        let solution = hop.visitor.solution();
        HopView {
            session: hop.visitor.session(),
            title: hop.visitor.plan().title.clone(),
            hop: hop.visitor.hop(),
            phase: hop.phase(),
            solution: solution.number,
            quality: solution.quality.clone(),
            booked: hop.booking.clone().unwrap_or_default(),
            components: self.components.reports(&hop.uses),
            previous: hop.from.clone(),
            next: solution.place(hop.visitor.hop() + 1).cloned(),
            path: solution.stages.iter().map(|s| s.place.clone()).collect(),
            age: now.since(hop.arrived),
            lease: hop.from.is_some().then(|| hop.lease.since(now)),
            cut: hop.cut.map(|since| now.since(since)),
        }
    }

    /// The agent of a session that stays here.
    #[must_use]
    pub fn agent(&self, session: SessionId) -> Option<&PlanVisitor> {
        self.hops.get(&session).map(|hop| &hop.visitor)
    }

    /// The presentations known in this place's locality.
    pub fn presentations(&self) -> impl Iterator<Item = &IndexEntry> {
        self.index.entries()
    }

    /// Another number whenever [these](Self::presentations) are others.
    #[must_use]
    pub fn presentations_changes(&self) -> u64 {
        self.index.changes()
    }

    /// This place and all below it, as far as they have said how they do.
    #[must_use]
    pub fn summaries(&self, now: Instant) -> Vec<PlaceSummary> {
        self.summaries_below(now)
    }

    /// The code held here, or on its way, by digest.
    #[must_use]
    pub fn code(&self) -> Vec<CodeView> {
        let held = self.repository.held().map(|(digest, held)| CodeView {
            added: held.added,
            pinned: held.pinned,
            instances: self.repository.uses(digest),
            bytes: held.release.length,
            from: None,
            release: held.release,
        });
        let partly = |release: &Arc<Release>, bytes, from| CodeView {
            added: false,
            pinned: false,
            instances: self.repository.uses(&release.digest),
            bytes,
            from,
            release: Arc::clone(release),
        };
        let coming = self.downloads.jobs.values();
        let coming = coming.map(|job| partly(&job.release, job.bytes, job.source().cloned()));
        let parts = self.repository.parts();
        let parts =
            parts.filter(|(release, _)| self.downloads.same_bytes(release).next().is_none());
        let parts = parts.map(|(release, bytes)| partly(release, bytes, None));
        let mut all: Vec<_> = held.chain(coming).chain(parts).collect();
        all.sort_by_key(|code| code.release.digest);
        all
    }

    /// What code this place's locality is known to hold.
    #[must_use]
    pub fn holdings(&self) -> Vec<Holding> {
        self.catalogue.entries().cloned().collect()
    }

    /// What has been counted.
    #[must_use]
    #[inline]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

fn booking(hop: &Hop) -> Option<BookingView> {
    Some(BookingView {
        session: hop.visitor.session(),
        phase: hop.phase(),
        demand: hop.booking.clone()?,
    })
}
