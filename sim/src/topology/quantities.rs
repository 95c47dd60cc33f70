//! Latency, bandwidth and position from the attributes of graphs.
//!
//! Files of networks agree on no names and rarely state units. What is read by default:
//!
//! | of a link | attribute, in either case | a bare number is |
//! |---|---|---|
//! | latency | `latency`, `delay` | milliseconds |
//! | length | `dist`, `distance`, `length` | kilometres |
//! | bandwidth | `LinkSpeedRaw` (Topology Zoo) | bit/s |
//! | | `LinkSpeed` with `LinkSpeedUnits` `K`, `M`, `G`, `T` (Topology Zoo) | as the units say |
//! | | `bandwidth`, `capacity`, `bw` | Mbit/s |
//! | of one direction | `bandwidth-down`, `bandwidth_down`; `-up`, `_up` | Mbit/s |
//!
//! *Down* is from the node that the file names first to the second. A text with a unit, such as
//! `"5 ms"`, is read with its unit. Positions are read from `Latitude` and `Longitude`, `lat` and
//! `lon` (or `lng`), or a pair `pos` of longitude and latitude, as TopoHub writes it. An attribute
//! that a person named must be readable; one found by its usual name may be anything, and counts as
//! missing if it is not.

use std::time::Duration;

use waybook_plan::{parse_bandwidth, parse_duration};

use super::error::quote;
use super::graph::{Attributes, Position, Value};
use super::limits::MOST_LATENCY;

/// Which attributes of links say what.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quantities {
    /// The attribute that holds the latency; none for the usual names.
    pub latency: Option<Named>,
    /// The attribute that holds the bandwidth of either direction; none for the usual names.
    pub bandwidth: Option<Named>,
}

/// An attribute that holds an amount.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The attribute's name; upper and lower case are alike.
    pub attribute: String,
    /// What 1 is, if the file gives a bare number: nanoseconds or bit/s.
    pub worth: f64,
}

/// What attributes say of a link.
#[derive(Debug, Default)]
pub(super) struct Stated {
    pub(super) latency: Option<Duration>,
    pub(super) length: Option<f64>,
    pub(super) forward: Option<u64>,
    pub(super) back: Option<u64>,
}

const MILLISECOND: f64 = 1e6;
const MEGABIT: f64 = 1e6;

impl Quantities {
    /// Reads what is said of a link. What came by a usual name and cannot be read comes
    /// back as a message; what a person named and cannot be read is an error.
    pub(super) fn of_link(
        &self,
        attributes: &Attributes,
        stated: &mut Stated,
    ) -> Result<Vec<String>, String> {
        let mut unread = Vec::new();
        match &self.latency {
            Some(named) => {
                if let Some(value) = attributes.get(&named.attribute) {
                    stated.latency = Some(latency(&named.attribute, value, named.worth)?);
                }
            }
            None => {
                stated.latency = first(attributes, &["latency", "delay"], &mut unread, |n, v| {
                    latency(n, v, MILLISECOND)
                });
            }
        }
        stated.length = first(
            attributes,
            &["dist", "distance", "length"],
            &mut unread,
            length,
        );
        if let Some(named) = &self.bandwidth {
            if let Some(value) = attributes.get(&named.attribute) {
                let both = bandwidth(&named.attribute, value, named.worth)?;
                (stated.forward, stated.back) = (Some(both), Some(both));
            }
            return Ok(unread);
        }
        let both = first(attributes, &["LinkSpeedRaw"], &mut unread, |n, v| {
            bandwidth(n, v, 1.0)
        })
        .or_else(|| zoo_speed(attributes, &mut unread))
        .or_else(|| {
            first(
                attributes,
                &["bandwidth", "capacity", "bw"],
                &mut unread,
                |n, v| bandwidth(n, v, MEGABIT),
            )
        });
        let mut one = |names: &[&str; 2]| {
            first(attributes, names, &mut unread, |n, v| {
                bandwidth(n, v, MEGABIT)
            })
        };
        stated.forward = one(&["bandwidth-down", "bandwidth_down"]).or(both);
        stated.back = one(&["bandwidth-up", "bandwidth_up"]).or(both);
        Ok(unread)
    }
}

/// The first of these attributes that is there.
fn first<T>(
    attributes: &Attributes,
    names: &[&str],
    unread: &mut Vec<String>,
    read: impl Fn(&str, &Value) -> Result<T, String>,
) -> Option<T> {
    let (name, value) = names
        .iter()
        .find_map(|name| attributes.get(name).map(|value| (*name, value)))?;
    read(name, value).map_err(|error| unread.push(error)).ok()
}

/// The Topology Zoo's `LinkSpeed "2.5"` with `LinkSpeedUnits "G"`.
fn zoo_speed(attributes: &Attributes, unread: &mut Vec<String>) -> Option<u64> {
    let units = attributes.get("LinkSpeedUnits")?.to_string();
    let worth = match units.trim() {
        "K" | "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    };
    first(attributes, &["LinkSpeed"], unread, |n, v| {
        bandwidth(n, v, worth)
    })
}

/// A number, also one that is written as a text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Truth(_) | Value::Pair(..) => None,
    }
    .filter(|n| n.is_finite())
}

/// A latency in so many nanoseconds each, or with a unit.
fn latency(name: &str, value: &Value, worth: f64) -> Result<Duration, String> {
    let time = match (number(value), value) {
        (Some(number), _) => nanoseconds(number * worth),
        (None, Value::Text(text)) => parse_duration(text).ok(),
        _ => None,
    };
    time.filter(|t| *t <= MOST_LATENCY).ok_or_else(|| {
        format!(
            "the {name} {} is no latency: write a number of at least 0, or a text with a unit such as \
             `5 ms`, and at most an hour",
            quote(&value.to_string())
        )
    })
}

/// A time from a number of nanoseconds; none if it is negative or beyond a latency.
pub(super) fn nanoseconds(number: f64) -> Option<Duration> {
    let sensible = number >= 0.0 && number <= MOST_LATENCY.as_nanos() as f64;
    sensible.then(|| Duration::from_nanos(number.round() as u64))
}

fn length(name: &str, value: &Value) -> Result<f64, String> {
    number(value)
        .filter(|km| (0.0..1e9).contains(km))
        .ok_or_else(|| {
            format!(
                "the {name} {} is no length: write a number of kilometres",
                quote(&value.to_string())
            )
        })
}

/// A bandwidth in so many bit/s each, or with a unit.
fn bandwidth(name: &str, value: &Value, worth: f64) -> Result<u64, String> {
    let bits = match (number(value), value) {
        (Some(number), _) => bits(number * worth),
        (None, Value::Text(text)) => parse_bandwidth(text).ok().filter(|b| *b > 0),
        _ => None,
    };
    bits.ok_or_else(|| {
        format!(
            "the {name} {} is no bandwidth: write a number above 0, or a text with a unit such as \
             `10 Mbit/s`",
            quote(&value.to_string())
        )
    })
}

/// A bandwidth from a number of bit/s; none if it is below 1 or beyond all sense.
pub(super) fn bits(number: f64) -> Option<u64> {
    (1.0..1e18).contains(&number).then(|| number.round() as u64)
}

/// Where a node stands, by its attributes.
pub(super) fn position(attributes: &Attributes) -> Option<Position> {
    let named = |names: &[&str]| {
        let value = names.iter().find_map(|name| attributes.get(name))?;
        number(value)
    };
    let (latitude, longitude) = match (
        named(&["latitude", "lat"]),
        named(&["longitude", "lon", "lng"]),
    ) {
        (Some(latitude), Some(longitude)) => (latitude, longitude),
        _ => match attributes.get("pos") {
            Some(Value::Pair(longitude, latitude)) => (*latitude, *longitude),
            _ => return None,
        },
    };
    let on_globe = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    on_globe.then_some(Position::Globe {
        latitude,
        longitude,
    })
}
