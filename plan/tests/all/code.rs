//! Plans with code that is brought along.

use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_plan::{
    KnownServer, NoOffer, NoPlan, Plan, Presentation, Profile, Question, Release, Releases,
    builtin_decision_makers,
};

use crate::resolve::release;

/// A presentation whose quality levels, each a name with the references that stand at the
/// default place, are otherwise alike.
fn film(levels: &[(&str, &str)]) -> Presentation {
    let level = |(name, references): &(&str, &str)| {
        let component = |reference| {
            format!(
                "[[quality.component]]\nat = 'default-place'\nname = '{reference}'\n\
                 runtime = 'wasm'\n"
            )
        };
        let components: String = references.split_whitespace().map(component).collect();
        let files = "[[quality.component]]\nat = 'server'\nname = 'files'\nruntime = 'builtin'\n";
        format!("[[quality]]\nname = '{name}'\n{components}{files}")
    };
    let levels: String = levels.iter().map(level).collect();
    Presentation::from_toml(&format!("title = 'film'\n{levels}")).unwrap()
}

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// Asks as a client at `r/a/x`, with these servers and releases.
fn ask<T>(
    servers: &[(&str, Presentation)],
    releases: &[Arc<Release>],
    answer: impl FnOnce(&Question<'_>) -> T,
) -> T {
    let server = |(place, presentation): &(&str, Presentation)| KnownServer {
        place: name(place),
        presentation: Arc::new(presentation.clone()),
        load: None,
    };
    answer(&Question {
        title: "film",
        client: &name("r/a/x"),
        client_is_default_place: false,
        profile: &Profile::default(),
        servers: &servers.iter().map(server).collect::<Vec<_>>(),
        releases,
        gap: None,
        most_servers: 10,
        most_solutions: 10,
    })
}

/// What all strategies answer alike.
#[track_caller]
fn decide(servers: &[(&str, Presentation)], known: &[&str]) -> Result<Plan, NoPlan> {
    let releases: Vec<_> = known.iter().map(|line| release(line)).collect();
    ask(servers, &releases, |question| {
        let makers = builtin_decision_makers();
        let mut plans = makers.iter().map(|by| by.decide(question));
        let plan = plans.next().unwrap();
        assert!(plans.all(|other| other == plan));
        if let Ok(plan) = &plan {
            plan.check().unwrap();
        }
        plan
    })
}

fn releases(plan: &Plan) -> String {
    let references: Vec<_> = plan.releases.iter().map(|r| r.reference()).collect();
    references.join(" ")
}

const KNOWN: [&str; 5] = [
    "cap@1.0.0 log@^1",
    "cap@1.1.0 log@^1",
    "cap@2.0.0 log@^2",
    "log@1.4.0",
    "log@2.0.0",
];

#[test]
fn a_plan_says_which_version_runs_and_brings_its_releases() {
    let plan = decide(&[("r", film(&[("high", "cap@^1")]))], &KNOWN).unwrap();
    assert_eq!(
        plan.to_string(),
        "\
plan for `film`, 1 solution
1. high from r, 2 hops
     r/a/x  book nothing
     r/a    book nothing; run cap@1.1.0, log@1.4.0
     r      book nothing; run files
"
    );
    assert_eq!(releases(&plan), "cap@1.1.0 log@1.4.0");
}

#[test]
fn levels_and_servers_may_run_different_versions() {
    let near = ("r", film(&[("high", "cap@^2"), ("low", "cap@^1")]));
    let plan = decide(std::slice::from_ref(&near), &KNOWN).unwrap();
    assert_eq!(releases(&plan), "cap@1.1.0 cap@2.0.0 log@1.4.0 log@2.0.0");
    assert_eq!(plan.solutions.len(), 2);
    let far = ("r/b", film(&[("high", "cap@1.0.0")]));
    let releases: Vec<_> = KNOWN.iter().map(|line| release(line)).collect();
    let plan = ask(&[near, far], &releases, |question| {
        builtin_decision_makers()[0].decide(question).unwrap()
    });
    let run: Vec<_> = plan
        .solutions
        .iter()
        .map(|s| s.stages[1].components[0].name.as_str())
        .collect();
    assert_eq!(run, ["cap@2.0.0", "cap@1.1.0", "cap@1.0.0"]);
    plan.check().unwrap();
}

#[test]
fn a_level_whose_code_is_not_there_is_left_out() {
    let levels = film(&[
        ("high", "cap@^9"),
        ("medium", "cap@^1 tool"),
        ("low", "cap@^2"),
    ]);
    let plan = decide(&[("r", levels)], &KNOWN).unwrap();
    assert_eq!(plan.solutions.len(), 1);
    assert_eq!(plan.solutions[0].quality, "low");
    assert_eq!(releases(&plan), "cap@2.0.0 log@2.0.0");
}

#[test]
fn if_no_level_has_its_code_the_refusal_explains_it() {
    let levels = film(&[("high", "cap@^9"), ("low", "cap@^1 log@^2")]);
    let error = decide(&[("r", levels)], &KNOWN).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no quality of `film` suits anybody: `high`: `cap@^9` is asked for; no version of \
         `cap` matches ^9: there are 1.0.0, 1.1.0, 2.0.0; `low`: `cap@^1` and `log@^2` are asked for; `cap` \
         (1.1.0, 1.0.0) needs `log@^1`; one version of `log` cannot suit all of them"
    );
}

#[test]
fn a_plan_carries_no_more_releases_than_it_may() {
    // Thirty levels with ten components each, all different.
    let references =
        |level: usize| -> Vec<String> { (0..10).map(|n| format!("c{level}-{n}")).collect() };
    let names: Vec<_> = (0..30).map(|level| format!("q{level}")).collect();
    let all: Vec<_> = (0..30).map(|level| references(level).join(" ")).collect();
    let levels: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(all.iter().map(String::as_str))
        .collect();
    let known: Vec<_> = (0..30)
        .flat_map(references)
        .map(|name| release(&format!("{name}@1.0.0")))
        .collect();
    let servers = [("r", film(&levels))];
    let plan = ask(&servers, &known, |question| {
        let question = Question {
            most_solutions: 99,
            ..question.clone()
        };
        builtin_decision_makers()[0].decide(&question).unwrap()
    });
    assert_eq!(plan.solutions.len(), Releases::MAX / 10);
    assert_eq!(plan.releases.len(), Releases::MAX / 10 * 10);
    plan.check().unwrap();
}

#[test]
fn a_decision_maker_of_somebody_elses_gets_offers_from_the_question() {
    let film = film(&[("high", "cap@^1"), ("low", "tape")]);
    let releases: Vec<_> = KNOWN.iter().map(|line| release(line)).collect();
    ask(&[("r", film.clone())], &releases, |question| {
        let mut resolver = question.resolver();
        let [high, low] = film.qualities.as_slice() else {
            panic!("{film:?}")
        };
        let offer = question.offer(&name("r"), high, &mut resolver).unwrap();
        let places: Vec<_> = offer.stages.iter().map(|s| s.place.as_str()).collect();
        assert_eq!(places, ["r/a/x", "r/a", "r"]);
        assert!(offer.releases.get("cap@1.1.0").is_some() && offer.releases.len() == 2);
        assert_eq!(question.offer(&name("r"), high, &mut resolver), Ok(offer));
        let error = question.offer(&name("r"), low, &mut resolver).unwrap_err();
        assert!(matches!(&error, NoOffer::Code(_)), "{error}");
        let error = question.offer(&name("q"), high, &mut resolver).unwrap_err();
        assert_eq!(error.to_string(), "q is in another tree");
    });
}
