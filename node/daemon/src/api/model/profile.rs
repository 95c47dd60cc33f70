//! Profiles as they are told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Span;

/// A user's profile, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileInfo {
    /// The user's own name.
    #[schema(example = "ann")]
    pub user: String,
    /// The place that keeps it.
    #[schema(example = "core/bologna")]
    pub home: String,
    /// From where the place that answers has it.
    pub source: ProfileSource,
    /// Of a copy: how long ago the home told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Span>,
    /// Of a stale copy: why the home could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The best quality level wanted, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_quality: Option<String>,
    /// The greatest bandwidth towards the client that the terminal can take, in bit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_bandwidth: Option<u64>,
    /// The titles that the user may open; `*` stands for any run of characters.
    pub may_open: Vec<String>,
}

/// From where a place has a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileSource {
    /// The home has told it just now, or is the place that answers.
    Home,
    /// A copy that is young enough not to ask.
    Copy,
    /// A copy that should have been refreshed, but the home cannot be asked.
    Stale,
}
