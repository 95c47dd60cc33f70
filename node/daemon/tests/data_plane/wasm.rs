//! WebAssembly components in the data plane: on the way of sessions, next to each other,
//! and misbehaving beside others.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use waybook_agents::SessionId;
use waybook_daemon::data::{CodeFiles, DataConfig, WasmConfig};
use waybook_place::io::InstanceId;
use waybook_plan::{Component, Digest, Manifest, Release, Runtime};
use waybook_wasm::{Settings, Wasm};

use crate::origin::Origin;
use crate::world::{Neighbours, Place, component, get, name, route, soon, text};

/// Where the shipped components are.
fn components() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../components"))
}

/// The release of a shipped component, and its binary's file.
fn shipped(name: &str) -> (Arc<Release>, PathBuf) {
    let folder = components().join(name);
    let manifest = std::fs::read_to_string(folder.join("component.toml")).unwrap();
    let file = components().join("built").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&file).unwrap();
    let manifest = Manifest::from_toml(&manifest).unwrap();
    (release(manifest, &bytes), file)
}

fn release(manifest: Manifest, bytes: &[u8]) -> Arc<Release> {
    let digest = Digest(Sha256::digest(bytes).into());
    let (length, root) = (bytes.len() as u64, *blake3::hash(bytes).as_bytes());
    let home = waybook_location_tree::PlaceName::new("core").unwrap();
    let runtime = waybook_wasm::inspect(bytes).unwrap();
    let runtime = format!("{}@{}", runtime.world.name(), runtime.world_version);
    let release = manifest.release(Some(&runtime), digest, length, root, home);
    Arc::new(release.unwrap())
}

/// Code by digest.
struct Shelf(BTreeMap<Digest, PathBuf>);

impl CodeFiles for Shelf {
    fn file(
        &self,
        digest: Digest,
    ) -> Pin<Box<dyn Future<Output = Result<PathBuf, String>> + Send + '_>> {
        let file = self.0.get(&digest).cloned();
        Box::pin(async move { file.ok_or_else(|| "the code is not here".to_owned()) })
    }
}

/// An engine, and the code that it can run.
pub(crate) struct House {
    pub(crate) wasm: WasmConfig,
    files: BTreeMap<Digest, PathBuf>,
    releases: BTreeMap<String, Arc<Release>>,
    cache: TempDir,
}

impl House {
    /// With the shipped components of those names.
    pub(crate) fn new(names: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(cache.path());
        change(&mut settings);
        let (mut files, mut releases) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            let (release, file) = shipped(name);
            files.insert(release.digest, file);
            releases.insert((*name).to_owned(), release);
        }
        Self {
            wasm: WasmConfig {
                engine: Wasm::new(settings).unwrap(),
                files: Arc::new(Shelf(files.clone())),
                hosts: Vec::new(),
                memory: 64 << 20,
                cpu: 1000,
            },
            files,
            releases,
            cache,
        }
    }

    /// Another component, of no release of anybody's.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        let file = self.cache.path().join(format!("{name}.wasm"));
        std::fs::write(&file, bytes).unwrap();
        let manifest = format!("name = \"{name}\"\nversion = \"1.0.0\"\n");
        let release = release(Manifest::from_toml(&manifest).unwrap(), bytes);
        let mut files = self.files.clone();
        files.insert(release.digest, file);
        self.wasm.files = Arc::new(Shelf(files.clone()));
        self.files = files;
        self.releases.insert(name.to_owned(), release);
    }

    pub(crate) fn configure(&self, config: &mut DataConfig) {
        config.wasm = Some(self.wasm.clone());
    }

    /// Starts one of them at a place.
    pub(crate) async fn start(
        &self,
        at: &mut Place,
        code: &str,
        config: &[(&str, &str)],
    ) -> InstanceId {
        let release = self.releases[code].clone();
        let component: Component = component(Runtime::Wasm, &release.reference(), config);
        let started = at.launch_code(component, Some(release));
        at.is_up(started).await.unwrap()
    }
}

const MASTER: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=4000000\nhigh.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=900000\nlow.m3u8\n";

fn film() -> TempDir {
    let film = tempfile::tempdir().unwrap();
    std::fs::write(film.path().join("master.m3u8"), MASTER).unwrap();
    std::fs::write(film.path().join("low.m3u8"), "#EXTM3U\nlow.ts\n").unwrap();
    let segment: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(film.path().join("low.ts"), segment).unwrap();
    film
}

/// A component by name, with its settings.
type Code<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Places in a row with these components at each, the last ones followed by `files`; the
/// URL of the session at the first.
async fn path(
    house: &House,
    film: &TempDir,
    places: &[(&str, &[Code<'_>])],
) -> (Vec<Place>, String) {
    let neighbours = Neighbours::default();
    let mut all = Vec::new();
    for (index, (at, codes)) in places.iter().enumerate() {
        let mut config = DataConfig::new(name(at), [7; 32]);
        config.files = vec![film.path().to_owned()];
        house.configure(&mut config);
        let mut place = Place::new(config, &neighbours);
        let mut chain = Vec::new();
        for (code, config) in *codes {
            chain.push(house.start(&mut place, code, config).await);
        }
        let next = places.get(index + 1).map(|(next, _)| name(next));
        if next.is_none() {
            let files = component(Runtime::Builtin, "files", &[("root", ".")]);
            chain.push(place.start(files).await);
        }
        let mut route = route(1, &chain);
        route.next = next;
        route.previous = index.checked_sub(1).map(|before| name(places[before].0));
        place.plane.route(route);
        all.push(place);
    }
    all[0].gateway().await;
    let url = all[0].plane.session_url(SessionId(1)).path_url;
    (all, url)
}

const CAP: Code<'_> = ("cap-quality", &[("max-bandwidth", "1000000")]);
const MARK: Code<'_> = ("watermark", &[("text", "seen")]);
const CAPPED_AND_MARKED: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=900000\nlow.m3u8\n\
    # seen\n";

/// What went out is what the components must make of it, and segments are untouched.
async fn plays(url: &str, film: &TempDir) {
    let master = get(&format!("{url}master.m3u8")).await;
    assert_eq!(master.status(), StatusCode::OK);
    assert_eq!(text(master).await, CAPPED_AND_MARKED);
    let segment = get(&format!("{url}low.ts")).await;
    let source = std::fs::read(film.path().join("low.ts")).unwrap();
    assert!(crate::world::bytes(segment).await == source);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_of_0_2_and_0_3_are_chained_over_three_places() {
    let (house, film) = (House::new(&["cap-quality", "watermark"], |_| ()), film());
    let places: [(&str, &[Code<'_>]); 3] = [("core/a", &[CAP]), ("core", &[]), ("core/b", &[MARK])];
    let (_places, url) = path(&house, &film, &places).await;
    plays(&url, &film).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbouring_components_of_one_place_call_each_other() {
    let (house, film) = (House::new(&["cap-quality", "watermark"], |_| ()), film());
    let (_places, url) = path(&house, &film, &[("core", &[CAP, MARK])]).await;
    plays(&url, &film).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_one_instance_keeps_what_it_served() {
    let (house, film) = (House::new(&["cache"], |_| ()), film());
    let cache: Code<'_> = (
        "cache",
        &[("default-ttl", "60"), ("waybook.instances", "one")],
    );
    let (_places, url) = path(&house, &film, &[("core", &[cache])]).await;
    let ask = || async {
        let response = get(&format!("{url}low.m3u8")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let said = response.headers()["x-cache"].to_str().unwrap().to_owned();
        // What is not read to its end is not kept.
        assert_eq!(text(response).await, "#EXTM3U\nlow.ts\n");
        said
    };
    assert_eq!(ask().await, "miss");
    // It is kept when the component has seen its end, which may be after the client has.
    soon("a hit", async { while ask().await != "hit" {} }).await;
    std::fs::remove_file(film.path().join("low.m3u8")).unwrap();
    assert_eq!(ask().await, "hit", "nothing behind it is asked any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_was_not_booked_is_not_had() {
    let (house, film) = (House::new(&["echo"], |_| ()), film());
    let mut config = DataConfig::new(name("core"), [7; 32]);
    config.files = vec![film.path().to_owned()];
    house.configure(&mut config);
    let mut place = Place::alone(config);
    let echo = house.start(&mut place, "echo", &[]).await;
    place.gateway().await;
    let mut little = route(1, &[echo]);
    little.booked.memory = Some(64 << 10);
    place.plane.route(little);
    let url = place.plane.session_url(SessionId(1)).path_url;
    let refused = get(&format!("{url}hello")).await;
    assert!(refused.status().is_server_error(), "{}", refused.status());
    let why = text(refused).await;
    assert!(why.contains("memory"), "{why}");

    let mut enough = route(1, &[echo]);
    enough.booked.memory = Some(32 << 20);
    place.plane.route(enough);
    let answered = async {
        // A component that could not come up rests for a while.
        loop {
            if get(&format!("{url}hello")).await.status() == StatusCode::OK {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("an answer with enough memory", answered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_may_not_reach_what_the_operator_does_not_allow() {
    let house = House::new(&["watermark"], |_| ());
    let (origin, _) = Origin::listen().await;
    let elsewhere = format!("http://{origin}");
    let film = film();
    let outside: Code<'_> = ("watermark", &[("next", &elsewhere)]);
    let (_places, url) = path(&house, &film, &[("core", &[outside])]).await;
    let refused = get(&format!("{url}low.m3u8")).await;
    assert!(!refused.status().is_success(), "{}", refused.status());
}

#[tokio::test]
async fn what_is_no_code_of_ours_does_not_start() {
    let house = House::new(&["echo"], |_| ());
    let mut config = DataConfig::new(name("core"), [7; 32]);
    house.configure(&mut config);
    let mut place = Place::alone(config);
    let (other, _) = shipped("cache");
    let lacking = place.launch_code(
        component(Runtime::Wasm, &other.reference(), &[]),
        Some(other),
    );
    let why = place.is_up(lacking).await.unwrap_err();
    assert!(why.contains("not here"), "{why}");
    let bare = place.launch(component(Runtime::Wasm, "echo@1.0.0", &[]));
    let why = place.is_up(bare).await.unwrap_err();
    assert!(why.contains("no release"), "{why}");
}
