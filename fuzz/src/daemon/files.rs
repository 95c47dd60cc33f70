//! The files that a daemon is started with.

use std::path::Path;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64_MIME;
use waybook_agents::Incarnation;
use waybook_daemon::config::{
    DaemonConfig, Deployment, IdentityPaths, Overrides, Topology, check_text,
};
use waybook_daemon::identity::Identity;
use waybook_place::{Instant, Place};

use super::{HERE, folder, name};
use crate::configuration::{text, told};

/// Where files lie; nothing is looked for there.
const FOLDER: &str = "/etc/waybook";
/// The places of a topology that are looked at; they differ little.
const MOST_PLACES: usize = 6;
/// Whom certificates must come from. Nobody has its key any more.
const AUTHORITY: &str = include_str!("authority.crt");
/// A moment at which what it has certified holds.
const NOW: Duration = Duration::from_secs(1_800_000_000);

/// A place's file, behind a line of `---` settings as `--set` has them, and behind another one
/// variables of the environment.
pub(crate) fn place(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut parts = text.split("\n---\n");
    let file = parts.next().unwrap_or_default();
    let _ = told(check_text(file, "place.toml", Path::new(FOLDER)));
    let lines = |part: Option<&str>| {
        part.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let flags: Vec<String> = lines(parts.next());
    let variables: Vec<String> = lines(parts.next());
    let variable = |line: &String| {
        let (name, value) = line.split_once('=')?;
        Some((format!("WAYBOOK_{name}"), value.to_owned()))
    };
    let overrides = Overrides {
        environment: variables.iter().filter_map(variable).collect(),
        flags,
    };
    let read = DaemonConfig::from_toml(file, "place.toml", Path::new(FOLDER), &overrides);
    if let Some(config) = told(read) {
        begins(&config);
    }
}

/// What a daemon is told, its place must take: a place that does not start is no use.
fn begins(config: &DaemonConfig) {
    let mut out = Vec::new();
    let (place, life) = (config.place.clone(), Incarnation(1));
    let begun = Place::new(place, life, [0; 32], Vec::new(), Instant(1), &mut out);
    begun.expect("a place begins with what was read");
}

/// A tree of places on one machine. What is written for each of its daemons is what was meant.
pub(crate) fn topology(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let _ = told(check_text(text, "topology.toml", Path::new(FOLDER)));
    let read = Topology::from_toml(text, "topology.toml", Path::new(FOLDER));
    let Some(topology) = told(read) else { return };
    let deployment = Deployment {
        data_dir: "/var/lib/waybook".into(),
        identity: Some("/etc/waybook/identity".into()),
        listen: None,
        parent: Some("127.0.0.1:1".to_owned()),
        gateway: None,
        trust: Vec::new(),
    };
    for place in topology.places().iter().take(MOST_PLACES) {
        let config = topology.config(&place.name, &deployment);
        let config = config.expect("what was checked can be read");
        begins(&config);
        let written = topology.render(&place.name, &deployment);
        let written = written.expect("what was read can be written");
        let elsewhere = Path::new("/elsewhere");
        let again = DaemonConfig::from_toml(&written, "place.toml", elsewhere, &Overrides::none());
        assert_eq!(again.expect("what was written can be read"), config);
    }
}

/// A chain of certificates, as a place's own file has it and as a neighbour shows it. Behind a
/// first byte of zero it is PEM, behind another one each certificate behind its length.
pub(crate) fn certificate(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    let chain = if *kind == 0 {
        bytes.to_vec()
    } else {
        pem(bytes)
    };
    let folder = folder();
    let paths = IdentityPaths::in_folder(folder.path());
    std::fs::write(&paths.authority, AUTHORITY).expect("a file can be written");
    std::fs::write(&paths.certificate, chain).expect("a file can be written");
    let loaded = Identity::load(&paths, &name(HERE), SystemTime::UNIX_EPOCH + NOW);
    assert!(told(loaded).is_none(), "there is no key");
}

fn pem(mut bytes: &[u8]) -> Vec<u8> {
    let mut pem = String::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        let (der, rest) = rest.split_at(length.min(rest.len()));
        let lines = BASE64_MIME.encode(der);
        pem += &format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
        bytes = rest;
    }
    pem.into_bytes()
}
