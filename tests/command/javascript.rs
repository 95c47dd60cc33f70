//! The JavaScript client and its demo, with real places.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether that runs here. Where everything is required, its lack is a failure.
fn has(program: &str, what: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
        assert!(!required, "{program} is required here and missing");
        eprintln!("SKIPPED: {program} is not installed, so {what} was not tried");
    }
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("client/js")
}

/// Runs something in the client's folder.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder())
        .env("WAYBOOK", env!("CARGO_BIN_EXE_waybook"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {said}\n{wrong}"
    );
}

#[test]
fn the_javascript_client_knows_the_forms_and_paths_of_the_api() {
    if has("node", "the JavaScript client") {
        run("node", &["scripts/forms.js"]);
        run(
            "node",
            &["--test", "test/description.test.js", "test/events.test.js"],
        );
    }
}

#[test]
fn the_javascript_client_opens_watches_closes_and_reconnects() {
    if has("node", "the JavaScript client") {
        run("node", &["--test", "test/place.test.js"]);
    }
}

/// Whether a page can be opened here.
fn has_browser(what: &str) -> bool {
    let browsers = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let browser = browsers.into_iter().find(is_here).unwrap_or("chromium");
    has("node", what) && has(browser, what)
}

#[test]
fn pages_of_other_origins_use_the_client_where_they_may() {
    if has_browser("the JavaScript client in a page") {
        run("node", &["--test", "test/origins.test.js"]);
    }
}

#[test]
fn the_browser_demo_plays_at_the_booked_quality() {
    if !has_browser("the browser demo") {
        return;
    }
    // `.ci/run` installs what the demo bundles, and where all is required that was done.
    if !folder().join("node_modules/hls.js").exists() {
        let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
        assert!(!required, "run `npm ci` in client/js");
        eprintln!("SKIPPED: `npm ci` was not run in client/js, so the browser demo was not tried");
        return;
    }
    run("node", &["--test", "test/demo.test.js"]);
}
