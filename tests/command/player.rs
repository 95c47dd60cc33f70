//! A real player through a session's URL.

use std::process::Command;

use serde_json::Value;

use crate::session::{LAB, Tree, config};

/// Whether a program is here. Where everything is required, its lack is a failure.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-version").output().is_ok();
    if !found {
        let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
        assert!(!required, "{program} is required here and missing");
        eprintln!("SKIPPED: {program} is not installed, so no player was tried");
    }
    found
}

#[test]
fn a_player_finds_moving_picture_and_sound() {
    if !has("ffprobe") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let tree = Tree::up(home.path());
    tree.json(&["publish", &config("film.toml")]);
    let session = tree.json(&["open", "film", "--at", LAB, "--detach"]);
    let url = session["data"]["urls"]["path"].as_str().unwrap();
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-of",
            "json",
            "-count_packets",
            "-read_intervals",
            "%+2",
        ])
        .args(["-show_entries", "stream=codec_type,width,nb_read_packets"])
        .arg(format!("{url}high/index.m3u8"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stream = |kind: &str| {
        let streams = found["streams"].as_array().unwrap();
        streams.iter().find(|s| s["codec_type"] == kind).cloned()
    };
    let picture = stream("video").expect("a picture");
    assert_eq!(picture["width"], 640, "{found}");
    for one in [picture, stream("audio").expect("sound")] {
        let packets: u32 = one["nb_read_packets"].as_str().unwrap().parse().unwrap();
        assert!(packets > 20, "{found}");
    }
    tree.json(&["close", session["data"]["session"].as_str().unwrap()]);
}
