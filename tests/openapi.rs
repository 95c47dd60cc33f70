//! The control API's description in `docs/openapi.json` is what the daemon serves.

/// When the API has changed on purpose, run this with `WAYBOOK_WRITE=1`: it writes the file anew.
#[test]
fn the_description_in_the_docs_is_what_a_place_serves() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let served = serde_json::to_string_pretty(&waybook_daemon::api::document()).unwrap() + "\n";
    if std::env::var_os("WAYBOOK_WRITE").is_some() {
        std::fs::write(file, &served).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap();
    assert!(
        written == served,
        "docs/openapi.json is not what a place serves; `WAYBOOK_WRITE=1 cargo test --test openapi` writes it anew"
    );
}
