//! Cuts a stream of bytes into frames.

use bytes::{Buf, Bytes, BytesMut};
use quinn::RecvStream;
use waybook_agents::wire::{self, WireError};

/// Bytes taken from the stream at once.
const CHUNK: usize = 64 * 1024;

/// Why there is no further frame.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The stream or the connection has ended.
    Ended,
    /// What arrived is no frame.
    Wire(WireError),
}

/// Reads frames from a stream.
pub(super) struct Frames {
    stream: RecvStream,
    buffer: BytesMut,
    limit: usize,
}

impl Frames {
    pub(super) fn new(stream: RecvStream, limit: usize) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// The next frame without its prefix, if all of it has arrived. Room is made only for
    /// what has.
    pub(super) fn ready(&mut self) -> Result<Option<Bytes>, FrameError> {
        let first = wire::first_frame(&self.buffer, self.limit).map_err(FrameError::Wire)?;
        let Some(length) = first.map(<[u8]>::len) else {
            return Ok(None);
        };
        self.buffer.advance(wire::PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Waits for more bytes.
    pub(super) async fn fill(&mut self) -> Result<(), FrameError> {
        match self.stream.read_chunk(CHUNK, true).await {
            Ok(Some(chunk)) => {
                self.buffer.extend_from_slice(&chunk.bytes);
                Ok(())
            }
            Ok(None) | Err(_) => Err(FrameError::Ended),
        }
    }

    /// Waits for the next frame.
    pub(super) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some(frame) = self.ready()? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }
}
