//! Download agents at this place: those that it sends, those that pass, and guests,
//! which wait here until the place is getting what they look for.

use std::collections::BTreeSet;

use waybook_agents::{
    Download, DownloadId, DownloadStep, Found, Incarnation, Message, Site, Standing,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

use super::Place;
use super::catalogue::Catalogue;
use super::downloads::{Claim, Downloads, Waiter};
use super::links::Links;
use super::repository::Repository;
use super::timers::Timer;
use crate::Instant;
use crate::io::Output;

/// Guests of one neighbour for each transfer that there may be at one time: a quarter of
/// the downloads that may be under way.
const GUESTS_PER_TRANSFER: usize = 4;

/// The place as a download agent sees it.
struct Here<'a> {
    name: &'a PlaceName,
    links: &'a Links,
    repository: &'a Repository,
    downloads: &'a Downloads,
    catalogue: &'a Catalogue,
}

impl Site for Here<'_> {
    fn here(&self) -> &PlaceName {
        self.name
    }

    fn reaches(&self, neighbour: &PlaceName) -> bool {
        // One that speaks an older version knows of no such agents.
        self.links.version(neighbour).is_some_and(|v| v >= 2)
    }

    fn standing(&self, release: &Release) -> Standing {
        if self.repository.holds(&release.digest) {
            Standing::Held
        } else if self.downloads.is_coming(release) {
            Standing::Coming
        } else {
            Standing::Absent
        }
    }

    fn holder_below(
        &self,
        digest: &Digest,
        to: &PlaceName,
        avoid: &BTreeSet<PlaceName>,
    ) -> Option<PlaceName> {
        let useful = |place: &&PlaceName| {
            let way = self.name.next_hop(place);
            *place != to && !avoid.contains(*place) && way.is_some_and(|way| self.reaches(&way))
        };
        let holders = self.catalogue.holders(digest).filter(useful);
        holders
            .min_by_key(|place| (to.distance(place), *place))
            .cloned()
    }
}

impl Place {
    /// A download agent has come here.
    pub(super) fn download(
        &mut self,
        now: Instant,
        from: &PlaceName,
        mut agent: Download,
        out: &mut Vec<Output>,
    ) {
        let rule = self.strategies.download_rule(&agent.strategy).ok();
        if agent.check(rule, from, &self.config.name).is_err() {
            self.counters.refused_messages += 1;
            return;
        }
        if agent.remaining.is_zero() {
            self.counters.fenced += 1;
            return;
        }
        agent.arrive(&self.config.name);
        let is_home_again = agent.previous().is_none();
        if is_home_again && !self.downloads.awaits(&agent, from) {
            self.counters.fenced += 1;
        } else if agent.found.is_none() {
            self.let_go(now, agent, out);
        } else if is_home_again {
            self.source_found(now, agent, out);
        } else {
            self.send_back(agent, out);
        }
    }

    /// Lets an agent that is here decide, and does what it says. One whose strategy is not
    /// known here goes back.
    pub(super) fn let_go(&mut self, now: Instant, mut agent: Download, out: &mut Vec<Output>) {
        let rule = match self.strategies.download_rule(&agent.strategy) {
            Ok(rule) => rule,
            Err(why) => {
                agent.found = Some(agent.denied(&self.config.name, &why));
                return self.send_back(agent, out);
            }
        };
        let site = Here {
            name: &self.config.name,
            links: &self.links,
            repository: &self.repository,
            downloads: &self.downloads,
            catalogue: &self.catalogue,
        };
        let step = match rule.step(&mut agent, &site) {
            // It would wait for itself.
            DownloadStep::Obtain if agent.previous().is_none() => {
                DownloadStep::Return(agent.home_or("its strategy has its origin wait for itself"))
            }
            step => step,
        };
        match step {
            DownloadStep::Go(to) => {
                if agent.id.origin == self.config.name
                    && let Some(job) = self.downloads.jobs.get_mut(&Claim::of(&agent.release))
                {
                    job.asked = Some(to.clone());
                }
                self.send_agent(&to, agent, out);
            }
            DownloadStep::Return(found) => {
                agent.found = Some(found);
                if agent.previous().is_none() {
                    self.source_found(now, agent, out);
                } else {
                    self.send_back(agent, out);
                }
            }
            DownloadStep::Obtain => self.receive_guest(now, agent, out),
        }
    }

    fn send_back(&self, agent: Download, out: &mut Vec<Output>) {
        if let Some(to) = agent.previous().cloned() {
            self.send_agent(&to, agent, out);
        }
    }

    fn send_agent(&self, to: &PlaceName, mut agent: Download, out: &mut Vec<Output>) {
        let margin = self.config.timing.setup_margin;
        agent.remaining = agent.remaining.saturating_sub(margin);
        self.send(to, Message::Download(agent), out);
    }

    /// An agent waits here until this place is getting the code for itself.
    fn receive_guest(&mut self, now: Instant, mut agent: Download, out: &mut Vec<Output>) {
        let id = agent.id.clone();
        let first = DownloadId {
            origin: id.origin.clone(),
            life: Incarnation(0),
            number: 0,
        };
        // A neighbour may send agents of as many places behind it as it likes to think of.
        let from = agent.previous().cloned();
        let guests = self.downloads.guests.values();
        let mut count = guests.filter(|g| g.previous() == from.as_ref()).count();
        let of_origin = self.downloads.guests.range(first..);
        let of_origin = of_origin.take_while(|(guest, _)| guest.origin == id.origin);
        let claim = Claim::of(&agent.release);
        let mut older = Vec::new();
        for (guest, waiting) in of_origin {
            let is_same = Claim::of(&waiting.release) == claim;
            if is_same && *guest > id || !is_same && *guest == id {
                // It was overtaken by the one that replaces it; or its number was used
                // before, for something else.
                self.counters.fenced += 1;
                return;
            } else if is_same {
                older.push(guest.clone());
                count = count.saturating_sub(1);
            }
        }
        let most = self.config.limits.downloads;
        let wanted = if count >= most.saturating_mul(GUESTS_PER_TRANSFER) {
            self.counters.limited += 1;
            Err(format!("limit `downloads` = {most} is reached"))
        } else {
            let waiter = Waiter::Guest(id.clone());
            self.want(&agent.release, waiter, from.as_ref())
        };
        if let Err(why) = wanted {
            agent.found = Some(agent.denied(&self.config.name, &why));
            return self.send_back(agent, out);
        }
        // The older one is lost to its origin, or this one would not have been sent.
        for older in older.into_iter().filter(|older| *older != id) {
            self.dismiss_guest(&older, out);
        }
        let longest = self.config.timing.download.saturating_mul(2);
        let until = now + agent.remaining.min(longest);
        self.timers.set(Timer::Guest(id.clone()), until);
        self.downloads.guests.insert(id, agent);
    }

    /// The code is coming here, or is here: guests go back with that.
    pub(super) fn wake_guests(&mut self, claim: &Claim, out: &mut Vec<Output>) {
        let Some(job) = self.downloads.jobs.get(claim) else {
            return;
        };
        // Those who look for the same bytes with another home can read them here too.
        let same = self.downloads.same_bytes(&job.release);
        let same: Vec<_> = same.map(|(claim, _)| claim.clone()).collect();
        let mut guests = Vec::new();
        for other in &same {
            let Some(job) = self.downloads.jobs.get_mut(other) else {
                continue;
            };
            job.waiters.retain(|waiter| match waiter {
                Waiter::Guest(id) => {
                    guests.push(id.clone());
                    false
                }
                _ => true,
            });
            if job.waiters.is_empty() && other != claim {
                self.end_job(other, out);
            }
        }
        if !guests.is_empty()
            && let Some(job) = self.downloads.jobs.get_mut(claim)
        {
            // They will read it here, so it has to come.
            job.waiters.insert(Waiter::Locality);
        }
        for id in guests {
            self.timers.cancel(&Timer::Guest(id.clone()));
            if let Some(mut agent) = self.downloads.guests.remove(&id) {
                let source = self.config.name.clone();
                agent.found = Some(Ok(Found { source }));
                self.send_back(agent, out);
            }
        }
    }

    /// This place cannot get the code.
    pub(super) fn deny_guest(&mut self, id: &DownloadId, why: &str, out: &mut Vec<Output>) {
        self.timers.cancel(&Timer::Guest(id.clone()));
        if let Some(mut agent) = self.downloads.guests.remove(id) {
            agent.found = Some(agent.denied(&self.config.name, why));
            self.send_back(agent, out);
        }
    }

    /// A guest has waited for so long that nobody awaits it any more.
    pub(super) fn dismiss_guest(&mut self, id: &DownloadId, out: &mut Vec<Output>) {
        self.timers.cancel(&Timer::Guest(id.clone()));
        if let Some(agent) = self.downloads.guests.remove(id) {
            let waiter = Waiter::Guest(id.clone());
            self.wait_no_longer(&Claim::of(&agent.release), &waiter, out);
        }
    }

    /// A neighbour has begun a new life: what it sent in the older one is awaited no more.
    pub(super) fn dismiss_guests_of(&mut self, neighbour: &PlaceName, out: &mut Vec<Output>) {
        let guests = self.downloads.guests.keys();
        let gone: Vec<_> = guests
            .filter(|id| id.origin == *neighbour)
            .cloned()
            .collect();
        for id in gone {
            self.dismiss_guest(&id, out);
        }
    }
}
