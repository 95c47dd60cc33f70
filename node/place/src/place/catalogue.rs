//! Metadata of code: what the places of the locality hold, and where it was added.
//!
//! It is told upward as presentations are (see `index`), so a place knows what is held
//! below it, and the root knows all. What was *added* is the catalogue: names stand for
//! it. Copies only tell download agents where they may read from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use semver::VersionReq;
use waybook_agents::{Edition, Holding, Message};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

use super::Place;
use super::shares::Tally;
use super::timers::Timer;
use crate::Instant;
use crate::io::Output;
use crate::lazy::Empty;

/// Holdings per message; a release has at most some kilobytes.
const HOLDINGS_PART: usize = 64;
/// Pieces of code no longer held, each with its place, per message.
const DROPPED_PART: usize = 1_000;

/// What is known of the code in the locality.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalogue {
    entries: BTreeMap<Digest, BTreeMap<PlaceName, Holding>>,
    names: BTreeMap<String, BTreeSet<(Digest, PlaceName)>>,
    size: usize,
    /// How many each child has told of.
    told: Tally,
    /// By child, what it has not listed again since it began to list all anew.
    stale: BTreeMap<PlaceName, BTreeSet<(Digest, PlaceName)>>,
    /// Editions of what this place says of itself, counted within its life.
    editions: u64,
}

impl Empty for Catalogue {
    const EMPTY: &'static Self = &Self {
        entries: BTreeMap::new(),
        names: BTreeMap::new(),
        size: 0,
        told: Tally::new(),
        stale: BTreeMap::new(),
        editions: 0,
    };
}

impl Catalogue {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Holding> {
        self.entries.values().flat_map(BTreeMap::values)
    }

    fn get(&self, digest: &Digest, place: &PlaceName) -> Option<&Holding> {
        self.entries.get(digest)?.get(place)
    }

    /// The places that are known to hold it.
    pub(super) fn holders(&self, digest: &Digest) -> impl Iterator<Item = &PlaceName> {
        let holders = self.entries.get(digest);
        holders.into_iter().flat_map(BTreeMap::keys)
    }

    /// What the locality has of that name and range, newest versions first, of each
    /// version the one nearest to `to`: what was added in it, or, as a last resort, copies
    /// too.
    pub(super) fn matching(
        &self,
        name: &str,
        range: &VersionReq,
        to: &PlaceName,
        copies_too: bool,
    ) -> Vec<&Arc<Release>> {
        self.of_name(name, to, |h| {
            (h.added || copies_too) && range.matches(&h.release.version)
        })
    }

    fn of_name(
        &self,
        name: &str,
        to: &PlaceName,
        meant: impl Fn(&&Holding) -> bool,
    ) -> Vec<&Arc<Release>> {
        let known = self.names.get(name).into_iter().flatten();
        let mut known: Vec<_> = known
            .filter_map(|(digest, place)| self.get(digest, place))
            .filter(meant)
            .collect();
        known.sort_by_cached_key(|h| {
            let version = Reverse(h.release.version.clone());
            (version, !h.added, to.distance(&h.place), h.place.clone())
        });
        known.dedup_by(|a, b| a.release.version == b.release.version);
        known.into_iter().map(|h| &h.release).collect()
    }

    /// The versions of that name that the locality has, copies too, whatever their range:
    /// the newest first, of each version the one nearest to `to`.
    pub(super) fn newest(&self, name: &str, to: &PlaceName) -> Vec<&Arc<Release>> {
        self.of_name(name, to, |_| true)
    }

    /// Takes up what a child has told of, or this place holds itself.
    fn insert(&mut self, holding: Holding, from: Option<&PlaceName>) -> bool {
        let (digest, place) = (holding.release.digest, holding.place.clone());
        match self.get(&digest, &place) {
            Some(known) if known.edition >= holding.edition => return false,
            Some(_) => drop(self.remove(&digest, &place, from)),
            None => {}
        }
        self.size += 1;
        if let Some(child) = from {
            self.told.one_more(child);
        }
        let named = self.names.entry(holding.release.name.clone());
        named.or_default().insert((digest, place.clone()));
        let holders = self.entries.entry(digest).or_default();
        holders.insert(place, holding);
        true
    }

    fn remove(
        &mut self,
        digest: &Digest,
        place: &PlaceName,
        from: Option<&PlaceName>,
    ) -> Option<Holding> {
        let holders = self.entries.get_mut(digest)?;
        let holding = holders.remove(place)?;
        if holders.is_empty() {
            self.entries.remove(digest);
        }
        if let Some(named) = self.names.get_mut(&holding.release.name) {
            named.remove(&(*digest, place.clone()));
            if named.is_empty() {
                self.names.remove(&holding.release.name);
            }
        }
        self.size -= 1;
        if let Some(child) = from {
            self.told.one_less(child);
        }
        Some(holding)
    }

    fn below(&self, child: &PlaceName) -> Vec<(Digest, PlaceName, Edition)> {
        let below = self.entries().filter(|h| child.contains(&h.place));
        below
            .map(|h| (h.release.digest, h.place.clone(), h.edition))
            .collect()
    }
}

impl Place {
    /// This place holds that code from now on, or holds it in another way.
    pub(super) fn say_held(&mut self, release: &Arc<Release>, added: bool, out: &mut Vec<Output>) {
        self.catalogue.editions += 1;
        let holding = Holding {
            place: self.config.name.clone(),
            edition: Edition(self.incarnation, self.catalogue.editions),
            release: Arc::clone(release),
            added,
        };
        self.catalogue.insert(holding.clone(), None);
        self.tell_parent_of_code(&[holding], &[], out);
    }

    /// This place no longer holds that code.
    pub(super) fn say_dropped(&mut self, digest: &Digest, out: &mut Vec<Output>) {
        let here = self.config.name.clone();
        if let Some(holding) = self.catalogue.remove(digest, &here, None) {
            self.tell_parent_of_code(&[], &[(*digest, here, holding.edition)], out);
        }
    }

    fn tell_parent_of_code(
        &self,
        held: &[Holding],
        dropped: &[(Digest, PlaceName, Edition)],
        out: &mut Vec<Output>,
    ) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        let tell = |held: &[Holding], dropped: &[_], out: &mut Vec<Output>| {
            let message = Message::Holdings {
                complete: false,
                held: held.to_vec(),
                dropped: dropped.to_vec(),
            };
            self.send(&parent, message, out);
        };
        for part in dropped.chunks(DROPPED_PART) {
            tell(&[], part, out);
        }
        for part in held.chunks(HOLDINGS_PART) {
            tell(part, &[], out);
        }
    }

    /// On a new connection to the parent: all that the locality holds.
    pub(super) fn tell_all_code(&self, out: &mut Vec<Output>) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        let all: Vec<_> = self.catalogue.entries().cloned().collect();
        let parts = all.len().div_ceil(HOLDINGS_PART).max(1);
        for part in 0..parts {
            let held = all.iter().skip(part * HOLDINGS_PART).take(HOLDINGS_PART);
            let message = Message::Holdings {
                complete: part == 0,
                held: held.cloned().collect(),
                dropped: Vec::new(),
            };
            self.send(&parent, message, out);
        }
    }

    /// A child tells what code its locality holds.
    pub(super) fn holdings_told(
        &mut self,
        now: Instant,
        from: &PlaceName,
        complete: bool,
        held: Vec<Holding>,
        dropped: Vec<(Digest, PlaceName, Edition)>,
        out: &mut Vec<Output>,
    ) {
        if !self.config.name.contains(from) {
            self.counters.refused_messages += 1;
            return;
        }
        if complete {
            let below = self.catalogue.below(from).into_iter();
            let stale: BTreeSet<_> = below.map(|(digest, place, _)| (digest, place)).collect();
            if stale.is_empty() {
                self.catalogue.made().map(|known| known.stale.remove(from));
            } else {
                self.catalogue.stale.insert(from.clone(), stale);
                let at = now + self.config.timing.index_grace;
                self.timers.set(Timer::IndexGrace(from.clone()), at);
            }
        }
        let known = self.catalogue.made();
        if let Some(stale) = known.and_then(|known| known.stale.get_mut(from)) {
            for holding in &held {
                stale.remove(&(holding.release.digest, holding.place.clone()));
            }
        }
        let known = |digest: &Digest, place: &PlaceName, edition: Edition| {
            let holding = self.catalogue.get(digest, place);
            holding.is_some_and(|h| h.edition <= edition)
        };
        let gone: Vec<_> = dropped
            .into_iter()
            .filter(|(digest, place, edition)| {
                from.contains(place) && known(digest, place, *edition)
            })
            .collect();
        for (digest, place, _) in &gone {
            self.catalogue.remove(digest, place, Some(from));
        }
        let limit = self.config.limits.holdings;
        let share = self.neighbour_part(limit);
        let mut news = Vec::new();
        for holding in held {
            let Holding {
                place,
                release,
                added,
                ..
            } = &holding;
            // Only at its home is anything added.
            let sound = from.contains(place)
                && release.check().is_ok()
                && (!added || release.home == *place);
            // Names would stand for nothing if copies took all the room.
            let most = |of: usize| if *added { of } else { of - of / 4 };
            let known = self.catalogue.get(&release.digest, place).is_some();
            let room =
                self.catalogue.size < most(limit) && self.catalogue.told.of(from) < most(share);
            if !sound {
                self.counters.refused_messages += 1;
            } else if !known && !room {
                self.counters.limited += 1;
            } else if self.catalogue.insert(holding.clone(), Some(from)) {
                news.push(holding);
            }
        }
        self.tell_parent_of_code(&news, &gone, out);
    }

    /// As for presentations: a child has been cut off for too long, or is back and has
    /// not listed some of it again.
    pub(super) fn forget_code_below(&mut self, child: &PlaceName, out: &mut Vec<Output>) {
        let stale = self.catalogue.stale.remove(child).unwrap_or_default();
        let gone: Vec<_> = if self.links.is_up(child) {
            let stale = stale.into_iter().filter_map(|(digest, place)| {
                let edition = self.catalogue.get(&digest, &place)?.edition;
                Some((digest, place, edition))
            });
            stale.collect()
        } else {
            self.catalogue.below(child)
        };
        for (digest, place, _) in &gone {
            self.catalogue.remove(digest, place, Some(child));
        }
        self.tell_parent_of_code(&[], &gone, out);
    }
}
