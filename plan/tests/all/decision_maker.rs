//! From question to plan.

use std::sync::Arc;

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_plan::{
    BestQuality, DecisionMaker, KnownServer, LeastLoaded, Load, Nearest, NoPlan, Plan,
    Presentation, Profile, Question, Release, Resource, Solution, builtin_decision_makers,
};

/// A film with a demand for every kind of stage and a component at every position.
fn film() -> Presentation {
    let level = |name: &str, bandwidth: &str, cpu: u32| {
        let component = |at: &str| {
            format!(
                "[[quality.component]]\nat = '{at}'\nname = '{at}-{name}'\nruntime = 'process'\n"
            )
        };
        let positions = ["client", "every-hop", "default-place", "server"];
        format!(
            "[[quality]]\nname = '{name}'\n[quality.demand]\n\
             edge = {{ to-client = '{bandwidth}', to-server = '100 kbit/s' }}\n\
             client = {{ cpu = '{cpu}m', screen = 1 }}\ndefault-place = {{ cpu = '{cpu}0m' }}\n\
             server = {{ cpu = '{cpu}00m', memory = '64 MiB' }}\nevery-hop = {{ memory = '1 MiB' }}\n{}",
            positions.map(component).concat()
        )
    };
    let levels = level("high", "4 Mbit/s", 4) + &level("low", "1 Mbit/s", 1);
    Presentation::from_toml(&format!("title = 'film'\n{levels}")).unwrap()
}

/// A case to decide, with defaults for what it is not about.
struct Case {
    client: &'static str,
    is_default_place: bool,
    profile: Profile,
    presentation: Presentation,
    /// Places with their loads.
    servers: Vec<(&'static str, Option<u16>)>,
    releases: Vec<Arc<Release>>,
    most_servers: usize,
    most_solutions: usize,
}

impl Case {
    fn new(client: &'static str, servers: &[&'static str]) -> Self {
        Self {
            client,
            is_default_place: false,
            profile: Profile::default(),
            presentation: film(),
            servers: servers.iter().map(|s| (*s, None)).collect(),
            releases: Vec::new(),
            most_servers: 10,
            most_solutions: 10,
        }
    }

    fn decide(&self, by: &dyn DecisionMaker) -> Result<Plan, NoPlan> {
        let presentation = Arc::new(self.presentation.clone());
        let server = |(place, load): &(&str, Option<u16>)| KnownServer {
            place: name(place),
            presentation: presentation.clone(),
            load: load.map(Load),
        };
        by.decide(&Question {
            title: "film",
            client: &name(self.client),
            client_is_default_place: self.is_default_place,
            profile: &self.profile,
            servers: &self.servers.iter().map(server).collect::<Vec<_>>(),
            releases: &self.releases,
            gap: None,
            most_servers: self.most_servers,
            most_solutions: self.most_solutions,
        })
    }

    /// Checks the order of a plan: for each solution its server and quality.
    #[track_caller]
    fn check(&self, by: &dyn DecisionMaker, wanted: &str) {
        let plan = self.decide(by).unwrap();
        plan.check().unwrap();
        assert_eq!(plan.title, "film");
        assert!(
            plan.solutions
                .iter()
                .map(|s| usize::from(s.number.0))
                .eq(1..=plan.solutions.len())
        );
        let order: Vec<_> = plan.solutions.iter().map(|s| short(s)).collect();
        assert_eq!(order.join(", "), wanted, "{}", by.name());
    }

    /// Checks the reason that nothing is planned, which is the same for all strategies.
    #[track_caller]
    fn check_refused(&self, wanted: &str) {
        for by in builtin_decision_makers() {
            assert_eq!(
                self.decide(&*by).unwrap_err().to_string(),
                wanted,
                "{}",
                by.name()
            );
        }
    }
}

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn short(solution: &Solution) -> String {
    format!("{} {}", solution.server(), solution.quality)
}

#[test]
fn each_place_books_its_share_and_runs_its_components() {
    let mut case = Case::new("r/a/x", &["r/b/y"]);
    assert_eq!(
        case.decide(&Nearest).unwrap().to_string(),
        "\
plan for `film`, 2 solutions
1. high from r/b/y, 4 hops
     r/a/x  book cpu 4m, down 4 Mbit/s, memory 1 MiB, screen 1, up 100 kbit/s; run client-high, every-hop-high
     r/a    book cpu 40m, down 4 Mbit/s, memory 1 MiB, up 100 kbit/s; run every-hop-high, default-place-high
     r      book memory 1 MiB; run every-hop-high
     r/b    book down 100 kbit/s, memory 1 MiB, up 4 Mbit/s; run every-hop-high
     r/b/y  book cpu 400m, down 100 kbit/s, memory 65 MiB, up 4 Mbit/s; run every-hop-high, server-high
2. low from r/b/y, 4 hops
     r/a/x  book cpu 1m, down 1 Mbit/s, memory 1 MiB, screen 1, up 100 kbit/s; run client-low, every-hop-low
     r/a    book cpu 10m, down 1 Mbit/s, memory 1 MiB, up 100 kbit/s; run every-hop-low, default-place-low
     r      book memory 1 MiB; run every-hop-low
     r/b    book down 100 kbit/s, memory 1 MiB, up 1 Mbit/s; run every-hop-low
     r/b/y  book cpu 100m, down 100 kbit/s, memory 65 MiB, up 1 Mbit/s; run every-hop-low, server-low
"
    );
    case.most_solutions = 1;
    for (client, is_default_place, server, wanted) in [
        // The client is its own default place.
        (
            "r/a",
            true,
            "r",
            "r/a  book cpu 44m, down 4 Mbit/s, memory 1 MiB, screen 1, up 100 kbit/s; run client-high, every-hop-high, default-place-high\nr    book cpu 400m, memory 65 MiB; run every-hop-high, server-high",
        ),
        // The default place is the server.
        (
            "r/a",
            false,
            "r",
            "r/a  book cpu 4m, down 4 Mbit/s, memory 1 MiB, screen 1, up 100 kbit/s; run client-high, every-hop-high\nr    book cpu 440m, memory 65 MiB; run every-hop-high, default-place-high, server-high",
        ),
        // The server is below the client.
        (
            "r",
            true,
            "r/a",
            "r    book cpu 44m, memory 1 MiB, screen 1; run client-high, every-hop-high, default-place-high\nr/a  book cpu 400m, down 100 kbit/s, memory 65 MiB, up 4 Mbit/s; run every-hop-high, server-high",
        ),
        // One place is all of them; no edge is passed, and the parent is not reached.
        (
            "r/a",
            false,
            "r/a",
            "r/a  book cpu 444m, memory 65 MiB, screen 1; run client-high, every-hop-high, default-place-high, server-high",
        ),
    ] {
        let case = Case {
            client,
            is_default_place,
            servers: vec![(server, None)],
            ..Case::new("r", &[])
        };
        let plan = case.decide(&Nearest).unwrap();
        plan.check().unwrap();
        let text = plan.to_string();
        let stages: Vec<_> = text
            .lines()
            .map(str::trim)
            .skip(2)
            .take(plan.solutions[0].stages.len())
            .collect();
        assert_eq!(stages.join("\n"), wanted);
    }
}

#[test]
fn strategies_differ_in_order() {
    let mut case = Case::new("r/a", &["r/b/far", "r/z", "r", "r/b", "x/r"]);
    case.most_servers = 3;
    case.check(
        &Nearest,
        "r high, r low, r/b high, r/b low, r/z high, r/z low",
    );
    case.check(
        &BestQuality,
        "r high, r/b high, r/z high, r low, r/b low, r/z low",
    );
    case.check(
        &LeastLoaded,
        "r high, r low, r/b high, r/b low, r/z high, r/z low",
    );
    // The least loaded of all is not among the nearest; an unknown load is half a load.
    case.servers = vec![
        ("r", Some(501)),
        ("r/z", Some(499)),
        ("r/b", None),
        ("r/b/far", Some(0)),
    ];
    case.check(
        &LeastLoaded,
        "r/z high, r/z low, r/b high, r/b low, r high, r low",
    );
    case.most_solutions = 3;
    case.check(&Nearest, "r high, r low, r/b high");
    case.check(&BestQuality, "r high, r/b high, r/z high");
    case.most_servers = 1;
    case.check(&LeastLoaded, "r high, r low");
}

#[test]
fn a_server_listed_twice_counts_once() {
    let mut case = Case::new("r/a", &["r/b", "r", "r/b"]);
    case.most_servers = 3;
    case.check(&Nearest, "r high, r low, r/b high, r/b low");
}

#[test]
fn names_select_the_strategies() {
    let names: Vec<_> = builtin_decision_makers()
        .iter()
        .map(|by| by.name())
        .collect();
    assert_eq!(names, ["nearest", "best-quality", "least-loaded"]);
}

#[test]
fn the_profile_rules_levels_out() {
    let mut case = Case::new("r/a", &["r"]);
    case.profile.best_quality = Some("low".to_owned());
    case.check(&Nearest, "r low");
    case.profile.best_quality = Some("high".to_owned());
    case.check(&Nearest, "r high, r low");
    case.profile.terminal_bandwidth = Some(4_000_000);
    case.check(&Nearest, "r high, r low");
    case.profile.terminal_bandwidth = Some(3_999_999);
    case.check(&BestQuality, "r low");
}

#[test]
fn a_refusal_says_why() {
    let new = || Case::new("r/a", &["r", "r/b"]);
    let mut case = Case::new("r/a", &["x", "x/r"]);
    case.check_refused("no server in the tree holds `film`");
    case = Case::new("r/a", &[]);
    case.check_refused("no server in the tree holds `film`");
    case = new();
    case.presentation.title = "films".to_owned();
    case.check_refused("no server in the tree holds `film`");
    case = new();
    case.profile.may_open = vec!["film?".to_owned(), "camera*".to_owned()];
    case.check_refused("anybody may not open `film`");
    case = new();
    case.profile.best_quality = Some("ultra".to_owned());
    case.check_refused(
        "no quality of `film` suits anybody: it has no quality `ultra`, only `high`, `low`",
    );
    case = new();
    case.profile.terminal_bandwidth = Some(500_000);
    case.check_refused(
        "no quality of `film` suits anybody: `high` needs 4 Mbit/s, the terminal takes 500 kbit/s; \
         `low` needs 1 Mbit/s, the terminal takes 500 kbit/s",
    );
    case = new();
    case.presentation.qualities.clear();
    case.check_refused("no quality of `film` suits anybody: it has no quality");
    for (servers, solutions) in [(0, 1), (1, 0)] {
        case = Case {
            most_servers: servers,
            most_solutions: solutions,
            ..new()
        };
        case.check_refused(
            "no quality of `film` suits anybody: the request allows no server or no solution",
        );
    }
}

#[test]
fn what_does_not_add_up_is_left_out() {
    let mut case = Case::new("r/a", &["r"]);
    let of_high = &mut case.presentation.qualities[0].demand;
    of_high
        .server
        .add(&Resource::memory(), u64::MAX - (64 << 20))
        .unwrap();
    case.check(&Nearest, "r low");
    case.presentation.qualities.pop();
    case.check_refused(
        "no quality of `film` suits anybody: `high`: the demand for `memory` is larger than any \
         capacity can be",
    );
}

fn any_place() -> impl Strategy<Value = PlaceName> {
    prop::collection::vec("[ab]", 0..5).prop_map(|labels| {
        name(
            &["r".to_owned()]
                .into_iter()
                .chain(labels)
                .collect::<Vec<_>>()
                .join("/"),
        )
    })
}

fn any_servers() -> impl Strategy<Value = Vec<KnownServer>> {
    let presentation = Arc::new(film());
    let loads = prop::option::of(0u16..=1000);
    prop::collection::btree_map(any_place(), loads, 0..8).prop_map(move |servers| {
        let server = |(place, load): (_, Option<u16>)| KnownServer {
            place,
            presentation: presentation.clone(),
            load: load.map(Load),
        };
        servers.into_iter().map(server).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_plan_keeps_its_promises(
        client in any_place(),
        client_is_default_place in any::<bool>(),
        servers in any_servers(),
        (most_servers, most_solutions) in (0usize..5, 0usize..9),
        (best_quality, terminal_bandwidth) in
            (prop::option::of("high|low|ultra"), prop::option::of(0u64..5_000_000)),
    ) {
        let profile = Profile { best_quality, terminal_bandwidth, ..Profile::default() };
        let question = Question {
            title: "film", client: &client, client_is_default_place, profile: &profile,
            servers: &servers, releases: &[], gap: None, most_servers, most_solutions,
        };
        for by in builtin_decision_makers() {
            let Ok(plan) = by.decide(&question) else { continue };
            prop_assert_eq!(plan.check(), Ok(()));
            prop_assert_eq!(plan.client(), &client);
            prop_assert!(plan.solutions.len() <= most_solutions);
            let mut used: Vec<_> = plan.solutions.iter().map(|s| s.server()).collect();
            used.sort();
            used.dedup();
            prop_assert!(used.len() <= most_servers);
            for solution in &plan.solutions {
                for hop in 0..solution.stages.len() {
                    prop_assert!(solution.covers(hop, solution));
                }
                prop_assert!(!solution.covers(solution.stages.len(), solution));
            }
            // The order of what the search found does not matter.
            let mut backwards = servers.clone();
            backwards.reverse();
            prop_assert_eq!(
                by.decide(&Question { servers: &backwards, ..question.clone() }),
                Ok(plan)
            );
        }
    }

    /// The order of the nearest, spelt out: every pair with its key, sorted.
    #[test]
    fn nearest_is_a_sort(
        client in any_place(),
        places in prop::collection::btree_set(any_place(), 1..8),
        most_servers in 1usize..5,
    ) {
        let presentation = Arc::new(film());
        let servers: Vec<_> = places
            .iter()
            .rev()
            .map(|p| KnownServer { place: p.clone(), presentation: presentation.clone(), load: None })
            .collect();
        let question = Question {
            title: "film", client: &client, client_is_default_place: false,
            profile: &Profile::default(), servers: &servers, releases: &[], gap: None, most_servers, most_solutions: 99,
        };
        let mut wanted: Vec<_> = places
            .iter()
            .flat_map(|p| ["high", "low"].map(|q| (client.path_to(p).unwrap().len(), p.to_string(), q)))
            .collect();
        wanted.sort();
        wanted.truncate(2 * most_servers);
        let wanted: Vec<_> = wanted.iter().map(|(_, place, q)| format!("{place} {q}")).collect();
        let plan = Nearest.decide(&question).unwrap();
        prop_assert_eq!(plan.solutions.iter().map(|s| short(s)).collect::<Vec<_>>(), wanted);
    }
}
