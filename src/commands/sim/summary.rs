//! The short table of a run.

use std::cmp::Reverse;

use waybook_sim::run::{Proportion, Summary};
use waybook_sim::statistics::{Interval, Moments};

use crate::fail::Done;
use crate::show;

/// Confidence of the intervals that are shown.
const CONFIDENCE: f64 = 0.95;
/// How many of the reasons are shown for which requests got no session: those of most.
const REASONS: usize = 3;

/// Shows runs of one scenario: one with its own intervals, several with those over them.
pub(super) fn show(runs: &[Summary]) -> Done {
    let rows = match runs {
        [run] => of_one(run),
        _ => over_all(runs),
    };
    show::table(&["figure", "value", "95% interval"], &rows, "no runs")?;
    for run in runs {
        doubts(run)?;
    }
    Ok(())
}

/// What makes the figures of a run doubtful.
fn doubts(run: &Summary) -> Done {
    let warn = |what: &str| {
        let before = show::paint(show::Color::Yellow, "careful");
        show::line(&format!("{before} (seed {}): {what}", run.seed))
    };
    if !run.warm_up.suffices() {
        let advised = run.warm_up.advised.map_or_else(
            || "the run is too short to tell how long it should be".to_owned(),
            |advised| format!("{advised:.0} s are advised"),
        );
        warn(&format!(
            "the warm-up of {:.0} s may be too short: {advised}",
            run.warm_up.stated
        ))?;
    }
    // Where the checks were turned off nobody else says so.
    if !run.little.holds {
        warn(&format!("Little's law does not hold: {:?}", run.little))?;
    }
    Ok(())
}

fn row(figure: impl Into<String>, value: String, interval: Option<String>) -> Vec<String> {
    vec![figure.into(), value, interval.unwrap_or_default()]
}

fn share(figure: impl Into<String>, share: &Proportion) -> Vec<String> {
    // No share is less than nothing, or more than all.
    let least = |half: f64| (share.share - half).max(0.0);
    let most = |half: f64| (share.share + half).min(1.0);
    let interval = share.half_width;
    let interval = interval.map(|half| format!("{:.5} to {:.5}", least(half), most(half)));
    row(figure, format!("{:.5}", share.share), interval)
}

fn between(mean: f64, half: f64) -> String {
    format!("{:.5} to {:.5}", mean - half, mean + half)
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1e3)
}

fn of_one(run: &Summary) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("places", run.places.to_string(), None),
        row("requests", run.asked.to_string(), None),
        row("sessions", run.established.to_string(), None),
        share("blocked", &run.blocked),
    ];
    if run.blocked_by_users.len() > 1 {
        for (users, blocked) in &run.blocked_by_users {
            rows.push(share(format!("  {users}"), blocked));
        }
    }
    let mut reasons: Vec<_> = run.blocked_for.iter().collect();
    reasons.sort_by_key(|(_, requests)| Reverse(**requests));
    for (why, requests) in reasons.into_iter().take(REASONS) {
        rows.push(row(format!("  for {why}"), requests.to_string(), None));
    }
    rows.push(share("fell back", &run.fell_back));
    for (quality, sessions) in &run.qualities {
        rows.push(row(format!("  {quality}"), sessions.to_string(), None));
    }
    rows.extend([
        row("set-up, mean", milliseconds(run.setup.mean), None),
        row("set-up, median", milliseconds(run.setup.p50), None),
        row("set-up, 99%", milliseconds(run.setup.p99), None),
        row("hops", format!("{:.2}", run.hops), None),
        row("sessions at a time", format!("{:.3}", run.sessions), None),
    ]);
    if run.moved + run.dropped > 0 {
        rows.push(row("moved", run.moved.to_string(), None));
        rows.push(row("dropped in moving", run.dropped.to_string(), None));
    }
    if run.broken > 0 {
        rows.push(row("broken", run.broken.to_string(), None));
    }
    rows.push(row("events", run.events.to_string(), None));
    rows.push(row("messages", run.messages.to_string(), None));
    rows
}

fn over_all(runs: &[Summary]) -> Vec<Vec<String>> {
    let figure = |name: &str, of: &dyn Fn(&Summary) -> f64| {
        let moments: Moments = runs.iter().map(of).collect();
        let interval = Interval::student(&moments, CONFIDENCE);
        let interval = interval.map(|i| between(i.mean, i.half_width));
        row(name, format!("{:.5}", moments.mean), interval)
    };
    #[allow(clippy::cast_precision_loss, reason = "counts, for means")]
    let rows = vec![
        row("runs", runs.len().to_string(), None),
        figure("requests", &|run| run.asked as f64),
        figure("blocked", &|run| run.blocked.share),
        figure("fell back", &|run| run.fell_back.share),
        figure("set-up, mean (ms)", &|run| run.setup.mean * 1e3),
        figure("set-up, 99% (ms)", &|run| run.setup.p99 * 1e3),
        figure("hops", &|run| run.hops),
        figure("sessions at a time", &|run| run.sessions),
    ];
    rows
}
