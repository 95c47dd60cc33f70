//! Who is invited to become a place.

use serde::{Deserialize, Serialize};

use super::{Span, SpanForm};

/// Whom to invite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteForm {
    /// The new place, right below the one that is asked.
    pub name: String,
    /// For how long; an hour unless it is said.
    pub valid: Option<SpanForm>,
    /// How many machines may use it, one after the other; one unless it is said.
    pub uses: Option<usize>,
    /// Where newcomers reach the place, each `host:port`; where its configuration says, if there
    /// are none.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// An invitation that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitedInfo {
    /// For `waybook join`. It is a secret, and told only now.
    pub token: String,
    /// The invitation.
    pub invitation: InvitationInfo,
}

/// An invitation. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationInfo {
    /// Its number, to revoke it by.
    pub id: String,
    /// The place that is invited.
    pub name: String,
    /// Whether somebody may still come.
    pub open: bool,
    /// When it was made.
    pub made: u64,
    /// Until when it is valid.
    pub expires: u64,
    /// For how long still; none if that is over.
    pub left: Option<Span>,
    /// How many machines may use it.
    pub uses: usize,
    /// Those that have.
    pub used: Vec<UsedInfo>,
    /// When it was revoked; none if it was not.
    pub revoked: Option<u64>,
}

/// A machine that has used an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedInfo {
    /// The SHA-256 of its public key, in hexadecimal.
    pub key: String,
    /// When, in seconds since 1970.
    pub at: u64,
}
