//! The demo, as README tells a newcomer to run it.

use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_demo_runs_and_every_check_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_waybook"))
        .args(["demo", "--json"])
        .env_remove("WAYBOOK_DIR")
        .env_remove("WAYBOOK_DATA_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(facts["places"].as_array().unwrap().len() >= 7);
    assert!(facts["first"]["fetched"].as_u64().unwrap() > 0);
    let sessions = facts["sessions"].as_array().unwrap();
    let qualities: Vec<_> = sessions
        .iter()
        .map(|s| s["session"]["quality"].as_str().unwrap())
        .collect();
    assert_eq!(qualities, ["high", "high", "low"]);
    assert_eq!(sessions[0]["fetched"], 0);
    for session in sessions {
        // Two playlists and five segments.
        assert_eq!(session["played"]["files"].as_array().unwrap().len(), 7);
    }
    assert_eq!(facts["refusal"]["refused"].as_array().unwrap().len(), 6);
    assert_eq!(facts["bookings_left"], 0);
    let folder = facts["folder"].as_str().unwrap();
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
}
