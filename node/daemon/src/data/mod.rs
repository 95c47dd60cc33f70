//! The data plane: sessions' HTTP on its way through this place.
//!
//! Clients come in by the [gateway](DataPlane::serve_gateway), neighbours by
//! [streams](DataPlane::serve_peer) that name a session. A request passes through the
//! components of the session's chain here and goes on to the next place, and the bodies
//! of both directions are held to what the session has booked. The place decides which
//! components run and which sessions pass; this room carries it out and reports.
//!
//! Nothing waits in a body's way except for the booked rate, the network or its reader:
//! bodies are streams throughout, and dropping one end is felt at the other.

mod admission;
mod chain;
mod config;
mod gateway;
mod headers;
mod pass;
mod plane;
mod problem;
mod runtime;
mod session;
mod session_body;
mod shape;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::{InstanceId, Route};

pub use config::{CodeFiles, DataConfig, DataLimits, Program, Readiness, Restarts, WasmConfig};
pub use problem::ProblemKind;
pub use token::Urls;

use crate::{DoorCounters, Io, PeerApi, PeerStreams, PlaceHandle, Start};
use plane::Plane;

/// The data plane of one place. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct DataPlane {
    plane: Arc<Plane>,
}

impl DataPlane {
    /// A data plane that sends what is for other places through `peers` and reports to
    /// `place`. Its methods are to be called within a tokio runtime.
    #[must_use]
    pub fn new(config: DataConfig, peers: Arc<dyn PeerStreams>, place: PlaceHandle) -> Self {
        Self {
            plane: Arc::new(Plane::new(config, peers, place)),
        }
    }

    /// Hands requests of neighbours that name no session to `api` from now on. Only the
    /// first call counts.
    pub fn set_peer_api(&self, api: Arc<dyn PeerApi>) {
        let _ = self.plane.peer_api.set(api);
    }

    /// Starts a component. [`Input::ComponentUp`](waybook_place::io::Input::ComponentUp)
    /// or `ComponentFailed` follows, unless it is stopped before.
    pub fn start(&self, instance: InstanceId, start: Start) {
        self.plane.start(instance, start);
    }

    /// Stops a component, or gives up starting it. Returns before its processes are gone.
    pub fn stop(&self, instance: InstanceId) {
        self.plane.stop(instance);
    }

    /// Lets requests of the session through, or changes how. Rates change at once;
    /// requests under way keep their path.
    pub fn route(&self, route: Route) {
        self.plane.route(route);
    }

    /// Lets no request of the session through any more, and ends those under way.
    pub fn unroute(&self, session: SessionId) {
        self.plane.unroute(session);
    }

    /// Serves a stream that a neighbour has opened, to its end.
    pub async fn serve_peer(&self, from: PlaceName, io: Box<dyn Io>) {
        self.plane.serve_peer(from, io).await;
    }

    /// Serves clients until [`stop_all`](Self::stop_all).
    ///
    /// # Errors
    /// If the listener has no address.
    pub async fn serve_gateway(&self, listener: TcpListener) -> io::Result<()> {
        gateway::serve(&self.plane, listener).await
    }

    /// What the gateway has counted.
    #[must_use]
    pub fn gateway_counters(&self) -> DoorCounters {
        self.plane.gateway_counters()
    }

    /// Serves one client's connection, which came from that address, as
    /// [`serve_gateway`](Self::serve_gateway) does each of those that it accepts.
    pub async fn serve_client(&self, client: SocketAddr, io: Box<dyn Io>) {
        gateway::serve_client(&self.plane, io, client).await;
    }

    /// The session's URL, as this place's gateway serves it.
    #[must_use]
    pub fn session_url(&self, session: SessionId) -> Urls {
        let config = &self.plane.config;
        let bound = self.plane.bound.get().copied().unwrap_or(config.gateway);
        token::urls(config, bound, &token::token(&config.secret, session))
    }

    /// Ends all sessions, stops all components and waits until their processes are gone.
    pub async fn stop_all(&self) {
        self.plane.stop_all().await;
    }
}
