//! One stream to or from a neighbour, on which requests of one session follow each other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::Io;

/// What is read at a time when little is to come, in bytes.
const LITTLE: usize = 4 * 1024;
/// What is read at a time in a long body, in bytes.
const MUCH: usize = 64 * 1024;

/// The stream, and what has come by it and was not used yet.
pub(crate) struct Lane {
    io: Box<dyn Io>,
    pub(crate) come: BytesMut,
    /// Which connection it is over, by [`PeerStreams::way`](crate::PeerStreams::way).
    pub(super) way: usize,
    /// Whether a request was answered on it already.
    pub(crate) used: bool,
}

impl Lane {
    pub(crate) fn new(io: Box<dyn Io>) -> Self {
        Self {
            io,
            come: BytesMut::new(),
            way: 0,
            used: false,
        }
    }

    /// The same, over that connection.
    pub(super) fn over(io: Box<dyn Io>, way: usize) -> Self {
        let lane = Self::new(io);
        Self { way, ..lane }
    }

    /// Reads more, of which so much is expected. Zero at the end of the stream.
    pub(crate) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        expected: u64,
    ) -> Poll<io::Result<usize>> {
        if self.come.capacity() - self.come.len() < LITTLE {
            let much = expected > LITTLE as u64;
            self.come.reserve(if much { MUCH } else { LITTLE });
        }
        poll_read_buf(Pin::new(&mut self.io), cx, &mut self.come)
    }

    /// As [`poll_more`](Self::poll_more).
    pub(crate) async fn more(&mut self, expected: u64) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_more(cx, expected)).await
    }

    /// Ready when the other end has gone while nothing was to come from there.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.come.is_empty() {
            // The beginning of a next request, which has time.
            return Poll::Pending;
        }
        match self.poll_more(cx, 0) {
            Poll::Ready(Ok(1..)) | Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
        }
    }

    /// Before another request, for which it may have to wait.
    pub(crate) fn rest(&mut self) {
        self.used = true;
        self.come = BytesMut::new();
    }

    /// Whether another request can be sent: the other end is there and has said nothing.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut self.io).poll_read(&mut cx, &mut buffer);
        self.come.is_empty() && read.is_pending()
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await
    }

    /// Takes so many of the bytes that have come.
    pub(crate) fn take(&mut self, length: usize) -> Bytes {
        self.come.split_to(length).freeze()
    }
}

/// As a stream again, which begins with what has come already.
impl AsyncRead for Lane {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.come.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let most = self.come.len().min(buffer.remaining());
        buffer.put_slice(&self.come[..most]);
        self.come.advance(most);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lane {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
