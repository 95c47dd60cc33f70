//! Topology files.

use std::path::{Path, PathBuf};

use waybook_daemon::config::{DaemonConfig, Deployment, Overrides, Topology};
use waybook_plan::Resource;

use crate::tree::name;

const FOLDER: &str = "/topologies";

fn read(text: &str) -> Result<Topology, Vec<String>> {
    Topology::from_toml(text, "t.toml", Path::new(FOLDER)).map_err(|e| e.problems)
}

const SMALL: &str = r#"
[defaults.capacity]
cpu = 2
down = "100 Mbit/s"
[defaults.files]
roots = ["films"]

[[place]]
name = "core/a"
capacity.cpu = 4
[place.programs.tool]
command = ["./tool"]

[[place]]
name = "core"
listen = "127.0.0.1:4700"
"#;

fn deployment(parent: Option<&str>) -> Deployment {
    Deployment {
        data_dir: PathBuf::from("/data/x"),
        identity: Some(PathBuf::from("/keys")),
        listen: Some("127.0.0.1:4800".parse().unwrap()),
        parent: parent.map(str::to_owned),
        gateway: None,
        trust: Vec::new(),
    }
}

#[test]
fn places_take_defaults_and_come_parents_first() {
    let topology = read(SMALL).unwrap();
    let names: Vec<_> = topology.places().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["core", "core/a"]);
    assert_eq!(topology.tree().root().as_str(), "core");

    let root = topology.config(&name("core"), &deployment(None)).unwrap();
    // The defaults' bandwidth is for edges, and the root has none.
    assert_eq!(root.place.capacity.len(), 1);
    let child = topology.config(&name("core/a"), &deployment(None)).unwrap();
    assert_eq!(child.place.capacity[&Resource::cpu()], 4000);
    assert_eq!(child.place.capacity[&Resource::down()], 100_000_000);
    assert_eq!(child.parent.as_ref().unwrap().address, "127.0.0.1:4700");
    let moved = topology.config(&name("core/a"), &deployment(Some("127.0.0.1:9")));
    assert_eq!(moved.unwrap().parent.unwrap().address, "127.0.0.1:9");

    // A rendered file says the same, wherever it lies.
    let text = topology.render(&name("core/a"), &deployment(None)).unwrap();
    let elsewhere = Path::new("/elsewhere");
    let rendered = DaemonConfig::from_toml(&text, "r.toml", elsewhere, &Overrides::none());
    let rendered = rendered.unwrap();
    assert_eq!(rendered.file_roots, [Path::new("/topologies/films")]);
    assert_eq!(rendered.programs["tool"].command, ["/topologies/./tool"]);
    assert_eq!(rendered, child);
    assert!(topology.render(&name("core/b"), &deployment(None)).is_err());
}

#[test]
fn every_mistake_is_told_with_its_line() {
    for (text, start, wanted) in [
        (
            "[[place]]\nname = \"core\"\n[[place]]\nname = \"core\"",
            "line 4",
            "listed twice",
        ),
        (
            "[[place]]\nname = \"core\"\n[[place]]\nname = \"core/a/b\"",
            "line 3",
            "`core/a` is not listed",
        ),
        (
            "[[place]]\nname = \"core\"\n[[place]]\nname = \"top\"",
            "line 3",
            "both roots",
        ),
        ("[[place]]\nname = \"Core\"", "line 2", "is not a label"),
        ("[[place]]\nlisten = \"x\"", "line 1", "name: is missing"),
        (
            "[[place]]\nname = \"core\"\ndata-dir = \"x\"",
            "line 3",
            "does not belong in a topology",
        ),
        (
            "[[place]]\nname = \"core\"\nlisten = \"x\"",
            "line 3",
            "an IP address",
        ),
        (
            "[[place]]\nname = \"core\"\ncapacity.down = \"1 Mbit/s\"",
            "line 3",
            "a root has no parent",
        ),
        (
            "[defaults]\nliste = 1\n[[place]]\nname = \"core\"\n[[place]]\nname = \"core/a\"",
            "line 2",
            "`listen` is",
        ),
        ("plcae = 1", "line 1", "must be a list of places"),
        (
            "[[place]]\nname = \"core\"\nlisten = \"127.0.0.1:1\"\n[[place]]\nname = \"core/a\"\nlisten = \"127.0.0.1:1\"",
            "line 4",
            "as `core` does",
        ),
    ] {
        let problems = read(text).expect_err(text);
        let problem = &problems[0];
        assert!(
            problem.starts_with(&format!("t.toml: {start}, ")),
            "{problem}"
        );
        assert!(problem.contains(wanted), "{problem}");
        let same = problems.iter().filter(|p| *p == problem).count();
        assert_eq!(same, 1, "{problems:#?}");
    }
}
