//! How messages and agents look in bytes. The only file that names `bincode`.
//!
//! # Frames
//!
//! Everything is a *frame*. Whole numbers of the frame itself are little-endian and of
//! fixed width:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of all that follows; only on a connection, not in a store |
//! | 1 | kind: 0 hello, 1 envelope, 2 agent, 3 record, 4 transfer |
//! | 1 | version of the body's layout |
//! | 4 | length of the body |
//! | … | the body |
//! | … | blocks, to the end of the frame: 2 bytes tag, 4 bytes length, that many bytes |
//!
//! A body is frozen per version. What is added to the protocol later, without breaking
//! it, comes in tagged blocks behind the body; a block whose tag is unknown is skipped,
//! one that does not fit its frame is refused with the frame. An unknown kind or version
//! is refused. The body must be consumed exactly.
//!
//! | tag | content |
//! |---|---|
//! | 1 | releases of the plan, behind a visit, a survey, an agent or a record of one: `Vec<Release>` |
//! | 2 | the name of a download agent's strategy, if it does not come with Waybook: a text. The body says `direct` then, so that whoever skips the block leads the agent home |
//! | 3 | nothing: it is there, behind a visit or an agent, if the set-up does not trace back |
//! | 4 | what becomes of sessions that are cut, where anything is said of it: `Vec<(u16, WhenCut)>`; by the number of the solution behind a visit, an agent or a record of one, by the position in the list, from 0, behind servers and entries of the index, and 0 behind a record of a presentation |
//! | 5 | the session whose place another one has taken, behind a record of that one: `SessionId` |
//! | 7 | what operators keep from being booked, behind summaries where anything is: `Vec<(u16, Withheld)>` by the position in the list, from 0 |
//!
//! Version 2 has the layouts of version 1, with more variants: runtime 2 (`wasm`), messages
//! 19 to 22. Version 3 has one more message, 23. A message is written in the oldest version that can say it
//! ([`Message::version`]), so that a neighbour of version 1 is told all that it understands.
//!
//! A hello ([`Hello`]) is the first frame in each direction of a connection, and says
//! which versions its sender speaks; its own version stays [`HELLO_VERSION`] for ever, so
//! that any two builds can at least tell each other why they cannot talk. Envelopes
//! follow, in the version that [`negotiate`] finds.
//!
//! # Bodies
//!
//! A body is what bincode 2 writes for the value in its standard configuration:
//! fields in order without names; a byte or a truth value in one byte; a wider unsigned
//! number below 251 in one byte, else 251, 252, 253 or 254 followed by 2, 4, 8 or 16 bytes
//! little-endian; a variant by its index; texts and collections behind their length; an
//! option behind 0 or 1; a duration as seconds and nanoseconds. The types are [`Envelope`], [`Hello`] and [`PlanVisitor`].
//! Reasons of refusal that came later than version 1 are written as a limit with a name of its own, which older
//! places read as they read any ([`RefusalReason`](crate::RefusalReason)).
//!
//! # What is never trusted
//!
//! Decoding refuses or yields a value, and never panics. Memory is taken as elements
//! really arrive, never by a length that is only claimed, and in proportion to the length
//! of the frame; a collection has at most 65,536 elements. Names and resources are
//! checked as they are read, plans before an agent is handed out. Our types do not nest
//! in themselves, so no input can make decoding recurse deeply.

mod blocks;
mod frugal;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::Presentation;

use crate::{Envelope, Incarnation, Message, PlanVisitor, SessionId};
use blocks::{Beside, Blocks};
use frugal::{Budget, Frugal};

/// The newest version of the protocol that this build speaks.
pub const VERSION: u8 = 3;
/// The oldest version of the protocol that this build speaks.
pub const OLDEST_VERSION: u8 = 1;
/// The version with the newest layouts of all that is no message: agents, records, transfers.
/// Records go by it as keys too, so that it must not grow without need.
pub const LAYOUT: u8 = 2;
/// The version of a hello. Never changes.
pub const HELLO_VERSION: u8 = 1;
/// Bytes of the length that stands before every frame.
pub const PREFIX: usize = 4;
/// Greatest length of a frame, without its prefix, unless configured otherwise.
pub const MAX_FRAME: usize = 1 << 20;
/// Greatest length of a frame that can be configured; longer ones never decode.
pub const GREATEST_FRAME: usize = 16 << 20;

/// Bytes of a frame before its body: kind, version, length of the body.
const HEADER: usize = 6;
/// Greatest length of what a decoder said, as passed on: it may quote the input.
const MOST_SAID: usize = 200;

/// What a frame holds, as its first byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hello = 0,
    Envelope = 1,
    Agent = 2,
    Record = 3,
    Transfer = 4,
}

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
    /// Not a kind of frame that this build knows, or not the kind that belongs here.
    #[error("frame kind {0} is unknown")]
    UnknownKind(u8),
    /// The body does not decode.
    #[error("the body does not decode: {0}")]
    Body(String),
    /// The agent could not have been sent, or its plan breaks what every plan promises.
    #[error("the agent is not acceptable: {0}")]
    Agent(String),
}

/// Encodes a message as one frame, prefix included. Whether it is longer than the
/// receiver allows is the caller's to see.
#[must_use]
pub fn encode(envelope: &Envelope) -> Vec<u8> {
    let message = &envelope.message;
    let beside = Beside::message(message);
    prefixed(Kind::Envelope, message.version(), envelope, &beside)
}

/// Decodes a frame without its prefix. A visiting agent has been checked, plan included.
///
/// # Errors
/// [`WireError`]; nothing that arrives is trusted.
pub fn decode(frame: &[u8]) -> Result<Envelope, WireError> {
    let (body, blocks) = split(frame, Kind::Envelope)?;
    let mut envelope: Envelope = read_body(body)?;
    blocks.complete(&mut envelope.message)?;
    if let Message::Visit(visit) = &envelope.message {
        visit.agent.check().map_err(WireError::Agent)?;
    }
    Ok(envelope)
}

/// Encodes a hello as one frame, prefix included. Its own version never changes.
#[must_use]
pub fn encode_hello(hello: &Hello) -> Vec<u8> {
    prefixed(Kind::Hello, HELLO_VERSION, hello, &Beside::default())
}

/// Decodes a hello without its prefix.
///
/// # Errors
/// As [`decode`].
pub fn decode_hello(frame: &[u8]) -> Result<Hello, WireError> {
    read_body(split(frame, Kind::Hello)?.0)
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

/// The frame that `bytes` begin with, without its prefix, if all of it is there.
///
/// # Errors
/// [`WireError::TooLong`] as soon as its prefix is there: what it claims is looked at before
/// anybody makes room for it.
pub fn first_frame(bytes: &[u8], limit: usize) -> Result<Option<&[u8]>, WireError> {
    let Some((prefix, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let length = frame_length(*prefix, limit)?;
    Ok(rest.get(..length))
}

/// The version that both ends speak: the newest they have in common.
#[must_use]
pub fn negotiate(theirs: &Hello) -> Option<u8> {
    let newest = theirs.newest.min(VERSION);
    (newest >= theirs.oldest.max(OLDEST_VERSION)).then_some(newest)
}

/// Captures an agent for keeping, as one frame without prefix.
#[must_use]
pub fn encode_agent(agent: &PlanVisitor) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(
        &mut bytes,
        Kind::Agent,
        LAYOUT,
        agent,
        &Beside::agent(agent),
    );
    bytes
}

/// Reads a captured agent back. Its plan has been checked.
///
/// # Errors
/// As [`decode`].
pub fn decode_agent(bytes: &[u8]) -> Result<PlanVisitor, WireError> {
    let (body, blocks) = split(bytes, Kind::Agent)?;
    let mut agent: PlanVisitor = read_body(body)?;
    blocks.complete_agent(&mut agent)?;
    // Agents are captured in any state, not only in that in which they are sent.
    let sound = agent.plan().check();
    sound.map_err(|e| WireError::Agent(e.to_string()))?;
    Ok(agent)
}

/// Encodes any record that a place keeps for its next life, as one frame without prefix.
///
/// # Panics
/// If the record's `Serialize` fails or does not know a collection's length beforehand;
/// derived ones do neither.
#[must_use]
pub fn encode_record<T: Serialize>(record: &T) -> Vec<u8> {
    record_beside(record, &Beside::default())
}

/// As [`encode_record`], with what stands beside the established agent inside the record, and
/// the session whose place this one has taken.
///
/// # Panics
/// As [`encode_record`].
#[must_use]
pub fn encode_record_of<T: Serialize>(
    record: &T,
    keeper: &PlanVisitor,
    replaces: Option<SessionId>,
) -> Vec<u8> {
    record_beside(record, &Beside::keeper(keeper, replaces))
}

/// As [`encode_record`], for a presentation, with what stands beside it.
///
/// # Panics
/// As [`encode_record`].
#[must_use]
pub fn encode_presentation(presentation: &Presentation) -> Vec<u8> {
    record_beside(
        presentation,
        &Beside::presentations([presentation].into_iter()),
    )
}

fn record_beside<T: Serialize>(record: &T, beside: &Beside<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, Kind::Record, LAYOUT, record, beside);
    bytes
}

/// Reads a record back. An agent or a plan inside it is not checked.
///
/// # Errors
/// As [`decode`].
pub fn decode_record<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    read_body(split(bytes, Kind::Record)?.0)
}

/// As [`decode_record`], with what stands beside the agent inside the record, which `keeper`
/// finds there; and the session whose place this one has taken.
///
/// # Errors
/// As [`decode`].
pub fn decode_record_of<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    keeper: impl FnOnce(&mut T) -> &mut PlanVisitor,
) -> Result<(T, Option<SessionId>), WireError> {
    let (body, blocks) = split(bytes, Kind::Record)?;
    let mut record = read_body(body)?;
    blocks.complete_agent(keeper(&mut record))?;
    Ok((record, blocks.replaces()?))
}

/// As [`decode_record`], for a presentation, which has not been checked.
///
/// # Errors
/// As [`decode`].
pub fn decode_presentation(bytes: &[u8]) -> Result<Presentation, WireError> {
    let (body, blocks) = split(bytes, Kind::Record)?;
    let mut presentation = read_body(body)?;
    blocks.complete_presentation(&mut presentation)?;
    Ok(presentation)
}

/// Encodes what is said on a transfer's stream as one frame, prefix included.
#[must_use]
pub fn encode_transfer<T: Serialize>(value: &T) -> Vec<u8> {
    prefixed(Kind::Transfer, LAYOUT, value, &Beside::default())
}

/// Decodes a frame of a transfer's stream, without its prefix.
///
/// # Errors
/// As [`decode`].
pub fn decode_transfer<T: serde::de::DeserializeOwned>(frame: &[u8]) -> Result<T, WireError> {
    read_body(split(frame, Kind::Transfer)?.0)
}

fn prefixed<T: Serialize>(kind: Kind, version: u8, value: &T, beside: &Beside<'_>) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX];
    write_frame(&mut bytes, kind, version, value, beside);
    let length = bytes.len() - PREFIX;
    put_length(&mut bytes, 0, length);
    bytes
}

fn write_frame<T: Serialize>(
    bytes: &mut Vec<u8>,
    kind: Kind,
    version: u8,
    value: &T,
    beside: &Beside<'_>,
) {
    bytes.extend([kind as u8, version, 0, 0, 0, 0]);
    write_value(bytes, value);
    beside.write(bytes);
}

/// Writes a value, and its length into the four bytes before it.
fn write_value<T: Serialize>(bytes: &mut Vec<u8>, value: &T) {
    let start = bytes.len();
    let written = bincode::serde::encode_into_std_write(value, bytes, bincode::config::standard())
        .expect("derived serialization into memory cannot fail");
    put_length(bytes, start - 4, written);
}

fn put_length(bytes: &mut [u8], at: usize, length: usize) {
    let length = u32::try_from(length).expect("no message of ours has 4 GiB");
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Finds the body and the blocks of a frame of that kind, and sees that all else of the
/// frame is sound.
fn split(frame: &[u8], kind: Kind) -> Result<(&[u8], Blocks<'_>), WireError> {
    if frame.len() > GREATEST_FRAME {
        return Err(WireError::TooLong {
            length: frame.len(),
            limit: GREATEST_FRAME,
        });
    }
    let (header, rest) = frame
        .split_first_chunk::<HEADER>()
        .ok_or(WireError::CutOff)?;
    let [kind_read, version, length @ ..] = *header;
    if kind_read != kind as u8 {
        return Err(WireError::UnknownKind(kind_read));
    }
    let spoken = match kind {
        Kind::Hello => HELLO_VERSION..=HELLO_VERSION,
        Kind::Envelope | Kind::Agent | Kind::Record | Kind::Transfer => OLDEST_VERSION..=VERSION,
    };
    if !spoken.contains(&version) {
        return Err(WireError::UnknownVersion(version));
    }
    let (body, blocks) = rest
        .split_at_checked(u32::from_le_bytes(length) as usize)
        .ok_or(WireError::CutOff)?;
    Ok((body, Blocks::split(blocks)?))
}

fn read_body<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let budget = Budget::for_input(body.len());
    let seed = Frugal::new(std::marker::PhantomData::<T>, &budget);
    let config = bincode::config::standard().with_limit::<GREATEST_FRAME>();
    let (value, read) = bincode::serde::seed_decode_from_slice(seed, body, config)
        .map_err(|e| WireError::Body(brief(&e)))?;
    if read != body.len() {
        let left = body.len() - read;
        return Err(WireError::Body(format!("{left} bytes are left over")));
    }
    Ok(value)
}

fn brief(error: &bincode::error::DecodeError) -> String {
    shortened(error.to_string())
}

fn shortened(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MOST_SAID) {
        text.truncate(cut);
    }
    text
}
