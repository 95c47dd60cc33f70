//! Few users: each asks, uses what it is given or does without, and asks again after a
//! while (Engset, 1918; Iversen, *Teletraffic Engineering Handbook*, 2015, chapter 5).

use std::num::NonZeroU32;
use std::time::Duration;

use rand::Rng;
use serde::Deserialize;

use crate::distribution::Distribution;

/// A number of sources that are all alike.
///
/// In scenarios: `{ sources = 100, idle = { exponential = "60 s" } }`. Engset's formula
/// assumes exponential idle times; it holds for others of that mean as well.
///
/// Each source is an event of its own: it asks when its idle time is over, and is idle
/// again from the end of its session, or from the moment it was refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// How many there are.
    pub sources: NonZeroU32,
    /// How long each is idle before it asks.
    pub idle: Distribution,
}

impl Sources {
    /// How long a source that is idle from now on waits until it asks.
    pub fn idle_time<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        self.idle.sample(rng)
    }

    /// The traffic that is offered by each idle source, in erlangs, to sessions of that
    /// mean length: Engset's `alpha`. None if the idle times have no mean, or are nothing.
    #[must_use]
    pub fn offered_when_idle(&self, holding: Duration) -> Option<f64> {
        let idle = self.idle.mean().filter(|idle| !idle.is_zero())?;
        Some(holding.as_secs_f64() / idle.as_secs_f64())
    }
}
