//! From references to the releases that are run.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use semver::{Version, VersionReq};
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Conflict, Digest, Locked, Release, Releases, Resolver, Runtime, lock,
    split_reference,
};

/// A release as one line: `cap@1.2.0 log@^1 clock@*` is `cap` in version 1.2.0, which
/// depends on the others.
pub(crate) fn release(line: &str) -> Arc<Release> {
    let mut words = line.split_whitespace();
    let (name, version) = words.next().unwrap().split_once('@').unwrap();
    let dependency = |word: &str| {
        let (name, range) = split_reference(word).unwrap();
        (name.to_owned(), range)
    };
    Arc::new(Release {
        name: name.to_owned(),
        version: Version::parse(version).unwrap(),
        description: String::new(),
        runtime: "wasi:http/middleware@0.3.0".into(),
        requires: Vec::new(),
        dependencies: words.map(dependency).collect(),
        digest: Digest([1; 32]),
        length: 1,
        root: [2; 32],
        home: PlaceName::new("r").unwrap(),
        signature: None,
    })
}

fn releases(lines: &[&str]) -> Vec<Arc<Release>> {
    lines.iter().map(|line| release(line)).collect()
}

fn wasm(name: &str) -> Component {
    Component {
        name: name.to_owned(),
        runtime: Runtime::Wasm,
        config: BTreeMap::from([("of".to_owned(), name.to_owned())]),
    }
}

fn told(locked: &Locked) -> String {
    let releases = locked.releases();
    let references: Vec<_> = releases.iter().map(|r| r.reference()).collect();
    references.join(" ")
}

/// Checks which releases are chosen for references, separated by spaces.
#[track_caller]
fn check(references: &str, known: &[&str], wanted: &str) {
    let references: Vec<_> = references.split_whitespace().collect();
    let locked = lock(&references, &releases(known)).unwrap();
    assert_eq!(told(&locked), wanted);
}

/// Checks the explanation of why none can be.
#[track_caller]
fn check_refused(references: &str, known: &[&str], wanted: &str) {
    let references: Vec<_> = references.split_whitespace().collect();
    let conflict = lock(&references, &releases(known)).unwrap_err();
    assert_eq!(conflict.to_string(), wanted);
}

/// Checks the chain that a stage with these references gets.
#[track_caller]
fn check_chain(references: &str, known: &[&str], wanted: &str) {
    let references: Vec<_> = references.split_whitespace().collect();
    let locked = lock(&references, &releases(known)).unwrap();
    let components: Vec<_> = references.iter().map(|name| wasm(name)).collect();
    let chain = locked.chain(&components);
    let names: Vec<_> = chain.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.join(" "), wanted);
}

#[test]
fn the_newest_version_of_a_range_is_chosen() {
    let cap = [
        "cap@1.0.0",
        "cap@1.10.0",
        "cap@1.9.0",
        "cap@2.0.0",
        "cap@0.9.0",
    ];
    check("cap", &cap, "cap@2.0.0");
    check("cap@^1", &cap, "cap@1.10.0");
    check("cap@1", &cap, "cap@1.10.0");
    check("cap@~1.9", &cap, "cap@1.9.0");
    check("cap@<1", &cap, "cap@0.9.0");
    check("cap@1.0.0", &cap, "cap@1.0.0");
    check("cap@^1 cap@<1.10", &cap, "cap@1.9.0");
    check("", &cap, "");
}

#[test]
fn a_pre_release_has_to_be_asked_for() {
    let cap = ["cap@1.2.0", "cap@1.3.0-beta.1", "cap@1.3.0-beta.2"];
    check("cap@^1", &cap, "cap@1.2.0");
    check("cap", &cap, "cap@1.2.0");
    check("cap@^1.3.0-beta.1", &cap, "cap@1.3.0-beta.2");
    check("cap@1.3.0-beta.1", &cap, "cap@1.3.0-beta.1");
    check_refused(
        "cap@^1.3",
        &cap,
        "`cap@^1.3` is asked for; no version of `cap` matches ^1.3: there are 1.2.0, \
         1.3.0-beta.1, 1.3.0-beta.2; a pre-release has to be named by the range",
    );
    // A dependency may ask for one as well.
    check(
        "app",
        &["app@1.0.0 cap@>=1.3.0-beta.1", cap[0], cap[1]],
        "app@1.0.0 cap@1.3.0-beta.1",
    );
}

#[test]
fn dependencies_are_chosen_with_what_needs_them() {
    let diamond = [
        "app@1.0.0 left@^1 right@^1",
        "left@1.0.0 base@>=1.1",
        "right@1.0.0 base@<1.4",
        "base@1.0.0",
        "base@1.2.0",
        "base@1.3.0",
        "base@1.4.0",
        "other@1.0.0",
    ];
    check(
        "app",
        &diamond,
        "app@1.0.0 base@1.3.0 left@1.0.0 right@1.0.0",
    );
    // An older one is taken where the newest does not agree with what else is asked for.
    let moved = [
        "app@1.0.0 log@^1",
        "app@2.0.0 log@^2",
        "log@1.0.0",
        "log@2.0.0",
    ];
    check("app log", &moved, "app@2.0.0 log@2.0.0");
    check("app log@^1", &moved, "app@1.0.0 log@1.0.0");
}

#[test]
fn a_conflict_names_both_sides() {
    check_refused(
        "app@^1 tool@^1",
        &[
            "app@1.0.0 log@^2",
            "tool@1.1.0 log@^1",
            "log@1.0.0",
            "log@2.0.0",
        ],
        "`app@^1` and `tool@^1` are asked for; `app@1.0.0` needs `log@^2`; `tool@1.1.0` needs \
         `log@^1`; one version of `log` cannot suit all of them",
    );
    check_refused(
        "log@^1 log@^2",
        &["log@1.0.0", "log@2.0.0"],
        "`log@^1` and `log@^2` are asked for; one version of `log` cannot suit all of them",
    );
    check_refused(
        "app",
        &["app@1.0.0 log@^3", "app@1.1.0 log@^3", "log@2.0.0"],
        "`app` is asked for; `app` (1.1.0, 1.0.0) needs `log@^3`; no version of `log` matches ^3: \
         there is only 2.0.0",
    );
    check_refused(
        "app",
        &["app@1.0.0 log"],
        "`app` is asked for; `app@1.0.0` needs `log`; there is no release of `log`",
    );
    check_refused(
        "app@^2",
        &[],
        "`app@^2` is asked for; there is no release of `app`",
    );
    check_refused(
        "App",
        &[],
        "the name of a component `App` must be a lower-case letter, then a-z, 0-9, `-`, `_` and `.`",
    );
}

#[test]
fn a_circle_is_refused() {
    check_refused(
        "app",
        &["app@1.0.0 a", "a@1.0.0 b", "b@1.0.0 c", "c@1.0.0 a"],
        "`a@1.0.0` needs `b@1.0.0` needs `c@1.0.0` needs `a@1.0.0`: components that depend on \
         each other in a circle cannot stand in a chain",
    );
}

#[test]
fn dependencies_stand_right_behind_what_needs_them() {
    let known = [
        "app@1.0.0 left@^1 right@^1",
        "left@1.0.0 base@^1",
        "right@1.0.0 base@^1",
        "base@1.0.0",
        "tool@1.0.0 base@^1 extra@^1",
        "extra@1.0.0",
    ];
    check_chain("app", &known, "app@1.0.0 left@1.0.0 base@1.0.0 right@1.0.0");
    check_chain(
        "tool app",
        &known,
        "tool@1.0.0 base@1.0.0 extra@1.0.0 app@1.0.0 left@1.0.0 right@1.0.0",
    );
    // What is there already stays where it is, with its own dependencies.
    check_chain(
        "app left",
        &known,
        "app@1.0.0 right@1.0.0 base@1.0.0 left@1.0.0",
    );
    check_chain(
        "base app",
        &known,
        "base@1.0.0 app@1.0.0 left@1.0.0 right@1.0.0",
    );
    check_chain("base@1 base", &known, "base@1.0.0 base@1.0.0");

    let locked = lock(&["tool"], &releases(&known)).unwrap();
    let builtin = Component {
        runtime: Runtime::Builtin,
        ..wasm("base")
    };
    let chain = locked.chain(&[builtin.clone(), wasm("tool@^1")]);
    assert_eq!(chain[0], builtin);
    assert_eq!(chain[1].config["of"], "tool@^1");
    let names: Vec<_> = chain.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["base", "tool@1.0.0", "base@1.0.0", "extra@1.0.0"]);
    assert!(chain[2].config.is_empty() && chain[2].runtime == Runtime::Wasm);
}

#[test]
fn what_is_not_sound_is_not_chosen_and_of_equals_the_lesser_is() {
    let mut unsound = Release::clone(&release("cap@1.3.0"));
    unsound.length = 0;
    let mut second = Release::clone(&release("cap@1.2.0"));
    second.home = PlaceName::new("r/second").unwrap();
    let first = release("cap@1.2.0");
    let mut known = vec![Arc::new(second), Arc::new(unsound), first.clone()];
    for _ in 0..2 {
        let locked = lock(&["cap"], &known).unwrap();
        assert_eq!(locked.get("cap"), Some(&first));
        known.reverse();
    }
}

#[test]
fn what_is_too_much_is_refused_in_few_words() {
    let chain = |length: usize| -> Vec<_> {
        let line = |n: usize| match n + 1 < length {
            true => format!("a{n}@1.0.0 a{}@^1", n + 1),
            false => format!("a{n}@1.0.0"),
        };
        (0..length).map(|n| release(&line(n))).collect()
    };
    assert_eq!(
        lock(&["a0"], &chain(Locked::MAX)).unwrap().releases().len(),
        Locked::MAX
    );
    let refused = |known: &[Arc<Release>]| {
        let Conflict(why) = lock(&["a0"], known).unwrap_err();
        assert!(why.len() <= Conflict::MAX, "{}: {why}", why.len());
        why
    };
    let why = refused(&chain(Locked::MAX + 1));
    assert!(
        why.contains("65 components") && why.contains("at most 64"),
        "{why}"
    );
    let why = refused(&chain(Releases::MAX + 1));
    assert!(why.contains("more than 256 components"), "{why}");

    // Only so many versions are looked at: the newest.
    let many: Vec<_> = (0..1500).map(|n| release(&format!("a0@1.{n}.0"))).collect();
    assert_eq!(told(&lock(&["a0@^1"], &many).unwrap()), "a0@1.1499.0");
    let why = refused(
        &many
            .iter()
            .map(|r| {
                let mut release = Release::clone(r);
                release.dependencies.insert("b".into(), VersionReq::STAR);
                Arc::new(release)
            })
            .collect::<Vec<_>>(),
    );
    assert_eq!(
        why,
        "`a0` is asked for; `a0` (1.1499.0, 1.1498.0, 1.1497.0, 997 more) needs `b`; there is \
         no release of `b`"
    );
}

/// Pigeons and holes: a search that no solver of this kind does in reasonable time, because
/// every attempt fails only at the end.
#[test]
fn a_hopeless_search_is_given_up() {
    let (pigeons, holes) = (12, 11);
    let mut known = Vec::new();
    for pigeon in 0..pigeons {
        for hole in 0..holes {
            // In which hole it sits is its version, and every hole admits one pigeon.
            let line = format!("p{pigeon}@{hole}.0.0 h{hole}@={pigeon}.0.0");
            known.push(release(&line));
        }
    }
    for hole in 0..holes {
        known.extend((0..pigeons).map(|pigeon| release(&format!("h{hole}@{pigeon}.0.0"))));
    }
    let names: Vec<_> = (0..pigeons).map(|n| format!("p{n}")).collect();
    let references: Vec<_> = names.iter().map(String::as_str).collect();
    let Conflict(why) = lock(&references, &known).unwrap_err();
    assert!(
        why.starts_with("there are too many releases to choose from for `p0`, "),
        "{why}"
    );
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn any_reference() -> impl Strategy<Value = String> {
    let range = prop_oneof![
        Just(""),
        Just("@^1"),
        Just("@^2"),
        Just("@<2"),
        Just("@>=1.1"),
        Just("@=1.0.0"),
        Just("@>=2.1.0-rc.1"),
        Just("@~1.1"),
    ];
    (0..NAMES.len(), range).prop_map(|(name, range)| format!("{}{range}", NAMES[name]))
}

fn any_known() -> impl Strategy<Value = Vec<Arc<Release>>> {
    let versions = prop::sample::select(vec!["1.0.0", "1.1.0", "2.0.0", "2.1.0-rc.1", "3.0.0"]);
    let one = (
        0..NAMES.len(),
        versions,
        prop::collection::vec(any_reference(), 0..4),
    );
    let line = |(name, version, needs): (usize, &str, Vec<String>)| {
        let name = NAMES[name];
        // Nothing depends on itself.
        let needs: Vec<_> = needs.into_iter().filter(|n| !n.starts_with(name)).collect();
        release(&format!("{name}@{version} {}", needs.join(" ")))
    };
    prop::collection::vec(one.prop_map(line), 0..24)
}

/// Whether one version of each name can meet these demands, by trying all.
fn possible(
    demands: &[(String, VersionReq)],
    chosen: &mut BTreeMap<String, Arc<Release>>,
    known: &[Arc<Release>],
) -> bool {
    let Some(((name, range), rest)) = demands.split_first() else {
        return true;
    };
    if let Some(release) = chosen.get(name) {
        return range.matches(&release.version) && possible(rest, chosen, known);
    }
    let fitting = known
        .iter()
        .filter(|r| r.name == *name && range.matches(&r.version));
    for release in fitting {
        chosen.insert(name.clone(), release.clone());
        let mut demands = rest.to_vec();
        demands.extend(release.dependencies.clone());
        if possible(&demands, chosen, known) {
            return true;
        }
        chosen.remove(name);
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_answer_is_found_if_there_is_one_and_is_the_same_every_time(
        known in any_known(),
        references in prop::collection::vec(any_reference(), 1..4),
    ) {
        // One release of each version: which of two is meant is told elsewhere.
        let by_reference = |known: &[Arc<Release>]| -> Vec<_> {
            let releases: Releases = known.iter().cloned().collect();
            releases.iter().cloned().collect()
        };
        let known = by_reference(&known);
        let references: Vec<_> = references.iter().map(String::as_str).collect();
        let demands: Vec<_> = references
            .iter()
            .map(|reference| split_reference(reference).unwrap())
            .map(|(name, range)| (name.to_owned(), range))
            .collect();
        let answer = lock(&references, &known);

        // The solver's tables are shuffled anew each time.
        let mut backwards = known.clone();
        backwards.reverse();
        prop_assert_eq!(&lock(&references, &backwards), &answer);

        match answer {
            Err(Conflict(why)) => {
                prop_assert!(!why.is_empty() && why.len() <= Conflict::MAX);
                if !why.contains("in a circle") {
                    prop_assert!(!possible(&demands, &mut BTreeMap::new(), &known), "{}", why);
                }
            }
            Ok(locked) => {
                let releases = locked.releases();
                let needs = releases.iter().flat_map(|r| r.dependencies.clone());
                for (name, range) in demands.into_iter().chain(needs) {
                    let release = locked.get(&name);
                    prop_assert!(release.is_some_and(|r| range.matches(&r.version)));
                }
                // A stage has all that its components depend on, each once.
                let components: Vec<_> = references[..1].iter().map(|name| wasm(name)).collect();
                let chain = locked.chain(&components);
                for (at, component) in chain.iter().enumerate() {
                    let release = releases.get(&component.name).unwrap();
                    for name in release.dependencies.keys() {
                        let needed = locked.get(name).unwrap().reference();
                        prop_assert_eq!(chain.iter().filter(|c| c.name == needed).count(), 1);
                    }
                    prop_assert!(chain[..at].iter().all(|c| c.name != component.name));
                }
            }
        }
    }
}

/// What was not asked, or did not answer, was once said not to exist.
#[test]
fn what_is_not_known_is_not_said_not_to_exist() {
    let known = releases(&["cap@1.0.0", "app@1.0.0 log"]);
    let told = |reference: &str| {
        let mut resolver = Resolver::new(&known).with_gap(Some("r did not answer in time"));
        resolver.lock(&[reference]).unwrap_err().0
    };
    assert_eq!(
        told("app"),
        "`app` is asked for; `app@1.0.0` needs `log`; no release of `log` is known, and r did not \
         answer in time"
    );
    assert_eq!(
        told("cap@^2"),
        "`cap@^2` is asked for; no version of `cap` matches ^2: there is only 1.0.0; there may be \
         others, but r did not answer in time"
    );
}
