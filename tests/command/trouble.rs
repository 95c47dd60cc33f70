//! What a place says when it cannot start or cannot get into the tree.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::session::Running;
use crate::{code, err, run, waybook};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place with a certificate, all in that folder.
fn place(home: &Path, name: &str, parent: &str, authority: &str) -> String {
    let folder = name.replace('/', ".");
    let ca = home.join(authority);
    if !ca.exists() {
        assert_eq!(code(&run(home, &["ca", "init", "--ca", authority])), 0);
    }
    let identity = format!("{folder}/identity");
    let issued = run(
        home,
        &["ca", "issue", name, "--ca", authority, "--out", &identity],
    );
    assert_eq!(code(&issued), 0, "{}", err(&issued));
    let file = format!("{folder}.toml");
    let text = format!(
        "name = \"{name}\"\ndata-dir = \"{folder}\"\nlisten = \"127.0.0.1:0\"\n\
         api.listen = \"127.0.0.1:0\"\n{parent}"
    );
    fs::write(home.join(&file), text).unwrap();
    file
}

/// Starts a place; what it says comes line by line.
fn start(home: &Path, arguments: &[&str]) -> (Running, mpsc::Receiver<String>) {
    let mut command = waybook(home);
    command.args(["place", "run"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (said, lines) = mpsc::channel();
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().unwrap()),
        Box::new(child.stderr.take().unwrap()),
    ];
    for stream in streams {
        let said = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
    }
    (Running(child), lines)
}

/// Waits for a line that says all of that.
fn says(lines: &mpsc::Receiver<String>, wanted: &[&str]) {
    let mut before = Vec::new();
    loop {
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            panic!("nothing says {wanted:?}: {before:#?}");
        };
        if wanted.iter().all(|wanted| line.contains(wanted)) {
            return;
        }
        before.push(line);
    }
}

/// It ends with that code, and has said why.
fn fails(home: &Path, arguments: &[&str], exit: i32, wanted: &[&str]) {
    let (mut child, lines) = start(home, arguments);
    says(&lines, wanted);
    assert_eq!(child.0.wait().unwrap().code(), Some(exit), "{wanted:?}");
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let home = tempfile::tempdir().unwrap();
    let file = place(home.path(), "core", "", "ca");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    for setting in ["api.listen", "gateway.listen", "metrics.listen"] {
        let set = format!("{setting}={at}");
        let arguments = ["--config", &file, "--set", &set];
        let wanted = [setting, &at.to_string(), "already in use", "another port"];
        fails(home.path(), &arguments, 1, &wanted);
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let set = format!("listen={at}");
    let wanted = [
        "listen: ",
        &at.to_string(),
        "already in use",
        "another port",
    ];
    fails(home.path(), &["--config", &file, "--set", &set], 1, &wanted);
}

#[test]
fn a_place_that_has_no_right_certificate_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let file = place(home.path(), "core", "", "ca");
    let with = |data: &str, exit: i32, wanted: &[&str]| {
        let set = format!("data-dir={data}");
        fails(
            home.path(),
            &["--config", &file, "--set", &set],
            exit,
            wanted,
        );
    };
    with(
        "none",
        1,
        &["none/identity/place.crt", "is missing", "waybook ca issue"],
    );
    for (name, folder, validity) in [("core", "over", "1 s"), ("core/a", "other", "1 d")] {
        let out = format!("{folder}/identity");
        let issue = [
            "ca",
            "issue",
            name,
            "--ca",
            "ca",
            "--validity",
            validity,
            "--out",
            &out,
        ];
        assert_eq!(code(&run(home.path(), &issue)), 0);
    }
    with(
        "other",
        1,
        &["is the certificate of `core/a`", "this place is `core`"],
    );
    // It may be over just now, or in a moment.
    let mut said = String::new();
    let began = std::time::Instant::now();
    while !said.contains("was valid until") {
        assert!(began.elapsed() < PATIENCE, "{said}");
        let set = ["--config", &file, "--set", "data-dir=over"];
        let (mut child, lines) = start(home.path(), &set);
        let line = lines.recv_timeout(PATIENCE).unwrap();
        if line.contains("the place runs") {
            child.0.kill().unwrap();
        }
        said = line;
        child.0.wait().unwrap();
    }
    assert!(said.contains("have a new one issued"), "{said}");
}

/// Both ends say which authority is not known where.
#[test]
fn a_place_of_a_foreign_authority_is_told_which_file_lacks_it() {
    let home = tempfile::tempdir().unwrap();
    let root = place(home.path(), "core", "", "ca");
    let (_root, root_says) = start(home.path(), &["--config", &root]);
    says(&root_says, &["the place runs"]);
    let runtime = fs::read_to_string(home.path().join("core/runtime.json")).unwrap();
    let runtime: serde_json::Value = serde_json::from_str(&runtime).unwrap();
    let quic = runtime["quic"].as_str().unwrap();
    let parent = format!("parent.address = \"{quic}\"\n");
    let lab = place(home.path(), "core/lab", &parent, "another");
    let (_lab, lab_says) = start(home.path(), &["--config", &lab]);
    says(
        &lab_says,
        &[
            "no connection to the parent",
            "not in the `authority.crt` of this one",
        ],
    );
    says(
        &root_says,
        &["a handshake failed", "its `authority.crt` has to have it"],
    );
}

#[test]
fn two_places_in_one_folder_and_a_wrong_token_are_told() {
    let home = tempfile::tempdir().unwrap();
    let file = place(home.path(), "core", "", "ca");
    let (_running, lines) = start(home.path(), &["--config", &file]);
    says(&lines, &["the place runs"]);
    let wanted = [
        "another daemon (process ",
        "works in this folder",
        "`data-dir`",
    ];
    fails(home.path(), &["--config", &file], 1, &wanted);
    let stolen = home.path().join("stolen");
    fs::create_dir(&stolen).unwrap();
    let runtime = home.path().join("core/runtime.json");
    fs::copy(runtime, stolen.join("runtime.json")).unwrap();
    fs::write(stolen.join("token"), "00\n").unwrap();
    let tree = run(home.path(), &["tree", "--data", "stolen"]);
    assert_eq!(code(&tree), 5);
    assert!(
        err(&tree).contains("the token of the place's data folder"),
        "{}",
        err(&tree)
    );
}
