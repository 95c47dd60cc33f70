//! A place as a value: copied, and boiled down to what its future depends on.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use waybook_agents::wire;

use crate::Instant;
use crate::place::clients::Client;
use crate::place::handoff::{Kept, Sent};
use crate::place::hops::Hop;
use crate::place::{Chance, Place};

/// What lies farther ahead than this is all the same. Longer than every lease, fence and
/// deadline of the model, shorter than the times that never come in it.
const FAR: i64 = 64;

mod looking {
    use super::{Cell, Instant};

    thread_local! {
        pub(super) static FROM: Cell<Option<Instant>> = const { Cell::new(None) };
    }
}

/// How far a moment is from the one at which a place is being looked at, if one is: less than
/// nothing if it has passed. Nothing in a place depends on how long ago something was beyond
/// the longest lease.
pub(crate) fn from_now(moment: Instant) -> Option<i64> {
    let now = looking::FROM.get()?;
    let distance = i128::from(moment.0) - i128::from(now.0);
    Some(
        i64::try_from(distance)
            .unwrap_or(FAR)
            .clamp(-super::LEASE, FAR),
    )
}

/// Feeds a hasher with what is written.
#[derive(Default)]
pub(super) struct Digest(pub(super) DefaultHasher);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        self.0.write_u8(0xff);
        Ok(())
    }
}

impl Place {
    /// The same place once more. What it draws begins anew.
    pub(super) fn copy(&self, seed: [u8; 32]) -> Self {
        let Self {
            config,
            parent,
            incarnation,
            rng: _,
            strategies,
            counters,
            timers,
            links,
            ledger,
            components,
            hops,
            setups,
            edges,
            fences,
            feeds,
            pace,
            opens,
            questions,
            climbing,
            index,
            summaries,
            repository,
            downloads,
            catalogue,
            verified,
            orders,
            withholding,
            keeps_sessions,
            acted,
        } = self;
        Self {
            config: config.clone(),
            parent: parent.clone(),
            incarnation: *incarnation,
            rng: Chance::Seed(seed),
            strategies: Arc::clone(strategies),
            counters: *counters,
            timers: timers.clone(),
            links: links.clone(),
            ledger: ledger.clone(),
            components: components.clone(),
            hops: hops.clone(),
            setups: *setups,
            edges: edges.clone(),
            fences: fences.clone(),
            feeds: feeds.clone(),
            pace: pace.clone(),
            opens: opens.clone(),
            questions: questions.clone(),
            climbing: climbing.clone(),
            index: index.clone(),
            summaries: summaries.clone(),
            repository: repository.clone(),
            downloads: downloads.clone(),
            catalogue: catalogue.clone(),
            verified: verified.clone(),
            orders: orders.clone(),
            withholding: withholding.clone(),
            keeps_sessions: *keeps_sessions,
            acted: acted.clone(),
        }
    }

    /// A number for all that the place's future depends on, with moments as they are seen from
    /// now. A new room is part of it as soon as it is named here, and this does not compile
    /// before that; what a room holds is part of it by itself.
    pub(super) fn fingerprint(&self, now: Instant) -> u64 {
        let Self {
            // Never changes within a life of the model.
            config: _,
            parent: _,
            strategies: _,
            keeps_sessions: _,
            // Set anew before every input.
            rng: _,
            // Nothing is decided by these.
            counters: _,
            acted: _,
            incarnation,
            timers,
            links,
            ledger,
            components,
            hops,
            setups,
            edges,
            fences,
            feeds,
            pace,
            opens,
            questions,
            climbing,
            index,
            summaries,
            repository,
            downloads,
            catalogue,
            verified,
            orders,
            withholding,
        } = self;
        looking::FROM.set(Some(now));
        let mut digest = Digest::default();
        // The ledger counts its own changes, too.
        let booked = ledger.views(&self.config.capacity);
        let written = write!(
            digest,
            "{incarnation:?}{timers:?}{links:?}{booked:?}{components:?}{setups}{edges:?}{fences:?}\
             {feeds:?}{opens:?}{questions:?}{index:?}{summaries:?}{repository:?}{downloads:?}\
             {catalogue:?}{verified:?}{orders:?}{withholding:?}"
        );
        written.expect("a hasher takes everything");
        // How wide the windows are is left out: with so few sessions none is ever full.
        for (to, lane) in pace.lanes() {
            let under_way = lane.window.under_way();
            let written = write!(digest, "{to}{under_way}{:?}", lane.waiting);
            written.expect("a hasher takes everything");
        }
        let written = write!(digest, "{:?}", climbing.questions());
        written.expect("a hasher takes everything");
        for hop in hops.values() {
            self.add_hop(hop, &mut digest);
        }
        looking::FROM.set(None);
        digest.0.finish()
    }

    fn add_hop(&self, hop: &Hop, digest: &mut Digest) {
        let Hop {
            visitor,
            from,
            // Reported, and no more than that.
            arrived: _,
            deadline,
            lease,
            alarms,
            booking,
            uses,
            routed,
            sent,
            established,
            cut,
            client,
        } = hop;
        digest.0.write(&wire::encode_record(visitor));
        // A re-sync asks which came first, however long ago both were.
        let since = from.as_ref().and_then(|from| self.links.since(from));
        let before = established.map(|at| since.is_some_and(|since| at <= since));
        let written = write!(
            digest,
            "{from:?}{deadline:?}{lease:?}{alarms:?}{booking:?}{uses:?}{routed}{before:?}{cut:?}"
        );
        written.expect("a hasher takes everything");
        if let Some(Sent {
            // As the visitor's child says.
            to: _,
            agent,
            heard,
            confirmed,
        }) = sent
        {
            let (waits, agent) = match agent {
                Kept::Waiting(agent) => (true, Some(agent)),
                Kept::UnderWay(agent) => (false, Some(agent)),
                Kept::No => (false, None),
            };
            write!(digest, "{heard:?}{confirmed}{waits}").expect("a hasher takes everything");
            agent.map(wire::encode_record).hash(&mut digest.0);
        }
        if let Some(client) = client {
            add_client(client, digest);
        }
    }
}

fn add_client(client: &Client, digest: &mut Digest) {
    let Client {
        key,
        waiting,
        // What was asked and planned is the same for one key here.
        request,
        plan,
        since: _,
        retries,
        claimed,
        idle,
        longest,
        used,
        established,
        ending,
    } = client;
    let (asked, planned) = (request.is_some(), plan.is_some());
    let told = established.as_ref().map(|e| e.solution);
    let written = write!(
        digest,
        "{key:?}{waiting:?}{asked}{planned}{retries}{claimed}{idle:?}{longest:?}{used:?}{told:?}{ending:?}"
    );
    written.expect("a hasher takes everything");
}
