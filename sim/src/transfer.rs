//! The model of transfers of code: how chunks come hop by hop from a source to the place
//! that fetches.
//!
//! A request goes along the tree's path to the source, at the latency of each edge. The
//! source hands over one chunk after the other; each edge takes them in turn with those
//! of all other transfers (see [`network`](crate::network)). A place between passes a
//! chunk on when it has come whole, and keeps nothing. A source that is itself still
//! receiving serves what it has verified, as it grows; when its own transfer ends
//! without the code being whole, its readers are cut. The receiving place verifies each
//! chunk, and writes it to its disk, before it counts as there; a later transfer goes
//! on behind it.
//!
//! Modelled more kindly than real: a transfer that is given up is forgotten everywhere
//! at once, no chunk is lost on a connection that stands, and verifying and writing take
//! no time.
//!
//! Here is what one transfer knows, and what befalls it; the [`World`](crate::World)
//! moves the chunks.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::FetchId;
use waybook_plan::{Digest, Release};

/// How transfers behave everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferModel {
    /// Bytes of a chunk: the least that is verified, passed on and kept.
    pub chunk: u64,
    /// Who fetches gives up when fewer bytes than [`least`](Self::least) have come in a
    /// time of this length. It must be longer than a chunk takes over the slowest edge
    /// with all that share it.
    pub stall: Duration,
    /// Bytes that have to come in each such time.
    pub least: u64,
    /// The least time between two reports of progress to the place, but for the first.
    pub news: Duration,
}

impl Default for TransferModel {
    /// 64 KiB, three seconds without a byte, five reports a second.
    fn default() -> Self {
        Self {
            chunk: 64 << 10,
            stall: Duration::from_secs(3),
            least: 1,
            news: Duration::from_millis(200),
        }
    }
}

/// What goes wrong with transfers of one piece of code at one place, until it is put
/// right. Chunks are counted from 0, from the beginning of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// As a source it sends that chunk with a wrong byte.
    Corrupt(u64),
    /// As a source it sends so many chunks, and then nothing more.
    Stops(u64),
    /// As a source it says after so many chunks that this was all.
    Short(u64),
    /// As a source it waits that long after each chunk.
    Drips(Duration),
    /// As the receiver it cannot write more than so many chunks.
    DiskFull(u64),
}

/// Tells transfers of a run apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub u64);

/// One transfer, from the request to its end.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The place that fetches.
    pub place: PlaceName,
    /// The life in which it does.
    pub life: Incarnation,
    /// What the place calls it.
    pub fetch: FetchId,
    /// What is fetched.
    pub release: Arc<Release>,
    /// The way of the chunks, from the source to the place that fetches.
    pub(crate) way: Vec<PlaceName>,
    /// The connection of each edge of the way, once the request has passed it.
    pub(crate) connections: Vec<Option<u64>>,
    /// Whether the source sends: the request has come to it, and nothing has ended since.
    pub(crate) served: bool,
    /// The chunk that the source has sent with a wrong byte.
    pub(crate) spoilt: Option<u64>,
    /// Bytes that have come to the place since somebody looked whether any do.
    pub(crate) lately: u64,
    /// When the place was last told how far it is.
    pub(crate) told: Option<Instant>,
    /// Bytes that the place knows of, or were there before.
    pub(crate) known: u64,
    chunk: u64,
    edges: Vec<Edge>,
}

/// How far an edge of the way is.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// The next chunk to be handed to it.
    next: u64,
    /// Whether it has been handed a chunk that has not left yet.
    busy: bool,
    /// The next chunk to arrive at its end.
    awaited: u64,
}

impl Transfer {
    /// A transfer over that way (source first) that begins behind so many bytes.
    #[must_use]
    pub(crate) fn new(
        life: Incarnation,
        fetch: FetchId,
        release: Arc<Release>,
        way: Vec<PlaceName>,
        from: u64,
        chunk: u64,
    ) -> Self {
        let first = from / chunk;
        let edge = Edge {
            next: first,
            busy: false,
            awaited: first,
        };
        let edges = way.len() - 1;
        Self {
            place: way.last().expect("a way has two ends").clone(),
            life,
            fetch,
            release,
            way,
            connections: vec![None; edges],
            served: false,
            spoilt: None,
            lately: 0,
            told: None,
            known: from,
            chunk,
            edges: vec![edge; edges],
        }
    }

    /// The place that is read from.
    #[must_use]
    pub fn source(&self) -> &PlaceName {
        &self.way[0]
    }

    /// What is fetched.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.release.digest
    }

    /// How many chunks the code has.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.release.length.div_ceil(self.chunk)
    }

    /// How long a chunk is: the last one may be shorter.
    #[must_use]
    pub fn length_of(&self, chunk: u64) -> u64 {
        let begin = chunk * self.chunk;
        self.chunk.min(self.release.length.saturating_sub(begin))
    }

    /// How many chunks there are in so many bytes from the beginning.
    #[must_use]
    pub(crate) fn chunks_in(&self, bytes: u64) -> u64 {
        if bytes >= self.release.length {
            self.chunks()
        } else {
            bytes / self.chunk
        }
    }

    /// The chunk to hand to an edge now, of those before `end` that are at its beginning;
    /// none if there is none, or the last one has not left yet.
    pub(crate) fn hand(&mut self, edge: usize, end: u64) -> Option<u64> {
        let edge = &mut self.edges[edge];
        if edge.busy || edge.next >= end {
            return None;
        }
        edge.busy = true;
        edge.next += 1;
        Some(edge.next - 1)
    }

    /// The chunk that was handed to an edge has left.
    pub(crate) fn left(&mut self, edge: usize) {
        self.edges[edge].busy = false;
    }

    /// A chunk has come to the end of an edge. False if one before it has not: as on a
    /// stream, it is not delivered then.
    pub(crate) fn came(&mut self, edge: usize, chunk: u64) -> bool {
        let edge = &mut self.edges[edge];
        let awaited = edge.awaited == chunk;
        edge.awaited += u64::from(awaited);
        awaited
    }

    /// How many chunks have come to the end of an edge, or were there before.
    pub(crate) fn arrived(&self, edge: usize) -> u64 {
        self.edges[edge].awaited
    }

    /// The next chunk to be handed to an edge.
    pub(crate) fn next(&self, edge: usize) -> u64 {
        self.edges[edge].next
    }

    /// How many edges there are between a place of the way, by number from the source, and
    /// the place that fetches.
    pub(crate) fn hops_from(&self, node: usize) -> usize {
        self.edges.len() - node
    }
}
