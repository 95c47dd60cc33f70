//! More set-ups than places can do: as many succeed as can, and all is well right after.

use std::ops::Range;

use waybook_sim::results::{Fate, SessionRow};
use waybook_sim::scenario::Scenario;

use super::run;

/// Of this tree the root is the slowest place: it can do about 48 set-ups a second, with four
/// inputs each (a question, a visit, a confirmation and a release). Before there were windows,
/// none succeeded any more at 60 a second.
const TREE: &str = r#"
name = "overload"
[run]
duration = "60 s"
warm-up = "10 s"
[topology]
generate = "regular"
degree = 4
depth = 2
[places]
capacity = { cpu = 100000, memory = "4 TiB", down = "9000 Gbit/s", up = "9000 Gbit/s" }
processing = { exponential = "1 ms" }
[place.root]
processing = { exponential = "5 ms" }
[[presentation]]
title = "film"
at = "root"
[[presentation.quality]]
name = "high"
demand = { edge = { to-client = "6 Mbit/s" }, server = { cpu = "250m" } }
"#;

/// What became of users who come at that many a second, and of others who come as well.
fn asked(rate: u32, more: &str) -> Vec<SessionRow> {
    let users = format!(
        "[[users]]\nname = \"steady\"\narrivals = {{ poisson = \"{rate}/s\" }}\n\
         holding = {{ exponential = \"2 s\" }}\n{more}"
    );
    let scenario = Scenario::from_toml(&format!("{TREE}{users}"));
    run(&scenario.unwrap_or_else(|e| panic!("{e}")), 1)
        .1
        .sessions
}

/// How many sessions were established per second of that time.
fn established(rows: &[SessionRow], time: Range<f64>) -> f64 {
    let length = time.end - time.start;
    let at = |row: &SessionRow| row.asked + row.setup.unwrap_or_default();
    let within = |row: &&SessionRow| row.fate == Fate::Established && time.contains(&at(row));
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    let count = rows.iter().filter(within).count() as f64;
    count / length
}

#[test]
fn ten_times_what_it_sustains_leaves_a_tree_at_its_peak() {
    let rates = [40, 45, 50];
    let peak = rates.map(|rate| established(&asked(rate, ""), 10.0..60.0));
    let peak = peak.into_iter().fold(0.0, f64::max);
    assert!(peak > 40.0, "{peak}");
    let overloaded = asked(400, "");
    for from in [5.0, 15.0, 25.0, 35.0, 45.0] {
        let rate = established(&overloaded, from..from + 10.0);
        assert!(
            rate > 0.8 * peak,
            "{rate} of {peak} a second from {from} s on"
        );
    }
    // Those who fail are told so soon, and why.
    for row in &overloaded {
        let told = row.setup.is_none_or(|took| took < 10.0);
        assert!(told, "{row:?}");
    }
}

/// A crowd comes for twenty seconds, thirteen times as many as there are otherwise.
#[test]
fn when_a_crowd_has_gone_all_is_as_before() {
    let crowd = "[[users]]\nname = \"crowd\"\nholding = \"2 s\"\n\
                 arrivals = { on-off = { rate = \"400/s\", on = \"20 s\", off = \"1 h\" } }\n";
    let rows = asked(30, crowd);
    let crowd = rows.iter().filter(|row| row.users == "crowd");
    let last = crowd.map(|row| row.asked).fold(0.0, f64::max);
    assert!(
        (15.0..25.0).contains(&last),
        "the crowd is there until {last} s"
    );
    // What the crowd has left waits for its turn no longer than two seconds.
    let after = |row: &&SessionRow| (last + 3.0..55.0).contains(&row.asked);
    let (mut count, mut worst) = (0, 0.0_f64);
    for row in rows.iter().filter(after) {
        assert_eq!(row.fate, Fate::Established, "{row:?}");
        worst = worst.max(row.setup.unwrap_or_default());
        count += 1;
    }
    assert!(count > 500, "{count}");
    assert!(worst < 1.0, "{worst} s");
}
