//! A client's connection whose first bytes must come in time.
//!
//! They tell whether the client speaks HTTP/1.1 or 2, and no time-out of hyper's holds
//! before that: whoever connected and said nothing kept a connection for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a client of HTTP/2 sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The connection. Reading fails if the client takes too long to say what it speaks.
pub(super) struct Beginning<S> {
    stream: S,
    /// Until when, and how much of the preface has come; none once it is known what the
    /// client speaks.
    open: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Beginning<S> {
    pub(super) fn new(stream: S, within: Duration) -> Self {
        Self {
            stream,
            open: Some((Box::pin(tokio::time::sleep(within)), 0)),
        }
    }

    /// Looks at what has come.
    fn heard(&mut self, bytes: &[u8]) {
        if let Some((_, known)) = &mut self.open {
            let rest = &PREFACE[*known..];
            if bytes.len() < rest.len() && rest.starts_with(bytes) {
                *known += bytes.len();
            } else {
                self.open = None;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Beginning<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match (&read, &mut self.open) {
            (Poll::Pending, Some((end, _))) => {
                let late = end.as_mut().poll(cx);
                late.map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            (Poll::Ready(Ok(())), Some(_)) => {
                self.heard(&buffer.filled()[before..]);
                read
            }
            _ => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Beginning<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
