//! How long a set-up takes when messages are lost and repeated.
//!
//! Two models. [`Exchange`] is the textbook's: request and response pass all hops, and are
//! repeated from the start after a fixed time. [`HopByHop`] is what Waybook's places do, as
//! docs/PROTOCOL.md says and node/place does (`handoff.rs`, `visits.rs`, `feeds.rs`).

use super::{OutOfRange, not_negative, require};

/// A request and its response over several hops, repeated end to end after a fixed time.
///
/// Every message of every attempt is lost at each hop with the same probability, independently.
/// The number of attempts is geometric, so all is in closed form (A. S. Tanenbaum, "Computer
/// Networks", on stop-and-wait; D. Bertsekas and R. Gallager, "Data Networks", 2nd edition 1992, section 2.4).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    round_trip: f64,
    fails: f64,
    pause: f64,
}

impl Exchange {
    /// Over `hops` hops that take `latency` seconds each way, with the probability `loss` of losing
    /// a message at each; begun anew `pause` seconds after the last attempt began.
    ///
    /// # Errors
    /// If the loss is not at least 0 and below 1, a time is negative, or the pause is shorter
    /// than request and response take.
    pub fn new(hops: u32, latency: f64, loss: f64, pause: f64) -> Result<Self, OutOfRange> {
        not_negative("latency", latency)?;
        not_negative("pause", pause)?;
        let possible = (0.0..1.0).contains(&loss);
        require(possible, "loss", loss, "at least 0 and below 1")?;
        let round_trip = 2.0 * f64::from(hops) * latency;
        let patient = pause >= round_trip;
        let wanted = "no shorter than request and response take";
        require(patient, "pause", pause, wanted)?;
        Ok(Self {
            round_trip,
            fails: 1.0 - (1.0 - loss).powf(2.0 * f64::from(hops)),
            pause,
        })
    }

    /// The mean time in seconds until the response has arrived.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.round_trip + self.pause * self.fails / (1.0 - self.fails)
    }

    /// The probability that the response has arrived after `time` seconds.
    #[must_use]
    pub fn at_most(&self, time: f64) -> f64 {
        if time < self.round_trip {
            return 0.0;
        }
        if self.fails == 0.0 {
            return 1.0;
        }
        let repeats = ((time - self.round_trip) / self.pause).floor();
        1.0 - self.fails.powf(repeats + 1.0)
    }
}

/// Waybook's set-up over a path, one session at a time.
///
/// Over each hop, from a place to the next:
///
/// - The visit is sent at once when it has come, and again after each pause until anything is
///   heard of it. Pauses are independent and evenly distributed (half to one and a half times the
///   setting `setup-refresh`).
/// - A place that gets a visit sends it on at once, and acknowledges it; the last place says *ready*
///   in place of that. A place that hears *ready* is ready, and says so once, at once.
/// - A visit that comes again is answered with *ready* if the place is, else acknowledged again.
/// - From when the acknowledgement has come, the place refreshes in place of repeating, with pauses of
///   the same kind, the first one beginning then. A refresh is answered with *ready* if the place is.
///
/// Each message takes the latency and is lost with the same probability, independently; starting
/// components takes no time, everybody books what they ask for, and a connection does not break. The
/// delay is from the visit's beginning at the client's place until that is ready. Searching for a
/// server comes before that, and is not in it.
///
/// What is left out: a hop is given up after a set-up lease (by default eight mean pauses) without
/// an answer, and a set-up at its deadline. With a loss of a tenth that is less than one hop in
/// ten thousand; to hold the simulator against this, make both long. Refreshes of several sessions
/// over one hop are bundled: when there are others, the first pause before a refresh is shorter
/// than here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HopByHop {
    hops: u32,
    latency: f64,
    loss: f64,
    shortest: f64,
    longest: f64,
}

/// Steps of the grid for each mean pause.
const STEPS: f64 = 200.0;

/// What weighs less than this together is left out at the far end.
const MISSING: f64 = 1e-9;

impl HopByHop {
    /// Over `hops` hops that take `latency` seconds each way, with the probability `loss` of losing
    /// a message; repeated after pauses between `shortest` and `longest` seconds.
    ///
    /// # Errors
    /// If there are more than 64 hops, the loss is not between 0 and 0.6, or the pauses are not from longer than an answer takes
    /// (twice the latency) to longer than that.
    pub fn new(
        hops: u32,
        latency: f64,
        loss: f64,
        shortest: f64,
        longest: f64,
    ) -> Result<Self, OutOfRange> {
        not_negative("latency", latency)?;
        require(hops <= 64, "hops", f64::from(hops), "at most 64")?;
        require(
            (0.0..=0.6).contains(&loss),
            "loss",
            loss,
            "between 0 and 0.6",
        )?;
        let patient = shortest > 2.0 * latency;
        require(
            patient,
            "shortest pause",
            shortest,
            "longer than an answer takes",
        )?;
        let ordered = longest > shortest && longest.is_finite();
        require(
            ordered,
            "longest pause",
            longest,
            "longer than the shortest",
        )?;
        Ok(Self {
            hops,
            latency,
            loss,
            shortest,
            longest,
        })
    }

    /// The mean delay of one hop to the last place, in seconds, in closed form; for checking
    /// [`delay`](Self::delay). With loss p, latency l and mean pause m: the visit takes
    /// l + m p / (1 - p), and *ready* takes l + m p / (1 - p)^2, since it comes of itself with
    /// 1 - p and later at each pause with (1 - p)^2.
    #[must_use]
    pub fn mean_of_last_hop(&self) -> f64 {
        let arrives = 1.0 - self.loss;
        let pause = (self.shortest + self.longest) / 2.0;
        2.0 * self.latency + pause * (self.loss / arrives + self.loss / (arrives * arrives))
    }

    /// The distribution of the delay, on a grid of a two-hundredth of the mean pause.
    ///
    /// Hop by hop from the last place to the client's. Given the law of the time D from a visit's
    /// arrival until the place is ready, the times at which the hop before asks again are a renewal
    /// process that does not depend on D; so the first of them after D has the law
    /// P(s) = sum over z < s of (expected number of askings at z, and then at s) x P(z < D <= s).
    /// Means are kept exactly by every step on the grid; only what happens within one step is
    /// not told apart, so the mean is off by the order of the step's square: less than a
    /// thousandth of what the losses add.
    ///
    /// # Errors
    /// If more than 1e-9 of the distribution would be beyond the grid's end.
    pub fn delay(&self) -> Result<Delay, OutOfRange> {
        self.on_grid(STEPS)
    }

    /// The same with so many steps for each mean pause.
    fn on_grid(&self, steps: f64) -> Result<Delay, OutOfRange> {
        let step = (self.shortest + self.longest) / 2.0 / steps;
        let pause = Law::even(self.shortest / step, self.longest / step);
        let answer = 2.0 * self.latency / step;
        let one_way = self.latency / step;
        let answered = (1.0 - self.loss) * (1.0 - self.loss);
        let end = self.end(step);

        let mut ready: Option<Law> = None;
        for _ in 0..self.hops {
            let visit = Law::at_zero()
                .renewed(&pause, self.loss, end)
                .scaled(1.0 - self.loss)
                .delayed(one_way);
            let asked = match &ready {
                None => pause.clone(),
                Some(ready) => self.first_asked(ready, &pause, answer, end),
            };
            let at_once = ready.unwrap_or_else(Law::at_zero).scaled(1.0 - self.loss);
            let later = asked
                .renewed(&pause, 1.0 - answered, end)
                .scaled(answered * self.loss);
            let heard = at_once.plus(&later).delayed(one_way);
            ready = Some(visit.convolved(&heard, end));
        }
        let mass = ready.unwrap_or_else(Law::at_zero).0;
        let missing = 1.0 - mass.iter().sum::<f64>();
        let wanted = "such that less than 1e-9 of the delays are beyond the grid";
        require(missing < MISSING, "loss", self.loss, wanted)?;
        Ok(Delay { step, mass })
    }

    /// The first time at or after D at which the hop before asks again, both counted from the
    /// visit's arrival.
    fn first_asked(&self, ready: &Law, pause: &Law, answer: f64, end: usize) -> Law {
        let arrives = 1.0 - self.loss;
        // The pause that begins when an acknowledgement has come: it was under way for twice
        // the latency since the asking that it answers.
        let after_answer = pause.delayed(answer);
        // Askings before the place is ready: by visits while none is acknowledged, by
        // refreshes afterwards. The first visit, at zero, has arrived for certain.
        let mut visits = vec![0.0; end];
        let mut refreshes = vec![0.0; end];
        let mut asked = vec![0.0; end];
        let until = ready.until(end);
        let mut ask = |from: usize, weight: f64, law: &Law, into: &mut [f64], first: bool| {
            for (by, chance) in law.0.iter().enumerate() {
                let at = from + by;
                if at >= end {
                    break;
                }
                into[at] += weight * chance;
                let before = if first { 0.0 } else { until[from] };
                asked[at] += weight * chance * (until[at] - before);
            }
        };
        ask(0, self.loss, pause, &mut visits, true);
        ask(0, arrives, &after_answer, &mut refreshes, true);
        for at in 0..end {
            // The grid may put an asking no later than the one before it only if pauses are
            // shorter than a step; they are not.
            let (visit, refresh) = (visits[at], refreshes[at]);
            let acknowledged = arrives * arrives;
            if visit > 0.0 {
                ask(at, visit * (1.0 - acknowledged), pause, &mut visits, false);
                ask(
                    at,
                    visit * acknowledged,
                    &after_answer,
                    &mut refreshes,
                    false,
                );
            }
            if refresh > 0.0 {
                ask(at, refresh, pause, &mut refreshes, false);
            }
        }
        Law(asked)
    }

    /// How many steps are kept: far enough for the slowest of the geometric tails.
    fn end(&self, step: f64) -> usize {
        let fails = 1.0 - (1.0 - self.loss) * (1.0 - self.loss);
        let repeats = if fails > 0.0 { -30.0 / fails.ln() } else { 0.0 };
        let hops = f64::from(self.hops);
        let time = (repeats + 4.0 + 2.0 * hops) * self.longest + 2.0 * hops * self.latency;
        (time / step).ceil() as usize + 2
    }
}

/// The distribution of a delay on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Delay {
    /// The grid's step in seconds.
    pub step: f64,
    /// The probability of each multiple of the step, from zero on.
    pub mass: Vec<f64>,
}

impl Delay {
    /// The mean in seconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let mass = self.mass.iter().enumerate();
        mass.map(|(at, p)| at as f64 * p).sum::<f64>() * self.step
    }

    /// The standard deviation in seconds.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let mass = self.mass.iter().enumerate();
        let square = |(at, p): (usize, &f64)| (at as f64 * self.step - mean).powi(2) * p;
        mass.map(square).sum::<f64>().sqrt()
    }

    /// The probability of a delay of at most so many seconds. Where it jumps, the jump is up to
    /// one step early or late.
    #[must_use]
    pub fn at_most(&self, time: f64) -> f64 {
        if time < 0.0 {
            return 0.0;
        }
        let last = (time / self.step).floor() as usize;
        self.mass.iter().take(last.saturating_add(1)).sum()
    }
}

/// Weights of the multiples of a grid's step. Whatever is not on the grid is split between its
/// neighbours so that the mean stays.
#[derive(Debug, Clone)]
struct Law(Vec<f64>);

impl Law {
    fn at_zero() -> Self {
        Self(vec![1.0])
    }

    /// Evenly distributed between two times, in steps.
    fn even(from: f64, to: f64) -> Self {
        let weight = |at: usize| {
            // What of the density the hat function around a multiple covers, piece by straight
            // piece.
            let at = at as f64;
            let kinks = [at - 1.0, at, at + 1.0].map(|x| x.clamp(from, to));
            let height = |x: f64| (1.0 - (x - at).abs()).max(0.0);
            let piece =
                |ends: &[f64]| (ends[1] - ends[0]) * (height(ends[0]) + height(ends[1])) / 2.0;
            kinks.windows(2).map(piece).sum::<f64>() / (to - from)
        };
        Self((0..to.ceil() as usize + 1).map(weight).collect())
    }

    fn scaled(mut self, by: f64) -> Self {
        self.0.iter_mut().for_each(|weight| *weight *= by);
        self
    }

    fn plus(mut self, other: &Self) -> Self {
        let longer = self.0.len().max(other.0.len());
        self.0.resize(longer, 0.0);
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
        self
    }

    fn delayed(&self, by: f64) -> Self {
        let (whole, part) = (by.floor() as usize, by.fract());
        let mut later = vec![0.0; self.0.len() + whole + 1];
        for (at, weight) in self.0.iter().enumerate() {
            later[at + whole] += weight * (1.0 - part);
            later[at + whole + 1] += weight * part;
        }
        Self(later)
    }

    /// The expected number of visits to each time of a walk that begins with this law and goes on
    /// with that probability, each time by an independent pause.
    fn renewed(mut self, pause: &Self, goes_on: f64, end: usize) -> Self {
        self.0.resize(end, 0.0);
        for at in 0..end {
            let weight = self.0[at] * goes_on;
            if weight > 0.0 {
                let later = self.0[at..].iter_mut().zip(&pause.0);
                later.for_each(|(later, chance)| *later += weight * chance);
            }
        }
        self
    }

    fn convolved(&self, other: &Self, end: usize) -> Self {
        let mut sum = vec![0.0; end];
        for (at, weight) in self.0.iter().enumerate().take(end) {
            if *weight > 0.0 {
                let both = sum[at..].iter_mut().zip(&other.0);
                both.for_each(|(sum, other)| *sum += weight * other);
            }
        }
        Self(sum)
    }

    /// For each time the weight before it, and half of what is exactly there.
    fn until(&self, end: usize) -> Vec<f64> {
        let mut sum = 0.0;
        let weights = self.0.iter().copied().chain(std::iter::repeat(0.0));
        weights
            .take(end)
            .map(|weight| {
                let until = sum + weight / 2.0;
                sum += weight;
                until
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
