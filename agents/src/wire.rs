//! How messages and agents look in bytes. The only file that names `bincode`.

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use crate::{Envelope, Incarnation, PlanVisitor};

/// The newest version of the protocol that this build speaks.
pub const VERSION: u8 = 1;
/// The oldest version of the protocol that this build speaks.
pub const OLDEST_VERSION: u8 = 1;
/// Bytes of the length that stands before every frame.
pub const PREFIX: usize = 4;
/// Greatest length of a frame, without its prefix, unless configured otherwise.
pub const MAX_FRAME: usize = 1 << 20;

/// The first frame in each direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's name, which must be that of its certificate.
    pub name: PlaceName,
    /// The sender's life.
    pub incarnation: Incarnation,
    /// The oldest version that the sender speaks.
    pub oldest: u8,
    /// The newest version that the sender speaks.
    pub newest: u8,
}

/// Why bytes were refused. Decoding changes nothing, and never panics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame is longer than allowed. Told by the prefix alone, before any of it is
    /// read.
    #[error("a frame of {length} bytes; at most {limit} are allowed")]
    TooLong {
        /// What the prefix claims.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The frame ends before what it says it holds.
    #[error("the frame is cut off")]
    CutOff,
    /// Not a version that this build speaks.
    #[error("protocol version {0} is not spoken here ({OLDEST_VERSION} to {VERSION} are)")]
    UnknownVersion(u8),
    /// Not a kind of frame that this build knows.
    #[error("frame kind {0} is unknown")]
    UnknownKind(u8),
    /// The body does not decode.
    #[error("the body does not decode: {0}")]
    Body(String),
    /// The plan inside a visit breaks what every plan promises.
    #[error("the agent's plan is not acceptable: {0}")]
    Plan(#[from] waybook_plan::PlanError),
}

/// Encodes a message as one frame, prefix included.
#[must_use]
pub fn encode(_envelope: &Envelope) -> Vec<u8> {
    Vec::new()
}

/// Decodes a frame without its prefix.
///
/// # Errors
/// [`WireError`]; nothing that arrives is trusted.
pub fn decode(_frame: &[u8]) -> Result<Envelope, WireError> {
    Err(WireError::CutOff)
}

/// Encodes a hello as one frame, prefix included. Its own version never changes.
#[must_use]
pub fn encode_hello(_hello: &Hello) -> Vec<u8> {
    Vec::new()
}

/// Decodes a hello without its prefix.
///
/// # Errors
/// As [`decode`].
pub fn decode_hello(_frame: &[u8]) -> Result<Hello, WireError> {
    Err(WireError::CutOff)
}

/// Reads the length of the frame that follows a prefix.
///
/// # Errors
/// [`WireError::TooLong`] before anything is allocated.
pub fn frame_length(prefix: [u8; PREFIX], limit: usize) -> Result<usize, WireError> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > limit {
        Err(WireError::TooLong { length, limit })
    } else {
        Ok(length)
    }
}

/// The version that both ends speak: the newest they have in common.
#[must_use]
pub fn negotiate(theirs: &Hello) -> Option<u8> {
    let newest = theirs.newest.min(VERSION);
    (newest >= theirs.oldest.max(OLDEST_VERSION)).then_some(newest)
}

/// Captures an agent for keeping.
#[must_use]
pub fn encode_agent(_agent: &PlanVisitor) -> Vec<u8> {
    Vec::new()
}

/// Reads a captured agent back.
///
/// # Errors
/// As [`decode`].
pub fn decode_agent(_bytes: &[u8]) -> Result<PlanVisitor, WireError> {
    Err(WireError::CutOff)
}

/// Encodes any record that a place keeps for its next life.
#[must_use]
pub fn encode_record<T: Serialize>(_record: &T) -> Vec<u8> {
    Vec::new()
}

/// Reads a record back.
///
/// # Errors
/// As [`decode`].
pub fn decode_record<T: serde::de::DeserializeOwned>(_bytes: &[u8]) -> Result<T, WireError> {
    Err(WireError::CutOff)
}
