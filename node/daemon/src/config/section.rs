//! Reading a tree of settings, one table at a time.
//!
//! A [`Section`] notes every problem in place of stopping at the first, and when it is
//! dropped it refuses the keys that nobody asked for.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use waybook_plan::parse_duration;

use super::source::{Kind, Origin, Table, Value};

/// All that is wrong, as it is found.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<(Origin, String)>>);

impl Problems {
    /// Notes a problem with the setting at `path`.
    pub(crate) fn add(&self, at: &Origin, path: &str, message: impl fmt::Display) {
        let text = match path {
            "" => format!("{at}: {message}"),
            path => format!("{at}, {path}: {message}"),
        };
        // The text may quote a file, which may hold what a terminal would obey.
        let text = text.replace(char::is_control, "\u{fffd}");
        self.0.borrow_mut().push((at.clone(), text));
    }

    /// Notes a problem that is written out already.
    pub(crate) fn add_text(&self, at: Origin, text: String) {
        self.0.borrow_mut().push((at, text));
    }

    /// What was noted, in the order of lines.
    pub(crate) fn finish(self) -> Result<(), super::ConfigError> {
        let mut found = self.0.into_inner();
        if found.is_empty() {
            return Ok(());
        }
        found.sort();
        let problems = found.into_iter().map(|(_, text)| text).collect();
        Err(super::ConfigError { problems })
    }
}

/// One table being read.
pub(crate) struct Section<'a> {
    table: Option<&'a Table>,
    origin: Origin,
    path: String,
    folder: &'a Path,
    problems: &'a Problems,
    asked: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    /// The top table of a source. Relative paths in it start at `folder`.
    pub(crate) fn top(value: &'a Value, folder: &'a Path, problems: &'a Problems) -> Self {
        Self::new(Some(value), String::new(), folder, problems, &value.origin)
    }

    fn new(
        value: Option<&'a Value>,
        path: String,
        folder: &'a Path,
        problems: &'a Problems,
        outer: &Origin,
    ) -> Self {
        let origin = value.map_or(outer, |v| &v.origin).clone();
        let table = match value.map(|v| (&v.kind, v)) {
            None => None,
            Some((Kind::Table(table), _)) => Some(table),
            Some((_, v)) => {
                let message = format!("must be a table, not {}", v.describe());
                problems.add(&origin, &path, message);
                None
            }
        };
        Self {
            table,
            origin,
            path,
            folder,
            problems,
            asked: RefCell::default(),
        }
    }

    /// Whether the table was written at all.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// The value of a key; from now on the key is a known one.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key.to_owned());
        self.table?.get(key)
    }

    /// Notes a problem with the value of a key, or with its absence.
    pub(crate) fn problem(&self, key: &str, message: impl fmt::Display) {
        let value = self.table.and_then(|t| t.get(key));
        let origin = value.map_or(&self.origin, |v| &v.origin);
        self.problems.add(origin, &self.path_of(key), message);
    }

    fn wrong_kind(&self, key: &str, value: &Value, right: &str) {
        let message = format!("must be {right}, not {}", value.describe());
        let path = self.path_of(key);
        self.problems.add(&value.origin, &path, message);
    }

    /// A table within this one.
    pub(crate) fn section(&self, key: &str) -> Section<'a> {
        let value = self.value(key);
        Section::new(
            value,
            self.path_of(key),
            self.folder,
            self.problems,
            &self.origin,
        )
    }

    /// All keys of a table whose keys are names that the operator chose.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a String> + use<'a> {
        self.table.into_iter().flat_map(Table::keys)
    }

    /// A text.
    pub(crate) fn text(&self, key: &str, example: &str) -> Option<String> {
        let value = self.value(key)?;
        if let Kind::Text(text) = &value.kind {
            return Some(text.clone());
        }
        self.wrong_kind(key, value, &format!("a string, such as {example:?}"));
        None
    }

    /// A text that `read` makes something of.
    pub(crate) fn parsed<T, E: fmt::Display>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key, example)?;
        read(&text).map_err(|error| self.problem(key, error)).ok()
    }

    /// As [`Section::parsed`], for a setting that must be there.
    pub(crate) fn required<T, E: fmt::Display>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.parsed(key, example, read);
        if self.table.is_none_or(|t| !t.contains_key(key)) {
            self.problem(
                key,
                format!("is missing; write it like `{key} = {example:?}`"),
            );
        }
        value
    }

    /// An amount with a unit, which may also be a bare number.
    pub(crate) fn amount<T, E: fmt::Display>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let text = match &value.kind {
            Kind::Text(text) => text.clone(),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            _ => {
                self.wrong_kind(key, value, &format!("an amount, such as {example:?}"));
                return None;
            }
        };
        read(&text).map_err(|error| self.problem(key, error)).ok()
    }

    /// A duration, `"8 s"`.
    pub(crate) fn duration(&self, key: &str, default: Duration) -> Duration {
        self.amount(key, "8 s", parse_duration).unwrap_or(default)
    }

    /// A whole number within bounds.
    pub(crate) fn number<T>(&self, key: &str, default: T, least: T, most: T) -> T
    where
        T: TryFrom<i64> + Copy + PartialOrd + fmt::Display,
    {
        let Some(value) = self.value(key) else {
            return default;
        };
        let right = format!("a whole number from {least} to {most}");
        let Kind::Integer(number) = value.kind else {
            self.wrong_kind(key, value, &right);
            return default;
        };
        match T::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.problem(key, format!("must be {right}, not {number}"));
                default
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value {
                kind: Kind::Flag(flag),
                ..
            }) => *flag,
            Some(value) => {
                self.wrong_kind(key, value, "true or false");
                default
            }
        }
    }

    /// One of some words.
    pub(crate) fn choice<T: Clone>(&self, key: &str, default: T, words: &[(&str, T)]) -> T {
        let all: Vec<_> = words.iter().map(|(w, _)| format!("`{w}`")).collect();
        let read = |text: &str| {
            let found = words.iter().find(|(w, _)| *w == text);
            found
                .map(|(_, value)| value.clone())
                .ok_or_else(|| format!("`{text}` must be one of {}", all.join(", ")))
        };
        self.parsed(key, words[0].0, read).unwrap_or(default)
    }

    /// A list of texts; none written is an empty one.
    pub(crate) fn texts(&self, key: &str, example: &str) -> Vec<String> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let right = format!("a list of strings, such as [{example:?}]");
        let Kind::List(list) = &value.kind else {
            self.wrong_kind(key, value, &right);
            return Vec::new();
        };
        let text = |value: &Value| match &value.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_kind(key, value, &right);
                None
            }
        };
        list.iter().filter_map(text).collect()
    }

    /// A path; relative ones start at the file's folder.
    pub(crate) fn resolve(&self, text: &str) -> std::path::PathBuf {
        self.folder.join(text)
    }
}

impl Drop for Section<'_> {
    /// Refuses what nobody asked for.
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for (key, value) in self.table.into_iter().flatten() {
            if asked.contains(key) {
                continue;
            }
            let near = nearest(key, &asked);
            let message = match near {
                Some(near) => format!("is not a setting; `{near}` is"),
                None if asked.is_empty() => "is not a setting".to_owned(),
                None => {
                    let mut known: Vec<_> = asked.iter().map(|k| format!("`{k}`")).collect();
                    known.sort();
                    known.dedup();
                    format!("is not a setting; known here: {}", known.join(", "))
                }
            };
            self.problems
                .add(&value.origin, &self.path_of(key), message);
        }
    }
}

/// The known key that an unknown one was most likely meant to be.
fn nearest<'k>(key: &str, known: &'k [String]) -> Option<&'k str> {
    // The table below grows with the key, and a key that long is no slip of the pen.
    if key.len() > 64 {
        return None;
    }
    let key = key.to_ascii_lowercase().replace('_', "-");
    let ranked = known.iter().map(|k| (edits(&key, k), k.as_str()));
    let (steps, best) = ranked.min()?;
    (steps <= best.len().div_ceil(3)).then_some(best)
}

/// How many characters to add, remove or replace to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
