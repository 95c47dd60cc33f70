//! One look at the place, and what is otherwise than at another.

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_agents::{PlaceSummary, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::{HopView, Instant};

use super::HOPS;
use crate::api::handlers::{addresses, certificate, place_info, programs};
use crate::api::model::{HopInfo, NewsInfo, PlaceInfo, RefusedInfo, TreePlaceInfo, WalkInfo};
use crate::api::recent::Told;
use crate::api::{Problem, Shared};

/// How the place is at a moment.
pub(super) struct Look {
    now: Instant,
    place: PlaceInfo,
    tree: BTreeMap<PlaceName, PlaceSummary>,
    sessions: u64,
    hops: BTreeMap<SessionId, HopView>,
    /// What has happened since the look before.
    walks: Vec<WalkInfo>,
    refusals: Vec<RefusedInfo>,
    code: bool,
    /// Another number when there are other presentations.
    presentations: u64,
    told: Told,
}

/// When something was so long ago, in nanoseconds; it may be before the daemon was started.
fn moment(now: Instant, ago: Duration) -> i128 {
    let ago = i128::try_from(ago.as_nanos()).unwrap_or(i128::MAX);
    i128::from(now.0).saturating_sub(ago)
}

/// How long ago that was.
fn age(now: Instant, then: i128) -> Duration {
    let ago = i128::from(now.0).saturating_sub(then);
    Duration::from_nanos(u64::try_from(ago).unwrap_or(if ago < 0 { 0 } else { u64::MAX }))
}

impl Look {
    /// Looks at the place. What has happened is told from there on.
    pub(super) async fn new(shared: &Shared, from: Told) -> Result<Self, Problem> {
        let addresses = addresses(shared);
        let (certificate, programs) = (certificate(shared), programs(shared));
        let (now, place, tree, (sessions, hops), presentations) = shared
            .parts
            .place
            .query(move |place, now| {
                let hops = place.newest_hops(HOPS, now);
                (
                    now,
                    place_info(place, now, addresses, certificate, programs),
                    place.summaries(now),
                    hops,
                    place.presentations_changes(),
                )
            })
            .await?;
        let since = shared.parts.recent.since(from, now);
        let tree = tree.into_iter();
        let hops = hops.into_iter();
        Ok(Self {
            now,
            place,
            tree: tree.map(|said| (said.place.clone(), said)).collect(),
            sessions: u64::try_from(sessions).unwrap_or(u64::MAX),
            hops: hops.map(|hop| (hop.session, hop)).collect(),
            walks: since.walks,
            refusals: since.refusals,
            code: since.code,
            presentations,
            told: since.told,
        })
    }

    /// Up to where it tells what has happened.
    pub(super) fn told(&self) -> Told {
        self.told
    }

    /// All of it, told at that moment.
    pub(super) fn all(&self, shared: &Shared, now: Instant) -> NewsInfo {
        let mut since = shared.parts.recent.since(Told::default(), now);
        // What has happened since the look is told with the next one.
        since.walks.retain(|walk| self.told.has_walk(walk.number));
        since
            .refusals
            .retain(|one| self.told.has_refusal(one.number));
        NewsInfo {
            place: Some(self.place.clone()),
            tree: self
                .tree
                .values()
                .map(|said| self.tree_info(said, now))
                .collect(),
            gone: Vec::new(),
            sessions: Some(self.sessions),
            hops: self
                .hops
                .values()
                .map(|hop| self.hop_info(hop, now))
                .collect(),
            left: Vec::new(),
            refusals: since.refusals,
            walks: since.walks,
            code: true,
            presentations: true,
        }
    }

    /// What is otherwise than it was.
    pub(super) fn since(&self, before: &Self) -> NewsInfo {
        let tree = self.tree.iter().filter(|(name, said)| {
            let known = before.tree.get(*name);
            !known.is_some_and(|known| self.says_the_same(said, before, known))
        });
        let hops = self.hops.iter().filter(|(session, hop)| {
            let known = before.hops.get(*session);
            !known.is_some_and(|known| self.is_the_same(hop, before, known))
        });
        let gone = before
            .tree
            .keys()
            .filter(|name| !self.tree.contains_key(*name));
        let left = before.hops.keys().filter(|id| !self.hops.contains_key(*id));
        NewsInfo {
            place: (self.place != before.place).then(|| self.place.clone()),
            tree: tree
                .map(|(_, said)| self.tree_info(said, self.now))
                .collect(),
            gone: gone.map(ToString::to_string).collect(),
            sessions: (self.sessions != before.sessions).then_some(self.sessions),
            hops: hops.map(|(_, hop)| self.hop_info(hop, self.now)).collect(),
            left: left.map(ToString::to_string).collect(),
            refusals: self.refusals.clone(),
            walks: self.walks.clone(),
            code: self.code,
            presentations: self.presentations != before.presentations,
        }
    }

    fn says_the_same(&self, said: &PlaceSummary, before: &Self, known: &PlaceSummary) -> bool {
        // What the place says of itself is always new.
        let own = said.place.as_str() == self.place.name;
        (said.load, said.sessions, &said.resources, &said.withheld)
            == (
                known.load,
                known.sessions,
                &known.resources,
                &known.withheld,
            )
            && (own || moment(self.now, said.age) == moment(before.now, known.age))
    }

    /// A lease that is fed is nothing new.
    fn is_the_same(&self, hop: &HopView, before: &Self, known: &HopView) -> bool {
        let timeless = |hop: &HopView| HopView {
            age: Duration::ZERO,
            lease: None,
            cut: hop.cut.map(|_| Duration::ZERO),
            ..hop.clone()
        };
        moment(self.now, hop.age) == moment(before.now, known.age)
            && timeless(hop) == timeless(known)
    }

    fn tree_info(&self, said: &PlaceSummary, now: Instant) -> TreePlaceInfo {
        let own = said.place.as_str() == self.place.name;
        let said_at = moment(self.now, said.age);
        let age = if own {
            Duration::ZERO
        } else {
            age(now, said_at)
        };
        TreePlaceInfo {
            age: age.into(),
            ..TreePlaceInfo::from(said)
        }
    }

    fn hop_info(&self, hop: &HopView, now: Instant) -> HopInfo {
        let passed = now.since(self.now);
        HopInfo {
            age: age(now, moment(self.now, hop.age)).into(),
            lease: hop.lease.map(|lease| lease.saturating_sub(passed).into()),
            cut: hop.cut.map(|cut| cut.saturating_add(passed).into()),
            ..HopInfo::from(hop)
        }
    }
}
