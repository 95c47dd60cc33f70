//! One file becomes the folders of a tree's machines.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::session::{Running, wait_until};
use crate::{code, err, out, run, waybook};

/// Three places on two levels; more may come behind.
fn write(home: &Path, more: &str) {
    // Addresses of loopback that this test has to itself.
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = format!("127.201.{high}.{}", low.clamp(1, 254));
    let text = format!(
        "[[place]]\nname = \"core\"\nmachine.address = \"{ip}:4710\"\n\
         [[place]]\nname = \"core/a\"\nlisten = \"{ip}:4711\"\nmachine.data-dir = \"elsewhere/a\"\n\
         [[place]]\nname = \"core/a/x\"\n{more}"
    );
    fs::write(home.join("tree.toml"), text).unwrap();
}

fn render(home: &Path, more: &[&str]) -> (i32, String) {
    let render = ["topology", "render", "tree.toml", "--out", "machines"];
    let done = run(home, &[&render, more].concat());
    (code(&done), out(&done) + &err(&done))
}

/// All that is below a folder, by its path.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    all.sort();
    all
}

#[test]
fn folders_are_started_elsewhere_and_form_the_tree() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write(home, "");
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 0, "{said}");
    // Each goes to a machine of its own.
    let machines = tempfile::tempdir().unwrap();
    let machines = machines.path();
    let mut running = Vec::new();
    for place in ["core", "core.a", "core.a.x"] {
        fs::rename(home.join("machines").join(place), machines.join(place)).unwrap();
        let file = machines
            .join(place)
            .join("place.toml")
            .display()
            .to_string();
        let mut place = waybook(Path::new("/"));
        place.args(["place", "run", "--config", &file]);
        running.push(Running(place.stderr(Stdio::null()).spawn().unwrap()));
    }
    let data = machines.join("core/data").display().to_string();
    wait_until("the places form the tree", || {
        let tree = run(home, &["tree", "--json", "--data", &data]);
        let places = serde_json::from_slice::<Vec<Value>>(&tree.stdout).unwrap_or_default();
        let names: Vec<_> = places.iter().map(|p| p["place"].clone()).collect();
        names == ["core", "core/a", "core/a/x"]
    });
    assert!(machines.join("core.a/elsewhere/a/token").exists());
}

#[test]
fn what_is_there_stays_and_what_is_new_is_added() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write(home, "");
    assert_eq!(render(home, &[]).0, 0);
    let machines = home.join("machines");
    let before = files(&machines);
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(files(&machines), before);

    write(home, "[[place]]\nname = \"core/b\"\n");
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 0, "{said}");
    let after = files(&machines);
    let added: Vec<_> = after.iter().filter(|file| !before.contains(file)).collect();
    let added_below = |part: &str| added.iter().filter(|(path, _)| path.contains(part)).count();
    // Four files of its own, and the authority's note of it.
    assert_eq!((added.len(), added_below("/core.b/")), (5, 4), "{said}");

    // A changed configuration is replaced only when that is wanted; keys never are.
    write(home, "capacity.cpu = 3\n[[place]]\nname = \"core/c\"\n");
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 1, "{said}");
    assert!(
        said.contains("core/a/x") && said.contains("--replace"),
        "{said}"
    );
    assert_eq!(files(&machines), after);
    let (exit, said) = render(home, &["--replace"]);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("core.b is of no place in the file"), "{said}");
    let read = |path: &str| fs::read_to_string(machines.join(path)).unwrap();
    assert!(read("core.a.x/place.toml").contains("cpu = 3"));
    let now = files(&machines);
    let changed = after.iter().filter(|file| !now.contains(file));
    let changed: Vec<_> = changed.map(|(path, _)| path).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].ends_with("core.a.x/place.toml"), "{changed:?}");
}

#[test]
fn a_place_that_children_cannot_reach_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let text =
        "[[place]]\nname = \"core\"\nlisten = \"0.0.0.0:4710\"\n[[place]]\nname = \"core/a\"\n";
    fs::write(home.join("tree.toml"), text).unwrap();
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 2, "{said}");
    assert!(
        said.contains("`core`") && said.contains("machine.address"),
        "{said}"
    );
    assert!(!home.join("machines").exists());
    fs::write(
        home.join("tree.toml"),
        "[[place]]\nname = \"core\"\nmachine.adress = \"x:1\"\nmachine.address = \"core\"\n",
    )
    .unwrap();
    let (exit, said) = render(home, &[]);
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains("line 3"), "{said}");
    assert!(said.contains("machine.adress: is not a setting"), "{said}");
    assert!(
        said.contains("machine.address: `core` must be a host and a port"),
        "{said}"
    );
}
