//! The simulator against theory, as `waybook sim validate --quick` does it: everything that
//! has an exact answer, with few requests and wide intervals.

use waybook_sim::validate::runner::{Effort, MeasureError, NO_LATENCY, Told, measure_told, tell};
use waybook_sim::validate::{Case, Experiment, Measured, Subject, Verdict, judge_within, suite};

/// What quick replications of an experiment measure, whose scenario is changed before.
fn measured(experiment: &Experiment, change: impl Fn(&mut Told)) -> Measured {
    let effort = Effort::quick(experiment);
    let mut told = tell(experiment, effort.amount, NO_LATENCY);
    change(&mut told);
    let quantities = experiment.subject.quantities().unwrap();
    let mut all = vec![Vec::new(); quantities.len()];
    for seed in 1..=effort.replications {
        let values = measure_told(experiment, &told, effort.amount, seed)
            .unwrap_or_else(|e| panic!("{}, seed {seed}: {e}", experiment.name));
        assert_eq!(values.len(), all.len(), "{}", experiment.name);
        for (all, value) in all.iter_mut().zip(values) {
            all.push(value);
        }
    }
    all
}

fn judged(experiment: &Experiment, change: impl Fn(&mut Told)) -> Vec<Case> {
    let measured = measured(experiment, change);
    judge_within(
        std::slice::from_ref(experiment),
        &[measured],
        Effort::WIDENING,
    )
    .unwrap()
}

fn called(name: &str) -> Experiment {
    let all = suite().unwrap();
    all.into_iter().find(|e| e.name == name).unwrap()
}

/// Replaces what must be there.
fn replace(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "`{from}` is not in\n{text}");
    *text = text.replace(from, to);
}

#[test]
fn everything_agrees_with_theory() {
    let experiments = suite().unwrap();
    let measured: Vec<_> = experiments.iter().map(|e| measured(e, |_| {})).collect();
    let cases = judge_within(&experiments, &measured, Effort::WIDENING).unwrap();
    let wrong: Vec<_> = cases
        .iter()
        .filter(|c| c.verdict != Verdict::Agrees)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_place_that_books_a_unit_too_many_is_noticed() {
    let cases = judged(&called("ten units"), |told| {
        replace(
            &mut told.scenario,
            "server = { unit = \"1\" }",
            "server = { unit = \"2\" }",
        );
    });
    assert_eq!(cases[0].verdict, Verdict::Differs, "{cases:#?}");
}

#[test]
fn an_edge_that_is_too_narrow_is_noticed() {
    let cases = judged(&called("two rates"), |told| {
        replace(
            &mut told.scenario,
            "down = \"20 bit/s\"",
            "down = \"16 bit/s\"",
        );
    });
    assert!(
        cases.iter().all(|c| c.verdict == Verdict::Differs),
        "{cases:#?}"
    );
}

#[test]
fn a_place_that_works_too_slowly_is_noticed() {
    let cases = judged(&called("constant times"), |told| {
        replace(
            &mut told.scenario,
            "processing = { constant = \"1 s\" }",
            "processing = { constant = \"1.2 s\" }",
        );
    });
    assert_eq!(cases[0].verdict, Verdict::Differs, "{cases:#?}");
}

#[test]
fn messages_that_are_lost_too_often_are_noticed() {
    let cases = judged(&called("loss on one hop"), |told| {
        replace(&mut told.scenario, "loss = 0.1", "loss = 0.2");
    });
    assert_eq!(cases[0].verdict, Verdict::Differs, "{cases:#?}");
}

#[test]
fn a_measurement_of_something_else_is_refused() {
    // Places break down, and take no requests meanwhile: the formula knows nothing of that, so it
    // is no blocking.
    let experiment = called("one unit");
    let amount = Effort::quick(&experiment).amount;
    let mut told = tell(&experiment, amount, NO_LATENCY);
    told.scenario.push_str(
        "[[fault]]
        to-failure = { exponential = \"1 min\" }
        to-repair = { exponential = \"1 min\" }
        crash = \"keep-disk\"
        ",
    );
    let result = measure_told(&experiment, &told, amount, 1);
    assert!(
        matches!(result, Err(MeasureError::Strange { .. })),
        "{result:?}"
    );
}

#[test]
fn a_seed_gives_the_same_figures_again() {
    let experiment = called("fallback in a star");
    let amount = Effort::quick(&experiment).amount;
    let told = tell(&experiment, amount, NO_LATENCY);
    let once = |seed| measure_told(&experiment, &told, amount, seed).unwrap();
    assert_eq!(once(7), once(7));
    assert_ne!(once(7), once(8));
}

#[test]
fn latency_is_said_to_matter_where_requests_leave_their_place() {
    for experiment in suite().unwrap() {
        let place = matches!(
            experiment.subject,
            Subject::ErlangB { .. } | Subject::Engset { .. } | Subject::Filling { .. }
        );
        assert!(
            !(place && experiment.subject.feels_latency()),
            "{}",
            experiment.name
        );
    }
    assert!(called("star").subject.feels_latency());
    assert!(called("fallback in a star").subject.feels_latency());
    assert!(!called("fallback at a place").subject.feels_latency());
}
