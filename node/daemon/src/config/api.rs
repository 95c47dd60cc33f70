//! The settings of the control API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::ServerName;
use waybook_location_tree::PlaceName;
use waybook_plan::{Resource, parse_amount};

use super::place::{non_empty, socket};
use super::section::Section;
use super::source::Kind;

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

pub(super) fn read(section: &Section<'_>, data_dir: Option<&Path>) -> ApiConfig {
    let listen = socket(section, "listen", "127.0.0.1:4711");
    let d = ApiLimits::default();
    let limits = ApiLimits {
        connections: section.count("connections", d.connections, 1_000_000),
        requests: section.count("requests", d.requests, 1_000_000),
        event_streams: section.count("event-streams", d.event_streams, 1_000_000),
        tokens: section.count("tokens", d.tokens, 100_000),
        uploads: section.count("uploads", d.uploads, 1_000_000),
        header_timeout: section.duration("header-timeout", d.header_timeout),
        body_timeout: section.duration("body-timeout", d.body_timeout),
        ..d
    };
    for (key, timeout) in [
        ("header-timeout", limits.header_timeout),
        ("body-timeout", limits.body_timeout),
    ] {
        if timeout.is_zero() {
            section.problem(key, "must be longer than zero");
        }
    }
    let tls = tls(&section.section("tls"), listen, data_dir);
    let origins = section.texts("origins", "https://panel.example");
    for origin in &origins {
        if let Err(what) = check_origin(origin) {
            section.problem("origins", what);
        }
    }
    let section = section.section("remote");
    let d = RemoteRights::default();
    let operate = who(&section, "operate", d.operate);
    let remote = RemoteRights {
        read: who(&section, "read", d.read),
        open: who(&section, "open", d.open),
        // It was part of `operate` before it had a name.
        publish: who(&section, "publish", operate.clone()),
        operate,
    };
    ApiConfig {
        listen,
        remote,
        tls,
        origins,
        limits,
    }
}

fn tls(section: &Section<'_>, listen: SocketAddr, data_dir: Option<&Path>) -> Option<TlsConfig> {
    if !section.is_present() {
        return None;
    }
    let path = |key: &str, example: &str| {
        let text = section.parsed(key, example, non_empty)?;
        Some(section.resolve(&text))
    };
    let certificate = path("certificate", "/etc/waybook/api.crt");
    let key = path("key", "/etc/waybook/api.key");
    let names = section.texts("names", "core.example");
    for name in &names {
        if ServerName::try_from(name.as_str()).is_err() {
            let what = format!(
                "`{name}` must be a host's name, such as \"core.example\", or an IP address"
            );
            section.problem("names", what);
        }
    }
    let folder = data_dir.map(|data| data.join("api-tls"));
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            if !names.is_empty() {
                section.problem("names", "are those of a certificate that the place makes itself: leave them out, or `certificate` and `key`");
            }
            Some(TlsConfig {
                certificate,
                key,
                shown: folder?.join("shown.crt"),
                own: None,
            })
        }
        (None, None) => {
            let folder = folder?;
            let mut own = names;
            let here = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let address = Some(listen.ip()).filter(|ip| !ip.is_unspecified());
            for name in here.into_iter().chain(address.map(|ip| ip.to_string())) {
                if !own.contains(&name) {
                    own.push(name);
                }
            }
            Some(TlsConfig {
                certificate: folder.join("api.crt"),
                key: folder.join("api.key"),
                shown: folder.join("shown.crt"),
                own: Some(own),
            })
        }
        (Some(_), None) => {
            section.problem("certificate", "needs its `key` beside it");
            None
        }
        (None, Some(_)) => {
            section.problem("key", "needs its `certificate` beside it");
            None
        }
    }
}

/// Whether a browser could say that it shows a page of that origin (RFC 6454, section 6.2).
fn check_origin(origin: &str) -> Result<(), String> {
    let uri = origin.parse::<http::Uri>().ok();
    let plain = uri.is_some_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        matches!(scheme, "http" | "https")
            && origin == format!("{scheme}://{host}")
            && !host.contains('@')
            && origin == origin.to_ascii_lowercase()
    });
    match plain {
        true => Ok(()),
        false => Err(format!(
            "`{origin}` must be an origin as browsers write it, in small letters and with nothing behind host and port: \"https://panel.example\""
        )),
    }
}

pub(super) fn audit(section: &Section<'_>) -> AuditConfig {
    let d = AuditConfig::default();
    let read = |text: &str| match parse_amount(&Resource::memory(), text) {
        // Less would be rotated away by a few changes.
        Ok(bytes) if bytes < 64 << 10 => Err("must be at least \"64 KiB\"".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    };
    AuditConfig {
        size: section.amount("size", "16 MiB", read).unwrap_or(d.size),
        keep: section.number("keep", d.keep, 0, 1000),
    }
}

fn who(section: &Section<'_>, key: &str, default: Who) -> Who {
    match section.value(key).map(|v| &v.kind) {
        None => default,
        Some(Kind::List(_)) => {
            let mut localities = Vec::new();
            for text in section.texts(key, "core/bologna") {
                match PlaceName::new(&text) {
                    Ok(name) => localities.push(name),
                    Err(error) => section.problem(key, error),
                }
            }
            Who::Localities(localities)
        }
        Some(Kind::Text(text)) if text == "all" => Who::All,
        Some(Kind::Text(text)) if text == "ancestors" => Who::Ancestors,
        Some(Kind::Text(text)) if text == "none" => Who::None,
        Some(_) => {
            section.problem(
                key,
                "must be \"all\", \"ancestors\", \"none\", or a list of localities such as [\"core/bologna\"]",
            );
            default
        }
    }
}
