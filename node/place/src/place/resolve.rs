//! References: which releases may be meant by `name@range`.
//!
//! A question climbs from the asking place until everything is known that is wanted. What
//! was added nearest is found first, so a locality may have versions of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use semver::VersionReq;
use waybook_agents::Message;
use waybook_location_tree::PlaceName;
use waybook_plan::{KnownServer, Release, split_reference};

use super::Place;
use super::questions::Question;
use super::timers::Timer;
use crate::Instant;
use crate::io::{OpenRequest, Output, RequestId};

/// Most references in one question.
const MOST_WANTED: usize = 256;
/// Greatest length of a reference in bytes: a name, `@` and a range.
const MOST_REFERENCE: usize = 200;
/// Most releases in one answer.
const MOST_FOUND: usize = 1_000;
/// Most bytes of releases in one answer, which has to fit a frame.
const MOST_BYTES: usize = 512 << 10;

/// Who wants to know which releases there are.
#[derive(Debug)]
pub(super) enum CodeAsker {
    Open(RequestId, Vec<KnownServer>),
    DryRun(Box<OpenRequest>, Vec<KnownServer>),
    /// An order to fetch what that reference stands for.
    Order(RequestId, String),
}

/// A question for releases, or its answer as far as it is known.
#[derive(Debug, Default)]
struct Search {
    wanted: Vec<String>,
    found: Vec<Arc<Release>>,
}

/// The references of the components that these presentations have brought along.
pub(super) fn references(servers: &[KnownServer]) -> Vec<String> {
    let references = servers.iter().flat_map(|s| s.presentation.references());
    let wanted: BTreeSet<_> = references.map(str::to_owned).collect();
    wanted.into_iter().take(MOST_WANTED).collect()
}

impl Place {
    /// Finds out which releases may be meant: here, if this place's locality has all that
    /// is wanted, else further up the tree.
    pub(super) fn ask_for_releases(
        &mut self,
        now: Instant,
        wanted: Vec<String>,
        asker: CodeAsker,
        out: &mut Vec<Output>,
    ) {
        let origin = self.config.name.clone();
        let mut search = Search {
            wanted,
            found: Vec::new(),
        };
        let parent = self.look_up(&origin, &mut search);
        let full = self.questions.open.len() >= self.config.limits.questions;
        match parent {
            Some(parent) if !full => {
                let Search { wanted, found } = search;
                let known = found.clone();
                let id = self.questions.add(Question::Releases { known, asker });
                self.timers
                    .set(Timer::Question(id), now + self.config.timing.question);
                let message = Message::Resolve {
                    id,
                    origin,
                    wanted,
                    found,
                };
                self.send(&parent, message, out);
            }
            _ => self.releases_known(now, asker, search.found, out),
        }
    }

    /// Goes on with what is known of the releases.
    pub(super) fn releases_known(
        &mut self,
        now: Instant,
        asker: CodeAsker,
        mut found: Vec<Arc<Release>>,
        out: &mut Vec<Output>,
    ) {
        found.retain(|release| self.verified.signature(release) != Some(false));
        match asker {
            CodeAsker::Open(id, servers) => self.open_with(now, id, &servers, &found, out),
            CodeAsker::DryRun(request, servers) => {
                self.dry_run_with(now, &request, &servers, &found, out);
            }
            CodeAsker::Order(request, reference) => {
                self.prefetch_known(request, &reference, &found, out);
            }
        }
    }

    /// Looks for what is wanted in this place's locality. The parent, if it is to be
    /// asked for the rest; where there is none to ask, copies count as well.
    fn look_up(&self, origin: &PlaceName, search: &mut Search) -> Option<PlaceName> {
        self.look_among(origin, search, false);
        if search.wanted.is_empty() {
            return None;
        }
        let parent = self.config.name.parent();
        let parent = parent.filter(|p| self.links.version(p).is_some_and(|v| v >= 2));
        if parent.is_none() {
            self.look_among(origin, search, true);
            self.add_others(origin, search);
        }
        parent
    }

    /// Of what is still wanted, and known in no version that was asked for, adds the newest
    /// version that there is. No range lets it be chosen; it tells whoever asked what there
    /// is instead. Not beside versions that were found: it might be newer than what a nearer
    /// locality has chosen for its own.
    fn add_others(&self, origin: &PlaceName, search: &mut Search) {
        let mut bytes: usize = search.found.iter().map(|r| weight(r)).sum();
        let wanted = search.wanted.iter().filter_map(|w| split_reference(w).ok());
        let names: BTreeSet<&str> = wanted.map(|(name, _)| name).collect();
        for name in names {
            if search.found.iter().any(|release| release.name == name) {
                continue;
            }
            let others = self
                .catalogue
                .matching(name, &VersionReq::STAR, origin, true);
            let Some(newest) = others.first() else {
                continue;
            };
            bytes += weight(newest);
            if search.found.len() >= MOST_FOUND || bytes > MOST_BYTES {
                break;
            }
            search.found.push(Arc::clone(newest));
        }
    }

    /// Adds to what was found all that may be meant by what is wanted, and to what is
    /// wanted what that depends on; leaves wanted only what nothing found satisfies.
    fn look_among(&self, origin: &PlaceName, search: &mut Search, copies_too: bool) {
        let mut bytes: usize = search.found.iter().map(|r| weight(r)).sum();
        let mut found: BTreeSet<_> = search.found.iter().map(|r| r.reference()).collect();
        let mut wanted: BTreeSet<_> = search.wanted.iter().cloned().collect();
        let mut open: VecDeque<_> = search.wanted.drain(..).collect();
        while let Some(reference) = open.pop_front() {
            let Ok((name, range)) = split_reference(&reference) else {
                wanted.remove(&reference);
                continue;
            };
            for release in self.catalogue.matching(name, &range, origin, copies_too) {
                let full = search.found.len() >= MOST_FOUND;
                if full || bytes + weight(release) > MOST_BYTES {
                    break;
                }
                if !found.insert(release.reference()) {
                    continue;
                }
                bytes += weight(release);
                search.found.push(Arc::clone(release));
                for (name, range) in &release.dependencies {
                    let needed = format!("{name}@{range}");
                    if wanted.len() < MOST_WANTED && wanted.insert(needed.clone()) {
                        open.push_back(needed);
                    }
                }
            }
        }
        let mut versions: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for release in &search.found {
            let of_name = versions.entry(&release.name).or_default();
            of_name.push(&release.version);
        }
        let lacks = |reference: &String| {
            split_reference(reference).is_ok_and(|(name, range)| {
                let mut known = versions.get(name).into_iter().flatten();
                !known.any(|version| range.matches(version))
            })
        };
        search.wanted = wanted.into_iter().filter(lacks).collect();
    }

    /// A question has climbed to here.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    pub(super) fn resolve(
        &mut self,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        wanted: Vec<String>,
        found: Vec<Arc<Release>>,
        out: &mut Vec<Output>,
    ) {
        // Questions only climb, so they come from the child that the asker is below.
        let climbs = self.config.name.next_hop(&origin).as_ref() == Some(from)
            && self.config.name.contains(from);
        let bounded = wanted.len() <= MOST_WANTED
            && wanted
                .iter()
                .all(|reference| reference.len() <= MOST_REFERENCE);
        if !climbs || !bounded || !are_sound(&found) {
            self.counters.refused_messages += 1;
            return;
        }
        let mut search = Search { wanted, found };
        let parent = self.look_up(&origin, &mut search);
        let Search { wanted, found } = search;
        match parent {
            Some(parent) => {
                let message = Message::Resolve {
                    id,
                    origin,
                    wanted,
                    found,
                };
                self.send(&parent, message, out);
            }
            None => self.send(from, Message::Resolved { id, origin, found }, out),
        }
    }

    /// The answer comes down.
    pub(super) fn resolved(
        &mut self,
        now: Instant,
        from: &PlaceName,
        id: u64,
        origin: PlaceName,
        found: Vec<Arc<Release>>,
        out: &mut Vec<Output>,
    ) {
        let comes_down =
            self.config.name.parent().as_ref() == Some(from) && self.config.name.contains(&origin);
        if !comes_down || !are_sound(&found) {
            self.counters.refused_messages += 1;
            return;
        }
        if let Some(next) = self.config.name.next_hop(&origin) {
            return self.send(&next, Message::Resolved { id, origin, found }, out);
        }
        if !matches!(
            self.questions.open.get(&id),
            Some(Question::Releases { .. })
        ) {
            self.counters.fenced += 1;
            return;
        }
        self.timers.cancel(&Timer::Question(id));
        if let Some(Question::Releases { asker, .. }) = self.questions.open.remove(&id) {
            self.releases_known(now, asker, found, out);
        }
    }
}

/// What came from elsewhere is bounded, and each release is as releases are.
fn are_sound(found: &[Arc<Release>]) -> bool {
    let bytes: usize = found.iter().map(|release| weight(release)).sum();
    found.len() <= MOST_FOUND
        && bytes <= MOST_BYTES
        && found.iter().all(|release| release.check().is_ok())
}

/// About how many bytes a release has in a message, and never fewer.
fn weight(release: &Release) -> usize {
    let requires: usize = release.requires.iter().map(|r| r.len() + 3).sum();
    let ranges = release.dependencies.len() * (Release::MAX_VERSION + 6);
    let names: usize = release.dependencies.keys().map(String::len).sum();
    let texts = release.name.len() + release.description.len() + release.runtime.len();
    let home = release.home.as_str().len();
    texts + requires + ranges + names + home + Release::MAX_VERSION + 256
}
