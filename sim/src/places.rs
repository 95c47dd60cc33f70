//! How places behave besides deciding: how long they take, and how their clocks go. A
//! scenario says so in its [`PlaceSpec`](crate::scenario::PlaceSpec)s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use rand::Rng;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use waybook_place::Instant;

use crate::distribution::Distribution;
use crate::quantity::{Factor, Invalid, Shift};

/// How a place, or every place of a class, behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceModel {
    /// How long one server is busy with one input.
    pub processing: Distribution,
    /// How many inputs are worked at at a time; those that come later wait in their order.
    pub servers: NonZeroU32,
    /// Everything that takes time here takes this many times as long: 1 is as stated.
    pub slowness: Factor,
    /// From being told to start a component to its answering, once its code is compiled.
    pub start: Distribution,
    /// How long compiling the code of a component takes, where it runs for the first time.
    pub compile: Distribution,
    /// How its clock goes.
    pub clock: Clock,
}

impl Default for PlaceModel {
    fn default() -> Self {
        Self {
            processing: Distribution::default(),
            servers: NonZeroU32::MIN,
            slowness: Factor::default(),
            start: Distribution::default(),
            compile: Distribution::default(),
            clock: Clock::default(),
        }
    }
}

impl PlaceModel {
    /// How long one server will be busy with an input.
    pub fn processing_time<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        self.slowness.times(self.processing.sample(rng))
    }

    /// How long a component takes to answer, once its code is compiled.
    pub fn start_time<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        self.slowness.times(self.start.sample(rng))
    }

    /// How long code takes to compile.
    pub fn compile_time<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        self.slowness.times(self.compile.sample(rng))
    }

    /// Whether inputs are taken at the moment they come, so that no desk is needed.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        self.processing.only() == Some(Duration::ZERO)
    }
}

/// When an input is worked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// A server turns to it.
    pub start: Instant,
    /// The server is done, and the place has decided.
    pub end: Instant,
}

/// How long inputs have waited at a [`Desk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// How many inputs have come.
    pub inputs: u64,
    /// How many of them had to wait for a server.
    pub waited: u64,
    /// How long all of them together wait, in nanoseconds.
    pub nanos: u128,
}

impl Waits {
    /// What has been added since an earlier look.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            inputs: self.inputs - before.inputs,
            waited: self.waited - before.waited,
            nanos: self.nanos - before.nanos,
        }
    }

    /// The share of inputs that had to wait.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts, for a share")]
    pub fn share(&self) -> f64 {
        self.waited as f64 / self.inputs.max(1) as f64
    }

    /// The mean wait in seconds, with those that did not wait.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a mean")]
    pub fn mean(&self) -> f64 {
        self.nanos as f64 / 1e9 / self.inputs.max(1) as f64
    }
}

/// Inputs on their way through the servers of a place: one queue, first come, first
/// served, each by the first server that is free (G/G/c).
///
/// It needs no memory before its first use.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// Until when each server is busy that has been used.
    busy: BinaryHeap<Reverse<Instant>>,
    waits: Waits,
}

impl Desk {
    /// Takes an input that comes now. Arrivals are told in the order of time.
    pub fn take(&mut self, arrival: Instant, servers: NonZeroU32, time: Duration) -> Service {
        let mut start = arrival;
        // More than the servers are there only if their number was lowered since.
        while self.busy.len() >= servers.get() as usize
            && let Some(Reverse(free)) = self.busy.pop()
        {
            start = start.max(free);
        }
        self.waits.inputs += 1;
        self.waits.waited += u64::from(start > arrival);
        self.waits.nanos += start.since(arrival).as_nanos();
        let end = start + time;
        self.busy.push(Reverse(end));
        Service { start, end }
    }

    /// When all that has come so far is done; none if nothing has come since the place began.
    #[must_use]
    pub fn done(&self) -> Option<Instant> {
        self.busy.iter().map(|Reverse(until)| *until).max()
    }

    /// How long inputs have waited here since the run began, crashes or not.
    #[must_use]
    pub fn waits(&self) -> Waits {
        self.waits
    }

    /// The place crashed: nobody is at work, and nobody waits.
    pub fn clear(&mut self) {
        self.busy.clear();
    }
}

/// The clock of a place: what it shows at a moment of virtual time.
///
/// `local = global + offset + drift * (global - since)`, never below 0. A clock that is
/// behind from the start therefore stands at 0 until virtual time has caught up; let the
/// run begin later, or the others be ahead, where that matters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clock {
    /// How far ahead it was at `since`, in nanoseconds.
    offset: i64,
    /// Thousandths of a millionth that it goes fast.
    drift: i64,
    since: Instant,
}

/// The drift of a clock is less than this, in either direction, in parts per million: half
/// of the true pace, so that it never stands still.
pub const MAX_DRIFT_PPM: f64 = 500_000.0;

const BILLION: i128 = 1_000_000_000;

impl Clock {
    /// A clock that is that far ahead at the start of the run (behind if negative), and
    /// goes fast by so many millionths (slow if negative).
    ///
    /// # Errors
    /// If the drift is not less than [`MAX_DRIFT_PPM`] in either direction.
    pub fn new(offset: Shift, drift_ppm: f64) -> Result<Self, Invalid> {
        if drift_ppm.is_nan() || drift_ppm.abs() >= MAX_DRIFT_PPM {
            let why = format!("must be between -{MAX_DRIFT_PPM} and {MAX_DRIFT_PPM}");
            return Err(Invalid::new("drift-ppm", why));
        }
        Ok(Self {
            offset: offset.0,
            drift: (drift_ppm * 1000.0).round() as i64,
            since: Instant::default(),
        })
    }

    /// What it shows.
    #[must_use]
    pub fn local(&self, global: Instant) -> Instant {
        clamp(self.shown(global.0.into()))
    }

    /// The first moment at which it shows that much: when a timer goes off that was set
    /// by it.
    #[must_use]
    pub fn global(&self, local: Instant) -> Instant {
        let target = i128::from(local.0) - i128::from(self.offset);
        let since = i128::from(self.since.0);
        let pace = BILLION + i128::from(self.drift);
        // What is shown is rounded down and grows with time, so the exact inverse, rounded
        // up, is the first moment.
        let before = ((since - target) * BILLION).div_euclid(pace);
        clamp(since - before)
    }

    fn shown(&self, global: i128) -> i128 {
        let passed = global - i128::from(self.since.0);
        let drift = (passed * i128::from(self.drift)).div_euclid(BILLION);
        global + i128::from(self.offset) + drift
    }

    /// The same clock, set forwards or backwards.
    #[must_use]
    pub fn stepped(self, by: Shift) -> Self {
        Self {
            offset: self.offset.saturating_add(by.0),
            ..self
        }
    }

    /// The same clock going at another pace from now on, without a jump.
    ///
    /// # Errors
    /// As [`Clock::new`].
    pub fn drifting(self, now: Instant, drift_ppm: f64) -> Result<Self, Invalid> {
        let ahead = self.shown(now.0.into()) - i128::from(now.0);
        let offset = i64::try_from(ahead).unwrap_or(i64::MAX);
        Ok(Self {
            since: now,
            ..Self::new(Shift(offset), drift_ppm)?
        })
    }
}

fn clamp(nanos: i128) -> Instant {
    Instant(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClockFields {
    #[serde(default)]
    offset: Shift,
    #[serde(default)]
    drift_ppm: f64,
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ClockFields::deserialize(deserializer)?;
        Self::new(fields.offset, fields.drift_ppm).map_err(D::Error::custom)
    }
}
