//! What is wrong with a topology, and where.

use std::fmt;

/// Why a text is no graph or tree, or why no tree can be made of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TopologyError {
    /// Where it was found: `line 3, column 7`, `/links/3`, `edge 12`; empty if it concerns the
    /// whole.
    pub at: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.message)
    }
}

impl TopologyError {
    /// An error that concerns the whole.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self::at("", message)
    }

    /// An error at a place in a text.
    pub(super) fn at(at: impl Into<String>, message: impl Into<String>) -> Self {
        // A message may quote the file, and a terminal obeys control characters.
        let harmless =
            |text: String| text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
        Self {
            at: harmless(at.into()),
            message: harmless(message.into()),
        }
    }

    /// The same, with the name of the file before.
    pub(super) fn within(self, file: &str) -> Self {
        let at = match self.at.is_empty() {
            true => file.to_owned(),
            false => format!("{file}, {}", self.at),
        };
        Self::at(at, self.message)
    }
}

/// `line 3, column 7`, both counted from 1, columns in characters.
pub(super) fn position(text: &str, at: usize) -> String {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |cut| cut + 1);
    // Continuation bytes begin no character.
    let begins = |b: &&u8| (**b & 0xc0) != 0x80;
    let column = before[start..].iter().filter(begins).count() + 1;
    format!("line {line}, column {column}")
}

/// Text from outside as a message shows it: short, and without anything that a terminal
/// would obey.
pub(super) fn quote(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown = String::from("`");
    for c in text.chars().take(MOST) {
        match c {
            '"' | '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown.push('`');
    shown
}

/// `1 place`, `2 places`.
pub(super) fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// `"a", "b" and 5 more`: some of many, for messages.
pub(super) fn some<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 4;
    let mut names = names.into_iter();
    let first: Vec<_> = names
        .by_ref()
        .take(MOST)
        .map(|n| quote(n.as_ref()))
        .collect();
    let first = first.join(", ");
    match names.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
