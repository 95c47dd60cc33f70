//! Tokens, as those who make and those who use them see it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::session::{LAB, Tree, config};
use crate::{code, err, out, run, waybook};

/// Where a place's control API is.
pub(crate) fn url(home: &Path, place: &str) -> String {
    let folder = home.join(format!(".waybook/places/{}", place.replace('/', ".")));
    let runtime = std::fs::read_to_string(folder.join("runtime.json")).unwrap();
    let runtime: Value = serde_json::from_str(&runtime).unwrap();
    format!("http://{}", runtime["api"].as_str().unwrap())
}

/// A command of somebody who has nothing but a token and an address.
fn by(home: &Path, place: &str, token: &str, arguments: &[&str]) -> Output {
    let elsewhere = home.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    waybook(&elsewhere)
        .args(arguments)
        .args(["--url", &url(home, place)])
        .env("WAYBOOK_TOKEN", token)
        .output()
        .unwrap()
}

fn create(home: &Path, arguments: &[&str]) -> String {
    let mut all = vec!["token", "create"];
    all.extend(arguments);
    let made = run(home, &all);
    assert_eq!(code(&made), 0, "{}", err(&made));
    assert!(err(&made).contains("shown once"), "{}", err(&made));
    out(&made).trim().to_owned()
}

#[test]
fn whoever_has_a_token_does_what_it_says() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let tree = Tree::up(home);
    let ci = create(home, &["ci", "--may", "publish", "--at", "core"]);
    let film = config("film.toml");
    let published = by(home, "core", &ci, &["publish", &film]);
    assert_eq!(code(&published), 0, "{}", err(&published));
    let refused = by(home, "core", &ci, &["place", "drain", LAB, "--no-wait"]);
    assert_eq!(code(&refused), 5);
    assert!(
        err(&refused).contains("lacks `operate`"),
        "{}",
        err(&refused)
    );

    let tv = create(home, &["tv", "--may", "open", "--user", "ann", "--at", LAB]);
    let opened = by(home, LAB, &tv, &["open", "film", "--detach", "--json"]);
    assert_eq!(code(&opened), 0, "{}", err(&opened));
    let sessions = tree.json(&["sessions"]);
    let session = &sessions.as_array().unwrap()[0];
    assert_eq!(session["user"], "ann", "{sessions}");
    let refused = by(home, LAB, &tv, &["publish", &film]);
    assert_eq!(code(&refused), 5, "{}", err(&refused));

    // What is kept is kept through a restart; it is the place's own, and no other's.
    let restarted = run(home, &["place", "restart", "core"]);
    assert_eq!(code(&restarted), 0, "{}", err(&restarted));
    let looked = by(home, "core", &ci, &["place", "wait", "core"]);
    assert_eq!(code(&looked), 0, "{}", err(&looked));
    let elsewhere = by(home, LAB, &ci, &["tree"]);
    assert_eq!(code(&elsewhere), 5);
    assert!(err(&elsewhere).contains("no token of core/bologna/lab"));
    let listed = out(&run(home, &["token", "list", "--at", "core"]));
    assert!(
        listed.contains("read,publish") && !listed.contains(&ci),
        "{listed}"
    );

    let revoked = run(home, &["token", "revoke", "ci", "--at", "core"]);
    assert_eq!(code(&revoked), 0, "{}", err(&revoked));
    let late = by(home, "core", &ci, &["tree"]);
    assert_eq!(code(&late), 5);
    assert!(err(&late).contains("`ci` was revoked"), "{}", err(&late));
    let log = std::fs::read_to_string(home.join(".waybook/places/core.log")).unwrap();
    assert!(
        log.contains("no valid token") && log.contains("revoked"),
        "{log}"
    );
    assert!(!log.contains(&ci[4..]), "{log}");

    // Who did what is written down, and shown to those who may operate.
    let shown = out(&run(home, &["audit", "--at", "core"]));
    for line in [
        "token-create ci: read,publish  by owner from 127.0.0.1:",
        "publish film  by ci of core from core",
        "token-revoke ci  by owner from 127.0.0.1:",
        "start ",
    ] {
        let at = if line.starts_with("publish") {
            "core/milano/media"
        } else {
            "core"
        };
        let there = out(&run(home, &["audit", "--at", at, "--since", "1 h"]));
        assert!(there.contains(line), "{line}\n{there}");
    }
    assert!(shown.lines().count() >= 4, "{shown}");
    let lines = out(&run(home, &["audit", "--at", "core", "--json"]));
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["what"], &last["status"]),
        (&"token-revoke".into(), &204.into())
    );
    let refused = by(home, LAB, &tv, &["audit"]);
    assert_eq!(code(&refused), 5, "{}", err(&refused));

    // An address needs a token, which is no option: everybody would see it.
    let none = run(home, &["tree", "--url", &url(home, "core")]);
    assert_eq!(code(&none), 2);
    assert!(err(&none).contains("--token-file"), "{}", err(&none));
}
