//! What the tests of the models share.

use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_sim::distribution::Distribution;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn at(ms: u64) -> Instant {
    Instant(ms * 1_000_000)
}

pub(crate) fn place(name: &str) -> PlaceName {
    PlaceName::new(name).unwrap_or_else(|e| panic!("{e}"))
}

pub(crate) fn exponential(mean: Duration) -> Distribution {
    Distribution::exponential(mean).unwrap_or_else(|e| panic!("{e}"))
}

/// Mean and variance of what was seen.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = |value: &f64| (value - mean) * (value - mean);
    (mean, values.iter().map(square).sum::<f64>() / (count - 1.0))
}

/// Reads a value as a scenario has it, under the key `value`.
pub(crate) fn read<T: serde::de::DeserializeOwned>(value: &str) -> Result<T, String> {
    #[derive(serde::Deserialize)]
    struct Scenario<T> {
        value: T,
    }
    toml::from_str(&format!("value = {value}"))
        .map(|scenario: Scenario<T>| scenario.value)
        .map_err(|error| error.to_string())
}

/// That two numbers differ by less than a share of the first.
#[track_caller]
pub(crate) fn close(expected: f64, seen: f64, share: f64) {
    assert!(
        (expected - seen).abs() <= expected.abs() * share,
        "expected {expected} within {share}, saw {seen}"
    );
}
