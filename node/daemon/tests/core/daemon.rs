//! Daemons on loopback, over real QUIC.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waybook_daemon::PeerStreams;
use waybook_daemon::identity::{Authority, DEFAULT_VALIDITY};
use waybook_daemon::{Core, Daemon, Existing, RunningDaemon, Stopping};

use waybook_daemon::store::Store;
use waybook_place::io::{Input, OpenRequest, RecordKey};
use waybook_plan::{Digest, Presentation};

use crate::tree::{
    Forest, PATIENCE, eventually, joined, name, quiet_rooms, start, start_at, until,
};

/// The lives that a place itself knows its neighbours by.
async fn links_of(daemon: &RunningDaemon) -> Vec<String> {
    let look = daemon
        .place()
        .query(|place, _| place.links().map(|(n, _)| n.to_string()).collect());
    look.await.unwrap()
}

#[tokio::test]
async fn three_places_join_and_their_places_are_told() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    let middle = forest.start("core/a", Some(&root)).await;
    let leaf = forest.start("core/a/x", Some(&middle)).await;
    joined(&root, &middle).await;
    joined(&middle, &leaf).await;
    // Events come before whoever asks after they were seen.
    assert_eq!(links_of(&middle).await, ["core", "core/a/x"]);
    assert_eq!(links_of(&root).await, ["core/a"]);
    let (up, down) = (name("core"), name("core/a"));
    for (from, to) in [(&middle, &up), (&root, &down)] {
        let mut stream = from.links().open(to).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, format!("{} said hello", from.addresses().name));
    }
    let stranger = name("core/b");
    let error = root.links().open(&stranger).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
    leaf.stop().await.unwrap();
    until(&middle, |c| !c.contains_key(&name("core/a/x"))).await;
    middle.stop().await.unwrap();
    root.stop().await.unwrap();
}

#[tokio::test]
async fn a_child_rejoins_by_itself_when_its_parent_restarts() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    let child = forest.start("core/a", Some(&root)).await;
    joined(&root, &child).await;
    let before = root.addresses().clone();
    root.stop().await.unwrap();
    until(&child, BTreeMap::is_empty).await;
    let mut config = forest.config("core", None);
    config.listen = before.quic;
    let root = start(config).await.unwrap();
    assert!(root.addresses().incarnation > before.incarnation);
    joined(&root, &child).await;
}

#[test]
fn a_child_notices_a_crash_long_before_the_idle_time_out() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let forest = Forest::new();
    let (here, there) = (runtime(), runtime());
    // The idle time-out would come too late for this test.
    let config = |place: &str, parent: Option<&RunningDaemon>| {
        forest.plant(place);
        let parent = parent.map(|p| p.addresses().quic.to_string());
        let mut config = forest.config(place, parent);
        config.transport.idle_timeout = PATIENCE * 3;
        config
    };
    let root = there.block_on(start(config("core", None))).unwrap();
    let child = here.block_on(start(config("core/a", Some(&root)))).unwrap();
    here.block_on(joined(&root, &child));
    let before = root.addresses().clone();
    // Nobody is told anything.
    there.shutdown_background();
    drop(root);
    let mut config = config("core", None);
    config.listen = before.quic;
    let since = std::time::Instant::now();
    let root = here.block_on(async {
        // The old life lets go of folder and socket in its own time.
        loop {
            match start(config.clone()).await {
                Ok(root) => break root,
                Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    here.block_on(joined(&root, &child));
}

#[tokio::test]
async fn a_newer_life_of_a_child_replaces_the_older() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    let first = forest.start("core/a", Some(&root)).await;
    joined(&root, &first).await;
    // The same name from another folder, as after a restore on another machine.
    let other = forest.folder.path().join("other");
    forest.plant_from(&forest.authority, "core/a", &other);
    let mut config = forest.config("core/a", Some(root.addresses().quic.to_string()));
    config.identity = waybook_daemon::config::IdentityPaths::in_folder(&other.join("identity"));
    config.data_dir = other;
    let later = SystemTime::now() + Duration::from_secs(60);
    let second = start_at(config, later).await.unwrap();
    joined(&root, &second).await;
    // The older one comes back again and again, and is refused.
    eventually(async || root.links().counters().refused > 0).await;
    joined(&root, &second).await;
}

#[tokio::test]
async fn a_place_of_another_authority_is_refused() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    let path = forest.folder.path().join("foreign");
    let foreign = Authority::create(&path, "foreign", DEFAULT_VALIDITY, Existing::Keep).unwrap();
    forest.plant_from(&foreign, "core/a", &forest.data_dir("core/a"));
    // It trusts the right authority, so that it is the root that has to refuse.
    let config = forest.config("core/a", Some(root.addresses().quic.to_string()));
    let mut bundle = std::fs::read_to_string(&config.identity.authority).unwrap();
    let trusted = forest.folder.path().join("authority/authority.crt");
    bundle += &std::fs::read_to_string(trusted).unwrap();
    std::fs::write(&config.identity.authority, bundle).unwrap();
    let child = start(config).await.unwrap();
    eventually(async || root.links().counters().failed_handshakes > 0).await;
    assert!(child.links().connected().borrow().is_empty());
    assert!(root.links().connected().borrow().is_empty());
}

#[tokio::test]
async fn two_daemons_never_share_a_folder() {
    let forest = Forest::new();
    let first = forest.start("core", None).await;
    let error = start(forest.config("core", None)).await.err().unwrap();
    let error = error.to_string();
    let wanted = format!("another daemon (process {})", std::process::id());
    assert!(error.contains(&wanted), "{error}");
    first.stop().await.unwrap();
    start(forest.config("core", None)).await.unwrap();
}

#[tokio::test]
async fn lives_grow_even_when_the_clock_is_set_back() {
    let forest = Forest::new();
    forest.plant("core");
    let now = SystemTime::now();
    let mut last = None;
    for clock in [now, now - Duration::from_secs(1800), now] {
        let daemon = start_at(forest.config("core", None), clock).await.unwrap();
        let life = daemon.addresses().incarnation;
        assert!(last < Some(life), "{last:?} {life:?}");
        last = Some(life);
        daemon.stop().await.unwrap();
    }
}

#[tokio::test]
async fn commands_find_a_running_daemon_and_no_stopped_one() {
    let forest = Forest::new();
    let daemon = forest.start("core", None).await;
    let path = forest.data_dir("core").join("runtime.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let found: waybook_daemon::Addresses = serde_json::from_str(&text).unwrap();
    assert_eq!(found, *daemon.addresses());
    assert_ne!(found.quic.port(), 0);
    daemon.stop().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn rooms_stop_after_the_place_and_before_the_connections() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    forest.plant("core/a");
    let parent = root.addresses().quic.to_string();
    let (told, hears) = tokio::sync::oneshot::channel();
    let child = Daemon::start(forest.config("core/a", Some(parent)), async |core: Core| {
        let mut rooms = quiet_rooms();
        rooms.stop.push(Box::new(move || {
            Box::pin(async move {
                let place = core.place.query(|_, _| ()).await;
                let links = core.links.connected().borrow().len();
                let _ = told.send((place, links));
            })
        }));
        Ok(rooms)
    });
    let child = child.await.unwrap();
    joined(&root, &child).await;
    child.stop().await.unwrap();
    assert_eq!(hears.await.unwrap(), (Err(Stopping), 1));
}

/// A set-up once went on until its deadline after its client had gone.
#[tokio::test]
async fn a_set_up_is_given_up_when_its_client_goes() {
    let forest = Forest::new();
    let root = forest.start("core", None).await;
    let leaf = forest.start("core/a", Some(&root)).await;
    joined(&root, &leaf).await;
    // Its component is never up, so that the set-up waits.
    let film = "title = \"film\"\n[[quality]]\nname = \"only\"\n[[quality.component]]\n\
        at = \"server\"\nname = \"relay\"\nruntime = \"builtin\"\n";
    let presentation = Arc::new(Presentation::from_toml(film).unwrap());
    root.place().input(Input::Publish { presentation });

    let events = leaf.place().open(OpenRequest::new("one", "film"));
    let booked = async |daemon: &RunningDaemon, count: usize| {
        eventually(async || {
            let look = daemon.place().query(|place, _| place.bookings().count());
            look.await.unwrap() == count
        })
        .await;
    };
    booked(&root, 1).await;
    drop(events);
    booked(&root, 0).await;
    booked(&leaf, 0).await;
}

/// Machine code of a component that had gone while its daemon was killed stayed for ever.
#[tokio::test]
async fn machine_code_of_what_is_not_held_is_removed() {
    let forest = Forest::new();
    forest.plant("core");
    let folder = forest.data_dir("core").join("machine-code");
    std::fs::create_dir(&folder).unwrap();
    let left = folder.join(format!("{}-0123456789abcdef.cwasm", "07".repeat(32)));
    std::fs::write(&left, "x").unwrap();
    let daemon = waybook_daemon::start(forest.config("core", None)).await;
    assert!(!left.exists());
    daemon.unwrap().stop().await.unwrap();
}

/// The record of code that was gone stayed, and was found anew in every life.
#[tokio::test]
async fn the_record_of_code_that_is_gone_goes_too() {
    let forest = Forest::new();
    forest.plant("core");
    let folder = forest.data_dir("core");
    let code = RecordKey::Code(Digest([7; 32]));
    let child = RecordKey::Child(name("core/a"));
    let records = || {
        let mut store = Store::open(&folder, SystemTime::now()).unwrap();
        let records = store.take_records();
        records.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let store = Store::open(&folder, SystemTime::now()).unwrap();
    store.put(code.clone(), Some(vec![1]));
    store.put(child.clone(), Some(Vec::new()));
    // Writes what is left.
    drop(store);
    assert_eq!(records().len(), 2);
    let daemon = start(forest.config("core", None)).await.unwrap();
    daemon.stop().await.unwrap();
    assert_eq!(records(), [child]);
}
