//! What operators do to places that run, by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::session::{LAB, Tree, config, get, wait_until};
use crate::{code, err, out, run, waybook};

/// The server that is nearest to the lab.
const LIBRARY: &str = "core/bologna/library";

/// A session with the film, and where it plays.
pub(crate) fn open(tree: &Tree, key: &str) -> (String, String) {
    let session = &tree.json(&["open", "film", "--at", LAB, "--key", key, "--detach"])["data"];
    let id = session["session"].as_str().unwrap().to_owned();
    let base = session["urls"]["path"].as_str().unwrap();
    let quality = session["quality"].as_str().unwrap();
    (id, format!("{base}{quality}/index.m3u8"))
}

fn plays(url: &str) -> bool {
    let (status, playlist) = get(url);
    status == "HTTP/1.1 200 OK" && playlist.contains("#EXTM3U")
}

/// As [`plays`], where the place that is asked may just be away.
fn plays_now(url: &str) -> bool {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    ask().is_ok_and(|text| text.starts_with("HTTP/1.1 200 OK") && text.contains("#EXTM3U"))
}

/// What the tree says of a place.
fn seen(tree: &Tree, place: &str) -> Value {
    let places = tree.json(&["tree"]);
    let mut places = places.as_array().unwrap().iter();
    places.find(|p| p["place"] == place).cloned().unwrap()
}

/// The file of a place, with something changed in it.
pub(crate) fn rewrite(home: &Path, place: &str, from: &str, to: &str) {
    let file = home.join(format!(".waybook/places/{}.toml", place.replace('/', ".")));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// Where whoever spreads sessions asks whether a place is ready.
fn readyz(home: &Path, place: &str) -> String {
    let folder = home.join(format!(".waybook/places/{}", place.replace('/', ".")));
    let runtime = std::fs::read_to_string(folder.join("runtime.json")).unwrap();
    let runtime: Value = serde_json::from_str(&runtime).unwrap();
    format!("http://{}/readyz", runtime["api"].as_str().unwrap())
}

fn process(home: &Path, place: &str) -> Pid {
    let state = std::fs::read_to_string(home.join(".waybook/up.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let places = state["places"].as_array().unwrap();
    let place = places.iter().find(|p| p["name"] == place).unwrap();
    let pid = i32::try_from(place["pid"].as_i64().unwrap()).unwrap();
    Pid::from_raw(pid).unwrap()
}

fn script(home: &Path, arguments: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/rolling-restart");
    let mut command = Command::new(script);
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("WAYBOOK_") {
            command.env_remove(key);
        }
    }
    let command = command
        .args(arguments)
        .current_dir(home)
        .env_remove("XDG_STATE_HOME")
        .env("WAYBOOK_COMMAND", env!("CARGO_BIN_EXE_waybook"));
    command.output().unwrap()
}

#[test]
fn places_are_changed_while_a_film_plays() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    let (first, url) = open(&tree, "one");
    assert!(plays(&url));

    // Somebody waits until the place is empty, and stops waiting: it stays drained.
    let mut waiting = waybook(home.path())
        .args(["place", "drain", "core/bologna"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the tree shows that the place is drained", || {
        seen(&tree, "core/bologna")["draining"] == true
    });
    assert!(waiting.try_wait().unwrap().is_none(), "it does not wait");
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    waiting.wait().unwrap();
    let shown = out(&run(home.path(), &["tree"]));
    let line = shown.lines().find(|line| line.contains("bologna"));
    assert!(
        line.is_some_and(|line| line.ends_with("drained")),
        "{shown}"
    );
    let (status, why) = get(&readyz(home.path(), "core/bologna"));
    assert!(
        status.contains("503") && why.contains("being drained"),
        "{status}: {why}"
    );
    assert!(plays(&url));
    let refused = run(home.path(), &["open", "film", "--at", LAB]);
    assert_eq!(code(&refused), 3);
    let said = err(&refused);
    assert!(said.contains("core/bologna: is being drained"), "{said}");

    // At the deadline whoever watches the session is told which place it was.
    let mut watched = waybook(home.path())
        .args(["session", &first, "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(watched.wait().unwrap().success());
    let drained = tree.json(&["place", "drain", "core/bologna", "--deadline", "100 ms"]);
    assert_eq!(drained["draining"]["sessions"], 0);
    let over = run(home.path(), &["session", &first]);
    assert_eq!(code(&over), 1);
    let said = err(&over);
    assert!(
        said.contains("is over: core/bologna was being drained"),
        "{said}"
    );
    tree.json(&["place", "undrain", "core/bologna"]);
    let (status, why) = get(&readyz(home.path(), "core/bologna"));
    assert!(status.contains("200"), "{status}: {why}");

    let (second, url) = open(&tree, "two");
    cordon(&tree, home.path());
    reload(&tree, home.path());
    signal(&tree, home.path());
    assert!(plays(&url));
    tree.json(&["close", &second]);
}

/// No more processor time at the server: the nearest one that has any serves.
fn cordon(tree: &Tree, home: &Path) {
    let unknown = run(home, &["place", "cordon", LIBRARY, "gold"]);
    assert_eq!(code(&unknown), 1);
    assert!(
        err(&unknown).contains("has no `gold`; it has"),
        "{}",
        err(&unknown)
    );
    let cordoned = tree.json(&["place", "cordon", LIBRARY, "cpu"]);
    assert_eq!(cordoned["cordoned"], json!(["cpu"]));
    wait_until("the tree shows that it is cordoned", || {
        seen(tree, LIBRARY)["cordoned"] == json!(["cpu"])
    });
    let shown = out(&run(home, &["bookings", "--at", LIBRARY]));
    let line = shown.lines().find(|line| line.starts_with("cpu"));
    assert!(
        line.is_some_and(|line| line.ends_with("cordoned")),
        "{shown}"
    );
    let survey = tree
        .json(&["open", "film", "--at", LAB, "--dry-run"])
        .to_string();
    assert!(survey.contains("cpu is cordoned"), "{survey}");
    let uncordoned = tree.json(&["place", "uncordon", LIBRARY, "cpu"]);
    assert_eq!(uncordoned["cordoned"], json!([]));
    assert_eq!(code(&run(home, &["place", "uncordon", LIBRARY, "cpu"])), 1);
}

/// The capacity is read again; a file that is wrong changes nothing, and what needs a start is
/// named.
fn reload(tree: &Tree, home: &Path) {
    let capacity = |tree: &Tree| {
        let resources = tree.json(&["bookings", "--at", LIBRARY])["resources"].clone();
        let mut all = resources.as_array().unwrap().iter();
        let cpu = all.find(|r| r["resource"] == "cpu").unwrap();
        cpu["capacity"]["amount"].as_u64().unwrap()
    };
    let before = capacity(tree);
    let was = tree.json(&["place", "reload", LIBRARY]);
    assert_eq!((&was["changed"], &was["restart"]), (&json!([]), &json!([])));
    rewrite(
        home,
        LIBRARY,
        "[capacity]\n",
        "[capacity]\nlens = \"3\"\ngold = \"-\"\n",
    );
    let wrong = run(home, &["place", "reload", LIBRARY]);
    assert_eq!(code(&wrong), 2);
    let said = err(&wrong);
    assert!(
        said.contains("core.bologna.library.toml") && said.contains("gold"),
        "{said}"
    );
    assert!(said.contains("line"), "{said}");
    let resources = tree.json(&["bookings", "--at", LIBRARY])["resources"].to_string();
    assert!(!resources.contains("lens"), "{resources}");
    rewrite(home, LIBRARY, "gold = \"-\"\n", "");
    rewrite(
        home,
        LIBRARY,
        "[capacity]\n",
        "[wasm]\nrequests = 17\n[capacity]\n",
    );
    let done = run(home, &["place", "reload", LIBRARY]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    let said = out(&done);
    assert!(said.contains("capacity.lens: none -> 3"), "{said}");
    assert!(said.contains("from the next start on: wasm"), "{said}");
    assert_eq!(capacity(tree), before);
}

/// SIGHUP does the same, and says in the log what is wrong.
fn signal(tree: &Tree, home: &Path) {
    let pid = process(home, LIBRARY);
    let log = home.join(".waybook/places/core.bologna.library.log");
    rewrite(home, LIBRARY, "lens = \"3\"", "lens = \"many\"");
    kill_process(pid, Signal::HUP).unwrap();
    wait_until("the log says that the file is wrong", || {
        let log = std::fs::File::open(&log).unwrap();
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        lines.any(|line| line.contains("nothing has changed") && line.contains("lens"))
    });
    rewrite(home, LIBRARY, "lens = \"many\"", "lens = \"5\"");
    kill_process(pid, Signal::HUP).unwrap();
    wait_until("the place has what its file says", || {
        let resources = tree.json(&["bookings", "--at", LIBRARY])["resources"].clone();
        let mut all = resources.as_array().unwrap().iter();
        all.any(|r| r["resource"] == "lens" && r["capacity"]["amount"] == 5)
    });
}

/// Every place is restarted, the root as well, while films play: they play on.
#[test]
fn a_rolling_restart_loses_no_session() {
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    let all: Vec<_> = ["one", "two"].iter().map(|key| open(&tree, key)).collect();
    let (stop, played) = (AtomicBool::new(false), AtomicUsize::new(0));
    let done = std::thread::scope(|scope| {
        for (_, url) in &all {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // A player asks again when the place that it asks is just away.
                    wait_until("the film plays on", || plays_now(url));
                    played.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let done = script(home.path(), &["--strict"]);
        stop.store(true, Ordering::Relaxed);
        done
    });
    assert_eq!(code(&done), 0, "{}{}", out(&done), err(&done));
    let said = out(&done);
    assert!(
        said.contains("restarted 7 places; 0 sessions ended meanwhile"),
        "{said}"
    );
    let order: Vec<_> = said.lines().filter(|l| l.starts_with('[')).collect();
    assert!(
        order[0].contains(LAB) || order[0].matches('/').count() >= 2,
        "{said}"
    );
    assert!(order[6].starts_with("[7/7] core: "), "{said}");
    assert!(played.load(Ordering::Relaxed) > 0);
    for (id, url) in &all {
        assert!(plays(url));
        let detail = tree.json(&["session", id]);
        for hop in detail["hops"].as_array().unwrap() {
            assert_eq!(hop["hop"]["phase"], "established", "{detail}");
        }
    }

    // A command that does not restart anything is noticed, as is one that fails.
    let idle = ["--restart", "true", "--patience", "1 s", LAB];
    let idle = script(home.path(), &idle);
    assert_ne!(code(&idle), 0);
    assert!(err(&idle).contains("still is in life"), "{}", err(&idle));
    let asked = script(
        home.path(),
        &[
            "--restart",
            "echo restart {place} {unit} {host}; false",
            LAB,
        ],
    );
    assert_ne!(code(&asked), 0);
    let said = out(&asked);
    assert!(
        said.contains("restart core/bologna/lab core-bologna-lab 127.0.0.1"),
        "{said}"
    );
}
