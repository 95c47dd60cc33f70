//! Tables that are not what a run wrote.

use proptest::prelude::*;

use crate::support::{Files, files};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What is said of a table of sessions that was changed.
fn said(change: impl Fn(&str) -> Vec<u8>) -> String {
    let mut files = files(1);
    files.sessions = change(&text(&files.sessions));
    files.report().unwrap_err().to_string()
}

/// The same, with one line of it changed, counted from 1.
fn line(number: usize, change: impl Fn(&str) -> String) -> String {
    said(|text| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[number - 1] = change(&lines[number - 1]);
        (lines.join("\n") + "\n").into_bytes()
    })
}

/// The line of the table's names, counted from 1.
fn names(files: &Files) -> usize {
    let text = text(&files.sessions);
    text.lines()
        .position(|line| !line.starts_with('#'))
        .unwrap()
        + 1
}

#[test]
fn wrong_values_are_named_with_file_line_and_column() {
    let names = names(&files(1));
    let established = {
        let text = text(&files(1).sessions);
        let is = |line: &str| line.contains(",false,established,");
        text.lines().position(is).unwrap() + 1
    };
    let cell = |column: usize, value: &str| {
        let value = value.to_owned();
        line(established, move |line| {
            let mut cells: Vec<_> = line.split(',').collect();
            cells[column] = &value;
            cells.join(",")
        })
    };
    let at = format!("results/sessions.csv, line {established}, column");
    assert_eq!(
        cell(13, "soon"),
        format!("{at} `setup_s`: `soon` is not a number")
    );
    assert_eq!(
        cell(13, "inf"),
        format!("{at} `setup_s`: `inf` is not a number")
    );
    assert_eq!(cell(13, ""), format!("{at} `setup_s`: there is no number"));
    assert_eq!(
        cell(6, "perhaps"),
        format!("{at} `warm_up`: `perhaps` is neither `true` nor `false`")
    );
    assert_eq!(
        line(names + 3, |line| format!("{line},1")),
        format!(
            "results/sessions.csv, line {}: 22 values, where there are 21 columns",
            names + 3
        )
    );
}

#[test]
fn wrong_files_are_named() {
    let names = names(&files(1));
    assert!(
        line(names, |line| line.replace("setup_s", "setup_ms"))
            .starts_with("results/sessions.csv: there is no column `setup_s`, but session, users")
    );
    assert_eq!(
        line(2, |_| "#".to_owned()),
        "results/sessions.csv, line 2: a line before the table is not `# key: value`"
    );
    assert_eq!(
        said(|_| Vec::new()),
        "results/sessions.csv: there are no names of columns"
    );
    let cut = said(|text| text.as_bytes()[..text.trim_end().rfind(',').unwrap() - 1].to_vec());
    assert!(
        cut.contains(", line ") && cut.ends_with("where there are 21 columns"),
        "{cut}"
    );
    let binary = said(|text| {
        let mut bytes = text.as_bytes().to_vec();
        let at = text.find("leaf,film").unwrap();
        bytes[at] = 0xff;
        bytes
    });
    assert!(
        binary.contains(", line ") && binary.ends_with("not UTF-8"),
        "{binary}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a file became, it is read or refused.
    #[test]
    fn nothing_panics(
        table in 0..3_usize,
        changes in proptest::collection::vec((0.0..1.0_f64, any::<u8>()), 1..6),
        keep in 0.0..1.0_f64,
    ) {
        let mut files = files(1);
        let bytes = [&mut files.sessions, &mut files.intervals, &mut files.resources];
        let bytes = bytes.into_iter().nth(table).unwrap();
        for (at, byte) in changes {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        let keep = (bytes.len() as f64 * (0.5 + keep)) as usize;
        bytes.truncate(keep);
        if let Err(error) = files.report() {
            prop_assert!(error.to_string().starts_with("results/"), "{error}");
        }
    }
}
