//! Tokens of the control API.

use serde::{Deserialize, Serialize};

use super::SpanForm;

/// What a token can be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Look.
    Read,
    /// Open, claim and close sessions, or try what an open would do.
    Open,
    /// Publish and withdraw presentations; add and remove components.
    Publish,
    /// Everything else that changes the place.
    Operate,
}

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    /// What it is called: up to 64 letters, digits, `-`, `_`, `.` and `@`.
    pub name: String,
    /// What it is good for. Looking is always among it.
    pub may: Vec<Right>,
    /// Whom it is bound to: sessions are opened with it for that user only, and count as that
    /// user's. Without one, for whomever its holder says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// It expires after that long; never, if that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<SpanForm>,
}

/// A token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its name.
    pub name: String,
    /// What it is good for.
    pub may: Vec<Right>,
    /// Whom it is bound to.
    pub user: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// When it expires, in milliseconds since 1970; never if there is no moment.
    pub expires: Option<u64>,
    /// Whether it has.
    pub expired: bool,
    /// The name of the token that it was made with, and of the place that was asked if that was
    /// another one.
    pub by: String,
}

/// A token that was made just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeTokenInfo {
    /// What its holder shows. It is told once, here.
    pub text: String,
    /// All else.
    pub token: TokenInfo,
}
