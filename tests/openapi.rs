//! The control API's description in `docs/openapi.json` is what the daemon serves.

/// When the API has changed on purpose, put what this prints in place of the file.
#[test]
fn the_description_in_the_docs_is_what_a_place_serves() {
    let served = serde_json::to_string_pretty(&waybook_daemon::api::document()).unwrap();
    let written = include_str!("../docs/openapi.json");
    assert!(
        written.trim_end() == served,
        "docs/openapi.json should be:\n{served}"
    );
}
