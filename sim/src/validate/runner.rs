//! Runs what the suite describes, by the shipped places and agents.
//!
//! [`tell`] makes a scenario of a subject: real places, plan visitors and bookings, over
//! edges whose latency is given, towards zero where theory knows of none. [`measure`] runs it
//! once, and gives what [`Subject::quantities`] lists, in that order. How often and how long is
//! [`Effort`]'s to say; replications do not depend on each other, so a caller may run them on
//! several threads.
//!
//! What is measured how:
//!
//! | subject | places | measured |
//! |---|---|---|
//! | `ErlangB`, `Engset` | one | refused requests; the time in which all units were booked |
//! | `KaufmanRoberts` | two, all demands on the edge between them | refused requests of each class |
//! | `Tree` | as many, the links being edges | refused requests of each route |
//! | `Fallback` | one, or a star | sessions of each quality level, and refused requests |
//! | `Waiting`, `SingleServer` | one that takes time for each input | waits at its desk, of requests that it refuses at once |
//! | `Availability` | a line that crashes and is repaired | the share of short sessions that could be set up, asked for at random |
//! | `SetUp` | a line that loses messages, the user at the root | from the request to the session |
//! | `Filling` | many leaves by themselves | refused requests; sessions that stand at the end |

mod seen;
mod sketch;
mod subjects;

use std::time::Duration;

pub use sketch::Told;

use super::{Experiment, Subject};
use crate::World;
use crate::places::Waits;
use crate::results::Fate;
use crate::run::{Run, RunError};
use crate::scenario::ScenarioError;
use seen::Seen;

/// The latency that counts as none, one way over each edge.
pub const NO_LATENCY: Duration = Duration::from_micros(1);

/// How many places [`Subject::Filling`] is simulated on at a time.
const LEAVES: usize = 100;

/// How many events pass between two looks at the clock.
const STRIDE: u64 = 256;

/// How much one replication simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// About so many requests, the warm-up not counted. A [`Subject::Filling`] is as long as it
    /// says; it is begun anew until there were as many.
    pub requests: u64,
}

/// How often an experiment is run, and for how long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How many replications there are.
    pub replications: u64,
    /// How much each simulates.
    pub amount: Amount,
}

impl Effort {
    /// How many times wider than [`allowed`](super::allowed) the intervals of a quick look
    /// may be.
    pub const WIDENING: f64 = 40.0;

    /// As often and as long as it takes for intervals as narrow as
    /// [`allowed`](super::allowed) says, with a little to spare.
    #[must_use]
    pub fn full(experiment: &Experiment) -> Self {
        // Many, so that Student's quantile is small; each still far longer than its warm-up.
        let replications = 100;
        Self {
            replications,
            amount: Amount {
                requests: experiment.subject.thousands() * 1000 / replications,
            },
        }
    }

    /// For a look that takes seconds: everything is run, and great differences are noticed.
    #[must_use]
    pub fn quick(experiment: &Experiment) -> Self {
        let requests = match &experiment.subject {
            // Waits depend on each other for long, and cost little.
            Subject::Waiting { .. } | Subject::SingleServer { .. } => 2_000,
            // Classes share them.
            Subject::KaufmanRoberts { .. } | Subject::Tree(_) | Subject::Fallback(_) => 800,
            _ => 400,
        };
        Self {
            replications: 20,
            amount: Amount { requests },
        }
    }
}

/// Why a replication gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The scenario is wrong, or a rule was broken.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Requests came to an end that theory knows nothing of.
    #[error("{requests} requests ended as `{}`, which theory knows nothing of", .fate.word())]
    Strange {
        /// How many.
        requests: u64,
        /// How the first of them did.
        fate: Fate,
    },
}

impl From<ScenarioError> for MeasureError {
    fn from(error: ScenarioError) -> Self {
        Self::Run(error.into())
    }
}

/// The scenario of an experiment: as a file for `waybook sim run` would say it.
#[must_use]
pub fn tell(experiment: &Experiment, amount: Amount, latency: Duration) -> Told {
    let name = experiment.name.replace([' ', ','], "-");
    experiment.subject.sketch(amount, latency).tell(&name)
}

/// Runs an experiment once, and gives a value for each of its quantities.
///
/// # Errors
/// [`MeasureError`] if a rule was broken, or what happened is not what theory is about.
pub fn measure(
    experiment: &Experiment,
    amount: Amount,
    latency: Duration,
    seed: u64,
) -> Result<Vec<f64>, MeasureError> {
    measure_told(experiment, &tell(experiment, amount, latency), amount, seed)
}

/// As [`measure`], with a scenario that may have been changed since it was told.
///
/// # Errors
/// As [`measure`].
pub fn measure_told(
    experiment: &Experiment,
    told: &Told,
    amount: Amount,
    seed: u64,
) -> Result<Vec<f64>, MeasureError> {
    let scenario = told.read()?;
    let subject = &experiment.subject;
    let once = |seed| -> Result<(Seen, Waits), MeasureError> {
        let mut seen = Seen::new(&scenario, matches!(subject, Subject::Engset { .. }));
        let mut run = Run::new(&scenario, seed, &mut *told.files())?;
        let warm = scenario.run.warm_up.0;
        while run.advance(STRIDE, &mut seen)? && run.elapsed() < warm {}
        let before = waits(run.system());
        while run.advance(STRIDE, &mut seen)? {}
        let waited = waits(run.system()).since(&before);
        run.finish(&mut seen)?;
        if let (Some((requests, fate)), false) = (seen.failed(), subject.may_fail()) {
            return Err(MeasureError::Strange { requests, fate });
        }
        Ok((seen, waited))
    };
    if let Subject::Filling { .. } = subject {
        return fillings(amount, seed, once);
    }
    let (mut seen, waited) = once(seed)?;
    Ok(match subject {
        Subject::ErlangB { .. } | Subject::KaufmanRoberts { .. } | Subject::Tree(_) => {
            seen.refused()
        }
        Subject::Engset { servers, .. } => {
            let all = i32::try_from(*servers).unwrap_or(i32::MAX);
            vec![seen.refused()[0], seen.time_with(all)]
        }
        Subject::Fallback(_) => seen.shares().concat(),
        Subject::Waiting { .. } => vec![waited.share(), waited.mean()],
        Subject::SingleServer { .. } => vec![waited.mean()],
        Subject::Availability { .. } => vec![seen.served()],
        Subject::SetUp { .. } => vec![seen.setup.mean],
        Subject::Filling { .. } => unreachable!("it was dealt with above"),
    })
}

impl Subject {
    /// Whether requests may come to nothing without having been refused.
    fn may_fail(&self) -> bool {
        matches!(self, Self::Availability { .. })
    }
}

/// What the desk of the only place has seen.
fn waits(world: &World) -> Waits {
    let first = world.indices().next();
    first.and_then(|at| world.waits(at)).unwrap_or_default()
}

/// Fills places again and again, each time with a seed of its own.
#[allow(clippy::cast_precision_loss, reason = "counts, for means")]
fn fillings(
    amount: Amount,
    seed: u64,
    mut once: impl FnMut(u64) -> Result<(Seen, Waits), MeasureError>,
) -> Result<Vec<f64>, MeasureError> {
    let (mut refused, mut requests, mut standing, mut times) = (0, 0, 0, 0_u64);
    while requests < amount.requests {
        let (seen, _) = once(seed.wrapping_mul(1 << 32).wrapping_add(times))?;
        let (more, of) = seen.refused_of_all();
        refused += more;
        requests += of.max(1);
        standing += seen.standing;
        times += 1;
    }
    Ok(vec![
        refused as f64 / requests as f64,
        standing as f64 / (times * LEAVES as u64) as f64,
    ])
}
