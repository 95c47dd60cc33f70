//! Data folders of earlier versions.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, read_to_string, write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use waybook_agents::wire;
use waybook_daemon::store::Store;
use waybook_place::io::RecordKey;

use crate::tree::{Forest, start};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// What `r/b/y` had in its `records.redb` when it was stopped, a place of the first version
/// whose daemons ran: a line for each record, key and value. Two sessions lead to it, and one
/// begins there.
const LAYOUT_1: &str = include_str!("layout-1.txt");

/// Makes a data folder as a place of version 1 has left it.
fn old_folder(folder: &Path) {
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(folder).unwrap();
    write(folder.join("version"), "1\n").unwrap();
    let database = Database::create(folder.join("records.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(RECORDS).unwrap();
        for line in LAYOUT_1.lines() {
            let (key, value) = line.split_once(' ').unwrap();
            let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
            table.insert(&*bytes(key), &*bytes(value)).unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn sessions(records: &[(RecordKey, Vec<u8>)]) -> usize {
    let is_session = |(key, _): &&(RecordKey, Vec<u8>)| matches!(key, RecordKey::Session(_));
    records.iter().filter(is_session).count()
}

/// A place goes on where a place of version 1 was stopped.
#[tokio::test]
async fn what_a_place_of_version_1_has_kept_is_found_again() {
    let forest = Forest::new();
    forest.plant("r/b/y");
    let folder = forest.data_dir("r/b/y");
    old_folder(&folder);
    // Nobody answers there.
    let config = forest.config("r/b/y", Some("127.0.0.1:9".to_owned()));
    let daemon = start(config).await.unwrap();
    let kept = daemon.place().query(|place, now| {
        let phases = place.bookings().map(|booking| booking.phase);
        (phases.count(), place.sessions(now).len())
    });
    assert_eq!(kept.await.unwrap(), (3, 1));
    daemon.stop().await.unwrap();
    assert_eq!(read_to_string(folder.join("version")).unwrap(), "2\n");
}

/// What had been stored under a key of version 1 was neither replaced nor removed, because the
/// keys of version 2 are other bytes: sessions that had ended came back with every start.
#[test]
fn what_a_place_of_version_1_has_kept_can_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    old_folder(&path);
    let mut store = Store::open(&path, SystemTime::now()).unwrap();
    let records = store.take_records();
    assert_eq!((records.len(), sessions(&records)), (4, 3));
    for (number, (key, _)) in records.into_iter().enumerate() {
        if let RecordKey::Session(_) = key {
            store.put(key, (number == 0).then(|| b"new".to_vec()));
        }
    }
    store.flush().unwrap();
    drop(store);
    let mut store = Store::open(&path, SystemTime::now()).unwrap();
    let left = store.take_records();
    assert_eq!(left.len(), 4 - 3 + sessions(&left), "{left:?}");
    assert!(left.iter().all(|(key, value)| match key {
        RecordKey::Session(_) => value == b"new",
        _ => value != b"new",
    }));
}

/// A daemon that ended in the middle of a migration leaves a folder that says that it is of the
/// old layout, with keys of both: what stands under the newer one counts.
#[test]
fn a_migration_that_was_broken_off_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    old_folder(&path);
    drop(Store::open(&path, SystemTime::now()).unwrap());
    let all = |path: &Path| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let database = Database::open(path.join("records.redb")).unwrap();
        let table = database.begin_read().unwrap().open_table(RECORDS).unwrap();
        let entries = table.iter().unwrap().map(Result::unwrap);
        let bytes = entries.map(|(k, v)| (k.value().to_vec(), v.value().to_vec()));
        bytes.collect()
    };
    let migrated = all(&path);
    let key: RecordKey = wire::decode_record(migrated.keys().next().unwrap()).unwrap();
    for key in migrated.keys() {
        assert_eq!(
            wire::encode_record(&wire::decode_record::<RecordKey>(key).unwrap()),
            *key
        );
    }
    let mut old = wire::encode_record(&key);
    // The byte behind the kind is the version.
    old[1] = 1;
    let database = Database::open(path.join("records.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(RECORDS).unwrap();
    table.insert(&*old, &b"older"[..]).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    write(path.join("version"), "1\n").unwrap();
    drop(Store::open(&path, SystemTime::now()).unwrap());
    assert_eq!(all(&path), migrated);
}
