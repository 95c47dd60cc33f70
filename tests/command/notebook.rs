//! The notebook that reads results, run over real ones.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{code, err, run};

const NOTEBOOK: &str = include_str!("../../docs/simulator-results.ipynb");
const STAR: &str = include_str!("../../configs/simulations/star.toml");
const DECISION_MAKERS: &str = include_str!("../../configs/simulations/decision-makers.toml");

/// Runs the code of a notebook cell by cell, and says what came out.
const RUNNER: &str = r#"
import json, sys
import matplotlib
matplotlib.use("Agg")
space = {}
for number, cell in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))["cells"]):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), space)
lines = {}
for container in space["axes"].containers:
    line = container.lines[0]
    lines[container.get_label()] = [list(map(float, line.get_xdata())), list(map(float, line.get_ydata()))]
bars = sum(container.has_yerr for container in space["axes"].containers)
open("came-out.json", "w").write(json.dumps({"lines": lines, "bars": bars, "blocked": float(space["blocked"])}))
"#;

/// A Python with what the notebook needs. Where everything is required, its lack is a failure.
fn python() -> Option<String> {
    let python = std::env::var("WAYBOOK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports = ["-c", "import matplotlib, pandas, pyarrow"];
    let has = Command::new(&python).args(imports).output();
    if has.is_ok_and(|has| has.status.success()) {
        return Some(python);
    }
    let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
    let missing = format!("{python} has no matplotlib, pandas and pyarrow");
    assert!(!required, "{missing}: they are required here");
    eprintln!(
        "SKIPPED: {missing}, so the notebook was not run: pip install -r docs/requirements.txt, \
         and name the python by WAYBOOK_PYTHON"
    );
    None
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// What nbformat 4.5 demands, and that nobody's own results are in it.
#[test]
fn the_notebook_is_one_and_has_no_results_in_it() {
    let notebook: Value = serde_json::from_str(NOTEBOOK).unwrap();
    assert_eq!(
        (&notebook["nbformat"], &notebook["nbformat_minor"]),
        (&4.into(), &5.into())
    );
    assert_eq!(notebook["metadata"]["kernelspec"]["name"], "python3");
    let cells = notebook["cells"].as_array().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for cell in cells {
        assert!(ids.insert(cell["id"].as_str().unwrap()), "an id twice");
        assert!(cell["metadata"].is_object());
        let lines = cell["source"].as_array().unwrap();
        assert!(lines.iter().all(Value::is_string));
        match cell["cell_type"].as_str().unwrap() {
            "markdown" => assert!(cell.get("outputs").is_none()),
            "code" => {
                assert_eq!(cell["outputs"], Value::Array(Vec::new()));
                assert_eq!(cell.get("execution_count"), Some(&Value::Null));
            }
            other => panic!("a cell of type {other}"),
        }
    }
    assert!(cells.len() > 8);
}

#[test]
fn the_notebook_reads_a_run_and_a_sweep() {
    let Some(python) = python() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let short = STAR
        .replace("\"3 h\"", "\"40 min\"")
        .replace("warm-up = \"30 min\"", "warm-up = \"10 min\"");
    std::fs::write(home.join("star.toml"), short).unwrap();
    let few = DECISION_MAKERS.replace("replications = 5", "replications = 2");
    std::fs::write(home.join("decision-makers.toml"), few).unwrap();
    for arguments in [
        ["sim", "run", "star.toml", "--out", "star"],
        [
            "sim",
            "sweep",
            "decision-makers.toml",
            "--out",
            "decision-makers",
        ],
    ] {
        let said = run(home, &arguments);
        assert_eq!(code(&said), 0, "{}", err(&said));
    }
    std::fs::write(home.join("results.ipynb"), NOTEBOOK).unwrap();
    let ran = Command::new(python)
        .args(["-c", RUNNER, "results.ipynb"])
        .current_dir(home)
        .env("MPLCONFIGDIR", home)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", err(&ran));
    for figure in ["sessions-over-time.svg", "blocking.svg"] {
        let svg = std::fs::read_to_string(home.join(figure)).unwrap();
        assert!(svg.contains("<svg") && svg.contains("<path"), "{figure}");
    }
    let came_out = json(&home.join("came-out.json"));
    let summary = json(&home.join("star/summary.json"));
    let share = summary["blocked"]["share"].as_f64().unwrap();
    assert!((came_out["blocked"].as_f64().unwrap() - share).abs() < 1e-12);
    // A line for each Decision Maker, through the means of its points, with intervals.
    assert_eq!(came_out["bars"], 3);
    let points = json(&home.join("decision-makers/points.json"));
    let points = points.as_array().unwrap();
    assert_eq!(points.len(), 9);
    for point in points {
        let who = point["values"]["protocol.decision-maker"].as_str().unwrap();
        let load = point["values"]["users.viewers.arrivals.poisson"]
            .as_str()
            .unwrap();
        let load: f64 = load.trim_end_matches("/h").parse().unwrap();
        let line = &came_out["lines"][who];
        let loads = line[0].as_array().unwrap();
        let at = loads.iter().position(|x| x.as_f64() == Some(load)).unwrap();
        assert_eq!(
            line[1][at], point["figures"]["blocked"]["mean"],
            "{who} {load}"
        );
    }
}
