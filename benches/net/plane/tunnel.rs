//! The limit of the data plane on this stack: one process of a chain that passes bytes on and looks at none of them.
//! What comes by a TCP connection goes over a QUIC stream of its own from hop to hop, and leaves by TCP.
//!
//! Packets, windows and segmentation offload are what places have unless told otherwise, so that the two differ in
//! what is done for the bytes and in nothing else.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use bytes::Bytes;
use quinn::{Connection, MtuDiscoveryConfig, RecvStream, SendStream, TransportConfig, VarInt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::identity::{self, NAME};
use crate::shared::{Failure, argument};

/// What is read at a time, in bytes.
const PIECE: usize = 64 << 10;
/// As in `node/daemon/src/link/endpoint.rs`.
const SEND_WINDOW: u64 = 32 << 20;

enum Reader {
    Tcp(OwnedReadHalf),
    Quic(RecvStream),
}

enum Writer {
    Tcp(OwnedWriteHalf),
    Quic(SendStream),
}

/// Where everything goes from here.
#[derive(Clone)]
enum Onward {
    Next(Connection),
    Out(SocketAddr),
}

/// Passes on what comes until the process is ended.
pub(crate) async fn pass(folder: &Path) -> Result<(), Failure> {
    let from_tcp = std::env::args().any(|argument| argument == "--from-tcp");
    let settings = waybook_daemon::config::TransportConfig::default();
    let mtu = argument("--mtu").map_or(Ok(settings.mtu), |text| text.parse())?;
    let mut transport = TransportConfig::default();
    transport.max_concurrent_bidi_streams(VarInt::from_u32(settings.max_streams));
    transport.stream_receive_window(VarInt::from_u32(settings.stream_window));
    transport.receive_window(VarInt::MAX);
    transport.send_window(SEND_WINDOW);
    transport.datagram_receive_buffer_size(None);
    transport.enable_segmentation_offload(settings.gso);
    transport.keep_alive_interval(Some(settings.keep_alive));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(mtu);
    transport.mtu_discovery_config(Some(discovery));
    let endpoint = identity::endpoint(folder, transport, mtu)?;

    let onward = match (argument("--next"), argument("--to")) {
        (Some(next), _) => Onward::Next(endpoint.connect(next.parse()?, NAME)?.await?),
        (None, Some(to)) => Onward::Out(to.parse()?),
        (None, None) => return Err("say where to: --next or --to".into()),
    };
    if from_tcp {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        say(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (reader, writer) = stream.into_split();
            let onward = onward.clone();
            tokio::spawn(join(Reader::Tcp(reader), Writer::Tcp(writer), onward));
        }
    }
    say(endpoint.local_addr()?)?;
    let incoming = endpoint.accept().await.ok_or("closed")?;
    let connection = incoming.await?;
    while let Ok((send, receive)) = connection.accept_bi().await {
        let onward = onward.clone();
        tokio::spawn(join(Reader::Quic(receive), Writer::Quic(send), onward));
    }
    Ok(())
}

fn say(address: SocketAddr) -> Result<(), Failure> {
    println!("{address}");
    Ok(std::io::stdout().flush()?)
}

/// Both directions of one connection.
async fn join(from: Reader, back: Writer, onward: Onward) -> Result<(), Failure> {
    let (to, answers) = match onward {
        Onward::Next(connection) => {
            let (send, receive) = connection.open_bi().await?;
            (Writer::Quic(send), Reader::Quic(receive))
        }
        Onward::Out(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (reader, writer) = stream.into_split();
            (Writer::Tcp(writer), Reader::Tcp(reader))
        }
    };
    let asking = tokio::spawn(copy(from, to));
    let _ = copy(answers, back).await;
    asking.abort();
    Ok(())
}

async fn copy(mut from: Reader, mut to: Writer) -> Result<(), Failure> {
    let mut buffer = vec![0; PIECE];
    loop {
        match (&mut from, &mut to) {
            (Reader::Tcp(from), to) => {
                let length = from.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                match to {
                    Writer::Tcp(to) => to.write_all(&buffer[..length]).await?,
                    Writer::Quic(to) => to.write_all(&buffer[..length]).await?,
                }
            }
            (Reader::Quic(from), Writer::Quic(to)) => {
                let mut chunks: [Bytes; 32] = std::array::from_fn(|_| Bytes::new());
                let Some(length) = from.read_chunks(&mut chunks).await? else {
                    return Ok(());
                };
                to.write_all_chunks(&mut chunks[..length]).await?;
            }
            (Reader::Quic(from), Writer::Tcp(to)) => {
                let Some(length) = from.read(&mut buffer).await? else {
                    return Ok(());
                };
                to.write_all(&buffer[..length]).await?;
            }
        }
    }
}
