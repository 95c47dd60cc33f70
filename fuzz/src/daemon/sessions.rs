//! A place with sessions, and what stands around it.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use waybook_agents::SessionId;
use waybook_daemon::api::{
    Addresses, ControlApi, Ends, NoStore, Profiles, Rights, SessionUrls, Tokens, Urls,
};
use waybook_daemon::config::{ApiLimits, AuditConfig, ProfilesConfig, RemoteRights};
use waybook_daemon::data::{DataConfig, DataPlane};
use waybook_daemon::trace::Setups;
use waybook_daemon::{Audit, Command, Io, Opening, PeerStreams, PlaceHandle, Start, api};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Booked, Input, InstanceId, Route};
use waybook_plan::{Component, Runtime};

use super::keeper::Keeper;
use super::{CHILD, HERE, PARENT, folder, name};

/// What a local client of the control API shows.
pub(super) const TOKEN: &str = "token-of-an-operator";
/// What stands in files that nobody may read.
pub(super) const SECRET: &str = "none of their business";
/// How long who asks waits; longer than anything that the place waits for.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than anybody says, so that nobody waits for a reader.
const ROOM: usize = 1 << 20;

/// A session of the child with a server beyond the parent.
pub(super) const PASSING: SessionId = SessionId(1);
/// The same, of a client here.
pub(super) const FROM_HERE: SessionId = SessionId(2);
/// A session of a client here with files of this place.
const FILES: SessionId = SessionId(3);
/// The same, of the child.
const FILES_BELOW: SessionId = SessionId(4);
/// A session of the parent with a server at the child.
const UPWARD: SessionId = SessionId(5);

/// What was said to a neighbour on one stream.
pub(super) struct Seen {
    pub(super) to: PlaceName,
    pub(super) bytes: Vec<u8>,
}

/// What neighbours answer, whatever they are asked, and whether they can be asked again on the same stream.
pub(super) struct Answer<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) stays: bool,
}

/// The neighbours.
struct Peers {
    answer: Vec<u8>,
    stays: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl PeerStreams for Peers {
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        let (near, far) = tokio::io::duplex(ROOM);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = seen.len();
        let (to, bytes) = (to.clone(), Vec::new());
        seen.push(Seen { to, bytes });
        let answering = answer(
            far,
            self.answer.clone(),
            self.stays,
            self.seen.clone(),
            stream,
        );
        tokio::spawn(answering);
        Box::pin(async { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

/// Answers when the head of a request is there, and hears out what follows, or answers the next one.
async fn answer(
    mut io: DuplexStream,
    mut answer: Vec<u8>,
    stays: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
    stream: usize,
) {
    let mut piece = [0; 4096];
    let mut answered = 0;
    while let Ok(length @ 1..) = io.read(&mut piece).await {
        let whole = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = &mut seen[stream].bytes;
            bytes.extend_from_slice(&piece[..length]);
            let mut left = bytes[answered..].windows(4);
            let whole = left.position(|end| end == b"\r\n\r\n");
            answered += whole.map_or(0, |at| at + 4);
            whole.is_some()
        };
        if whole && stays {
            if io.write_all(&answer).await.is_err() {
                return;
            }
        } else if whole && !answer.is_empty() {
            let said = io.write_all(&std::mem::take(&mut answer)).await;
            if said.and(io.shutdown().await).is_err() {
                return;
            }
        }
    }
}

struct NoUrls;

impl SessionUrls for NoUrls {
    fn urls(&self, _: SessionId) -> Option<Urls> {
        None
    }
}

/// The place.
pub(super) struct World {
    pub(super) plane: DataPlane,
    pub(super) api: ControlApi,
    seen: Arc<Mutex<Vec<Seen>>>,
    folder: TempDir,
}

impl World {
    /// A place whose neighbours give that answer.
    pub(super) async fn new(answer: Answer<'_>) -> Self {
        let folder = folder();
        let roots = put_files(folder.path()).expect("files can be written");
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let peers: Arc<dyn PeerStreams> = Arc::new(Peers {
            answer: answer.bytes.to_vec(),
            stays: answer.stays,
            seen: seen.clone(),
        });
        let (place, mut inbox) = PlaceHandle::new();
        let mut config = DataConfig::new(name(HERE), [7; 32]);
        config.files = vec![roots];
        let plane = DataPlane::new(config, peers.clone(), place.clone());
        let ends = Ends::default();
        let api = ControlApi::new(api::Parts {
            place,
            name: name(HERE),
            peers,
            token: TOKEN.to_owned(),
            tokens: Arc::new(Tokens::open(folder.path(), 10).expect("there are none")),
            urls: Arc::new(NoUrls),
            addresses: Addresses::default(),
            rights: Rights::new(name(HERE), RemoteRights::default()),
            folder: folder.path().to_owned(),
            profiles: Arc::new(
                Profiles::open(folder.path(), ProfilesConfig::default()).expect("there are none"),
            ),
            ends: ends.clone(),
            code: Arc::new(NoStore),
            limits: ApiLimits::default(),
            counts: Arc::new(()),
            recorded: Arc::default(),
            setups: Arc::new(Setups::new(100)),
            log: Arc::new(()),
            reload: Arc::new(()),
            invites: Arc::new(()),
            recent: Arc::default(),
            tls: None,
            origins: Vec::new(),
            audit: Arc::new(
                Audit::open(folder.path(), &name(HERE), AuditConfig::default())
                    .expect("there is none"),
            ),
        });
        plane.set_peer_api(Arc::new(api.clone()));
        let (relay, files) = (InstanceId(1), InstanceId(2));
        plane.start(relay, builtin("relay", &[]));
        plane.start(files, builtin("files", &[("root", "film")]));
        for _ in [relay, files] {
            match inbox.recv().await {
                Some(Command::Input(Input::ComponentUp { .. })) => {}
                _ => panic!("a component does not come up"),
            }
        }
        tokio::spawn(Keeper::new(ends).run(inbox));
        for (session, previous, component, next) in [
            (PASSING, Some(CHILD), relay, Some(PARENT)),
            (FROM_HERE, None, relay, Some(PARENT)),
            (FILES, None, files, None),
            (FILES_BELOW, Some(CHILD), files, None),
            (UPWARD, Some(PARENT), relay, Some(CHILD)),
        ] {
            plane.route(Route {
                session,
                chain: vec![component],
                next: next.map(name),
                previous: previous.map(name),
                to_client: None,
                to_server: None,
                booked: Booked::default(),
            });
        }
        Self {
            plane,
            api,
            seen,
            folder,
        }
    }

    /// Says something on a stream that somebody serves, and hears the answer.
    pub(super) async fn say<F>(&self, said: &[u8], serve: impl FnOnce(Box<dyn Io>) -> F) -> Vec<u8>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (mut near, far) = tokio::io::duplex(ROOM);
        let served = tokio::spawn(serve(Box::new(far)));
        near.write_all(said).await.expect("there is room");
        let mut heard = Vec::new();
        let all = async {
            let _ = near.read_to_end(&mut heard).await;
        };
        // Who hears nothing for that long goes away, and with that it must be over.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        drop(near);
        let over = tokio::time::timeout(PATIENCE, served).await;
        let over = over.expect("it ends when nobody listens any more");
        over.expect("it is served to the end");
        heard
    }

    /// Stops, and tells what was said to neighbours.
    pub(super) async fn end(self) -> Vec<Seen> {
        self.api.stop();
        self.plane.stop_all().await;
        drop(self.folder);
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who speaks to the gateway.
pub(super) fn client() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000))
}

fn builtin(component: &str, config: &[(&str, &str)]) -> Start {
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Start {
        component: Component {
            name: component.to_owned(),
            runtime: Runtime::Builtin,
            config: config.iter().map(text).collect::<BTreeMap<_, _>>(),
        },
        release: None,
        session: PASSING,
        booked: Booked::default(),
    }
}

/// A film, and beside it and behind a link what is no part of it. Says where films are.
fn put_files(folder: &Path) -> std::io::Result<PathBuf> {
    let roots = folder.join("roots");
    let film = roots.join("film");
    std::fs::create_dir_all(film.join("high"))?;
    std::fs::write(film.join("index.m3u8"), "#EXTM3U\nhigh/0.ts\n")?;
    std::fs::write(film.join("high/0.ts"), [0x47; 376])?;
    for secret in ["secret.txt", "roots/secret.txt", "roots/film-two"] {
        std::fs::write(folder.join(secret), SECRET)?;
    }
    symlink("../secret.txt", film.join("out.txt"))?;
    symlink("../..", film.join("up"))?;
    Ok(roots)
}
