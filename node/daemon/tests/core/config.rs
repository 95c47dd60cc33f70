//! Settings: what is read, and what each mistake is told.

use std::path::Path;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_daemon::config::{
    DaemonConfig, FileKind, LogFormat, Overrides, Ready, RepositoryConfig, TransportConfig, Who,
    check_file, check_text,
};
use waybook_plan::Resource;

const FOLDER: &str = "/etc/waybook";

fn read(text: &str, overrides: &Overrides) -> Result<DaemonConfig, Vec<String>> {
    DaemonConfig::from_toml(text, "place.toml", Path::new(FOLDER), overrides)
        .map_err(|error| error.problems)
}

/// The smallest file with some lines more; those begin at line 3.
fn with(lines: &str) -> Result<DaemonConfig, Vec<String>> {
    let text = format!("name = \"core\"\ndata-dir = \"data\"\n{lines}");
    read(&text, &Overrides::none())
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

#[test]
fn the_smallest_file_has_safe_defaults() {
    let config = with("").unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/waybook/data"));
    assert_eq!(
        config.identity.key,
        Path::new("/etc/waybook/data/identity/place.key")
    );
    for socket in [config.listen, config.api.listen, config.gateway.listen] {
        assert_eq!(socket.to_string(), "127.0.0.1:0");
    }
    assert_eq!(config.transport, TransportConfig::default());
    assert_eq!(config.repository, RepositoryConfig::default());
    assert_eq!(config.place.timing, waybook_place::Timing::default());
    assert_eq!(config.place.limits, waybook_place::Limits::default());
    assert!(config.place.capacity.is_empty() && config.file_roots.is_empty());
    assert!(config.upstreams.is_empty() && config.parent.is_none());
}

#[test]
fn every_setting_is_read() {
    let text = r#"
        name = "core/bologna/media"
        data-dir = "/var/lib/waybook"
        listen = "0.0.0.0:4710"
        strategy = "best-quality"
        servers-per-plan = 5
        parent = { address = "bologna.example:4700" }
        [identity]
        certificate = "media.crt"
        [capacity]
        cpu = 2
        memory = "1 GiB"
        down = "100 Mbit/s"
        up = "10 Mbit/s"
        licences = 7
        [timing]
        setup-lease = "12 s"
        [limits]
        solutions = 8
        [code]
        capabilities = ["gpu"]
        trust = ["ed25519:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"]
        unsigned = true
        strategy = "direct"
        repository = "1 GiB"
        greatest-component = "10 MiB"
        downloads = 2
        rate = "50 Mbit/s"
        serve = 7
        [wasm]
        memory = "32 MiB"
        greatest-memory = "1 GiB"
        [transport]
        idle-timeout = "20 s"
        gso = false
        [gateway]
        public-url = "https://films.example/"
        host-suffix = "films.example"
        requests = 100
        header-timeout = "2 s"
        [api.remote]
        open = "none"
        operate = ["core/ops"]
        [files]
        roots = ["films", "/srv/films"]
        [upstream]
        allow = ["http://127.0.0.1:9000/"]
        [programs.encoder]
        command = ["bin/encode", "--fast"]
        ready = { http = "/health" }
        timeout = "5 s"
        env = { MODE = "test" }
        working-dir = "work"
        [programs.plain]
        command = ["sleep"]
        [log]
        format = "json"
    "#;
    let config = read(text, &Overrides::none()).unwrap();
    assert_eq!(config.wasm.memory, 32 << 20);
    assert_eq!(config.wasm.engine("".into(), 1).memory, 1 << 30);
    assert_eq!(config.parent.unwrap().address, "bologna.example:4700");
    assert_eq!(
        config.identity.certificate,
        Path::new("/etc/waybook/media.crt")
    );
    let amount = |name: &str| config.place.capacity[&Resource::new(name).unwrap()];
    assert_eq!(
        ["cpu", "memory", "down", "up", "licences"].map(amount),
        [2000, 1 << 30, 100_000_000, 10_000_000, 7]
    );
    assert_eq!(config.place.timing.setup_lease, Duration::from_secs(12));
    // The place counts on what the transport keeps to.
    assert_eq!(config.place.timing.transport_idle, Duration::from_secs(20));
    assert_eq!(config.place.limits.solutions, 8);
    let (code, limits) = (&config.place.code, &config.place.limits);
    assert_eq!(code.capabilities, ["gpu"]);
    assert_eq!(code.trust.publishers, [[10; 32]]);
    assert!(code.trust.unsigned);
    assert_eq!(code.strategy, DownloadStrategy::Direct);
    assert_eq!(
        (limits.repository, limits.component, limits.downloads),
        (1 << 30, 10 << 20, 2)
    );
    assert_eq!(config.repository.rate, Some(50_000_000));
    assert_eq!(config.repository.serve, 7);
    assert_eq!(
        (
            config.place.strategy.as_str(),
            config.place.servers_per_plan
        ),
        ("best-quality", 5)
    );
    assert_eq!(
        config.gateway.public_url.as_deref(),
        Some("https://films.example")
    );
    let limits = &config.gateway.limits;
    assert_eq!(limits.requests, 100);
    assert_eq!(limits.header_timeout, Duration::from_secs(2));
    assert_eq!(config.api.remote.open, Who::None);
    // What could be done with `operate` before there was a right for it still can.
    assert_eq!(config.api.remote.publish, config.api.remote.operate);
    assert_eq!(config.api.tls, None);
    assert!(
        matches!(&config.api.remote.operate, Who::Localities(l) if l[0].as_str() == "core/ops")
    );
    assert_eq!(
        config.file_roots,
        [Path::new("/etc/waybook/films"), Path::new("/srv/films")]
    );
    assert_eq!(config.place.programs, ["encoder", "plain"]);
    let encoder = &config.programs["encoder"];
    assert_eq!(encoder.command, ["/etc/waybook/bin/encode", "--fast"]);
    assert_eq!(encoder.ready, Ready::Http("/health".to_owned()));
    assert_eq!(encoder.timeout, Duration::from_secs(5));
    assert_eq!(encoder.env["MODE"], "test");
    assert_eq!(config.programs["plain"].command, ["sleep"]);
    assert_eq!(config.programs["plain"].ready, Ready::Tcp);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn every_mistake_is_told_with_line_and_setting() {
    // What stands in line 3, and a part of what is said about it.
    for (line, setting, wanted) in [
        ("liste = \"x\"", "liste", "`listen` is"),
        ("data_dir = \"x\"", "data_dir", "`data-dir` is"),
        ("frobnicate = 1", "frobnicate", "known here:"),
        (
            "listen = \"localhost\"",
            "listen",
            "an IP address and a port",
        ),
        ("listen = 4710", "listen", "a string"),
        ("strategy = \"best\"", "strategy", "`nearest`"),
        ("servers-per-plan = 0", "servers-per-plan", "from 1 to 64"),
        (
            "servers-per-plan = \"3\"",
            "servers-per-plan",
            "a whole number",
        ),
        ("capacity = { cpu = \"2 GiB\" }", "capacity.cpu", "2 GiB"),
        ("capacity = { CPU = 2 }", "capacity.CPU", "lower-case"),
        (
            "capacity = { down = \"1 Mbit/s\" }",
            "capacity.down",
            "a root has no parent",
        ),
        ("capacity = 3", "capacity", "must be a table"),
        (
            "timing = { setup-lease = \"8 parsecs\" }",
            "timing.setup-lease",
            "parsecs",
        ),
        (
            "timing = { setup-lease = \"5 s\" }",
            "timing",
            "`setup-lease`",
        ),
        (
            "timing = { setuplease = \"5 s\" }",
            "timing.setuplease",
            "`setup-lease` is",
        ),
        (
            "timing = { setup-lease = true }",
            "timing.setup-lease",
            "an amount",
        ),
        ("limits = { children = -1 }", "limits.children", "from 1 to"),
        (
            "transport = { gso = \"no\" }",
            "transport.gso",
            "true or false",
        ),
        (
            "transport = { keep-alive = \"5 s\" }",
            "transport.idle-timeout",
            "three times",
        ),
        (
            "transport = { idle-timeout = \"1000 d\" }",
            "transport.idle-timeout",
            "an hour",
        ),
        (
            "transport = { redial-first = \"1 min\" }",
            "transport.redial-first",
            "not longer than",
        ),
        ("transport = { mtu = 900 }", "transport.mtu", "1200"),
        ("parent = { address = \"x:1\" }", "parent", "is a root"),
        (
            "gateway = { public-url = \"films\" }",
            "gateway.public-url",
            "https://",
        ),
        (
            "gateway = { host-suffix = \"a b\" }",
            "gateway.host-suffix",
            "a host name",
        ),
        (
            "gateway = { connections = 0 }",
            "gateway.connections",
            "from 1",
        ),
        (
            "gateway = { response-timeout = \"0 s\" }",
            "gateway.response-timeout",
            "longer than zero",
        ),
        (
            "api = { remote = { read = \"some\" } }",
            "api.remote.read",
            "\"ancestors\"",
        ),
        (
            "api = { tls = { certificate = \"x.crt\" } }",
            "api.tls.certificate",
            "`key`",
        ),
        (
            "api = { tls = { names = [\"a b\"] } }",
            "api.tls.names",
            "a host's name",
        ),
        (
            "api = { origins = [\"https://a.example/\"] }",
            "api.origins",
            "nothing behind host and port",
        ),
        (
            "profiles = { timeout = \"0 s\" }",
            "profiles.timeout",
            "longer than zero",
        ),
        (
            "profiles = { keep = \"1 s\" }",
            "profiles.keep",
            "`refresh`",
        ),
        ("audit = { size = \"1 KiB\" }", "audit.size", "64 KiB"),
        (
            "api = { remote = { read = [\"A\"] } }",
            "api.remote.read",
            "is not a label",
        ),
        (
            "files = { roots = \"films\" }",
            "files.roots",
            "a list of strings",
        ),
        (
            "upstream = { allow = [\"http://a\"] }",
            "upstream.allow",
            "a host and a `/`",
        ),
        ("programs = { x = {} }", "programs.x.command", "the program"),
        (
            "programs = { x = { command = [\"a\"], ready = 1 } }",
            "programs.x.ready",
            "\"tcp\"",
        ),
        (
            "code = { trust = [\"ed25519:12\"] }",
            "code.trust",
            "64 hexadecimal",
        ),
        ("code = { rate = \"1 kbit/s\" }", "code.rate", "64 kbit/s"),
        ("code = { stall = \"0 s\" }", "code.stall", "\"100 ms\""),
        ("code = { parts = \"0 B\" }", "code.parts", "nothing"),
        (
            "code = { repository = \"1 MiB\" }",
            "code.greatest-component",
            "not be more than",
        ),
        (
            "code = { strategy = \"flood\" }",
            "code.strategy",
            "`nearest-holder`",
        ),
        ("log = { format = \"xml\" }", "log.format", "`json`"),
        (
            "identity = { key = \"\" }",
            "identity.key",
            "must not be empty",
        ),
    ] {
        let problems = with(line).expect_err(line);
        let [problem] = problems.as_slice() else {
            panic!("{line}: {problems:#?}");
        };
        // A missing key is reported at its table, which stands in the same line here.
        assert!(
            problem.starts_with("place.toml: line 3, column "),
            "{problem}"
        );
        assert!(problem.contains(&format!(", {setting}: ")), "{problem}");
        assert!(problem.contains(wanted), "{line}: {problem}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_lines() {
    let problems = read(
        "data-dir = 1\n[timing]\nclaim = \"x\"\n[log]\nlevle = \"info\"",
        &Overrides::none(),
    );
    let problems = problems.unwrap_err();
    let starts = [
        "place.toml: line 1, column 1, data-dir: must be a string",
        "place.toml: line 1, column 1, name: is missing; write it like `name = ",
        "place.toml: line 3, column 1, timing.claim: ",
        "place.toml: line 5, column 1, log.levle: is not a setting; `level` is",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
    let broken = read("name = \n", &Overrides::none()).unwrap_err();
    assert!(
        broken[0].starts_with("place.toml: line 1, column "),
        "{broken:?}"
    );
    let child = read("name = \"core/a\"\ndata-dir = \"d\"", &Overrides::none()).unwrap_err();
    assert!(
        child[0].contains("parent: is missing; `core/a` joins `core`"),
        "{child:?}"
    );
}

#[test]
fn the_environment_goes_before_the_file_and_flags_before_both() {
    let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
    let overrides = |environment: &[(&str, &str)], flags: &[&str]| Overrides {
        environment: environment.iter().copied().map(pair).collect(),
        flags: flags.iter().map(|&f| f.to_owned()).collect(),
    };
    let text = "name = \"core\"\ndata-dir = \"d\"\n[timing]\nsetup-lease = \"9 s\"\n\
                [programs.my_tool]\ncommand = [\"a\"]";
    let lease = |overrides: &Overrides| read(text, overrides).map(|c| c.place.timing.setup_lease);
    let seconds = Duration::from_secs;
    assert_eq!(lease(&overrides(&[], &[])), Ok(seconds(9)));
    let environment = [
        ("WAYBOOK_TIMING__SETUP_LEASE", "10 s"),
        ("PATH", "x"),
        ("WAYBOOK_LOG", "x"),
    ];
    assert_eq!(lease(&overrides(&environment, &[])), Ok(seconds(10)));
    let flags = ["timing.setup-lease = 11 s"];
    assert_eq!(lease(&overrides(&environment, &flags)), Ok(seconds(11)));

    let many = overrides(
        &[
            ("WAYBOOK_CAPACITY__CPU", "2"),
            ("WAYBOOK_TRANSPORT__GSO", "false"),
            ("WAYBOOK_FILES__ROOTS", "[\"a\", \"b\"]"),
            ("WAYBOOK_PROGRAMS__MY_TOOL__TIMEOUT", "3 s"),
            ("WAYBOOK_LISTEN", "127.0.0.1:4710"),
        ],
        &[],
    );
    let config = read(text, &many).unwrap();
    assert_eq!(config.place.capacity[&Resource::cpu()], 2000);
    assert!(!config.transport.gso);
    assert_eq!(config.file_roots.len(), 2);
    assert_eq!(config.programs["my_tool"].timeout, seconds(3));
    assert_eq!(config.listen.port(), 4710);

    let wrong = overrides(
        &[("WAYBOOK_TIMNG__CLAIM", "1 s")],
        &["claim", "log.level=7"],
    );
    let problems = read(text, &wrong).unwrap_err();
    let starts = [
        "environment variable WAYBOOK_TIMNG__CLAIM, timng: is not a setting; `timing` is",
        "--set claim: must be like `timing.setup-lease=8 s`",
        "--set log.level=7, log.level: must be a string",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let path = repository("configs/place.toml");
    assert_eq!(check_file(&path).unwrap(), FileKind::Place);
    let text = std::fs::read_to_string(&path).unwrap();
    let folder = path.parent().unwrap();
    let plain = DaemonConfig::from_toml(&text, "place.toml", folder, &Overrides::none()).unwrap();
    // Every line that is commented out holds a default: with all of them nothing changes.
    let uncomment = |line: &str| match line.strip_prefix("#") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let full: Vec<_> = text.lines().map(uncomment).collect();
    let full = DaemonConfig::from_toml(&full.join("\n"), "full", folder, &Overrides::none());
    assert_eq!(full.unwrap(), plain);
    // No setting is left out: each is known by what a wrong table is told.
    for table in [
        "",
        "identity",
        "timing",
        "limits",
        "code",
        "wasm",
        "transport",
        "gateway",
        "api",
        "api.remote",
        "files",
        "upstream",
        "log",
        "wasm",
    ] {
        let bad = match table {
            "" => "name = \"core\"\ndata-dir = \"d\"\nzzzzzzzzzz = 1".to_owned(),
            table => format!("name = \"core\"\ndata-dir = \"d\"\n[{table}]\nzzzzzzzzzz = 1"),
        };
        let problems = read(&bad, &Overrides::none()).expect_err(table);
        let known = problems[0].split("known here: ").nth(1).unwrap();
        let starts: Vec<_> = text
            .lines()
            .map(|l| l.trim_start_matches(['#', ' ']))
            .collect();
        for key in known.split(", ").map(|k| k.trim_matches('`')) {
            let forms = [
                format!("{key} ="),
                format!("[{key}"),
                format!("[{table}.{key}]"),
            ];
            let shown = |form: &String| starts.iter().any(|line| line.starts_with(form));
            assert!(forms.iter().any(shown), "{table}.{key}");
        }
    }
}

#[test]
fn files_are_recognised() {
    let check = |text: &str| check_text(text, "f.toml", Path::new(FOLDER));
    assert_eq!(
        check("name = \"core\"\ndata-dir = \"d\""),
        Ok(FileKind::Place)
    );
    assert_eq!(check("[[place]]\nname = \"core\""), Ok(FileKind::Topology));
    assert_eq!(check("user = \"anna\""), Ok(FileKind::Profile));
    assert_eq!(
        check("name = \"cap\"\nversion = \"1.0.0\""),
        Ok(FileKind::Component)
    );
    // By its file's name even if what would tell is missing.
    let lacking = check_text("name = \"cap\"", "x/component.toml", Path::new(FOLDER));
    let lacking = lacking.unwrap_err().to_string();
    assert!(lacking.starts_with("x/component.toml: "), "{lacking}");
    assert!(lacking.contains("version"), "{lacking}");
    let unknown = check("x = 1").unwrap_err().to_string();
    assert!(
        unknown.contains("not a file that Waybook knows"),
        "{unknown}"
    );
    let wrong = check("title = 3").unwrap_err().to_string();
    assert!(wrong.starts_with("f.toml: line 1"), "{wrong}");
    for component in ["cache", "cap-quality", "echo", "watermark"] {
        let path = repository(&format!("components/{component}/component.toml"));
        assert_eq!(check_file(&path), Ok(FileKind::Component), "{path:?}");
    }
    for (folder, kind) in [
        ("configs/presentations", FileKind::Presentation),
        ("configs/profiles", FileKind::Profile),
        ("configs/topologies", FileKind::Topology),
    ] {
        for entry in std::fs::read_dir(repository(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                assert_eq!(check_file(&path), Ok(kind), "{path:?}");
            }
        }
    }
}
