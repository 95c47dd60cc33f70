//! When requests come, from so many users that those who are served are not missed.
//!
//! In scenarios:
//!
//! | written | what it is |
//! |---|---|
//! | `{ poisson = "2/s" }` | a Poisson process of that rate |
//! | `{ on-off = { rate = "10/s", on = { exponential = "1 s" }, off = { exponential = "4 s" } } }` | Poisson while on, nothing while off |
//! | `{ diurnal = { rate = "2/s", factors = [0.1, 0.1, …] } }` | Poisson, the rate times the factor of the hour, 24 of them |
//! | `{ diurnal = { rate = "2/s", swing = 0.8, peak = "20 h" } }` | Poisson, the rate times `1 + swing * cos(2 pi (t - peak) / day)` |
//! | `{ trace = ["1 s", "2.5 s"] }` | at these times after the start of the run |
//!
//! A `diurnal` process takes `day = "24 h"` besides, for days of another length.

use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_distr::{Distribution as _, Exp1};
use serde::Deserialize;
use waybook_place::Instant;

use crate::distribution::Distribution;
use crate::quantity::{Frequency, Invalid, Span, nanoseconds};

/// A process of arrivals, and how far it has come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Arrivals(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Poisson(Frequency),
    OnOff(OnOff),
    Diurnal(Diurnal),
    Trace { times: Arc<[Instant]>, next: usize },
}

/// An interrupted Poisson process (Kuczura, *The Interrupted Poisson Process As An
/// Overflow Process*, 1973, where both periods are exponential). It begins with a period
/// that is on, at the first time that is asked about.
#[derive(Debug, Clone, PartialEq)]
struct OnOff {
    rate: Frequency,
    on: Distribution,
    off: Distribution,
    /// Until when it is on; none before it has begun.
    until: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq)]
struct Diurnal {
    rate: Frequency,
    day: Duration,
    course: Course,
}

/// By what the rate of a day is multiplied.
#[derive(Debug, Clone, PartialEq)]
enum Course {
    /// For each of equal parts of the day.
    Table(Arc<[f64]>),
    /// A cosine around 1.
    Swing { swing: f64, peak: Duration },
}

impl Arrivals {
    /// A Poisson process.
    #[must_use]
    pub fn poisson(rate: Frequency) -> Self {
        Self(Kind::Poisson(rate))
    }

    /// A Poisson process of that rate while on, and nothing while off. It begins on.
    ///
    /// # Errors
    /// If it is on for so short a time that fewer than one in a million of its periods have
    /// a request: it would take for ever to find the next one.
    pub fn on_off(rate: Frequency, on: Distribution, off: Distribution) -> Result<Self, Invalid> {
        let mean = on.mean().unwrap_or(Duration::MAX);
        if rate.hertz() * mean.as_secs_f64() < 1e-6 {
            return Err(Invalid::new(
                "on",
                "must be longer: not one in a million of these periods has a request",
            ));
        }
        Ok(Self(Kind::OnOff(OnOff {
            rate,
            on,
            off,
            until: None,
        })))
    }

    /// A Poisson process whose rate is multiplied, in each of equal parts of the day, by a
    /// factor. The factors are taken as they are: their mean need not be 1. The day begins
    /// with the run.
    ///
    /// # Errors
    /// If there is no factor, one is negative or not finite, all are 0, or the day is
    /// nothing.
    pub fn diurnal(rate: Frequency, day: Duration, factors: &[f64]) -> Result<Self, Invalid> {
        if factors.is_empty() || !factors.iter().all(|f| f.is_finite() && *f >= 0.0) {
            return Err(Invalid::new(
                "factors",
                "must list finite numbers of at least 0",
            ));
        }
        if factors.iter().all(|f| *f == 0.0) {
            return Err(Invalid::new("factors", "must not all be 0"));
        }
        Self::over_the_day(rate, day, Course::Table(factors.into()))
    }

    /// A Poisson process whose rate is multiplied by
    /// `1 + swing * cos(2 pi (t - peak) / day)`.
    ///
    /// # Errors
    /// If the swing is not from 0 to 1, or the day is nothing.
    pub fn swinging(
        rate: Frequency,
        day: Duration,
        swing: f64,
        peak: Duration,
    ) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&swing) {
            return Err(Invalid::new("swing", "must be a number from 0 to 1"));
        }
        Self::over_the_day(rate, day, Course::Swing { swing, peak })
    }

    fn over_the_day(rate: Frequency, day: Duration, course: Course) -> Result<Self, Invalid> {
        if day.is_zero() {
            return Err(Invalid::new("day", "must be more than 0 s"));
        }
        Ok(Self(Kind::Diurnal(Diurnal { rate, day, course })))
    }

    /// At these times, and never again.
    ///
    /// # Errors
    /// If one is earlier than the one before it.
    pub fn trace(times: &[Instant]) -> Result<Self, Invalid> {
        if let Some(at) = times.windows(2).position(|pair| pair[1] < pair[0]) {
            let why = format!(
                "must be in the order of time, but number {} is earlier than the one before it",
                at + 2
            );
            return Err(Invalid::new("trace", why));
        }
        Ok(Self(Kind::Trace {
            times: times.into(),
            next: 0,
        }))
    }

    /// When the next request comes after one that came now, or after the start; never, if
    /// none does. `now` is what this gave last, or the time at which it is asked first.
    pub fn next<R: Rng + ?Sized>(&mut self, now: Instant, rng: &mut R) -> Option<Instant> {
        match &mut self.0 {
            Kind::Poisson(rate) => Some(now + gap(*rate, 1.0, rng)),
            Kind::OnOff(process) => Some(process.next(now, rng)),
            Kind::Diurnal(process) => Some(process.next(now, rng)),
            Kind::Trace { times, next } => {
                let at = times.get(*next).copied();
                *next += 1;
                at
            }
        }
    }

    /// Requests a second in the long run. None if it has none: a trace ends, and periods
    /// may have no mean.
    #[must_use]
    pub fn mean_rate(&self) -> Option<f64> {
        match &self.0 {
            Kind::Poisson(rate) => Some(rate.hertz()),
            Kind::OnOff(OnOff { rate, on, off, .. }) => {
                let (on, off) = (on.mean()?.as_secs_f64(), off.mean()?.as_secs_f64());
                Some(rate.hertz() * on / (on + off))
            }
            Kind::Diurnal(Diurnal { rate, course, .. }) => match course {
                Course::Table(factors) => {
                    let mean = factors.iter().sum::<f64>() / factors.len() as f64;
                    Some(rate.hertz() * mean)
                }
                Course::Swing { .. } => Some(rate.hertz()),
            },
            Kind::Trace { .. } => None,
        }
    }
}

/// The end of time, behind which nothing is.
const END: Instant = Instant(u64::MAX);

/// The time to the next arrival of a Poisson process.
fn gap<R: Rng + ?Sized>(rate: Frequency, factor: f64, rng: &mut R) -> Duration {
    let unit: f64 = Exp1.sample(rng);
    nanoseconds(unit / (rate.hertz() * factor) * 1e9)
}

impl OnOff {
    fn next<R: Rng + ?Sized>(&mut self, now: Instant, rng: &mut R) -> Instant {
        let mut at = now;
        let mut until = match self.until {
            Some(until) => until,
            None => now + self.on.sample(rng),
        };
        loop {
            // What falls behind the period is dropped: the process has no memory.
            let next = at + gap(self.rate, 1.0, rng);
            if next <= until || at == END {
                self.until = Some(until);
                return next;
            }
            at = until + self.off.sample(rng);
            until = at + self.on.sample(rng);
        }
    }
}

impl Diurnal {
    /// Thinning: of a Poisson process of the highest rate, each arrival is kept with the
    /// share that the rate has of it then (Lewis and Shedler, *Simulation of
    /// nonhomogeneous Poisson processes by thinning*, 1979).
    fn next<R: Rng + ?Sized>(&self, now: Instant, rng: &mut R) -> Instant {
        let most = self.course.most();
        let mut at = now;
        loop {
            at = at + gap(self.rate, most, rng);
            let share = self.course.factor(at, self.day) / most;
            if rng.random::<f64>() < share || at == END {
                return at;
            }
        }
    }
}

impl Course {
    fn most(&self) -> f64 {
        match self {
            Self::Table(factors) => factors.iter().copied().fold(0.0, f64::max),
            Self::Swing { swing, .. } => 1.0 + swing,
        }
    }

    fn factor(&self, at: Instant, day: Duration) -> f64 {
        let day = day.as_nanos();
        match self {
            Self::Table(factors) => {
                let part = (u128::from(at.0) % day) * factors.len() as u128 / day;
                factors[part as usize]
            }
            Self::Swing { swing, peak } => {
                let since = (u128::from(at.0) + day - peak.as_nanos() % day) % day;
                let turn = since as f64 / day as f64;
                1.0 + swing * libm::cos(std::f64::consts::TAU * turn)
            }
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOURS: usize = 24;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    Poisson(Frequency),
    OnOff(OnOffFields),
    Diurnal(DiurnalFields),
    Trace(Vec<Span>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnOffFields {
    rate: Frequency,
    on: Distribution,
    off: Distribution,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiurnalFields {
    rate: Frequency,
    day: Option<Span>,
    factors: Option<Vec<f64>>,
    swing: Option<f64>,
    peak: Option<Span>,
}

impl DiurnalFields {
    fn read(self) -> Result<Arrivals, Invalid> {
        let day = self.day.map_or(DAY, |day| day.0);
        match (self.factors, self.swing, self.peak) {
            (Some(factors), None, None) if factors.len() == HOURS => {
                Arrivals::diurnal(self.rate, day, &factors)
            }
            (Some(factors), None, None) => Err(Invalid::new(
                "factors",
                format!("has {} numbers: write {HOURS}, one an hour", factors.len()),
            )),
            (None, Some(swing), Some(peak)) => Arrivals::swinging(self.rate, day, swing, peak.0),
            _ => Err(Invalid::new(
                "diurnal",
                "takes `rate` and either `factors` or `swing` and `peak`",
            )),
        }
    }
}

impl TryFrom<Written> for Arrivals {
    type Error = Invalid;

    fn try_from(written: Written) -> Result<Self, Invalid> {
        match written {
            Written::Poisson(rate) => Ok(Self::poisson(rate)),
            Written::OnOff(OnOffFields { rate, on, off }) => Self::on_off(rate, on, off),
            Written::Diurnal(fields) => fields.read(),
            Written::Trace(times) => {
                let times: Vec<_> = times.iter().map(|t| Instant::default() + t.0).collect();
                Self::trace(&times)
            }
        }
    }
}
