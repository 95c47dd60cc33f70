//! Where download agents go: each strategy over the same trees, hop by hop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use waybook_agents::{
    Download, DownloadId, DownloadRule, DownloadStep, DownloadStrategy, Found, Incarnation,
    Nowhere, Site, Standing, builtin_download_rules,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn release(home: &str) -> Arc<Release> {
    Arc::new(Release {
        name: "cache".into(),
        version: semver::Version::new(1, 2, 3),
        description: String::new(),
        runtime: "wasi:http/proxy@0.2.0".into(),
        requires: Vec::new(),
        dependencies: BTreeMap::new(),
        digest: Digest([1; 32]),
        length: 10,
        root: [2; 32],
        home: name(home),
        signature: None,
    })
}

/// Who has the code, and which connections are broken. All else of the tree is there.
#[derive(Debug, Clone, Default)]
struct World {
    standing: BTreeMap<PlaceName, Standing>,
    /// By the lower end.
    cut: BTreeSet<PlaceName>,
    /// What a place that is asked to get the code says, if it cannot.
    denies: BTreeSet<PlaceName>,
}

struct Here<'a>(&'a World, PlaceName);

impl Site for Here<'_> {
    fn here(&self) -> &PlaceName {
        &self.1
    }
    fn reaches(&self, neighbour: &PlaceName) -> bool {
        let lower = if self.1.contains(neighbour) {
            neighbour
        } else {
            &self.1
        };
        self.1.is_neighbour_of(neighbour) && !self.0.cut.contains(lower)
    }
    fn standing(&self, _: &Release) -> Standing {
        let standing = self.0.standing.get(&self.1);
        standing.copied().unwrap_or(Standing::Absent)
    }
    fn holder_below(
        &self,
        _: &Digest,
        to: &PlaceName,
        avoid: &BTreeSet<PlaceName>,
    ) -> Option<PlaceName> {
        let held = self.0.standing.iter();
        let held = held.filter(|(place, standing)| {
            **standing == Standing::Held
                && self.1.contains(place)
                && **place != self.1
                && *place != to
                && !avoid.contains(*place)
        });
        held.map(|(place, _)| place)
            .min_by_key(|place| (to.distance(place), *place))
            .cloned()
    }
}

/// The rule that an agent goes by.
fn rule(agent: &Download) -> Arc<dyn DownloadRule> {
    let rules = builtin_download_rules();
    let mut rules = rules.into_iter();
    rules
        .find(|rule| rule.strategy() == agent.strategy)
        .unwrap()
}

/// Lets an agent travel until it is back, checked wherever it arrives. Where it went, what
/// it came back with, and in how many steps.
fn travel(
    world: &World,
    origin: &str,
    strategy: DownloadStrategy,
    avoid: &[&str],
    home: &str,
) -> (String, Download) {
    let id = DownloadId {
        origin: name(origin),
        life: Incarnation(1),
        number: 1,
    };
    let avoid = avoid.iter().map(|place| name(place)).collect();
    let time = Duration::from_secs(10);
    let mut agent = Download::new(id, release(home), strategy, avoid, time);
    let (mut here, mut way) = (name(origin), vec![origin.to_owned()]);
    for _ in 0..100 {
        let to = if let Some(found) = &agent.found {
            let Some(to) = agent.previous().cloned() else {
                let end = match found {
                    Ok(Found { source }) => format!("from {source}"),
                    Err(Nowhere { why }) => format!("nowhere: {why}"),
                };
                return (format!("{}; {end}", way.join(" > ")), agent);
            };
            to
        } else {
            match rule(&agent).step(&mut agent, &Here(world, here.clone())) {
                DownloadStep::Go(to) => to,
                DownloadStep::Return(found) => {
                    agent.found = Some(found);
                    continue;
                }
                DownloadStep::Obtain => {
                    way.push("(waits)".to_owned());
                    let source = here.clone();
                    agent.found = Some(if world.denies.contains(&here) {
                        agent.denied(&here, "it has no room")
                    } else {
                        Ok(Found { source })
                    });
                    continue;
                }
            }
        };
        let checked = agent.check(Some(&*rule(&agent)), &here, &to);
        assert_eq!(checked, Ok(()), "{here} to {to}: {agent:?}");
        agent.arrive(&to);
        way.push(to.to_string());
        here = to;
    }
    panic!("it does not come back: {}", way.join(" > "));
}

fn world(held: &[&str], cut: &[&str]) -> World {
    World {
        standing: held.iter().map(|p| (name(p), Standing::Held)).collect(),
        cut: cut.iter().map(|p| name(p)).collect(),
        denies: BTreeSet::new(),
    }
}

#[test]
fn each_strategy_goes_its_own_way() {
    use DownloadStrategy::{DefaultPlace, Direct, NearestHolder};
    let table = |title: &str, world: &World, origin, avoid: &[&str], home| {
        let mut lines = vec![title.to_owned()];
        for strategy in [DefaultPlace, Direct, NearestHolder] {
            let (way, _) = travel(world, origin, strategy.clone(), avoid, home);
            lines.push(format!("  {strategy}: {way}"));
        }
        lines.join("\n")
    };
    let cold = world(&["r/m"], &[]);
    let warm = world(&["r/m", "r/a/y"], &[]);
    let mut full = cold.clone();
    full.denies.insert(name("r/a"));
    let mut coming = cold.clone();
    coming.standing.insert(name("r/a"), Standing::Coming);
    let tables = [
        table("only home has it", &cold, "r/a/x", &[], "r/m"),
        table("a sister has it too", &warm, "r/a/x", &[], "r/m"),
        table("the parent is getting it", &coming, "r/a/x", &[], "r/m"),
        table("the parent has no room", &full, "r/a/x", &[], "r/m"),
        table("home lost it", &world(&["r/b"], &[]), "r/a/x", &[], "r/m"),
        table("home was no use", &warm, "r/a/x", &["r/m"], "r/m"),
        table("nor was the parent", &cold, "r/a/x", &["r/m", "r/a"], "r/m"),
        table(
            "home is cut off",
            &world(&["r/m"], &["r/m"]),
            "r/a/x",
            &[],
            "r/m",
        ),
        table(
            "the client is cut off",
            &world(&["r/m"], &["r/a/x"]),
            "r/a/x",
            &[],
            "r/m",
        ),
        table(
            "home is below",
            &world(&["r/a/x"], &[]),
            "r/a",
            &[],
            "r/a/x",
        ),
        table(
            "home is below and lost it",
            &world(&["r/b"], &[]),
            "r/a",
            &["r/a/x"],
            "r/a/x",
        ),
        table("home itself lost it", &warm, "r/m", &[], "r/m"),
        table("at the root", &cold, "r", &[], "r/m"),
    ];
    let said = tables.join("\n");
    assert_eq!(said, include_str!("download.txt").trim_end(), "\n{said}");
}

#[test]
fn an_agent_that_is_denied_avoids_the_place_that_denied_it() {
    let mut full = world(&["r/m"], &[]);
    full.denies.insert(name("r/a"));
    let (_, agent) = travel(&full, "r/a/x", DownloadStrategy::DefaultPlace, &[], "r/m");
    assert!(agent.avoid.contains(&name("r/a")));
}

#[test]
fn agents_that_could_not_be_where_they_are_are_refused() {
    let id = DownloadId {
        origin: name("r/a/x"),
        life: Incarnation(1),
        number: 1,
    };
    let time = Duration::from_secs(10);
    let agent = |strategy, trail: &[&str], back| {
        let mut agent = Download::new(id.clone(), release("r/m"), strategy, [].into(), time);
        agent.trail = trail.iter().map(|place| name(place)).collect();
        let source = name("r/m");
        agent.found = if back {
            Some(Ok(Found { source }))
        } else {
            None
        };
        agent
    };
    use DownloadStrategy::{DefaultPlace, Direct, NearestHolder};
    let sent = |agent: &Download, from, to| {
        let checked = agent.check(Some(&*rule(agent)), &name(from), &name(to));
        checked.is_ok()
    };
    assert!(sent(&agent(Direct, &["r/a"], false), "r/a", "r"));
    // From somebody who is not on its trail.
    assert!(!sent(&agent(Direct, &["r/a"], false), "r/b", "r"));
    // In a circle, past a place, and to where there is no edge.
    let circle = ["r/a", "r", "r/a"];
    assert!(!sent(&agent(Direct, &circle, false), "r/a", "r"));
    assert!(!sent(&agent(Direct, &["r"], false), "r", "r/m"));
    assert!(!sent(&agent(Direct, &["r/a"], false), "r/a", "r/m"));
    // Where its strategy does not lead.
    assert!(sent(&agent(DefaultPlace, &[], false), "r/a/x", "r/a"));
    assert!(!sent(&agent(DefaultPlace, &["r/a"], false), "r/a", "r"));
    assert!(!sent(&agent(DefaultPlace, &[], false), "r/a/x", "r/a/x/y"));
    assert!(!sent(
        &agent(NearestHolder, &["r/a", "r"], false),
        "r",
        "r/m"
    ));
    assert!(!sent(
        &agent(NearestHolder, &["r/a"], false),
        "r/a",
        "r/a/x"
    ));
    // Back, and not the way that it came.
    assert!(sent(&agent(NearestHolder, &["r/a"], true), "r/a", "r/a/x"));
    assert!(!sent(&agent(NearestHolder, &["r/a"], true), "r/a", "r"));
    assert!(!sent(&agent(NearestHolder, &[], true), "r/a/x", "r/a"));
    // More than any agent is given.
    let mut long = agent(Direct, &["r/a"], false);
    long.remaining = Download::MAX_REMAINING + Duration::from_nanos(1);
    assert!(!sent(&long, "r/a", "r"));
    let mut full = agent(Direct, &["r/a"], false);
    full.avoid = (0..=Download::MAX_PLACES)
        .map(|n| name(&format!("r/p{n}")))
        .collect();
    assert!(!sent(&full, "r/a", "r"));
    let mut bad = agent(Direct, &["r/a"], false);
    Arc::make_mut(&mut bad.release).length = 0;
    assert!(!sent(&bad, "r/a", "r"));
    let mut wordy = agent(Direct, &["r/a"], true);
    let why = "x".repeat(Nowhere::MAX_WHY + 1);
    wordy.found = Some(Err(Nowhere { why: why.clone() }));
    assert!(!sent(&wordy, "r/a", "r/a/x"));
    wordy.found = Some(Err(Nowhere::new(why)));
    assert!(sent(&wordy, "r/a", "r/a/x"));
}

fn any_place() -> impl Strategy<Value = String> {
    "r(/[ab]){0,3}"
}

proptest! {
    /// Whoever has it and whatever is cut: every agent comes back, checked on each step,
    /// and never with a place that was to be avoided or with its own origin.
    #[test]
    fn every_agent_comes_back(
        held in proptest::collection::vec(any_place(), 0..5),
        coming in proptest::option::of(any_place()),
        cut in proptest::collection::vec(any_place(), 0..4),
        denies in proptest::collection::vec(any_place(), 0..3),
        avoid in proptest::collection::vec(any_place(), 0..3),
        (origin, home) in (any_place(), any_place()),
        strategy in 0..3usize,
    ) {
        let held: Vec<_> = held.iter().map(String::as_str).collect();
        let cut: Vec<_> = cut.iter().map(String::as_str).collect();
        let avoid: Vec<_> = avoid.iter().map(String::as_str).collect();
        let mut world = world(&held, &cut);
        world.denies = denies.iter().map(|place| name(place)).collect();
        for place in coming.iter().filter(|place| !held.contains(&place.as_str())) {
            world.standing.insert(name(place), Standing::Coming);
        }
        // The way back is not walked over broken edges here: only the way out counts.
        let (_, strategy) = &DownloadStrategy::ALL[strategy];
        let (_, agent) = travel(&world, &origin, strategy.clone(), &avoid, &home);
        if let Some(Ok(Found { source })) = &agent.found {
            prop_assert!(*source != name(&origin));
            prop_assert!(!avoid.contains(&source.as_str()));
        }
    }
}
