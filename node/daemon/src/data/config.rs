//! What the data plane is told when it is made.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_plan::Digest;
use waybook_wasm::Wasm;

use crate::Cgroups;
use crate::metrics::Recorded;

/// Everything that the data plane of one place is configured with.
#[derive(Debug, Clone)]
pub struct DataConfig {
    /// The place's name, which problem details and `Via` carry.
    pub place: PlaceName,
    /// Where the gateway listens; session URLs are made from it unless `public_url` is set.
    pub gateway: SocketAddr,
    /// What clients reach the gateway as, `https://media.example:8443`, if that differs.
    pub public_url: Option<String>,
    /// The host form of a session's URL is `<token>.<host_suffix>`. `localhost` needs no
    /// name server: browsers resolve everything below it to the loopback address.
    pub host_suffix: String,
    /// Directories that the builtin `files` may serve from. Nothing is served without one.
    pub files: Vec<PathBuf>,
    /// URL prefixes that the builtin `upstream` may lead to. None is allowed by default.
    pub upstreams: Vec<String>,
    /// Programs that may run as `process` components, by name.
    pub programs: BTreeMap<String, Program>,
    /// What binds programs to what is booked for them; none if nothing does.
    pub cgroups: Option<Arc<Cgroups>>,
    /// What runs `wasm` components; none if the place runs none.
    pub wasm: Option<WasmConfig>,
    /// Keys the tokens in session URLs. Kept across restarts, so that URLs stay valid.
    pub secret: [u8; 32],
    /// Where running programs are noted, so that those which outlive a killed daemon are
    /// ended by the next one; a folder of this place alone. None to note nothing.
    pub notes: Option<PathBuf>,
    /// Bounds on what clients and neighbours can make the place hold.
    pub limits: DataLimits,
    /// Where it is recorded what sessions' requests bring.
    pub recorded: Arc<Recorded>,
}

impl DataConfig {
    /// A place that lets sessions through and allows no files, upstreams or programs.
    #[must_use]
    pub fn new(place: PlaceName, secret: [u8; 32]) -> Self {
        Self {
            place,
            gateway: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            host_suffix: "localhost".to_owned(),
            files: Vec::new(),
            upstreams: Vec::new(),
            programs: BTreeMap::new(),
            cgroups: None,
            wasm: None,
            secret,
            notes: None,
            limits: DataLimits::default(),
            recorded: Arc::default(),
        }
    }
}

/// What the data plane needs for `wasm` components.
#[derive(Clone)]
pub struct WasmConfig {
    /// The engine.
    pub engine: Wasm,
    /// Where the code is.
    pub files: Arc<dyn CodeFiles>,
    /// Hosts that components may send requests to besides what comes after them, by name
    /// or by name and port.
    pub hosts: Vec<String>,
    /// The memory of a component whose stage books none, in bytes.
    pub memory: u64,
    /// The share of a processor of a component whose stage books none, in thousandths.
    pub cpu: u32,
}

impl std::fmt::Debug for WasmConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmConfig")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// Finds the code that a place holds. The software repository implements it.
pub trait CodeFiles: Send + Sync {
    /// The file of code that is held whole and has been found undamaged.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    fn file(
        &self,
        digest: Digest,
    ) -> Pin<Box<dyn Future<Output = Result<PathBuf, String>> + Send + '_>>;
}

/// Bounds and time-outs of the data plane (`[gateway]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLimits {
    /// Requests of sessions under way at once, bodies included.
    pub requests: usize,
    /// Of these, of one session.
    pub requests_per_session: usize,
    /// How much of `requests` may come from one neighbour, in percent
    /// (`limits.neighbour-share`).
    pub neighbour_share: u8,
    /// Programs that run at one time (`limits.programs`).
    pub programs: usize,
    /// Streams to neighbours that are kept for sessions' next requests, at once.
    pub lanes: usize,
    /// Connections of clients at once.
    pub connections: usize,
    /// Bytes that a request's header section may have; at least 8192.
    pub header_bytes: usize,
    /// How long a client or neighbour may take to send a header section.
    pub header_timeout: Duration,
    /// How long a component may take until its response begins, counted from when it
    /// last took some of the request's body.
    pub response_timeout: Duration,
    /// How long connecting to a component or opening a stream may take.
    pub connect_timeout: Duration,
    /// [`Input::Active`](waybook_place::io::Input::Active) is reported at most that often
    /// for each session.
    pub active_every: Duration,
}

impl Default for DataLimits {
    fn default() -> Self {
        Self {
            requests: 4096,
            requests_per_session: 256,
            neighbour_share: 50,
            programs: 256,
            lanes: 1024,
            connections: 4096,
            header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(15),
            response_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            active_every: Duration::from_secs(3),
        }
    }
}

/// A program that the operator allows to run as a component.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside `PATH`, `HOME`, `LANG`, `TZ`, `PORT`, `NEXT` and
    /// `WAYBOOK_CONFIG_*`. Nothing else of the daemon's environment is passed on.
    pub env: BTreeMap<String, String>,
    /// Where it runs; the daemon's own directory if none.
    pub working_dir: Option<PathBuf>,
    /// How to tell that it is ready.
    pub readiness: Readiness,
    /// How long it may take to be ready.
    pub ready_timeout: Duration,
    /// How long it is given to end by itself before it is killed.
    pub stop_grace: Duration,
    /// When to give up restarting it.
    pub restarts: Restarts,
}

impl Program {
    /// A program with no arguments that is ready when it accepts a connection.
    #[must_use]
    pub fn new(command: impl Into<PathBuf>) -> Self {
        Self {
            command: command.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            readiness: Readiness::Tcp,
            ready_timeout: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
            restarts: Restarts::default(),
        }
    }
}

/// How to tell that a program is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// A GET of this path is answered with a status below 400.
    Http(String),
    /// It accepts a connection.
    Tcp,
}

/// How often a program may fail, and how long to wait before it is started again.
#[derive(Debug, Clone)]
pub struct Restarts {
    /// More failures than this within `within` are final.
    pub most: u32,
    /// See `most`.
    pub within: Duration,
    /// The wait after the first failure; doubled after each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            most: 5,
            within: Duration::from_secs(60),
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(10),
        }
    }
}
