//! The components that come with Waybook: what is shipped is what was built from the sources that are
//! here, and what is said of it is true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What every component is made of beside its own directory; as in `scripts/build-components`.
const SHARED: [&str; 4] = ["bindings", "encode", "http-rules", "settings"];

/// How a WebAssembly component begins: the magic number, the version, and the layer that tells it from
/// a core module.
const COMPONENT: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/// How large one may be, in bytes: it is carried to every place that runs it.
const LARGEST: usize = 150_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    toolchain: String,
    component: Vec<Locked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    name: String,
    wasm: String,
    sources: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    version: String,
    description: String,
    runtime: String,
    file: Option<PathBuf>,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parsed<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = String::from_utf8(read(path)).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock() -> Lock {
    parsed(&root().join("components/components.lock"))
}

/// The directories with a manifest, by name.
fn manifests() -> BTreeMap<String, Manifest> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("components")).unwrap() {
        let directory = entry.unwrap().path();
        let manifest = directory.join("component.toml");
        if manifest.exists() {
            let name = directory.file_name().unwrap().to_str().unwrap();
            found.insert(name.to_owned(), parsed(&manifest));
        }
    }
    found
}

/// Puts the sources below a directory on a list, as `find` does in `scripts/build-components`.
fn walk(directory: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let ours = [".rs", ".wit"].iter().any(|end| name.ends_with(end)) || name == "Cargo.toml";
        if path.is_dir() {
            walk(&path, list);
        } else if ours && name != "tests.rs" {
            list.push(path);
        }
    }
}

/// The digest over the lines "digest  path" of all sources, in the order of their paths.
fn sources(name: &str) -> String {
    let components = root().join("components");
    let mut list = vec![
        components.join("Cargo.toml"),
        components.join("Cargo.lock"),
        root().join("scripts/build-components"),
    ];
    for directory in SHARED.into_iter().chain([name]) {
        walk(&components.join(directory), &mut list);
    }
    let mut lines: Vec<(String, String)> = list
        .iter()
        .map(|path| {
            let short = path.strip_prefix(root()).unwrap().to_str().unwrap();
            (short.to_owned(), digest(&read(path)))
        })
        .collect();
    lines.sort();
    let lines: String = lines
        .iter()
        .map(|(path, digest)| format!("{digest}  {path}\n"))
        .collect();
    digest(lines.as_bytes())
}

#[test]
fn what_is_shipped_is_what_was_built_last() {
    for locked in lock().component {
        let file = format!("components/built/{}.wasm", locked.name);
        let bytes = read(&root().join(&file));
        assert_eq!(digest(&bytes), locked.wasm, "{file} is not what was built");
        assert!(bytes.starts_with(&COMPONENT), "{file} is no component");
        assert!(bytes.len() <= LARGEST, "{file} has {} bytes", bytes.len());
        for hint in ["/root/", "/home/", "/Users/", ".cargo/registry"] {
            let found = bytes
                .windows(hint.len())
                .any(|part| part == hint.as_bytes());
            assert!(!found, "{file} tells where it was built: {hint}");
        }
    }
}

#[test]
fn nobody_changed_a_source_and_forgot_to_build() {
    for locked in lock().component {
        let name = locked.name;
        assert_eq!(
            sources(&name),
            locked.sources,
            "the sources of {name} have changed since it was built; run scripts/build-components"
        );
    }
}

#[test]
fn manifests_agree_with_what_is_there() {
    let manifests = manifests();
    let locked: Vec<String> = lock().component.into_iter().map(|one| one.name).collect();
    let named: Vec<String> = manifests.keys().cloned().collect();
    assert_eq!(named, locked, "manifests and components.lock");
    for (directory, manifest) in &manifests {
        assert_eq!(&manifest.name, directory);
        let numbers: Vec<Option<u32>> = manifest
            .version
            .split('.')
            .map(|n| n.parse().ok())
            .collect();
        assert!(
            numbers.len() == 3 && numbers.iter().all(Option::is_some),
            "{directory} has the version {}",
            manifest.version
        );
        assert!(!manifest.description.is_empty());
        let worlds = [
            "wasi:http/proxy@0.2",
            "wasi:http/service@0.3.0",
            "wasi:http/middleware@0.3.0",
        ];
        assert!(
            worlds.contains(&manifest.runtime.as_str()),
            "{}",
            manifest.runtime
        );
        for needed in manifest.dependencies.keys() {
            assert!(manifests.contains_key(needed), "{directory} needs {needed}");
        }
        assert!(manifest.requires.iter().all(|what| !what.is_empty()));

        let default = PathBuf::from(format!("{directory}.wasm"));
        let file = manifest.file.as_ref().unwrap_or(&default);
        let file = root().join("components").join(directory).join(file);
        let built = root().join(format!("components/built/{directory}.wasm"));
        assert_eq!(file.canonicalize().unwrap(), built.canonicalize().unwrap());
    }
}

/// Takes some minutes, so only where everything is wanted. Without the toolchain, which not every system
/// has packages of, or with another version of it there is nothing to compare.
#[test]
fn the_sources_give_what_is_shipped() {
    if std::env::var_os("WAYBOOK_REQUIRE_ALL").is_none() {
        eprintln!(
            "SKIPPED: building the components again takes minutes; WAYBOOK_REQUIRE_ALL=1 does it"
        );
        return;
    }
    let output = Command::new(root().join("scripts/build-components"))
        .arg("--check")
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(3) => {
            eprintln!("SKIPPED: no toolchain for components here, so none was built again\n{said}");
        }
        Some(4) => eprintln!(
            "SKIPPED: another toolchain than {:?}\n{said}",
            lock().toolchain
        ),
        _ => panic!("{}\n{said}", String::from_utf8_lossy(&output.stdout)),
    }
}
