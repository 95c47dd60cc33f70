//! What is in pages, and what is not.

use std::collections::BTreeMap;

use waybook_sim::report::{Folder, Report, Runs, of_folders, of_run, of_sweep};
use waybook_sim::results::Rows;
use waybook_sim::run::Summary;
use waybook_sim::sweep::{Merged, RunId};

use crate::support::{Files, files, kept, runs, star, swept};

/// How often a text is in another.
fn many(html: &str, text: &str) -> usize {
    html.matches(text).count()
}

/// What holds of every page.
fn is_sound(report: &Report) {
    let html = &report.html;
    assert_eq!(many(html, "<figure"), report.figures);
    assert_eq!(many(html, "<svg xmlns"), report.figures);
    assert_eq!(many(html, r#"role="img" aria-label=""#), report.figures);
    assert_eq!(many(html, "<figcaption>"), report.figures);
    assert_eq!(many(html, "<table>"), report.tables);
    assert_eq!(many(html, "<caption>"), report.tables);
    assert_eq!(many(html, "<h1>"), 1);
    assert_eq!(many(html, "<section"), many(html, "</section>"));
    assert_eq!(many(html, "<div"), many(html, "</div>"));
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("@media print"));
    // It asks nobody for anything, and runs nothing.
    assert_eq!(
        many(html, "http:"),
        many(html, "http://www.w3.org/2000/svg")
    );
    for foreign in [
        "https:",
        "<script",
        "<link",
        "@import",
        "<iframe",
        "<img",
        "javascript:",
    ] {
        assert_eq!(many(html, foreign), 0, "{foreign}");
    }
    assert_eq!(
        many(html, "url("),
        many(html, "url(#figure-") + many(html, "url(%23figure-")
    );
    // Numbers that are none do not reach the page.
    for none in ["NaN", "inf\"", "inf<", "Infinity"] {
        assert_eq!(many(html, none), 0, "{none}");
    }
}

/// A cell of a column of numbers.
fn number(number: u64) -> String {
    format!(r#"<td class="n">{number}</td>"#)
}

fn legend(html: &str, name: &str) -> bool {
    html.contains(&format!(r#"text-anchor="start">{name}</text>"#))
}

/// Whether a caption says that a series is nothing but zeros.
fn named_at_zero(html: &str, name: &str) -> bool {
    let mut said = html.split("Always 0: ").skip(1);
    said.any(|said| {
        let names = said.split('.').next().unwrap();
        names.split("; ").any(|known| known == name)
    })
}

#[test]
fn every_series_of_a_run_is_in_its_page() {
    let report = files(1).report().unwrap();
    is_sound(&report);
    let html = &report.html;
    for name in ["leaf", "high", "low", "leaf, down", "root, cpu", "warm-up"] {
        assert!(legend(html, name), "{name}");
    }
    let files = files(1);
    let text = String::from_utf8(files.resources.clone()).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    for row in rows {
        let cells: Vec<_> = row.split(',').collect();
        let name = format!("{}, {}", cells[1], cells[2]);
        assert!(legend(html, &name) || named_at_zero(html, &name), "{name}");
    }
    assert!(named_at_zero(html, "root"), "nobody asks there");
    assert!(html.contains("<title>Simulation: star</title>"));
    assert!(html.contains("<dt>seed</dt><dd>1</dd>"));
    assert!(html.contains(&format!(
        "<dt>Waybook</dt><dd>{}</dd>",
        env!("CARGO_PKG_VERSION")
    )));
    // The scenario as it was written.
    assert!(html.contains("title = &quot;film&quot;"));
    assert_eq!(
        report,
        files.report().unwrap(),
        "the same input, the same bytes"
    );
}

/// The table of the distribution against the rows, ranked by hand.
#[test]
fn quantiles_are_those_of_the_rows() {
    let (summary, kept, text) = star(3, "2 h", "90/h");
    let mut high: Vec<f64> = (kept.sessions.iter())
        .filter(|row| !row.warm_up && row.quality.as_deref() == Some("high"))
        .filter_map(|row| row.setup)
        .collect();
    high.sort_by(f64::total_cmp);
    let median = high[high.len().div_ceil(2) - 1] * 1e3;
    let refused = kept
        .sessions
        .iter()
        .filter(|row| !row.warm_up && row.refused_at.is_some());
    assert!(refused.count() > 0, "the star is busy");
    let html = Files::new(summary, &kept, &text).report().unwrap().html;
    let row = format!(
        r#"<th scope="row">high</th><td class="n">{}</td><td class="n">{median:.2}"#,
        high.len()
    );
    assert!(html.contains(&row), "{row}");
}

#[test]
fn runs_with_several_seeds_have_bands_and_rows() {
    let report = of_run(&runs("results", 1..4));
    is_sound(&report);
    assert!(report.html.contains("<dt>seeds</dt><dd>1, 2, 3</dd>"));
    assert!(report.html.contains(" band\""), "bands over the runs");
    let one = files(1).report().unwrap();
    assert!(
        !one.html.contains(" band\""),
        "one run has no interval over runs"
    );
    for seed in 1..4 {
        assert!(
            report
                .html
                .contains(&format!(r#"<tr><th scope="row" class="n">{seed}</th>"#))
        );
    }
}

#[test]
fn a_run_in_which_nothing_happened_has_a_page() {
    let (summary, _, text) = star(1, "40 min", "90/h");
    let empty = Summary {
        asked: 0,
        established: 0,
        requests: 0,
        messages: 0,
        hops: 0.0,
        sessions: 0.0,
        blocked_by_users: BTreeMap::new(),
        qualities: BTreeMap::new(),
        setup: waybook_sim::run::Summary::clone(&summary).setup,
        ..summary
    };
    let files = Files::new(empty, &Rows::default(), &text);
    let report = files.report().unwrap();
    is_sound(&report);
    assert!(report.html.contains("There is nothing to draw."));
    assert!(report.html.contains(">nothing</td>"));
    is_sound(&of_run(&Runs::new("none at all")));
    is_sound(&of_sweep("none at all", &Merged::default()));
    is_sound(&of_folders(&[]));
}

const HOSTILE: &str = "</svg></title><script>alert(\"1\")</script>' onload='x' &amp; \u{1}";

/// A page took a scenario's name for what it was, once: it is text and nothing else, wherever
/// it comes from.
#[test]
fn hostile_names_are_text() {
    let (mut summary, mut kept_rows, _) = star(1, "2 h", "90/h");
    summary.scenario = HOSTILE.to_owned();
    summary.version = HOSTILE.to_owned();
    let share = summary.blocked;
    summary.blocked_by_users = [HOSTILE, "b"].map(|name| (name.to_owned(), share)).into();
    for row in &mut kept_rows.sessions {
        let hostile = || Some(HOSTILE.to_owned());
        row.quality = row.quality.as_ref().and_then(|_| hostile());
        row.refused_at = row.refused_at.as_ref().and_then(|_| hostile());
        row.refused_for = hostile();
    }
    for row in &mut kept_rows.intervals {
        row.place_class = HOSTILE.to_owned();
    }
    for row in &mut kept_rows.resources {
        row.resource = HOSTILE.to_owned();
    }
    let files = Files::new(summary.clone(), &kept_rows, HOSTILE);
    let mut hostile = Runs::new(HOSTILE);
    files.add_to(&mut hostile).unwrap();
    let mut merged = Merged::default();
    for (point, value) in [(1, HOSTILE), (2, "b")] {
        for replication in 1..3 {
            let run = RunId { point, replication };
            let seed = replication;
            let summary = Summary {
                seed,
                ..summary.clone()
            };
            let values = BTreeMap::from([(HOSTILE.to_owned(), value.to_owned())]);
            merged.add(kept(run, values, summary)).unwrap();
        }
    }
    let pages = [
        of_run(&hostile),
        of_sweep(HOSTILE, &merged),
        of_folders(&[
            Folder::Runs(Box::new(hostile)),
            Folder::Sweep("b".to_owned(), merged),
        ]),
    ];
    for page in pages {
        is_sound(&page);
        assert!(
            page.html
                .contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;")
        );
        assert!(!page.html.contains("onload='"));
        assert!(!page.html.contains('\u{1}'));
        assert_eq!(many(&page.html, "</svg>"), page.figures);
    }
}

#[test]
fn every_point_of_a_sweep_is_in_its_page() {
    let report = of_sweep("load", &swept());
    is_sound(&report);
    let html = &report.html;
    // Five figures, and the differences of those that differ.
    assert_eq!(
        report.figures,
        5 + many(html, "over runs with equal seeds. <span")
    );
    for name in ["visitor", "central", "visitor − central"] {
        assert!(legend(html, name), "{name}");
    }
    // The load is a number within other text, and the axis says so.
    assert!(html.contains("users.viewers.arrivals, poisson (per h)</text>"));
    for protocol in ["visitor", "central"] {
        for load in [30, 60, 90] {
            let cells = [
                &format!(r#"<th scope="row">{protocol}</th>"#),
                &number(load),
                &number(4),
            ];
            assert!(
                html.contains(&cells.map(String::as_str).concat()),
                "{cells:?}"
            );
        }
    }
    // Parameters that never differ are no axis, series or column.
    assert!(!html.contains("run.duration"));
    assert_eq!(many(html, "Blocked by protocol.booking</h3>"), 1);
    // The central root needs no agents: fewer messages, which twelve runs show beyond doubt.
    assert!(html.contains("visitor and central: central is lower at 3 points."));
}

fn with(summary: &Summary, seed: u64, blocked: f64) -> Summary {
    let mut summary = summary.clone();
    summary.seed = seed;
    summary.blocked.share = blocked;
    summary
}

/// Differences of 0.01 to 0.02 between runs that vary by 0.3: seen in pairs, and only so.
#[test]
fn folders_are_compared_over_equal_seeds() {
    let (summary, _, _) = star(1, "40 min", "90/h");
    let folder = |name: &str, seeds: std::ops::Range<u64>, more: &dyn Fn(u64) -> f64| {
        let mut merged = Merged::default();
        for seed in seeds {
            let run = RunId {
                point: 1,
                replication: seed,
            };
            let luck = 0.1 * (seed % 4) as f64;
            let summary = with(&summary, seed, luck + more(seed));
            merged.add(kept(run, BTreeMap::new(), summary)).unwrap();
        }
        Folder::Sweep(name.to_owned(), merged)
    };
    let low = folder("low", 1..9, &|_| 0.0);
    let high = folder("high", 1..9, &|seed| 0.01 + 0.01 * (seed % 2) as f64);
    let report = of_folders(&[low.clone(), high]);
    is_sound(&report);
    assert!(report.html.contains("<p>low and high: low is lower.</p>"));
    assert!(report.html.contains("<td>low is lower</td>"));
    let unclear = folder("unclear", 1..9, &|seed| {
        if seed % 2 == 0 { 0.03 } else { -0.029 }
    });
    let report = of_folders(&[low.clone(), unclear]);
    assert!(
        report
            .html
            .contains("<p>low and unclear: nothing can be said.</p>")
    );
    let same = folder("same", 1..9, &|_| 0.0);
    let report = of_folders(&[low.clone(), same]);
    assert!(
        report
            .html
            .contains("<p>low and same: both are the same in every run.</p>")
    );
    let strangers = folder("strangers", 20..29, &|_| 0.5);
    let report = of_folders(&[low, strangers]);
    let said = "<p>low and strangers: there are fewer than two runs with equal seeds.</p>";
    assert!(report.html.contains(said));
}
