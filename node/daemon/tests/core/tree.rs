//! A tree of daemons on loopback, with rooms that only note what they are told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waybook_agents::{Incarnation, SessionId};
use waybook_daemon::config::{DaemonConfig, Overrides};
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_daemon::link::DataSink;
use waybook_daemon::{
    CodeKeeper, Daemon, DaemonError, Existing, Io, Machinery, Rooms, RunningDaemon, Start,
};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, InstanceId, RecordKey, Route};
use waybook_plan::{Digest, Release};

/// No test waits longer than that for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// Rooms that do nothing, but send back what arrives on a data stream, with who sent it.
struct Quiet;

impl Machinery for Quiet {
    fn start(&self, _: InstanceId, _: Start) {}
    fn stop(&self, _: InstanceId) {}
    fn route(&self, _: Route) {}
    fn unroute(&self, _: SessionId) {}
}

impl CodeKeeper for Quiet {
    fn reconcile(&self, mut records: Vec<(RecordKey, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)> {
        // There is no code here.
        records.retain(|(key, _)| !matches!(key, RecordKey::Code(_)));
        records
    }
    fn fetch(&self, _: FetchId, _: Arc<Release>, _: PlaceName) {}
    fn cancel_fetch(&self, _: FetchId, _: u64) {}
    fn evict(&self, _: Digest) {}
}

impl DataSink for Quiet {
    fn accept(&self, from: PlaceName, mut stream: Box<dyn Io>) {
        tokio::spawn(async move {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            let answer = format!("{from} said {said}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
    }
}

/// An authority and the folders of its places.
pub(crate) struct Forest {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
}

impl Forest {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("authority");
        let authority = Authority::create(&path, "test", DEFAULT_VALIDITY, Existing::Keep).unwrap();
        Self { folder, authority }
    }

    pub(crate) fn data_dir(&self, place: &str) -> PathBuf {
        self.folder.path().join(place.replace('/', "."))
    }

    /// Makes a place's data folder, with an identity from the forest's authority.
    pub(crate) fn plant(&self, place: &str) {
        self.plant_from(&self.authority, place, &self.data_dir(place));
    }

    pub(crate) fn plant_from(&self, authority: &Authority, place: &str, data_dir: &Path) {
        let folder = data_dir.join("identity");
        if !folder.exists() {
            authority
                .issue(&name(place), &folder, DEFAULT_VALIDITY, Existing::Keep)
                .unwrap();
        }
    }

    /// A configuration with fast redials; `parent` is the parent's address.
    pub(crate) fn config(&self, place: &str, parent: Option<String>) -> DaemonConfig {
        let mut text = format!(
            "name = {place:?}\ndata-dir = {:?}\n\
             transport = {{ redial-first = \"20 ms\", redial-longest = \"100 ms\" }}\n",
            self.data_dir(place)
        );
        if let Some(parent) = parent {
            text += &format!("parent.address = {parent:?}\n");
        }
        let folder = self.folder.path();
        DaemonConfig::from_toml(&text, "test", folder, &Overrides::none()).unwrap()
    }

    /// Starts a place below a running parent.
    pub(crate) async fn start(&self, place: &str, parent: Option<&RunningDaemon>) -> RunningDaemon {
        self.plant(place);
        let parent = parent.map(|p| p.addresses().quic.to_string());
        start(self.config(place, parent)).await.unwrap()
    }
}

/// Starts a daemon with rooms that do nothing.
pub(crate) async fn start(config: DaemonConfig) -> Result<RunningDaemon, DaemonError> {
    start_at(config, SystemTime::now()).await
}

pub(crate) async fn start_at(
    config: DaemonConfig,
    clock: SystemTime,
) -> Result<RunningDaemon, DaemonError> {
    Daemon::start_at(config, clock, async |_| Ok(quiet_rooms())).await
}

/// Rooms that do nothing.
pub(crate) fn quiet_rooms() -> Rooms {
    Rooms {
        machinery: Arc::new(Quiet),
        code: Arc::new(Quiet),
        sink: Arc::new(Quiet),
        api: None,
        api_certificate: None,
        gateway: None,
        metrics: None,
        stop: Vec::new(),
    }
}

/// Waits until what a daemon is connected to is as wanted.
pub(crate) async fn until(
    daemon: &RunningDaemon,
    wanted: impl FnMut(&BTreeMap<PlaceName, Incarnation>) -> bool,
) {
    let mut connected = daemon.links().connected();
    let waited = tokio::time::timeout(PATIENCE, connected.wait_for(wanted)).await;
    waited
        .unwrap_or_else(|_| panic!("{:?}", daemon.links().connected().borrow()))
        .unwrap();
}

/// Waits until two daemons are connected with each other, in their present lives.
pub(crate) async fn joined(a: &RunningDaemon, b: &RunningDaemon) {
    for (one, other) in [(a, b), (b, a)] {
        let other = other.addresses();
        until(one, |c| c.get(&other.name) == Some(&other.incarnation)).await;
    }
}

/// Waits until something holds that no event tells of.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
