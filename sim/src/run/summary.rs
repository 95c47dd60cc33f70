//! What a run comes to, in a few figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waybook_place::Instant;

use super::System;
use super::live::Live;
use crate::results::{End, Fate};
use crate::scenario::{Layout, Scenario};
use crate::statistics::warm_up::mser;
use crate::statistics::{Interval, Little, Moments, Quantiles};

/// The relative error of quantiles, and the most bins that they are kept in.
const ERROR: f64 = 0.01;
const BINS: usize = 4096;

/// The confidence of the intervals of a single run.
const CONFIDENCE: f64 = 0.95;

/// A share with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// Of how many.
    pub of: u64,
    /// The share, from 0 to 1.
    pub share: f64,
    /// Half the width of the 95% confidence interval by batch means; none with too little
    /// to say.
    pub half_width: Option<f64>,
}

/// What a run comes to. All but what says otherwise counts requests that were made after
/// the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The version of Waybook that ran it.
    pub version: String,
    /// How many places there are.
    pub places: u64,
    /// The time that was looked at, without the warm-up, in seconds.
    pub seconds: f64,
    /// Requests.
    pub asked: u64,
    /// Requests that got a session.
    pub established: u64,
    /// Requests that got none, of all that were answered: the blocking.
    pub blocked: Proportion,
    /// The blocking of each class of users.
    pub blocked_by_users: BTreeMap<String, Proportion>,
    /// The requests that got none, by what was said first: the resource that was short, or the
    /// reason, and the class of the place that said so, as in `cpu at root`.
    #[serde(default)]
    pub blocked_for: BTreeMap<String, u64>,
    /// Sessions of other than the first solution, of all sessions: the fallbacks.
    pub fell_back: Proportion,
    /// Sessions of each quality level.
    pub qualities: BTreeMap<String, u64>,
    /// Set-up times in seconds: of requests that got a session.
    pub setup: Times,
    /// Tree edges of the service paths, on average.
    pub hops: f64,
    /// Sessions that stood at a time, on average.
    pub sessions: f64,
    /// Sessions that went on at another place, and those that were lost so.
    pub moved: u64,
    /// See `moved`.
    pub dropped: u64,
    /// Sessions that broke, or were cut by a crash of the client's place.
    pub broken: u64,
    /// Whether the number of sessions, their rate and their time fit together.
    pub little: LittleCheck,
    /// Whether the warm-up was long enough.
    pub warm_up: WarmUp,
    /// Events in all, the warm-up and the end included. An event is one input to a place.
    pub events: u64,
    /// Messages between places in all.
    pub messages: u64,
    /// Requests in all, the warm-up included.
    pub requests: u64,
}

impl Summary {
    /// Messages between places for each request, both over the whole run; 0 without requests.
    #[must_use]
    pub fn messages_per_request(&self) -> f64 {
        self.messages as f64 / self.requests.max(1) as f64
    }

    /// The figures that runs are compared by, with their names in tables.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts, for means")]
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("requests", self.asked as f64),
            ("blocked", self.blocked.share),
            ("fell_back", self.fell_back.share),
            ("setup_mean_s", self.setup.mean),
            ("setup_p50_s", self.setup.p50),
            ("setup_p95_s", self.setup.p95),
            ("setup_p99_s", self.setup.p99),
            ("hops", self.hops),
            ("sessions", self.sessions),
            ("moved", self.moved as f64),
            ("dropped", self.dropped as f64),
            ("broken", self.broken as f64),
            ("messages", self.messages as f64),
            ("messages_per_request", self.messages_per_request()),
            ("events", self.events as f64),
        ]
    }
}

/// Times in seconds. Quantiles are within 1% of the exact ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// The mean.
    pub mean: f64,
    /// Half of all take no longer.
    pub p50: f64,
    /// 95 of 100 take no longer.
    pub p95: f64,
    /// 99 of 100 take no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Little's law over the time after the warm-up (see [`Little`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LittleCheck {
    /// The mean number of sessions, by counting up and down.
    pub present: f64,
    /// Sessions a second.
    pub rate: f64,
    /// The mean stay within that time, in seconds.
    pub stay: f64,
    /// Whether present is rate times stay, exactly, and everybody is accounted for.
    pub holds: bool,
}

/// Whether the warm-up was long enough, by MSER-5 over the numbers of sessions at the ends
/// of intervals (White, 1997).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    /// What the scenario says, in seconds.
    pub stated: f64,
    /// What the check would cut, in seconds; none if there are too few intervals, or the
    /// whole run is still on its way.
    pub advised: Option<f64>,
}

impl WarmUp {
    /// Whether the check agrees.
    #[must_use]
    pub fn suffices(&self) -> bool {
        self.advised.is_some_and(|advised| advised <= self.stated)
    }
}

/// One batch of the time after the warm-up.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    answered: u64,
    blocked: u64,
    established: u64,
    fell_back: u64,
}

/// Counts along.
#[derive(Debug)]
pub(super) struct Tally {
    scenario: String,
    seed: u64,
    places: u64,
    start: Instant,
    from: Instant,
    end: Instant,
    interval: f64,
    users: Vec<String>,
    batches: Vec<Batch>,
    by_users: Vec<Vec<Batch>>,
    asked: u64,
    requests: u64,
    blocked_for: BTreeMap<String, u64>,
    qualities: BTreeMap<String, u64>,
    setup: Quantiles,
    setup_moments: Moments,
    hops: u64,
    moved: u64,
    dropped: u64,
    broken: u64,
    standing: u64,
    pub(super) little: Little,
    /// When those came that still stood at the end.
    still: Vec<Instant>,
    ended: Instant,
    at_intervals: Vec<f64>,
}

impl Tally {
    pub(super) fn new(scenario: &Scenario, layout: &Layout, start: Instant, seed: u64) -> Self {
        let run = &scenario.run;
        let users: Vec<_> = scenario.users.iter().map(|u| u.name.clone()).collect();
        let batches = vec![Batch::default(); run.batches];
        let from = start + run.warm_up.0;
        let end = start + run.duration.0;
        Self {
            scenario: scenario.name.clone(),
            seed,
            places: layout.places.len() as u64,
            start,
            from,
            end,
            interval: run.interval.0.as_secs_f64(),
            by_users: vec![batches.clone(); users.len()],
            users,
            batches,
            asked: 0,
            requests: 0,
            blocked_for: BTreeMap::new(),
            qualities: BTreeMap::new(),
            setup: Quantiles::new(ERROR, BINS),
            setup_moments: Moments::default(),
            hops: 0,
            moved: 0,
            dropped: 0,
            broken: 0,
            standing: 0,
            little: Little::new(from),
            still: Vec::new(),
            ended: end,
            at_intervals: Vec::new(),
        }
    }

    /// The batch of a request that counts.
    fn batch(&self, live: &Live) -> Option<usize> {
        if live.asked < self.from || live.asked >= self.end {
            return None;
        }
        let since = live.asked.since(self.from).as_nanos();
        let all = self.end.since(self.from).as_nanos();
        let batch = since * self.batches.len() as u128 / all;
        usize::try_from(batch).ok()
    }

    fn count(&mut self, live: &Live, by: impl Fn(&mut Batch)) {
        if let Some(batch) = self.batch(live) {
            by(&mut self.batches[batch]);
            by(&mut self.by_users[live.class][batch]);
        }
    }

    pub(super) fn asked(&mut self, live: &Live) {
        self.requests += 1;
        self.asked += u64::from(self.batch(live).is_some());
    }

    pub(super) fn established(&mut self, live: &Live, now: Instant) {
        self.standing += 1;
        self.little.arrives(now);
        let session = live.session.as_ref().expect("it stands");
        let fell_back = u64::from(session.solution > 1);
        self.count(live, |batch| {
            batch.answered += 1;
            batch.established += 1;
            batch.fell_back += fell_back;
        });
        if self.batch(live).is_some() {
            *self.qualities.entry(session.quality.clone()).or_default() += 1;
            let took = now.since(live.asked).as_secs_f64();
            self.setup.add(took);
            self.setup_moments.add(took);
            self.hops += session.hops;
        }
    }

    /// Why a request got no session, in words.
    pub(super) fn blocked(&mut self, live: &Live, why: String) {
        if self.batch(live).is_some() {
            *self.blocked_for.entry(why).or_default() += 1;
        }
    }

    pub(super) fn over(&mut self, live: &Live, fate: Fate, end: Option<End>, now: Instant) {
        if let Some(session) = &live.session {
            self.standing -= 1;
            if end == Some(End::Standing) {
                self.still.push(session.at);
            } else {
                self.little.leaves(now, session.at);
            }
        } else if fate != Fate::Unanswered {
            self.count(live, |batch| {
                batch.answered += 1;
                batch.blocked += 1;
            });
        }
        if self.batch(live).is_some() {
            match end {
                Some(End::Moved) => self.moved += 1,
                Some(End::Dropped) => self.dropped += 1,
                Some(End::Broken | End::Cut) => self.broken += 1,
                _ => {}
            }
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of sessions")]
    pub(super) fn interval(&mut self) {
        self.at_intervals.push(self.standing as f64);
    }

    pub(super) fn ends(&mut self, now: Instant) {
        self.ended = now;
    }

    #[allow(clippy::cast_precision_loss, reason = "counts, for means")]
    pub(super) fn summary(self, system: &impl System) -> Summary {
        let established = sum(&self.batches, |b| b.established);
        let seconds = self.end.since(self.from).as_secs_f64();
        let by_users = self.users.iter().zip(&self.by_users);
        let quantile = |q| self.setup.quantile(q).unwrap_or(0.0);
        let little = self.little.balance(self.ended, self.still);
        let warm_up = mser(&self.at_intervals).filter(|mser| mser.settled);
        Summary {
            scenario: self.scenario.clone(),
            seed: self.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            places: self.places,
            seconds,
            asked: self.asked,
            established,
            blocked: proportion(&self.batches, |b| b.blocked, |b| b.answered),
            blocked_by_users: by_users
                .map(|(name, batches)| {
                    let blocked = proportion(batches, |b| b.blocked, |b| b.answered);
                    (name.clone(), blocked)
                })
                .collect(),
            blocked_for: self.blocked_for.clone(),
            fell_back: proportion(&self.batches, |b| b.fell_back, |b| b.established),
            qualities: self.qualities.clone(),
            setup: Times {
                mean: self.setup_moments.mean,
                p50: quantile(0.5),
                p95: quantile(0.95),
                p99: quantile(0.99),
                max: self.setup_moments.greatest.max(0.0),
            },
            hops: self.hops as f64 / established.max(1) as f64,
            sessions: little.mean_present,
            moved: self.moved,
            dropped: self.dropped,
            broken: self.broken,
            little: LittleCheck {
                present: little.mean_present,
                rate: little.arrival_rate,
                stay: little.mean_stay,
                holds: little.holds,
            },
            warm_up: WarmUp {
                stated: self.from.since(self.start).as_secs_f64(),
                advised: warm_up.map(|mser| mser.cut as f64 * self.interval),
            },
            events: system.events(),
            messages: system.messages(),
            requests: self.requests,
        }
    }
}

fn sum(batches: &[Batch], what: impl Fn(&Batch) -> u64) -> u64 {
    batches.iter().map(what).sum()
}

#[allow(clippy::cast_precision_loss, reason = "counts, for a share")]
fn proportion(
    batches: &[Batch],
    some: impl Fn(&Batch) -> u64,
    all: impl Fn(&Batch) -> u64,
) -> Proportion {
    let of = sum(batches, &all);
    let shares: Moments = batches
        .iter()
        .filter(|b| all(b) > 0)
        .map(|b| some(b) as f64 / all(b) as f64)
        .collect();
    let interval = Interval::student(&shares, CONFIDENCE);
    Proportion {
        of,
        share: sum(batches, some) as f64 / of.max(1) as f64,
        half_width: interval.map(|i| i.half_width),
    }
}
