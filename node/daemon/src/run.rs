//! Makes the rooms of a daemon and runs it: the data plane and the control API around the
//! place.

mod rooms;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use waybook_location_tree::PlaceName;
use waybook_wasm::Wasm;

use crate::api::{self, ControlApi, Ends, Profiles, Rights, Tokens};
use crate::audit::{Audit, Change};
use crate::code::{self, Repository};
use crate::config::{Bound, DaemonConfig, ProgramConfig, Ready};
use crate::data::{DataConfig, DataPlane, Program, Readiness, WasmConfig};
use crate::join::Desk;
use crate::reload::Reloader;
use crate::service::Service;
use crate::uploads::Uploads;
use crate::{
    ApiTls, Core, Daemon, DaemonError, Enforcement, LogControl, Reload, Rooms, RunningDaemon,
    SessionEvent, StopRoom,
};
use rooms::{Counted, Keeper, OnWorker, Sinks};

/// Files that may be open at one time, sockets among them, if the system allows so many.
const OPEN_FILES: u64 = 65_536;
/// How long a room's last requests may take when the daemon stops.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// Runs a daemon until `stop` resolves, and stops it in good order. `log` is the process's.
///
/// # Errors
/// If it does not start, or ends by itself.
pub async fn run(
    config: DaemonConfig,
    log: Arc<dyn LogControl>,
    stop: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    raise_open_files();
    let handler = |error: std::io::Error| DaemonError::Room(error.into());
    // From the beginning on: it would end the process if nobody waited for it.
    let mut hangups = signal(SignalKind::hangup()).map_err(handler)?;
    let (mut daemon, reload) = start_with(config, log).await?;
    let mut service = Service::of_process();
    let name = daemon.addresses().name.clone();
    let status = format!("{name} runs");
    service.ready(&status);
    let place = daemon.place().clone();
    let data = daemon.core().data.clone();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => {
                service.stopping();
                tracing::info!("stopping; established sessions are kept for the next start");
                return daemon.stop().await;
            }
            () = daemon.failed() => {
                let broken = "the place ended by itself; see the log".to_owned();
                let broken = DaemonError::Settings(broken);
                // What can still be written is.
                return daemon.stop().await.and(Err(broken));
            }
            _ = hangups.recv() => {
                service.reloading();
                reload_on_signal(reload.clone(), daemon.core().audit.clone(), &name).await;
                service.ready(&status);
            }
            () = service.watch(&place, &data) => {}
        }
    }
}

/// Reads the configuration again, and says in the log what became of it.
async fn reload_on_signal(reload: Arc<dyn Reload>, audit: Arc<Audit>, place: &PlaceName) {
    let place = place.clone();
    let reloading = tokio::task::spawn_blocking(move || {
        let done = reload.reload();
        let on = done
            .as_ref()
            .map_or_else(|_| String::new(), ToString::to_string);
        let mut change = Change::of_system(&place, "SIGHUP", "reload", on);
        change.why = done.as_ref().err().map(ToString::to_string);
        audit.note(&change);
        done
    });
    match reloading.await {
        Ok(Ok(done)) => {
            let (file, changed) = (done.file.display(), done.changed.len());
            tracing::info!(%file, changed, "the configuration was read again");
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the configuration was not taken up; nothing has changed");
        }
        Err(error) => tracing::error!(%error, "the configuration could not be read again"),
    }
}

/// Takes as many open files as the connections may be, if the system lets it: many give a
/// program 1024 unless it asks.
fn raise_open_files() {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if now.current.is_some_and(|current| current < wanted) {
        let more = Rlimit {
            current: Some(wanted),
            maximum: now.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, more) {
            tracing::warn!(%error, "no more files can be open than at the start");
        }
    }
}

/// Starts a daemon with all its rooms, in a process whose log is somebody else's.
///
/// # Errors
/// [`DaemonError`]; nothing is left running then.
pub async fn start(config: DaemonConfig) -> Result<RunningDaemon, DaemonError> {
    let (daemon, _) = start_with(config, Arc::new(())).await?;
    Ok(daemon)
}

async fn start_with(
    config: DaemonConfig,
    log: Arc<dyn LogControl>,
) -> Result<(RunningDaemon, Arc<dyn Reload>), DaemonError> {
    let made: Arc<OnceLock<Arc<dyn Reload>>> = Arc::default();
    let reload = made.clone();
    let daemon = Daemon::start(config, async move |core| {
        let (rooms, reload) = rooms(&core, log).await?;
        let _ = made.set(reload);
        Ok(rooms)
    })
    .await?;
    let reload = reload.get().cloned().unwrap_or_else(|| Arc::new(()));
    Ok((daemon, reload))
}

async fn rooms(
    core: &Core,
    log: Arc<dyn LogControl>,
) -> Result<(Rooms, Arc<dyn Reload>), DaemonError> {
    let config = &core.config;
    let repository = open_repository(core).await?;
    let gateway = core
        .data
        .spawn(bind("gateway.listen", config.gateway.listen));
    let gateway = gateway
        .await
        .map_err(|error| DaemonError::Room(error.into()))?;
    let (gateway, gateway_at) = gateway?;
    let (listener, api_at) = bind("api.listen", config.api.listen).await?;

    let collecting = match config.metrics {
        Some(address) => Some(bind("metrics.listen", address).await?),
        None => None,
    };
    let metrics = collecting.as_ref().map(|(_, at)| *at);

    let tls = open_tls(core, api_at).await?;
    let looking = CancellationToken::new();
    if let Some(tls) = tls.clone() {
        tokio::spawn(tls.keep(config.identity.check, looking.clone()));
    }

    let engine = wasm_engine(core)?;
    let enforcement = begin_enforcement(core).await?;
    let mut data = data_config(core, gateway_at);
    data.cgroups = match &enforcement {
        Some(Enforcement::On(groups)) => Some(groups.clone()),
        Some(Enforcement::Off(_)) | None => None,
    };
    data.wasm = Some(WasmConfig {
        engine: engine.clone(),
        files: Arc::new(repository.clone()),
        hosts: config.wasm.hosts.clone(),
        memory: config.wasm.memory,
        cpu: config.wasm.cpu,
    });
    let plane = DataPlane::new(data, core.peers.clone(), core.place.clone());
    let certificate = tls.as_ref().map(|tls| {
        let shown = tls.shown();
        // Those who read it know where the data folder is, from wherever they are.
        shown
            .strip_prefix(&config.data_dir)
            .unwrap_or(shown)
            .to_owned()
    });
    let ends = Ends::default();
    let bound = Bound {
        listen: core.links.local_addr().ok(),
        gateway: Some(gateway_at),
        api: Some(api_at),
    };
    let reload: Arc<dyn Reload> = Arc::new(Reloader::new(
        DaemonConfig::clone(config),
        bound,
        core.place.clone(),
        core.certificates.clone(),
        tls.clone(),
        core.joining.clone(),
    ));
    let control = ControlApi::new(api::Parts {
        place: core.place.clone(),
        name: config.place.name.clone(),
        peers: core.peers.clone(),
        token: core.token.clone(),
        tokens: Arc::new(Tokens::open(&config.data_dir, config.api.limits.tokens)?),
        urls: Arc::new(plane.clone()),
        addresses: api::Addresses {
            api: Some(api_at),
            gateway: Some(gateway_at),
            listen: core.links.local_addr().ok(),
            parent: config.parent.as_ref().map(|parent| parent.address.clone()),
        },
        rights: Rights::new(config.place.name.clone(), config.api.remote.clone()),
        folder: config.data_dir.clone(),
        profiles: Arc::new(Profiles::open(&config.data_dir, config.profiles)?),
        ends: ends.clone(),
        code: Arc::new(Uploads(repository.clone())),
        limits: config.api.limits,
        counts: Arc::new(Counted {
            links: core.links.clone(),
            plane: plane.clone(),
            engine: engine.clone(),
            certificates: core.certificates.clone(),
            joining: core.joining.clone(),
            enforcement,
        }),
        recorded: core.recorded.clone(),
        setups: core.setups.clone(),
        log,
        reload: reload.clone(),
        invites: Arc::new(Desk {
            name: config.place.name.clone(),
            joining: core.joining.clone(),
            links: core.links.clone(),
        }),
        recent: core.recent.clone(),
        audit: core.audit.clone(),
        tls: tls.clone(),
        origins: config.api.origins.clone(),
    });
    plane.set_peer_api(Arc::new(control.clone()));

    let listening = tokio::spawn(listen(core.place.events(), ends));
    let serving = tokio::spawn({
        let control = control.clone();
        async move { control.serve(listener).await }
    });
    if let Some((listener, _)) = collecting {
        let control = control.clone();
        tokio::spawn(async move { control.serve_metrics(listener).await });
    }
    let letting_through = core.data.spawn({
        let plane = plane.clone();
        async move { plane.serve_gateway(gateway).await }
    });
    let stop_api: StopRoom = Box::new(move || {
        Box::pin(async move {
            control.stop();
            looking.cancel();
            listening.abort();
            let mut serving = serving;
            if tokio::time::timeout(LAST_REQUESTS, &mut serving)
                .await
                .is_err()
            {
                serving.abort();
            }
        })
    });
    let stop_data: StopRoom = Box::new({
        let plane = plane.clone();
        move || {
            Box::pin(async move {
                plane.stop_all().await;
                letting_through.abort();
            })
        }
    });
    let stop_code: StopRoom = Box::new({
        let repository = repository.clone();
        move || Box::pin(async move { repository.stop().await })
    });
    let rooms = Rooms {
        machinery: Arc::new(OnWorker {
            plane: plane.clone(),
            worker: core.data.clone(),
        }),
        code: Arc::new(Keeper {
            repository: repository.clone(),
            engine,
            worker: core.data.clone(),
        }),
        sink: Arc::new(Sinks { plane, repository }),
        api: Some(api_at),
        api_certificate: certificate,
        gateway: Some(gateway_at),
        metrics,
        stop: vec![stop_api, stop_data, stop_code],
    };
    Ok((rooms, reload))
}

/// The certificate of the control API, if it is to have one.
async fn open_tls(core: &Core, at: SocketAddr) -> Result<Option<Arc<ApiTls>>, DaemonError> {
    let Some(config) = core.config.api.tls.clone() else {
        if !at.ip().is_loopback() {
            tracing::warn!(
                %at,
                "the control API listens for other machines and is not encrypted: whoever reads \
                 along has the tokens; set `[api.tls]`"
            );
        }
        return Ok(None);
    };
    let (name, audit) = (core.config.place.name.clone(), core.audit.clone());
    let opened = tokio::task::spawn_blocking(move || ApiTls::open(config, name, audit)).await;
    let opened = opened.map_err(|error| DaemonError::Room(error.into()))??;
    Ok(Some(Arc::new(opened)))
}

/// Holds programs to what is booked for them, as far as it is wanted and possible.
async fn begin_enforcement(core: &Core) -> Result<Option<Enforcement>, DaemonError> {
    let config = core.config.clone();
    let begin = move || {
        let programs = !config.programs.is_empty();
        Enforcement::begin(&config.data_dir, config.cgroup, programs)
    };
    let begun = tokio::task::spawn_blocking(begin).await;
    let begun = begun.map_err(|error| DaemonError::Room(error.into()))?;
    begun.map_err(DaemonError::Settings)
}

/// Opens the place's repository of code, in its data folder.
async fn open_repository(core: &Core) -> Result<Repository, DaemonError> {
    let parts = code::Parts {
        name: core.config.place.name.clone(),
        config: core.config.repository,
        greatest: core.config.place.limits.component,
        place: core.place.clone(),
        peers: core.peers.clone(),
    };
    let folder = core.config.data_dir.join("code");
    let open = move || Repository::open(&folder, parts, SystemTime::now());
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(opened.map_err(|error| DaemonError::Room(error.into()))??)
}

/// Makes what runs WebAssembly components.
fn wasm_engine(core: &Core) -> Result<Wasm, DaemonError> {
    let config = &core.config;
    // Machine code may be made again, so it lies apart from what must not be lost.
    let cache = config.data_dir.join("machine-code");
    let greatest = config.place.limits.component;
    let made = Wasm::new(config.wasm.engine(cache, greatest));
    made.map_err(|why| DaemonError::Settings(format!("[wasm] {why}")))
}

/// Remembers how sessions end.
async fn listen(mut events: tokio::sync::broadcast::Receiver<SessionEvent>, ends: Ends) {
    loop {
        match events.recv().await {
            Ok(SessionEvent::Ended { session, why }) => ends.report(session, &why),
            Ok(SessionEvent::Established { .. }) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn bind(
    setting: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), DaemonError> {
    let fail = |error: std::io::Error| DaemonError::Socket {
        setting,
        error: std::io::Error::new(error.kind(), format!("{address}: {error}")),
    };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}

/// What the data plane is told, out of the whole configuration.
fn data_config(core: &Core, gateway: SocketAddr) -> DataConfig {
    let config = &core.config;
    let mut data = DataConfig::new(config.place.name.clone(), core.gateway_secret);
    data.gateway = gateway;
    data.notes = Some(config.data_dir.join("programs"));
    data.public_url.clone_from(&config.gateway.public_url);
    data.host_suffix.clone_from(&config.gateway.host_suffix);
    data.limits.clone_from(&config.gateway.limits);
    // Those that wait must leave streams for others.
    data.limits.lanes = usize::try_from(config.transport.max_streams / 4).unwrap_or(usize::MAX);
    data.recorded = core.recorded.clone();
    data.files.clone_from(&config.file_roots);
    data.upstreams.clone_from(&config.upstreams);
    data.programs = config
        .programs
        .iter()
        .filter_map(|(name, settings)| Some((name.clone(), program(settings)?)))
        .collect();
    data
}

/// A program as the data plane runs it; none for an empty command, which the
/// configuration rules out.
fn program(settings: &ProgramConfig) -> Option<Program> {
    let (command, args) = settings.command.split_first()?;
    let mut program = Program::new(PathBuf::from(command));
    program.args = args.to_vec();
    program.env.clone_from(&settings.env);
    program.working_dir.clone_from(&settings.working_dir);
    program.ready_timeout = settings.timeout;
    program.readiness = match &settings.ready {
        Ready::Tcp => Readiness::Tcp,
        Ready::Http(path) => Readiness::Http(path.clone()),
    };
    Some(program)
}
