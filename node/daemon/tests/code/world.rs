//! Repositories joined by pipes, and sources that do what a test wants.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use waybook_agents::{TransferAnswer, TransferRequest, wire};
use waybook_daemon::FileError;
use waybook_daemon::code::{Parts, Repository};
use waybook_daemon::config::RepositoryConfig;
use waybook_daemon::{CodeKeeper, Command, Io, Opening, PeerStreams, PlaceHandle};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, FetchId, Input};
use waybook_plan::{Digest, Release};

/// Longer than anything takes that works, on a busy machine as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What is verified at once.
pub(crate) const CHUNK: usize = 16 * 1024;
/// Five chunks, of which the last is short.
pub(crate) const FIVE: usize = 4 * CHUNK + 1234;

/// Waits, and says for what if it does not come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// Random bytes, always the same for a length.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(length as u64).fill_bytes(&mut bytes);
    bytes
}

/// The release that those bytes are of.
pub(crate) fn release(bytes: &[u8]) -> Release {
    let sha = ring::digest::digest(&ring::digest::SHA256, bytes);
    Release {
        name: "cap-quality".to_owned(),
        version: "1.2.3".parse().unwrap(),
        description: String::new(),
        runtime: "wasi:http/middleware@0.3.0".to_owned(),
        requires: Vec::new(),
        dependencies: std::collections::BTreeMap::new(),
        digest: Digest(sha.as_ref().try_into().unwrap()),
        length: bytes.len() as u64,
        root: *blake3::hash(bytes).as_bytes(),
        home: name("r"),
        signature: None,
    }
}

/// One end of a pipe that behaves as a transfer's stream does: dropped before it is shut
/// down, it is broken off.
pub(crate) struct Pipe {
    stream: DuplexStream,
    ended: bool,
    broken: Arc<AtomicBool>,
    other_broken: Arc<AtomicBool>,
}

pub(crate) fn pipe() -> (Pipe, Pipe) {
    let (near, far) = tokio::io::duplex(8 * 1024);
    let flags = [Arc::<AtomicBool>::default(), Arc::default()];
    let end = |stream, mine: usize| Pipe {
        stream,
        ended: false,
        broken: flags[mine].clone(),
        other_broken: flags[1 - mine].clone(),
    };
    (end(near, 0), end(far, 1))
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !self.ended {
            self.broken.store(true, Ordering::SeqCst);
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let end = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if end && buffer.remaining() > 0 && self.other_broken.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        read
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Serves a neighbour's stream.
type Server =
    Arc<dyn Fn(PlaceName, Pipe) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Who can be reached by pipe.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<HashMap<PlaceName, Server>>>);

struct Pipes {
    from: PlaceName,
    net: Net,
}

impl PeerStreams for Pipes {
    fn open<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        panic!("code is not fetched by HTTP")
    }

    fn open_transfer<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let server = self.net.0.lock().unwrap().get(to).cloned();
            let server = server.ok_or(io::ErrorKind::NotConnected)?;
            let (near, far) = pipe();
            tokio::spawn(server(self.from.clone(), far));
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

/// One place: its repository, and what that reports.
pub(crate) struct Place {
    pub(crate) name: PlaceName,
    pub(crate) repository: Repository,
    pub(crate) folder: PathBuf,
    pub(crate) reports: UnboundedReceiver<Command>,
    fetches: u64,
}

/// All places of a test.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) net: Net,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            net: Net::default(),
        }
    }

    pub(crate) fn folder(&self, place: &str) -> PathBuf {
        self.dir.path().join(place.replace('/', "."))
    }

    /// Opens a place's repository, or opens it again.
    pub(crate) fn place(&self, place: &str) -> Place {
        self.place_with(place, |_| {})
    }

    pub(crate) fn place_with(
        &self,
        place: &str,
        configure: impl FnOnce(&mut RepositoryConfig),
    ) -> Place {
        self.opened(place, configure).unwrap()
    }

    /// A place whose repository may not open.
    pub(crate) fn opened(
        &self,
        place: &str,
        configure: impl FnOnce(&mut RepositoryConfig),
    ) -> Result<Place, FileError> {
        let (handle, reports) = PlaceHandle::new();
        let mut config = RepositoryConfig::default();
        configure(&mut config);
        let of = name(place);
        let parts = Parts {
            name: of.clone(),
            config,
            greatest: 1 << 20,
            place: handle,
            peers: Arc::new(Pipes {
                from: of.clone(),
                net: self.net.clone(),
            }),
        };
        let folder = self.folder(place);
        let repository = Repository::open(&folder, parts, SystemTime::now())?;
        let served = repository.clone();
        self.serve(place, move |from, stream| {
            let served = served.clone();
            async move { served.serve(from, Box::new(stream)).await }
        });
        Ok(Place {
            name: of,
            repository,
            folder,
            reports,
            fetches: 0,
        })
    }

    /// A place that already holds some code.
    pub(crate) fn holder(&self, place: &str, bytes: &[u8]) -> Place {
        let folder = self.folder(place);
        put_whole(&folder, bytes);
        self.place(place)
    }

    /// Has a place's streams served in any way.
    pub(crate) fn serve<F, R>(&self, place: &str, server: F)
    where
        F: Fn(PlaceName, Pipe) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let server: Server = Arc::new(move |from, stream| Box::pin(server(from, stream)));
        self.net.0.lock().unwrap().insert(name(place), server);
    }

    /// Takes a place away.
    pub(crate) fn cut(&self, place: &str) {
        self.net.0.lock().unwrap().remove(&name(place));
    }

    /// Opens a stream to a place, as that neighbour would, and asks.
    pub(crate) async fn ask(&self, place: &str, from: &str, request: &TransferRequest) -> Pipe {
        let server = self.net.0.lock().unwrap()[&name(place)].clone();
        let (mut near, far) = pipe();
        tokio::spawn(server(name(from), far));
        near.write_all(&wire::encode_transfer(request))
            .await
            .unwrap();
        near
    }

    /// All that an honest place sends from a byte on, after its answer.
    pub(crate) async fn recording(&self, bytes: &[u8], from: u64) -> Vec<u8> {
        let honest = Self::new();
        let _holder = honest.holder("r", bytes);
        let mut stream = honest.ask("r", "r/a", &request(bytes, "r", from)).await;
        assert_eq!(answer(&mut stream).await, TransferAnswer::Follows);
        let mut all = Vec::new();
        soon("the end", stream.read_to_end(&mut all)).await.unwrap();
        all
    }
}

/// Puts whole code into a repository that is not open.
pub(crate) fn put_whole(folder: &Path, bytes: &[u8]) {
    use std::os::unix::fs::DirBuilderExt;
    let _ = std::fs::DirBuilder::new().mode(0o700).create(folder);
    let release = release(bytes);
    let file = |suffix| folder.join(format!("{}.{suffix}", release.digest.hex()));
    std::fs::write(file("release"), wire::encode_record(&release)).unwrap();
    std::fs::write(file("wasm"), bytes).unwrap();
}

/// What asks for those bytes.
pub(crate) fn request(bytes: &[u8], source: &str, from: u64) -> TransferRequest {
    let release = release(bytes);
    TransferRequest {
        digest: release.digest,
        length: release.length,
        root: release.root,
        source: name(source),
        from,
    }
}

/// The answer to a request.
pub(crate) async fn answer(stream: &mut Pipe) -> TransferAnswer {
    wire::decode_transfer(&frame(stream).await).unwrap()
}

/// A frame without its prefix.
pub(crate) async fn frame(stream: &mut Pipe) -> Vec<u8> {
    let mut prefix = [0; wire::PREFIX];
    soon("a frame", stream.read_exact(&mut prefix))
        .await
        .unwrap();
    let mut frame = vec![0; wire::frame_length(prefix, 10_000).unwrap()];
    soon("a frame", stream.read_exact(&mut frame))
        .await
        .unwrap();
    frame
}

impl Place {
    /// Begins a transfer.
    pub(crate) fn begin(&mut self, release: &Release, source: &str) -> FetchId {
        self.fetches += 1;
        let fetch = FetchId(self.fetches);
        let release = Arc::new(release.clone());
        self.repository.fetch(fetch, release, name(source));
        fetch
    }

    pub(crate) async fn report(&mut self) -> Input {
        match soon("a report", self.reports.recv()).await {
            Some(Command::Input(input)) => input,
            _ => panic!("the repository reports by inputs"),
        }
    }

    /// How a transfer ends, and what was said of it before.
    pub(crate) async fn outcome(&mut self, of: FetchId) -> (Result<(), FetchFailure>, Vec<u64>) {
        let mut news = Vec::new();
        loop {
            match self.report().await {
                Input::FetchProgress { fetch, bytes } if fetch == of => news.push(bytes),
                Input::Fetched { fetch } if fetch == of => return (Ok(()), news),
                Input::FetchFailed { fetch, failure } if fetch == of => {
                    return (Err(failure), news);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// A transfer from its beginning to its end.
    pub(crate) async fn fetch(
        &mut self,
        release: &Release,
        source: &str,
    ) -> Result<(), FetchFailure> {
        let fetch = self.begin(release, source);
        self.outcome(fetch).await.0
    }

    /// Waits until that many bytes of a transfer are here.
    pub(crate) async fn come(&mut self, of: FetchId, wanted: usize) {
        loop {
            match self.report().await {
                Input::FetchProgress { fetch, bytes } if fetch == of => {
                    if bytes >= wanted as u64 {
                        return;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The names of all files, with suffixes in place of digests.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names
            .map(|n| match n.split_once('.') {
                Some((_, suffix)) if !n.starts_with('.') => suffix.to_owned(),
                _ => n,
            })
            .collect();
        names.sort();
        names
    }

    /// Checks that the code is here, whole and right, and nothing else.
    pub(crate) async fn assert_whole(&self, bytes: &[u8]) {
        let digest = release(bytes).digest;
        assert_eq!(self.repository.read(&digest).await.unwrap(), bytes);
        assert_eq!(self.files(), ["release", "wasm"]);
    }
}

/// How a source ends what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order.
    Shut,
    /// By breaking off.
    Break,
    /// Not at all.
    Hang,
}

/// What a source was asked, in order.
pub(crate) type Asked = Arc<Mutex<Vec<TransferRequest>>>;

impl World {
    /// A source that knows the code, and does with it what the test wants: the closure is
    /// given what an honest one would send.
    pub(crate) fn source<F>(&self, place: &str, code: &[u8], act: F) -> Asked
    where
        F: Fn(usize, Vec<u8>) -> (Vec<u8>, End) + Send + Sync + 'static,
    {
        let asked = Asked::default();
        let (log, code, act) = (asked.clone(), code.to_vec(), Arc::new(act));
        self.serve(place, move |_, mut stream| {
            let (log, code, act) = (log.clone(), code.clone(), act.clone());
            async move {
                let request: TransferRequest =
                    wire::decode_transfer(&frame(&mut stream).await).unwrap();
                let honest = World::new().recording(&code, request.from).await;
                let turn = {
                    let mut log = log.lock().unwrap();
                    log.push(request);
                    log.len() - 1
                };
                let (bytes, end) = act(turn, honest);
                let answer = wire::encode_transfer(&TransferAnswer::Follows);
                let _ = stream.write_all(&answer).await;
                let _ = stream.write_all(&bytes).await;
                match end {
                    End::Shut => drop(stream.shutdown().await),
                    End::Break => {}
                    End::Hang => std::future::pending().await,
                }
            }
        });
        asked
    }
}

/// Where a chunk of the code begins in what is sent of it.
pub(crate) fn position(sent: &[u8], code: &[u8], chunk: usize) -> usize {
    let begin = &code[chunk * CHUNK..chunk * CHUNK + 32];
    let mut windows = sent.windows(begin.len());
    windows.position(|w| w == begin).unwrap()
}
