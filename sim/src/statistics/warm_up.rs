//! Whether a run's beginning was cut off for long enough.

/// Where MSER-5 would cut a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mser {
    /// How many observations are to be left out.
    pub cut: usize,
    /// The standard error's square of what remains, which is least there.
    pub error: f64,
    /// Whether the cut is well within the series. If the best cut is at its half, where the
    /// search ends, the series has probably not settled at all.
    pub settled: bool,
}

/// How many observations make one.
const FIVE: usize = 5;

/// The marginal standard error rule over means of five: cut where the squared standard error of the
/// rest's mean, sum of squares / n^2, is least, at most half of the series.
///
/// K. P. White, M. J. Cobb, S. C. Spratt, "A comparison of five steady-state truncation heuristics
/// for simulation", Proceedings of the Winter Simulation Conference 2000. Observations are in order of
/// time, in even steps or by arrival. None for fewer than ten groups of five.
#[must_use]
pub fn mser(series: &[f64]) -> Option<Mser> {
    let groups: Vec<f64> = series
        .chunks_exact(FIVE)
        .map(|five| five.iter().sum::<f64>() / FIVE as f64)
        .collect();
    if groups.len() < 10 {
        return None;
    }
    let half = groups.len() / 2;
    // From the end, so that each group is looked at once.
    let mut rest = super::Moments::default();
    let mut best = Mser {
        cut: 0,
        error: f64::INFINITY,
        settled: false,
    };
    for (at, value) in groups.iter().enumerate().rev() {
        rest.add(*value);
        let error = rest.squares / (rest.count as f64).powi(2);
        // On a tie the shorter cut.
        if at <= half && error <= best.error {
            best = Mser {
                cut: at * FIVE,
                error,
                settled: at < half,
            };
        }
    }
    Some(best)
}

/// Welch's curve: the mean over replications at each time, smoothed.
#[derive(Debug, Clone, PartialEq)]
pub struct Welch {
    /// The moving average, for each time at which a window fits.
    pub curve: Vec<f64>,
    /// How many times to either side it is averaged over; fewer at the beginning.
    pub window: usize,
}

impl Welch {
    /// Averages replications, each a series in the same steps of time, and smooths over `window`
    /// steps to either side; at the beginning over as many as there are before.
    ///
    /// P. D. Welch, "The statistical analysis of simulation results", in "The Computer Performance
    /// Modeling Handbook", 1983; as in Law, section 9.5.1. None if there is no replication, or the
    /// shortest is no longer than the window.
    #[must_use]
    pub fn new(replications: &[Vec<f64>], window: usize) -> Option<Self> {
        let length = replications.iter().map(Vec::len).min()?;
        if length <= window {
            return None;
        }
        let number = replications.len() as f64;
        let at = |time: usize| replications.iter().map(|r| r[time]).sum::<f64>() / number;
        let means: Vec<f64> = (0..length).map(at).collect();
        let smooth = |time: usize| {
            let side = window.min(time);
            let around = &means[time - side..=time + side];
            around.iter().sum::<f64>() / around.len() as f64
        };
        Some(Self {
            curve: (0..length - window).map(smooth).collect(),
            window,
        })
    }

    /// The level of the curve's second half.
    #[must_use]
    pub fn level(&self) -> f64 {
        let half = &self.curve[self.curve.len() / 2..];
        half.iter().sum::<f64>() / half.len() as f64
    }

    /// From which step on the curve stays within `band` of that level; its length if never.
    #[must_use]
    pub fn settles(&self, band: f64) -> usize {
        let level = self.level();
        let outside = self
            .curve
            .iter()
            .rposition(|value| (value - level).abs() > band);
        outside.map_or(0, |last| last + 1)
    }
}

/// Both checks of a warm-up that was stated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// How many steps were stated.
    pub stated: usize,
    /// How many steps MSER-5 would cut of the replications' mean; none if that is too short or
    /// has not settled.
    pub mser: Option<usize>,
    /// From which step on Welch's curve is level; none if it never is.
    pub welch: Option<usize>,
}

impl WarmUp {
    /// Checks a warm-up of so many steps, from series that begin at the run's beginning. Welch's curve
    /// is smoothed over a twentieth of the length to either side; it is level within
    /// `band`, which is in the units of the observations.
    ///
    /// MSER-5 looks at the mean over all replications, in which there is less noise than in any.
    #[must_use]
    pub fn check(replications: &[Vec<f64>], stated: usize, band: f64) -> Self {
        let shortest = replications.iter().map(Vec::len).min().unwrap_or(0);
        let means = Welch::new(replications, 0).map(|all| all.curve);
        let curve = Welch::new(replications, shortest / 20);
        Self {
            stated,
            mser: means
                .and_then(|means| mser(&means))
                .filter(|mser| mser.settled)
                .map(|mser| mser.cut),
            welch: curve.and_then(|curve| {
                let settles = curve.settles(band);
                (settles < curve.curve.len() / 2).then_some(settles)
            }),
        }
    }

    /// Whether it was long enough by both.
    #[must_use]
    pub fn was_long_enough(&self) -> bool {
        let enough = |needed: Option<usize>| needed.is_some_and(|needed| needed <= self.stated);
        enough(self.mser) && enough(self.welch)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random;

    /// Noise about a level that is approached from zero within about `time` steps.
    fn filling(seed: u64, length: usize, time: f64) -> Vec<f64> {
        let mut rng = random::stream(seed, "filling", 0);
        let level = |n: usize| 10.0 * (1.0 - (-(n as f64) / time).exp());
        (0..length)
            .map(|n| level(n) + rng.random_range(-1.0..1.0))
            .collect()
    }

    #[test]
    fn a_step_is_cut_where_it_is() {
        // 20 groups of zeros, then ones that alternate a little: cut at 100 exactly.
        let step = |n: usize| match n / 5 {
            group if group < 20 => 0.0,
            group => 1.0 + if group % 2 == 0 { 0.01 } else { -0.01 },
        };
        let series: Vec<f64> = (0..600).map(step).collect();
        let cut = mser(&series).unwrap();
        assert_eq!((cut.cut, cut.settled), (100, true));
        // By definition, group by group.
        let rest: super::super::Moments = (20..120).map(|group| step(group * 5)).collect();
        assert!((cut.error - rest.squares / 1e4).abs() < 1e-12);
    }

    #[test]
    fn a_slope_has_not_settled() {
        let slope: Vec<f64> = (0..500).map(f64::from).collect();
        assert!(!mser(&slope).unwrap().settled);
        assert_eq!(mser(&slope[..49]), None);
        let flat = mser(&[3.0; 100]).unwrap();
        assert_eq!((flat.cut, flat.settled), (0, true));
    }

    #[test]
    fn cuts_what_fills_and_little_of_what_is_level() {
        for seed in 0..20 {
            let cut = mser(&filling(seed, 2_000, 50.0)).unwrap();
            // After two to eight time constants.
            assert!(cut.settled && (100..=400).contains(&cut.cut), "{cut:?}");
        }
    }

    #[test]
    fn welch_by_hand() {
        let runs = [
            vec![0.0, 2.0, 4.0, 6.0, 8.0],
            vec![2.0, 2.0, 4.0, 4.0, 4.0, 99.0],
        ];
        let welch = Welch::new(&runs, 1).unwrap();
        // Means 1 2 4 5 6; smoothed over one to either side.
        let wanted = [1.0, 7.0 / 3.0, 11.0 / 3.0, 5.0];
        assert!(
            welch
                .curve
                .iter()
                .zip(wanted)
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        assert_eq!(welch.curve.len(), 4);
        assert!((welch.level() - 13.0 / 3.0).abs() < 1e-12);
        assert_eq!(welch.settles(1.0), 2);
        assert_eq!(welch.settles(9.0), 0);
        assert_eq!(welch.settles(0.1), 4);
        assert_eq!(Welch::new(&[], 1), None);
        assert_eq!(Welch::new(&runs, 5), None);
    }

    #[test]
    fn a_stated_warm_up_is_judged() {
        let runs: Vec<_> = (0..20).map(|seed| filling(seed, 2_000, 50.0)).collect();
        assert!(!WarmUp::check(&runs, 20, 0.3).was_long_enough());
        let long = WarmUp::check(&runs, 600, 0.3);
        assert!(long.was_long_enough(), "{long:?}");
        // Nothing is long enough for what never settles.
        let slopes = vec![(0..2_000).map(f64::from).collect::<Vec<_>>()];
        assert!(!WarmUp::check(&slopes, 1_999, 0.3).was_long_enough());
    }
}
