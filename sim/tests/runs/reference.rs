//! `configs/simulations/scenario.toml` shows every setting of a scenario, with its default.

use waybook_sim::scenario::Scenario;

use super::run;

const REFERENCE: &str = include_str!("../../../configs/simulations/scenario.toml");

/// The reference with every line that is commented out and holds a default.
fn in_full() -> String {
    let uncomment = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
        _ => line,
    };
    let lines: Vec<_> = REFERENCE.lines().map(uncomment).collect();
    lines.join("\n")
}

#[test]
fn the_defaults_that_it_shows_are_those_there_are() {
    let read = |text: &str| Scenario::from_toml(text).unwrap_or_else(|e| panic!("{e}"));
    let full = in_full();
    assert!(full.lines().count() == REFERENCE.lines().count() && full != REFERENCE);
    let (summary, rows) = run(&read(REFERENCE), 1);
    let (same, as_many) = run(&read(&full), 1);
    assert!(summary.established > 0 && summary.fell_back.share > 0.0);
    assert_eq!(summary, same);
    assert_eq!(rows.sessions, as_many.sessions);
    assert_eq!(rows.resources, as_many.resources);
}

/// A setting is known by what a wrong key is told in its place.
#[test]
fn it_leaves_no_setting_out() {
    let shown: Vec<_> = (REFERENCE.lines())
        .map(|line| line.trim_start_matches(['#', ' ']))
        .collect();
    for table in [
        "",
        "[run]",
        "[topology]",
        "[places]",
        "[place.root]",
        "[edges]",
        "[edge.leaf]",
        "[protocol]",
        "[[presentation]]",
        "[[release]]",
        "[[users]]",
        "[[fault]]",
    ] {
        let wrong = format!("{table}\nzzz = 1\n");
        let said = Scenario::from_toml(&wrong).unwrap_err().to_string();
        let known = said.split_once("expected one of ").map(|(_, known)| known);
        let known = known.unwrap_or_else(|| panic!("{table}: {said}"));
        for key in known.lines().next().unwrap_or_default().split(", ") {
            let key = key.trim_matches('`');
            let forms = [
                format!("{key} = "),
                format!("[{key}]"),
                format!("[{key}."),
                format!("[[{key}]]"),
                format!("[[{}.{key}]]", table.trim_matches(['[', ']'])),
            ];
            let is_shown = |form: &String| shown.iter().any(|line| line.starts_with(form));
            assert!(forms.iter().any(is_shown), "{table} {key}");
        }
    }
}
