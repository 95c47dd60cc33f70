//! The control API: HTTP and JSON on loopback, and through the tree.
//!
//! A client of this place speaks to it under `/api/v1/` with the token of the data
//! folder, or one that was made for it (`tokens`). With `?at=PLACE` the request is for another
//! place: it travels hop by hop over the standing connections (`forward`), and the place that it
//! is for decides whether the place that it comes from, and the token that was shown there, may
//! ask that (`rights`). The forms that go in and out are in
//! [`model`]; the types of the core stay free of them.

mod audit;
mod auth;
mod backup;
mod components;
mod document;
mod ends;
mod events;
mod extract;
mod forward;
mod handlers;
mod health;
mod invitations;
mod links;
mod log;
mod metrics;
pub mod model;
mod operate;
mod origins;
mod page;
mod presentations;
mod problem;
mod profiles;
mod recent;
mod rights;
mod routes;
mod sessions;
mod setups;
mod stream;
mod token_end;
mod tokens;
mod unread;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::RecordKey;

use crate::config::ApiLimits;
use crate::door::{Door, DoorConfig};
use crate::join::Invites;
use crate::metrics::Recorded;
use crate::slots::{Full, Slot, Slots, share};
use crate::trace::Setups;
use crate::{ApiTls, Audit, Io, LogControl, PeerStreams, PlaceHandle, Reload};

pub use components::{CodeFacts, CodeStore, NoStore, Staged, StoreError, Storing};
pub use document::document;
pub use ends::Ends;
pub use links::Counts;
pub use problem::{Kind, More, Problem};
pub use profiles::Profiles;
pub use recent::Recent;
pub use rights::{Right, Rights};
pub use tokens::Tokens;

/// Greatest length of a request's headers, in bytes: a signed manifest is in them.
const HEADERS: usize = 400 << 10;

/// Collectors that may be connected at a time.
const COLLECTORS: usize = 64;

/// Where everything of the API hangs: `/api/v1`.
pub const PREFIX: &str = "/api/v1";

/// The two forms of a session's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// A path of the gateway's own address.
    pub path: String,
    /// A host name of its own, for players that use absolute paths.
    pub host: String,
}

/// Knows where sessions answer. The data plane implements it.
pub trait SessionUrls: Send + Sync {
    /// The URLs of a session whose client's place this is; none if it has no gateway.
    fn urls(&self, session: SessionId) -> Option<Urls>;
}

/// Where the daemon can be reached, for people to see.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The control API.
    pub api: Option<SocketAddr>,
    /// The gateway, where sessions' URLs lead.
    pub gateway: Option<SocketAddr>,
    /// Where children connect.
    pub listen: Option<SocketAddr>,
    /// The parent's, as it is configured.
    pub parent: Option<String>,
}

/// What the API is made of.
pub struct Parts {
    /// The place.
    pub place: PlaceHandle,
    /// Its name.
    pub name: PlaceName,
    /// Opens streams to the neighbours.
    pub peers: Arc<dyn PeerStreams>,
    /// What the owner of the data folder shows.
    pub token: String,
    /// What other local clients show.
    pub tokens: Arc<Tokens>,
    /// Where sessions answer.
    pub urls: Arc<dyn SessionUrls>,
    /// Where the daemon is reached.
    pub addresses: Addresses,
    /// What other places may ask.
    pub rights: Rights,
    /// The data folder.
    pub folder: PathBuf,
    /// Those of its users, and copies of others'.
    pub profiles: Arc<Profiles>,
    /// Which sessions have ended, and why.
    pub ends: Ends,
    /// Receives the code that operators upload.
    pub code: Arc<dyn CodeStore>,
    /// What it protects itself with.
    pub limits: ApiLimits,
    /// What has been counted outside the place.
    pub counts: Arc<dyn Counts>,
    /// What has been recorded for collectors.
    pub recorded: Arc<Recorded>,
    /// What is remembered of set-ups.
    pub setups: Arc<Setups>,
    /// What is logged.
    pub log: Arc<dyn LogControl>,
    /// Reads the configuration again.
    pub reload: Arc<dyn Reload>,
    /// Invites machines to become children.
    pub invites: Arc<dyn Invites>,
    /// What has happened lately.
    pub recent: Arc<Recent>,
    /// Where changes are written down.
    pub audit: Arc<Audit>,
    /// What connections of local clients are encrypted with.
    pub tls: Option<Arc<ApiTls>>,
    /// Pages of these other origins may read answers.
    pub origins: Vec<String>,
}

/// The control API of one place. Cheap to clone.
#[derive(Clone)]
pub struct ControlApi {
    shared: Arc<Shared>,
    local: Router,
    guarded: Router,
}

/// What every handler can reach.
pub(crate) struct Shared {
    parts: Parts,
    token: blake3::Hash,
    /// Held while code is being added, so that one upload is judged at a time.
    adding: tokio::sync::Mutex<()>,
    /// Held while a backup is made: one at a time.
    backups: Arc<tokio::sync::Semaphore>,
    /// Bounds the code that is being uploaded.
    uploads: tokio::sync::Semaphore,
    /// The requests under way, by the neighbour that they come from, or this place.
    slots: Arc<Slots<PlaceName>>,
    /// Looks at the place for those who watch it.
    watched: events::Watched,
    /// Where clients come in.
    door: Arc<Door>,
    /// Ends the requests that wait for something to happen.
    stopping: CancellationToken,
}

impl Shared {
    /// Room for one more request, of that neighbour or of a client of this place.
    fn admit(&self, from: Option<&PlaceName>) -> Result<Slot<PlaceName>, Problem> {
        let name = &self.parts.name;
        let taken = match from {
            Some(neighbour) => self.slots.take(neighbour),
            None => self.slots.take_any(name),
        };
        taken.map_err(|full| {
            let what = match full {
                Full::All(most) => format!("limit `api.requests` = {most} is reached"),
                Full::Share(most) => format!(
                    "`limits.neighbour-share` of `api.requests` = {most} is reached by {}",
                    from.unwrap_or(name)
                ),
            };
            Kind::Busy
                .because(format!("{what}; try again soon"))
                .at(name)
        })
    }

    /// Does it where it may wait for the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Kind::Failed.because(error.to_string()).at(&self.parts.name))
    }

    /// Waits until what has just been done is on disk: what an operator is told is done must
    /// still be after a crash. `done` says it for people.
    async fn keep(&self, done: &str) -> Result<(), Problem> {
        self.keep_record(None, done).await
    }

    /// Waits until it is on disk that a session is over, if that is so: whoever is told must not
    /// find it again after a crash.
    async fn keep_end(&self, session: SessionId) -> Result<(), Problem> {
        let done = format!("session {session} is over");
        let kept = self.keep_record(Some(RecordKey::Session(session)), &done);
        kept.await.map_err(|mut problem| {
            problem.more.end = self.parts.ends.of(session);
            problem
        })
    }

    async fn keep_record(&self, record: Option<RecordKey>, done: &str) -> Result<(), Problem> {
        let name = &self.parts.name;
        let written = tokio::select! {
            written = self.parts.place.written(record) => written?,
            () = self.stopping.cancelled() => Err(crate::Stopping)?,
        };
        written.map_err(|error| {
            let what = format!(
                "{done}, but {name} could not write that to its disk, and a restart may undo it: \
                 {error}; it is tried again until it succeeds"
            );
            Kind::Failed.because(what).at(name)
        })
    }
}

impl ControlApi {
    /// The API of a place.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let limits = parts.limits;
        let most = share(limits.requests, limits.neighbour_share);
        let shared = Arc::new(Shared {
            backups: Arc::new(tokio::sync::Semaphore::new(1)),
            uploads: tokio::sync::Semaphore::new(limits.uploads),
            slots: Slots::new(limits.requests, most),
            watched: events::Watched::new(&limits),
            door: Door::new(DoorConfig {
                setting: "api.connections",
                connections: limits.connections,
                header_timeout: limits.header_timeout,
                header_bytes: HEADERS,
                lingers: true,
                tls: parts.tls.clone(),
            }),
            token: blake3::hash(parts.token.as_bytes()),
            adding: tokio::sync::Mutex::new(()),
            stopping: CancellationToken::new(),
            parts,
        });
        let local = routes::router(&shared);
        let guarded = auth::guard(&shared, forward::dispatch(&shared, local.clone()));
        Self {
            shared,
            local,
            guarded,
        }
    }

    /// What a local client is served: every request must show a token.
    pub fn router(&self) -> Router {
        self.guarded.clone()
    }

    /// Serves local clients until [`stop`](Self::stop), and lets their requests end.
    pub async fn serve(&self, listener: TcpListener) {
        self.serve_at(&self.shared.door, listener, self.router())
            .await;
    }

    /// Serves one local client's connection, which came from that address, as
    /// [`serve`](Self::serve) does each of those that it accepts.
    pub async fn serve_client(&self, client: SocketAddr, io: Box<dyn Io>) {
        let stopping = self.shared.stopping.clone();
        let answer = answering(self.router());
        self.shared
            .door
            .serve_one(io, client, stopping, answer)
            .await;
    }

    /// Serves collectors, who need no token and get nothing but figures, until
    /// [`stop`](Self::stop).
    pub async fn serve_metrics(&self, listener: TcpListener) {
        let door = Door::new(DoorConfig {
            setting: "collectors",
            connections: COLLECTORS,
            header_timeout: self.shared.parts.limits.header_timeout,
            header_bytes: HEADERS,
            lingers: false,
            tls: None,
        });
        let router = metrics::open_router(&self.shared);
        self.serve_at(&door, listener, router).await;
    }

    async fn serve_at(&self, door: &Arc<Door>, listener: TcpListener, router: Router) {
        let stopping = self.shared.stopping.clone();
        let answer = answering(router);
        let tasks = TaskTracker::new();
        door.serve(listener, stopping, &tasks, answer).await;
        tasks.close();
        tasks.wait().await;
    }

    /// Takes no more requests, and ends those that wait for something to happen.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }
}

/// What answers the requests of all clients.
fn answering(
    router: Router,
) -> impl Fn(
    SocketAddr,
    http::Request<hyper::body::Incoming>,
) -> Pin<Box<dyn Future<Output = axum::response::Response> + Send>>
+ Clone {
    move |client, request| {
        let router = router.clone();
        Box::pin(async move {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(auth::Client(client));
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }
}

#[cfg(test)]
mod tests;
