//! The settings of the control API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use waybook_location_tree::PlaceName;

/// The control API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// The TCP socket; port 0 for any free one. Loopback unless set.
    pub listen: SocketAddr,
    /// What requests that come through the tree, from other places, may do here
    /// (`[api.remote]`).
    pub remote: RemoteRights,
    /// The certificate that clients see; without one, connections are not encrypted.
    pub tls: Option<TlsConfig>,
    /// Pages of these other origins may read answers, in browsers.
    pub origins: Vec<String>,
    /// What the API protects itself with.
    pub limits: ApiLimits,
}

/// The certificate of the control API (`[api.tls]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and those between it and an authority that clients trust, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Where what clients are shown now is written, for those on this machine.
    pub shown: PathBuf,
    /// The names and addresses that the place makes one for itself for; none if the files come from
    /// elsewhere.
    pub own: Option<Vec<String>>,
}

/// Bounds on what clients and neighbours can make the control API hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// Connections of clients at once.
    pub connections: usize,
    /// Requests under way at once, those that wait for something to happen included.
    pub requests: usize,
    /// Streams of events at once.
    pub event_streams: usize,
    /// Tokens besides that of the data folder.
    pub tokens: usize,
    /// Components being uploaded at once.
    pub uploads: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long a client or neighbour may be silent within a request's body.
    pub body_timeout: Duration,
    /// How much of `requests` and `event_streams` one neighbour may have, in percent (`limits.neighbour-share`).
    pub neighbour_share: u8,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            requests: 4096,
            event_streams: 256,
            tokens: 1000,
            uploads: 4,
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            neighbour_share: 50,
        }
    }
}

/// The audit log (`[audit]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditConfig {
    /// A file that is that long is followed by a new one, in bytes.
    pub size: u64,
    /// So many files are kept beside the one that is written.
    pub keep: usize,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            size: 16 << 20,
            keep: 4,
        }
    }
}

/// Which other places may do what here. The place itself always may everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRights {
    /// Who may look.
    pub read: Who,
    /// Who may open, claim and close sessions whose client's place this is.
    pub open: Who,
    /// Who may publish and withdraw presentations, and add and remove components, here. Whoever may
    /// operate, unless set.
    pub publish: Who,
    /// Who may change the place otherwise.
    pub operate: Who,
}

impl Default for RemoteRights {
    fn default() -> Self {
        Self {
            read: Who::All,
            open: Who::Ancestors,
            publish: Who::Ancestors,
            operate: Who::Ancestors,
        }
    }
}

/// Some of the other places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Every place of the tree.
    All,
    /// The place's ancestors: a locality is administered from above.
    Ancestors,
    /// No other place.
    None,
    /// The places of these localities.
    Localities(Vec<PlaceName>),
}
