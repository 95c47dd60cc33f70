//! What was changed at a place, and by whom.

use serde::{Deserialize, Serialize};

/// One change, as it stands in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditInfo {
    /// Counted from 1 as long as the data folder lives.
    pub number: u64,
    /// When it was done, by this machine's clock (RFC 3339, UTC).
    pub at: String,
    /// The place that was changed.
    pub place: String,
    /// The token that was shown: `owner` for that of the data folder, `system` where the place did it
    /// by itself or was told by a signal.
    pub token: String,
    /// Whom the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The place where it was asked for, and where the token is known. What another place says of who
    /// asked there is its word.
    pub origin: String,
    /// The client's address; the neighbour that it came by; or what made the place do it.
    pub from: String,
    /// What was done, in a word.
    pub what: String,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// What became of it.
    pub result: AuditResult,
    /// The status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditResult {
    /// It was made.
    Done,
    /// It was not, or in part.
    Failed,
}
