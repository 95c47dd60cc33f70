//! A pipe that behaves as a transfer's stream does: dropped before it is shut down, it is broken
//! off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// More than a target ever sends, so that nobody waits for a reader.
pub(super) const ROOM: usize = 1 << 20;

/// One end.
pub(super) struct Pipe {
    stream: DuplexStream,
    ended: bool,
    broken: Arc<AtomicBool>,
    other_broken: Arc<AtomicBool>,
}

/// Both ends.
pub(super) fn pipe() -> (Pipe, Pipe) {
    let (near, far) = tokio::io::duplex(ROOM);
    let flags = [Arc::<AtomicBool>::default(), Arc::default()];
    let end = |stream, mine: usize| Pipe {
        stream,
        ended: false,
        broken: flags[mine].clone(),
        other_broken: flags[1 - mine].clone(),
    };
    (end(near, 0), end(far, 1))
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !self.ended {
            self.broken.store(true, Ordering::SeqCst);
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let end = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if end && buffer.remaining() > 0 && self.other_broken.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        read
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
