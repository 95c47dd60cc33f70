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
