//! The arrows between the crates, held by a test.
//!
//! `location-tree <- plan <- agents <- node/place <- {node/daemon, sim} <- src`, and `client <- src`.
//! `node/wasm` knows none of ours; only `node/daemon` may use it.
//! What a place decides stays free of tokio, QUIC and the disk, so that the simulator runs the very
//! code that the daemon runs. When a test here fails it says which arrow is crossed and what to do.
//! Each crate's `clippy.toml` holds what a dependency list cannot show: clocks, threads, files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace, and which of the others each may depend on.
const ARROWS: [(&str, &[&str]); 10] = [
    ("waybook-location-tree", &[]),
    ("waybook-plan", &["waybook-location-tree"]),
    ("waybook-agents", &["waybook-location-tree", "waybook-plan"]),
    (
        "waybook-place",
        &["waybook-agents", "waybook-plan", "waybook-location-tree"],
    ),
    ("waybook-wasm", &[]),
    (
        "waybook-daemon",
        &[
            "waybook-wasm",
            "waybook-place",
            "waybook-agents",
            "waybook-plan",
            "waybook-location-tree",
        ],
    ),
    (
        "waybook-sim",
        &[
            "waybook-place",
            "waybook-agents",
            "waybook-plan",
            "waybook-location-tree",
        ],
    ),
    ("waybook-client", &["waybook-location-tree", "waybook-plan"]),
    (
        "waybook",
        &[
            "waybook-daemon",
            "waybook-client",
            "waybook-sim",
            "waybook-plan",
            "waybook-location-tree",
        ],
    ),
    // Above all of them, and nothing is above it: it feeds each what may arrive from outside.
    (
        "waybook-fuzz",
        &[
            "waybook-daemon",
            "waybook-client",
            "waybook-sim",
            "waybook-place",
            "waybook-agents",
            "waybook-plan",
            "waybook-location-tree",
        ],
    ),
];

/// The crates that do no IO.
const PURE: [&str; 5] = [
    "waybook-location-tree",
    "waybook-plan",
    "waybook-agents",
    "waybook-place",
    "waybook-sim",
];

/// What does IO, and so is never below the drivers, not even through another crate.
const DRIVERS_ONLY: [&str; 6] = ["tokio", "quinn", "hyper", "axum", "rustls", "wasmtime"];

/// Cryptography is ring's, everywhere; these come in by somebody's default features.
const NOWHERE: [&str; 4] = ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"];

/// The codec of the wire. Written in two parts, for this file may not contain the word either.
const CODEC: &str = concat!("bin", "code");

/// The only file that may name the codec.
const WIRE: &str = "agents/src/wire.rs";

/// How a crate depends on another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Build,
    Dev,
}

impl Kind {
    fn read(kind: &Value) -> Self {
        match kind.as_str() {
            None => Self::Normal,
            Some("build") => Self::Build,
            Some("dev") => Self::Dev,
            Some(other) => {
                panic!("cargo metadata tells of a kind of dependency new to this test: {other}")
            }
        }
    }
}

/// Every workspace crate with what its manifest names.
type Manifests = BTreeMap<String, Vec<(String, Kind)>>;

/// The resolved graph: by package, what it depends on when built (not when tested).
type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "cargo {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("cargo prints UTF-8")
}

fn metadata(more: &[&str]) -> Value {
    let mut arguments = vec!["metadata", "--format-version", "1", "--locked"];
    arguments.extend(more);
    serde_json::from_str(&cargo(&arguments)).expect("cargo metadata prints JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("cargo metadata has a list `{key}`"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("cargo metadata has a text `{key}`"))
}

fn manifests(metadata: &Value) -> Manifests {
    let dependencies = |package: &Value| {
        list(package, "dependencies")
            .iter()
            .map(|d| (text(d, "name").to_owned(), Kind::read(&d["kind"])))
            .collect()
    };
    list(metadata, "packages")
        .iter()
        .map(|package| (text(package, "name").to_owned(), dependencies(package)))
        .collect()
}

/// Packages that exist in several versions are one here: the arrows are about names.
fn graph(metadata: &Value) -> Graph {
    let names: BTreeMap<&str, &str> = list(metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let mut graph = Graph::new();
    for node in list(&metadata["resolve"], "nodes") {
        let to = graph.entry(names[text(node, "id")].to_owned()).or_default();
        for dependency in list(node, "deps") {
            let normal = list(dependency, "dep_kinds")
                .iter()
                .any(|kind| Kind::read(&kind["kind"]) == Kind::Normal);
            if normal {
                to.insert(names[text(dependency, "pkg")].to_owned());
            }
        }
    }
    graph
}

/// All that may be below a crate, straight or through others.
fn below(crate_name: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let arrows = |from: &str| ARROWS.iter().find(|(name, _)| *name == from);
    let mut open: Vec<_> = arrows(crate_name).into_iter().collect();
    while let Some((_, to)) = open.pop() {
        let new = to.iter().filter(|to| found.insert(**to));
        open.extend(new.filter_map(|to| arrows(to)));
    }
    found
}

/// The shortest chain of dependencies from one package to another.
fn chain(graph: &Graph, from: &str, to: &str) -> Option<String> {
    let mut chains = std::collections::VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(chain) = chains.pop_front() {
        let last = chain.last().expect("a chain has a first link");
        if last == to {
            return Some(chain.join(" -> "));
        }
        for next in graph.get(last).into_iter().flatten() {
            if seen.insert(next) {
                chains.push_back(chain.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}

/// Arrows between our own crates that are not in the table.
fn crossed_between_our_crates(manifests: &Manifests) -> Vec<String> {
    let mut crossed = Vec::new();
    for (from, dependencies) in manifests {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == from) else {
            crossed.push(format!(
                "{from} is a new crate: say in ARROWS what it may depend on"
            ));
            continue;
        };
        let lower = below(from);
        for (to, kind) in dependencies {
            if !manifests.contains_key(to) {
                continue;
            }
            if *kind != Kind::Dev {
                if !allowed.contains(&to.as_str()) {
                    crossed.push(format!(
                        "{from} -> {to}: not an arrow of the house. Move what is shared down to a crate that \
                         both may use, or hand it in as a value, or turn the dependency round"
                    ));
                }
            } else if !(lower.contains(to.as_str())
                || (to == "waybook-sim" && from != "waybook-daemon"))
            {
                crossed.push(format!(
                    "{from} -> {to} (for tests): tests may use lower crates and the simulator only. A test of \
                     both arms belongs in tests/"
                ));
            }
        }
    }
    crossed
}

/// What a manifest below the drivers may not name.
fn crossed_by_formats(manifests: &Manifests) -> Vec<String> {
    let mut crossed = Vec::new();
    for (from, dependencies) in manifests {
        for (to, _) in dependencies {
            if to == CODEC && from != "waybook-agents" {
                crossed.push(format!(
                    "{from} -> {to}: only {WIRE} knows how agents look on the wire. Call its functions"
                ));
            }
            let below_the_daemon = PURE.contains(&from.as_str()) && from != "waybook-sim";
            if to == "serde_json" && below_the_daemon {
                crossed.push(format!(
                    "{from} -> {to}: JSON is for the drivers. Derive serde's traits here and let the daemon, \
                     the simulator or the command write the text"
                ));
            }
        }
    }
    crossed
}

/// What is resolved where it may not be.
fn crossed_in_the_graph(graph: &Graph) -> Vec<String> {
    let mut crossed = Vec::new();
    for from in PURE {
        for to in DRIVERS_ONLY {
            if let Some(chain) = chain(graph, from, to) {
                crossed.push(format!(
                    "{chain}: a crate below the drivers does no IO. Return an output and let node/daemon do it; \
                     if another crate brings {to} in, switch off the feature that does"
                ));
            }
        }
    }
    for to in NOWHERE {
        if graph.contains_key(to) {
            crossed.push(format!(
                "{to} is in the graph: we build with ring only. `cargo tree --locked -i {to}` shows who brings it \
                 in; set its default-features = false and choose its ring feature"
            ));
        }
    }
    crossed
}

/// The workspace's Rust files (build output and hidden folders are none).
fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the workspace can be read") {
            let entry = entry.expect("a folder of the workspace can be listed");
            let kind = entry.file_type().expect("an entry has a type");
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
fn none_is_crossed(crossed: &[String]) {
    assert!(
        crossed.is_empty(),
        "crossed arrows (tests/arrows.rs tells the rules):\n  {}",
        crossed.join("\n  ")
    );
}

#[test]
fn our_crates_depend_only_downwards() {
    let manifests = manifests(&metadata(&["--no-deps"]));
    for (name, _) in ARROWS {
        assert!(
            manifests.contains_key(name),
            "{name} is in ARROWS but not in the workspace: take it out"
        );
    }
    none_is_crossed(&crossed_between_our_crates(&manifests));
}

#[test]
fn formats_stay_where_they_belong() {
    none_is_crossed(&crossed_by_formats(&manifests(&metadata(&["--no-deps"]))));
}

#[test]
fn no_io_is_below_the_drivers_and_ring_is_the_only_cryptography() {
    // For this machine's platform: that much has been fetched by whoever built this test.
    let version = cargo(&["--version", "--verbose"]);
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo tells its host");
    let graph = graph(&metadata(&["--filter-platform", host]));
    for name in PURE {
        assert!(graph.contains_key(name), "{name} is in the graph");
    }
    none_is_crossed(&crossed_in_the_graph(&graph));
}

#[test]
fn only_the_wire_names_its_codec() {
    let files = rust_files();
    assert!(files.contains(&root().join("tests/arrows.rs")));
    let crossed: Vec<_> = files
        .iter()
        .map(|path| (path.strip_prefix(root()).expect("below the root"), path))
        .filter(|(short, _)| *short != Path::new(WIRE))
        .filter(|(_, path)| {
            std::fs::read_to_string(path).expect("a source is UTF-8").contains(CODEC)
        })
        .map(|(short, _)| {
            format!(
                "{} names {CODEC}: only {WIRE} may, so that the format can change in one place. Call its functions",
                short.display()
            )
        })
        .collect();
    none_is_crossed(&crossed);
}

#[test]
fn a_crossed_arrow_is_told() {
    let one = |from: &str, to: &str, kind| {
        let other = (to.to_owned(), Vec::new());
        Manifests::from([other, (from.to_owned(), vec![(to.to_owned(), kind)])])
    };
    let told = |from, to, kind| crossed_between_our_crates(&one(from, to, kind)).join("\n");
    assert!(
        told("waybook-sim", "waybook-daemon", Kind::Normal)
            .starts_with("waybook-sim -> waybook-daemon: ")
    );
    assert!(
        told("waybook-daemon", "waybook-sim", Kind::Dev)
            .starts_with("waybook-daemon -> waybook-sim (for tests)")
    );
    assert!(told("waybook-plan", "waybook-agents", Kind::Build).contains("turn the dependency"));
    assert_eq!(told("waybook-place", "waybook-sim", Kind::Dev), "");
    assert_eq!(told("waybook", "waybook-place", Kind::Dev), "");
    assert!(told("waybook", "waybook-place", Kind::Normal).contains("not an arrow"));
    assert!(told("waybook-new", "waybook-plan", Kind::Normal).contains("new crate"));

    let formats = |from, to| crossed_by_formats(&one(from, to, Kind::Normal));
    assert_eq!(formats("waybook-daemon", CODEC).len(), 1);
    assert_eq!(formats("waybook-place", "serde_json").len(), 1);
    assert!(formats("waybook-sim", "serde_json").is_empty());

    let graph = Graph::from([
        (
            "waybook-place".to_owned(),
            BTreeSet::from(["tower".to_owned()]),
        ),
        ("tower".to_owned(), BTreeSet::from(["tokio".to_owned()])),
        ("aws-lc-rs".to_owned(), BTreeSet::new()),
    ]);
    let crossed = crossed_in_the_graph(&graph);
    assert!(crossed[0].starts_with("waybook-place -> tower -> tokio: "));
    assert!(crossed[1].starts_with("aws-lc-rs is in the graph"));
}
