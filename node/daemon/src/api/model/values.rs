//! Amounts and times.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_plan::{Demand, Resource, format_amount};

/// An amount of a resource whose kind is told by where this stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quantity {
    /// In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces.
    pub amount: u64,
    /// For people.
    #[schema(example = "4 Mbit/s")]
    pub text: String,
}

impl Quantity {
    /// An amount of a kind of resource.
    #[must_use]
    pub fn of(resource: &Resource, amount: u64) -> Self {
        Self {
            amount,
            text: format_amount(resource, amount),
        }
    }

    /// A number of bytes, its text rounded to three digits.
    #[must_use]
    pub fn size(bytes: u64) -> Self {
        Self {
            amount: bytes,
            text: readable_size(bytes),
        }
    }

    /// A bandwidth in bit/s.
    #[must_use]
    pub fn bandwidth(amount: u64) -> Self {
        Self::of(&Resource::down(), amount)
    }
}

/// An amount of one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// The kind.
    #[schema(example = "cpu")]
    pub resource: String,
    /// In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces.
    #[schema(example = 250)]
    pub amount: u64,
    /// For people.
    #[schema(example = "250m")]
    pub text: String,
}

impl Amount {
    /// That much of a kind of resource.
    #[must_use]
    pub fn of(resource: &Resource, amount: u64) -> Self {
        Self {
            resource: resource.to_string(),
            amount,
            text: format_amount(resource, amount),
        }
    }
}

/// A demand as a list of amounts, in the order of the kinds' names.
#[must_use]
pub fn amounts(demand: &Demand) -> Vec<Amount> {
    let amounts = demand.iter();
    amounts
        .map(|(kind, amount)| Amount::of(kind, amount))
        .collect()
}

/// A length of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// In microseconds.
    #[schema(example = 1_500_000)]
    pub micros: u64,
    /// For people, rounded.
    #[schema(example = "1.5 s")]
    pub text: String,
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self {
            micros: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            text: readable(duration),
        }
    }
}

/// A number of bytes as a person would say it.
fn readable_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, rounded.
    let mut tenths = bytes.saturating_mul(10).saturating_add(512) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    let unit = UNITS[unit];
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// A duration as a person would say it: two units at most, or three digits.
fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.as_micros() {
        us @ ..1_000 => format!("{us} us"),
        us @ ..100_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        us @ ..1_000_000 => format!("{} ms", us / 1_000),
        us @ ..60_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A length of time that a client asks for: a number of seconds, or text with a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SpanForm {
    /// Seconds.
    Seconds(f64),
    /// With its unit: `"30 s"`, `"500 ms"`, `"1.5 h"`.
    Text(String),
}

impl SpanForm {
    /// Reads it.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn read(&self) -> Result<Duration, String> {
        match self {
            Self::Seconds(seconds) => Duration::try_from_secs_f64(*seconds)
                .map_err(|_| format!("`{seconds}` is no number of seconds")),
            Self::Text(text) => waybook_plan::parse_duration(text).map_err(|error| error.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_a_person_would_say_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (84_600, "83 KiB"),
            (1 << 20, "1 MiB"),
            (13_000_000, "12 MiB"),
            (256 << 20, "256 MiB"),
            (8 << 30, "8 GiB"),
        ] {
            assert_eq!(Quantity::size(bytes).text, text);
        }
        assert!(Quantity::size(u64::MAX).text.ends_with(" TiB"));
    }

    #[test]
    fn times_read_as_a_person_would_say_them() {
        for (micros, text) in [
            (7, "7 us"),
            (1_234, "1.2 ms"),
            (123_456, "123 ms"),
            (12_345_678, "12.3 s"),
            (754_000_000, "12 min 34 s"),
            (7_500_000_000, "2 h 5 min"),
            (180_000_000_000, "2 d 2 h"),
        ] {
            assert_eq!(Span::from(Duration::from_micros(micros)).text, text);
        }
    }
}
