//! Errors as the control API gives them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EndInfo, RefusalInfo, SolutionInfo};

/// What went wrong (problem details, RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind, as a URN: `urn:waybook:problem:refused`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened, and what would be right.
    pub detail: String,
    /// The place that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// For a refused session: its number, by which its set-up is remembered for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// For a refused session: for each solution, where and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusalInfo>,
    /// For a refused session: the plan that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub solutions: Vec<SolutionInfo>,
    /// For a session that is over: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndInfo>,
}

impl Problem {
    /// Whether it is of that kind: the last part of the URN, `refused`.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:waybook:problem:") == Some(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
