//! Reads how new places may join.

use std::path::PathBuf;
use std::time::Duration;

use super::place::non_empty;
use super::section::Section;
use crate::identity::DEFAULT_VALIDITY;

/// How new places may join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinConfig {
    /// The folder of the authority that certifies them; none, and so nobody, by default.
    pub authority: Option<PathBuf>,
    /// Where they reach this place, each `host:port`; none for what `listen` says.
    pub addresses: Vec<String>,
    /// How long their certificates hold.
    pub validity: Duration,
    /// Invitations that are remembered, those that are over included.
    pub invitations: usize,
    /// Newcomers that are listened to at one time.
    pub connections: usize,
    /// How often one address may try in a minute.
    pub attempts: u32,
}

impl Default for JoinConfig {
    fn default() -> Self {
        Self {
            authority: None,
            addresses: Vec::new(),
            validity: DEFAULT_VALIDITY,
            invitations: 1000,
            connections: 16,
            attempts: 10,
        }
    }
}

/// Whether a text is an address to dial: a host and a port.
pub(crate) fn host_and_port(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let good = |c: char| !c.is_control() && !c.is_whitespace();
    matches!(
        port.and_then(|(_, port)| port.parse::<u16>().ok()),
        Some(1..)
    ) && text.chars().all(good)
}

pub(super) fn read(section: &Section<'_>) -> JoinConfig {
    let d = JoinConfig::default();
    let authority = section.parsed("authority", "bologna-ca", non_empty);
    let addresses = section.texts("addresses", "bologna.example:4710");
    for address in addresses.iter().filter(|address| !host_and_port(address)) {
        let what =
            format!("`{address}` must be a host and a port, such as \"bologna.example:4710\"");
        section.problem("addresses", what);
    }
    let validity = section.duration("validity", d.validity);
    if validity < Duration::from_secs(1) {
        section.problem("validity", "must be at least a second");
    }
    JoinConfig {
        authority: authority.map(|folder| section.resolve(&folder)),
        addresses,
        validity,
        invitations: section.count("invitations", d.invitations, 100_000),
        connections: section.count("connections", d.connections, 10_000),
        attempts: section.number("attempts", d.attempts, 1, 1_000_000),
    }
}
