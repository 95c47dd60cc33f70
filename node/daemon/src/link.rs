//! The connections to neighbours: QUIC, mutually authenticated, two for each neighbour.
//!
//! A child dials its parent and keeps the connection; it dials again for ever. The child
//! opens one long-lived *control stream*, on which each side first sends a hello and then
//! messages. All other streams carry data: the first byte is the stream's kind. They go over a second connection
//! (`data.rs`), and over the first where there is no second one.
//!
//! Invariants: for each neighbour, events come in the order up, received…, down, up…;
//! nothing of a replaced connection comes after the event that replaced it. Who a
//! neighbour is follows from its verified certificate alone.

mod accept;
mod alert;
mod connection;
mod counters;
mod data;
mod dial;
mod endpoint;
mod frames;
mod registry;
mod socket;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use quinn::VarInt;
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waybook_agents::{Envelope, Incarnation};
use waybook_location_tree::PlaceName;

use crate::Io;
use crate::config::{ParentConfig, TransportConfig};
use crate::identity::{self, Identity};
use crate::join::Joining;
use counters::{Counting, Each};
pub use counters::{LinkCounters, NeighbourCounters};
use endpoint::{Endpoints, Settings};
use registry::Registry;

/// Why a connection is closed, as the other end sees it in the QUIC close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum CloseCode {
    /// The place stops in good order.
    Stopping = 0,
    /// A newer connection of the same place has taken over.
    Replaced = 1,
    /// The certificate's name is not one that may connect here.
    WrongName = 2,
    /// There is no version that both ends speak.
    Version = 3,
    /// Something arrived that the protocol does not allow.
    Protocol = 4,
    /// Too much waits to be sent to the other end.
    Overflow = 5,
    /// The place has as many children as it may have.
    Full = 6,
    /// A later life of the same place is connected.
    Outdated = 7,
    /// The other end has not greeted in time.
    Silent = 8,
    /// The certificate counts no more: it is revoked, over, or of an authority that is not trusted.
    Certificate = 9,
    /// A connection for data without one for messages.
    Alone = 10,
}

impl From<CloseCode> for VarInt {
    fn from(code: CloseCode) -> Self {
        Self::from_u32(code as u32)
    }
}

/// What the links tell the task that owns the place.
#[derive(Debug)]
pub enum LinkEvent {
    /// A connection stands.
    Up {
        /// The parent or a child.
        neighbour: PlaceName,
        /// Its life.
        incarnation: Incarnation,
        /// The newest version of the protocol that both ends speak.
        version: u8,
    },
    /// The connection is gone.
    Down {
        /// The neighbour.
        neighbour: PlaceName,
    },
    /// A message arrived.
    Received {
        /// Who sent it.
        from: PlaceName,
        /// The message.
        envelope: Box<Envelope>,
        /// Held until the message is dealt with, so that a neighbour cannot send faster
        /// than the place works.
        permit: OwnedSemaphorePermit,
    },
}

/// Takes the data streams that neighbours open.
pub trait DataSink: Send + Sync {
    /// Serves a stream that carries HTTP. Must not block.
    fn accept(&self, from: PlaceName, stream: Box<dyn Io>);

    /// Serves a stream for a transfer of code, which is broken off if it is dropped
    /// before it is shut down. Must not block. A place that keeps no code breaks all of
    /// them off.
    fn transfer(&self, _from: PlaceName, stream: Box<dyn Io>) {
        drop(stream);
    }
}

/// What the links are told of the place.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The socket.
    pub listen: SocketAddr,
    /// The parent, if there is one.
    pub parent: Option<ParentConfig>,
    /// The connections.
    pub transport: TransportConfig,
    /// Children connected at one time.
    pub children: usize,
    /// This life of the place.
    pub incarnation: Incarnation,
}

struct Shared {
    name: PlaceName,
    /// As what this place connects from now on.
    present: RwLock<Arc<Present>>,
    config: LinkConfig,
    endpoints: Endpoints,
    /// Where data is dealt with.
    worker: Handle,
    registry: Registry,
    counting: Counting,
    /// Why there is no connection to the parent, when there should be one.
    trouble: watch::Sender<Option<String>>,
    /// Who serves machines that are no places yet, if anybody does.
    joining: OnceLock<Arc<Joining>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// An identity, and how its connections are dialled, and those of newcomers accepted.
struct Present {
    identity: Identity,
    client: quinn::ClientConfig,
    data: quinn::ClientConfig,
    newcomers: Arc<quinn::ServerConfig>,
}

impl Present {
    fn new(identity: Identity, settings: Settings) -> Self {
        Self {
            identity,
            client: settings.client,
            data: settings.data,
            newcomers: settings.newcomers,
        }
    }
}

impl Shared {
    fn present(&self) -> Arc<Present> {
        let present = self.present.read();
        Arc::clone(&present.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the certificate at the other end of a connection counts at that time.
    fn accepts(&self, connection: &quinn::Connection, now: SystemTime) -> Result<(), String> {
        let chain = identity::shown(connection.peer_identity())?;
        self.present().identity.accepts(&chain, now)
    }

    /// Where a neighbour's messages are counted.
    fn counted(&self, neighbour: &PlaceName) -> Arc<Each> {
        self.counting.of(neighbour, self.config.children)
    }
}

/// The connections of one place. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    shared: Arc<Shared>,
}

impl Links {
    /// Binds the sockets. Nothing is accepted or dialled before [`Links::run`]. Data is dealt with on the
    /// runtime `data`, messages on the caller's.
    ///
    /// # Errors
    /// What the system says of a socket, with its address.
    pub fn bind(
        identity: Identity,
        config: LinkConfig,
        data: Handle,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<LinkEvent>)> {
        let (endpoints, settings) = endpoint::bind(&identity, &config, &data)?;
        let name = identity.name().clone();
        let present = Present::new(identity, settings);
        let (events, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            name,
            present: RwLock::new(Arc::new(present)),
            registry: Registry::new(events, &config.transport),
            config,
            endpoints,
            worker: data,
            counting: Counting::default(),
            trouble: watch::Sender::default(),
            joining: OnceLock::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let shared = Arc::new(shared);
        Ok((Self { shared }, receiver))
    }

    /// Begins to accept children and to dial the parent; data streams go to `sink`.
    pub fn run(&self, sink: Arc<dyn DataSink>) {
        let shared = &self.shared;
        let accept = |endpoint| accept::accept(shared.clone(), endpoint, sink.clone());
        shared
            .tasks
            .spawn(accept(shared.endpoints.messages.clone()));
        if let Some(children) = shared.endpoints.children.clone() {
            shared.tasks.spawn_on(accept(children), &shared.worker);
        }
        if let Some(parent) = shared.config.parent.clone() {
            shared.tasks.spawn(dial::keep(shared.clone(), parent, sink));
        }
    }

    /// From now on connects as that identity, which must be of the same name. Connections that
    /// stand remain, as far as it accepts them.
    ///
    /// # Errors
    /// If the identity cannot be used for QUIC; nothing has changed then.
    pub(crate) fn renew(&self, identity: Identity) -> io::Result<()> {
        let shared = &self.shared;
        let settings = endpoint::settings(&identity, &shared.config)?;
        let server = settings.server.clone();
        let present = Arc::new(Present::new(identity, settings));
        let before = shared.present.write();
        *before.unwrap_or_else(PoisonError::into_inner) = present;
        for endpoint in shared.endpoints.accepting() {
            endpoint.set_server_config(Some(server.clone()));
        }
        self.check(SystemTime::now());
        Ok(())
    }

    /// Closes the connections of neighbours whose certificates do not count at that time.
    pub(crate) fn check(&self, now: SystemTime) {
        for (neighbour, connection) in self.shared.registry.connections() {
            if let Err(why) = self.shared.accepts(&connection, now) {
                tracing::warn!(%neighbour, why, "a neighbour is cut off");
                connection.close(CloseCode::Certificate.into(), why.as_bytes());
            }
        }
    }

    /// Lets newcomers in, as that one allows it. Only the first one that is told counts.
    pub(crate) fn let_in(&self, joining: Arc<Joining>) {
        let _ = self.shared.joining.set(joining);
    }

    /// Whether a neighbour with that chain of certificates would be accepted at that time.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub(crate) fn accepts(
        &self,
        chain: &[CertificateDer<'static>],
        now: SystemTime,
    ) -> Result<(), String> {
        self.shared.present().identity.accepts(chain, now)
    }

    /// What this place's key is known by.
    pub(crate) fn key(&self) -> [u8; 32] {
        self.shared.present().identity.key_hash
    }

    /// The address that the sockets for neighbours are bound to, with the actual port.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.shared.endpoints.messages.local_addr()
    }

    /// Hands a message over for sending. If the neighbour is not connected, or is so
    /// slow that its queue is full, the message is lost; the protocol recovers.
    pub fn send(&self, to: &PlaceName, envelope: Envelope) {
        self.shared
            .registry
            .send(to, envelope, &self.shared.counting);
    }

    /// The neighbours with a connection, and their lives, as they come and go.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<BTreeMap<PlaceName, Incarnation>> {
        self.shared.registry.connected()
    }

    /// Why there is no connection to the parent, as news come; none while all is well,
    /// or before the first attempt has failed.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.shared.trouble.subscribe()
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.shared.counting.read()
    }

    /// What was counted for each neighbour since the daemon started.
    #[must_use]
    pub fn neighbours(&self) -> BTreeMap<PlaceName, NeighbourCounters> {
        let mut all = self.shared.counting.neighbours();
        for (name, counters) in &mut all {
            counters.data_connection = self.shared.registry.is_apart(name);
        }
        all
    }

    /// Closes all connections and waits until the neighbours have been told, or for a
    /// second.
    pub async fn stop(&self) {
        let shared = &self.shared;
        shared.stopping.cancel();
        for endpoint in shared.endpoints.all() {
            endpoint.close(CloseCode::Stopping.into(), b"the place is stopping");
        }
        shared.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            shared.tasks.wait().await;
            for endpoint in shared.endpoints.all() {
                endpoint.wait_idle().await;
            }
        })
        .await;
    }
}
