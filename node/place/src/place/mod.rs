//! The place itself: one state machine, in rooms.
//!
//! This file holds what all rooms share and sends every input to its room:
//! `links` (neighbours), `children` (those that are gone) and `blame`, `visits`, `hops`, `handoff`
//! and `running` (agents and what they want done), `feeds` (leases), `pace` (how much a neighbour
//! is asked at a time), `opens` and `clients`, `questions` (searches) with `climbing` (on their way
//! up) and `surveys`, `index` and `summaries` (metadata), `records` (what survives a restart). Code
//! that is brought along has its own: `downloads`, `porters` and `transfers` (from the wish, by
//! agents that find out where it is, to the bytes), `ahead`, `catalogue` and `resolve` (who holds
//! what, and what names stand for), `orders` (the operator's). `withholding` is what an operator
//! keeps from being booked. `ledger`, `components`,
//! `repository`, `trust`, `turns` and `timers` know nothing of the others.

mod ahead;
mod alarms;
mod answers;
mod blame;
mod catalogue;
mod children;
mod clients;
mod climbing;
mod components;
mod cuts;
mod downloads;
mod feeds;
mod fences;
mod handoff;
mod hops;
mod index;
mod ledger;
mod links;
mod local;
#[cfg(test)]
mod model;
mod opens;
mod orders;
mod pace;
mod porters;
mod questions;
mod reconcile;
mod records;
mod repository;
mod resolve;
mod running;
mod searches;
mod settings;
mod shares;
mod summaries;
mod surveys;
mod timers;
mod transfers;
mod trust;
mod turns;
mod views;
mod visits;
mod withholding;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use waybook_agents::{Incarnation, Message, SessionId, State};
use waybook_location_tree::PlaceName;

use crate::io::{Input, Output, RecordKey, RequestId};
use crate::lazy::Lazy;
use crate::{Counters, Instant, Refusals, Settings, Strategies};

use catalogue::Catalogue;
use climbing::Climbing;
use components::Components;
use downloads::Downloads;
use feeds::Feeds;
use fences::Fences;
use hops::{Edges, Hop};
use index::Index;
pub use ledger::{Account, Ledger};
use links::Links;
#[cfg(test)]
pub(crate) use model::from_now;
use opens::Opens;
use orders::Prefetch;
pub use orders::{code_record, part_record};
use pace::Pace;
use questions::Questions;
use repository::Repository;
use summaries::Summaries;
use timers::{Timer, Timers};
use trust::Verified;
use withholding::Withholding;

/// A place.
///
/// The driver's contract: after [`Place::new`] and after every [`Place::handle`] it
/// carries out the outputs in order, and it hands in [`Input::Tick`] at
/// [`Place::next_timeout`]. Time never goes backwards. Outputs are effects already
/// decided: a driver may lose one only where [`Output`] says so.
pub struct Place {
    config: Settings,
    /// The default place of the locality that this place lies in; none for the root.
    parent: Option<PlaceName>,
    incarnation: Incarnation,
    rng: Chance,
    strategies: Arc<Strategies>,
    counters: Counters,
    timers: Timers,
    links: Links,
    ledger: Ledger,
    components: Lazy<Components>,
    hops: BTreeMap<SessionId, Box<Hop>>,
    /// How many of the hops are not established yet.
    setups: usize,
    edges: Edges,
    fences: Fences,
    feeds: Lazy<Feeds>,
    pace: Pace,
    opens: Lazy<Opens>,
    questions: Lazy<Questions>,
    climbing: Lazy<Climbing>,
    index: Lazy<Index>,
    summaries: Lazy<Summaries>,
    repository: Lazy<Repository>,
    downloads: Lazy<Downloads>,
    catalogue: Lazy<Catalogue>,
    verified: Verified,
    orders: BTreeMap<RequestId, Prefetch>,
    withholding: Lazy<Withholding>,
    keeps_sessions: bool,
    /// For whom agents have acted since somebody asked; none if nobody asks.
    acted: Option<Vec<SessionId>>,
}

/// What a place draws from: its seed, until it draws for the first time.
enum Chance {
    Seed([u8; 32]),
    Stream(Box<StdRng>),
}

impl Chance {
    fn stream(&mut self) -> &mut StdRng {
        if let Self::Seed(seed) = self {
            *self = Self::Stream(Box::new(StdRng::from_seed(*seed)));
        }
        match self {
            Self::Stream(stream) => stream,
            Self::Seed(_) => unreachable!("it has just been made a stream"),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("name", &self.config.name)
            .field("incarnation", &self.incarnation)
            .field("hops", &self.hops.len())
            .finish_non_exhaustive()
    }
}

impl Place {
    /// A place at the start of a life: with the records that earlier lives stored, and
    /// a seed for all it draws. The outputs restore what the records say.
    ///
    /// # Errors
    /// A sentence on the setting or record that is wrong; nothing has been done then.
    pub fn new(
        config: impl Into<Settings>,
        incarnation: Incarnation,
        seed: [u8; 32],
        records: Vec<(RecordKey, Vec<u8>)>,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Result<Self, String> {
        Self::with_strategies(config, incarnation, seed, records, Arc::default(), now, out)
    }

    /// As [`Place::new`], with other strategies to choose from.
    ///
    /// # Errors
    /// As [`Place::new`].
    pub fn with_strategies(
        config: impl Into<Settings>,
        incarnation: Incarnation,
        seed: [u8; 32],
        records: Vec<(RecordKey, Vec<u8>)>,
        strategies: Arc<Strategies>,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Result<Self, String> {
        let config = config.into();
        config.timing.check()?;
        strategies.decision_maker(&config.strategy)?;
        strategies.download_rule(&config.code.strategy)?;
        let mut place = Self {
            ledger: Ledger::default(),
            parent: config.name.parent(),
            config,
            incarnation,
            rng: Chance::Seed(seed),
            strategies,
            counters: Counters::default(),
            timers: Timers::default(),
            links: Links::default(),
            components: Lazy::default(),
            hops: BTreeMap::new(),
            setups: 0,
            edges: Edges::default(),
            fences: Fences::default(),
            feeds: Lazy::default(),
            pace: Pace::default(),
            opens: Lazy::default(),
            questions: Lazy::default(),
            climbing: Lazy::default(),
            index: Lazy::default(),
            summaries: Lazy::default(),
            repository: Lazy::default(),
            downloads: Lazy::default(),
            catalogue: Lazy::default(),
            verified: Verified::default(),
            orders: BTreeMap::new(),
            withholding: Lazy::default(),
            keeps_sessions: true,
            acted: None,
        };
        place.restore(records, now, out)?;
        place.attend_downloads(now, out);
        Ok(place)
    }

    /// Takes one input; what is to be done about it is appended to `out`.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Vec<Output>) {
        while let Some(timer) = self.timers.pop(now) {
            self.timer(now, timer, out);
        }
        match input {
            Input::Tick => {}
            Input::LinkUp {
                neighbour,
                incarnation,
                version,
            } => {
                self.link_up(now, &neighbour, incarnation, version, out);
            }
            Input::LinkDown { neighbour } => self.link_down(now, &neighbour, out),
            Input::Received { from, envelope } => {
                let before = Refusals::from(&self.counters);
                if self.accepts(&from, &envelope) {
                    self.received(now, &from, envelope.message, out);
                }
                self.reckon(&from, before);
            }
            Input::Open(request) => self.open(now, request, out),
            Input::Cancel { request } => self.cancel(now, request, out),
            Input::DryRun(request) => self.dry_run(now, request, out),
            Input::Claim { session } | Input::Active { session } => self.claim(now, session, out),
            Input::Away { session, away } => self.been_away(now, session, away),
            Input::Close { session } => {
                self.close(now, session, crate::io::EndReason::Closed, out);
            }
            Input::Publish { presentation } => self.publish(now, presentation, out),
            Input::Withdraw { title } => self.withdraw(now, &title, out),
            Input::Code { request, order } => self.order(now, request, order, out),
            Input::FetchProgress { fetch, bytes } => self.fetch_progress(fetch, bytes, out),
            Input::Fetched { fetch } => self.fetched(fetch, out),
            Input::FetchFailed { fetch, failure } => self.fetch_failed(now, fetch, failure, out),
            Input::CodeLost { digest } => self.code_lost(&digest, out),
            Input::Strategy(strategy) => {
                // One that is not known here would lead no agent anywhere.
                if self.strategies.download_rule(&strategy).is_ok() {
                    Arc::make_mut(&mut self.config.common).code.strategy = strategy;
                }
            }
            Input::Drain { deadline } => self.drain(now, deadline, out),
            Input::Undrain => self.undrain(now, out),
            Input::Cordon { resource, cordoned } => self.cordon(now, resource, cordoned, out),
            Input::Reload(common) => self.reload(now, &common),
            Input::ComponentUp { instance, endpoint } => {
                for session in self.components.up(instance, endpoint, now) {
                    self.components_changed(now, session, out);
                }
            }
            Input::ComponentFailed { instance, why } => {
                self.component_failed(now, instance, &why, out);
            }
        }
        self.attend_downloads(now, out);
    }

    /// When the place wants an [`Input::Tick`] at the latest.
    #[must_use]
    #[inline]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn timer(&mut self, now: Instant, timer: Timer, out: &mut Vec<Output>) {
        match timer {
            Timer::Hop(session) => self.hop_timer(now, session, out),
            Timer::Fences => self.forget_fences(now),
            Timer::Releases => self.releases_timer(now, out),
            Timer::FeedSetups(to) => self.feed_setups(now, to, out),
            Timer::FeedSessions(to) => self.feed_sessions(now, to, out),
            Timer::Question(id) => self.question_timer(now, id, out),
            Timer::Climbing => self.climbing_timer(now, out),
            Timer::Retry(request) => self.retry(now, request, out),
            Timer::IndexGrace(child) => self.forget_locality(now, &child, out),
            Timer::Summary => self.tell_summaries(now, out),
            Timer::Download(claim) => self.download_timer(now, claim, out),
            Timer::Guest(id) => self.dismiss_guest(&id, out),
            Timer::Drained => self.drained(now, out),
            Timer::Recovery => {
                self.links.recovered();
                self.unpark_downloads();
            }
        }
    }

    fn received(
        &mut self,
        now: Instant,
        from: &PlaceName,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        match message {
            Message::Visit(visit) => self.visit(now, from, visit, out),
            Message::VisitAck(feed) => self.visit_acked(now, from, feed, out),
            Message::Ready(ready) => self.child_ready(now, from, ready, out),
            Message::Refuse(refuse) => self.child_refused(now, from, refuse, out),
            Message::Release(feed) => self.release(now, from, feed, out),
            Message::ReleaseAck(feed) => self.release_acked(from, feed),
            Message::Confirm(feed) => self.confirm(now, from, feed, out),
            Message::ConfirmAck(feed) => self.confirm_acked(now, from, feed),
            Message::Refresh {
                setups,
                established,
            } => {
                self.refreshed(now, from, &setups, &established, out);
            }
            Message::Working(feeds) => self.child_working(now, from, &feeds, out),
            Message::Gone(feed) => self.child_gone(now, from, feed, out),
            Message::Resync {
                sessions,
                first,
                last,
            } => {
                self.resync(now, from, &sessions, first, last, out);
            }
            Message::Progress(progress) => self.child_progress(from, progress, out),
            Message::Index {
                complete,
                entries,
                withdrawn,
            } => {
                self.indexed(now, from, complete, entries, withdrawn, out);
            }
            Message::Summaries { places, gone } => self.summarized(now, from, places, &gone),
            Message::Search {
                id,
                origin,
                title,
                most,
            } => {
                self.search(now, from, id, origin, title, most, out);
            }
            Message::Found {
                id,
                origin,
                servers,
            } => {
                self.found(now, from, id, origin, servers, out);
            }
            Message::Survey {
                id,
                origin,
                target,
                stages,
                releases,
            } => {
                self.survey(from, id, origin, target, stages, releases, out);
            }
            Message::Holdings {
                complete,
                held,
                dropped,
            } => {
                self.holdings_told(now, from, complete, held, dropped, out);
            }
            Message::Resolve {
                id,
                origin,
                wanted,
                found,
            } => {
                self.resolve(now, from, id, origin, wanted, found, out);
            }
            Message::Resolved { id, origin, found } => {
                self.resolved(now, from, id, origin, found, out);
            }
            Message::Download(agent) => self.download(now, from, agent, out),
            Message::Cut { sessions, cut } => self.told_cut(now, from, &sessions, cut, out),
            Message::Surveyed {
                id,
                origin,
                place,
                answers,
            } => {
                self.surveyed(from, id, origin, place, answers, out);
            }
        }
    }

    /// A time of 0.5 to 1.5 of the period from now, so that places do not beat in step.
    fn jittered(&mut self, now: Instant, period: Duration) -> Instant {
        now + period.mul_f64(self.rng.stream().random_range(0.5..1.5))
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    /// There may be a million of them, most of them idle.
    #[test]
    fn a_place_is_small() {
        let size = size_of::<Place>();
        assert!(size <= 712, "{size} bytes");
    }
}
