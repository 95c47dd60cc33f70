//! The examples of the client library, with the demo's places.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde_json::Value;

use crate::session::{LAB, Tree, config, restart_by_hand};

// What they share with the command line is not called here.
#[expect(dead_code, reason = "their `main` reads arguments")]
#[path = "../../client/examples/close.rs"]
mod close;
#[expect(dead_code, reason = "their `main` reads arguments")]
#[path = "../../client/examples/open.rs"]
mod open;
#[expect(dead_code, reason = "their `main` reads arguments")]
#[path = "../../client/examples/reconnect.rs"]
mod reconnect;
#[expect(dead_code, reason = "their `main` reads arguments")]
#[path = "../../client/examples/watch.rs"]
mod watch;

/// The data folder of a place.
fn folder(home: &Path, place: &str) -> PathBuf {
    let state = std::fs::read_to_string(home.join(".waybook/up.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let places = state["places"].as_array().unwrap();
    let found = places.iter().find(|one| one["name"] == place).unwrap();
    found["data"].as_str().unwrap().into()
}

#[test]
fn the_examples_open_watch_wait_through_a_restart_and_close() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    let lab = folder(home.path(), LAB);
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let session = runtime.block_on(open::open(&lab, "film")).unwrap();
    assert_eq!(session.quality, "high");
    let lines = runtime.block_on(watch::watch(&lab, &session.session));
    let lines = lines.unwrap();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("core/bologna/lab: Established, "),
        "{lines:?}"
    );

    let (told, away) = mpsc::channel();
    let waiting = runtime.spawn({
        let (lab, id) = (lab.clone(), session.session.clone());
        async move {
            let tell = move |_: &_| told.send(()).unwrap_or_default();
            reconnect::ended(&lab, &id, tell).await
        }
    });
    restart_by_hand(&tree, LAB);
    away.recv().expect("the daemon was found away");
    assert!(!waiting.is_finished());
    let closed = runtime.block_on(close::close(&lab, &session.session));
    assert_eq!(closed.unwrap().kind, "closed");
    let end = runtime.block_on(waiting).unwrap().unwrap();
    assert_eq!(end.kind, "closed");
    let nothing = runtime.block_on(open::open(&lab, "nothing")).unwrap_err();
    assert!(nothing.contains("no server"), "{nothing}");
}
