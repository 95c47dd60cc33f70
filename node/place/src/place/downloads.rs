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

/// Downloads under way for each transfer that there may be at one time; beyond, what is
/// wanted is refused.
const DOWNLOADS_PER_TRANSFER: usize = 16;
/// How many agents in a row may be lost.
const MOST_LOST: u32 = 5;
/// How many sources are tried.
pub(super) const MOST_SOURCES: usize = 16;

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
#[derive(Debug)]
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

#[derive(Debug)]
pub(super) struct Job {
    pub(super) release: Arc<Release>,
    pub(super) waiters: BTreeSet<Waiter>,
    pub(super) phase: Phase,
    /// Sources that were no use.
    pub(super) avoid: BTreeSet<PlaceName>,
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
#[derive(Debug, Default)]
pub(super) struct Downloads {
    pub(super) jobs: BTreeMap<Digest, Job>,
    pub(super) fetches: BTreeMap<FetchId, Digest>,
    /// Downloads that have a source and wait for other transfers to end.
    pub(super) queue: VecDeque<Digest>,
    /// Downloads for which a source is to be sought.
    new: VecDeque<Digest>,
    /// Components whose code may not be had, with the reason.
    refused: VecDeque<(InstanceId, String)>,
    pub(super) last_fetch: u64,
    last_agent: u64,
    /// Agents of neighbours that wait here.
    pub(super) guests: BTreeMap<DownloadId, Download>,
    /// What sessions will need further on, as far as it is on its way.
    pub(super) ahead: BTreeMap<SessionId, BTreeSet<Digest>>,
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
    pub(super) fn is_coming(&self, digest: &Digest) -> bool {
        let job = self.jobs.get(digest).filter(|job| job.flows);
        job.is_some_and(|job| matches!(job.phase, Phase::Fetching(..)))
    }

    /// Whether that agent is the one that a download has sent last.
    pub(super) fn awaits(&self, agent: &Download) -> bool {
        let job = self.jobs.get(&agent.release.digest);
        job.is_some_and(|job| matches!(&job.phase, Phase::Seeking(id) if *id == agent.id))
    }

    /// How many bytes of code that is wanted are here.
    pub(super) fn bytes(&self, digest: &Digest) -> u64 {
        self.jobs.get(digest).map_or(0, |job| job.bytes)
    }

    pub(super) fn seek_again(&mut self, digest: Digest) {
        if let Some(job) = self.jobs.get_mut(&digest) {
            job.phase = Phase::New;
            self.new.push_back(digest);
        }
    }

    /// Those that wait for a connection wait no longer.
    pub(super) fn unpark(&mut self) {
        let parked = self.jobs.iter();
        let parked: Vec<_> = parked
            .filter(|(_, job)| matches!(job.phase, Phase::Parked))
            .map(|(digest, _)| *digest)
            .collect();
        for digest in parked {
            self.seek_again(digest);
        }
    }
}

impl Place {
    /// Somebody wants code that is not here. What comes of it is said later, to all who
    /// want it.
    ///
    /// # Errors
    /// Why it may not be had at all.
    pub(super) fn want(&mut self, release: &Arc<Release>, waiter: Waiter) -> Result<(), String> {
        self.verified.accept(&self.config, release)?;
        let digest = release.digest;
        if let Some(job) = self.downloads.jobs.get_mut(&digest) {
            job.waiters.insert(waiter);
            return Ok(());
        }
        let most = self.config.limits.downloads;
        if self.downloads.jobs.len() >= most.saturating_mul(DOWNLOADS_PER_TRANSFER) {
            return Err(format!(
                "limit `downloads` = {most} is reached, and so many are waiting that no more are \
                 let in"
            ));
        }
        let job = Job {
            release: Arc::clone(release),
            waiters: BTreeSet::from([waiter]),
            phase: Phase::New,
            avoid: BTreeSet::new(),
            why: Vec::new(),
            bytes: self.repository.part(&digest),
            reserved: false,
            broke: 0,
            mark: 0,
            lost: 0,
            freed: false,
            flows: false,
            unready: false,
        };
        self.downloads.jobs.insert(digest, job);
        self.downloads.new.push_back(digest);
        Ok(())
    }

    /// An instance is to run code that is brought along: starts it, or has the code
    /// fetched first. Nothing of it comes back before [`Place::attend_downloads`].
    pub(super) fn start_with_code(
        &mut self,
        instance: InstanceId,
        release: &Arc<Release>,
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
        } else if let Err(why) = self.want(release, Waiter::Instance(instance)) {
            self.downloads.refused.push_back((instance, why));
        }
    }

    /// Carries on with what could not be done in the midst of something else.
    pub(super) fn attend_downloads(&mut self, now: Instant, out: &mut Vec<Output>) {
        loop {
            if let Some((instance, why)) = self.downloads.refused.pop_front() {
                self.component_failed(now, instance, &why, out);
            } else if let Some(digest) = self.downloads.new.pop_front() {
                self.seek(now, digest, out);
            } else if self.downloads.fetches.len() < self.config.limits.downloads
                && let Some(digest) = self.downloads.queue.pop_front()
            {
                let job = self.downloads.jobs.get(&digest);
                if let Some(Phase::Queued(source)) = job.map(|job| &job.phase) {
                    let source = source.clone();
                    self.begin_fetch(now, digest, source, out);
                }
            } else {
                return;
            }
        }
    }

    /// Sends an agent to find out where to read from.
    fn seek(&mut self, now: Instant, digest: Digest, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get_mut(&digest) else {
            return;
        };
        if !matches!(job.phase, Phase::New) {
            return;
        }
        let timing = &self.config.timing;
        let parent = self.config.name.parent();
        let ways = [self.config.name.next_hop(&job.release.home), parent];
        let cut_off = ways.iter().flatten().all(|way| !self.links.is_up(way));
        self.timers
            .set(Timer::Download(digest), now + timing.download);
        if cut_off && self.links.is_recovering() {
            job.phase = Phase::Parked;
            return;
        }
        self.downloads.last_agent += 1;
        let id = DownloadId {
            origin: self.config.name.clone(),
            life: self.incarnation,
            number: self.downloads.last_agent,
        };
        job.phase = Phase::Seeking(id.clone());
        let agent = Download::new(
            id,
            Arc::clone(&job.release),
            self.config.code.strategy,
            job.avoid.clone(),
            // It is replaced before: the older one is to be there still when the newer
            // one takes its place.
            timing.download.saturating_mul(2),
        );
        self.let_go(now, agent, out);
    }

    /// The agent that a download awaits is back, or had nowhere to go.
    pub(super) fn source_found(&mut self, now: Instant, agent: Download, out: &mut Vec<Output>) {
        let digest = agent.release.digest;
        let Some(job) = self.downloads.jobs.get_mut(&digest) else {
            return;
        };
        job.lost = 0;
        job.avoid.extend(agent.avoid);
        if job.avoid.len() > MOST_SOURCES {
            job.why.push("too many places were no use".to_owned());
            return self.download_failed(now, digest, out);
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
            Some(source) => self.begin_fetch(now, digest, source, out),
            None => self.download_failed(now, digest, out),
        }
    }

    /// The timer of a download.
    pub(super) fn download_timer(&mut self, now: Instant, digest: Digest, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get_mut(&digest) else {
            return;
        };
        match &job.phase {
            Phase::Pausing(source) => {
                let source = source.clone();
                self.begin_fetch(now, digest, source, out);
            }
            Phase::Seeking(_) if job.lost >= MOST_LOST => {
                job.why
                    .push("no agent that looked for it came back".to_owned());
                job.lost = 0;
                // Whoever sends agents to its default place can still do without it.
                match self.config.name.parent() {
                    Some(parent) if job.avoid.insert(parent.clone()) => {
                        self.downloads.seek_again(digest);
                    }
                    _ => self.download_failed(now, digest, out),
                }
            }
            Phase::Seeking(_) => {
                job.lost += 1;
                self.downloads.seek_again(digest);
            }
            Phase::Parked => self.downloads.seek_again(digest),
            Phase::New | Phase::Queued(_) | Phase::Fetching(..) => {}
        }
    }

    /// There is nothing left to try: whoever waited learns why.
    pub(super) fn download_failed(&mut self, now: Instant, digest: Digest, out: &mut Vec<Output>) {
        let Some(job) = self.end_job(&digest, out) else {
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
                Waiter::Ahead(session) => self.no_longer_ahead(session, &digest),
                Waiter::Locality => {}
            }
        }
    }

    /// Somebody no longer waits. When nobody does, the download is given up.
    pub(super) fn wait_no_longer(
        &mut self,
        digest: &Digest,
        waiter: &Waiter,
        out: &mut Vec<Output>,
    ) {
        let Some(job) = self.downloads.jobs.get_mut(digest) else {
            return;
        };
        job.waiters.remove(waiter);
        if job.waiters.is_empty() {
            self.end_job(digest, out);
        }
    }

    /// Takes a download out of all books.
    pub(super) fn end_job(&mut self, digest: &Digest, out: &mut Vec<Output>) -> Option<Job> {
        let job = self.downloads.jobs.remove(digest)?;
        self.timers.cancel(&Timer::Download(*digest));
        if let Phase::Fetching(fetch, _) = &job.phase
            && self.downloads.fetches.remove(fetch).is_some()
        {
            // What was added meanwhile is whole.
            let keep = match self.repository.holds(digest) {
                true => job.release.length,
                false => job.bytes,
            };
            let fetch = *fetch;
            out.push(Output::CancelFetch { fetch, keep });
        }
        self.downloads.queue.retain(|queued| queued != digest);
        if job.reserved {
            self.repository.give_up(digest, job.bytes);
        }
        Some(job)
    }
}
