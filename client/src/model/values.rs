//! Amounts and times.

use serde::{Deserialize, Serialize};

/// An amount of a resource whose kind is told by where this stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces.
    pub amount: u64,
    /// For people.
    pub text: String,
}

/// An amount of one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The kind.
    pub resource: String,
    /// In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces.
    pub amount: u64,
    /// For people.
    pub text: String,
}

/// A length of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// In microseconds.
    pub micros: u64,
    /// For people, rounded.
    pub text: String,
}

/// A length of time that a client asks for: a number of seconds, or text with a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SpanForm {
    /// Seconds.
    Seconds(f64),
    /// With its unit: `"30 s"`, `"500 ms"`, `"1.5 h"`.
    Text(String),
}
