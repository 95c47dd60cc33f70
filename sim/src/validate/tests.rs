use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::StdRng;

use super::*;
use crate::random;
use crate::theory::close;

/// A bare loss system: so many units of each resource, and classes with choices. Nothing of the
/// simulator is in it, and nothing of the formulas.
fn counted(capacity: &[u32], classes: &[(f64, Vec<Vec<u32>>)], rng: &mut StdRng) -> Vec<f64> {
    let total: f64 = classes.iter().map(|(rate, _)| rate).sum();
    let wait =
        |rng: &mut StdRng, rate: f64| -rng.random_range(f64::MIN_POSITIVE..1.0f64).ln() / rate;
    let mut free = capacity.to_vec();
    let mut ends: Vec<(f64, Vec<u32>)> = Vec::new();
    let mut outcomes: Vec<Vec<f64>> = classes
        .iter()
        .map(|(_, c)| vec![0.0; c.len() + 1])
        .collect();
    let mut now = 0.0;
    for request in 0..40_000 {
        now += wait(rng, total);
        let over: Vec<_> = ends.extract_if(.., |(end, _)| *end <= now).collect();
        for (_, demand) in over {
            free.iter_mut()
                .zip(demand)
                .for_each(|(free, units)| *free += units);
        }
        let mut draw = rng.random_range(0.0..total);
        let class = classes.iter().position(|(rate, _)| {
            draw -= rate;
            draw < 0.0
        });
        let class = class.unwrap_or(classes.len() - 1);
        let choices = &classes[class].1;
        let fits = |demand: &Vec<u32>| free.iter().zip(demand).all(|(free, units)| free >= units);
        let choice = choices.iter().position(fits);
        if let Some(demand) = choice.map(|choice| choices[choice].clone()) {
            free.iter_mut()
                .zip(&demand)
                .for_each(|(free, units)| *free -= units);
            ends.push((now + wait(rng, 1.0), demand));
        }
        if request >= 2_000 {
            outcomes[class][choice.unwrap_or(choices.len())] += 1.0;
        }
    }
    outcomes
        .iter()
        .flat_map(|counts| {
            let all: f64 = counts.iter().sum();
            counts.iter().map(move |count| count / all)
        })
        .collect()
}

/// Ten replications, turned round: for each quantity its values.
fn replicated(purpose: &str, run: impl Fn(&mut StdRng) -> Vec<f64>) -> Measured {
    let runs: Vec<_> = (0..10)
        .map(|index| run(&mut random::stream(1, purpose, index)))
        .collect();
    let quantities = 0..runs[0].len();
    quantities
        .map(|of| runs.iter().map(|run| run[of]).collect())
        .collect()
}

#[test]
fn what_is_right_agrees_and_what_is_wrong_does_not() {
    let all = suite().unwrap();
    let find = |name: &str| all.iter().find(|e| e.name == name).unwrap().clone();
    let experiments = [
        find("ten units"),
        find("fallback at a place"),
        find("fallback in a star"),
    ];
    let unit = |units: u32| vec![vec![units]];
    let erlang = |units: u32| {
        replicated("erlang", |rng| {
            vec![counted(&[units], &[(8.0, unit(1))], rng)[1]]
        })
    };
    let place = replicated("place", |rng| {
        counted(&[13], &[(5.0, vec![vec![3], vec![1]])], rng)
    });
    let leaves = [
        (2.0, vec![vec![2, 0, 2], vec![1, 0, 1]]),
        (3.0, vec![vec![0, 2, 2], vec![0, 1, 1]]),
    ];
    let star = replicated("star", |rng| counted(&[5, 7, 11], &leaves, rng));

    let cases = judge(&experiments, &[erlang(10), place.clone(), star.clone()]).unwrap();
    assert_eq!(cases.len(), 1 + 3 + 6);
    for case in &cases {
        assert_ne!(case.verdict, Verdict::Differs, "{case:?}");
        let deviation = case.deviation().unwrap();
        assert!(deviation.abs() < 0.02, "{case:?}");
    }
    let wrong = judge(&experiments, &[erlang(11), place, star]).unwrap();
    assert_eq!(wrong[0].verdict, Verdict::Differs);
    assert_eq!(wrong[0].name, "ten units: blocking");
}

#[test]
fn verdicts() {
    let experiment = |load| Experiment {
        name: "one",
        subject: Subject::ErlangB { servers: 1, load },
    };
    let verdict = |values: &[f64]| {
        let cases = judge(&[experiment(1.0)], &[vec![values.to_vec()]]).unwrap();
        cases[0].verdict
    };
    // Exactly a half is lost; 0.005 is allowed.
    assert_eq!(verdict(&[0.4999, 0.5, 0.5001, 0.5]), Verdict::Agrees);
    assert_eq!(verdict(&[0.49, 0.5, 0.51, 0.5]), Verdict::TooWide);
    assert_eq!(verdict(&[0.6, 0.6001, 0.5999, 0.6]), Verdict::Differs);
    assert_eq!(verdict(&[0.5]), Verdict::NotMeasured);
    let cases = judge(&[experiment(1.0)], &[]).unwrap();
    assert_eq!(
        (cases[0].verdict, cases[0].deviation()),
        (Verdict::NotMeasured, None)
    );
    assert!(judge(&[experiment(-1.0)], &[]).is_err());
    assert_eq!((allowed(0.1), allowed(-4.0)), (0.002, 0.04));
}

/// With many cases each interval must be wider, and is.
#[test]
fn more_cases_ask_for_more_confidence() {
    let all = suite().unwrap();
    let cases = judge(&all, &[vec![vec![0.3, 0.35]]]).unwrap();
    let simulated = cases[0].simulated.unwrap();
    assert!((simulated.confidence - (1.0 - 0.001 / cases.len() as f64)).abs() < 1e-15);
}

#[test]
fn the_suite_has_an_answer_to_everything() {
    let all = suite().unwrap();
    let names: BTreeSet<_> = all.iter().map(|experiment| experiment.name).collect();
    assert_eq!(names.len(), all.len(), "names are unique");
    let formulas: BTreeSet<_> = all.iter().map(|e| e.subject.formula()).collect();
    assert_eq!(formulas.len(), 10, "every kind of subject");
    for experiment in &all {
        let quantities = experiment.subject.quantities().unwrap();
        assert!(!quantities.is_empty());
        for quantity in quantities {
            assert!(
                quantity.exact > 0.005,
                "{}: {quantity:?} is too rare",
                experiment.name
            );
            if let Some(about) = quantity.approximation {
                // About as far off as it is in so small networks.
                assert!((about - quantity.exact).abs() < 0.1, "{quantity:?}");
            }
        }
    }
}

#[test]
fn moments_of_service_times() {
    let either = Service::Either {
        short: 0.5,
        long: 3.0,
        chance: 0.2,
    };
    let (mean, square) = either.moments();
    assert!(close(mean, 1.0, 1e-14) && close(square, 2.0, 1e-14));
    assert_eq!(Service::Constant { time: 3.0 }.moments(), (3.0, 9.0));
    assert_eq!(Service::Exponential { mean: 3.0 }.moments(), (3.0, 18.0));
}
