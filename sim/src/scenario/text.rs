//! Amounts with units in a scenario, read as in every other file of Waybook.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use waybook_plan::{Resource, parse_amount, parse_bandwidth, parse_duration};

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

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = Written::deserialize(from)?.text();
    parse_duration(&text).map_err(D::Error::custom)
}

pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

pub(super) fn some_bandwidth<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = Written::deserialize(from)?.text();
    parse_bandwidth(&text).map(Some).map_err(D::Error::custom)
}

/// A number of bytes, written as memory is.
pub(super) fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = Written::deserialize(from)?.text();
    parse_amount(&Resource::memory(), &text).map_err(D::Error::custom)
}

pub(super) fn some_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    bytes(from).map(Some)
}

/// Amounts of resources, each in its own unit.
pub(super) fn some_amounts<'de, D: Deserializer<'de>>(
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
