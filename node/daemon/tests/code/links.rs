//! Transfers over real connections.

use std::sync::Arc;
use std::time::SystemTime;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use waybook_agents::SessionId;
use waybook_daemon::code::{Parts, Repository};
use waybook_daemon::config::{DaemonConfig, Overrides, RepositoryConfig};
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_daemon::link::DataSink;
use waybook_daemon::{
    CodeKeeper, Command, Daemon, Existing, Io, Machinery, PlaceHandle, Rooms, RunningDaemon, Start,
};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, FetchId, Input, InstanceId, Route};
use waybook_plan::Release;

use super::world::{CHUNK, bytes, name, put_whole, release, soon};

struct Quiet;

impl Machinery for Quiet {
    fn start(&self, _: InstanceId, _: Start) {}
    fn stop(&self, _: InstanceId) {}
    fn route(&self, _: Route) {}
    fn unroute(&self, _: SessionId) {}
}

struct Sink(Repository);

impl DataSink for Sink {
    /// Sends as many bytes as it is told.
    fn accept(&self, _: PlaceName, mut stream: Box<dyn Io>) {
        tokio::spawn(async move {
            let piece = vec![7; 256 * 1024];
            for _ in 0..stream.read_u64().await.unwrap() / piece.len() as u64 {
                stream.write_all(&piece).await.unwrap();
            }
            stream.shutdown().await.unwrap();
        });
    }

    fn transfer(&self, from: PlaceName, stream: Box<dyn Io>) {
        let repository = self.0.clone();
        tokio::spawn(async move { repository.serve(from, stream).await });
    }
}

/// A daemon with a repository that reports to the test in place of the place.
struct Node {
    daemon: RunningDaemon,
    repository: Repository,
    reports: UnboundedReceiver<Command>,
}

struct Forest {
    folder: TempDir,
    authority: Authority,
}

impl Forest {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("authority");
        let authority = Authority::create(&path, "test", DEFAULT_VALIDITY, Existing::Keep).unwrap();
        Self { folder, authority }
    }

    fn data_dir(&self, place: &str) -> std::path::PathBuf {
        self.folder.path().join(place.replace('/', "."))
    }

    async fn start(&self, place: &str, parent: Option<&Node>) -> Node {
        let data = self.data_dir(place);
        let identity = data.join("identity");
        if !identity.exists() {
            self.authority
                .issue(&name(place), &identity, DEFAULT_VALIDITY, Existing::Keep)
                .unwrap();
        }
        let mut text = format!(
            "name = {place:?}\ndata-dir = {data:?}\n\
             transport = {{ redial-first = \"20 ms\", redial-longest = \"100 ms\" }}\n"
        );
        if let Some(parent) = parent {
            let address = parent.daemon.addresses().quic.to_string();
            text += &format!("parent.address = {address:?}\n");
        }
        let config =
            DaemonConfig::from_toml(&text, "test", self.folder.path(), &Overrides::none()).unwrap();
        let (handle, reports) = PlaceHandle::new();
        let mut made = None;
        let daemon = Daemon::start_at(config, SystemTime::now(), async |core| {
            let parts = Parts {
                name: core.config.place.name.clone(),
                config: RepositoryConfig::default(),
                greatest: 1 << 30,
                place: handle,
                peers: core.peers.clone(),
            };
            let repository =
                Repository::open(&core.config.data_dir.join("code"), parts, SystemTime::now())?;
            made = Some(repository.clone());
            Ok(Rooms {
                machinery: Arc::new(Quiet),
                code: Arc::new(repository.clone()),
                sink: Arc::new(Sink(repository)),
                api: None,
                api_certificate: None,
                gateway: None,
                metrics: None,
                stop: Vec::new(),
            })
        });
        let daemon = daemon.await.unwrap();
        if let Some(parent) = parent {
            let mut connected = daemon.links().connected();
            let up = connected.wait_for(|c| c.contains_key(&parent.daemon.addresses().name));
            soon("the connection", up).await.unwrap();
            let mut connected = parent.daemon.links().connected();
            let up = connected.wait_for(|c| c.contains_key(&name(place)));
            soon("the connection", up).await.unwrap();
        }
        Node {
            daemon,
            repository: made.unwrap(),
            reports,
        }
    }
}

impl Node {
    fn begin(&self, number: u64, release: &Release, source: &str) {
        let release = Arc::new(release.clone());
        self.repository
            .fetch(FetchId(number), release, name(source));
    }

    async fn outcome(&mut self) -> Result<(), FetchFailure> {
        loop {
            match soon("a report", self.reports.recv()).await {
                Some(Command::Input(Input::Fetched { .. })) => return Ok(()),
                Some(Command::Input(Input::FetchFailed { failure, .. })) => return Err(failure),
                _ => {}
            }
        }
    }

    async fn come(&mut self) -> u64 {
        match soon("a report", self.reports.recv()).await {
            Some(Command::Input(Input::FetchProgress { bytes, .. })) => bytes,
            _ => panic!("something else than progress"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_comes_across_the_tree_over_quic() {
    let code = bytes(3_000_000);
    let forest = Forest::new();
    std::fs::create_dir_all(forest.data_dir("r/b")).unwrap();
    private(&forest.data_dir("r/b"));
    put_whole(&forest.data_dir("r/b").join("code"), &code);
    let root = forest.start("r", None).await;
    let holder = forest.start("r/b", Some(&root)).await;
    let mut place = forest.start("r/a", Some(&root)).await;
    place.begin(1, &release(&code), "r/b");
    assert_eq!(place.outcome().await, Ok(()));
    let come = place.repository.read(&release(&code).digest).await.unwrap();
    assert_eq!(come, code);
    // Nothing of it stays where it only passed.
    assert!(root.repository.read(&release(&code).digest).await.is_err());
    place.begin(2, &release(&bytes(5)), "r");
    assert_eq!(place.outcome().await, Err(FetchFailure::NotHeld));
    for node in [place, holder, root] {
        node.daemon.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_no_end_and_the_rest_comes_later() {
    let code = bytes(64 << 20);
    let forest = Forest::new();
    std::fs::create_dir_all(forest.data_dir("r")).unwrap();
    private(&forest.data_dir("r"));
    put_whole(&forest.data_dir("r").join("code"), &code);
    let root = forest.start("r", None).await;
    let mut place = forest.start("r/a", Some(&root)).await;
    place.begin(1, &release(&code), "r");
    let first = place.come().await;
    assert!(first >= CHUNK as u64 && first < code.len() as u64);
    // The source stops while it sends.
    root.repository.stop().await;
    assert_eq!(place.outcome().await, Err(FetchFailure::Cut));
    root.daemon.stop().await.unwrap();
    place.daemon.stop().await.unwrap();
    place.repository.stop().await;
    let root = forest.start("r", None).await;
    let mut place = forest.start("r/a", Some(&root)).await;
    place.begin(2, &release(&code), "r");
    assert!(place.come().await >= first);
    assert_eq!(place.outcome().await, Ok(()));
    assert_eq!(
        place.repository.read(&release(&code).digest).await.unwrap(),
        code
    );
}

/// Compares a transfer with the same number of bytes on a plain stream.
///
/// ```text
/// cargo test --release -p waybook-daemon --test code -- --ignored --nocapture rate
/// ```
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for a build with optimization"]
async fn the_rate_of_a_transfer() {
    let code = bytes(256 << 20);
    let forest = Forest::new();
    std::fs::create_dir_all(forest.data_dir("r")).unwrap();
    private(&forest.data_dir("r"));
    put_whole(&forest.data_dir("r").join("code"), &code);
    let root = forest.start("r", None).await;
    let mut place = forest.start("r/a", Some(&root)).await;
    let wanted = release(&code);
    let rate = |since: std::time::Instant| 256.0 / since.elapsed().as_secs_f64();
    for run in 0..4 {
        let since = std::time::Instant::now();
        let mut plain = place.daemon.core().peers.open(&name("r")).await.unwrap();
        plain.write_u64(wanted.length).await.unwrap();
        let mut buffer = vec![0; 256 * 1024];
        let mut read = 0;
        while read < code.len() {
            read += plain.read(&mut buffer).await.unwrap();
        }
        let plain = rate(since);
        place.repository.evict(wanted.digest);
        let since = std::time::Instant::now();
        place.begin(run, &wanted, "r");
        assert_eq!(place.outcome().await, Ok(()));
        let transfer = rate(since);
        println!(
            "plain {plain:.0} MiB/s, transfer {transfer:.0} MiB/s: {:.2}",
            transfer / plain
        );
    }
}

fn private(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}
