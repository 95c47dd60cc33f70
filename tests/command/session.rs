//! A tree of processes, and a session through it, by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{code, err, out, run, waybook};

pub(crate) const LAB: &str = "core/bologna/lab";

/// Whatever happens, no process is left.
pub(crate) struct Tree(pub(crate) PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        run(&self.0, &["down"]);
    }
}

/// A place in the foreground, killed in the end.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Tree {
    /// The demo's places, with the components that its film needs at the root.
    pub(crate) fn up(home: &Path) -> Self {
        let key = home.join("publisher.pem").display().to_string();
        let made = run(home, &["component", "keygen", &key]);
        assert_eq!(code(&made), 0, "{}", err(&made));
        let tree = Self::up_with(home, &[&config("topology.toml"), "--trust", &key]);
        for name in ["cap-quality", "watermark"] {
            let folder = format!("{}/components/{name}", env!("CARGO_MANIFEST_DIR"));
            tree.json(&["component", "add", &folder, "--at", "core", "--key", &key]);
        }
        tree
    }

    /// The places of that topology.
    pub(crate) fn up_of(home: &Path, topology: &str) -> Self {
        Self::up_with(home, &[topology])
    }

    fn up_with(home: &Path, arguments: &[&str]) -> Self {
        let tree = Self(home.to_owned());
        let mut all = vec!["up", "--json"];
        all.extend(arguments);
        let done = run(home, &all);
        assert_eq!(code(&done), 0, "{}", err(&done));
        tree
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let done = run(&self.0, &all);
        assert_eq!(code(&done), 0, "{arguments:?}: {}", err(&done));
        // Of several lines, the last is the one that counts.
        let text = out(&done);
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(&text)
            .or_else(|_| serde_json::from_str(last))
            .unwrap()
    }
}

pub(crate) fn config(name: &str) -> String {
    format!("{}/configs/demo/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The status line and the body of a `GET`.
pub(crate) fn get(url: &str) -> (String, String) {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// Ctrl-C closes the session that is being watched, and no other.
fn interrupt(tree: &Tree) {
    let mut open = waybook(&tree.0)
        .args(["open", "film", "--at", "core/milano/office"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(open.stdout.take().unwrap()).lines();
    let stands = lines.find(|line| line.as_ref().unwrap().contains("Ctrl-C closes it"));
    assert!(stands.is_some());
    assert_eq!(tree.json(&["sessions"]).as_array().unwrap().len(), 2);
    let pid = Pid::from_child(&open);
    kill_process(pid, Signal::INT).unwrap();
    let last = lines.last().unwrap().unwrap();
    assert_eq!(last, "the session is over: it was closed");
    assert_eq!(open.wait().unwrap().code(), Some(0));
    assert_eq!(tree.json(&["sessions"]).as_array().unwrap().len(), 1);
}

/// Kills a place; its configuration.
pub(crate) fn kill(tree: &Tree, place: &str) -> String {
    let up = tree.0.join(".waybook");
    let state = std::fs::read_to_string(up.join("up.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let places = state["places"].as_array().unwrap();
    let killed = places.iter().find(|p| p["name"] == place).unwrap();
    let pid = i32::try_from(killed["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    killed["config"].as_str().unwrap().to_owned()
}

/// A place that is killed is started again by itself, and the tree is whole again.
pub(crate) fn restart_by_hand(tree: &Tree, place: &str) {
    let config = kill(tree, place);
    // The dead one's last thread lets go of the folder when it is gone.
    let mut again = None;
    wait_until("the place starts again", || {
        let child = again.get_or_insert_with(|| {
            let mut run = waybook(&tree.0);
            run.args(["place", "run", "--config", &config])
                .stderr(Stdio::null());
            run.spawn().unwrap()
        });
        if child.try_wait().unwrap().is_some() {
            again = None;
            return false;
        }
        let tree = run(
            &tree.0,
            &["open", "film", "--at", place, "--dry-run", "--json"],
        );
        code(&tree) == 0
    });
}

/// Asks again and again, for long enough that it comes true in an emulated machine on a busy one too.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 300, "{what}: it does not");
    }
}

#[test]
fn a_session_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    let again = run(home.path(), &["up", &config("topology.toml")]);
    assert_eq!(code(&again), 1);
    assert!(err(&again).contains("waybook down"), "{}", err(&again));

    let published = tree.json(&["publish", &config("film.toml")]);
    assert_eq!(published.as_array().unwrap().len(), 2);
    assert_eq!(tree.json(&["presentations"]).as_array().unwrap().len(), 2);
    let film = out(&run(home.path(), &["presentations", "film"]));
    assert!(film.starts_with("film at core/bologna/library: "), "{film}");
    assert!(
        film.contains("client memory 8 MiB; default-place cpu 50m, memory 16 MiB; server cpu 300m"),
        "{film}"
    );
    assert!(
        film.contains("cap-quality@^1 (wasm) at default-place"),
        "{film}"
    );
    let unknown = run(home.path(), &["presentations", "flim"]);
    assert_eq!(code(&unknown), 1);
    assert!(
        err(&unknown).contains("'flim' is not served here"),
        "{}",
        err(&unknown)
    );

    let survey = tree.json(&["open", "film", "--at", LAB, "--dry-run"]);
    assert_eq!(survey["chosen"], 1);
    assert_eq!(tree.json(&["sessions"]), serde_json::json!([]));

    let open = ["open", "film", "--at", LAB, "--key", "one", "--detach"];
    let session = &tree.json(&open)["data"];
    let id = session["session"].as_str().unwrap();
    assert_eq!(session["quality"], "high");
    let url = format!(
        "{}high/index.m3u8",
        session["urls"]["path"].as_str().unwrap()
    );
    let (status, playlist) = get(&url);
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(playlist.contains("#EXTM3U\n"), "{playlist}");
    assert!(playlist.contains("# by way of Waybook\n"), "{playlist}");
    // The same key gives the same session.
    assert_eq!(tree.json(&open)["data"]["session"], id);

    let detail = tree.json(&["session", &id[..8]]);
    let hops = detail["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 3, "{detail}");
    assert!(
        hops.iter().all(|hop| hop["hop"]["phase"] == "established"),
        "{detail}"
    );

    // Who may do what is decided where it is done.
    let lab = format!(".waybook/places/{}", LAB.replace('/', "."));
    let withdraw = [
        "withdraw",
        "film",
        "--at",
        "core/milano/media",
        "--data",
        &lab,
    ];
    assert_eq!(code(&run(home.path(), &withdraw)), 5);
    let nobody = run(home.path(), &["open", "nothing", "--at", LAB]);
    assert_eq!(code(&nobody), 3, "{}", err(&nobody));

    // A stop keeps what is established, URL and all.
    assert_eq!(code(&run(home.path(), &["down"])), 0);
    assert_eq!(code(&run(home.path(), &["sessions"])), 4);
    let key = home.path().join("publisher.pem").display().to_string();
    let up = ["up", &config("topology.toml"), "--trust", &key];
    let up = run(home.path(), &up);
    assert_eq!(code(&up), 0, "{}", err(&up));
    assert_eq!(tree.json(&["sessions"])[0]["session"], id);
    assert_eq!(get(&url).1, playlist);

    restart_by_hand(&tree, "core/bologna");
    interrupt(&tree);
    tree.json(&["close", id]);
    let over = run(home.path(), &["session", id]);
    assert_eq!(code(&over), 1);
    assert!(
        err(&over).contains("is over: it was closed"),
        "{}",
        err(&over)
    );
    let quiet = |place: &str| {
        let bookings = tree.json(&["bookings", "--at", place]);
        bookings["bookings"] == serde_json::json!([])
    };
    for place in [LAB, "core/bologna", "core/bologna/library"] {
        wait_until(&format!("{place} has no bookings left"), || quiet(place));
    }
    let down = tree.json(&["down"]);
    assert_eq!(down["stopped"].as_array().unwrap().len(), 7);
    assert_eq!(down["killed"], serde_json::json!([]));
}

/// Whatever looked at all places failed when one of them had been killed, since it still said where
/// it was reached.
#[test]
fn a_place_that_was_killed_is_left_out() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    let open = ["open", "film", "--at", "core/milano/office", "--detach"];
    let id = &tree.json(&open)["data"]["session"];
    let id = id.as_str().unwrap().to_owned();
    kill(&tree, LAB);
    let gone =
        |said: &str| said.contains(&format!("{LAB} does not run")) && said.contains("restart");
    let mut sessions = run(home.path(), &["sessions", "--json"]);
    // It takes the kernel a moment to end it.
    wait_until("it is told", || {
        sessions = run(home.path(), &["sessions", "--json"]);
        gone(&err(&sessions))
    });
    assert_eq!(code(&sessions), 0, "{}", err(&sessions));
    assert!(out(&sessions).contains(&id), "{}", out(&sessions));
    for command in ["session", "trace"] {
        let said = run(home.path(), &[command, &id]);
        assert_eq!(code(&said), 0, "{}", err(&said));
    }
    let alone = run(home.path(), &["sessions", "--at", LAB]);
    assert_eq!(code(&alone), 4);
    assert!(gone(&err(&alone)), "{}", err(&alone));
}
