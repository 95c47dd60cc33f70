//! Data streams: everything on a connection but the control stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use waybook_location_tree::PlaceName;

use super::counters::Each;
use super::{DataSink, Links, Shared};
use crate::peer::Opening;
use crate::{Io, PeerStreams};

/// The first byte of a stream that carries HTTP.
const HTTP: u8 = 1;
/// The first byte of a stream that code is transferred on.
const TRANSFER: u8 = 2;

/// The sessions' data goes before code; both go after messages.
const CODE_PRIORITY: i32 = -1;

/// What a stream of unknown kind is reset with.
const UNKNOWN_KIND: VarInt = VarInt::from_u32(1);
/// What a stream that says nothing is reset with.
const SILENT: VarInt = VarInt::from_u32(2);
/// What a transfer that is given up is reset with.
const BROKEN: VarInt = VarInt::from_u32(3);

/// Accepts a neighbour's data streams until the connection ends.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    connection: &Connection,
    from: &PlaceName,
    counted: &Arc<Each>,
    sink: &Arc<dyn DataSink>,
) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        let (from, sink) = (from.clone(), sink.clone());
        let (ours, counted) = (shared.clone(), counted.clone());
        // A stream whose kind is slow to arrive must not hold up the others.
        shared.worker.spawn(async move {
            if !begin(&ours, send, receive, from, sink).await {
                ours.counting.refused_streams.add(1);
                counted.refused_streams.add(1);
            }
        });
    }
}

/// Hands a stream to whom it is for. False if that is nobody.
async fn begin(
    shared: &Shared,
    mut send: SendStream,
    mut receive: RecvStream,
    from: PlaceName,
    sink: Arc<dyn DataSink>,
) -> bool {
    let mut kind = [0];
    let within = shared.config.transport.handshake_timeout;
    let code = match tokio::time::timeout(within, receive.read_exact(&mut kind)).await {
        Ok(Ok(())) if kind == [HTTP] => {
            sink.accept(from, Box::new(tokio::io::join(receive, send)));
            return true;
        }
        Ok(Ok(())) if kind == [TRANSFER] => {
            sink.transfer(from, Box::new(Transfer::new(send, receive)));
            return true;
        }
        Ok(Ok(())) => UNKNOWN_KIND,
        Ok(Err(_)) | Err(_) => SILENT,
    };
    let _ = send.reset(code);
    let _ = receive.stop(code);
    false
}

impl PeerStreams for Links {
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let (mut send, receive) = self.streams_to(to).await?;
            send.write_all(&[HTTP]).await?;
            Ok(Box::new(tokio::io::join(receive, send)) as Box<dyn Io>)
        })
    }

    fn way(&self, to: &PlaceName) -> usize {
        let connection = self.shared.registry.for_data(to);
        connection.map_or(0, |connection| connection.stable_id())
    }

    fn open_transfer<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let (send, receive) = self.streams_to(to).await?;
            let mut transfer = Transfer::new(send, receive);
            transfer.send.write_all(&[TRANSFER]).await?;
            Ok(Box::new(transfer) as Box<dyn Io>)
        })
    }
}

impl Links {
    async fn streams_to(&self, to: &PlaceName) -> io::Result<(SendStream, RecvStream)> {
        let connection = self.shared.registry.for_data(to).ok_or_else(|| {
            let what = format!("there is no connection to {to}");
            io::Error::new(io::ErrorKind::NotConnected, what)
        })?;
        connection.open_bi().await.map_err(|error| {
            let what = format!("the connection to {to} is gone: {error}");
            io::Error::new(io::ErrorKind::NotConnected, what)
        })
    }
}

/// A stream that code is transferred on. Where it is dropped before it was shut down,
/// the other end must not take that for the end of the code, as QUIC by itself has it.
struct Transfer {
    send: SendStream,
    receive: RecvStream,
    ended: bool,
}

impl Transfer {
    fn new(send: SendStream, receive: RecvStream) -> Self {
        // Fails only on a stream that is closed, which the first write tells as well.
        let _ = send.set_priority(CODE_PRIORITY);
        Self {
            send,
            receive,
            ended: false,
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.send.reset(BROKEN);
        }
    }
}

impl AsyncRead for Transfer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.receive), context, buffer)
    }
}

impl AsyncWrite for Transfer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = AsyncWrite::poll_shutdown(Pin::new(&mut self.send), context);
        self.ended |= matches!(shut, Poll::Ready(Ok(())));
        shut
    }
}
