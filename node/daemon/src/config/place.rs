//! Reads the configuration of one place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waybook_location_tree::PlaceName;

use super::section::{Problems, Section};
use super::source::Value;
use super::{DaemonConfig, IdentityPaths, LogConfig, LogFormat, TraceConfig};
use super::{api, cgroup, code, gateway, join, profiles, programs, protocol, transport, wasm};
use crate::data::DataLimits;
use crate::trace::{ExportConfig, check_endpoint};

/// Reads a whole configuration; what is wrong is noted. None if something without a
/// default is missing.
pub(super) fn read(value: &Value, folder: &Path, problems: &Problems) -> Option<DaemonConfig> {
    let top = Section::top(value, folder, problems);
    let name = top.required("name", "core/bologna/media", PlaceName::new);
    let data_dir = top
        .required("data-dir", "media-data", non_empty)
        .map(|text| top.resolve(&text));
    let listen = socket(&top, "listen", "127.0.0.1:4710");
    let parent = transport::parent(&top, name.as_ref());
    let transport = transport::read(&top.section("transport"));
    let join = join::read(&top.section("join"));
    let programs = programs::read(&top.section("programs"));
    let (mut limits, programs_limit) = {
        let section = top.section("limits");
        let programs = section.count("programs", DataLimits::default().programs, 1_000_000);
        (protocol::limits(&section), programs)
    };
    let code = code::read(&top.section("code"), &mut limits);
    let place = protocol::read(
        &top,
        name.as_ref(),
        &programs,
        &transport,
        limits,
        code.place,
    );
    let share = limits.neighbour_share;
    let mut gateway = gateway::read(&top.section("gateway"));
    gateway.limits.neighbour_share = share;
    gateway.limits.programs = programs_limit;
    let mut api = api::read(&top.section("api"), data_dir.as_deref());
    api.limits.neighbour_share = share;
    let mut profiles = profiles::read(&top.section("profiles"));
    profiles.neighbour_share = share;
    let metrics = optional_socket(&top.section("metrics"), "listen", "127.0.0.1:9711");
    let trace = trace(&top.section("trace"));
    let log = log(&top.section("log"));
    let file_roots = {
        let files = top.section("files");
        let roots = files.texts("roots", "/srv/films");
        roots.iter().map(|r| files.resolve(r)).collect()
    };
    let upstreams = programs::upstreams(&top.section("upstream"));
    let wasm = wasm::read(&top.section("wasm"));
    let identity = identity(&top.section("identity"), data_dir.as_deref());
    Some(DaemonConfig {
        place: place?,
        data_dir: data_dir?,
        identity: identity?,
        listen,
        parent,
        join,
        gateway,
        api,
        profiles,
        audit: api::audit(&top.section("audit")),
        metrics,
        trace,
        programs,
        cgroup: cgroup::read(&top.section("cgroup")),
        file_roots,
        upstreams,
        repository: code.repository,
        wasm,
        transport,
        log,
        source: None,
    })
}

pub(super) fn non_empty(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("must not be empty"),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn socket(section: &Section<'_>, key: &str, example: &str) -> SocketAddr {
    optional_socket(section, key, example).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub(super) fn optional_socket(
    section: &Section<'_>,
    key: &str,
    example: &str,
) -> Option<SocketAddr> {
    let read = |text: &str| {
        text.parse::<SocketAddr>().map_err(|_| {
            format!("`{text}` must be an IP address and a port, such as {example:?}; port 0 for any free one")
        })
    };
    section.parsed(key, example, read)
}

fn identity(section: &Section<'_>, data_dir: Option<&Path>) -> Option<IdentityPaths> {
    let path = |key: &str, example: &str| -> Option<PathBuf> {
        let text = section.parsed(key, example, non_empty)?;
        Some(section.resolve(&text))
    };
    let certificate = path("certificate", "place.crt");
    let key = path("key", "place.key");
    let authority = path("authority", "authority.crt");
    let revoked = path("revoked", "revoked.crl");
    let check = section.duration("check", Duration::from_secs(60));
    if check < Duration::from_millis(100) {
        section.problem("check", "must be at least 100 ms");
    }
    let default = IdentityPaths::in_folder(&data_dir?.join("identity"));
    Some(IdentityPaths {
        certificate: certificate.unwrap_or(default.certificate),
        key: key.unwrap_or(default.key),
        authority: authority.unwrap_or(default.authority),
        revoked,
        check,
    })
}

fn log(section: &Section<'_>) -> LogConfig {
    LogConfig {
        level: section
            .parsed("level", "info", non_empty)
            .unwrap_or_else(|| "info".to_owned()),
        format: section.choice(
            "format",
            LogFormat::Text,
            &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        ),
        lines: section.number("lines", 1000_u32, 1, 1_000_000),
    }
}

fn trace(section: &Section<'_>) -> TraceConfig {
    let keep = section.number("keep", 1000_u32, 0, 1_000_000);
    if (1..100).contains(&keep) {
        section.problem(
            "keep",
            "must be 100 or more, or 0 to remember nothing: set-ups under way are among them",
        );
    }
    let otlp = section.parsed("otlp", "http://127.0.0.1:4318", |text: &str| {
        check_endpoint(text).map(|()| text.to_owned())
    });
    let table = section.section("headers");
    let mut headers = BTreeMap::new();
    for name in table.names() {
        headers.extend(table.text(name, "value").map(|value| (name.clone(), value)));
    }
    let sample = section.number("sample", 100_u8, 1, 100);
    let queue = section.count("queue", 10_000, 10_000_000);
    if otlp.is_some() && keep == 0 {
        section.problem("otlp", "sends what is remembered, so `keep` must not be 0");
    }
    TraceConfig {
        keep: keep as usize,
        export: otlp.map(|otlp| ExportConfig {
            otlp,
            headers,
            sample,
            queue,
        }),
    }
}
