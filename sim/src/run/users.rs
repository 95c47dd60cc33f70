//! The users of a run: when they ask, where, for what and for how long.
//!
//! Each purpose draws from a stream of its own, and everything about a request is drawn
//! when it is made: two runs of one seed that differ in a strategy have the same requests
//! at the same moments (common random numbers).

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use waybook_place::Instant;
use waybook_place::io::OpenRequest;
use waybook_plan::Profile;

use crate::client;
use crate::random;
use crate::scenario::{BookingProtocol, Layout, Scenario, ScenarioError, UsersSpec};
use crate::workload::{Arrivals, Leaves, Titles};

/// One class of users.
#[derive(Debug)]
pub(super) struct Users {
    pub(super) spec: UsersSpec,
    no_trace_back: bool,
    /// Where they ask.
    places: Vec<usize>,
    /// What they choose from, and how.
    titles: Vec<String>,
    choice: Titles,
    arrivals: Option<Arrivals>,
    leaves: Leaves,
    start: Instant,
    when: StdRng,
    place: StdRng,
    title: StdRng,
    holding: StdRng,
    moves: StdRng,
}

/// A request as it was drawn.
#[derive(Debug)]
pub(super) struct Wish {
    /// The place, as a number in the layout.
    pub(super) place: usize,
    pub(super) title: String,
    pub(super) holding: Duration,
}

impl Users {
    pub(super) fn new(
        scenario: &Scenario,
        number: usize,
        layout: &Layout,
        start: Instant,
        seed: u64,
    ) -> Result<Self, ScenarioError> {
        let spec = &scenario.users[number];
        let field = format!("users `{}`", spec.name);
        let titles = chosen_titles(scenario, spec, layout)?;
        let rng = |purpose| random::stream(seed, purpose, number as u64);
        let places = layout.select(&spec.at, &format!("{field}: at"))?;
        let wrong = |e: crate::quantity::Invalid| ScenarioError::new(format!("{field}: {e}"));
        // In the order of names, as `places` is: a leaf has the same number in both.
        let leaves = Leaves::new(places.iter().map(|n| layout.places[*n].0.clone()));
        if let Some(mobility) = &spec.mobility {
            mobility.check(&leaves).map_err(wrong)?;
        }
        let count = u32::try_from(titles.len()).unwrap_or(u32::MAX);
        Ok(Self {
            choice: Titles::new(count, spec.zipf).map_err(wrong)?,
            arrivals: spec.arrivals.clone(),
            leaves,
            start,
            spec: spec.clone(),
            no_trace_back: scenario.protocol.booking == BookingProtocol::NoTraceBack,
            places,
            titles,
            when: rng("arrivals"),
            place: rng("places of requests"),
            title: rng("titles of requests"),
            holding: rng("holding times"),
            moves: rng("moves"),
        })
    }

    /// When users ask first: the one who comes first of many, or each of a few.
    pub(super) fn first(&mut self) -> Vec<Instant> {
        match &self.spec.population {
            None => self.next(self.start).into_iter().collect(),
            Some(few) => {
                let first = |_| self.start + few.idle_time(&mut self.when);
                (0..few.sources.get()).map(first).collect()
            }
        }
    }

    /// When the next of many users asks after one who asks now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        // Processes count from the beginning of the run.
        let since = Instant::default() + now.since(self.start);
        let next = self.arrivals.as_mut()?.next(since, &mut self.when)?;
        Some(self.start + next.since(Instant::default()))
    }

    /// When one of a few users asks again whose last session is over now.
    pub(super) fn again(&mut self, now: Instant) -> Option<Instant> {
        let few = self.spec.population.as_ref()?;
        Some(now + few.idle_time(&mut self.when))
    }

    /// When and where a terminal goes next that has come to a place now.
    pub(super) fn next_move(&mut self, place: usize, now: Instant) -> Option<(Instant, usize)> {
        let mobility = self.spec.mobility.as_ref()?;
        let leaf = self.places.binary_search(&place).ok()?;
        let since = Instant::default() + now.since(self.start);
        let (at, leaf) = mobility.next(&self.leaves, leaf, since, &mut self.moves)?;
        Some((self.start + at.since(Instant::default()), self.places[leaf]))
    }

    /// Draws a request.
    pub(super) fn wish(&mut self) -> Wish {
        let place = self.places[self.place.random_range(0..self.places.len())];
        let title = self.choice.sample(&mut self.title) as usize;
        Wish {
            place,
            title: self.titles[title].clone(),
            holding: self.spec.holding.sample(&mut self.holding),
        }
    }

    /// What is asked of a place.
    pub(super) fn request(&self, title: &str) -> OpenRequest {
        OpenRequest {
            strategy: self.spec.decision_maker.clone(),
            retries: self.spec.retries,
            // Users stay as long as they want to.
            idle: Some(Duration::from_secs(u64::from(u32::MAX))),
            profile: Profile {
                user: self.spec.name.clone(),
                best_quality: self.spec.best_quality.clone(),
                terminal_bandwidth: self.spec.terminal.map(|rate| rate.0),
                ..Profile::default()
            },
            no_trace_back: self.no_trace_back,
            ..client::request(title)
        }
    }
}

fn chosen_titles(
    scenario: &Scenario,
    spec: &UsersSpec,
    layout: &Layout,
) -> Result<Vec<String>, ScenarioError> {
    let Some(wanted) = &spec.titles else {
        return Ok(layout.titles.concat());
    };
    let mut titles = Vec::new();
    for title in wanted {
        let number = scenario.presentation.iter().position(|p| p.title == *title);
        let number = number.ok_or_else(|| {
            ScenarioError::new(format!(
                "users `{}`: titles: there is no `[[presentation]]` with the title `{title}`",
                spec.name
            ))
        })?;
        titles.extend(layout.titles[number].iter().cloned());
    }
    Ok(titles)
}
