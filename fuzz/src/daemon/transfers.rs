//! Code on its way from place to place: what a source sends, and what a neighbour asks for.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use waybook_agents::{TransferAnswer, TransferRequest, wire};
use waybook_daemon::code::{Parts, Repository};
use waybook_daemon::config::RepositoryConfig;
use waybook_daemon::{CodeKeeper, Command, Io, Opening, PeerStreams, PlaceHandle};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, FetchId, Input};
use waybook_plan::{Digest, Release};

use super::pipe::{Pipe, ROOM, pipe};
use super::{CHILD, HERE, PARENT, alone, folder, name};

/// What is verified at once.
const CHUNK: usize = 16 * 1024;
/// Three chunks, of which the last is short.
const LENGTH: usize = 2 * CHUNK + 1234;
/// Sources that lie, before an honest one is asked.
const LIARS: u64 = 4;

/// The code: bytes that are never twice the same where it matters.
fn code() -> &'static [u8] {
    static CODE: OnceLock<Vec<u8>> = OnceLock::new();
    CODE.get_or_init(|| {
        let word = |n: u32| n.wrapping_mul(0x9e37_79b1).to_le_bytes();
        let words = (1..).flat_map(word);
        words.take(LENGTH).collect()
    })
}

fn release() -> Release {
    Release {
        name: "cap-quality".to_owned(),
        version: "1.2.3".parse().expect("a version"),
        description: String::new(),
        runtime: "wasi:http/middleware@0.3.0".to_owned(),
        requires: Vec::new(),
        dependencies: BTreeMap::new(),
        digest: Digest(Sha256::digest(code()).into()),
        length: LENGTH as u64,
        root: *blake3::hash(code()).as_bytes(),
        home: name(PARENT),
        signature: None,
    }
}

fn request(source: &str, from: u64) -> TransferRequest {
    let release = release();
    TransferRequest {
        digest: release.digest,
        length: release.length,
        root: release.root,
        source: name(source),
        from,
    }
}

/// Puts the code, whole, where a repository will look for it.
fn put_whole(path: &Path) {
    let file = |suffix| path.join(format!("{}.{suffix}", release().digest.hex()));
    let written = std::fs::write(file("release"), wire::encode_record(&release()))
        .and_then(|()| std::fs::write(file("wasm"), code()));
    written.expect("files can be written");
}

/// A repository wants a folder that nobody else may look into.
fn private(within: &Path) -> PathBuf {
    let path = within.join("code");
    let mut new = std::fs::DirBuilder::new();
    let made = new.recursive(true).mode(0o700).create(&path);
    made.expect("a folder can be made");
    path
}

/// Who is asked for code says what is to be said next; when nothing is left, what is true.
#[derive(Default)]
struct Sources(Mutex<Vec<Said>>);

impl Sources {
    fn says(&self) -> MutexGuard<'_, Vec<Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Said> {
        self.says().pop()
    }
}

/// What a source says.
struct Said {
    bytes: Vec<u8>,
    end: End,
}

/// How it ends.
enum End {
    Shut,
    Break,
    Hang,
}

struct Peers(Arc<Sources>);

impl PeerStreams for Peers {
    fn open<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        panic!("code is not fetched by HTTP")
    }

    fn open_transfer<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let (near, far) = pipe();
            tokio::spawn(answer(self.0.clone(), far));
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

/// The request is what a place writes, so it must be right.
async fn answer(sources: Arc<Sources>, mut stream: Pipe) {
    let request: TransferRequest = match frame(&mut stream).await {
        Some(frame) => wire::decode_transfer(&frame).expect("it asks for code"),
        None => return,
    };
    let said = sources.next();
    let said = said.unwrap_or_else(|| {
        let from = usize::try_from(request.from).expect("it is short");
        let bytes = honest()[from / CHUNK].clone();
        let end = End::Shut;
        Said { bytes, end }
    });
    let _ = stream.write_all(&said.bytes).await;
    match said.end {
        End::Shut => drop(stream.shutdown().await),
        End::Break => {}
        End::Hang => std::future::pending().await,
    }
}

/// A frame without its prefix; none if the stream ends before.
async fn frame(stream: &mut Pipe) -> Option<Vec<u8>> {
    let mut prefix = [0; wire::PREFIX];
    stream.read_exact(&mut prefix).await.ok()?;
    let length = wire::frame_length(prefix, ROOM).expect("a frame's length");
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

fn open(
    of: &str,
    folder: &Path,
    sources: &Arc<Sources>,
) -> (Repository, UnboundedReceiver<Command>) {
    let (place, reports) = PlaceHandle::new();
    let parts = Parts {
        name: name(of),
        config: RepositoryConfig::default(),
        greatest: 1 << 20,
        place,
        peers: Arc::new(Peers(sources.clone())),
    };
    let opened = Repository::open(folder, parts, SystemTime::now());
    (opened.expect("a repository opens"), reports)
}

/// What an honest place sends from each chunk on, its answer included.
fn honest() -> &'static [Vec<u8>] {
    static HONEST: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    HONEST.get_or_init(|| {
        // In a thread of its own: the target that asks may run within a runtime.
        let made = std::thread::spawn(|| {
            let from = (0..LENGTH).step_by(CHUNK);
            from.map(|from| {
                alone(ask(
                    HERE,
                    wire::encode_transfer(&request(HERE, from as u64)),
                ))
            })
            .collect()
        });
        made.join().expect("an honest place answers")
    })
}

/// What a place that has the code answers its child.
async fn ask(here: &str, said: Vec<u8>) -> Vec<u8> {
    served(here, name(CHILD), &said, Vec::new()).await
}

async fn served(here: &str, from: PlaceName, said: &[u8], beyond: Vec<Said>) -> Vec<u8> {
    let sources = Arc::new(Sources::default());
    *sources.says() = beyond;
    let folder = folder();
    let path = private(folder.path());
    put_whole(&path);
    let (repository, _reports) = open(here, &path, &sources);
    let (mut near, far) = pipe();
    let serving = repository.clone();
    let served = tokio::spawn(async move { serving.serve(from, Box::new(far)).await });
    near.write_all(said).await.expect("there is room");
    let mut all = Vec::new();
    // A broken end is one as well.
    let _ = near.read_to_end(&mut all).await;
    served.await.expect("it serves to the end");
    repository.stop().await;
    all
}

/// What sources send, as the bytes have them change an honest one's words. What they do costs
/// nobody but themselves: in the end an honest one is asked, and the code is here and right.
pub(crate) fn incoming(bytes: &[u8]) {
    let honest = honest();
    let folder = folder();
    let path = private(folder.path());
    alone(async {
        let sources = Arc::new(Sources::default());
        let (mut repository, mut reports) = open(CHILD, &path, &sources);
        let mut bytes = bytes;
        for turn in 0..=LIARS {
            // What is here of it is known by what a source is asked for: it does not matter to a
            // liar which of the honest streams is changed.
            if turn < LIARS {
                let Some(said) = lie(&mut bytes, honest) else {
                    continue;
                };
                sources.says().push(said);
            }
            let fetch = FetchId(turn);
            repository.fetch(fetch, Arc::new(release()), name(PARENT));
            let outcome = outcome(&mut reports, fetch).await;
            if outcome.is_ok() {
                break;
            }
            assert!(turn < LIARS, "an honest source: {outcome:?}");
            if turn % 2 == 1 {
                repository.stop().await;
                (repository, reports) = open(CHILD, &path, &sources);
            }
        }
        let read = repository.read(&release().digest).await;
        assert!(read.expect("the code is here") == code(), "other code");
        repository.stop().await;
    });
}

/// How a transfer ends. What is told on the way is never more than there is.
async fn outcome(
    reports: &mut UnboundedReceiver<Command>,
    of: FetchId,
) -> Result<(), FetchFailure> {
    loop {
        match reports.recv().await {
            Some(Command::Input(Input::FetchProgress { bytes, .. })) => {
                assert!(bytes <= LENGTH as u64, "{bytes} of {LENGTH} bytes");
            }
            Some(Command::Input(Input::Fetched { fetch })) if fetch == of => return Ok(()),
            Some(Command::Input(Input::FetchFailed { fetch, failure })) if fetch == of => {
                return Err(failure);
            }
            Some(Command::Input(other)) => panic!("{other:?}"),
            _ => panic!("the repository reports by inputs until it is stopped"),
        }
    }
}

/// Changes what an honest place says. None if there is nothing more to do.
fn lie(bytes: &mut &[u8], honest: &[Vec<u8>]) -> Option<Said> {
    let mut next = || {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(*first)
    };
    let mut rest = honest[usize::from(next()?) % honest.len()].as_slice();
    let mut said = Vec::new();
    let end = loop {
        let Some(step) = next() else {
            break End::Shut;
        };
        let mut length = || Some(usize::from(u16::from_le_bytes([next()?, next()?])));
        match step % 8 {
            // What is true,
            0 => said.extend(rest.split_off(..length()?.min(rest.len()))?),
            1 => said.extend(std::mem::take(&mut rest)),
            // less than that,
            2 => {
                let _ = rest.split_off(..length()?.min(rest.len()));
            }
            // more,
            3 => {
                for _ in 0..next()? % 64 {
                    said.push(next()?);
                }
            }
            // and what is nearly true.
            4 => {
                let change = next()?;
                said.extend(rest.split_off_first().map(|byte| byte ^ change));
            }
            5 => break End::Shut,
            6 => break End::Break,
            _ => break End::Hang,
        }
        if said.len() > ROOM / 2 {
            break End::Shut;
        }
    };
    Some(Said { bytes: said, end })
}

/// What neighbours say on a transfer's stream to a place that has the code, or is on the way to
/// one that has; and what that one answers. The first byte says which, the second how much is
/// the neighbour's.
pub(crate) fn outgoing(bytes: &[u8]) {
    let [which, length, rest @ ..] = bytes else {
        return;
    };
    let (said, beyond) = rest.split_at(usize::from(*length).min(rest.len()));
    let from = if which & 1 == 0 { CHILD } else { PARENT };
    let said_beyond = Said {
        bytes: beyond.to_vec(),
        end: match which / 2 % 3 {
            0 => End::Shut,
            1 => End::Break,
            _ => End::Hang,
        },
    };
    let answered = alone(served(HERE, name(from), said, vec![said_beyond]));
    let Some(asked) = asked(said) else { return };
    if asked.source != name(HERE) {
        let most = asked.length.saturating_sub(asked.from).saturating_mul(2);
        let most = most.saturating_add(ROOM as u64);
        assert!(answered.len() as u64 <= most, "a tunnel");
        return;
    }
    let Some((prefix, frame)) = answered.split_at_checked(wire::PREFIX) else {
        assert!(answered.is_empty(), "half an answer");
        return;
    };
    let prefix = prefix.try_into().expect("a prefix");
    let length = wire::frame_length(prefix, ROOM).expect("a frame's length");
    let (answer, code) = frame.split_at(length);
    match wire::decode_transfer(answer).expect("an answer") {
        TransferAnswer::Follows => {
            let from = usize::try_from(asked.from).expect("it is here");
            assert!(answered == honest()[from / CHUNK], "other code");
        }
        _ => assert!(code.is_empty(), "code behind a refusal"),
    }
}

/// What a neighbour has asked for, if that is all it has said.
fn asked(said: &[u8]) -> Option<TransferRequest> {
    let (prefix, frame) = said.split_at_checked(wire::PREFIX)?;
    let length = wire::frame_length(prefix.try_into().ok()?, ROOM).ok()?;
    wire::decode_transfer(frame)
        .ok()
        .filter(|_| length == frame.len())
}
