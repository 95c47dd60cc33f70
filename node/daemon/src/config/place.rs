//! Reads the configuration of one place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::ServerName;
use waybook_location_tree::PlaceName;
use waybook_place::{CodeConfig, Config, Limits, Timing};
use waybook_plan::{Resource, builtin_decision_makers, parse_amount};

use super::section::{Problems, Section};
use super::source::{Kind, Value};
use super::{
    ApiConfig, ApiLimits, AuditConfig, DaemonConfig, GatewayConfig, IdentityPaths, LogConfig,
    LogFormat, ParentConfig, ProgramConfig, Ready, RemoteRights, TlsConfig, TraceConfig,
    TransportConfig, Who,
};
use super::{code, join, wasm};
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
    let parent = parent(&top, name.as_ref());
    let transport = transport(&top.section("transport"));
    let join = join::read(&top.section("join"));
    let programs = programs(&top.section("programs"));
    let (mut limits, programs_limit) = {
        let section = top.section("limits");
        let programs = section.count("programs", DataLimits::default().programs, 1_000_000);
        (limits(&section), programs)
    };
    let code = code::read(&top.section("code"), &mut limits);
    let place = place(
        &top,
        name.as_ref(),
        &programs,
        &transport,
        limits,
        code.place,
    );
    let share = limits.neighbour_share;
    let mut gateway = gateway(&top.section("gateway"));
    gateway.limits.neighbour_share = share;
    gateway.limits.programs = programs_limit;
    let mut api = api(&top.section("api"), data_dir.as_deref());
    api.limits.neighbour_share = share;
    let metrics = optional_socket(&top.section("metrics"), "listen", "127.0.0.1:9711");
    let trace = trace(&top.section("trace"));
    let log = log(&top.section("log"));
    let file_roots = {
        let files = top.section("files");
        let roots = files.texts("roots", "/srv/films");
        roots.iter().map(|r| files.resolve(r)).collect()
    };
    let upstreams = upstreams(&top.section("upstream"));
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
        audit: audit(&top.section("audit")),
        metrics,
        trace,
        programs,
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

fn socket(section: &Section<'_>, key: &str, example: &str) -> SocketAddr {
    optional_socket(section, key, example).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn optional_socket(section: &Section<'_>, key: &str, example: &str) -> Option<SocketAddr> {
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

fn parent(top: &Section<'_>, name: Option<&PlaceName>) -> Option<ParentConfig> {
    let section = top.section("parent");
    let read = |text: &str| match join::host_and_port(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` must be a host and a port, such as \"bologna.example:4700\""
        )),
    };
    let up = name.map(PlaceName::parent);
    match (up, section.is_present()) {
        (Some(None), true) => {
            // Read all the same, so that it is not called unknown as well.
            section.value("address");
            let name = name.map_or("", PlaceName::as_str);
            top.problem(
                "parent",
                format!(
                    "`{name}` is a root, which has no parent: remove `[parent]`, or give the \
                     place a name such as \"core/{name}\""
                ),
            );
            None
        }
        (Some(Some(up)), false) => {
            top.problem(
                "parent",
                format!(
                    "is missing; `{}` joins `{up}`, so say where that is: `parent.address = \"host:port\"`",
                    name.map_or("", PlaceName::as_str)
                ),
            );
            None
        }
        (_, true) => {
            let address = section.required("address", "127.0.0.1:4700", read)?;
            Some(ParentConfig { address })
        }
        (_, false) => None,
    }
}

fn place(
    top: &Section<'_>,
    name: Option<&PlaceName>,
    programs: &BTreeMap<String, ProgramConfig>,
    transport: &TransportConfig,
    limits: Limits,
    code: CodeConfig,
) -> Option<Config> {
    let makers = builtin_decision_makers();
    let known: Vec<_> = makers.iter().map(|m| m.name().to_owned()).collect();
    let strategy = top.parsed("strategy", &known[0], |text| {
        let found = known.iter().find(|k| *k == text).cloned();
        found.ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
            format!("`{text}` must be one of {}", known.join(", "))
        })
    });
    let servers_per_plan = top.number("servers-per-plan", 3_u16, 1, 64);
    let capacity = capacity(&top.section("capacity"), name);
    let timing = timing(top, transport);
    Some(Config {
        name: name?.clone(),
        capacity,
        programs: programs.keys().cloned().collect(),
        limits,
        timing,
        strategy: strategy.unwrap_or_else(|| known[0].clone()),
        servers_per_plan: usize::from(servers_per_plan),
        code,
    })
}

fn capacity(section: &Section<'_>, name: Option<&PlaceName>) -> BTreeMap<Resource, u64> {
    let mut capacity = BTreeMap::new();
    for key in section.names() {
        let resource = match Resource::new(key) {
            Ok(resource) => resource,
            Err(error) => {
                section.value(key);
                section.problem(key, error);
                continue;
            }
        };
        let example = match key.as_str() {
            Resource::CPU => "2",
            Resource::MEMORY => "1 GiB",
            Resource::DOWN | Resource::UP => "100 Mbit/s",
            _ => "10",
        };
        let amount = section.amount(key, example, |text| parse_amount(&resource, text));
        let of_edge = matches!(key.as_str(), Resource::DOWN | Resource::UP);
        if of_edge && name.is_some_and(|n| n.parent().is_none()) {
            section.problem(
                key,
                "is the bandwidth of the edge to the parent, and a root has no parent; remove it",
            );
        }
        capacity.extend(amount.map(|a| (resource, a)));
    }
    capacity
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let whole = |default: usize| u32::try_from(default).unwrap_or(u32::MAX);
    let percent = |key, default: u8| {
        let read = section.number(key, u32::from(default), 1, 100);
        u8::try_from(read).unwrap_or(default)
    };
    Limits {
        sessions: section.count("sessions", default.sessions, 100_000_000),
        setups: section.count("setups", default.setups, 100_000_000),
        neighbour_share: percent("neighbour-share", default.neighbour_share),
        user_share: percent("user-share", default.user_share),
        children: section.count("children", default.children, 1_000_000),
        solutions: section.count("solutions", default.solutions, 65_535),
        index: section.count("index", default.index, 100_000_000),
        summaries: section.number("summaries", whole(default.summaries), 0, 100_000_000) as usize,
        presentations: section.count("presentations", default.presentations, 100_000_000),
        questions: section.count("questions", default.questions, 100_000_000),
        ..default
    }
}

fn timing(top: &Section<'_>, transport: &TransportConfig) -> Timing {
    let section = top.section("timing");
    let d = Timing::default();
    let timing = Timing {
        setup_deadline: section.duration("setup-deadline", d.setup_deadline),
        setup_margin: section.duration("setup-margin", d.setup_margin),
        setup_lease: section.duration("setup-lease", d.setup_lease),
        setup_refresh: section.duration("setup-refresh", d.setup_refresh),
        lag: section.duration("lag", d.lag),
        turn: section.duration("turn", d.turn),
        session_lease: section.duration("session-lease", d.session_lease),
        session_refresh: section.duration("session-refresh", d.session_refresh),
        claim: section.duration("claim", d.claim),
        idle: section.duration("idle", d.idle),
        question: section.duration("question", d.question),
        // One truth: what the transport keeps to is what the place counts on.
        transport_idle: transport.idle_timeout,
        index_grace: section.duration("index-grace", d.index_grace),
        summary: section.duration("summary", d.summary),
        download: section.duration("download", d.download),
        resume: section.duration("resume", d.resume),
    };
    if let Err(problem) = timing.check() {
        top.problem("timing", problem);
    }
    timing
}

fn transport(section: &Section<'_>) -> TransportConfig {
    let d = TransportConfig::default();
    let config = TransportConfig {
        idle_timeout: section.duration("idle-timeout", d.idle_timeout),
        keep_alive: section.duration("keep-alive", d.keep_alive),
        max_streams: section.number("max-streams", d.max_streams, 16, 1_000_000),
        gso: section.flag("gso", d.gso),
        mtu: section.number("mtu", d.mtu, 1200, 65_527),
        stream_window: section.number("stream-window", d.stream_window, 65_536, 1 << 30),
        max_frame: section.number("max-frame", d.max_frame, 65_536, 64 << 20),
        queue: section.number("queue", d.queue, 16, 100_000_000),
        inbound: section.number("inbound", d.inbound, 16, 1_000_000),
        redial_first: section.duration("redial-first", d.redial_first),
        redial_longest: section.duration("redial-longest", d.redial_longest),
        handshake_timeout: section.duration("handshake-timeout", d.handshake_timeout),
    };
    if config.keep_alive.is_zero() || config.idle_timeout < config.keep_alive * 3 {
        section.problem(
            "idle-timeout",
            format!(
                "({:?}) must be at least three times `keep-alive` ({:?}), which must not be zero",
                config.idle_timeout, config.keep_alive
            ),
        );
    }
    if config.idle_timeout > Duration::from_secs(3600) {
        section.problem("idle-timeout", "must be an hour at most");
    }
    if config.redial_first.is_zero() || config.redial_first > config.redial_longest {
        section.problem(
            "redial-first",
            "must be longer than zero and not longer than `redial-longest`",
        );
    }
    if config.handshake_timeout.is_zero() {
        section.problem("handshake-timeout", "must be longer than zero");
    }
    config
}

fn gateway(section: &Section<'_>) -> GatewayConfig {
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

fn api(section: &Section<'_>, data_dir: Option<&Path>) -> ApiConfig {
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

fn audit(section: &Section<'_>) -> AuditConfig {
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

fn upstreams(section: &Section<'_>) -> Vec<String> {
    let allow = section.texts("allow", "http://127.0.0.1:9000/");
    for url in &allow {
        // A prefix that ends within a host name would allow hosts that begin alike.
        let host = url.strip_prefix("http://").map(|rest| rest.split_once('/'));
        if !matches!(host, Some(Some((host, _))) if !host.is_empty() && !host.contains('@')) {
            section.problem(
                "allow",
                format!(
                    "`{url}` must begin with `http://`, a host and a `/`, such as \"http://127.0.0.1:9000/\""
                ),
            );
        }
    }
    allow
}

fn programs(section: &Section<'_>) -> BTreeMap<String, ProgramConfig> {
    let mut programs = BTreeMap::new();
    for name in section.names() {
        programs.extend(program(&section.section(name)).map(|p| (name.clone(), p)));
    }
    programs
}

fn program(section: &Section<'_>) -> Option<ProgramConfig> {
    let mut command = section.texts("command", "ffmpeg");
    let working_dir = section
        .parsed("working-dir", "/srv", non_empty)
        .map(|text| section.resolve(&text));
    let timeout = section.duration("timeout", Duration::from_secs(30));
    let mut env = BTreeMap::new();
    let variables = section.section("env");
    for name in variables.names() {
        let value = variables.text(name, "value");
        if name.is_empty() || name.contains(['=', '\0']) {
            variables.problem(name, "cannot be the name of an environment variable");
        }
        env.extend(value.map(|v| (name.clone(), v)));
    }
    let ready = match section.value("ready").map(|v| &v.kind) {
        None => Ready::Tcp,
        Some(Kind::Text(text)) if text == "tcp" => Ready::Tcp,
        Some(Kind::Table(_)) => {
            let ready = section.section("ready");
            let path = ready.required("http", "/health", |text: &str| {
                match text.starts_with('/') && !text.contains(char::is_whitespace) {
                    true => Ok(text.to_owned()),
                    false => Err(format!("`{text}` must be a path, such as \"/health\"")),
                }
            });
            Ready::Http(path.unwrap_or_else(|| "/".to_owned()))
        }
        Some(_) => {
            section.problem(
                "ready",
                "must be \"tcp\" or a table, such as { http = \"/health\" }",
            );
            Ready::Tcp
        }
    };
    match command.first_mut() {
        Some(program) if !program.is_empty() => {
            if program.contains('/') {
                *program = section.resolve(program).display().to_string();
            }
        }
        _ => {
            section.problem(
                "command",
                "must be the program and its arguments, such as [\"/usr/bin/nginx\", \"-c\", \"film.conf\"]",
            );
            return None;
        }
    }
    Some(ProgramConfig {
        command,
        ready,
        timeout,
        env,
        working_dir,
    })
}
