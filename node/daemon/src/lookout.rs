//! Notices that the other end of a connection has gone while nobody reads from it.
//!
//! HTTP/1 reads nothing more while a request is under way and bytes of a next one have come behind
//! it; so it does not see there that its client has left, and the request would be under way for as
//! long as whoever is to answer it likes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much is read before anybody wants it. The end of a connection that has more to say is not
/// seen until that is read.
const AHEAD: usize = 16 * 1024;

/// A stream that is watched.
pub(crate) struct Watched<S>(Arc<Mutex<State<S>>>);

struct State<S> {
    stream: S,
    ahead: BytesMut,
    end: End,
}

/// Whether the other end has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not that anybody knew.
    Open,
    /// It has, and whoever reads will see it.
    Seen,
    /// Whoever reads has seen it.
    Told,
}

/// Watches a stream on behalf of whoever reads from it.
pub(crate) struct Lookout<S>(Arc<Mutex<State<S>>>);

/// The stream for whoever serves it, and who sees that its other end goes.
pub(crate) fn watch<S>(stream: S) -> (Watched<S>, Lookout<S>) {
    let state = Arc::new(Mutex::new(State {
        stream,
        ahead: BytesMut::new(),
        end: End::Open,
    }));
    (Watched(Arc::clone(&state)), Lookout(state))
}

impl<S: AsyncRead + Unpin> Lookout<S> {
    /// Waits until the other end has gone without the reader's noticing. To be polled by the same
    /// task as the reader, and after it.
    pub(crate) async fn gone(self) {
        let mut noticed = false;
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            state.look_ahead(cx);
            match state.end {
                End::Seen if noticed => Poll::Ready(()),
                End::Seen => {
                    // The reader may be about to come to the end, and ends in order then.
                    noticed = true;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                End::Open | End::Told => Poll::Pending,
            }
        })
        .await;
    }
}

fn lock<S>(state: &Mutex<State<S>>) -> MutexGuard<'_, State<S>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: AsyncRead + Unpin> State<S> {
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        while self.end == End::Open && self.ahead.len() < AHEAD {
            let mut piece = [0; 4096];
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.ahead.extend_from_slice(buffer.filled());
                }
                // What broke the connection is of no interest to anybody who reads from it.
                Poll::Ready(_) => self.end = End::Seen,
                Poll::Pending => return,
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if !state.ahead.is_empty() {
            let most = state.ahead.len().min(buffer.remaining());
            buffer.put_slice(&state.ahead[..most]);
            state.ahead.advance(most);
            return Poll::Ready(Ok(()));
        }
        if state.end != End::Open {
            state.end = End::Told;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut state.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(&self.0).stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(&self.0).stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.0).stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_shutdown(cx)
    }
}
