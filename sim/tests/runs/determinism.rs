//! One scenario and one seed, one outcome.

use super::{run, star};

#[test]
fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
    let scenario = star(&[]);
    let (summary, rows) = run(&scenario, 1);
    let (again, same) = run(&scenario, 1);
    assert_eq!(summary, again);
    assert_eq!(rows.sessions, same.sessions);
    assert_eq!(rows.intervals, same.intervals);
    assert_eq!(rows.resources, same.resources);
    let (_, others) = run(&scenario, 2);
    assert_ne!(rows.sessions, others.sessions);
}

/// Runs on other threads share nothing.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "that threads change nothing is what is tested"
)]
fn threads_change_nothing() {
    let scenario = star(&[]);
    let alone: Vec<_> = (1..=3).map(|seed| run(&scenario, seed).0).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (1..=3)
            .map(|seed| {
                let scenario = &scenario;
                scope.spawn(move || run(scenario, seed).0)
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(alone, together);
}

/// What is looked at, and whether messages are decoded, is nothing that a place could tell.
#[test]
fn looking_less_changes_nothing() {
    let (all, rows) = run(&star(&[("seed = 1", "seed = 1\ndecode = true")]), 1);
    let (nothing, same) = run(&star(&[("seed = 1", "seed = 1\nchecks = \"off\"")]), 1);
    assert_eq!(all, nothing);
    assert_eq!(rows.sessions, same.sessions);
}

/// Common random numbers: another strategy meets the same requests at the same moments.
#[test]
fn a_strategy_does_not_shift_the_requests() {
    let wishes = |booking: &str| {
        let protocol = format!("[protocol]\nbooking = \"{booking}\"\n\n[edges]");
        let (_, mut rows) = run(&star(&[("[edges]", &protocol)]), 1);
        rows.sessions.sort_by_key(|row| row.session);
        let wish = |row: &waybook_sim::results::SessionRow| {
            (
                row.session,
                row.place.clone(),
                row.title.clone(),
                row.wanted,
            )
        };
        // The places of a world settle first, a central root does not: time is relative.
        rows.sessions.iter().map(wish).collect::<Vec<_>>()
    };
    assert_eq!(wishes("visitor"), wishes("central"));
}
