//! Amounts in scenarios: each with its unit in its type, and read as people write them.
//!
//! | type | written | unit inside |
//! |---|---|---|
//! | [`Span`] | `"5 ms"` | a duration |
//! | [`Shift`] | `"-3 s"`, `"3 s"` | a duration with a direction, nanoseconds |
//! | [`Frequency`] | `"2.5/s"`, `"90/min"` | events a second |
//! | [`Bandwidth`] | `"4 Mbit/s"` | bit/s, at least 1 |
//! | [`Bytes`] | `"64 MiB"` | bytes |
//! | [`Probability`] | `0.01` | 0 to 1 |
//! | [`Factor`] | `2.5` | a number above 0 |
//!
//! What is out of range is refused where it stands, with the values that are allowed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use waybook_plan::{Resource, UnitError, parse_amount, parse_bandwidth, parse_duration};

/// A model that makes no sense: which of its fields, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field as it is written in scenarios.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { field, why }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.why)
    }
}

impl std::error::Error for Invalid {}

/// A duration, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A duration forwards or backwards, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Shift(pub i64);

/// How often something happens on average: events a second, more than 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Frequency(f64);

/// Bits a second, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(pub u64);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Probability(f64);

/// A finite number above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Factor(f64);

impl Probability {
    /// A probability, unless the number is none.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// As a number from 0 to 1.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Factor {
    /// A factor, unless the number is not finite or not above 0.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value.is_finite()).then_some(Self(value))
    }

    /// As a number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }

    /// A duration times this; the longest there is if it grows too long.
    #[must_use]
    pub fn times(self, duration: Duration) -> Duration {
        if self.0 == 1.0 {
            return duration;
        }
        nanoseconds(duration.as_nanos() as f64 * self.0)
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Frequency {
    /// So many events a second, unless the number is not finite or not above 0.
    #[must_use]
    pub fn per_second(value: f64) -> Option<Self> {
        (value > 0.0 && value.is_finite()).then_some(Self(value))
    }

    /// Events a second.
    #[must_use]
    pub fn hertz(self) -> f64 {
        self.0
    }

    /// Reads `"2.5/s"`: a number, a slash, and a unit of time.
    ///
    /// # Errors
    /// [`UnitError`] says how it is written.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let refused = || UnitError {
            message: format!(
                "`{}` is no rate: write a number above 0 for each unit of time, such as `2.5/s`, \
                 `90/min` or `1000/h`",
                text.escape_default()
            ),
        };
        let (number, unit) = text.split_once('/').ok_or_else(refused)?;
        let number: f64 = number.trim().parse().map_err(|_| refused())?;
        let unit = parse_duration(&format!("1 {}", unit.trim())).map_err(|_| refused())?;
        Self::per_second(number / unit.as_secs_f64()).ok_or_else(refused)
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// The duration of so many nanoseconds, to the nearest; none for less than 0, and the
/// longest that an [`Instant`](waybook_place::Instant) can hold for more.
#[must_use]
pub fn nanoseconds(value: f64) -> Duration {
    // `as` saturates, and takes what is no number as 0.
    Duration::from_nanos((value + 0.5) as u64)
}

/// Reads a text by a function that says what is wrong with it.
struct Text<T>(&'static str, fn(&str) -> Result<T, UnitError>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(|error| E::custom(error.message))
    }
}

/// Reads a number if it is in the range that a function allows.
struct Number<T>(&'static str, fn(f64) -> Option<T>);

impl<T> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        (self.1)(value).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.visit_f64(value as f64)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| parse_duration(text).map(Self);
        deserializer.deserialize_str(Text("a duration with its unit, such as \"5 ms\"", read))
    }
}

impl<'de> Deserialize<'de> for Shift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(
            "a duration with its unit, with `-` before it for backwards, such as \"-3 s\"",
            |text| {
                let (sign, size) = match text.trim().strip_prefix('-') {
                    Some(size) => (-1, size),
                    None => (1, text),
                };
                let nanos = i64::try_from(parse_duration(size)?.as_nanos()).unwrap_or(i64::MAX);
                Ok(Self(sign * nanos))
            },
        ))
    }
}

impl<'de> Deserialize<'de> for Frequency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("a rate, such as \"2.5/s\"", Self::parse))
    }
}

impl<'de> Deserialize<'de> for Bandwidth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(
            "a bandwidth with its unit, such as \"4 Mbit/s\"",
            |text| match parse_bandwidth(text)? {
                0 => Err(UnitError {
                    message: "a bandwidth of 0 lets nothing through: leave it out for no limit, \
                              or write at least `1 bit/s`"
                        .to_owned(),
                }),
                rate => Ok(Self(rate)),
            },
        ))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(
            "a number of bytes with its unit, such as \"64 MiB\"",
            |text| parse_amount(&Resource::memory(), text).map(Self),
        ))
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number("a probability from 0 to 1", Self::new))
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number("a finite number above 0", Self::new))
    }
}

/// A text, or a number that stands for itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Integer(i64),
    Float(f64),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
        }
    }
}

/// Reads amounts of resources, each in its own unit: a table by their names.
pub(crate) fn some_amounts<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<Resource, u64>>, D::Error> {
    let written = BTreeMap::<String, Written>::deserialize(from)?;
    let mut amounts = BTreeMap::new();
    for (name, amount) in written {
        let resource = Resource::new(&name).map_err(D::Error::custom)?;
        let amount = parse_amount(&resource, &amount.text())
            .map_err(|e| D::Error::custom(format!("`{name}`: {e}")))?;
        amounts.insert(resource, amount);
    }
    Ok(Some(amounts))
}
