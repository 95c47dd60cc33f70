//! Makes rows and statistics of what a run does.

use std::collections::BTreeMap;

use waybook_place::{Counters, Instant};
use waybook_plan::Resource;

use super::live::Live;
use super::summary::Tally;
use super::{Summary, System};
use crate::results::{End, Fate, IntervalRow, ResourceRow, SessionRow, Sink};
use crate::scenario::{Layout, Scenario};

/// Watches a run.
#[derive(Debug)]
pub(super) struct Observer {
    start: Instant,
    /// When the warm-up is over.
    counts_from: Instant,
    /// The classes of users.
    users: Vec<String>,
    classes: Vec<Present>,
    interval: Instant,
    /// What each place had counted when it was last read, if that was not nothing.
    read: BTreeMap<usize, Counters>,
    pub(super) tally: Tally,
}

/// What happened at the places of a class in the present interval.
#[derive(Debug, Default)]
struct Present {
    asked: u64,
    established: u64,
    refused: u64,
    standing: u64,
    since: Instant,
    /// Sessions times nanoseconds.
    stood: u128,
}

impl Present {
    fn change(&mut self, now: Instant, by: i64) {
        let time = now.since(self.since).as_nanos();
        self.stood += time * u128::from(self.standing);
        self.since = now;
        self.standing = self.standing.saturating_add_signed(by);
    }
}

impl Observer {
    pub(super) fn new(scenario: &Scenario, layout: &Layout, start: Instant, seed: u64) -> Self {
        let present = || Present {
            since: start,
            ..Present::default()
        };
        Self {
            start,
            counts_from: start + scenario.run.warm_up.0,
            users: scenario.users.iter().map(|u| u.name.clone()).collect(),
            classes: layout.classes.iter().map(|_| present()).collect(),
            interval: start,
            read: BTreeMap::new(),
            tally: Tally::new(scenario, layout, start, seed),
        }
    }

    fn class(&mut self, live: &Live, layout: &Layout) -> &mut Present {
        &mut self.classes[layout.places[live.place].1]
    }

    pub(super) fn asked(&mut self, live: &Live, layout: &Layout) {
        self.class(live, layout).asked += 1;
        self.tally.asked(live);
    }

    pub(super) fn established(&mut self, live: &Live, layout: &Layout) {
        let now = live.answered.expect("it stands");
        let class = self.class(live, layout);
        class.established += 1;
        class.change(now, 1);
        self.tally.established(live, now);
    }

    /// All about a request is over.
    pub(super) fn over(
        &mut self,
        live: &mut Live,
        fate: Fate,
        end: Option<End>,
        now: Instant,
        layout: &Layout,
        sink: &mut dyn Sink,
    ) {
        match &live.session {
            Some(_) => self.class(live, layout).change(now, -1),
            None => self.class(live, layout).refused += u64::from(fate != Fate::Unanswered),
        }
        if live.session.is_none() && fate != Fate::Unanswered {
            self.tally.blocked(live, why(live, fate, layout));
        }
        self.tally.over(live, fate, end, now);
        let seconds = |at: Instant| at.since(self.start).as_secs_f64();
        let (name, class) = &layout.places[live.place];
        let session = live.session.as_ref();
        sink.session(&SessionRow {
            session: live.number,
            users: self.users[live.class].clone(),
            place: name.to_string(),
            place_class: layout.classes[*class].name.clone(),
            title: live.title.clone(),
            asked: seconds(live.asked),
            warm_up: live.asked < self.counts_from,
            fate,
            quality: session.map(|s| s.quality.clone()),
            solution: session.map(|s| s.solution),
            solutions: live.solutions,
            hops: session.map(|s| s.hops),
            server: session.map(|s| s.server.to_string()),
            setup: (live.answered).map(|at| at.since(live.asked).as_secs_f64()),
            refusals: live.refusals,
            refused_at: live.refused.as_ref().map(|(place, _)| place.to_string()),
            refused_for: live.refused.as_ref().map(|(_, why)| why.clone()),
            wanted: live.wanted.as_secs_f64(),
            stood: session.map(|s| now.since(s.at).as_secs_f64()),
            end,
            moved_from: live.moved_from_number,
        });
    }

    /// An interval is over.
    pub(super) fn interval(&mut self, system: &impl System, layout: &Layout, sink: &mut dyn Sink) {
        let now = system.now();
        let sums = self.read_places(system, layout);
        let seconds = |at: Instant| at.since(self.start).as_secs_f64();
        let (start, end) = (seconds(self.interval), seconds(now));
        let length = now.since(self.interval).as_nanos().max(1);
        for (number, class) in layout.classes.iter().enumerate() {
            let present = &mut self.classes[number];
            present.change(now, 0);
            let sums = &sums[number];
            #[allow(clippy::cast_precision_loss, reason = "a mean, for people")]
            let sessions = present.stood as f64 / length as f64;
            sink.interval(&IntervalRow {
                start,
                end,
                place_class: class.name.clone(),
                places: class.places as u64,
                down: sums.down,
                asked: std::mem::take(&mut present.asked),
                established: std::mem::take(&mut present.established),
                refused: std::mem::take(&mut present.refused),
                sessions,
                visits: sums.counted.visits,
                traced_back: sums.counted.traced_back,
                fell_back: sums.counted.fell_back,
                lapsed: sums.counted.lapsed,
                fenced: sums.counted.fenced,
                fetched_bytes: sums.counted.fetched_bytes,
                evicted: sums.counted.evicted,
            });
            present.stood = 0;
            for (resource, gauge) in &sums.resources {
                sink.resource(&ResourceRow {
                    at: end,
                    place_class: class.name.clone(),
                    resource: resource.to_string(),
                    capacity: gauge.capacity,
                    established: gauge.established,
                    held: gauge.held,
                    fullest: gauge.fullest,
                });
            }
        }
        self.interval = now;
        self.tally.interval();
    }

    /// Reads every place, and sums up by class what has happened since it was last read.
    fn read_places(&mut self, system: &impl System, layout: &Layout) -> Vec<Sums> {
        let mut sums: Vec<Sums> = layout.classes.iter().map(|_| Sums::default()).collect();
        for (number, (name, class)) in layout.places.iter().enumerate() {
            let sums = &mut sums[*class];
            let Some(counters) = system.counters(name) else {
                sums.down += 1;
                self.read.remove(&number);
                continue;
            };
            if counters != Counters::default() {
                let before = self.read.insert(number, counters).unwrap_or_default();
                sums.count(&before, &counters);
            }
            for view in system.resources(name).into_iter().flatten() {
                let gauge = sums.resources.entry(view.resource).or_default();
                gauge.capacity += view.capacity;
                gauge.established += view.established;
                gauge.held += view.held;
                #[allow(clippy::cast_precision_loss, reason = "a share, for people")]
                let share = (view.established + view.held) as f64 / view.capacity.max(1) as f64;
                gauge.fullest = gauge.fullest.max(share);
            }
        }
        sums
    }

    /// The run's time is over.
    pub(super) fn ends(&mut self, now: Instant) {
        self.tally.ends(now);
    }

    pub(super) fn summary(self, system: &impl System) -> Summary {
        self.tally.summary(system)
    }
}

/// Why a request got no session: what was short, or else the reason, and at places of which
/// class.
fn why(live: &Live, fate: Fate, layout: &Layout) -> String {
    let Some((place, reason)) = &live.refused else {
        return fate.word().to_owned();
    };
    match layout.number_of(place) {
        Some(at) => format!("{reason} at {}", layout.classes[layout.places[at].1].name),
        None => reason.clone(),
    }
}

/// The sums over the places of a class.
#[derive(Debug, Default)]
struct Sums {
    down: u64,
    counted: Counters,
    resources: BTreeMap<Resource, Gauge>,
}

/// One resource of a class.
#[derive(Debug, Default)]
struct Gauge {
    capacity: u64,
    established: u64,
    held: u64,
    fullest: f64,
}

impl Sums {
    /// Adds what a place has counted between two readings. After a restart it counts from
    /// nothing again.
    fn count(&mut self, before: &Counters, now: &Counters) {
        let since = |before: u64, now: u64| now.checked_sub(before).unwrap_or(now);
        let sum = &mut self.counted;
        sum.visits += since(before.visits, now.visits);
        sum.traced_back += since(before.traced_back, now.traced_back);
        sum.fell_back += since(before.fell_back, now.fell_back);
        sum.lapsed += since(before.lapsed, now.lapsed);
        sum.fenced += since(before.fenced, now.fenced);
        sum.fetched_bytes += since(before.fetched_bytes, now.fetched_bytes);
        sum.evicted += since(before.evicted, now.evicted);
    }
}
