//! A disk that takes no more. The system's limit on the length of a file stands in for
//! it: writes fail in the middle, as they do on a full disk. It holds for the whole
//! process, which is why these tests have one to themselves, and take turns.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, oneshot};
use waybook_agents::SessionId;
use waybook_daemon::code::{Parts, Repository, UploadError};
use waybook_daemon::config::RepositoryConfig;
use waybook_daemon::store::Store;
use waybook_daemon::{CodeKeeper, Command, Io, Opening, PeerStreams, PlaceHandle};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, FetchId, Input, RecordKey};
use waybook_plan::{Digest, Release};

static ALONE: Mutex<()> = Mutex::const_new(());

/// Hands streams straight to one repository.
struct Straight(Option<Repository>);

impl PeerStreams for Straight {
    fn open<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        panic!("code is not fetched by HTTP")
    }

    fn open_transfer<'a>(&'a self, _: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let source = self.0.clone().ok_or(io::ErrorKind::NotConnected)?;
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move { source.serve(name("r/a"), Box::new(far)).await });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// A limit on the length of files, while it lives.
struct Full(Rlimit);

impl Full {
    fn above(bytes: u64) -> Self {
        let before = getrlimit(Resource::Fsize);
        let limit = Rlimit {
            current: Some(bytes),
            maximum: before.maximum,
        };
        setrlimit(Resource::Fsize, limit).unwrap();
        Self(before)
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        setrlimit(Resource::Fsize, self.0).unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let _alone = ALONE.lock().await;
    // Without somebody who listens, the signal that comes with the error ends the process.
    let _heard = signal(SignalKind::from_raw(25)).unwrap();
    let folder = TempDir::new().unwrap();
    let open = |place: &str, source| {
        let (handle, reports) = PlaceHandle::new();
        let parts = Parts {
            name: name(place),
            config: RepositoryConfig::default(),
            greatest: 8 << 20,
            place: handle,
            peers: Arc::new(Straight(source)),
        };
        let path = folder.path().join(place.replace('/', "."));
        let repository = Repository::open(&path, parts, SystemTime::now()).unwrap();
        (repository, reports, path)
    };
    let code: Vec<u8> = (0_u32..500_000).flat_map(u32::to_le_bytes).collect();
    let (source, mut orders, _) = open("r", None);
    let mut upload = source.upload().await.unwrap();
    upload.write(&code).await.unwrap();
    let staged = upload.finish().await.unwrap();
    let release = Arc::new(Release {
        name: "long".to_owned(),
        version: "1.0.0".parse().unwrap(),
        description: String::new(),
        runtime: "wasi:http/proxy@0.2.0".to_owned(),
        requires: Vec::new(),
        dependencies: BTreeMap::new(),
        digest: staged.digest,
        length: staged.length,
        root: staged.root,
        home: name("r"),
        signature: None,
    });
    let adding = source.add(staged, release.clone());
    let answering = async {
        if let Some(Command::Code(_, answer)) = orders.recv().await {
            answer.send(Ok(Vec::new())).unwrap();
        }
    };
    tokio::join!(adding, answering).0.unwrap();

    let (place, mut reports, path) = open("r/a", Some(source));
    let files = || std::fs::read_dir(&path).unwrap().count();
    let held = async |digest: Digest| place.path(&digest).await.is_ok();
    // No room at all, not even for the release; room for some chunks.
    for (number, room) in [0, 1_000_000].into_iter().enumerate() {
        let full = Full::above(room);
        let fetch = FetchId(number as u64);
        place.fetch(fetch, release.clone(), name("r"));
        let failure = loop {
            match reports.recv().await {
                Some(Command::Input(Input::FetchFailed { failure, .. })) => break failure,
                Some(Command::Input(Input::FetchProgress { .. })) => {}
                _ => panic!("something else than a failure"),
            }
        };
        assert!(matches!(failure, FetchFailure::Disk(_)), "{failure:?}");
        assert_eq!(files(), 0);
        assert!(!held(release.digest).await);
        let mut upload = place.upload().await.unwrap();
        let written = upload.write(&code).await;
        assert!(matches!(written, Err(UploadError::Disk(_))), "{written:?}");
        drop(upload);
        assert_eq!(files(), 0);
        drop(full);
    }
    // With room again, all is well.
    place.fetch(FetchId(9), release.clone(), name("r"));
    loop {
        match reports.recv().await {
            Some(Command::Input(Input::Fetched { .. })) => break,
            Some(Command::Input(Input::FetchProgress { .. })) => {}
            _ => panic!("something else than success"),
        }
    }
    assert_eq!(place.read(&release.digest).await.unwrap(), code);
}

/// Once a write had failed, nothing was written again in that life, however much room there was:
/// what had ended since came back with the next one.
#[tokio::test]
async fn records_are_written_when_there_is_room_again() {
    let _alone = ALONE.lock().await;
    let _heard = signal(SignalKind::from_raw(25)).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let store = Store::open(&path, SystemTime::now()).unwrap();
    let [over, new, other] = [1, 2, 3].map(|n| RecordKey::Session(SessionId(n)));
    let written = async |record: Option<&RecordKey>| {
        let (answer, answered) = oneshot::channel();
        store.when_written(record.cloned(), answer);
        answered.await.unwrap()
    };
    store.put(over.clone(), Some(vec![1; 10_000]));
    assert_eq!(written(None).await, Ok(()));
    let full = Full::above(0);
    store.put(over.clone(), None);
    store.put(new.clone(), Some(vec![2; 10_000]));
    // Tried again and again, and told to all who ask.
    for _ in 0..3 {
        assert!(written(Some(&over)).await.is_err());
        assert!(written(None).await.is_err());
    }
    assert_eq!(written(Some(&other)).await, Ok(()));
    drop(full);
    assert_eq!(written(Some(&over)).await, Ok(()));
    drop(store);
    let records = Store::open(&path, SystemTime::now())
        .unwrap()
        .take_records();
    let keys: Vec<_> = records.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [new]);
}
