//! Metadata: which presentations this place's locality holds, and how its places do.
//!
//! A place knows what is below it and tells its parent, so the root knows all. What a
//! child says is its own locality only, and is forgotten when the child has been cut
//! off for a while; the child says all of it again when it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use waybook_agents::{Edition, IndexEntry, Message};
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, Presentation};

use super::Place;
use super::shares::Tally;
use super::timers::Timer;
use crate::Instant;
use crate::io::{Output, RecordKey};
use crate::lazy::Empty;

/// Entries per message; a presentation has at most some tens of kilobytes, most have one.
const INDEX_PART: usize = 16;
/// Withdrawn titles, each with its server, per message.
const WITHDRAWN_PART: usize = 1_000;

/// What is known of the locality.
#[derive(Clone, Default)]
pub(super) struct Index {
    entries: BTreeMap<String, BTreeMap<PlaceName, IndexEntry>>,
    size: usize,
    /// How many of the entries are this place's own.
    own: usize,
    /// How many each child has told of.
    told: Tally,
    /// By child, what it has not listed again since it began to list all anew. Offered
    /// for the grace time, because a list comes in parts.
    stale: BTreeMap<PlaceName, BTreeSet<(String, PlaceName)>>,
    /// Editions of this place's own presentations, counted within its life.
    editions: u64,
    /// Grows with whatever changes here.
    changes: u64,
}

/// What a presentation says follows from its title, server and edition.
impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let entries = entries.map(|e| (&e.presentation.title, &e.server, e.edition));
        f.debug_struct("Index")
            .field("entries", &entries.collect::<Vec<_>>())
            .field("stale", &self.stale)
            .field("editions", &self.editions)
            .finish_non_exhaustive()
    }
}

impl Empty for Index {
    const EMPTY: &'static Self = &Self {
        entries: BTreeMap::new(),
        size: 0,
        own: 0,
        told: Tally::new(),
        stale: BTreeMap::new(),
        editions: 0,
        changes: 0,
    };
}

impl Index {
    pub(super) fn entries(&self) -> impl Iterator<Item = &IndexEntry> {
        self.entries.values().flat_map(BTreeMap::values)
    }

    /// Another number whenever something is known otherwise.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Takes up what a child has told of, or this place serves itself.
    fn insert(&mut self, entry: IndexEntry, from: Option<&PlaceName>) -> bool {
        let servers = self
            .entries
            .entry(entry.presentation.title.clone())
            .or_default();
        match servers.get(&entry.server) {
            Some(known) if known.edition >= entry.edition => false,
            known => {
                if known.is_none() {
                    self.size += 1;
                    match from {
                        Some(child) => self.told.one_more(child),
                        None => self.own += 1,
                    }
                }
                servers.insert(entry.server.clone(), entry);
                self.changes += 1;
                true
            }
        }
    }

    fn contains(&self, title: &str, server: &PlaceName) -> bool {
        self.entries
            .get(title)
            .is_some_and(|servers| servers.contains_key(server))
    }

    fn remove(
        &mut self,
        title: &str,
        server: &PlaceName,
        from: Option<&PlaceName>,
    ) -> Option<IndexEntry> {
        let servers = self.entries.get_mut(title)?;
        let entry = servers.remove(server)?;
        if servers.is_empty() {
            self.entries.remove(title);
        }
        self.size -= 1;
        self.changes += 1;
        match from {
            Some(child) => self.told.one_less(child),
            None => self.own -= 1,
        }
        Some(entry)
    }
}

impl Place {
    pub(super) fn has_children(&self) -> bool {
        self.links
            .up()
            .any(|(neighbour, _)| self.config.name.contains(neighbour))
    }

    /// The servers of a title nearest to `to` as far as known here, and whether no
    /// unknown server can be nearer than the farthest of them.
    pub(super) fn nearest_servers(
        &self,
        to: &PlaceName,
        title: &str,
        most: usize,
    ) -> (Vec<KnownServer>, bool) {
        let climb = to.depth() - self.config.name.depth();
        let entries = self
            .index
            .entries
            .get(title)
            .into_iter()
            .flat_map(BTreeMap::values);
        let mut near: Vec<_> = entries
            .filter_map(|e| to.distance(&e.server).map(|d| (d, &e.server, e)))
            .collect();
        // What cannot be had, as far as is known, comes after all else that is known: it takes
        // nobody's place, and where there is nothing else its refusal says why.
        near.sort_by_cached_key(|(distance, server, _)| {
            (self.leads_over_drained(to, server), *distance, *server)
        });
        near.truncate(most);
        let enough = self.parent.is_none()
            || near.len() == most
                && near.iter().all(|(distance, server, _)| {
                    *distance <= climb && !self.leads_over_drained(to, server)
                });
        let known = near.into_iter().map(|(_, _, entry)| KnownServer {
            place: entry.server.clone(),
            presentation: Arc::clone(&entry.presentation),
            load: self.load_of(&entry.server),
        });
        (known.collect(), enough)
    }

    pub(super) fn publish(
        &mut self,
        now: Instant,
        presentation: Arc<Presentation>,
        out: &mut Vec<Output>,
    ) {
        let limits = &self.config.limits;
        let full = self.index.size >= limits.index || self.index.own >= limits.presentations;
        if full && !self.index.contains(&presentation.title, &self.config.name) {
            self.counters.limited += 1;
            return;
        }
        let key = RecordKey::Presentation(presentation.title.clone());
        let value = Some(waybook_agents::wire::encode_presentation(&presentation));
        out.push(Output::Store { key, value });
        self.serve(now, presentation, out);
    }

    /// Serves a presentation from now on, and says so.
    pub(super) fn serve(
        &mut self,
        _now: Instant,
        presentation: Arc<Presentation>,
        out: &mut Vec<Output>,
    ) {
        self.index.editions += 1;
        let edition = Edition(self.incarnation, self.index.editions);
        let entry = IndexEntry {
            server: self.config.name.clone(),
            edition,
            presentation,
        };
        self.index.insert(entry.clone(), None);
        self.tell_parent_of(&[entry], &[], out);
    }

    pub(super) fn withdraw(&mut self, _now: Instant, title: &str, out: &mut Vec<Output>) {
        let here = self.config.name.clone();
        if let Some(entry) = self.index.remove(title, &here, None) {
            let key = RecordKey::Presentation(title.to_owned());
            out.push(Output::Store { key, value: None });
            self.tell_parent_of(&[], &[(title.to_owned(), here, entry.edition)], out);
        }
    }

    fn tell_parent_of(
        &self,
        entries: &[IndexEntry],
        withdrawn: &[(String, PlaceName, Edition)],
        out: &mut Vec<Output>,
    ) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        let tell = |entries: &[IndexEntry], withdrawn: &[_], out: &mut Vec<Output>| {
            let message = Message::Index {
                complete: false,
                entries: entries.to_vec(),
                withdrawn: withdrawn.to_vec(),
            };
            self.send(&parent, message, out);
        };
        for part in withdrawn.chunks(WITHDRAWN_PART) {
            tell(&[], part, out);
        }
        for part in entries.chunks(INDEX_PART) {
            tell(part, &[], out);
        }
    }

    /// On a new connection to the parent: all that the locality holds.
    pub(super) fn tell_whole_index(&self, out: &mut Vec<Output>) {
        let Some(parent) = self.parent.clone() else {
            return;
        };
        let all: Vec<_> = self.index.entries().cloned().collect();
        let parts = all.chunks(INDEX_PART).map(<[IndexEntry]>::to_vec);
        let first = if all.is_empty() {
            Some(Vec::new())
        } else {
            None
        };
        for (at, entries) in first.into_iter().chain(parts).enumerate() {
            let message = Message::Index {
                complete: at == 0,
                entries,
                withdrawn: Vec::new(),
            };
            self.send(&parent, message, out);
        }
    }

    /// A child tells what its locality holds.
    pub(super) fn indexed(
        &mut self,
        now: Instant,
        from: &PlaceName,
        complete: bool,
        entries: Vec<IndexEntry>,
        withdrawn: Vec<(String, PlaceName, Edition)>,
        out: &mut Vec<Output>,
    ) {
        if !self.config.name.contains(from) {
            self.counters.refused_messages += 1;
            return;
        }
        if complete {
            let below = self.entries_below(from).into_iter();
            let stale = below.map(|(title, server, _)| (title, server));
            let stale: BTreeSet<_> = stale.collect();
            if stale.is_empty() {
                self.index.made().map(|known| known.stale.remove(from));
            } else {
                self.index.stale.insert(from.clone(), stale);
                let at = now + self.config.timing.index_grace;
                self.timers.set(Timer::IndexGrace(from.clone()), at);
            }
        }
        let known = self.index.made();
        if let Some(stale) = known.and_then(|known| known.stale.get_mut(from)) {
            for entry in &entries {
                stale.remove(&(entry.presentation.title.clone(), entry.server.clone()));
            }
        }
        let known = |title: &str, server: &PlaceName, edition: Edition| {
            let entry = self.index.entries.get(title).and_then(|s| s.get(server));
            entry.is_some_and(|e| e.edition <= edition)
        };
        let gone: Vec<_> = withdrawn
            .into_iter()
            .filter(|(title, server, edition)| {
                from.contains(server) && known(title, server, *edition)
            })
            .collect();
        for (title, server, _) in &gone {
            self.index.remove(title, server, Some(from));
        }
        let most = self.config.limits.index;
        let share = self.neighbour_part(most);
        let mut news = Vec::new();
        for entry in entries {
            let title = &entry.presentation.title;
            let room = self.index.size < most && self.index.told.of(from) < share;
            if !from.contains(&entry.server) || entry.presentation.check().is_err() {
                self.counters.refused_messages += 1;
            } else if !room && !self.index.contains(title, &entry.server) {
                self.counters.limited += 1;
            } else if self.index.insert(entry.clone(), Some(from)) {
                news.push(entry);
            }
        }
        self.tell_parent_of(&news, &gone, out);
    }

    fn entries_below(&self, child: &PlaceName) -> Vec<(String, PlaceName, Edition)> {
        let below = self.index.entries().filter(|e| child.contains(&e.server));
        below
            .map(|e| (e.presentation.title.clone(), e.server.clone(), e.edition))
            .collect()
    }

    /// A child has been cut off for too long: its locality is no longer offered. Or it is
    /// back, and has not listed some of it again.
    pub(super) fn forget_locality(
        &mut self,
        now: Instant,
        child: &PlaceName,
        out: &mut Vec<Output>,
    ) {
        let stale = self.index.stale.remove(child).unwrap_or_default();
        let is_back = self.links.is_up(child);
        let gone: Vec<_> = if is_back {
            let stale = stale.into_iter().filter_map(|(title, server)| {
                let edition = self.index.entries.get(&title)?.get(&server)?.edition;
                Some((title, server, edition))
            });
            stale.collect()
        } else {
            self.entries_below(child)
        };
        for (title, server, _) in &gone {
            self.index.remove(title, server, Some(child));
        }
        self.tell_parent_of(&[], &gone, out);
        self.forget_code_below(child, out);
        if !is_back {
            self.forget_summaries(now, child, child);
        }
    }
}
