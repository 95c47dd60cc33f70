//! Profile files, and what they allow.

use proptest::prelude::*;
use waybook_plan::Profile;

/// Checks that a file is refused with a message that begins like this and has the word.
#[track_caller]
fn check(text: &str, start: &str, word: &str) {
    let error = Profile::from_toml(text).expect_err(text).to_string();
    assert!(
        error.starts_with(start) && error.contains(word),
        "{start:?}, {word:?}: {error}"
    );
}

#[test]
fn a_file_reads_as_what_it_says() {
    let anna = Profile::from_toml(include_str!("../../../configs/profiles/anna.toml")).unwrap();
    let wanted = Profile {
        user: "anna".to_owned(),
        best_quality: Some("medium".to_owned()),
        terminal_bandwidth: Some(6_000_000),
        may_open: vec!["film*".to_owned(), "trailer".to_owned()],
    };
    assert_eq!(anna, wanted);
    let anybody = include_str!("../../../configs/profiles/anybody.toml");
    assert_eq!(Profile::from_toml(anybody).unwrap(), Profile::default());
    assert!(
        !Profile::from_toml("user = 'x'\nmay-open = []")
            .unwrap()
            .allows("film")
    );
}

#[test]
fn errors_name_line_column_field_and_what_would_be_right() {
    check("user = ", "line 1, column ", "TOML");
    check("", "line 1, column 1, user: ", "user = \"anna\"");
    check("user = ''", "line 1, column 1, user: ", "empty");
    check(
        "user = 'a'\nbest_quality = 'x'",
        "line 2, column 1, best_quality: ",
        "`best-quality`",
    );
    check(
        "user = 'a'\nbest-quality = ''",
        "line 2, column 1, best-quality: ",
        "empty",
    );
    check(
        "user = 'a'\nterminal = '6 Mbit/s'",
        "line 2, column 1, terminal: ",
        "a table",
    );
    check(
        "user = 'a'\n[terminal]\nbandwith = 1",
        "line 3, column 1, terminal.bandwith: ",
        "`bandwidth`",
    );
    check(
        "user = 'a'\n[terminal]\nbandwidth = 6",
        "line 3, column 1, terminal.bandwidth: ",
        "Mbit/s",
    );
    check(
        "user = 'a'\nmay-open = '*'",
        "line 2, column 1, may-open: ",
        "a list of titles",
    );
    check(
        "user = 'a'\nmay-open = ['a', 1]",
        "line 2, column 18, may-open 2: ",
        "a string",
    );
    check(
        "user = 'a'\nmay-open = ['']",
        "line 2, column 13, may-open 1: ",
        "empty",
    );
    let many = format!("user = 'a'\nmay-open = [{}]", "'x',".repeat(257));
    check(&many, "line 2, column 1, may-open: ", "256");
}

fn allows(pattern: &str, title: &str) -> bool {
    Profile {
        may_open: vec![pattern.to_owned()],
        ..Profile::default()
    }
    .allows(title)
}

#[test]
fn a_star_stands_for_any_run_of_characters() {
    for (pattern, title, wanted) in [
        ("film", "film", true),
        ("film", "films", false),
        ("film", "a film", false),
        ("film*", "film", true),
        ("film*", "film/é", true),
        ("*film", "a film", true),
        ("*film", "films", false),
        ("f*m", "fm", true),
        ("f*m", "f", false),
        ("ab*ba", "aba", false),
        ("*a*a*", "a", false),
        ("*a*a*", "xaxax", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("**", "", true),
        ("", "", true),
        ("Film", "film", false),
    ] {
        assert_eq!(allows(pattern, title), wanted, "{pattern:?} and {title:?}");
    }
}

/// The meaning of a pattern, spelt out: slow and plain.
fn oracle(pattern: &[char], title: &[char]) -> bool {
    match pattern {
        [] => title.is_empty(),
        ['*', rest @ ..] => (0..=title.len()).any(|n| oracle(rest, &title[n..])),
        [first, rest @ ..] => title.first() == Some(first) && oracle(rest, &title[1..]),
    }
}

proptest! {
    #[test]
    fn patterns_mean_what_they_say(pattern in "[abé*]{0,7}", title in "[abé]{0,9}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(allows(&pattern, &title), oracle(&chars(&pattern), &chars(&title)));
    }

    #[test]
    fn any_text_reads_or_is_refused(text in "\\PC*|user = '[a\n]'\n[a-z-]{0,9} ?= ?\\PC{0,9}") {
        if let Err(error) = Profile::from_toml(&text) {
            prop_assert!(error.to_string().starts_with("line "), "{}", error);
        }
    }
}
