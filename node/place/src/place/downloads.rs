//! Downloads: code that is wanted here and is not, from the wish to the last byte.
//!
//! There is one for each piece of code, however many want it. An agent finds out where to
//! read from, see `porters`; a transfer reads it. When a source is no use another one is
//! sought, until the code is here, or nothing is left to try, or nobody wants it any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use waybook_agents::{Download, DownloadId, Nowhere, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

use super::Place;
use super::timers::Timer;
use crate::Instant;
use crate::io::{FetchId, InstanceId, Output, RequestId};
use crate::lazy::Empty;

/// Downloads under way for each transfer that there may be at one time; beyond, what is
/// wanted is refused.
const DOWNLOADS_PER_TRANSFER: usize = 16;
/// How many agents in a row may be lost.
const MOST_LOST: u32 = 5;
/// How many sources are tried.
pub(super) const MOST_SOURCES: usize = 16;

/// Code as a release describes it: what a transfer goes by until the last byte is here
/// and the digest can be told.
///
/// Nobody need have signed a release, and its home never is signed. So each description
/// is tried by itself, and a wrong one costs only those who believed it. Only one of those
/// that name the same digest has its transfer at a time; when the code is here, it is here for
/// all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) digest: Digest,
    pub(super) length: u64,
    pub(super) root: [u8; 32],
    pub(super) home: PlaceName,
}

impl Claim {
    pub(super) fn of(release: &Release) -> Self {
        Self {
            digest: release.digest,
            length: release.length,
            root: release.root,
            home: release.home.clone(),
        }
    }
}

/// Who wants code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiter {
    /// A component that is to run here.
    Instance(InstanceId),
    /// An agent of a neighbour, which waits here.
    Guest(DownloadId),
    /// An order.
    Order(RequestId),
    /// A session that will need it further on.
    Ahead(SessionId),
    /// Places of the locality that were told to read it here.
    Locality,
}

/// How far a download is.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// A source is to be sought, as soon as what is being done is done.
    New,
    /// Waiting for a connection, after a restart.
    Parked,
    /// An agent is on its way.
    Seeking(DownloadId),
    /// There is a source; other transfers come first.
    Queued(PlaceName),
    /// A transfer runs.
    Fetching(FetchId, PlaceName),
    /// A transfer broke, and is to be resumed.
    Pausing(PlaceName),
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) release: Arc<Release>,
    /// The neighbour for whose sake it began; none if that was this place's own.
    sake: Option<PlaceName>,
    pub(super) waiters: BTreeSet<Waiter>,
    pub(super) phase: Phase,
    /// Where its last agent was sent, and comes back from.
    pub(super) asked: Option<PlaceName>,
    /// Sources that were no use, and places of which others said so.
    pub(super) avoid: BTreeSet<PlaceName>,
    /// Whether it was read at home in vain.
    pub(super) home_tried: bool,
    /// What was wrong with them.
    pub(super) why: Vec<String>,
    /// Bytes that are here and verified.
    pub(super) bytes: u64,
    /// Whether the repository keeps room for it.
    pub(super) reserved: bool,
    /// How often a transfer broke since the last byte was gained.
    pub(super) broke: u32,
    /// How many bytes were here when one last broke.
    pub(super) mark: u64,
    /// Agents that did not come back in time.
    lost: u32,
    /// Whether room on the disk was made once already.
    pub(super) freed: bool,
    /// Whether the present transfer has brought anything.
    pub(super) flows: bool,
    /// Whether the default place did not have it when it was to be read there, and
    /// nothing has come since.
    pub(super) unready: bool,
}

/// The downloads under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Downloads {
    pub(super) jobs: BTreeMap<Claim, Job>,
    pub(super) fetches: BTreeMap<FetchId, Claim>,
    /// Downloads that have a source and wait for other transfers to end. Those that wait
    /// for another one of the same digest are not in it.
    pub(super) queue: VecDeque<Claim>,
    /// Downloads for which a source is to be sought.
    new: VecDeque<Claim>,
    /// Components whose code may not be had, with the reason.
    refused: VecDeque<(InstanceId, String)>,
    pub(super) last_fetch: u64,
    last_agent: u64,
    /// Agents of neighbours that wait here.
    pub(super) guests: BTreeMap<DownloadId, Download>,
    /// What sessions will need further on, as far as it is on its way.
    pub(super) ahead: BTreeMap<SessionId, BTreeSet<Claim>>,
}

impl Job {
    /// The place that it is being read from, or will be.
    pub(super) fn source(&self) -> Option<&PlaceName> {
        match &self.phase {
            Phase::Fetching(_, source) | Phase::Queued(source) | Phase::Pausing(source) => {
                Some(source)
            }
            Phase::New | Phase::Parked | Phase::Seeking(_) => None,
        }
    }
}

impl Downloads {
    /// Whether some of it is here already and more is coming. While a transfer pauses,
    /// or does not get on, nothing can be read here.
    pub(super) fn is_coming(&self, release: &Release) -> bool {
        let mut jobs = self.same_bytes(release).filter(|(_, job)| job.flows);
        jobs.any(|(_, job)| matches!(job.phase, Phase::Fetching(..)))
    }

    /// The downloads of that digest, however it is described.
    pub(super) fn of_digest(&self, digest: Digest) -> impl Iterator<Item = (&Claim, &Job)> {
        let jobs = self.jobs.iter();
        jobs.filter(move |(claim, _)| claim.digest == digest)
    }

    /// What an earlier transfer had left of it is gone: whoever still waits for its turn to go on from
    /// there will begin anew.
    pub(super) fn lost_its_part(&mut self, digest: &Digest) {
        let jobs = self.jobs.iter_mut();
        let waiting = jobs.filter(|(claim, job)| claim.digest == *digest && !job.reserved);
        for (_, job) in waiting {
            (job.bytes, job.mark) = (0, 0);
        }
    }

    /// The downloads of what that release describes, wherever its home is said to be.
    pub(super) fn same_bytes(&self, release: &Release) -> impl Iterator<Item = (&Claim, &Job)> {
        let (length, root) = (release.length, release.root);
        let jobs = self.of_digest(release.digest);
        jobs.filter(move |(claim, _)| (claim.length, claim.root) == (length, root))
    }

    /// Whether another one of the same digest has its turn.
    pub(super) fn is_behind(&self, claim: &Claim) -> bool {
        let mut same = self.of_digest(claim.digest);
        same.any(|(other, job)| other != claim && job.reserved)
    }

    /// Whether another one of the same digest has a source, and waits.
    fn is_before(&self, claim: &Claim) -> bool {
        let mut same = self.of_digest(claim.digest);
        same.any(|(other, job)| other != claim && matches!(job.phase, Phase::Queued(_)))
    }

    /// Whether that agent, which came back from there, is the one that a download has
    /// sent last.
    pub(super) fn awaits(&self, agent: &Download, from: &PlaceName) -> bool {
        let job = self.jobs.get(&Claim::of(&agent.release));
        job.is_some_and(|job| {
            matches!(&job.phase, Phase::Seeking(id) if *id == agent.id)
                && job.asked.as_ref() == Some(from)
        })
    }

    /// How many bytes of code that is wanted are here.
    pub(super) fn bytes(&self, release: &Release) -> u64 {
        let job = self.jobs.get(&Claim::of(release));
        job.map_or(0, |job| job.bytes)
    }

    pub(super) fn seek_again(&mut self, claim: Claim) {
        if let Some(job) = self.jobs.get_mut(&claim) {
            job.phase = Phase::New;
            self.new.push_back(claim);
        }
    }

    /// No transfer of that digest is under way any more: those that waited for it may
    /// have theirs.
    fn next_of(&mut self, digest: Digest) {
        let waiting = self.of_digest(digest);
        let waiting = waiting.filter(|(claim, job)| {
            matches!(job.phase, Phase::Queued(_)) && !self.queue.contains(claim)
        });
        let waiting: Vec<_> = waiting.map(|(claim, _)| claim.clone()).collect();
        self.queue.extend(waiting);
    }

    /// Whether there is nothing to be done at once.
    fn is_at_rest(&self) -> bool {
        self.refused.is_empty() && self.new.is_empty() && self.queue.is_empty()
    }

    fn unpark(&mut self) {
        let parked = self.jobs.iter();
        let parked: Vec<_> = parked
            .filter(|(_, job)| matches!(job.phase, Phase::Parked))
            .map(|(claim, _)| claim.clone())
            .collect();
        for claim in parked {
            self.seek_again(claim);
        }
    }
}

impl Empty for Downloads {
    const EMPTY: &'static Self = &Self {
        jobs: BTreeMap::new(),
        fetches: BTreeMap::new(),
        queue: VecDeque::new(),
        new: VecDeque::new(),
        refused: VecDeque::new(),
        last_fetch: 0,
        last_agent: 0,
        guests: BTreeMap::new(),
        ahead: BTreeMap::new(),
    };
}

impl Place {
    /// Downloads that wait for a connection wait no longer.
    pub(super) fn unpark_downloads(&mut self) {
        if !self.downloads.jobs.is_empty() {
            self.downloads.unpark();
        }
    }

    /// Somebody wants code that is not here, for the sake of that neighbour if for one's. What
    /// comes of it is said later, to all who want it.
    ///
    /// # Errors
    /// Why it may not be had at all.
    pub(super) fn want(
        &mut self,
        release: &Arc<Release>,
        waiter: Waiter,
        sake: Option<&PlaceName>,
    ) -> Result<(), String> {
        self.verified.accept(&self.config, release)?;
        let claim = Claim::of(release);
        if let Some(job) = self.downloads.jobs.get_mut(&claim) {
            job.waiters.insert(waiter);
            return Ok(());
        }
        let most = self.config.limits.downloads;
        let all = most.saturating_mul(DOWNLOADS_PER_TRANSFER);
        if let Some(neighbour) = sake {
            let share = self.neighbour_part(all);
            let jobs = self.downloads.jobs.values();
            if jobs.filter(|job| job.sake.as_ref() == sake).count() >= share {
                self.counters.limited += 1;
                return Err(format!(
                    "limit `neighbour-share` of `downloads` is reached: {share} are under way or \
                     waiting for the sake of {neighbour}"
                ));
            }
        }
        if self.downloads.jobs.len() >= all {
            self.counters.limited += 1;
            return Err(format!(
                "limit `downloads` = {most} is reached, and so many are waiting that no more are \
                 let in"
            ));
        }
        let job = Job {
            release: Arc::clone(release),
            sake: sake.cloned(),
            waiters: BTreeSet::from([waiter]),
            phase: Phase::New,
            asked: None,
            avoid: BTreeSet::new(),
            home_tried: false,
            why: Vec::new(),
            bytes: self.repository.part(release),
            reserved: false,
            broke: 0,
            mark: 0,
            lost: 0,
            freed: false,
            flows: false,
            unready: false,
        };
        self.downloads.jobs.insert(claim.clone(), job);
        self.downloads.new.push_back(claim);
        Ok(())
    }

    /// An instance is to run code that is brought along: starts it, or has the code
    /// fetched first. Nothing of it comes back before [`Place::attend_downloads`].
    pub(super) fn start_with_code(
        &mut self,
        instance: InstanceId,
        release: &Arc<Release>,
        sake: Option<&PlaceName>,
        out: &mut Vec<Output>,
    ) {
        let first = self.repository.begin_use(release.digest);
        // A session that is found again is not judged again, and whom the operator trusts
        // may have changed.
        if let Err(why) = self.verified.accept(&self.config, release) {
            self.downloads.refused.push_back((instance, why));
        } else if self.repository.holds(&release.digest) {
            if first {
                self.store_code(&release.digest, out);
            }
            self.components.start(instance, out);
        } else if let Err(why) = self.want(release, Waiter::Instance(instance), sake) {
            self.downloads.refused.push_back((instance, why));
        }
    }

    /// Carries on with what could not be done in the midst of something else.
    pub(super) fn attend_downloads(&mut self, now: Instant, out: &mut Vec<Output>) {
        // Mostly there is nothing, and nothing need be made to see it.
        while !self.downloads.is_at_rest() {
            if let Some((instance, why)) = self.downloads.refused.pop_front() {
                self.component_failed(now, instance, &why, out);
            } else if let Some(claim) = self.downloads.new.pop_front() {
                self.seek(now, claim, out);
            } else if self.downloads.fetches.len() < self.config.limits.downloads
                && let Some(claim) = self.downloads.queue.pop_front()
            {
                let job = self.downloads.jobs.get(&claim);
                if let Some(Phase::Queued(source)) = job.map(|job| &job.phase) {
                    let source = source.clone();
                    self.begin_fetch(now, claim, source, out);
                }
            } else {
                return;
            }
        }
    }

    /// Sends an agent to find out where to read from.
    fn seek(&mut self, now: Instant, claim: Claim, out: &mut Vec<Output>) {
        self.give_way(&claim);
        let downloads = &mut *self.downloads;
        let Some(job) = downloads.jobs.get_mut(&claim) else {
            return;
        };
        if !matches!(job.phase, Phase::New) {
            return;
        }
        let timing = &self.config.timing;
        let parent = self.parent.clone();
        let ways = [self.config.name.next_hop(&job.release.home), parent];
        let cut_off = ways.iter().flatten().all(|way| !self.links.is_up(way));
        self.timers
            .set(Timer::Download(claim), now + timing.download);
        if cut_off && self.links.is_recovering() {
            job.phase = Phase::Parked;
            return;
        }
        downloads.last_agent += 1;
        let id = DownloadId {
            origin: self.config.name.clone(),
            life: self.incarnation,
            number: downloads.last_agent,
        };
        job.phase = Phase::Seeking(id.clone());
        job.asked = None;
        let agent = Download::new(
            id,
            Arc::clone(&job.release),
            self.config.code.strategy.clone(),
            job.avoid.clone(),
            // It is replaced before: the older one is to be there still when the newer
            // one takes its place.
            timing.download.saturating_mul(2),
        );
        self.let_go(now, agent, out);
    }

    /// The agent that a download awaits is back, or had nowhere to go.
    pub(super) fn source_found(&mut self, now: Instant, agent: Download, out: &mut Vec<Output>) {
        let claim = Claim::of(&agent.release);
        let Some(job) = self.downloads.jobs.get_mut(&claim) else {
            return;
        };
        job.lost = 0;
        job.avoid.extend(agent.avoid);
        if job.avoid.len() > MOST_SOURCES {
            return self.last_resort(now, claim, out);
        }
        let here = &self.config.name;
        let is_of_use =
            |place: &PlaceName| here.next_hop(place).is_some() && !job.avoid.contains(place);
        let home = job.release.home.clone();
        let source = match agent.found {
            Some(Ok(found)) if is_of_use(&found.source) => Some(found.source),
            Some(Err(nowhere)) => {
                job.why.push(nowhere.why);
                None
            }
            // Who answers that does not know what it says.
            Some(Ok(_)) | None => Some(home).filter(is_of_use),
        };
        match source {
            Some(source) => self.begin_fetch(now, claim, source, out),
            None => self.download_failed(now, &claim, out),
        }
    }

    /// Too many places were no use, or were said to be. Home is tried all the same, if it
    /// has not been: neighbours can make up as many holders as they like.
    pub(super) fn last_resort(&mut self, now: Instant, claim: Claim, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get_mut(&claim) else {
            return;
        };
        if !job.home_tried && self.config.name.next_hop(&claim.home).is_some() {
            let home = claim.home.clone();
            return self.begin_fetch(now, claim, home, out);
        }
        job.why.push("too many places were no use".to_owned());
        self.download_failed(now, &claim, out);
    }

    /// A download that is between two transfers lets another one of the same digest go
    /// first, so that one that leads nowhere does not keep it waiting.
    fn give_way(&mut self, claim: &Claim) {
        if !self.downloads.is_before(claim) {
            return;
        }
        if let Some(job) = self.downloads.jobs.get_mut(claim)
            && std::mem::take(&mut job.reserved)
        {
            self.repository.give_up(&claim.digest, job.bytes);
            self.downloads.next_of(claim.digest);
        }
    }

    /// The timer of a download.
    pub(super) fn download_timer(&mut self, now: Instant, claim: Claim, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get_mut(&claim) else {
            return;
        };
        match &job.phase {
            Phase::Pausing(source) => {
                let source = source.clone();
                self.begin_fetch(now, claim, source, out);
            }
            Phase::Seeking(_) if job.lost >= MOST_LOST => {
                job.why
                    .push("no agent that looked for it came back".to_owned());
                job.lost = 0;
                // Whoever sends agents to its default place can still do without it.
                match self.parent.clone() {
                    Some(parent) if job.avoid.insert(parent.clone()) => {
                        self.downloads.seek_again(claim);
                    }
                    _ => self.download_failed(now, &claim, out),
                }
            }
            Phase::Seeking(_) => {
                job.lost += 1;
                self.downloads.seek_again(claim);
            }
            Phase::Parked => self.downloads.seek_again(claim),
            Phase::New | Phase::Queued(_) | Phase::Fetching(..) => {}
        }
    }

    /// There is nothing left to try: whoever waited learns why.
    pub(super) fn download_failed(&mut self, now: Instant, claim: &Claim, out: &mut Vec<Output>) {
        let Some(job) = self.end_job(claim, out) else {
            return;
        };
        let reasons = job.why.join("; ");
        let why = format!(
            "{} could not be fetched: {reasons}",
            job.release.reference()
        );
        // It goes on in refusals, and from place to place.
        let why = Nowhere::new(why).why;
        for waiter in job.waiters {
            match waiter {
                Waiter::Instance(instance) => self.component_failed(now, instance, &why, out),
                Waiter::Guest(id) => self.deny_guest(&id, &why, out),
                Waiter::Order(request) => self.order_failed(request, &why, out),
                Waiter::Ahead(session) => self.no_longer_ahead(session, claim),
                Waiter::Locality => {}
            }
        }
    }

    /// Somebody no longer waits. When nobody does, the download is given up.
    pub(super) fn wait_no_longer(&mut self, claim: &Claim, waiter: &Waiter, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get_mut(claim) else {
            return;
        };
        job.waiters.remove(waiter);
        if job.waiters.is_empty() {
            self.end_job(claim, out);
        }
    }

    /// Takes a download out of all books.
    pub(super) fn end_job(&mut self, claim: &Claim, out: &mut Vec<Output>) -> Option<Job> {
        let job = self.downloads.jobs.remove(claim)?;
        self.timers.cancel(&Timer::Download(claim.clone()));
        if let Phase::Fetching(fetch, _) = &job.phase
            && self.downloads.fetches.remove(fetch).is_some()
        {
            // What was added meanwhile is whole.
            let keep = match self.repository.holds(&claim.digest) {
                true => job.release.length,
                false => job.bytes,
            };
            let fetch = *fetch;
            out.push(Output::CancelFetch { fetch, keep });
        }
        self.downloads.queue.retain(|queued| queued != claim);
        if job.reserved {
            self.repository.give_up(&claim.digest, job.bytes);
            self.downloads.next_of(claim.digest);
        }
        Some(job)
    }
}
