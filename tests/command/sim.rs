//! `waybook sim` from the outside: runs, sweeps, trees.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{code, err, out, run};

/// The shipped scenario and sweep, cut short.
fn scenario(home: &Path) {
    let star = include_str!("../../configs/simulations/star.toml")
        .replace("\"3 h\"", "\"30 min\"")
        .replace("warm-up = \"30 min\"", "warm-up = \"5 min\"");
    fs::write(home.join("star.toml"), star).unwrap();
    let load = include_str!("../../configs/simulations/load.toml")
        .replace("replications = 5", "replications = 2")
        .replace("[\"60/h\", \"90/h\", \"120/h\"]", "[\"60/h\", \"120/h\"]");
    fs::write(home.join("load.toml"), load).unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_run_says_what_it_came_to_and_writes_its_tables() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let said = run(home.path(), &["sim", "run", "star.toml", "--out", "star"]);
    assert_eq!(code(&said), 0, "{}", err(&said));
    for word in ["requests", "blocked", "set-up, 99%", "tables: star"] {
        assert!(out(&said).contains(word), "{}", out(&said));
    }
    let again = run(
        home.path(),
        &["sim", "run", "star.toml", "--out", "again", "--json"],
    );
    let summary = json(&out(&again));
    assert_eq!(summary["seed"], 1);
    assert!(summary["established"].as_u64().unwrap() > 10, "{summary}");
    for file in [
        "sessions.csv",
        "sessions.parquet",
        "intervals.csv",
        "intervals.parquet",
        "resources.csv",
        "resources.parquet",
        "summary.json",
        "scenario.toml",
    ] {
        let one = fs::read(home.path().join("star").join(file)).unwrap();
        let other = fs::read(home.path().join("again").join(file)).unwrap();
        assert!(one == other, "{file} differs between two runs of one seed");
    }
}

/// Of a run, and of a sweep, a page is made that asks nobody for anything.
#[test]
fn results_become_a_page() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    for arguments in [
        &["sim", "run", "star.toml", "--out", "star"][..],
        &["sim", "sweep", "load.toml", "--out", "load"],
    ] {
        let said = run(home.path(), arguments);
        assert_eq!(code(&said), 0, "{}", err(&said));
    }
    for folder in ["star", "load"] {
        let said = run(home.path(), &["sim", "report", folder]);
        assert_eq!(code(&said), 0, "{}", err(&said));
        assert!(out(&said).contains("report.html"), "{}", out(&said));
        let page = fs::read_to_string(home.path().join(folder).join("report.html")).unwrap();
        assert!(
            page.contains("<svg") && page.contains("blocked"),
            "{folder}"
        );
        assert!(
            !page.contains("<script") && !page.contains("src=\"http"),
            "{folder}"
        );
    }
    let said = run(home.path(), &["sim", "report", "nowhere"]);
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("nowhere"), "{}", err(&said));
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_file_and_line() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let text = fs::read_to_string(home.path().join("star.toml")).unwrap();
    let line = text
        .split("interval = ")
        .next()
        .unwrap()
        .matches('\n')
        .count()
        + 1;
    fs::write(
        home.path().join("bad.toml"),
        text.replace("interval = ", "intervall = "),
    )
    .unwrap();
    let said = run(home.path(), &["sim", "run", "bad.toml"]);
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("bad.toml"), "{}", err(&said));
    assert!(
        err(&said).contains(&format!("line {line}")),
        "{}",
        err(&said)
    );
    assert!(err(&said).contains("intervall"), "{}", err(&said));
    let said = run(home.path(), &["sim", "run", "missing.toml"]);
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("missing.toml"), "{}", err(&said));
}

/// It ran nothing, said so as figures, and ended with 0.
#[test]
fn the_last_seed_is_a_seed() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let last = u64::MAX.to_string();
    let once = ["sim", "run", "star.toml", "--json", "--seed", &last];
    let said = run(home.path(), &once);
    assert_eq!(code(&said), 0, "{}", err(&said));
    assert_eq!(json(&out(&said))["seed"].to_string(), last);
    let said = run(home.path(), &[&once[..], &["--replications", "2"]].concat());
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("--replications"), "{}", err(&said));
}

/// Shares in folders of their own, one of them stopped half way and gone on with, merge to
/// what one go on several threads gives, byte for byte.
#[test]
fn a_sweep_in_shares_merges_to_what_one_go_gives() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let sweep = |arguments: &[&str]| {
        let all = [&["sim", "sweep", "load.toml"], arguments].concat();
        let said = run(home.path(), &all);
        assert_eq!(code(&said), 0, "{}", err(&said));
        out(&said)
    };
    let said = sweep(&["--out", "all", "--jobs", "2"]);
    assert!(said.contains("8 of 8 runs were missing"), "{said}");
    sweep(&["--out", "one", "--shard", "1/2", "--jobs", "1"]);
    sweep(&["--out", "two", "--shard", "2/2"]);
    // As if it had been stopped.
    let mut kept: Vec<_> = fs::read_dir(home.path().join("two/runs"))
        .unwrap()
        .collect();
    fs::remove_file(kept.pop().unwrap().unwrap().path()).unwrap();
    fs::write(home.path().join("two/runs/p0001-r001.part"), "half").unwrap();
    let said = run(
        home.path(),
        &[
            "sim",
            "sweep",
            "load.toml",
            "--out",
            "two",
            "--shard",
            "2/2",
        ],
    );
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("--resume"), "{}", err(&said));
    let said = sweep(&["--out", "two", "--shard", "2/2", "--resume"]);
    assert!(said.contains("1 of 4 runs were missing"), "{said}");

    let said = run(
        home.path(),
        &["sim", "merge", "two", "one", "--out", "merged"],
    );
    assert_eq!(code(&said), 0, "{}", err(&said));
    for file in ["runs.csv", "runs.parquet", "points.json"] {
        let merged = fs::read(home.path().join("merged").join(file)).unwrap();
        let at_once = fs::read(home.path().join("all").join(file)).unwrap();
        assert!(merged == at_once, "{file} differs");
    }
    let points = json(&fs::read_to_string(home.path().join("all/points.json")).unwrap());
    assert_eq!(points.as_array().unwrap().len(), 4);
}

/// Runs of another scenario are not taken for those of this one.
#[test]
fn a_sweep_does_not_go_on_with_the_runs_of_another() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let arguments = [
        "sim",
        "sweep",
        "load.toml",
        "--out",
        "all",
        "--shard",
        "1/4",
    ];
    assert_eq!(code(&run(home.path(), &arguments)), 0);
    let text = fs::read_to_string(home.path().join("star.toml")).unwrap();
    fs::write(
        home.path().join("star.toml"),
        text.replace("\"6 Mbit/s\"", "\"7 Mbit/s\""),
    )
    .unwrap();
    let again = [&arguments[..], &["--resume"]].concat();
    let said = run(home.path(), &again);
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("another sweep"), "{}", err(&said));
}

#[test]
fn a_graph_becomes_a_tree_that_a_scenario_takes() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let graph = include_str!("../../configs/simulations/topologies/emilia-romagna.gml");
    fs::write(home.path().join("region.gml"), graph).unwrap();
    let import = [
        "sim",
        "topology",
        "import",
        "region.gml",
        "--out",
        "tree.csv",
    ];
    let said = run(home.path(), &import);
    assert_eq!(code(&said), 0, "{}", err(&said));
    assert!(out(&said).contains("places"), "{}", out(&said));
    // Without a file the tree alone is on standard output, or all of it as JSON.
    let tree = fs::read_to_string(home.path().join("tree.csv")).unwrap();
    let said = run(home.path(), &import[..4]);
    assert_eq!(out(&said), tree);
    assert!(err(&said).contains("10 nodes"), "{}", err(&said));
    let said = run(home.path(), &[&import[..4], &["--json"]].concat());
    assert_eq!(json(&out(&said))["csv"], tree);
    let generated = ["generate = \"regular\"", "degree = 4", "depth = 1"];
    let mut text = fs::read_to_string(home.path().join("star.toml")).unwrap();
    for (from, to) in generated.into_iter().zip(["file = \"tree.csv\"", "", ""]) {
        assert!(text.contains(from));
        text = text.replace(from, to);
    }
    fs::write(home.path().join("region.toml"), text).unwrap();
    let said = run(home.path(), &["sim", "run", "region.toml", "--json"]);
    assert_eq!(code(&said), 0, "{}", err(&said));
    assert!(json(&out(&said))["places"].as_u64().unwrap() > 3);

    fs::write(
        home.path().join("broken.gml"),
        "graph [ node [ id 1 ] edge [ source 1",
    )
    .unwrap();
    let said = run(home.path(), &["sim", "topology", "import", "broken.gml"]);
    assert_eq!(code(&said), 2);
    assert!(
        err(&said).contains("broken.gml") && err(&said).contains("line 1"),
        "{}",
        err(&said)
    );
}

/// The first session of a folder's table that ended up in some way.
fn session_of(home: &Path, folder: &str, fate: &str) -> (String, String) {
    let table = fs::read_to_string(home.join(folder).join("sessions.csv")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let row = rows.map(|row| row.split(',').collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row[7] == fate).unwrap();
    (row[0].to_owned(), row[2].to_owned())
}

/// A person copies a number out of the table and sees what became of that session.
#[test]
fn a_session_is_replayed_hop_by_hop() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let said = run(home.path(), &["sim", "run", "star.toml", "--out", "star"]);
    assert_eq!(code(&said), 0, "{}", err(&said));
    let before = fs::read(home.path().join("star/sessions.csv")).unwrap();
    let (number, place) = session_of(home.path(), "star", "established");
    let replay = ["sim", "replay", "star", "--session", &number];
    let said = run(home.path(), &replay);
    assert_eq!(code(&said), 0, "{}", err(&said));
    let text = out(&said);
    for words in [
        &format!(
            "session {number} of star (seed 1): viewers at {place} ask for `film`: established"
        ),
        "root  ● server; booked cpu",
        "● client; booked down",
        "the user asks for `film`",
        "to root: plan visitor with solution 1",
        "confirm: the session is established",
        "the user has a session: solution",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let said = run(home.path(), &[&replay[..], &["--json"]].concat());
    let journey = json(&out(&said));
    assert_eq!(journey["row"]["session"].to_string(), number);
    assert_eq!(journey["row"]["place"], place.as_str());
    let steps = journey["steps"].as_array().unwrap();
    assert_eq!(steps[0]["what"], "asks");
    assert_eq!(steps[0]["at_s"], journey["row"]["asked_s"]);
    let told = steps
        .iter()
        .filter(|step| text.contains(step["says"].as_str().unwrap()));
    assert_eq!(told.count(), steps.len(), "as many as a person sees");

    let page = ["sim", "animate", "star", "--session", &number];
    let said = run(home.path(), &page);
    assert_eq!(code(&said), 0, "{}", err(&said));
    let file = format!("star/session-{number}.html");
    assert_eq!(out(&said).trim(), file);
    let html = fs::read_to_string(home.path().join(file)).unwrap();
    assert!(html.contains("data-place=\"root/3\"") && !html.contains("src=\"http"));
    let said = run(
        home.path(),
        &[
            "sim", "animate", "star", "--from", "10 min", "--until", "660", "--out", "a.html",
            "--json",
        ],
    );
    assert_eq!(code(&said), 0, "{}", err(&said));
    assert_eq!(json(&out(&said))["places"], 5);
    assert!(home.path().join("a.html").is_file());
    let after = fs::read(home.path().join("star/sessions.csv")).unwrap();
    assert!(before == after, "looking changes nothing");
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    for arguments in [
        &["sim", "run", "star.toml", "--out", "star"][..],
        &[
            "sim",
            "run",
            "star.toml",
            "--out",
            "many",
            "--replications",
            "2",
        ],
        &[
            "sim",
            "sweep",
            "load.toml",
            "--out",
            "load",
            "--shard",
            "1/8",
        ],
    ] {
        let said = run(home.path(), arguments);
        assert_eq!(code(&said), 0, "{}", err(&said));
    }
    let wrong = |arguments: &[&str], words: &[&str]| {
        let all = [&["sim"], arguments].concat();
        let said = run(home.path(), &all);
        assert_eq!(code(&said), 2, "{arguments:?}: {}", err(&said));
        for word in words {
            assert!(err(&said).contains(word), "{word}: {}", err(&said));
        }
    };
    let replay = |folder, words: &[&str]| wrong(&["replay", folder, "--session", "1"], words);
    replay("nowhere", &["nowhere", "no such folder"]);
    fs::create_dir(home.path().join("empty")).unwrap();
    replay("empty", &["empty", "no run's folder", "summary.json"]);
    replay("load", &["load", "a sweep"]);
    replay(
        "many",
        &["there are runs in it", "many/seed-1", "many/seed-2"],
    );
    let said = run(
        home.path(),
        &["sim", "replay", "many/seed-2", "--session", "1"],
    );
    assert_eq!(code(&said), 0, "{}", err(&said));
    wrong(
        &["replay", "star", "--session", "99999"],
        &["--session 99999", "sessions.csv", "there are 1 to "],
    );
    wrong(&["replay", "star", "--session", "x"], &["--session"]);
    wrong(
        &["animate", "star", "--from", "20", "--until", "10"],
        &["--from 20 s", "0 to 1800 s"],
    );
    wrong(&["animate", "star", "--from", "soon"], &["soon", "seconds"]);
    wrong(
        &["animate", "star", "--steps", "50"],
        &["--steps 50", "shorter time"],
    );
    wrong(
        &["animate", "star", "--places", "2"],
        &["places are concerned", "--places 2"],
    );
    wrong(
        &["animate", "star", "--session", "1", "--from", "1"],
        &["--session", "--from"],
    );

    let change = |file: &str, from: &str, to: &str| {
        let path = home.path().join("star").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    // Results that are not of this scenario.
    let (number, _) = session_of(home.path(), "star", "established");
    change("scenario.toml", "6 Mbit/s", "7 Mbit/s");
    change(
        "scenario.toml",
        "exponential = \"10 min\"",
        "exponential = \"11 min\"",
    );
    let said = run(
        home.path(),
        &["sim", "replay", "star", "--session", &number],
    );
    assert_eq!(code(&said), 1);
    assert!(
        err(&said).contains("did not end up as written"),
        "{}",
        err(&said)
    );
    change(
        "scenario.toml",
        "[edges]",
        "[protocol]\nbooking = \"central\"\n\n[edges]",
    );
    replay("star", &["scenario.toml", "central", "no agents"]);
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    change("summary.json", &version, "\"version\": \"0.0.1\"");
    replay("star", &["summary.json", "Waybook 0.0.1 ran it"]);
}

/// The files that a scenario names are kept with its results, and asked for if they are gone.
#[test]
fn a_run_over_an_imported_tree_is_replayed() {
    let home = tempfile::tempdir().unwrap();
    scenario(home.path());
    let graph = include_str!("../../configs/simulations/topologies/emilia-romagna.gml");
    fs::create_dir(home.path().join("graphs")).unwrap();
    fs::write(home.path().join("graphs/region.gml"), graph).unwrap();
    let text = fs::read_to_string(home.path().join("star.toml")).unwrap();
    let text = text.replace("generate = \"regular\"", "import = \"graphs/region.gml\"");
    let text = text.replace("degree = 4\n", "").replace("depth = 1\n", "");
    fs::write(home.path().join("region.toml"), text).unwrap();
    let said = run(
        home.path(),
        &["sim", "run", "region.toml", "--out", "region"],
    );
    assert_eq!(code(&said), 0, "{}", err(&said));
    let kept = home.path().join("region/graphs/region.gml");
    assert_eq!(fs::read_to_string(&kept).unwrap(), graph);
    fs::remove_file(home.path().join("graphs/region.gml")).unwrap();
    let (number, place) = session_of(home.path(), "region", "established");
    let replay = ["sim", "replay", "region", "--session", &number];
    let said = run(home.path(), &replay);
    assert_eq!(code(&said), 0, "{}", err(&said));
    assert!(out(&said).contains(&place), "{}", out(&said));

    fs::create_dir_all(home.path().join("elsewhere/graphs")).unwrap();
    fs::rename(kept, home.path().join("elsewhere/graphs/region.gml")).unwrap();
    let said = run(home.path(), &replay);
    assert_eq!(code(&said), 2);
    for words in [
        "region/graphs/region.gml",
        "the scenario of the run names this file",
        "--files",
    ] {
        assert!(err(&said).contains(words), "{words}: {}", err(&said));
    }
    let said = run(
        home.path(),
        &[&replay[..], &["--files", "elsewhere"]].concat(),
    );
    assert_eq!(code(&said), 0, "{}", err(&said));
}

/// Random cases run, and are the same when they come from a file.
#[test]
fn random_cases_keep_the_promises_and_come_from_files_as_well() {
    let home = tempfile::tempdir().unwrap();
    let said = run(home.path(), &["sim", "fuzz", "--seeds", "7..27", "--json"]);
    assert_eq!(code(&said), 0, "{}", err(&said));
    let told = json(&out(&said));
    assert_eq!(told["seeds"], 20);
    assert_eq!(told["counts"]["runs"], 20);
    assert!(told["established"].as_u64().unwrap() > 0, "{told}");

    let case = run(home.path(), &["sim", "fuzz", "--show", "7"]);
    fs::write(home.path().join("seven.toml"), out(&case)).unwrap();
    let one = run(
        home.path(),
        &["sim", "fuzz", "--case", "seven.toml", "--json"],
    );
    let other = run(home.path(), &["sim", "fuzz", "--seeds", "7..8", "--json"]);
    assert_eq!(json(&out(&one))["counts"], json(&out(&other))["counts"]);

    let said = run(home.path(), &["sim", "fuzz", "--seeds", "7..9"]);
    assert!(out(&said).contains("2 seeds in"), "{}", out(&said));
}

/// A case that fails says so, with all that happened beside it.
#[test]
fn a_case_that_fails_is_told_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| out(&run(home.path(), arguments));
    let case = text(&["sim", "fuzz", "--show", "7"]);
    // What is promised to a calm case cannot be kept where a place goes down.
    let calm = include_str!("../../sim/tests/cases/not-calm.toml");
    fs::write(home.path().join("not-calm.toml"), calm).unwrap();
    let said = run(home.path(), &["sim", "fuzz", "--case", "not-calm.toml"]);
    assert_eq!(code(&said), 1, "{}", out(&said));
    for words in [
        "leases lapsed",
        "waybook sim fuzz --case not-calm.toml",
        "not-calm.txt",
    ] {
        assert!(out(&said).contains(words), "{words}: {}", out(&said));
    }
    let story = fs::read_to_string(home.path().join("not-calm.txt")).unwrap();
    assert!(
        story.contains("crashes") && story.contains("leases lapsed"),
        "{story}"
    );

    fs::write(
        home.path().join("bad.toml"),
        case.replace("kind = ", "kid = "),
    )
    .unwrap();
    let said = run(home.path(), &["sim", "fuzz", "--case", "bad.toml"]);
    assert_eq!(code(&said), 2);
    assert!(
        err(&said).contains("bad.toml") && err(&said).contains("kid"),
        "{}",
        err(&said)
    );
    let said = run(home.path(), &["sim", "fuzz", "--seeds", "9..7"]);
    assert_eq!(code(&said), 2);
    assert!(err(&said).contains("0..1000"), "{}", err(&said));
}
