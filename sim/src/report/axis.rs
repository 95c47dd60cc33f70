//! Axes: which values they reach over, and where their ticks are.

use super::text::minus;

/// About how many ticks an axis has.
const TICKS: f64 = 6.0;

/// What an axis is of.
#[derive(Debug, Clone, Default)]
pub(super) struct Axis {
    /// What it says, with the unit.
    pub(super) label: String,
    /// Equal steps are equal factors.
    pub(super) logarithmic: bool,
    /// It begins at zero, if no value is below.
    pub(super) from_zero: bool,
    /// It ends where the values do, and not at the next tick.
    pub(super) tight: bool,
    /// It ends at this value at the latest; what goes beyond is cut.
    pub(super) most: Option<f64>,
    /// It reaches over these, too.
    pub(super) also: Vec<f64>,
    /// Ticks are so far apart, if they would otherwise be about that far.
    pub(super) steps: &'static [f64],
}

/// An axis over values.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Where its ticks are, and what they say.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A plain one.
    pub(super) fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    /// One that begins at zero.
    pub(super) fn from_zero(label: impl Into<String>) -> Self {
        Self {
            from_zero: true,
            ..Self::new(label)
        }
    }

    /// One of shares, from zero to one.
    pub(super) fn of_shares(label: impl Into<String>) -> Self {
        Self {
            most: Some(1.0),
            ..Self::from_zero(label)
        }
    }

    /// The scale for these values; what is no number is left out.
    pub(super) fn over(&self, values: impl Iterator<Item = f64>) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let counts = |v: &f64| v.is_finite() && (*v > 0.0 || !self.logarithmic);
        for value in values.chain(self.also.iter().copied()).filter(counts) {
            let value = value.min(self.most.unwrap_or(value));
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = if self.logarithmic {
                (1.0, 10.0)
            } else {
                (0.0, 1.0)
            };
        }
        if self.logarithmic {
            return logarithmic(low, high);
        }
        if self.from_zero && low >= 0.0 {
            low = 0.0;
        }
        if high - low <= 1e-12 * high.abs().max(1e-290) {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            high += room;
            if !(self.from_zero && low == 0.0) {
                low -= room;
            }
        }
        linear(low, high, self.tight, self.steps)
    }
}

impl Scale {
    /// How far along the axis a value is, from 0 to 1.
    pub(super) fn at(&self, value: f64) -> f64 {
        if self.logarithmic {
            let (low, high) = (self.low.ln(), self.high.ln());
            return (value.max(f64::MIN_POSITIVE).ln() - low) / (high - low);
        }
        (value - self.low) / (self.high - self.low)
    }
}

fn linear(low: f64, high: f64, tight: bool, steps: &[f64]) -> Scale {
    let rough = (high - low) / TICKS;
    let power = rough.log10().floor();
    let unit = 10_f64.powf(power);
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * unit >= rough * 0.999)
        .unwrap_or(10.0);
    let wanted = steps.iter().copied().find(|step| *step >= rough * 0.999);
    let wanted = wanted.filter(|step| *step < rough * 2.5);
    let step = wanted.unwrap_or(factor * unit);
    // Ticks within what is drawn, or the first ones beyond it.
    let (first, last) = match tight {
        true => ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor()),
        false => ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil()),
    };
    let many = (last - first).clamp(0.0, 100.0) as u32;
    let finer = match factor {
        2.5 => 1.0,
        10.0 => -1.0,
        _ => 0.0,
    };
    let decimals = match wanted {
        Some(_) => 0,
        None => (finer - power).max(0.0) as usize,
    };
    let ticks = (0..=many).map(|number| {
        let value = (first + f64::from(number)) * step;
        (value, tick(value, decimals))
    });
    Scale {
        ticks: ticks.collect(),
        low: if tight { low } else { first * step },
        high: if tight { high } else { last * step },
        logarithmic: false,
    }
}

/// Powers of ten, with those between where there are few.
fn logarithmic(low: f64, high: f64) -> Scale {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    let last = last.max(first + 1.0);
    let decades = (last - first).min(600.0) as i32;
    let between: &[f64] = match decades {
        ..=2 => &[1.0, 2.0, 5.0],
        3..=8 => &[1.0],
        _ => &[],
    };
    let mut ticks = Vec::new();
    for decade in 0..=decades {
        let power = first as i32 + decade;
        let sparse = between.is_empty() && decade % (decades / 6).max(1) == 0;
        for factor in if sparse { &[1.0] } else { between } {
            let value = factor * 10_f64.powi(power);
            let decimals = usize::try_from(-power).unwrap_or(0);
            ticks.push((value, tick(value, decimals)));
        }
    }
    let (low, high) = match decades {
        // Not a whole decade more than there are values for.
        ..=2 => (
            last_of(&ticks, |tick| tick <= low * 1.000_001).unwrap_or(low),
            first_of(&ticks, |tick| tick >= high * 0.999_999).unwrap_or(high),
        ),
        _ => (10_f64.powf(first), 10_f64.powf(last)),
    };
    let high = if high > low { high } else { low * 10.0 };
    let inside = |value: f64| value >= low * 0.999_999 && value <= high * 1.000_001;
    ticks.retain(|(value, _)| inside(*value));
    Scale {
        low,
        high,
        logarithmic: true,
        ticks,
    }
}

fn last_of(ticks: &[(f64, String)], is: impl Fn(f64) -> bool) -> Option<f64> {
    let mut found = ticks.iter().rev().map(|(value, _)| *value);
    found.find(|value| is(*value))
}

fn first_of(ticks: &[(f64, String)], is: impl Fn(f64) -> bool) -> Option<f64> {
    ticks
        .iter()
        .map(|(value, _)| *value)
        .find(|value| is(*value))
}

fn tick(value: f64, decimals: usize) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    if decimals > 6 || value.abs() >= 1e7 {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            minus(&format!("{value:.1e}"))
        };
    }
    let plain = format!("{:.decimals$}", value.abs());
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let apart = plain.parse::<u64>().map_or(plain, super::text::count);
    format!("{sign}{apart}")
}

/// How far ticks of times in a unit are apart, as on clocks.
pub(super) fn time_steps(unit: &str) -> &'static [f64] {
    match unit {
        "s" | "min" => &[5.0, 10.0, 15.0, 30.0, 60.0, 120.0],
        "h" => &[1.0, 2.0, 3.0, 6.0, 12.0, 24.0],
        _ => &[],
    }
}

/// A unit for times up to so many seconds, and how many seconds it has.
pub(super) fn time_unit(longest: f64) -> (&'static str, f64) {
    match longest {
        ..0.002 => ("µs", 1e-6),
        ..2.0 => ("ms", 1e-3),
        ..300.0 => ("s", 1.0),
        ..18_000.0 => ("min", 60.0),
        ..400_000.0 => ("h", 3600.0),
        _ => ("d", 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = axis.over(values.iter().copied());
        scale.ticks.into_iter().map(|(_, said)| said).collect()
    }

    #[test]
    fn round_ticks() {
        let axis = Axis::from_zero("x");
        assert_eq!(
            said(&axis, &[0.03, 0.28]),
            ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30"]
        );
        assert_eq!(said(&axis, &[]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            said(&axis, &[0.0, 0.0]),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        let wide = Axis {
            logarithmic: true,
            ..Axis::new("x")
        };
        assert_eq!(
            said(&wide, &[10.0, 2e5]),
            [
                "10",
                "100",
                "1000",
                "10\u{2009}000",
                "100\u{2009}000",
                "1\u{2009}000\u{2009}000"
            ]
        );
        assert_eq!(
            said(&wide, &[3.0, 90.0]),
            ["2", "5", "10", "20", "50", "100"]
        );
    }

    proptest! {
        /// Whatever is drawn, it is within the axis, and the axis has a few ticks in order.
        #[test]
        fn values_are_within(
            values in proptest::collection::vec(-1e12..1e12_f64, 1..9),
            scale in -12..12_i32,
            from_zero: bool,
            tight: bool,
            logarithmic: bool,
        ) {
            let values: Vec<_> = values.iter().map(|v| v * 10_f64.powi(scale)).collect();
            let axis = Axis { label: String::new(), logarithmic, from_zero, tight, steps: time_steps("min"), ..Axis::default() };
            let scale = axis.over(values.iter().copied());
            for value in values.iter().filter(|v| !logarithmic || **v > 0.0) {
                let at = scale.at(*value);
                prop_assert!((-1e-6..=1.000_001).contains(&at), "{value} is at {at}");
            }
            prop_assert!(scale.ticks.len() <= 20, "{:?}", scale.ticks);
            prop_assert!(scale.ticks.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
