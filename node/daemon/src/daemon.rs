//! Wires one place's rooms together, in the order in which they need each other.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;
use waybook_place::Place;
use waybook_place::io::{Input, RecordKey};

use crate::api::Recent;
use crate::audit::{self, Audit};
use crate::certificates::Certificates;
use crate::config::DaemonConfig;
use crate::files::{self, FileError};
use crate::handle::PlaceHandle;
use crate::identity::{self, Identity};
use crate::join::Joining;
use crate::link::{DataSink, LinkConfig, Links};
use crate::machinery::{CodeKeeper, Machinery};
use crate::metrics::{Observer, Recorded};
use crate::peer::PeerStreams;
use crate::pump::{Carriers, Clock, Pump};
use crate::store::Store;
use crate::trace::{Exporter, Setups, Tracer};
use crate::worker::Worker;

/// When the daemon stops, the collector has so long to take the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Why a daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A file or folder is missing or wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// A socket cannot be bound; the sentence names the setting and the address.
    #[error("{setting}: {error}{}", hint(error))]
    Socket {
        /// The setting.
        setting: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// The place refuses its settings.
    #[error("{0}")]
    Settings(String),
    /// A room did not start.
    #[error("{0}")]
    Room(Box<dyn std::error::Error + Send + Sync>),
}

/// What would help.
fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; stop what listens there, or choose another port (0 for one that is free)"
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address (0.0.0.0 stands for all that it has)"
        }
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 take a right of their own",
        _ => "",
    }
}

/// What the other rooms are made from.
#[derive(Clone)]
pub struct Core {
    /// The whole configuration.
    pub config: Arc<DaemonConfig>,
    /// Reaches the place. What is sent before the place runs waits for it.
    pub place: PlaceHandle,
    /// Opens streams to neighbours.
    pub peers: Arc<dyn PeerStreams>,
    /// The links, for what they count and who is connected.
    pub links: Links,
    /// The place's identity, as its files have it.
    pub certificates: Arc<Certificates>,
    /// Lets new places join.
    pub(crate) joining: Arc<Joining>,
    /// What local clients of the API show.
    pub token: String,
    /// What sessions' URLs are derived from.
    pub gateway_secret: [u8; 32],
    /// This life of the place.
    pub incarnation: Incarnation,
    /// What is recorded for collectors.
    pub recorded: Arc<Recorded>,
    /// What is remembered of set-ups.
    pub setups: Arc<Setups>,
    /// What has happened lately.
    pub recent: Arc<Recent>,
    /// Where changes are written down.
    pub audit: Arc<Audit>,
    /// Where data is dealt with.
    pub data: Handle,
}

/// Ends a room: refuse what is new, then let go. The place has ended by then: it answers
/// nothing more, and hears of no component that ends. Established sessions are told
/// nothing; they are kept for the next life.
pub type StopRoom = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The rooms that [`Daemon::start`] is given: the data plane and the API.
pub struct Rooms {
    /// Runs components and lets requests through.
    pub machinery: Arc<dyn Machinery>,
    /// Keeps code, and transfers it.
    pub code: Arc<dyn CodeKeeper>,
    /// Serves the streams that neighbours open.
    pub sink: Arc<dyn DataSink>,
    /// Where the API listens, with its actual port.
    pub api: Option<SocketAddr>,
    /// The certificate of the API, if connections to it are encrypted.
    pub api_certificate: Option<PathBuf>,
    /// Where sessions' URLs lead, with the actual port.
    pub gateway: Option<SocketAddr>,
    /// Where collectors get figures, with the actual port.
    pub metrics: Option<SocketAddr>,
    /// Run in this order when the daemon stops: first those that accept what is new.
    pub stop: Vec<StopRoom>,
}

/// Where a running daemon is reached; `runtime.json` in the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The place.
    pub name: PlaceName,
    /// The process.
    pub pid: u32,
    /// The life of the place.
    pub incarnation: Incarnation,
    /// The QUIC socket.
    pub quic: SocketAddr,
    /// The API.
    pub api: Option<SocketAddr>,
    /// The certificate of the API, from the data folder on, if connections to it are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_certificate: Option<PathBuf>,
    /// Where sessions' URLs lead.
    pub gateway: Option<SocketAddr>,
    /// Where collectors get figures without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
}

/// Starts daemons.
#[derive(Debug)]
pub struct Daemon;

impl Daemon {
    /// Starts a daemon on the caller's tokio runtime. `build` makes the data plane and
    /// the API; the place starts when they stand, and connections when the place does.
    ///
    /// # Errors
    /// [`DaemonError`]; nothing is left running then.
    pub async fn start<B, F>(config: DaemonConfig, build: B) -> Result<RunningDaemon, DaemonError>
    where
        B: FnOnce(Core) -> F,
        F: Future<Output = Result<Rooms, Box<dyn std::error::Error + Send + Sync>>>,
    {
        Self::start_at(config, SystemTime::now(), build).await
    }

    /// As [`Daemon::start`], with the wall clock handed in: it decides whether the
    /// certificate holds, and the number of the place's life.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn start_at<B, F>(
        config: DaemonConfig,
        wall_clock: SystemTime,
        build: B,
    ) -> Result<RunningDaemon, DaemonError>
    where
        B: FnOnce(Core) -> F,
        F: Future<Output = Result<Rooms, Box<dyn std::error::Error + Send + Sync>>>,
    {
        // Before they are read: what changes meanwhile is seen later.
        let digests = identity::digests(&config.identity);
        let identity = Identity::load(&config.identity, &config.place.name, wall_clock)?;
        let folder = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Store::open(&folder, wall_clock)).await;
        let mut store = opened.map_err(|error| DaemonError::Room(error.into()))??;
        let records = store.take_records();
        let audit = open_audit(&config).await?;
        let joining = Arc::new(Joining::open(&config, audit.clone())?);
        let link_config = LinkConfig {
            listen: config.listen,
            parent: config.parent.clone(),
            transport: config.transport,
            children: config.place.limits.children,
            incarnation: store.incarnation(),
        };
        let socket = |error| DaemonError::Socket {
            setting: "listen",
            error,
        };
        let worker = Worker::start().map_err(|error| DaemonError::Room(error.into()))?;
        let data = worker.handle().clone();
        let bound = Links::bind(identity.clone(), link_config, data.clone());
        let (links, link_events) = bound.map_err(socket)?;
        links.let_in(joining.clone());
        let paths = config.identity.clone();
        let certificates =
            Certificates::new(paths, digests, &identity, links.clone(), audit.clone());
        let quic = links.local_addr().map_err(socket)?;
        let (handle, commands) = PlaceHandle::new();
        let resources = config.place.capacity.keys().cloned();
        let recorded = Arc::new(Recorded::new(resources.collect()));
        let setups = Arc::new(Setups::new(config.trace.keep));
        let (tracer, exporting) = tracer(&config, setups.clone(), recorded.clone())?;
        let recent = Arc::<Recent>::default();
        let core = Core {
            recorded: recorded.clone(),
            setups,
            recent: recent.clone(),
            audit,
            config: Arc::new(config),
            place: handle.clone(),
            peers: Arc::new(links.clone()),
            links: links.clone(),
            certificates: Arc::new(certificates),
            joining,
            token: store.token().to_owned(),
            gateway_secret: store.gateway_secret(),
            incarnation: store.incarnation(),
            data,
        };
        let rooms = build(core.clone()).await.map_err(DaemonError::Room)?;
        let addresses = Addresses {
            name: core.config.place.name.clone(),
            pid: std::process::id(),
            incarnation: store.incarnation(),
            quic,
            api: rooms.api,
            api_certificate: rooms.api_certificate,
            gateway: rooms.gateway,
            metrics: rooms.metrics,
        };
        let records = reconcile(&*rooms.code, &store, records);
        let started = begin(&core, &store, records, &addresses);
        let (place, outputs, clock) = match started {
            Ok(started) => started,
            Err(error) => {
                stop_rooms(rooms.stop).await;
                return Err(error);
            }
        };
        let store = Arc::new(store);
        let carriers = Carriers {
            links: links.clone(),
            store: store.clone(),
            machinery: rooms.machinery,
            code: rooms.code,
            events: handle.events_sender(),
            observer: Observer::new(recorded),
            tracer,
            recent,
        };
        let pump = Pump::new(place, clock, carriers);
        let stopping = CancellationToken::new();
        let pump = tokio::spawn(pump.run(outputs, commands, link_events, stopping.clone()));
        links.run(rooms.sink);
        tokio::spawn(core.certificates.clone().keep(stopping.clone()));
        tracing::info!(
            place = %addresses.name,
            %quic,
            gateway = addresses.gateway.map(tracing::field::display),
            api = addresses.api.map(tracing::field::display),
            metrics = addresses.metrics.map(tracing::field::display),
            "the place runs"
        );
        Ok(RunningDaemon {
            core,
            addresses,
            store,
            pump,
            stopping,
            stop_rooms: rooms.stop,
            exporting,
            worker,
        })
    }
}

/// Opens the audit log, with the start as its first new entry: a configuration is taken up with it.
async fn open_audit(config: &DaemonConfig) -> Result<Arc<Audit>, DaemonError> {
    let (folder, name) = (config.data_dir.clone(), config.place.name.clone());
    let (kept, source) = (config.audit, config.source.as_ref());
    let source = source.map(|source| source.path.display().to_string());
    let opened = tokio::task::spawn_blocking(move || {
        let audit = Arc::new(Audit::open(&folder, &name, kept)?);
        let version = format!("version {}", env!("CARGO_PKG_VERSION"));
        let on = source.map_or_else(|| version.clone(), |source| format!("{source}, {version}"));
        audit.note(&audit::Change::of_system(&name, "start", "start", on));
        Ok::<_, FileError>(audit)
    });
    let opened = opened
        .await
        .map_err(|error| DaemonError::Room(error.into()))?;
    Ok(opened?)
}

/// Who writes down what becomes of set-ups, if that is wanted, and the task that sends it on.
fn tracer(
    config: &DaemonConfig,
    setups: Arc<Setups>,
    recorded: Arc<Recorded>,
) -> Result<(Option<Tracer>, Option<JoinHandle<()>>), DaemonError> {
    if config.trace.keep == 0 {
        return Ok((None, None));
    }
    let name = &config.place.name;
    let exporter = config.trace.export.as_ref();
    let exporter = exporter.map(|export| Exporter::start(export, name, recorded));
    let (exporter, sending) = exporter
        .transpose()
        .map_err(|why| DaemonError::Settings(format!("[trace] {why}")))?
        .unzip();
    Ok((Some(Tracer::new(name.clone(), setups, exporter)), sending))
}

/// What the place is told of its former lives, as far as the disk bears it out. What it does
/// not bear out is forgotten.
fn reconcile(
    code: &dyn CodeKeeper,
    store: &Store,
    records: Vec<(RecordKey, Vec<u8>)>,
) -> Vec<(RecordKey, Vec<u8>)> {
    let before: BTreeSet<_> = records.iter().map(|(key, _)| key.clone()).collect();
    let records = code.reconcile(records);
    let after: BTreeSet<_> = records.iter().map(|(key, _)| key).collect();
    for gone in before.iter().filter(|key| !after.contains(key)) {
        store.put(gone.clone(), None);
    }
    records
}

/// Begins the place's life, and says where the daemon is reached.
fn begin(
    core: &Core,
    store: &Store,
    records: Vec<(waybook_place::io::RecordKey, Vec<u8>)>,
    addresses: &Addresses,
) -> Result<(Place, Vec<waybook_place::io::Output>, Clock), DaemonError> {
    let clock = Clock::start();
    let mut outputs = Vec::new();
    let place = Place::new(
        core.config.place.clone(),
        core.incarnation,
        files::random_bytes(),
        records,
        clock.now(),
        &mut outputs,
    )
    .map_err(DaemonError::Settings)?;
    // Before anything else can happen: a session may have been to end long ago.
    let mut place = place;
    for (session, away) in store.ages() {
        let (session, away) = (*session, *away);
        place.handle(clock.now(), Input::Away { session, away }, &mut outputs);
    }
    let json = serde_json::to_string_pretty(addresses)
        .map_err(|error| DaemonError::Settings(error.to_string()))?;
    store.write_runtime(&json)?;
    Ok((place, outputs, clock))
}

/// A daemon that runs. Dropping it stops nothing in good order: call
/// [`RunningDaemon::stop`].
pub struct RunningDaemon {
    core: Core,
    addresses: Addresses,
    store: Arc<Store>,
    pump: JoinHandle<()>,
    stopping: CancellationToken,
    stop_rooms: Vec<StopRoom>,
    exporting: Option<JoinHandle<()>>,
    worker: Worker,
}

impl RunningDaemon {
    /// Where it is reached, with actual ports.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Reaches the place.
    #[must_use]
    pub fn place(&self) -> &PlaceHandle {
        &self.core.place
    }

    /// The connections to neighbours.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.core.links
    }

    /// What the rooms were made from.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Waits until the task that owns the place has ended, which it does by itself only
    /// if something is broken.
    pub async fn failed(&mut self) {
        let _ = (&mut self.pump).await;
    }

    /// Stops in good order: ends the place without a word to established sessions (they
    /// are kept for the next life), stops the rooms, writes every record, and closes the
    /// connections.
    ///
    /// # Errors
    /// [`DaemonError`] if a record could not be written; all else is done nevertheless.
    pub async fn stop(self) -> Result<(), DaemonError> {
        // The place goes first: it must not take the end of its components for a failure
        // of the sessions that they serve.
        self.stopping.cancel();
        if !self.pump.is_finished() {
            let _ = self.pump.await;
        }
        stop_rooms(self.stop_rooms).await;
        if let Some(mut exporting) = self.exporting {
            // With the place went whoever has something to send.
            let sent = tokio::time::timeout(LAST_SPANS, &mut exporting).await;
            if sent.is_err() {
                exporting.abort();
            }
        }
        let store = self.store.clone();
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        self.core.links.stop().await;
        self.worker.stop().await;
        self.store.remove_runtime();
        // The folder's lock goes with the last owner of the store.
        drop(self.store);
        flushed.map_err(|error| DaemonError::Room(error.into()))??;
        Ok(())
    }
}

async fn stop_rooms(rooms: Vec<StopRoom>) {
    for stop in rooms {
        stop().await;
    }
}
