//! What is said on the stream of a transfer of code, before the bytes.

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::Digest;

/// Asks a neighbour for code. A neighbour that is not the source passes the request on
/// towards it, and the bytes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRequest {
    /// Which code.
    pub digest: Digest,
    /// Its length in bytes.
    pub length: u64,
    /// The root of the tree that its chunks are verified against.
    pub root: [u8; 32],
    /// The place to read from.
    pub source: PlaceName,
    /// The first byte wanted; everything before is there and verified.
    pub from: u64,
}

/// The answer to a request, before the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferAnswer {
    /// They follow.
    Follows,
    /// The source does not have it, and is not getting it.
    NotHeld,
    /// The way to the source is interrupted beyond the place that answers.
    Unreachable,
    /// The place that answers has reached its limit of transfers.
    Busy,
    /// The request makes no sense, for the reason given.
    Refused(String),
}
