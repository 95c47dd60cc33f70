//! Help, wrong inputs and the authority's files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{code, err, out, run};

/// A command and all below it, as its help lists them, each with its help.
fn helps(home: &Path, command: &[&str]) -> Vec<(String, String)> {
    let said = run(home, &[command, &["--help"]].concat());
    assert_eq!(code(&said), 0, "{command:?}");
    let text = out(&said);
    let listed = text
        .split_once("\nCommands:\n")
        .map_or("", |(_, rest)| rest);
    let below: Vec<_> = (listed.lines())
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .flat_map(|name| helps(home, &[command, &[name]].concat()))
        .collect();
    let mut all = vec![(command.join(" "), text)];
    all.extend(below);
    all
}

#[test]
fn the_help_of_every_command_shows_examples() {
    let home = tempfile::tempdir().unwrap();
    let all = helps(home.path(), &[]);
    assert!(all.iter().any(|(name, _)| name == "sim topology import"));
    assert!(all[0].1.contains("Exit codes:"));
    for (name, text) in all {
        assert!(text.contains("Examples:\n  waybook "), "{name}");
    }
}

#[test]
fn what_is_shipped_is_checked_and_good() {
    let home = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path.display().to_string());
            }
        }
    }
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let said = run(home.path(), &[&["check"], files.as_slice()].concat());
    let text = out(&said);
    assert_eq!(code(&said), 0, "{text}{}", err(&said));
    for kind in [
        "place",
        "topology",
        "presentation",
        "profile",
        "scenario",
        "sweep",
    ] {
        assert!(text.contains(&format!("good ({kind})")), "{kind}: {text}");
    }
}

/// What was wrong with a command line was told to people only, whoever had asked.
#[test]
fn a_wrong_command_line_is_told_to_programs_too() {
    let home = tempfile::tempdir().unwrap();
    for (wrong, why) in [
        (&["--json", "opne"][..], "'opne'"),
        (&["open", "--json", "--qualitty", "high"], "'--qualitty'"),
        (&["place", "drain", "--json"], "<PLACE>"),
        (&["--json"], "subcommand"),
    ] {
        let said = run(home.path(), wrong);
        assert_eq!(code(&said), 2, "{wrong:?}");
        assert_eq!(out(&said), "");
        let report: serde_json::Value = serde_json::from_str(&err(&said)).unwrap();
        assert_eq!(report["exit"], 2);
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
        assert!(!error.starts_with("error:"), "{error}");
    }
    // To people it is told as ever, and so is what they look up.
    for plain in [&["opne"][..], &["component", "list", "--", "--json"]] {
        let said = run(home.path(), plain);
        assert_eq!(code(&said), 2);
        assert!(err(&said).starts_with("error: "), "{}", err(&said));
    }
    let help = run(home.path(), &["--json", "--help"]);
    assert_eq!(code(&help), 0);
    assert!(out(&help).contains("Usage:"));
}

const WRONG_SCENARIO: &str = "name = \"bad\"\n[topology]\ngenerate = \"regular\"\ndegre = 4\n";
const WRONG_TOPOLOGY: &str = "[[place]]\nname = \"core\"\n[[place]]\nname = \"other\"\n";
const WRONG_FILM: &str = "title = \"film\"\n[[quality]]\nname = \"high\"\n\
    [quality.demand.edge]\nto-client = \"4 parrots\"\n";

#[test]
fn wrong_inputs_are_told_and_change_nothing() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("wrong.toml"), WRONG_TOPOLOGY).unwrap();
    fs::write(home.path().join("film.toml"), WRONG_FILM).unwrap();
    fs::write(home.path().join("scenario.toml"), WRONG_SCENARIO).unwrap();
    let before = listing(home.path());
    for (arguments, expected, told) in [
        ("check missing.toml", 2, "missing.toml"),
        ("check film.toml", 2, "1 of 1 files"),
        ("check scenario.toml", 2, "degre"),
        ("sim merge missing --out all", 2, "missing"),
        ("sim sweep missing.toml --out all --jobs 0", 2, "from 1"),
        (
            "sim topology generate regular --set degree=x",
            2,
            "in `degree`",
        ),
        ("ca init --validity 0s", 2, "some time"),
        ("up wrong.toml", 2, "other"),
        ("up missing.toml", 2, "missing.toml"),
        ("place run --config missing.toml", 2, "missing.toml"),
        ("publish missing.toml --at core", 2, "missing.toml"),
        ("publish film.toml --at core", 2, "line 5"),
        ("ca issue core", 2, "waybook ca init"),
        ("ca issue No_Name", 2, "No_Name"),
        ("open film", 2, "--at PLACE"),
        ("open film --at core --deadline soon", 2, "soon"),
        (
            "open film --at core --profile missing.toml",
            2,
            "missing.toml",
        ),
        (
            "open film --at core --detach --dry-run",
            2,
            "cannot be used with",
        ),
        ("session zz", 2, "no session's number"),
        ("close", 2, "--all"),
        ("bookings", 2, "--at PLACE"),
        ("bookings --at core", 4, "waybook up"),
        ("tree", 4, "waybook up"),
        ("sessions --data nowhere", 4, "waybook place run"),
        ("no-such-command", 2, "no-such-command"),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let output = run(home.path(), &arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", err(&output));
        let all = out(&output) + &err(&output);
        assert!(all.contains(told), "{arguments:?}: {all}");
        assert_eq!(listing(home.path()), before, "{arguments:?}");
    }
}

#[test]
fn programs_are_told_in_json() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["tree", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&err(&output)).unwrap();
    assert_eq!((code(&output), &told["exit"]), (4, &4.into()));
    let output = run(home.path(), &["down", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(
        (code(&output), told["stopped"].to_string()),
        (0, "[]".to_owned())
    );
}

#[test]
fn an_authority_keeps_its_keys_to_itself() {
    let home = tempfile::tempdir().unwrap();
    let done = run(home.path(), &["ca", "init"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    let done = run(home.path(), &["ca", "issue", "core/bologna/lab"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    let mode = |path: &str| {
        let path = home.path().join(path);
        fs::metadata(&path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("ca"), 0o700);
    assert_eq!(mode("ca/authority.key"), 0o600);
    assert_eq!(mode("core.bologna.lab"), 0o700);
    assert_eq!(mode("core.bologna.lab/place.key"), 0o600);
    assert!(home.path().join("core.bologna.lab/place.crt").exists());

    // Nothing is replaced by mistake.
    let key = fs::read(home.path().join("ca/authority.key")).unwrap();
    let again = run(home.path(), &["ca", "init"]);
    assert_eq!(code(&again), 1);
    assert_eq!(fs::read(home.path().join("ca/authority.key")).unwrap(), key);
    let again = run(home.path(), &["ca", "issue", "core/bologna/lab"]);
    assert_eq!(code(&again), 1);
    let replace = ["ca", "issue", "core/bologna/lab", "--replace"];
    assert_eq!(code(&run(home.path(), &replace)), 0);
}

/// Every file and folder below one, with its length.
fn listing(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        found.push((entry.path().display().to_string(), meta.len()));
        if meta.is_dir() {
            found.extend(listing(&entry.path()));
        }
    }
    found.sort();
    found
}
