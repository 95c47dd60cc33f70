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
use crate::scenario::{Layout, Scenario, ScenarioError, UsersSpec};
use crate::workload::{Arrivals, Mobility, Zipf};

/// One class of users.
#[derive(Debug)]
pub(super) struct Users {
    pub(super) spec: UsersSpec,
    /// Where they ask.
    places: Vec<usize>,
    /// What they choose from, and how.
    titles: Vec<String>,
    zipf: Zipf,
    arrivals: Arrivals,
    pub(super) mobility: Option<Mobility>,
    when: StdRng,
    place: StdRng,
    title: StdRng,
    holding: StdRng,
    pub(super) moves: StdRng,
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
        let mobility = spec.mobility.as_ref().map(|mobility| {
            let names = places.iter().map(|n| layout.places[*n].0.clone());
            mobility.build(names.collect())
        });
        Ok(Self {
            zipf: Zipf::new(titles.len(), spec.zipf)
                .map_err(|e| ScenarioError::new(format!("{field}: zipf: {e}")))?,
            arrivals: spec.arrivals.start(start),
            mobility: mobility
                .transpose()
                .map_err(|e| ScenarioError::new(format!("{field}: mobility: {e}")))?,
            spec: spec.clone(),
            places,
            titles,
            when: rng("arrivals"),
            place: rng("places of requests"),
            title: rng("titles of requests"),
            holding: rng("holding times"),
            moves: rng("moves"),
        })
    }

    /// When the next request after `now` is made.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        self.arrivals.next(now, &mut self.when)
    }

    /// Draws a request.
    pub(super) fn wish(&mut self) -> Wish {
        let place = self.places[self.place.random_range(0..self.places.len())];
        let title = self.zipf.sample(&mut self.title);
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
