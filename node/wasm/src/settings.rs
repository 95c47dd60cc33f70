//! What an operator can set.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;

/// Limits and places of [`Wasm`](crate::Wasm). `Settings::new(cache)` has good defaults.
///
/// What a component may make the host keep is bounded by `handles`, `header_bytes` and
/// `chunk_bytes` together: with the defaults an instance that fills every handle with the
/// largest thing there is holds about 64 MiB of host memory besides its own.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where machine code is kept. The directory is made if it is missing. It must belong to
    /// the daemon alone: code in it is run.
    pub cache: PathBuf,
    /// Greatest size of a component, in bytes. 64 MiB.
    pub component_bytes: u64,
    /// Greatest size of all linear memories of one instance, in bytes. Its [`Start`] and the
    /// budget of the session may allow less. 256 MiB.
    ///
    /// [`Start`]: crate::Start
    pub memory: u64,
    /// Greatest number of elements in one table of an instance. 65,536.
    pub table_elements: usize,
    /// Instances that live at the same time, of all components. 256.
    pub instances: u32,
    /// Linear memories that live at the same time. 512.
    pub memories: u32,
    /// Instances of one component that live at the same time. Its [`Start`] may say fewer: it
    /// says what a presentation wants, and all components share `instances`. 4.
    ///
    /// [`Start`]: crate::Start
    pub instances_per_component: usize,
    /// Requests an instance answers before it makes room for a fresh one, at the most: see
    /// [`Start`](crate::Start). 128.
    pub reuse: usize,
    /// Requests that an instance of a 0.3 component answers at the same time. (One of 0.2
    /// answers one after the other.) 16.
    pub requests_per_instance: usize,
    /// Requests under way or waiting, per component. More are refused. 256.
    pub requests_per_component: usize,
    /// Requests a component sends that are under way at the same time. 256.
    pub outgoing_per_component: usize,
    /// As `outgoing_per_component`, on behalf of one request. 16.
    pub outgoing_per_request: usize,
    /// How often running components are interrupted, so that others run. 10 ms.
    pub tick: Duration,
    /// A request ends when its component has done nothing about it for so long: it has not
    /// answered, no byte of a body has moved, and no request that it sent on is waited for.
    /// The same holds for a component that only computes. 30 s.
    pub timeout: Duration,
    /// How long making an instance may take, with its initialisation. 10 s.
    pub start_timeout: Duration,
    /// How long a component may go on with a request whose client has gone. 2 s.
    pub grace: Duration,
    /// An instance without requests is dropped after this time, unless its component keeps
    /// one. 60 s.
    pub idle: Duration,
    /// Traps after which a component is left alone for a while. 3.
    pub traps_allowed: u32,
    /// The first back-off after repeated traps. It doubles with each further one. 100 ms.
    pub backoff_first: Duration,
    /// The longest back-off. 30 s.
    pub backoff_most: Duration,
    /// Lines per second that a component may log. 100.
    pub log_lines: u32,
    /// Resources, streams, futures and tasks that an instance may hold, each kind. 1,024.
    pub handles: usize,
    /// Greatest size of one set of headers that a component makes, in bytes. 32 KiB.
    pub header_bytes: usize,
    /// Greatest piece of a body that a component hands over at once, in bytes. 64 KiB.
    pub chunk_bytes: usize,
    /// Components that are compiled at the same time. 1.
    pub compilations: usize,
    /// Where components run. `None`: on the runtime that starts them. A runtime of their own
    /// keeps their work off the daemon's.
    pub runtime: Option<Handle>,
}

impl Settings {
    /// The defaults, with machine code kept in `cache`.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            component_bytes: 64 << 20,
            memory: 256 << 20,
            table_elements: 65_536,
            instances: 256,
            memories: 512,
            instances_per_component: 4,
            reuse: 128,
            requests_per_instance: 16,
            requests_per_component: 256,
            outgoing_per_component: 256,
            outgoing_per_request: 16,
            tick: Duration::from_millis(10),
            timeout: Duration::from_secs(30),
            start_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(2),
            idle: Duration::from_secs(60),
            traps_allowed: 3,
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(30),
            log_lines: 100,
            handles: 1_024,
            header_bytes: 32 << 10,
            chunk_bytes: 64 << 10,
            compilations: 1,
            runtime: None,
        }
    }
}
