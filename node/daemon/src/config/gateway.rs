//! Where sessions' clients come in.

use std::net::SocketAddr;

use super::place::socket;
use super::section::Section;
use crate::data::DataLimits;

/// Where sessions' URLs lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The TCP socket; port 0 for any free one. Loopback unless set.
    pub listen: SocketAddr,
    /// What stands before the path in the URLs that clients get, if they do not reach
    /// the socket itself: the address of a reverse proxy, say.
    pub public_url: Option<String>,
    /// The name below which every session has a host of its own. `localhost` and all
    /// names below it lead to this machine in every browser.
    pub host_suffix: String,
    /// Bounds on what clients and neighbours can make the place hold.
    pub limits: DataLimits,
}

pub(super) fn read(section: &Section<'_>) -> GatewayConfig {
    let base = |text: &str| {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', ' ']) => {
                Ok(text.trim_end_matches('/').to_owned())
            }
            _ => Err(format!(
                "`{text}` must be an address such as \"https://films.example\""
            )),
        }
    };
    let suffix = |text: &str| {
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        match text.len() <= 200 && text.split('.').all(label) {
            true => Ok(text.to_ascii_lowercase()),
            false => Err(format!(
                "`{text}` must be a host name, such as \"localhost\""
            )),
        }
    };
    let d = DataLimits::default();
    let limits = DataLimits {
        requests: section.count("requests", d.requests, 10_000_000),
        requests_per_session: section.count(
            "requests-per-session",
            d.requests_per_session,
            10_000_000,
        ),
        connections: section.count("connections", d.connections, 1_000_000),
        header_timeout: section.duration("header-timeout", d.header_timeout),
        response_timeout: section.duration("response-timeout", d.response_timeout),
        connect_timeout: section.duration("connect-timeout", d.connect_timeout),
        ..d
    };
    for (key, time) in [
        ("header-timeout", limits.header_timeout),
        ("response-timeout", limits.response_timeout),
        ("connect-timeout", limits.connect_timeout),
    ] {
        if time.is_zero() {
            section.problem(key, "must be longer than zero");
        }
    }
    GatewayConfig {
        limits,
        listen: socket(section, "listen", "127.0.0.1:8080"),
        public_url: section.parsed("public-url", "https://films.example", base),
        host_suffix: section
            .parsed("host-suffix", "localhost", suffix)
            .unwrap_or_else(|| "localhost".to_owned()),
    }
}
