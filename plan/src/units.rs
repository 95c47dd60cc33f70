//! Amounts as people write them.
//!
//! All arithmetic is in whole numbers: `"1.5 Mbit/s"` is exactly 1 500 000 bit/s, and
//! what is not whole in the base unit is refused rather than rounded.

use std::time::Duration;

use crate::Resource;
use crate::text::quote;

/// Why an amount was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A kind of quantity with the units that it is written in.
struct Scale<'a> {
    /// What is measured, for messages.
    what: &'a str,
    /// Greatest first; the base unit, which is worth 1, last. Where two units write an
    /// amount equally short, the one listed first is used.
    units: &'a [(&'a str, u128)],
    /// Whether a unit stands apart from its number.
    space: bool,
    /// How an amount is written.
    example: &'a str,
}

const CPU: Scale<'_> = Scale {
    what: "cpu",
    units: &[("", 1_000), ("m", 1)],
    space: false,
    example: "`250m` (thousandths of a processor), `2` or `1.5` (processors)",
};

const MEMORY: Scale<'_> = Scale {
    what: "memory",
    units: &[
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("kB", 1_000),
        ("B", 1),
    ],
    space: true,
    example: "`64 MiB`",
};

const BANDWIDTH: Scale<'_> = Scale {
    what: "bandwidth",
    units: &[
        ("Gbit/s", 1_000_000_000),
        ("Mbit/s", 1_000_000),
        ("kbit/s", 1_000),
        ("bit/s", 1),
    ],
    space: true,
    example: "`4 Mbit/s`",
};

const DURATION: Scale<'_> = Scale {
    what: "time",
    units: &[
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("min", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ],
    space: true,
    example: "`30 s`",
};

/// The longest fraction that is read. With it, the greatest unit times the fraction
/// still fits the arithmetic; nobody writes more.
const MOST_DECIMALS: usize = 18;

/// Reads an amount of a resource with its unit: `"4 Mbit/s"`, `"250m"`, `"64 MiB"`.
///
/// | resource | units | what comes back |
/// |---|---|---|
/// | `cpu` | none (processors), `m` | thousandths of a processor |
/// | `memory` | `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB` | bytes |
/// | `down`, `up` | `bit/s`, `kbit/s`, `Mbit/s`, `Gbit/s` | bit/s |
/// | any other | none | the number |
///
/// # Errors
/// [`UnitError`] names the units that the resource takes.
pub fn parse_amount(resource: &Resource, text: &str) -> Result<u64, UnitError> {
    let scale = scale_of(resource);
    let amount = parse(&scale, text)?;
    u64::try_from(amount).map_err(|_| too_large(&scale, text))
}

/// Writes an amount of a resource for people, as short as it is exact;
/// [`parse_amount`] reads it back exactly.
#[must_use]
pub fn format_amount(resource: &Resource, amount: u64) -> String {
    format(&scale_of(resource), amount.into())
}

/// Reads a bandwidth, `"6 Mbit/s"`, as bit/s.
///
/// # Errors
/// [`UnitError`] names the units: `bit/s`, `kbit/s`, `Mbit/s`, `Gbit/s`.
pub fn parse_bandwidth(text: &str) -> Result<u64, UnitError> {
    let amount = parse(&BANDWIDTH, text)?;
    u64::try_from(amount).map_err(|_| too_large(&BANDWIDTH, text))
}

/// Writes a bandwidth in bit/s for people; [`parse_bandwidth`] reads it back exactly.
#[must_use]
pub fn format_bandwidth(bits_per_second: u64) -> String {
    format(&BANDWIDTH, bits_per_second.into())
}

/// Reads a duration: `"30 s"`, `"500 ms"`, `"1.5 h"`.
///
/// # Errors
/// [`UnitError`] names the units: `ns`, `us`, `ms`, `s`, `min`, `h`, `d`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    const SECOND: u128 = 1_000_000_000;
    let nanos = parse(&DURATION, text)?;
    match (u64::try_from(nanos / SECOND), u32::try_from(nanos % SECOND)) {
        (Ok(seconds), Ok(rest)) => Ok(Duration::new(seconds, rest)),
        _ => Err(too_large(&DURATION, text)),
    }
}

/// Writes a duration for people; [`parse_duration`] reads it back exactly.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    format(&DURATION, duration.as_nanos())
}

fn scale_of(resource: &Resource) -> Scale<'_> {
    match resource.as_str() {
        Resource::CPU => CPU,
        Resource::MEMORY => MEMORY,
        Resource::DOWN | Resource::UP => BANDWIDTH,
        other => Scale {
            what: other,
            units: &[("", 1)],
            space: false,
            example: "`3`",
        },
    }
}

/// The amount in base units.
fn parse(scale: &Scale<'_>, text: &str) -> Result<u128, UnitError> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return Err(no_amount(scale, text)),
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(no_amount(scale, text));
    }
    let unit = unit.trim_start();
    let Some(&(_, worth)) = scale.units.iter().find(|(name, _)| *name == unit) else {
        return Err(no_amount(scale, text));
    };

    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > MOST_DECIMALS {
        return Err(not_whole(scale, text));
    }
    // At most 18 digits times at most 2^47: fits easily.
    let parts = fraction.parse().unwrap_or(0u128) * worth;
    let scaled_by = 10u128.pow(fraction.len() as u32);
    if !parts.is_multiple_of(scaled_by) {
        return Err(not_whole(scale, text));
    }
    // The digits are known to be digits, so only size can fail from here.
    let whole: u128 = whole.parse().map_err(|_| too_large(scale, text))?;
    whole
        .checked_mul(worth)
        .and_then(|amount| amount.checked_add(parts / scaled_by))
        .ok_or_else(|| too_large(scale, text))
}

fn format(scale: &Scale<'_>, amount: u128) -> String {
    let mut best: Option<(String, &str)> = None;
    for &(unit, worth) in scale.units {
        // Nothing is as much as one unit when the amount is 0; then the base unit does.
        if amount < worth && worth > 1 {
            continue;
        }
        if let Some(number) = decimal(amount, worth)
            && best.as_ref().is_none_or(|(b, _)| number.len() < b.len())
        {
            best = Some((number, unit));
        }
    }
    let (number, unit) = best.unwrap_or_default();
    format!("{number}{}{unit}", if scale.space { " " } else { "" })
}

/// The amount in a unit, if at most three decimals write it exactly.
fn decimal(amount: u128, worth: u128) -> Option<String> {
    let rest = amount % worth * 1_000;
    if !rest.is_multiple_of(worth) {
        return None;
    }
    let number = format!("{}.{:03}", amount / worth, rest / worth);
    Some(
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
    )
}

/// The units as a message lists them, smallest first.
fn units_of(scale: &Scale<'_>) -> String {
    let names: Vec<_> = scale
        .units
        .iter()
        .rev()
        .map(|(n, _)| *n)
        .filter(|n| !n.is_empty())
        .collect();
    match (names.as_slice(), scale.space) {
        ([], _) => "a whole number without a unit".to_owned(),
        (_, false) => format!("a number, with the unit {} or without", names.join(", ")),
        (_, true) => format!("a number and one of {}", names.join(", ")),
    }
}

fn no_amount(scale: &Scale<'_>, text: &str) -> UnitError {
    UnitError {
        message: format!(
            "{} is no amount of {}: write {}, such as {}",
            quote(text),
            scale.what,
            units_of(scale),
            scale.example
        ),
    }
}

fn not_whole(scale: &Scale<'_>, text: &str) -> UnitError {
    let base = match scale.units.last() {
        Some((name, _)) if !name.is_empty() => format!("whole number of {name}"),
        _ => "whole number".to_owned(),
    };
    UnitError {
        message: format!(
            "{} is no {base}, and amounts are not rounded: write {}, such as {}",
            quote(text),
            units_of(scale),
            scale.example
        ),
    }
}

fn too_large(scale: &Scale<'_>, text: &str) -> UnitError {
    UnitError {
        message: format!(
            "{} is larger than {} can be: write {}, such as {}",
            quote(text),
            scale.what,
            units_of(scale),
            scale.example
        ),
    }
}
