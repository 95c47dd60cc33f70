//! What is seen of a run.

use std::collections::BTreeMap;

use crate::results::{End, Fate, IntervalRow, ResourceRow, SessionRow, Sink};
use crate::scenario::Scenario;
use crate::statistics::Moments;

/// Counts the requests that were made while it counts.
#[derive(Debug)]
pub(super) struct Seen {
    /// From when to when, in seconds.
    pub(super) window: (f64, f64),
    /// Users to their number, and for each the names of quality levels to theirs.
    names: BTreeMap<String, (usize, Vec<String>)>,
    /// For each class of users what became of their requests: by choice, then refused.
    outcomes: Vec<Vec<u64>>,
    /// Requests that came to nothing for another reason than a refusal.
    failed: u64,
    /// A word about the first of them.
    failure: Option<Fate>,
    /// Set-up times in seconds.
    pub(super) setup: Moments,
    /// Sessions that stood at the end, whenever they were asked for.
    pub(super) standing: u64,
    /// From when to when sessions stood, if anybody wants to know.
    stood: Option<Vec<(f64, i32)>>,
}

impl Seen {
    pub(super) fn new(scenario: &Scenario, keep_times: bool) -> Self {
        let qualities = |title: &String| {
            let of = scenario.presentation.iter().find(|p| p.title == *title);
            of.map_or(Vec::new(), |p| {
                p.qualities.iter().map(|q| q.name.clone()).collect()
            })
        };
        let mut names = BTreeMap::new();
        let mut outcomes = Vec::new();
        for (number, users) in scenario.users.iter().enumerate() {
            let title = users.titles.iter().flatten().next();
            let choices: Vec<String> = title.map_or(Vec::new(), qualities);
            outcomes.push(vec![0; choices.len() + 1]);
            names.insert(users.name.clone(), (number, choices));
        }
        Self {
            window: (
                scenario.run.warm_up.0.as_secs_f64(),
                scenario.run.duration.0.as_secs_f64(),
            ),
            names,
            outcomes,
            failed: 0,
            failure: None,
            setup: Moments::default(),
            standing: 0,
            stood: keep_times.then(Vec::new),
        }
    }

    /// How many requests came to nothing for another reason than a refusal, with one such
    /// reason; none if none did.
    pub(super) fn failed(&self) -> Option<(u64, Fate)> {
        Some((self.failed, self.failure?))
    }

    /// For each class the shares of its requests by outcome: by choice, then refused.
    #[allow(clippy::cast_precision_loss, reason = "counts, for shares")]
    pub(super) fn shares(&self) -> Vec<Vec<f64>> {
        let share = |of: &Vec<u64>| {
            let all: u64 = of.iter().sum();
            of.iter().map(|n| *n as f64 / all.max(1) as f64).collect()
        };
        self.outcomes.iter().map(share).collect()
    }

    /// The share of requests of each class that were refused.
    pub(super) fn refused(&self) -> Vec<f64> {
        let last = |shares: Vec<f64>| shares.last().copied().unwrap_or(0.0);
        self.shares().into_iter().map(last).collect()
    }

    /// How many requests of all classes were refused, and how many there were.
    pub(super) fn refused_of_all(&self) -> (u64, u64) {
        let last = |of: &Vec<u64>| of[of.len() - 1];
        let refused = self.outcomes.iter().map(last).sum();
        (refused, self.outcomes.iter().flatten().sum())
    }

    /// The share of all requests that got a session, of those that came to anything or
    /// nothing.
    #[allow(clippy::cast_precision_loss, reason = "counts, for a share")]
    pub(super) fn served(&self) -> f64 {
        let (refused, all) = self.refused_of_all();
        (all - refused) as f64 / (all + self.failed).max(1) as f64
    }

    /// The share of the time in which that many sessions stood.
    pub(super) fn time_with(&mut self, sessions: i32) -> f64 {
        let (from, to) = self.window;
        let changes = self.stood.get_or_insert_default();
        // One that goes makes room for one that comes at the same moment.
        changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (mut present, mut since, mut time) = (0, from, 0.0);
        for (at, by) in changes.iter() {
            let at = at.clamp(from, to);
            if present == sessions {
                time += at - since;
            }
            since = at;
            present += by;
        }
        if present == sessions {
            time += to - since;
        }
        time / (to - from)
    }
}

impl Sink for Seen {
    fn session(&mut self, row: &SessionRow) {
        self.standing += u64::from(row.end == Some(End::Standing));
        if let (Some(stood), Some(setup), Some(changes)) = (row.stood, row.setup, &mut self.stood) {
            let from = row.asked + setup;
            changes.extend([(from, 1), (from + stood, -1)]);
        }
        if row.asked < self.window.0 || row.asked >= self.window.1 {
            return;
        }
        let Some((class, choices)) = self.names.get(&row.users) else {
            return;
        };
        let outcomes = &mut self.outcomes[*class];
        match row.fate {
            Fate::Established => {
                let chosen = choices.iter().position(|c| Some(c) == row.quality.as_ref());
                let chosen = chosen.expect("a quality level of its title");
                outcomes[chosen] += 1;
                self.setup.add(row.setup.unwrap_or(0.0));
            }
            Fate::Refused => *outcomes.last_mut().expect("one for the refused") += 1,
            Fate::Unanswered => {}
            Fate::NoPlan | Fate::Rejected | Fate::Cut => {
                self.failed += 1;
                self.failure.get_or_insert(row.fate);
            }
        }
    }

    fn interval(&mut self, _: &IntervalRow) {}

    fn resource(&mut self, _: &ResourceRow) {}
}
