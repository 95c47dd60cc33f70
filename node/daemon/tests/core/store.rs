//! The data folder.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use waybook_agents::SessionId;
use waybook_daemon::store::Store;
use waybook_place::io::RecordKey;

#[test]
fn records_secrets_and_modes_survive() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let keys = [
        RecordKey::Session(SessionId(7)),
        RecordKey::Presentation("film".to_owned()),
    ];
    let first = Store::open(&path, SystemTime::now()).unwrap();
    for key in &keys {
        first.put(key.clone(), Some(b"one".to_vec()));
        first.put(key.clone(), Some(b"two".to_vec()));
    }
    first.put(RecordKey::Presentation("gone".to_owned()), Some(vec![1]));
    first.put(RecordKey::Presentation("gone".to_owned()), None);
    first.flush().unwrap();
    let (token, secret) = (first.token().to_owned(), first.gateway_secret());
    drop(first);

    let mut second = Store::open(&path, SystemTime::now()).unwrap();
    let mut records = second.take_records();
    records.sort();
    let mut wanted: Vec<_> = keys.map(|k| (k, b"two".to_vec())).into();
    wanted.sort();
    assert_eq!(records, wanted);
    assert_eq!((second.token(), second.gateway_secret()), (&*token, secret));
    assert_eq!(token.len(), 64);

    let mode = |name: &str| {
        let meta = std::fs::metadata(path.join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for file in ["token", "gateway-secret", "lock", "records.redb", "version"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

/// A session's greatest duration begins where the session was stored first, in whichever life.
#[test]
fn it_is_known_since_when_there_are_sessions() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let key = RecordKey::Session(SessionId(7));
    let store = |at: SystemTime| Store::open(&path, at).unwrap();
    let begun = SystemTime::now();
    let first = store(begun);
    assert_eq!(first.ages(), []);
    first.put(key.clone(), Some(b"one".to_vec()));
    first.put(RecordKey::Presentation("film".to_owned()), Some(vec![1]));
    first.flush().unwrap();
    drop(first);
    let hour = Duration::from_secs(3600);
    // Stored again in a later life, it is as old as it was.
    let second = store(begun + hour);
    let ages = second.ages().to_vec();
    assert_eq!(ages.len(), 1);
    assert_eq!(ages[0].0, SessionId(7));
    // Whole seconds are noted, and the test may have been slow.
    let about = hour / 2..hour + Duration::from_secs(1);
    assert!(about.contains(&ages[0].1), "{ages:?}");
    second.put(key.clone(), Some(b"two".to_vec()));
    second.flush().unwrap();
    drop(second);
    // A clock that was set back makes nothing older.
    let third = store(begun - hour);
    assert_eq!(third.ages(), [(SessionId(7), Duration::ZERO)]);
    third.put(key, None);
    third.flush().unwrap();
    drop(third);
    assert_eq!(store(begun + hour).ages(), []);
}

#[test]
fn folders_that_do_not_suit_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let open = || {
        Store::open(&path, SystemTime::now())
            .unwrap_err()
            .to_string()
    };
    drop(Store::open(&path, SystemTime::now()).unwrap());

    for other in ["3\n", "0\n"] {
        std::fs::write(path.join("version"), other).unwrap();
        let error = open();
        let said = format!("layout {}, and this build reads", other.trim());
        assert!(error.contains(&said), "{error}");
    }
    std::fs::write(path.join("version"), "2\n").unwrap();

    std::fs::write(path.join("token"), "short").unwrap();
    let error = open();
    assert!(error.contains("64 hexadecimal digits"), "{error}");
    std::fs::remove_file(path.join("token")).unwrap();

    let held = Store::open(&path, SystemTime::now()).unwrap();
    let error = open();
    let pid = format!("process {}", std::process::id());
    assert!(error.contains(&pid), "{error}");
    drop(held);

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let error = open();
    assert!(error.contains("chmod 700"), "{error}");
}
