//! Transfers: code that is read from a source, and what comes of it.

use std::sync::Arc;

use waybook_agents::{State, Step, Transferred};
use waybook_location_tree::PlaceName;
use waybook_plan::Digest;

use super::Place;
use super::downloads::{Claim, Job, MOST_SOURCES, Phase, Waiter};
use super::hops::Hop;
use super::repository::Evicted;
use super::timers::Timer;
use crate::Instant;
use crate::io::{FetchFailure, FetchId, InstanceId, Output};

/// How often a transfer that broke is resumed from the same source, with no byte gained
/// in between.
const MOST_RESUMED: u32 = 4;

impl Place {
    /// There is a source: reads from it, or waits until other transfers have ended.
    pub(super) fn begin_fetch(
        &mut self,
        now: Instant,
        claim: Claim,
        source: PlaceName,
        out: &mut Vec<Output>,
    ) {
        let limits = self.config.limits;
        let is_behind = self.downloads.is_behind(&claim);
        let downloads = &mut *self.downloads;
        let Some(job) = downloads.jobs.get_mut(&claim) else {
            return;
        };
        self.timers.cancel(&Timer::Download(claim.clone()));
        if is_behind {
            job.phase = Phase::Queued(source);
            return;
        }
        if downloads.fetches.len() >= limits.downloads {
            job.phase = Phase::Queued(source);
            return downloads.queue.push_back(claim);
        }
        job.home_tried |= source == claim.home;
        if !job.reserved {
            // Others may have had their turn since it was wanted.
            job.bytes = self.repository.part(&job.release);
            match self.repository.reserve(&job.release, limits.repository) {
                Ok(gone) => {
                    job.reserved = true;
                    self.evicted(&gone, out);
                }
                Err(why) => {
                    job.why.push(why);
                    return self.download_failed(now, &claim, out);
                }
            }
        }
        let downloads = &mut *self.downloads;
        let Some(job) = downloads.jobs.get_mut(&claim) else {
            return;
        };
        downloads.last_fetch += 1;
        let fetch = FetchId(downloads.last_fetch);
        downloads.fetches.insert(fetch, claim.clone());
        job.phase = Phase::Fetching(fetch, source.clone());
        job.flows = false;
        let release = Arc::clone(&job.release);
        out.push(Output::Fetch {
            fetch,
            release,
            source,
        });
        self.tell_transferred(&claim, out);
    }

    /// So much of a transfer is here.
    pub(super) fn fetch_progress(&mut self, fetch: FetchId, bytes: u64, out: &mut Vec<Output>) {
        let Some(claim) = self.downloads.fetches.get(&fetch).cloned() else {
            return;
        };
        let Some(job) = self.downloads.jobs.get_mut(&claim) else {
            return;
        };
        let bytes = bytes.min(job.release.length);
        let gained = bytes.saturating_sub(job.bytes);
        self.counters.fetched_bytes += gained;
        job.bytes = bytes;
        // What was here before says nothing of whether more will come.
        if gained > 0 {
            job.flows = true;
            job.unready = false;
            self.wake_guests(&claim, out);
        }
        self.tell_transferred(&claim, out);
    }

    /// The code is here.
    pub(super) fn fetched(&mut self, fetch: FetchId, out: &mut Vec<Output>) {
        let Some(claim) = self.downloads.fetches.remove(&fetch) else {
            return;
        };
        if let Some(job) = self.downloads.jobs.get(&claim) {
            self.counters.fetched += 1;
            self.counters.fetched_bytes += job.release.length.saturating_sub(job.bytes);
        }
        self.repository.complete(&claim.digest);
        self.code_is_here(claim.digest, out);
    }

    /// Code is held from now on, whatever way it came: whoever waited for it goes on,
    /// however it was described to him.
    pub(super) fn code_is_here(&mut self, digest: Digest, out: &mut Vec<Output>) {
        self.store_code(&digest, out);
        if let Some(held) = self.repository.get(&digest) {
            self.say_held(&held.release, held.added, out);
        }
        let claims = self.downloads.of_digest(digest);
        let claims: Vec<_> = claims.map(|(claim, _)| claim.clone()).collect();
        for claim in claims {
            self.wake_guests(&claim, out);
            let Some(job) = self.end_job(&claim, out) else {
                continue;
            };
            for waiter in job.waiters {
                match waiter {
                    Waiter::Instance(instance) => self.components.start(instance, out),
                    Waiter::Order(request) => self.order_got(request, digest, out),
                    Waiter::Ahead(session) => self.no_longer_ahead(session, &claim),
                    Waiter::Guest(_) | Waiter::Locality => {}
                }
            }
        }
    }

    /// A transfer ended early.
    pub(super) fn fetch_failed(
        &mut self,
        now: Instant,
        fetch: FetchId,
        failure: FetchFailure,
        out: &mut Vec<Output>,
    ) {
        let Some(claim) = self.downloads.fetches.remove(&fetch) else {
            return;
        };
        self.counters.fetch_failures += 1;
        let Some(job) = self.downloads.jobs.get_mut(&claim) else {
            return;
        };
        let Phase::Fetching(_, source) = &job.phase else {
            return;
        };
        let source = source.clone();
        let why = match failure {
            FetchFailure::Cut => {
                let gained = job.bytes > job.mark;
                job.broke = if gained { 1 } else { job.broke + 1 };
                job.mark = job.bytes;
                if job.broke <= MOST_RESUMED {
                    let pause = self.config.timing.resume.saturating_mul(1 << job.broke) / 2;
                    job.phase = Phase::Pausing(source);
                    let at = self.jittered(now, pause);
                    return self.timers.set(Timer::Download(claim), at);
                }
                format!("the connection to {source} broke again and again")
            }
            FetchFailure::Slow => format!("{source} stopped sending, or sent too slowly"),
            // Its own transfer broke, most likely: an agent can wait there until it goes on.
            FetchFailure::NotHeld
                if self.parent.as_ref() == Some(&source)
                    && !std::mem::replace(&mut job.unready, true) =>
            {
                return self.downloads.seek_again(claim);
            }
            FetchFailure::NotHeld => format!("{source} does not have it"),
            FetchFailure::Lying(what) => {
                self.counters.lies += 1;
                format!("{source} sent something else: {what}")
            }
            FetchFailure::Disk(what) => {
                let wanted = job.release.length - job.bytes.min(job.release.length);
                let first = !std::mem::replace(&mut job.freed, true);
                let gone = if first {
                    self.repository.free(wanted, &claim.digest)
                } else {
                    Vec::new()
                };
                if !gone.is_empty() {
                    self.evicted(&gone, out);
                    return self.begin_fetch(now, claim, source, out);
                }
                job.why.push(format!("it could not be written: {what}"));
                return self.download_failed(now, &claim, out);
            }
        };
        job.why.push(why);
        job.avoid.insert(source);
        job.broke = 0;
        if job.avoid.len() > MOST_SOURCES {
            return self.last_resort(now, claim, out);
        }
        self.downloads.seek_again(claim);
    }

    /// Tells those who watch how far code for their sessions has come.
    fn tell_transferred(&self, claim: &Claim, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get(claim) else {
            return;
        };
        for waiter in &job.waiters {
            let Waiter::Instance(instance) = waiter else {
                continue;
            };
            for session in self.components.users(*instance) {
                if let Some(hop) = self.hops.get(&session) {
                    self.tell_transfer(hop, *instance, job, out);
                }
            }
        }
    }

    /// Tells the client of a hop, if it watches, how far the code of its components has
    /// come that is not here.
    pub(super) fn tell_awaited(&self, hop: &Hop, out: &mut Vec<Output>) {
        for one in &hop.uses {
            let release = self.components.awaited(one.instance);
            let job = release.and_then(|release| self.downloads.jobs.get(&Claim::of(release)));
            if let Some(job) = job {
                self.tell_transfer(hop, one.instance, job, out);
            }
        }
    }

    fn tell_transfer(&self, hop: &Hop, instance: InstanceId, job: &Job, out: &mut Vec<Output>) {
        let used = hop.uses.iter().find(|one| one.instance == instance);
        let Some(used) = used.filter(|_| hop.visitor.is_watched()) else {
            return;
        };
        if hop.visitor.state() != State::Waiting {
            return;
        }
        let transferred = Transferred {
            component: job.release.reference(),
            from: job.source().cloned(),
            bytes: job.bytes,
            length: job.release.length,
            before: used.before,
        };
        let solution = hop.visitor.solution().number;
        self.tell_progress(hop, solution, Step::Downloading(transferred), out);
    }

    /// The disk has not kept code: it is neither offered nor run from here any more, and
    /// whoever needs it next fetches it.
    pub(super) fn code_lost(&mut self, digest: &Digest, out: &mut Vec<Output>) {
        if self.repository.holds(digest) {
            self.repository.remove(digest);
            self.forget_code(digest, out);
            self.say_dropped(digest, out);
        }
    }

    /// What went to make room is gone for good.
    pub(super) fn evicted(&mut self, gone: &[Evicted], out: &mut Vec<Output>) {
        for Evicted { digest, whole } in gone {
            self.counters.evicted += 1;
            out.push(Output::Evict { digest: *digest });
            if *whole {
                self.forget_code(digest, out);
                self.say_dropped(digest, out);
            } else {
                self.downloads.lost_its_part(digest);
            }
        }
    }
}
