//! Manifests of components, and the releases made of them.

use proptest::prelude::*;
use semver::Version;
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Manifest, Release, ReleaseError};

const MANIFEST: &str = r#"name = "cap-quality"
version = "1.2.0-beta.1"
description = "Holds the quality\ndown"
runtime = "wasi:http/middleware@0.3.0"
file = "target/cap_quality.wasm"
requires = ["gpu", "av1"]
[dependencies]
cap-log = "^1"
cap-clock = "1.2.3"
"#;

fn release(text: &str, found: Option<&str>) -> Result<Release, ReleaseError> {
    let home = PlaceName::new("core/lab").unwrap();
    let manifest = Manifest::from_toml(text).unwrap();
    manifest.release(found, Digest([1; 32]), 60_123, [2; 32], home)
}

/// Checks that the file above, with one piece of it replaced, is refused with a message
/// that begins like this and contains the words.
#[track_caller]
fn check(piece: &str, by: &str, start: &str, words: &str) {
    assert!(MANIFEST.contains(piece), "the file has no {piece:?}");
    let error = Manifest::from_toml(&MANIFEST.replacen(piece, by, 1))
        .expect_err(by)
        .to_string();
    assert!(error.starts_with(start), "wanted {start:?}, got: {error}");
    assert!(error.contains(words), "no {words:?} in: {error}");
}

#[test]
fn a_manifest_reads_as_what_it_says_and_becomes_a_release() {
    let release = release(MANIFEST, None).unwrap();
    assert_eq!(release.reference(), "cap-quality@1.2.0-beta.1");
    assert_eq!(release.description, "Holds the quality\ndown");
    assert_eq!(release.runtime, "wasi:http/middleware@0.3.0");
    assert_eq!(release.requires, ["gpu", "av1"]);
    assert_eq!((release.digest, release.root), (Digest([1; 32]), [2; 32]));
    assert_eq!(
        (release.length, release.home.as_str()),
        (60_123, "core/lab")
    );
    assert_eq!(
        (release.signature.as_ref(), release.check()),
        (None, Ok(()))
    );
    // As in a Cargo.toml, a full version of a dependency stands for what is compatible.
    let clock = &release.dependencies["cap-clock"];
    assert!(clock.matches(&Version::new(1, 9, 0)) && !clock.matches(&Version::new(2, 0, 0)));
    assert_eq!(release.dependencies["cap-log"].to_string(), "^1");
    let manifest = Manifest::from_toml(MANIFEST).unwrap();
    assert_eq!(manifest.file, "target/cap_quality.wasm");
}

#[test]
fn what_may_be_left_out_has_a_good_default() {
    let least = "name = 'log'\nversion = '1.0.0'";
    let manifest = Manifest::from_toml(least).unwrap();
    assert_eq!(
        (manifest.file.as_str(), manifest.runtime),
        ("log.wasm", None)
    );
    assert!(manifest.requires.is_empty() && manifest.dependencies.is_empty());
    let found = release(least, Some("wasi:http/proxy@0.2.3")).unwrap();
    assert_eq!(found.runtime, "wasi:http/proxy@0.2.3");
    let error = release(least, None).unwrap_err().to_string();
    assert!(error.contains("write runtime = "), "{error}");
}

#[test]
fn a_manifest_and_its_binary_have_to_agree() {
    let newer = release(MANIFEST, Some("wasi:http/middleware@0.3.2")).unwrap();
    assert_eq!(newer.runtime, "wasi:http/middleware@0.3.0");
    let error = release(MANIFEST, Some("wasi:http/proxy@0.2.3")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "runtime is `wasi:http/middleware@0.3.0`, but the binary targets `wasi:http/proxy@0.2.3`"
    );
}

#[test]
fn errors_name_line_column_field_and_what_would_be_right() {
    check(
        "name =",
        "nmae =",
        "line 1, column 1, nmae: ",
        "did you mean `name`?",
    );
    check(
        "name = \"cap-quality\"\n",
        "",
        "line 1, column 1, name: ",
        "write name = ",
    );
    check(
        "\"cap-quality\"",
        "\"Cap\"",
        "line 1, column 1, name: ",
        "lower-case",
    );
    check(
        "version = \"1.2.0-beta.1\"\n",
        "",
        "line 1, column 1, version: ",
        "\"1.2.0\"",
    );
    check(
        "\"1.2.0-beta.1\"",
        "\"1.2\"",
        "line 2, column 1, version: ",
        "`1.2` is not a version",
    );
    check(
        "\"1.2.0-beta.1\"",
        "\"1.2.0+x\"",
        "line 2, column 1, version: ",
        "without `+x`",
    );
    check(
        "\"1.2.0-beta.1\"",
        "1.2",
        "line 2, column 1, version: ",
        "a string",
    );
    check(
        "beta.1",
        &"b".repeat(60),
        "line 2, column 1, version: ",
        "66 bytes",
    );
    check(
        "quality\\n",
        "\\u001b",
        "line 3, column 1, description: ",
        "control",
    );
    check(
        "@0.3.0",
        "",
        "line 4, column 1, runtime: ",
        "not a world with a version",
    );
    check(
        "wasi:http/middleware",
        "http",
        "line 4, column 1, runtime: ",
        "not a world",
    );
    check(
        "\"target/cap_quality.wasm\"",
        "\"\"",
        "line 5, column 1, file: ",
        "empty",
    );
    check(
        "\"av1\"",
        "7",
        "line 6, column 20, requires 2: ",
        "a string",
    );
    check(
        "\"av1\"",
        "\"\"",
        "line 6, column 20, requires 2: ",
        "empty",
    );
    check(
        "\"av1\"",
        &"\"x\",".repeat(16),
        "line 6, column 1, requires: ",
        "17 entries",
    );
    check(
        "^1",
        "one",
        "line 8, column 1, dependencies.cap-log: ",
        "not a version range",
    );
    check(
        "cap-log",
        "cap-quality",
        "line 8, column 1, dependencies.",
        "behind itself",
    );
    check(
        "cap-log",
        "Log",
        "line 8, column 1, dependencies.Log: ",
        "lower-case",
    );
    check(
        "[dependencies]",
        "[dependency]",
        "line 7, column 2, dependency: ",
        "`dependencies`?",
    );
}

#[test]
fn a_release_whose_version_ranges_cannot_tell_from_another_is_refused() {
    let mut release = release(MANIFEST, None).unwrap();
    release.version = Version::parse("1.2.0+nightly").unwrap();
    let error = release.check().unwrap_err().to_string();
    assert!(
        error.starts_with("version must be without `+nightly`"),
        "{error}"
    );
    release.version = Version::new(1, 2, 0);
    release.runtime = "a runtime".to_owned();
    let error = release.check().unwrap_err().to_string();
    assert!(
        error.starts_with("runtime `a runtime` is not a world"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_text_reads_or_is_refused(text in "\\PC*") {
        if let Err(error) = Manifest::from_toml(&text) {
            prop_assert!(error.to_string().starts_with("line "), "{}", error);
        }
    }

    /// Nearly right files get further than arbitrary text, and what reads can be released.
    #[test]
    fn any_damage_reads_or_is_refused(
        cuts in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..20, "\\PC{0,3}|[\\[\\]{}=\".\n0-9]{0,4}"),
            1..4,
        ),
    ) {
        let mut text: Vec<char> = MANIFEST.chars().collect();
        for (at, length, by) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, by.chars());
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        match Manifest::from_toml(&text) {
            Ok(manifest) => {
                let runtime = manifest.runtime.clone();
                let found = runtime.as_deref().or(Some("wasi:http/proxy@0.2.3"));
                let home = PlaceName::new("core/lab").unwrap();
                let release = manifest.release(found, Digest([1; 32]), 1, [2; 32], home);
                prop_assert!(release.is_ok(), "{:?}", release);
            }
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.starts_with("line "), "{}", error);
                prop_assert!(!error.contains(char::is_control), "{:?}", error);
            }
        }
    }
}
