//! What runs of one scenario come to, as a table, and what makes it doubtful.

use std::collections::BTreeSet;

use super::figures::{CONFIDENCE, FIGURES};
use super::page::Page;
use super::runs::Runs;
use super::text::{amount, count, number};
use crate::run::Summary;
use crate::statistics::{Interval, Moments};

/// Where the page comes from.
pub(super) fn made_from(page: &mut Page, runs: &Runs) {
    page.made_from("folder", &runs.name);
    let Some(first) = runs.summaries.first() else {
        return;
    };
    page.made_from("scenario", &first.scenario);
    let seeds: Vec<_> = runs
        .summaries
        .iter()
        .map(|run| run.seed.to_string())
        .collect();
    let what = if seeds.len() == 1 { "seed" } else { "seeds" };
    page.made_from(what, seeds.join(", "));
    page.made_from("Waybook", &first.version);
    page.made_from("places", count(first.places));
}

/// What makes the figures doubtful.
pub(super) fn doubts(page: &mut Page, runs: &Runs) {
    for run in &runs.summaries {
        let of = format!("{}, seed {}", runs.name, run.seed);
        if !run.warm_up.suffices() {
            let advised = run.warm_up.advised.map_or_else(
                || "the run is too short to tell how long it should be".to_owned(),
                |advised| format!("the check MSER-5 would leave out {} s", number(advised)),
            );
            page.careful(&format!(
                "the warm-up of {} s may be too short: {advised} ({of}).",
                number(run.warm_up.stated)
            ));
        }
        if !run.little.holds {
            page.careful(&format!(
                "Little’s law does not hold: {} sessions at a time are not {} a second times {} s ({of}).",
                number(run.little.present),
                number(run.little.rate),
                number(run.little.stay)
            ));
        }
        if runs
            .summaries
            .iter()
            .any(|other| other.version != run.version)
        {
            page.careful(&format!(
                "the versions of Waybook differ: {} ({of}).",
                run.version
            ));
        }
    }
}

/// A figure with its interval, as two cells.
fn cells(name: &str, mean: f64, half: Option<f64>) -> Vec<String> {
    let interval = half.map_or_else(
        || "–".to_owned(),
        |half| format!("{} to {}", number(mean - half), number(mean + half)),
    );
    vec![name.to_owned(), number(mean), interval]
}

type Share = fn(&Summary) -> f64;

/// All figures of a run, or their means over several.
pub(super) fn summary(page: &mut Page, runs: &Runs) {
    let mut rows = Vec::new();
    let counted: [(&str, Share); 9] = [
        ("requests", |run| run.asked as f64),
        ("sessions", |run| run.established as f64),
        ("hops", |run| run.hops),
        ("sessions at a time", |run| run.sessions),
        ("moved", |run| run.moved as f64),
        ("dropped in moving", |run| run.dropped as f64),
        ("broken", |run| run.broken as f64),
        ("messages", |run| run.messages as f64),
        ("events", |run| run.events as f64),
    ];
    let setups: [(&str, Share); 3] = [
        ("median set-up time (ms)", |run| run.setup.p50 * 1e3),
        ("95% of set-up times (ms)", |run| run.setup.p95 * 1e3),
        ("longest set-up time (ms)", |run| run.setup.max * 1e3),
    ];
    let one = runs.summaries.len() == 1;
    let mean = |of: &dyn Fn(&Summary) -> f64| -> (f64, Option<f64>) {
        let moments: Moments = runs.summaries.iter().map(of).collect();
        let interval = Interval::student(&moments, CONFIDENCE);
        (moments.mean, interval.map(|i| i.half_width))
    };
    for figure in &FIGURES {
        let (value, mut half) = mean(&|run| figure.of(run));
        if let [run] = runs.summaries.as_slice() {
            half = match figure.file {
                "blocked" => run.blocked.half_width,
                "fell-back" => run.fell_back.half_width,
                _ => None,
            };
        }
        rows.push(cells(figure.label, value, half));
        if figure.file == "blocked" {
            by_users(&mut rows, runs);
        }
    }
    for (name, of) in &setups {
        let (value, half) = mean(of);
        rows.push(cells(name, value, half));
    }
    for (name, of) in &counted {
        let (value, half) = mean(of);
        let mut row = cells(name, value, half);
        row[1] = amount(value);
        rows.push(row);
    }
    let intervals = if one {
        "Intervals are from the means of batches of the one run; a figure without one needs more runs."
    } else {
        "Means over the runs, with Student’s interval for each."
    };
    page.table(
        &format!("What came out after the warm-up. {intervals}"),
        &["figure", "value", "95% interval"],
        &rows,
    );
    if !one {
        seeds(page, runs);
    }
}

fn by_users(rows: &mut Vec<Vec<String>>, runs: &Runs) {
    let classes: BTreeSet<_> = runs
        .summaries
        .iter()
        .flat_map(|run| run.blocked_by_users.keys())
        .collect();
    if classes.len() < 2 {
        return;
    }
    for users in classes {
        let shares = runs
            .summaries
            .iter()
            .filter_map(|run| run.blocked_by_users.get(users));
        let moments: Moments = shares.clone().map(|share| share.share).collect();
        let half = match runs.summaries.as_slice() {
            [_] => shares.clone().next().and_then(|share| share.half_width),
            _ => Interval::student(&moments, CONFIDENCE).map(|i| i.half_width),
        };
        rows.push(cells(
            &format!("blocked, of {users} (share)"),
            moments.mean,
            half,
        ));
    }
}

/// A row per run.
fn seeds(page: &mut Page, runs: &Runs) {
    let mut headings = vec!["seed"];
    headings.extend(FIGURES.iter().map(|figure| figure.label));
    let rows: Vec<_> = (runs.summaries.iter())
        .map(|run| {
            let mut row = vec![run.seed.to_string()];
            row.extend(FIGURES.iter().map(|figure| number(figure.of(run))));
            row
        })
        .collect();
    page.table("Each run.", &headings, &rows);
}
