//! Components from the outside: files that will not do, keys, and code on its way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::session::Tree;
use crate::{code, err, out, run};

const MEDIA: &str = "core/milano/media";
const MANIFEST: &str = "name = \"cap-quality\"\nversion = \"1.0.0\"\n";

/// A component of a world that places run, as far as can be seen without running it.
fn binary() -> Vec<u8> {
    let handler = "wasi:http/incoming-handler@0.2.0";
    let text = format!("(component (instance $i) (export \"{handler}\" (instance $i)))");
    wat::parse_str(text).unwrap()
}

/// A folder with a component, as a developer has it.
fn package(home: &Path) {
    let folder = home.join("cap");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("component.toml"), MANIFEST).unwrap();
    fs::write(folder.join("cap-quality.wasm"), binary()).unwrap();
}

#[test]
fn a_component_that_will_not_do_is_told() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    package(home.path());
    fs::write(path("text.wasm"), "hello").unwrap();
    fs::write(path("core.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(path("other.wasm"), wat::parse_str("(component)").unwrap()).unwrap();
    fs::write(path("nameless.wasm"), binary()).unwrap();
    for (folder, manifest) in [
        ("bad", "name = \"cap\"\nversion = \"soon\"\n"),
        ("odd", "name = \"cap\"\nversion = \"1.0.0\"\nvrsion = 1\n"),
        ("lost", "name = \"cap\"\nversion = \"1.0.0\"\n"),
    ] {
        fs::create_dir(path(folder)).unwrap();
        fs::write(path(folder).join("component.toml"), manifest).unwrap();
    }
    fs::create_dir(path("empty")).unwrap();
    fs::write(
        path("bad.pem"),
        "-----BEGIN X-----\nAAAA\n-----END X-----\n",
    )
    .unwrap();
    let short = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    fs::write(path("short.pem"), short).unwrap();
    fs::write(path("cap/other.wasm"), binary()).unwrap();
    for (arguments, expected, told) in [
        ("add missing.wasm", 2, "missing.wasm"),
        ("add text.wasm", 2, "not WebAssembly"),
        ("add core.wasm", 2, "core module"),
        ("add other.wasm", 2, "wasi:http"),
        ("add nameless.wasm", 2, "--name"),
        ("add nameless.wasm --name cap", 2, "--version"),
        ("add nameless.wasm --name Cap --version 1.0.0", 2, "Cap"),
        ("add cap --version soon", 2, "version"),
        ("add cap/other.wasm", 2, "it is about cap-quality.wasm"),
        ("add empty", 2, "empty/component.toml"),
        ("add bad", 2, "bad/component.toml: line 2"),
        ("add odd", 2, "line 3"),
        ("add lost", 2, "lost/cap.wasm"),
        ("add cap --key missing.pem", 2, "missing.pem"),
        ("add cap --key cap/component.toml", 2, "nothing in PEM"),
        ("add cap --key bad.pem", 2, "no private key, but X"),
        (
            "add cap --key short.pem",
            2,
            "short.pem: this is not an Ed25519 key",
        ),
        ("sign cap --key missing.pem", 2, "missing.pem"),
        ("add cap --at No_Name", 2, "No_Name"),
        ("add cap", 2, "--at PLACE"),
        ("add cap --at core", 4, "waybook up"),
        ("prefetch cap-quality", 2, "--at PLACE"),
        ("remove cap-quality", 2, "--at PLACE"),
        ("gc", 2, "--at PLACE"),
        ("strategy", 2, "--at PLACE"),
        ("list", 4, "waybook up"),
        ("inspect cap-quality", 4, "waybook up"),
    ] {
        let mut all = vec!["component"];
        all.extend(arguments.split(' '));
        let output = run(home.path(), &all);
        let said = out(&output) + &err(&output);
        assert_eq!(code(&output), expected, "{arguments}: {said}");
        assert!(said.contains(told), "{arguments}: {said}");
    }
}

#[test]
fn a_key_is_its_owners_and_a_signature_counts_for_one_component() {
    let home = tempfile::tempdir().unwrap();
    package(home.path());
    let made = run(home.path(), &["component", "keygen", "key.pem", "--json"]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    let made: Value = serde_json::from_str(&out(&made)).unwrap();
    let publisher = made["publisher"].as_str().unwrap();
    assert!(publisher.starts_with("ed25519:"), "{publisher}");
    let key = home.path().join("key.pem");
    let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = fs::read_to_string(&key).unwrap();
    assert_eq!(
        code(&run(home.path(), &["component", "keygen", "key.pem"])),
        1
    );
    assert_eq!(fs::read_to_string(&key).unwrap(), text);

    let sign = ["component", "sign", "cap", "--key", "key.pem"];
    let signed = run(home.path(), &sign);
    assert_eq!(code(&signed), 0, "{}", err(&signed));
    let file = home.path().join("cap/cap-quality.wasm.sig");
    assert!(fs::read_to_string(&file).unwrap().starts_with(publisher));
    let add = ["component", "add", "cap", "--at", "core"];
    // It is good: only the place is not there.
    assert_eq!(code(&run(home.path(), &add)), 4);
    let newer = MANIFEST.replace("1.0.0", "1.0.1");
    fs::write(home.path().join("cap/component.toml"), newer).unwrap();
    let output = run(home.path(), &add);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("cap-quality.wasm.sig"),
        "{}",
        err(&output)
    );
    assert!(err(&output).contains("sign it again"), "{}", err(&output));
    fs::write(&file, "nothing").unwrap();
    let output = run(home.path(), &add);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("no signature"), "{}", err(&output));
}

#[test]
fn a_component_by_hand() {
    let home = tempfile::tempdir().unwrap();
    package(home.path());
    let key = |name: &str| {
        let made = run(home.path(), &["component", "keygen", name, "--json"]);
        let made: Value = serde_json::from_str(&out(&made)).unwrap();
        made["publisher"].as_str().unwrap().to_owned()
    };
    let (publisher, stranger) = (key("key.pem"), key("stranger.pem"));
    let mut topology = format!("[defaults.code]\ntrust = [\"{publisher}\"]\n");
    for place in ["core", "core/bologna", "core/milano", MEDIA] {
        topology.push_str(&format!("[[place]]\nname = \"{place}\"\n"));
    }
    fs::write(home.path().join("tree.toml"), topology).unwrap();
    let tree = Tree::up_of(home.path(), "tree.toml");
    let component = |arguments: &str| {
        let mut all = vec!["component"];
        all.extend(arguments.split(' '));
        tree.json(&all)
    };
    let refused = |arguments: &str, expected, told: &str| {
        let mut all = vec!["component"];
        all.extend(arguments.split(' '));
        let output = run(home.path(), &all);
        assert_eq!(code(&output), expected, "{arguments}: {}", err(&output));
        assert!(err(&output).contains(told), "{arguments}: {}", err(&output));
    };

    refused("add cap --at core/milano/media", 5, "nobody signed");
    let by_stranger = "add cap --at core/milano/media --key stranger.pem";
    refused(by_stranger, 5, &stranger);
    refused("add cap --at core/nowhere --key key.pem", 4, "core/nowhere");
    refused("inspect cap-quality", 1, "knows no code");

    let added = component("add cap --at core/milano/media --key key.pem");
    assert_eq!(added["release"]["reference"], "cap-quality@1.0.0");
    assert_eq!(added["release"]["publisher"], publisher);
    assert_eq!(added["release"]["home"], MEDIA);
    let digest = added["release"]["digest"].as_str().unwrap().to_owned();
    let detail = component(&format!("inspect {} --at {MEDIA}", &digest[..20]));
    assert_eq!(detail["trusted"], true, "{detail}");
    assert_eq!(detail["code"], added);
    let shown = run(
        home.path(),
        &["component", "inspect", "cap-quality", "--at", MEDIA],
    );
    assert!(out(&shown).contains(&publisher), "{}", out(&shown));

    let strategy = component("strategy direct --at core/bologna");
    assert_eq!(strategy["strategy"], "direct");
    refused("strategy luck --at core/bologna", 2, "nearest-holder");
    let fetched = component("prefetch cap-quality@^1 --at core/bologna");
    assert_eq!(fetched["event"], "fetched", "{fetched}");
    assert_eq!(fetched["data"][0]["here"]["whole"], true);
    let again = run(
        home.path(),
        &[
            "component",
            "prefetch",
            "cap-quality",
            "--at",
            "core/bologna",
        ],
    );
    assert_eq!(out(&again), "cap-quality@1.0.0 was there already\n");
    let everywhere = component("list --everywhere --at core/milano");
    assert_eq!(everywhere[0]["holders"][0]["place"], MEDIA);

    let pinned = component("pin cap-quality --at core/bologna");
    assert_eq!(pinned["pinned"], "cap-quality");
    assert_eq!(component("gc --at core/bologna"), Value::Array(Vec::new()));
    component("unpin cap-quality --at core/bologna");
    let dropped = component("gc --at core/bologna");
    assert_eq!(dropped[0]["digest"], digest.as_str());
    component(&format!("remove cap-quality@1.0.0 --at {MEDIA}"));
    let list = component("list");
    for place in list.as_array().unwrap() {
        assert_eq!(place["components"], Value::Array(Vec::new()), "{list}");
    }
    refused("remove cap-quality --at core/bologna", 1, "knows no code");
}
