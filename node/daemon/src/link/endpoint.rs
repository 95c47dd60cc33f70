//! The QUIC endpoints and their settings.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig,
    MtuDiscoveryConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use tokio::runtime::Handle;

use super::LinkConfig;
use super::accept::MOST_HANDSHAKES;
use super::socket::{self, DATA_MARK, Port};
use crate::files::random_bytes;
use crate::identity::{ALPN, DATA_ALPN, Identity};

/// What may be under way on one connection unacknowledged, in bytes.
const SEND_WINDOW: u64 = 32 << 20;
/// What a newcomer may send before it is read, in bytes.
const NEWCOMERS_WINDOW: u32 = 32 << 10;

/// How connections are made as one identity.
pub(super) struct Settings {
    /// Neighbours that dial.
    pub(super) server: ServerConfig,
    /// Newcomers.
    pub(super) newcomers: Arc<ServerConfig>,
    /// The parent, which is dialled.
    pub(super) client: ClientConfig,
    /// The same, for data.
    pub(super) data: ClientConfig,
}

/// Where connections arrive and are dialled from.
pub(super) struct Endpoints {
    /// At the place's port: for messages, and for what newcomers say.
    pub(super) messages: Endpoint,
    /// At the same port: for the data of children. None where `messages` takes it along.
    pub(super) children: Option<Endpoint>,
    /// At a port of its own: for data to and from the parent, if it has a connection of its own. A network card may join
    /// packets of one sender that follow each other; those of messages and of data have different senders.
    pub(super) parent: Option<Endpoint>,
}

impl Endpoints {
    /// Those that accept connections.
    pub(super) fn accepting(&self) -> impl Iterator<Item = &Endpoint> {
        self.children.iter().chain([&self.messages])
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.parent.iter().chain(self.accepting())
    }
}

/// Binds the sockets. Those for data are served by the runtime `data`.
pub(super) fn bind(
    identity: &Identity,
    config: &LinkConfig,
    data: &Handle,
) -> io::Result<(Endpoints, Settings)> {
    let settings = settings(identity, config)?;
    let endpoint = |socket: UdpSocket, ids: Ids, accepts: bool| {
        let mut endpoint = EndpointConfig::new(Arc::new(ResetKey(identity.reset_key)));
        // With the default identifiers, which hold a check of their own, a restarted place
        // would ignore what is sent to its former life in place of resetting it.
        endpoint.cid_generator(move || Box::new(ids));
        endpoint
            .max_udp_payload_size(config.transport.mtu.max(1472))
            .map_err(io::Error::other)?;
        let server = accepts.then(|| settings.server.clone());
        Endpoint::new(endpoint, server, socket, Arc::new(TokioRuntime))
    };
    let own = config.transport.data_connection;
    let port = Port::bind(config.listen, own)?;
    let messages = endpoint(port.messages, Ids::Random, true)?;
    // What an endpoint does, it does on the runtime that it was made on.
    let _there = data.enter();
    let children = port.data.map(|socket| endpoint(socket, Ids::Marked, true));
    let parent = (own && config.parent.is_some()).then(|| {
        let mut any = config.listen;
        any.set_port(0);
        endpoint(socket::bind(any)?, Ids::Random, false)
    });
    let endpoints = Endpoints {
        messages,
        children: children.transpose()?,
        parent: parent.transpose()?,
    };
    Ok((endpoints, settings))
}

/// How connections are accepted, and how they are dialled.
pub(super) fn settings(identity: &Identity, config: &LinkConfig) -> io::Result<Settings> {
    let transport = Arc::new(transport(config)?);
    let mut server = rustls::ServerConfig::clone(&identity.server);
    if config.transport.data_connection {
        server.alpn_protocols.push(DATA_ALPN.to_vec());
    }
    let server = QuicServerConfig::try_from(server).map_err(io::Error::other)?;
    let mut server = ServerConfig::with_crypto(Arc::new(server));
    server.transport_config(transport.clone());
    server.max_incoming(MOST_HANDSHAKES);
    let client = |alpn: &[u8]| {
        let mut client = rustls::ClientConfig::clone(&identity.client);
        client.alpn_protocols = vec![alpn.to_vec()];
        let client = QuicClientConfig::try_from(client).map_err(io::Error::other)?;
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(transport.clone());
        Ok::<_, io::Error>(client)
    };
    let mut data = client(DATA_ALPN)?;
    data.initial_dst_cid_provider(Arc::new(marked));
    let crypto = QuicServerConfig::try_from(identity.newcomers.clone());
    let crypto = crypto.map_err(io::Error::other)?;
    let mut newcomers = ServerConfig::with_crypto(Arc::new(crypto));
    newcomers.transport_config(Arc::new(newcomers_transport(config)?));
    Ok(Settings {
        server,
        newcomers: Arc::new(newcomers),
        client: client(ALPN)?,
        data,
    })
}

/// Whoever has shown no certificate gets one stream, and no more of the memory than its request
/// needs.
fn newcomers_transport(config: &LinkConfig) -> io::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    let idle = config.transport.handshake_timeout * 2;
    let idle = idle.try_into().map_err(io::Error::other)?;
    transport.max_idle_timeout(Some(idle));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(1));
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    transport.stream_receive_window(VarInt::from_u32(NEWCOMERS_WINDOW));
    transport.receive_window(VarInt::from_u32(NEWCOMERS_WINDOW));
    transport.datagram_receive_buffer_size(None);
    transport.enable_segmentation_offload(config.transport.gso);
    Ok(transport)
}

fn transport(config: &LinkConfig) -> io::Result<TransportConfig> {
    let settings = &config.transport;
    let mut transport = TransportConfig::default();
    let idle = settings.idle_timeout.try_into().map_err(io::Error::other)?;
    transport.max_idle_timeout(Some(idle));
    transport.keep_alive_interval(Some(settings.keep_alive));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(settings.max_streams));
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    transport.stream_receive_window(VarInt::from_u32(settings.stream_window));
    // The connection's window stays unlimited: if paused data streams could use it up,
    // they would hold up the control stream.
    transport.receive_window(VarInt::MAX);
    transport.send_window(SEND_WINDOW);
    transport.datagram_receive_buffer_size(None);
    transport.enable_segmentation_offload(settings.gso);
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(settings.mtu);
    transport.mtu_discovery_config(Some(discovery));
    Ok(transport)
}

/// Connection identifiers without any meaning but that.
#[derive(Clone, Copy)]
enum Ids {
    Random,
    Marked,
}

/// An identifier that says which socket it is for.
fn marked() -> ConnectionId {
    // QUIC wants eight bytes that nobody can guess.
    ConnectionId::new(&[&DATA_MARK[..], &random_bytes::<8>()].concat())
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        match self {
            Self::Marked => marked(),
            Self::Random => loop {
                let id = random_bytes::<8>();
                if !id.starts_with(&DATA_MARK) {
                    return ConnectionId::new(&id);
                }
            },
        }
    }

    fn cid_len(&self) -> usize {
        match self {
            Self::Marked => DATA_MARK.len() + 8,
            Self::Random => 8,
        }
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Signs the resets that tell a neighbour that its connection is gone. The key is the
/// same in every life, so that a neighbour believes the next life of a crashed place.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let hash = blake3::keyed_hash(&self.0, data);
        signature_out.copy_from_slice(hash.as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = <[u8; 32]>::try_from(signature).map_err(|_| CryptoError)?;
        match blake3::keyed_hash(&self.0, data) == signature {
            true => Ok(()),
            false => Err(CryptoError),
        }
    }
}
