//! Data streams: everything on a connection but the control stream.

use std::io;
use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream, VarInt};
use waybook_location_tree::PlaceName;

use super::{DataSink, Links, Shared};
use crate::peer::Opening;
use crate::{Io, PeerStreams};

/// The first byte of a stream that carries HTTP.
const HTTP: u8 = 1;

/// What a stream of unknown kind is reset with.
const UNKNOWN_KIND: VarInt = VarInt::from_u32(1);
/// What a stream that says nothing is reset with.
const SILENT: VarInt = VarInt::from_u32(2);

/// Accepts a neighbour's data streams until the connection ends.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    connection: &Connection,
    from: &PlaceName,
    sink: &Arc<dyn DataSink>,
) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        let (shared, from, sink) = (shared.clone(), from.clone(), sink.clone());
        // A stream whose kind is slow to arrive must not hold up the others.
        tokio::spawn(async move { begin(&shared, send, receive, from, sink).await });
    }
}

async fn begin(
    shared: &Shared,
    mut send: SendStream,
    mut receive: RecvStream,
    from: PlaceName,
    sink: Arc<dyn DataSink>,
) {
    let mut kind = [0];
    let within = shared.config.transport.handshake_timeout;
    let code = match tokio::time::timeout(within, receive.read_exact(&mut kind)).await {
        Ok(Ok(())) if kind == [HTTP] => {
            sink.accept(from, Box::new(tokio::io::join(receive, send)));
            return;
        }
        Ok(Ok(())) => UNKNOWN_KIND,
        Ok(Err(_)) | Err(_) => SILENT,
    };
    shared.counting.refused_streams.add(1);
    let _ = send.reset(code);
    let _ = receive.stop(code);
}

impl PeerStreams for Links {
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        let connection = self.shared.registry.connection(to);
        Box::pin(async move {
            let connection = connection.ok_or_else(|| {
                let what = format!("there is no connection to {to}");
                io::Error::new(io::ErrorKind::NotConnected, what)
            })?;
            let (mut send, receive) = connection.open_bi().await.map_err(|error| {
                let what = format!("the connection to {to} is gone: {error}");
                io::Error::new(io::ErrorKind::NotConnected, what)
            })?;
            send.write_all(&[HTTP]).await?;
            Ok(Box::new(tokio::io::join(receive, send)) as Box<dyn Io>)
        })
    }
}
