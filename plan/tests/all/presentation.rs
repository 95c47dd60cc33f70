//! Presentation files.

use std::time::Duration;

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Position, Presentation, Reconcile, Runtime, WhenCut};

const FILM: &str = r#"title = "film"
description = "about bees"
servers = ["core/bologna/media", "core/rome"]
[[quality]]
name = "high"
[quality.demand.edge]
to-client = "4 Mbit/s"
to-server = "100 kbit/s"
[quality.demand.server]
cpu = "250m"
memory = "64 MiB"
licences = 1
[quality.demand.every-hop]
memory = "1 MiB"
[[quality.component]]
at = "default-place"
name = "relay"
runtime = "process"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "film/high" }
[[quality]]
name = "low"
"#;

pub(crate) fn film() -> Presentation {
    Presentation::from_toml(FILM).unwrap()
}

/// Checks that the file above, with one piece of it replaced, is refused with a message
/// that begins like this and contains the words.
#[track_caller]
fn check(piece: &str, by: &str, start: &str, words: &[&str]) {
    assert!(FILM.contains(piece), "the file has no {piece:?}");
    let error = Presentation::from_toml(&FILM.replacen(piece, by, 1))
        .expect_err(by)
        .to_string();
    assert!(error.starts_with(start), "wanted {start:?}, got: {error}");
    assert!(!error.contains(char::is_control), "{error:?}");
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

#[test]
fn a_file_reads_as_what_it_says() {
    let film = film();
    assert_eq!(
        (film.title.as_str(), film.description.as_str()),
        ("film", "about bees")
    );
    let servers: Vec<_> = film.servers.iter().map(PlaceName::as_str).collect();
    assert_eq!(servers, ["core/bologna/media", "core/rome"]);
    let [high, low] = film.qualities.as_slice() else {
        panic!("{film:?}")
    };
    assert_eq!((high.name.as_str(), low.name.as_str()), ("high", "low"));
    assert_eq!(
        (high.demand.edge.to_client, high.demand.edge.to_server),
        (4_000_000, 100_000)
    );
    assert_eq!(
        high.demand.server.to_string(),
        "cpu 250m, licences 1, memory 64 MiB"
    );
    assert_eq!(high.demand.every_hop.to_string(), "memory 1 MiB");
    assert!(high.demand.client.is_empty() && high.demand.default_place.is_empty());
    let [(at, relay), (end, files)] = high.components.as_slice() else {
        panic!("{high:?}")
    };
    assert_eq!((*at, *end), (Position::DefaultPlace, Position::Server));
    assert_eq!(
        (relay.runtime, files.runtime),
        (Runtime::Process, Runtime::Builtin)
    );
    assert_eq!(files.config["root"], "film/high");
    assert!(low.components.is_empty() && low.demand.server.is_empty());
}

#[test]
fn what_becomes_of_a_cut_session_can_be_said() {
    assert!(film().when_cut.is_default());
    let said = FILM.replacen(
        "\n",
        "\nlost-after = \"10 min\"\nreconcile = \"original\"\n",
        1,
    );
    let when_cut = Presentation::from_toml(&said).unwrap().when_cut;
    let wanted = WhenCut {
        lost_after: Some(Duration::from_secs(600)),
        reconcile: Reconcile::Original,
    };
    assert_eq!(when_cut, wanted);

    let wrong = |line: &str, start: &str, words: &[&str]| {
        check("[[quality]]", &format!("{line}\n[[quality]]"), start, words);
    };
    let at = "line 4, column 1, lost-after: ";
    wrong("lost-after = \"0 s\"", at, &["zero", "10 min"]);
    wrong("lost-after = \"31 d\"", at, &["longer than 30 days"]);
    wrong("lost-after = \"soon\"", at, &["`soon`"]);
    wrong("lost-after = 5", at, &["must be a string", "10 min"]);
    let at = "line 4, column 1, reconcile: ";
    wrong(
        "reconcile = \"orignal\"",
        at,
        &[
            "must be `replacement` or `original`",
            "did you mean `original`?",
        ],
    );
}

#[test]
fn the_examples_are_right() {
    for (name, text) in [
        (
            "film",
            include_str!("../../../configs/presentations/film.toml"),
        ),
        (
            "weather",
            include_str!("../../../configs/presentations/weather.toml"),
        ),
    ] {
        assert_eq!(Presentation::from_toml(text).expect(name).title, name);
    }
}

#[test]
fn errors_name_line_column_field_and_what_would_be_right() {
    check(
        "= \"film\"",
        "= film",
        "line 1, column 9: this is not TOML: ",
        &[],
    );
    check(
        "title =",
        "titel =",
        "line 1, column 1, titel: ",
        &["not known", "did you mean `title`?"],
    );
    check(
        "title = \"film\"",
        "",
        "line 1, column 1, title: ",
        &["missing", "title = \"film\""],
    );
    check(
        "\"film\"",
        "7",
        "line 1, column 1, title: ",
        &["a string", "not an integer"],
    );
    check(
        "[\"core/bologna/media\"",
        "[\"Core\"",
        "line 3, column 12, servers 1: ",
        &["`Core`"],
    );
    check(
        "\"core/rome\"",
        "[]",
        "line 3, column 34, servers 2: ",
        &["a string", "not a list"],
    );
    check("[[quality]]", "[quality]", "line ", &["TOML"]);
    check(
        "to-client",
        "to_client",
        "line 7, column 1, quality \"high\", demand.edge.to_client: ",
        &["did you mean `to-client`?"],
    );
    check(
        "4 Mbit/s",
        "4 Mbps",
        "line 7, column 1, quality \"high\", demand.edge.to-client: ",
        &["`4 Mbps`", "bit/s, kbit/s, Mbit/s, Gbit/s"],
    );
    check(
        "demand.server]",
        "demand.place]",
        "line 9, column 17, quality \"high\", demand.place: ",
        &[
            "not known",
            "`edge`, `client`, `default-place`, `every-hop` and `server`",
        ],
    );
    check(
        "cpu =",
        "down =",
        "line 10, column 1, quality \"high\", demand.server.down: ",
        &["`250m`"],
    );
    check(
        "licences = 1",
        "up = '1 bit/s'",
        "line 12, column 1, quality \"high\", demand.server.up: ",
        &["demand.edge", "to-client and to-server"],
    );
    check(
        "licences",
        "Licences",
        "line 12, column 1, quality \"high\", demand.server.Licences: ",
        &["lower-case"],
    );
    check(
        "64 MiB",
        "64",
        "line 11, column 1, quality \"high\", demand.server.memory: ",
        &["KiB"],
    );
    check("= 1\n", "= 0x10\n", "line 12, ", &["must be a string"]);
    check("= 1\n", "= 1.5\n", "line 12, ", &["no whole number"]);
    check(
        "\"default-place\"",
        "\"default\"",
        "line 16, column 1, quality \"high\", component \"relay\", at: ",
        &["must be `client`, `default-place`, `every-hop` or `server`, not `default`"],
    );
    check(
        "\"process\"",
        "\"proces\"",
        "line 18, ",
        &["`builtin`, `process` or `wasm`", "did you mean `process`?"],
    );
    check(
        "at = \"server\"\n",
        "",
        "line 19, ",
        &["component \"files\", at: ", "missing"],
    );
    check(
        "\"film/high\"",
        "8080",
        "line 23, column 12, quality \"high\", component \"files\", config.root: ",
        &["a string"],
    );
    check(
        "name = \"low\"",
        "",
        "line 24, column 1, quality 2, name: ",
        &["missing"],
    );
    check(
        "name = \"low\"",
        "name = \"high\"",
        "line 25, column 1, quality \"high\", name: ",
        &["each its own name"],
    );
    check("\"about bees\"", "'é' #\u{1}", "line 2, ", &["TOML"]);
}

#[test]
fn code_that_is_brought_along_is_named_by_reference() {
    let wasm = |name: &str| {
        FILM.replacen("\"relay\"", &format!("\"{name}\""), 1)
            .replacen("\"process\"", "\"wasm\"", 1)
    };
    for name in [
        "cap-quality@^1",
        "cap-quality@1.2.0",
        "cap-quality",
        "a@>=1, <3",
    ] {
        let film = Presentation::from_toml(&wasm(name)).expect(name);
        assert_eq!(film.qualities[0].components[0].1.runtime, Runtime::Wasm);
        assert_eq!(film.references(), [name]);
    }
    for (name, words) in [
        ("Relay@^1", "`Relay` must be a lower-case letter"),
        ("@^1", "must not be empty"),
        ("cap-quality@", "`` is not a version range such as ^1.2"),
        ("cap-quality@one", "`one` is not a version range"),
        ("cap-quality@1@2", "`1@2` is not a version range"),
    ] {
        let error = Presentation::from_toml(&wasm(name))
            .unwrap_err()
            .to_string();
        let start = format!("line 17, column 1, quality \"high\", component \"{name}\", name: ");
        assert!(
            error.starts_with(&start) && error.contains(words),
            "{error}"
        );
    }
    let long = format!("relay@>={}", "1".repeat(99));
    let error = Presentation::from_toml(&wasm(&long))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("101 bytes is too long; at most 64"),
        "{error}"
    );
}

#[test]
fn references_are_told_once_and_in_order() {
    let mut film = film();
    assert!(film.references().is_empty());
    let (at, relay) = film.qualities[0].components[0].clone();
    let wasm = ["b@^2", "a", "b@^1", "a"].map(|name| {
        let name = name.to_owned();
        (
            at,
            Component {
                name,
                runtime: Runtime::Wasm,
                ..relay.clone()
            },
        )
    });
    film.qualities[0]
        .components
        .extend(wasm[..2].iter().cloned());
    film.qualities[1]
        .components
        .extend(wasm[2..].iter().cloned());
    film.check().unwrap();
    assert_eq!(film.references(), ["a", "b@^1", "b@^2"]);
}

#[test]
fn the_first_of_several_wrong_keys_is_reported() {
    check(
        "title =",
        "zoo = 1\nape = 2\ntitle =",
        "line 1, column 1, zoo: ",
        &["not known"],
    );
    check(
        "title =",
        "\"`a\\n\u{e9}\" = 1\ntitle =",
        "line 1, column 1, ``a\\n\u{e9}`: ",
        &["`servers`, `lost-after`, `reconcile` and `quality`"],
    );
}

#[test]
fn what_an_error_quotes_cannot_steer_a_terminal() {
    check(
        "core/rome",
        "co\\u001bre",
        "line 3, ",
        &["servers 2", "co\u{fffd}re"],
    );
    check("4 Mbit/s", "4\\u001b", "line 7, ", &["`4\\u{1b}`"]);
    check(
        "name = \"low\"",
        "name = \"\\u001b\"\nx = 1",
        "line ",
        &["\"\\u{1b}\", x: "],
    );
}

#[test]
fn limits_hold_in_files() {
    let long = "x".repeat(201);
    check(
        "\"film\"",
        "\" \"",
        "line 1, column 1, title: ",
        &["must not be empty"],
    );
    check(
        "\"film\"",
        "\"film \"",
        "line 1, ",
        &["begin or end with a space"],
    );
    check(
        "\"film\"",
        "\"fi\\u001blm\"",
        "line 1, ",
        &["`fi\\u{1b}lm`", "control characters"],
    );
    check(
        "\"film\"",
        &format!("\"{long}\""),
        "line 1, ",
        &["201 bytes", "at most 200"],
    );
    check(
        "\"about bees\"",
        "\"\\u0007\"",
        "line 2, column 1, description: ",
        &["control"],
    );
    check(
        "core/rome",
        "core/bologna/media",
        "line 3, column 34, servers 2: ",
        &["listed twice"],
    );
    check(
        "\"film/high\"",
        "\"a\\u0000b\"",
        "line 23, ",
        &["config.root", "control"],
    );
    check(
        "\"low\"",
        "\"low\"\ndemand.server.memory = \"1 B\"\ndemand.client.memory = \"18446744073709551615 B\"",
        "line 26, column 8, quality \"low\", demand.server: ",
        &["`memory`", "larger than any capacity"],
    );
    let error = Presentation::from_toml("title = 'x'")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "line 1, column 1, quality: this is missing; write at least one [[quality]] with a name"
    );
}

proptest! {
    #[test]
    fn any_text_reads_or_is_refused(text in "\\PC*") {
        if let Err(error) = Presentation::from_toml(&text) {
            prop_assert!(error.to_string().starts_with("line "), "{}", error);
        }
    }

    /// Nearly right files get further than arbitrary text.
    #[test]
    fn any_damage_reads_or_is_refused(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..20, "\\PC{0,3}|[\\[\\]{}=\".\n0-9]{0,4}"), 1..4),
    ) {
        let mut text: Vec<char> = FILM.chars().collect();
        for (at, length, by) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, by.chars());
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        match Presentation::from_toml(&text) {
            Ok(presentation) => prop_assert_eq!(presentation.check(), Ok(())),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.starts_with("line "), "{}", error);
                prop_assert!(!error.contains(char::is_control), "{:?}", error);
            }
        }
    }
}
