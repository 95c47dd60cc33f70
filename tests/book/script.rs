//! A document as a script for bash, line by line: what stands in line 40 of one stands in line
//! 40 of the other, so that the shell names the lines.

use crate::page::{Block, Mark, Page, Part};

/// Goes before the first line, which is a heading. The shell writes what it is at into one file
/// and what has failed into another, since the commands' own output goes elsewhere.
const BEFORE: &str = concat!(
    r#"set -euo pipefail; exec 8>"$BOOK_OUT/at" 9>"$BOOK_OUT/failed"; "#,
    r#"_failed() { local code=$?; printf '%s\t%s\t%s\n' "$1" "$code" "$2" >&9; exit 1; }; "#,
    r#"_watch() { trap '_failed "$LINENO" "$BASH_COMMAND"' ERR; }; "#,
    r#"trap 'printf "%s\n" "$LINENO" >&8' DEBUG; _watch; "#,
);

/// Where the output of the block in that line is kept.
pub(crate) fn output(line: usize) -> String {
    format!("said-{line}")
}

/// Whether a block is run at all; if not for want of a program, of which.
pub(crate) enum Runs {
    Yes,
    No,
    Lacks(String),
}

/// The script of a document.
pub(crate) fn script(page: &Page, runs: &dyn Fn(&Block) -> Runs) -> String {
    let mut lines = vec![String::new(); page.lines.len() + 1];
    lines[0] = BEFORE.to_owned();
    let mut words: Vec<&str> = Vec::new();
    for part in &page.parts {
        match part {
            Part::Hidden { first, commands } => {
                for (at, command) in commands.iter().enumerate() {
                    lines[first - 1 + at].push_str(command);
                }
            }
            Part::Let {
                line,
                word,
                command,
            } => {
                lines[line - 1].push_str(&format!("{word}=$({command}); export {word}"));
                words.push(word);
            }
            Part::Block(block) if block.language == "sh" => match runs(block) {
                Runs::Yes => put(&mut lines, block, &words),
                Runs::No | Runs::Lacks(_) => {}
            },
            Part::Block(_) => {}
        }
    }
    lines.join("\n") + "\n"
}

fn put(lines: &mut [String], block: &Block, words: &[&str]) {
    let open = block.line - 1;
    let close = open + block.lines.len() + 1;
    let into = format!(r#">"$BOOK_OUT/{}" 2>&1 </dev/null"#, output(block.line));
    for (at, line) in block.lines.iter().enumerate() {
        let line = line.replace("cargo run --release -- ", "waybook ");
        lines[open + 1 + at] = words.iter().fold(line, |line, word| fill_in(&line, word));
    }
    if let Some(code) = block.exit() {
        lines[open] = "set +e; trap - ERR; ( set -e".to_owned();
        lines[close] = format!(
            r#") {into}; _exit=$?; set -e; _watch; [ "$_exit" = {code} ] || _failed {} "this ends with $_exit, not {code}""#,
            block.line
        );
        return;
    }
    lines[open] = "{ :".to_owned();
    let end = if block.has(&Mark::Background) {
        " &"
    } else {
        ""
    };
    lines[close] = format!("}} {into}{end}");
}

/// Puts the value of a word in its place, unless it is a part of another word.
fn fill_in(line: &str, word: &str) -> String {
    let mut filled = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        // Something may be written right behind it, as in `URLindex.html`.
        let goes_on = |c: char| joins(c) && !c.is_ascii_lowercase();
        let apart =
            !before.ends_with(|c| joins(c) || c == '$' || c == '{') && !after.starts_with(goes_on);
        filled.push_str(before);
        if apart {
            filled.push_str(&format!("\"${word}\""));
        } else {
            filled.push_str(word);
        }
        rest = after;
    }
    filled + rest
}
