//! References: which releases may be meant by `name@range`.
//!
//! A question climbs from the asking place until everything is known that is wanted. What
//! was added nearest is found first, so a locality may have versions of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

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
/// Of code of which nothing is in the range that is asked for: how many other versions are
/// told, so that whoever asks can say what there is.
const MOST_OTHERS: usize = 4;

/// Who wants to know which releases there are.
#[derive(Debug, Clone)]
pub(super) enum CodeAsker {
    Open(RequestId, Vec<KnownServer>),
    DryRun(Box<OpenRequest>, Vec<KnownServer>),
    /// An order to fetch what that reference stands for.
    Order(RequestId, String),
}

/// The releases that are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) releases: &'a [Arc<Release>],
    /// Why there may be others.
    pub(super) gap: Option<&'a str>,
}

/// Who can be asked for what is not known in a place's locality.
enum Above {
    /// The parent.
    Ask,
    /// Nobody: there is nothing above, or nothing more is wanted.
    None,
    /// Nobody, though there would be somebody who may know; why.
    Silent(String),
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
        let above = self.look_up(&origin, &mut search);
        let most = self.config.limits.questions;
        let full = self.questions.open.len() >= most;
        match above {
            Above::Ask if full => {
                let gap = Some(format!("limit `questions` = {most} is reached"));
                self.releases_known(now, asker, search.found, gap.as_deref(), out);
            }
            Above::Ask => {
                let Search { wanted, found } = search;
                let (until, known) = (now + self.config.timing.question, found);
                let id = self.questions.add(Question::Releases {
                    wanted,
                    known,
                    asker,
                    until,
                });
                if self.put_question(now, id, until, out).is_err() {
                    self.question_crowded(now, id, out);
                }
            }
            Above::None => self.releases_known(now, asker, search.found, None, out),
            Above::Silent(gap) => {
                self.releases_known(now, asker, search.found, Some(&gap), out);
            }
        }
    }

    /// Nobody has answered which releases there are: goes on with what is known here.
    pub(super) fn releases_unanswered(
        &mut self,
        now: Instant,
        asker: CodeAsker,
        wanted: Vec<String>,
        found: Vec<Arc<Release>>,
        why: &str,
        out: &mut Vec<Output>,
    ) {
        let here = self.config.name.clone();
        let mut search = Search { wanted, found };
        self.add_others(&here, &mut search);
        self.releases_known(now, asker, search.found, Some(why), out);
    }

    /// Goes on with what is known of the releases; `gap` is why there may be others.
    fn releases_known(
        &mut self,
        now: Instant,
        asker: CodeAsker,
        mut found: Vec<Arc<Release>>,
        gap: Option<&str>,
        out: &mut Vec<Output>,
    ) {
        found.retain(|release| self.verified.signature(release) != Some(false));
        let known = Known {
            releases: &found,
            gap,
        };
        match asker {
            CodeAsker::Open(id, servers) => self.open_with(now, id, &servers, known, out),
            CodeAsker::DryRun(request, servers) => {
                self.dry_run_with(now, &request, &servers, known, out);
            }
            CodeAsker::Order(request, reference) => {
                self.prefetch_known(request, &reference, known, out);
            }
        }
    }

    /// Looks for what is wanted in this place's locality, and says who is to be asked for
    /// the rest. Where there is nobody to ask, copies count as well.
    fn look_up(&self, origin: &PlaceName, search: &mut Search) -> Above {
        self.look_among(origin, search, false);
        if search.wanted.is_empty() {
            return Above::None;
        }
        let above = match self.parent.clone() {
            None => Above::None,
            Some(parent) => match self.links.version(&parent) {
                Some(version) if version >= 2 => return Above::Ask,
                Some(version) => Above::Silent(format!(
                    "{parent} speaks version {version} of the protocol, which knows of no code \
                     that is brought along"
                )),
                None => Above::Silent(format!("there is no connection to {parent}")),
            },
        };
        self.look_among(origin, search, true);
        self.add_others(origin, search);
        above
    }

    /// Of what is wanted and not there at all, adds some other versions: they are in no
    /// range that is asked for, and tell whoever asks what there is instead.
    fn add_others(&self, origin: &PlaceName, search: &mut Search) {
        let mut bytes: usize = search.found.iter().map(|r| weight(r)).sum();
        let names = search.wanted.iter().filter_map(|r| split_reference(r).ok());
        let names: BTreeSet<_> = names.map(|(name, _)| name).collect();
        let mut others = Vec::new();
        for name in names {
            if search.found.iter().any(|release| release.name == name) {
                continue;
            }
            let newest = self.catalogue.newest(name, origin);
            for release in newest.into_iter().take(MOST_OTHERS) {
                bytes += weight(release);
                if bytes <= MOST_BYTES && search.found.len() + others.len() < MOST_FOUND {
                    others.push(Arc::clone(release));
                }
            }
        }
        search.found.extend(others);
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
        now: Instant,
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
        let above = self.look_up(&origin, &mut search);
        let Search { wanted, found } = search;
        match above {
            Above::Ask => {
                let asked = (origin.clone(), id);
                let message = Message::Resolve {
                    id,
                    origin,
                    wanted,
                    found,
                };
                // Who asks will do so again.
                let _ = self.climb(now, asked, message, out);
            }
            Above::None | Above::Silent(_) => {
                self.send(from, Message::Resolved { id, origin, found }, out);
            }
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
        let comes_down = self.parent.as_ref() == Some(from) && self.config.name.contains(&origin);
        if !comes_down || !are_sound(&found) {
            self.counters.refused_messages += 1;
            return;
        }
        self.climbed(now, &(origin.clone(), id), out);
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
        if let Some(Question::Releases { asker, known, .. }) = self.questions.remove(id) {
            // What this place's own locality calls by a name is not for others to replace.
            let own: BTreeSet<_> = known.iter().map(|release| release.reference()).collect();
            let new = found.into_iter();
            let new = new.filter(|release| !own.contains(&release.reference()));
            let found = known.into_iter().chain(new).collect();
            self.releases_known(now, asker, found, None, out);
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
