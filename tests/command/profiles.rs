//! Profiles that another place keeps, as those who open and those who look see it.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::session::{Running, Tree, kill, wait_until};
use crate::{code, err, out, run, waybook};

const HOME: &str = "core/home";
const CLIENT: &str = "core/client";
/// Keeps no copies that it would use.
const STRICT: &str = "core/strict";

const TOPOLOGY: &str = r#"
[defaults.capacity]
cpu = "1"
down = "10 Mbit/s"
up = "10 Mbit/s"
[defaults.profiles]
refresh = "100 ms"
timeout = "2 s"
[[place]]
name = "core"
[[place]]
name = "core/home"
[[place]]
name = "core/client"
[[place]]
name = "core/strict"
[place.profiles]
refresh = "0 s"
keep = "0 s"
"#;

fn up(home: &Path) -> Tree {
    let write = |name: &str, text: &str| {
        let file = home.join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let tree = Tree::up_of(home, &write("tree.toml", TOPOLOGY));
    let site =
        "title = 'site'\n[[quality]]\nname = 'full'\n[quality.demand.edge]\nto-client = '1 Mbit/s'";
    tree.json(&["publish", &write("site.toml", site), "--at", "core"]);
    tree
}

/// Writes ann's profile at her home.
fn may_open(home: &Path, titles: &str) {
    let folder = home.join(".waybook/places/core.home/profiles");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!("user = 'ann'\nmay-open = [{titles}]\n");
    std::fs::write(folder.join("ann.toml"), text).unwrap();
}

/// The code of a command that concerns ann, and what it said.
fn with_ann(home: &Path, command: &[&str], at: &str) -> (i32, String) {
    let mut all = command.to_vec();
    all.extend(["--at", at]);
    let done = run(home, &all);
    (code(&done), out(&done) + &err(&done))
}

const OPEN: [&str; 5] = ["open", "site", "--user", "ann@core/home", "--detach"];
const SHOW: [&str; 3] = ["profile", "show", "ann@core/home"];

fn seen(tree: &Tree) -> Value {
    let mut all = SHOW.to_vec();
    all.extend(["--at", CLIENT]);
    tree.json(&all)
}

/// Starts a place that was killed, as soon as the dead one has let go of its folder.
fn start(tree: &Tree, config: &str) -> Running {
    let mut again = None;
    wait_until("the place starts again", || {
        let child = again.get_or_insert_with(|| {
            let mut run = waybook(&tree.0);
            run.args(["place", "run", "--config", config]);
            Running(run.stderr(Stdio::null()).spawn().unwrap())
        });
        if child.0.try_wait().unwrap().is_some() {
            again = None;
            return false;
        }
        with_ann(&tree.0, &["profile", "show", "ann"], HOME).0 == 0
    });
    again.expect("it runs")
}

#[test]
fn a_user_is_known_wherever_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let tree = up(home);
    may_open(home, "'news'");
    let (code, said) = with_ann(home, &OPEN, CLIENT);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("ann@core/home may not open `site`"), "{said}");

    // What changes at home is seen when the copy is too old.
    may_open(home, "'site'");
    wait_until("the change is seen", || {
        seen(&tree)["may_open"][0] == "site"
    });
    let (code, said) = with_ann(home, &OPEN, CLIENT);
    assert_eq!(code, 0, "{said}");
    let sessions = tree.json(&["sessions"]);
    assert_eq!(sessions[0]["user"], "ann@core/home", "{sessions}");
    assert_eq!(with_ann(home, &OPEN, STRICT).0, 0);

    // While the home is away its last word counts, through a restart too, for as long as the
    // setting says.
    let config = kill(&tree, HOME);
    wait_until("the copy is stale", || seen(&tree)["source"] == "stale");
    let restarted = run(home, &["place", "restart", CLIENT]);
    assert_eq!(crate::code(&restarted), 0, "{}", err(&restarted));
    wait_until("it is stale in the next life", || {
        let (code, said) = with_ann(home, &SHOW, CLIENT);
        code == 0 && said.contains("as a stale copy, ") && said.contains("may open      site")
    });
    let (code, said) = with_ann(home, &OPEN, CLIENT);
    assert_eq!(code, 0, "{said}");
    let (code, said) = with_ann(home, &OPEN, STRICT);
    assert_eq!(code, 4, "{said}");
    for part in [
        "kept by core/home, which cannot be asked",
        "`profiles.keep`",
        "send a profile along",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let eve = ["profile", "show", "eve@core/home"];
    let (code, said) = with_ann(home, &eve, CLIENT);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("there is no copy of it here"), "{said}");

    may_open(home, "");
    let _again = start(&tree, &config);
    wait_until("it is asked again", || {
        seen(&tree)["may_open"] == serde_json::json!([])
    });
    let (code, said) = with_ann(home, &OPEN, CLIENT);
    assert_eq!(code, 5, "{said}");
    let (code, said) = with_ann(home, &eve, CLIENT);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("there is no profile of `eve` at core/home: put eve.toml"),
        "{said}"
    );
}

#[test]
fn what_is_no_user_is_told_before_anybody_is_asked() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (["open", "site", "--user", "ann@Core/x"], "not a label"),
        (["profile", "show", "a@core@core", "--json"], "one home"),
    ] {
        let done = run(home.path(), &arguments);
        assert_eq!(code(&done), 2, "{}", err(&done));
        assert!(err(&done).contains(part), "{}", err(&done));
    }
}
