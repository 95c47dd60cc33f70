//! Mistakes that documents could have, each of which must be found and named.

use crate::page::Page;
use crate::room::try_out;

/// What is said of a document.
fn said_of(text: &str) -> String {
    match Page::read("docs/X.md", text).and_then(|page| try_out(&page)) {
        Ok(()) => String::new(),
        Err(wrong) => wrong,
    }
}

#[track_caller]
fn names(text: &str, wanted: &[&str]) {
    let said = said_of(text);
    assert!(!said.is_empty(), "nobody has noticed");
    for wanted in wanted {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
}

#[test]
fn what_is_right_passes() {
    let text = "# T\n<!-- let WHO: echo core/lab -->\n```sh\nwaybook ca init\n\
                waybook ca issue WHO --out \\\n  there\n```\n\n<!-- exit: 2 -->\n```sh\n\
                waybook open --wrong\n```\n<!-- said -->\n```text\nerror: unexpected … found\n\
                ```\n\n<!-- run: test -f there/place.crt -->\n<!-- not run: it must not be -->\n\
                ```sh\nfalse\n```\n<!-- needs: no-such-program -->\n```sh\nfalse\n```\n\
                <!-- in the background -->\n```sh\nsleep 1000\n```\n";
    assert_eq!(said_of(text), "");
}

#[test]
fn a_wrong_flag_is_named_with_its_line() {
    names(
        "# T\n\n```sh\nwaybook --version\nwaybook --wrong\n```\n",
        &[
            "docs/X.md:5: `waybook --wrong`",
            "failed with 2",
            "unexpected argument",
        ],
    );
    names(
        "# T\n\n<!-- run: waybook --wrong -->\n",
        &["docs/X.md:3:", "failed with 2"],
    );
}

#[test]
fn what_was_not_said_is_named() {
    names(
        "# T\n```sh\nwaybook --version\n```\n<!-- said -->\n```text\nwaybook 77…\n```\n",
        &["docs/X.md:6:", "waybook 77…"],
    );
}

#[test]
fn another_exit_is_named() {
    names(
        "# T\n<!-- exit: 3 -->\n```sh\nwaybook --wrong\n```\n",
        &["docs/X.md:3:", "ends with 2, not 3"],
    );
}

#[test]
fn wrong_settings_are_named() {
    names(
        "# T\n<!-- part of: place -->\n```toml\n[timing]\nsetup-leese = \"8 s\"\n```\n",
        &["docs/X.md:3:", "setup-leese"],
    );
    names(
        "# T\n```toml\n[timing]\n```\n",
        &["docs/X.md:2:", "part of"],
    );
    names(
        "# T\n<!-- file: a.toml -->\n```toml\nname = \"core\"\ncapcity.cpu = 1\n```\n",
        &["docs/X.md:3:", "capcity"],
    );
}

#[test]
fn what_is_no_block_or_no_comment_is_named() {
    names("# T\n\n    waybook tree\n", &["docs/X.md:3:", "fences"]);
    names("# T\n```\nwaybook tree\n```\n", &["docs/X.md:2:"]);
    names(
        "# T\n<!-- nedes: docker -->\n",
        &["docs/X.md:2:", "CONTRIBUTING.md"],
    );
    names(
        "# T\n<!-- needs: docker -->\ntext\n",
        &["docs/X.md:3:", "right before"],
    );
}
