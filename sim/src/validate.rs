//! The simulator held against theory: what is to be simulated, what must come out, and whether
//! it did.
//!
//! An [`Experiment`] describes a [`Subject`] that has an exact answer, with nothing of how it is
//! simulated. A runner makes a scenario of it, runs it in several replications with latency
//! towards zero, and gives for each of its [`Quantity`]s what each replication measured. [`judge`] then
//! holds all of them against the exact values at once.
//!
//! The criterion: intervals with a joint confidence of [`CONFIDENCE`] (each has its share, by
//! Bonferroni) must *all* cover the exact values, and none may be wider than [`allowed`], so that
//! agreement says something. If the simulator is right, one suite in a thousand fails for bad
//! luck; seeds are fixed, so it is the same one every time.

use crate::statistics::interval::each_of;
use crate::statistics::{Interval, Moments};
use crate::theory::availability::{self, Part};
use crate::theory::engset::Engset;
use crate::theory::fallback::Fallback;
use crate::theory::kaufman_roberts::{self, Rate};
use crate::theory::setup_delay::HopByHop;
use crate::theory::transient::Filling;
use crate::theory::tree::Tree;
use crate::theory::waiting::{self, Servers};
use crate::theory::{OutOfRange, erlang, reduced_load};

pub mod runner;
mod suite;

pub use suite::suite;

/// The probability that all intervals of a suite cover what they should.
pub const CONFIDENCE: f64 = 0.999;

/// The half width that an interval may have: 1% of the exact value or 0.002, whichever is
/// more.
#[must_use]
pub fn allowed(exact: f64) -> f64 {
    (0.01 * exact.abs()).max(0.002)
}

/// What can be simulated and has an exact answer. Times are in seconds, rates per second,
/// loads in erlangs; arrivals are Poisson unless it says otherwise. Only products of rates and
/// times matter where a load is given: a runner may choose the mean holding time.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// Requests for one unit each of a place with so many; those that find none are lost. Any
    /// holding time.
    ErlangB {
        /// How many units.
        servers: u32,
        /// The load.
        load: f64,
    },
    /// The same from a number of sources, each of which asks anew only after an idle time.
    Engset {
        /// How many sources.
        sources: u32,
        /// How many units.
        servers: u32,
        /// Mean holding time over mean idle time of one source.
        idle_load: f64,
    },
    /// Requests of several sizes for one link.
    KaufmanRoberts {
        /// How many units.
        capacity: u32,
        /// The classes.
        rates: Vec<Rate>,
    },
    /// Requests over paths in a tree of links. Any holding time.
    Tree(Tree),
    /// Requests with further choices. Exponential holding times.
    Fallback(Fallback),
    /// Work that waits for one of several processors; exponential service times.
    Waiting {
        /// How many processors.
        servers: u32,
        /// Arrivals per second.
        arrivals: f64,
        /// The mean service time.
        service: f64,
    },
    /// Work that waits for one processor, or bytes for one link.
    SingleServer {
        /// Arrivals per second.
        arrivals: f64,
        /// How long each takes.
        service: Service,
    },
    /// A path whose parts crash and are repaired.
    Availability {
        /// The parts.
        path: Vec<Part>,
    },
    /// Set-ups, one at a time, over a path that loses messages.
    SetUp {
        /// Hops of the path.
        hops: u32,
        /// One way over each hop.
        latency: f64,
        /// The probability that a message is lost.
        loss: f64,
        /// The setting `setup-refresh`, the mean pause before a repeat.
        refresh: f64,
    },
    /// A place that is empty at the start. Exponential holding times.
    Filling {
        /// How many units.
        servers: u32,
        /// Arrivals per second.
        arrivals: f64,
        /// The mean holding time.
        holding: f64,
        /// From when to when requests are counted.
        counted: (f64, f64),
    },
}

/// How service times are distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Service {
    /// Always the same.
    Constant {
        /// How long.
        time: f64,
    },
    /// Exponentially.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// One of two times.
    Either {
        /// The one.
        short: f64,
        /// The other.
        long: f64,
        /// The probability of the other.
        chance: f64,
    },
}

impl Service {
    /// The mean in seconds, and the mean square.
    #[must_use]
    pub fn moments(&self) -> (f64, f64) {
        match *self {
            Self::Constant { time } => (time, time * time),
            Self::Exponential { mean } => (mean, 2.0 * mean * mean),
            Self::Either {
                short,
                long,
                chance,
            } => {
                let mix = |a: f64, b: f64| a * (1.0 - chance) + b * chance;
                (mix(short, long), mix(short * short, long * long))
            }
        }
    }
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// What it is: "blocking of route 2", "mean wait in seconds".
    pub what: String,
    /// What theory says.
    pub exact: f64,
    /// What an approximation says, to be shown beside.
    pub approximation: Option<f64>,
}

impl Quantity {
    fn new(what: impl Into<String>, exact: f64) -> Self {
        Self {
            what: what.into(),
            exact,
            approximation: None,
        }
    }
}

/// A subject under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// A short name, unique in a suite.
    pub name: &'static str,
    /// What is simulated.
    pub subject: Subject,
}

impl Subject {
    /// The formula or method that gives the exact values.
    #[must_use]
    pub fn formula(&self) -> &'static str {
        match self {
            Self::ErlangB { .. } => "Erlang B",
            Self::Engset { .. } => "Engset",
            Self::KaufmanRoberts { .. } => "Kaufman-Roberts recursion",
            Self::Tree(_) => "product form, convolved up the tree",
            Self::Fallback(_) => "Markov chain, solved numerically",
            Self::Waiting { .. } => "Erlang C",
            Self::SingleServer { .. } => "Pollaczek-Khinchine",
            Self::Availability { .. } => "alternating renewal, in series",
            Self::SetUp { .. } => "renewal of repeated messages, hop by hop",
            Self::Filling { .. } => "uniformization",
        }
    }

    /// Where that was published.
    #[must_use]
    pub fn reference(&self) -> &'static str {
        match self {
            Self::ErlangB { .. } | Self::Waiting { .. } => "A. K. Erlang 1917",
            Self::Engset { .. } => "T. O. Engset 1918",
            Self::KaufmanRoberts { .. } => "J. S. Kaufman 1981; J. W. Roberts 1981",
            Self::Tree(_) => "D. Tsang and K. W. Ross 1990",
            Self::Fallback(_) => "R. I. Wilkinson 1956; W. J. Stewart 1994",
            Self::SingleServer { .. } => "F. Pollaczek 1930; A. Khinchine 1932",
            Self::Availability { .. } => "R. E. Barlow and F. Proschan 1975",
            Self::SetUp { .. } => "this project's docs/PROTOCOL.md",
            Self::Filling { .. } => "A. Jensen 1953",
        }
    }

    /// What is measured, with the exact values; in this order a runner gives its results.
    ///
    /// For [`Subject::Engset`] the share of requests lost, then the share of time in which all
    /// is taken. For [`Subject::Fallback`] class by class the share served by each choice, then the
    /// share lost. For [`Subject::Waiting`] the share that waits, then the mean wait with those
    /// that do not.
    ///
    /// # Errors
    /// If a parameter is out of the formula's range.
    pub fn quantities(&self) -> Result<Vec<Quantity>, OutOfRange> {
        Ok(match self {
            Self::ErlangB { servers, load } => {
                vec![Quantity::new(
                    "blocking",
                    erlang::blocking(*servers, *load)?,
                )]
            }
            Self::Engset {
                sources,
                servers,
                idle_load,
            } => {
                let group = Engset::new(*sources, *servers, *idle_load)?;
                vec![
                    Quantity::new("call congestion", group.call_congestion()),
                    Quantity::new("time congestion", group.time_congestion()),
                ]
            }
            Self::KaufmanRoberts { capacity, rates } => {
                let lost = kaufman_roberts::blocking(*capacity, rates)?;
                let named = rates.iter().zip(lost).map(|(rate, lost)| {
                    Quantity::new(format!("blocking of {} units", rate.units), lost)
                });
                named.collect()
            }
            Self::Tree(tree) => {
                // The approximation may fail to settle; the exact value stands without it.
                let about = reduced_load::blocking(&tree.network()).ok();
                let exact = tree.blocking()?.into_iter().enumerate();
                exact
                    .map(|(route, lost)| Quantity {
                        approximation: about.as_ref().map(|about| about.blocking[route]),
                        ..Quantity::new(format!("blocking of route {}", route + 1), lost)
                    })
                    .collect()
            }
            Self::Fallback(fallback) => {
                let outcome = fallback.solve()?;
                let mut quantities = Vec::new();
                for (class, served) in outcome.served.iter().enumerate() {
                    let of = class + 1;
                    for (choice, share) in served.iter().enumerate() {
                        let what = format!("class {of} served by choice {}", choice + 1);
                        quantities.push(Quantity::new(what, *share));
                    }
                    let what = format!("blocking of class {of}");
                    quantities.push(Quantity::new(what, outcome.blocked[class]));
                }
                quantities
            }
            Self::Waiting {
                servers,
                arrivals,
                service,
            } => {
                let servers = Servers::new(*servers, *arrivals, *service)?;
                vec![
                    Quantity::new("share that waits", servers.waits()),
                    Quantity::new("mean wait in seconds", servers.mean_wait()),
                ]
            }
            Self::SingleServer { arrivals, service } => {
                let (mean, square) = service.moments();
                let wait = waiting::single_server_mean_wait(*arrivals, mean, square)?;
                vec![Quantity::new("mean wait in seconds", wait)]
            }
            Self::Availability { path } => {
                let share = availability::availability(path);
                vec![Quantity::new("share of time that the path works", share)]
            }
            Self::SetUp {
                hops,
                latency,
                loss,
                refresh,
            } => {
                let model = HopByHop::new(*hops, *latency, *loss, 0.5 * refresh, 1.5 * refresh)?;
                let mean = model.delay()?.mean();
                vec![Quantity::new("mean delay in seconds", mean)]
            }
            Self::Filling {
                servers,
                arrivals,
                holding,
                counted: (from, to),
            } => {
                let filling = Filling::new(*servers, *arrivals, *holding)?;
                let lost = filling.blocking_between(*from, *to)?;
                vec![
                    Quantity::new("blocking between those times", lost),
                    Quantity::new("mean number at the end", filling.busy(*to)?),
                ]
            }
        })
    }
}

/// Whether the simulator agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval covers the exact value and is narrow enough.
    Agrees,
    /// The interval does not cover the exact value.
    Differs,
    /// The interval covers the exact value, but is wider than allowed: more replications, or
    /// longer ones, are needed.
    TooWide,
    /// There are fewer than two replications.
    NotMeasured,
}

impl Verdict {
    /// In a word, as tables have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::TooWide => "too wide",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The experiment, and what of it.
    pub name: String,
    /// The formula.
    pub formula: &'static str,
    /// Where it was published.
    pub reference: &'static str,
    /// What theory says.
    pub expected: f64,
    /// What an approximation says; never the criterion.
    pub approximation: Option<f64>,
    /// What the simulator says; none if it was not measured.
    pub simulated: Option<Interval>,
    /// Whether they agree.
    pub verdict: Verdict,
}

impl Case {
    /// By how much the simulator's estimate is above the exact value.
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        Some(self.simulated?.mean - self.expected)
    }
}

/// What replications measured of one experiment: for each of its quantities, in order, one value
/// per replication.
pub type Measured = Vec<Vec<f64>>;

/// Holds all that was measured against theory, all at once. `measured` is in the order of the
/// experiments; what is missing is not measured, and so does not agree.
///
/// # Errors
/// If a parameter of an experiment is out of its formula's range.
pub fn judge(experiments: &[Experiment], measured: &[Measured]) -> Result<Vec<Case>, OutOfRange> {
    judge_within(experiments, measured, 1.0)
}

/// As [`judge`], for a quick look: intervals may be so many times as wide as [`allowed`]. With
/// that, agreement says less by as much; a difference says the same.
///
/// # Errors
/// As [`judge`].
pub fn judge_within(
    experiments: &[Experiment],
    measured: &[Measured],
    widening: f64,
) -> Result<Vec<Case>, OutOfRange> {
    let mut cases = Vec::new();
    for (at, experiment) in experiments.iter().enumerate() {
        for (of, quantity) in experiment.subject.quantities()?.into_iter().enumerate() {
            let values = measured.get(at).and_then(|of_all| of_all.get(of));
            cases.push((experiment, quantity, values.map_or(&[][..], Vec::as_slice)));
        }
    }
    let confidence = each_of(CONFIDENCE, cases.len());
    let judged = cases.into_iter().map(|(experiment, quantity, values)| {
        let moments: Moments = values.iter().copied().collect();
        let simulated = Interval::student(&moments, confidence);
        Case {
            name: format!("{}: {}", experiment.name, quantity.what),
            formula: experiment.subject.formula(),
            reference: experiment.subject.reference(),
            expected: quantity.exact,
            approximation: quantity.approximation,
            verdict: verdict(quantity.exact, simulated.as_ref(), widening),
            simulated,
        }
    });
    Ok(judged.collect())
}

fn verdict(exact: f64, simulated: Option<&Interval>, widening: f64) -> Verdict {
    match simulated {
        None => Verdict::NotMeasured,
        Some(interval) if !interval.covers(exact) => Verdict::Differs,
        Some(interval) if interval.half_width > widening * allowed(exact) => Verdict::TooWide,
        Some(_) => Verdict::Agrees,
    }
}

#[cfg(test)]
mod tests;
