//! What a place keeps, copied while it runs, and put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::operators::open;
use crate::session::{LAB, Tree, config, get, kill, wait_until};
use crate::{code, err, out, run};

/// A session that stood when the backup was made goes on over the place that was made of it; one that
/// is newer ends, since the place promised nothing to it.
#[test]
fn a_place_whose_disk_was_lost_goes_on_from_its_backup() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    // So that sessions lead over the root.
    tree.json(&["place", "drain", "core/bologna/library"]);
    let (old, url) = open(&tree, "old");
    let root = |session: &str| {
        let hops = tree.json(&["session", session])["hops"].clone();
        hops.as_array()
            .unwrap()
            .iter()
            .any(|hop| hop["place"] == "core")
    };
    assert!(root(&old), "it leads over the root");

    let backup = ["place", "backup", "core", "--out", "core.tar"];
    let made = run(home.path(), &backup);
    assert_eq!(code(&made), 0, "{}", err(&made));
    let file = home.path().join("core.tar");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = run(home.path(), &backup);
    assert_ne!(code(&again), 0);
    assert!(err(&again).contains("is there already"), "{}", err(&again));
    // Nobody gets a place's key through the tree, whatever else they may do there.
    let data = ["--data", ".waybook/places/core"];
    let other = [&["place", "backup", LAB, "--out", "x.tar"], &data[..]].concat();
    let other = run(home.path(), &other);
    assert_eq!(code(&other), 5, "{}", err(&other));
    assert!(
        err(&other).contains("its own clients only"),
        "{}",
        err(&other)
    );
    assert!(!home.path().join("x.tar").exists());
    let left = fs::read_dir(home.path().join(".waybook/places/core")).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");

    let (new, _) = open(&tree, "new");
    assert!(root(&new), "it leads over the root");
    kill(&tree, "core");
    let data = home.path().join(".waybook/places/core");
    // The dead one's last thread lets go of the folder when it is gone.
    wait_until("it has ended", || {
        let tree = run(home.path(), &["tree", "--data", ".waybook/places/core"]);
        code(&tree) == 4
    });
    let restore = ["place", "restore", "core.tar", ".waybook/places/core"];
    let there = run(home.path(), &restore);
    assert_ne!(code(&there), 0);
    assert!(err(&there).contains("new or empty"), "{}", err(&there));
    fs::remove_dir_all(&data).unwrap();
    let restored = run(home.path(), &restore);
    assert_eq!(code(&restored), 0, "{}", err(&restored));
    assert!(
        out(&restored).contains("core can start"),
        "{}",
        out(&restored)
    );
    let restarted = run(home.path(), &["place", "restart", "core"]);
    assert_eq!(code(&restarted), 0, "{}", err(&restarted));
    let ready = run(home.path(), &["place", "wait", "core"]);
    assert_eq!(code(&ready), 0, "{}", err(&ready));

    let phase = |session: &str| {
        let shown = run(home.path(), &["session", session, "--json"]);
        (code(&shown), err(&shown))
    };
    wait_until("the newer session ends", || phase(&new).0 == 1);
    assert!(root(&old));
    let (status, playlist) = get(&url);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(playlist.contains("#EXTM3U"), "{playlist}");
    // The code that it keeps is there.
    let kept = tree.json(&["component", "list", "--at", "core"]);
    assert_eq!(kept[0]["components"].as_array().unwrap().len(), 2, "{kept}");
}
