//! Which runtimes run what, and what a place lacks.

use std::collections::BTreeMap;

use semver::Version;
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release, runs};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

#[track_caller]
fn check(offered: &str, wanted: &str, result: bool) {
    assert_eq!(
        runs(&words(&[offered]), wanted),
        result,
        "{offered} for {wanted}"
    );
}

#[test]
fn compatible_versions_of_a_world_run_each_other() {
    check("wasi:http/proxy@0.2.6", "wasi:http/proxy@0.2.6", true);
    check("wasi:http/proxy@0.2.6", "wasi:http/proxy@0.2.0", true);
    check("wasi:http/proxy@0.2.0", "wasi:http/proxy@0.2.12", true);
    check("wasi:http/proxy@0.2", "wasi:http/proxy@0.2.12", true);
    check("wasi:http/proxy@0.2.6", "wasi:http/proxy@0.3.0", false);
    check("wasi:http/proxy@0.3.0", "wasi:http/service@0.3.0", false);
    check("wasi:http/proxy@1.4.0", "wasi:http/proxy@1.0.0", true);
    check("wasi:http/proxy@1.0.0", "wasi:http/proxy@2.0.0", false);
    check("wasi:http/proxy@0.0.1", "wasi:http/proxy@0.0.2", false);
    check("wasi:http/proxy@0.0.2", "wasi:http/proxy@0.0.2", true);
    // A release candidate promises nothing to others.
    check("wasi:http/proxy@0.3.0-rc-1", "wasi:http/proxy@0.3.0", false);
    check("wasi:http/proxy@0.3.0", "wasi:http/proxy@0.3.0-rc-1", false);
    check(
        "wasi:http/proxy@0.3.0-rc-1",
        "wasi:http/proxy@0.3.0-rc-1",
        true,
    );
    check("nonsense", "nonsense", false);
    check("wasi:http/proxy", "wasi:http/proxy", false);
    let several = words(&[
        "nonsense",
        "wasi:http/proxy@0.2.0",
        "wasi:http/service@0.3.0",
    ]);
    assert!(runs(&several, "wasi:http/service@0.3.2") && !runs(&[], "wasi:http/proxy@0.2.0"));
}

#[test]
fn what_a_place_lacks_is_said_in_a_sentence() {
    let release = Release {
        name: "cap-quality".into(),
        version: Version::new(1, 2, 0),
        description: String::new(),
        runtime: "wasi:http/middleware@0.3.0".into(),
        requires: words(&["gpu", "av1"]),
        dependencies: BTreeMap::new(),
        digest: Digest([1; 32]),
        length: 1,
        root: [2; 32],
        home: PlaceName::new("r").unwrap(),
        signature: None,
    };
    let has = words(&["wasi:http/proxy@0.2.0", "wasi:http/middleware@0.3.2"]);
    let lacks = |runtimes: &[String], offered: &[&str]| release.lacks(runtimes, &words(offered));
    assert_eq!(lacks(&has, &["av1", "tape", "gpu"]), None);
    assert_eq!(
        lacks(&has[..1], &["av1", "gpu"]).unwrap(),
        "`cap-quality@1.2.0` needs the runtime `wasi:http/middleware@0.3.0`, and the place has \
         `wasi:http/proxy@0.2.0`"
    );
    assert_eq!(
        lacks(&[], &["av1"]).unwrap(),
        "`cap-quality@1.2.0` needs the runtime `wasi:http/middleware@0.3.0`, and the place has \
         none; it requires `gpu`, and the place offers `av1`"
    );
    let many: Vec<_> = (0..99).map(|n| format!("capability-{n}")).collect();
    let sentence = release.lacks(&has, &many).unwrap();
    assert!(sentence.ends_with("`capability-7`, 91 more"), "{sentence}");
}
