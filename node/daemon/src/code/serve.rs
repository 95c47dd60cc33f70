//! Serving code to neighbours: what is whole, what is still arriving, and what another
//! place has.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, RwLock};

use bao_tree::iter::BaoChunk;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use waybook_agents::{TransferAnswer, TransferRequest};
use waybook_location_tree::PlaceName;

use super::folder::Part;
use super::{Inner, Readable, blocking, frames, tree};
use crate::Io;

/// Bytes that are read from disk, or passed on, at once.
const PIECE: usize = 256 * 1024;

/// Serves one stream to its end. A stream that is not shut down is broken off, which the
/// reader sees.
pub(super) async fn serve(inner: &Arc<Inner>, from: PlaceName, stream: Box<dyn Io>) {
    if let Err(error) = answer(inner, &from, stream).await {
        tracing::debug!(neighbour = %from, %error, "a transfer has ended early");
    }
}

async fn answer(inner: &Arc<Inner>, from: &PlaceName, mut stream: Box<dyn Io>) -> io::Result<()> {
    let slot = inner.slots.take(from).ok();
    let patience = inner.config.stall;
    let request = tokio::time::timeout(patience, frames::read(&mut stream)).await??;
    let source = match &slot {
        Some(_) => find(inner, from, &request).await,
        None => Err(TransferAnswer::Busy),
    };
    match source {
        Ok(Source::Here(readable)) => {
            say(inner, &mut stream, &TransferAnswer::Follows).await?;
            let (reader, writer) = tokio::io::split(stream);
            let mut output = Output::new(inner, writer);
            tokio::select! {
                sent = send(&readable, request.from, &mut output) => sent?,
                () = gone(reader) => return Ok(()),
            }
            output.end().await
        }
        Ok(Source::Beyond(upstream)) => {
            let (reader, writer) = tokio::io::split(stream);
            let mut output = Output::new(inner, writer);
            tokio::select! {
                passed = relay(&request, upstream, &mut output) => passed?,
                () = gone(reader) => return Ok(()),
            }
            output.end().await
        }
        Err(refusal) => {
            say(inner, &mut stream, &refusal).await?;
            stream.shutdown().await
        }
    }
}

/// Answers a neighbour. One that does not even take that is let go: it may grant a stream
/// no room at all.
async fn say(
    inner: &Inner,
    stream: &mut (impl AsyncWrite + Unpin),
    answer: &TransferAnswer,
) -> io::Result<()> {
    let said = frames::write(stream, answer);
    tokio::time::timeout(inner.config.reader_stall, said).await?
}

/// Where the bytes come from.
enum Source {
    Here(Readable),
    Beyond(Box<dyn Io>),
}

/// Finds what was asked for; the answer if it is not to be had.
async fn find(
    inner: &Arc<Inner>,
    from: &PlaceName,
    request: &TransferRequest,
) -> Result<Source, TransferAnswer> {
    let refuse = |why: &str| TransferAnswer::Refused(why.to_owned());
    if request.from >= request.length || !request.from.is_multiple_of(tree::CHUNK) {
        return Err(refuse(
            "`from` must be the beginning of a chunk of 16 KiB, before the end",
        ));
    }
    let Some(next) = inner.name.next_hop(&request.source) else {
        let readable = inner.readable(request).await?;
        let release = &readable.release;
        if (release.length, release.root) != (request.length, request.root) {
            return Err(refuse("the code of that digest has another length or root"));
        }
        return Ok(Source::Here(readable));
    };
    if next == *from {
        return Err(refuse("the source lies where the request came from"));
    }
    let unreachable = |_| TransferAnswer::Unreachable;
    let patience = inner.config.stall;
    let opened = tokio::time::timeout(patience, inner.peers.open_transfer(&next)).await;
    let opened = opened.map_err(|_| TransferAnswer::Unreachable)?;
    let mut upstream = opened.map_err(unreachable)?;
    let asked = tokio::time::timeout(patience, frames::write(&mut upstream, request)).await;
    let asked = asked.map_err(|_| TransferAnswer::Unreachable)?;
    asked.map_err(unreachable)?;
    Ok(Source::Beyond(upstream))
}

impl Inner {
    /// What can be read of the code here, whole or arriving.
    async fn readable(
        self: &Arc<Self>,
        request: &TransferRequest,
    ) -> Result<Readable, TransferAnswer> {
        let digest = request.digest;
        let (whole, arriving) = match self.index().get(&digest) {
            Some(entry) => (entry.whole.clone(), entry.arriving.clone()),
            None => (None, None),
        };
        let Some(whole) = whole else {
            return arriving.ok_or(TransferAnswer::NotHeld);
        };
        let path = self.folder.file(&digest, Part::Whole);
        let file = match blocking(move || File::open(path)).await {
            Ok(file) => Arc::new(file),
            Err(error) => {
                if error.kind() == io::ErrorKind::NotFound {
                    let _ = self.damaged(&whole).await;
                }
                return Err(TransferAnswer::NotHeld);
            }
        };
        let release = whole.release.clone();
        // Reading all of it once tells whether the disk has kept it.
        let hash = || async {
            let (file, length) = (file.clone(), release.length);
            let (root, nodes) = blocking(move || tree::hash_file(&file, length)).await?;
            match root == release.root {
                true => Ok(Arc::new(RwLock::new(nodes))),
                false => Err(io::Error::from(io::ErrorKind::InvalidData)),
            }
        };
        let nodes = match whole.nodes.get_or_try_init(hash).await {
            Ok(nodes) => nodes.clone(),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                let _ = self.damaged(&whole).await;
                return Err(TransferAnswer::NotHeld);
            }
            Err(_) => return Err(TransferAnswer::NotHeld),
        };
        let (_, verified) = watch::channel(release.length);
        Ok(Readable {
            release,
            file,
            nodes,
            verified,
        })
    }
}

/// The neighbour that reads.
struct Output<W> {
    writer: W,
    patience: std::time::Duration,
    buffer: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    fn new(inner: &Inner, writer: W) -> Self {
        Self {
            writer,
            patience: inner.config.reader_stall,
            buffer: Vec::new(),
        }
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        match self.buffer.len() >= PIECE {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Hands on what has gathered; a neighbour that takes nothing is let go.
    async fn flush(&mut self) -> io::Result<()> {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let written = tokio::time::timeout(self.patience, self.writer.write(rest)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[written..];
        }
        self.buffer.clear();
        tokio::time::timeout(self.patience, self.writer.flush()).await?
    }

    async fn end(mut self) -> io::Result<()> {
        self.flush().await?;
        self.writer.shutdown().await
    }
}

/// Resolves when the neighbour no longer wants what it asked for: it says nothing while
/// it does.
async fn gone(mut reader: impl AsyncRead + Unpin) {
    let _ = reader.read(&mut [0]).await;
}

/// Sends everything from a chunk on, as it comes.
async fn send<W: AsyncWrite + Unpin>(
    readable: &Readable,
    from: u64,
    output: &mut Output<W>,
) -> io::Result<()> {
    let length = readable.release.length;
    let mut verified = readable.verified.clone();
    let mut piece = Piece::default();
    for item in tree::items(length, from) {
        // A pair of hashes is here when a chunk below it is.
        let (start, end) = match item {
            BaoChunk::Parent { node, .. } => {
                let start = node.chunk_range().start.to_bytes();
                (start, start + 1)
            }
            BaoChunk::Leaf {
                start_chunk, size, ..
            } => (start_chunk.to_bytes(), start_chunk.to_bytes() + size as u64),
        };
        if *verified.borrow() < end {
            output.flush().await?;
            let come = verified.wait_for(|verified| *verified >= end).await;
            come.map_err(|_| io::Error::other("the transfer that brings it has ended"))?;
        }
        match item {
            BaoChunk::Parent { node, .. } => {
                let pair = tree::pair(&readable.nodes, length, node);
                output.put(&pair).await?;
            }
            BaoChunk::Leaf { size, .. } => {
                let here = *verified.borrow();
                let bytes = piece.read(&readable.file, start, size, here).await?;
                output.put(bytes).await?;
            }
        }
    }
    Ok(())
}

/// What was read from disk ahead.
#[derive(Default)]
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// Bytes of the file; nothing beyond `here` is looked at.
    async fn read(
        &mut self,
        file: &Arc<File>,
        start: u64,
        size: usize,
        here: u64,
    ) -> io::Result<&[u8]> {
        let end = start + size as u64;
        if start < self.start || end > self.start + self.bytes.len() as u64 {
            let file = Arc::clone(file);
            let mut bytes = std::mem::take(&mut self.bytes);
            let ahead = usize::try_from(here - start).unwrap_or(PIECE);
            bytes.resize(ahead.min(PIECE).max(size), 0);
            self.bytes = blocking(move || {
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes)
            })
            .await?;
            self.start = start;
        }
        let at = usize::try_from(start - self.start).unwrap_or(0);
        Ok(&self.bytes[at..at + size])
    }
}

/// Passes on what a place farther on answers and sends, and keeps nothing.
async fn relay<W: AsyncWrite + Unpin>(
    request: &TransferRequest,
    mut upstream: Box<dyn Io>,
    output: &mut Output<W>,
) -> io::Result<()> {
    // No more than an answer and all chunks with their hashes: a relay is no tunnel.
    let rest = request.length - request.from;
    let hashes = 64 * (rest / tree::CHUNK + 128);
    let mut room = rest.saturating_add(hashes + frames::MOST as u64);
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::time::timeout(output.patience, upstream.read(&mut piece)).await??;
        if read == 0 {
            return Ok(());
        }
        room = room
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("more was sent than was asked for"))?;
        output.put(&piece[..read]).await?;
        output.flush().await?;
    }
}
