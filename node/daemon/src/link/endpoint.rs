//! The socket, its settings, and the connections that arrive on it.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, Incoming,
    MtuDiscoveryConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};

use super::connection::{Side, explain, serve};
use super::{DataSink, LinkConfig, Shared};
use crate::identity::Identity;
use crate::join;

/// Handshakes at one time beyond which a newcomer must first show that it receives what
/// is sent to its address.
const UNVALIDATED_HANDSHAKES: usize = 64;
/// Handshakes at one time beyond which newcomers are turned away.
const MOST_HANDSHAKES: usize = 1024;
/// Asked of the system for the socket's buffers, in bytes; it may give less.
const SOCKET_BUFFER: usize = 4 << 20;
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
}

pub(super) fn bind(identity: &Identity, config: &LinkConfig) -> io::Result<(Endpoint, Settings)> {
    let settings = settings(identity, config)?;
    let mut endpoint = EndpointConfig::new(Arc::new(ResetKey(identity.reset_key)));
    // With the default identifiers, which hold a check of their own, a restarted place
    // would ignore what is sent to its former life in place of resetting it.
    endpoint.cid_generator(|| Box::new(RandomIds));
    endpoint
        .max_udp_payload_size(config.transport.mtu.max(1472))
        .map_err(io::Error::other)?;

    let socket = UdpSocket::bind(config.listen)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", config.listen)))?;
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    let server = Some(settings.server.clone());
    let endpoint = Endpoint::new(endpoint, server, socket, Arc::new(TokioRuntime))?;
    Ok((endpoint, settings))
}

/// How connections are accepted, and how they are dialled.
pub(super) fn settings(identity: &Identity, config: &LinkConfig) -> io::Result<Settings> {
    let transport = Arc::new(transport(config)?);
    let server = QuicServerConfig::try_from(identity.server.clone()).map_err(io::Error::other)?;
    let mut server = ServerConfig::with_crypto(Arc::new(server));
    server.transport_config(transport.clone());
    server.max_incoming(MOST_HANDSHAKES);
    let client = QuicClientConfig::try_from(identity.client.clone()).map_err(io::Error::other)?;
    let mut client = ClientConfig::new(Arc::new(client));
    client.transport_config(transport);
    let crypto = QuicServerConfig::try_from(identity.newcomers.clone());
    let crypto = crypto.map_err(io::Error::other)?;
    let mut newcomers = ServerConfig::with_crypto(Arc::new(crypto));
    newcomers.transport_config(Arc::new(newcomers_transport(config)?));
    Ok(Settings {
        server,
        newcomers: Arc::new(newcomers),
        client,
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

/// Accepts connections until the place stops.
pub(super) async fn accept(shared: Arc<Shared>, sink: Arc<dyn DataSink>) {
    while let Some(incoming) = shared.endpoint.accept().await {
        let open = shared.endpoint.open_connections();
        let known = shared.registry.connected().borrow().len();
        let handshakes = open.saturating_sub(known);
        if handshakes > MOST_HANDSHAKES {
            shared.counting.failed_handshakes.add(1);
            incoming.refuse();
            continue;
        }
        if incoming.orig_dst_cid().starts_with(join::MARK) {
            receive(&shared, incoming);
            continue;
        }
        if handshakes > UNVALIDATED_HANDSHAKES && !incoming.remote_address_validated() {
            // Fails only for an address that is validated.
            let _ = incoming.retry();
            continue;
        }
        shared
            .tasks
            .spawn(welcome(shared.clone(), incoming, sink.clone()));
    }
}

/// Lets a newcomer in, if any may come and it has the address that it says.
fn receive(shared: &Arc<Shared>, incoming: Incoming) {
    let Some(joining) = shared.joining.get().cloned() else {
        incoming.refuse();
        return;
    };
    if joining.is_open() && !incoming.remote_address_validated() {
        // Fails only for an address that is validated.
        let _ = incoming.retry();
        return;
    }
    let from = incoming.remote_address().ip();
    let Some(slot) = joining.knock(from) else {
        incoming.refuse();
        return;
    };
    let within = shared.config.transport.handshake_timeout;
    let connecting = incoming.accept_with(shared.present().newcomers.clone());
    shared.tasks.spawn(async move {
        let _slot = slot;
        let why = match connecting {
            Ok(connecting) => match tokio::time::timeout(within, connecting).await {
                Ok(Ok(connection)) => return joining.serve(connection).await,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("not done within {within:?}"),
            },
            Err(error) => error.to_string(),
        };
        joining.failed(from, &why);
    });
}

async fn welcome(shared: Arc<Shared>, incoming: Incoming, sink: Arc<dyn DataSink>) {
    let from = incoming.remote_address();
    let within = shared.config.transport.handshake_timeout;
    // The certificate is looked at only after the handshake has ended and verified it.
    let why = match tokio::time::timeout(within, incoming).await {
        Ok(Ok(connection)) => {
            serve(&shared, &connection, Side::Parent, &sink).await;
            return;
        }
        Ok(Err(error)) => explain(&error),
        Err(_) => format!("not done within {within:?}"),
    };
    shared.counting.failed_handshakes.add(1);
    tracing::warn!(%from, why, "a handshake failed");
}

/// Connection identifiers without any meaning.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&crate::files::random_bytes::<8>())
    }

    fn cid_len(&self) -> usize {
        8
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
