//! Settings from files, the environment and flags, with errors that say where.
//!
//! A file becomes a tree of [`Value`]s, each of which remembers its [`Origin`]; later
//! sources are laid over it. A [`Section`] reads one table of the tree: it notes every
//! problem in place of stopping at the first, and when it is dropped it refuses the
//! keys that nobody asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use waybook_plan::parse_duration;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a file: its name, line and column, both from 1.
    File(Arc<str>, usize, usize),
    /// In an environment variable.
    Environment(String),
    /// In a flag `--set`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, line, column) => write!(f, "{name}: line {line}, column {column}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(text) => write!(f, "--set {text}"),
        }
    }
}

/// One value with where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) origin: Origin,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Value>),
    Table(Table),
}

/// A table; keys in the order of names.
pub(crate) type Table = BTreeMap<String, Value>;

impl Value {
    pub(crate) fn text(origin: Origin, text: impl Into<String>) -> Self {
        let kind = Kind::Text(text.into());
        Self { origin, kind }
    }

    fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a number with decimals",
            Kind::Flag(_) => "true or false",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    /// As the writer of TOML wants it.
    pub(crate) fn to_toml(&self) -> toml::Value {
        match &self.kind {
            Kind::Text(text) => toml::Value::String(text.clone()),
            Kind::Integer(number) => toml::Value::Integer(*number),
            Kind::Float(number) => toml::Value::Float(*number),
            Kind::Flag(flag) => toml::Value::Boolean(*flag),
            Kind::List(list) => toml::Value::Array(list.iter().map(Self::to_toml).collect()),
            Kind::Table(table) => {
                let pairs = table.iter().map(|(k, v)| (k.clone(), v.to_toml()));
                toml::Value::Table(pairs.collect())
            }
        }
    }
}

/// Lays one table over another: tables merge, anything else replaces.
pub(crate) fn lay_over(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (
                Some(Value {
                    kind: Kind::Table(below),
                    ..
                }),
                Value {
                    kind: Kind::Table(above),
                    ..
                },
            ) => lay_over(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Parses a file's text.
pub(crate) fn parse(name: &str, text: &str) -> Result<Value, String> {
    let name: Arc<str> = name.into();
    match DeTable::parse(text) {
        Ok(table) => {
            let lines = Lines::new(name, text);
            let origin = lines.at(table.span().start);
            let kind = Kind::Table(convert_table(table.get_ref(), &lines));
            Ok(Value { origin, kind })
        }
        Err(error) => {
            let at = Lines::new(name, text).at(error.span().map_or(0, |s| s.start));
            Err(format!("{at}: this is not TOML: {}", error.message()))
        }
    }
}

/// Finds lines by offset.
struct Lines<'a> {
    name: Arc<str>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(name: Arc<str>, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let starts = starts.collect();
        Self { name, text, starts }
    }

    fn at(&self, offset: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let column = self
            .text
            .get(start..offset)
            .map_or(1, |t| t.chars().count() + 1);
        Origin::File(self.name.clone(), line, column)
    }
}

fn convert_table(table: &DeTable<'_>, lines: &Lines<'_>) -> Table {
    let pair = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let mut value = convert(value, lines);
        // A key is where the eye looks for a setting, not the quotation mark after it.
        value.origin = lines.at(key.span().start);
        (key.get_ref().to_string(), value)
    };
    table.iter().map(pair).collect()
}

fn convert(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Value {
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Integer(number) => {
            match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
                Ok(number) => Kind::Integer(number),
                // Too great for any setting; the reader will say that it is no integer.
                Err(_) => Kind::Float(f64::INFINITY),
            }
        }
        DeValue::Float(number) => {
            Kind::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
        }
        DeValue::Boolean(flag) => Kind::Flag(*flag),
        DeValue::Datetime(time) => Kind::Text(time.to_string()),
        DeValue::Array(list) => Kind::List(list.iter().map(|v| convert(v, lines)).collect()),
        DeValue::Table(table) => Kind::Table(convert_table(table, lines)),
    };
    let origin = lines.at(value.span().start);
    Value { origin, kind }
}

/// Reads the text of a setting from outside a file: as a TOML value if it is one
/// (`true`, `64`, `["a", "b"]`), else as a string.
fn parse_loose(text: &str, origin: &Origin) -> Value {
    fn place(value: &mut Value, origin: &Origin) {
        value.origin = origin.clone();
        match &mut value.kind {
            Kind::List(list) => list.iter_mut().for_each(|v| place(v, origin)),
            Kind::Table(table) => table.values_mut().for_each(|v| place(v, origin)),
            _ => {}
        }
    }
    let parsed = parse("", &format!("v = {text}")).ok();
    let value = parsed.and_then(|value| match value.kind {
        Kind::Table(mut table) if table.len() == 1 => table.remove("v"),
        _ => None,
    });
    let mut value = value.unwrap_or_else(|| Value::text(origin.clone(), text));
    place(&mut value, origin);
    value
}

/// Sets the value at a path of keys, making the tables on the way. A key that differs
/// from an existing one only by `_` and `-` means that one.
fn set(table: &mut Table, path: &[String], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    let same = |k: &&String| k.replace('_', "-") == *key;
    let key = table.keys().find(same).unwrap_or(key).clone();
    if rest.is_empty() {
        table.insert(key, value);
        return;
    }
    let inner = table.entry(key).or_insert_with(|| Value {
        origin: value.origin.clone(),
        kind: Kind::Table(Table::new()),
    });
    if !matches!(inner.kind, Kind::Table(_)) {
        inner.kind = Kind::Table(Table::new());
    }
    if let Kind::Table(table) = &mut inner.kind {
        set(table, rest, value);
    }
}

/// Lays settings of environment variables over a file's; see
/// [`Overrides::environment`](super::Overrides::environment) for the rule.
pub(crate) fn set_from_environment(table: &mut Table, variables: &[(String, String)]) {
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix("WAYBOOK_") else {
            continue;
        };
        if super::NOT_SETTINGS.contains(&name.as_str()) || rest.is_empty() {
            continue;
        }
        let path: Vec<_> = rest
            .split("__")
            .map(|key| key.to_ascii_lowercase().replace('_', "-"))
            .collect();
        let origin = Origin::Environment(name.clone());
        set(table, &path, parse_loose(text, &origin));
    }
}

/// Lays `key=value` settings over a file's.
pub(crate) fn set_from_flags(table: &mut Table, flags: &[String], problems: &Problems) {
    for flag in flags {
        let origin = Origin::Flag(flag.clone());
        match flag.split_once('=') {
            Some((key, text)) if !key.trim().is_empty() => {
                let path: Vec<_> = key.split('.').map(|k| k.trim().replace('_', "-")).collect();
                set(table, &path, parse_loose(text.trim(), &origin));
            }
            _ => problems.add(
                &origin,
                "",
                "must be like `timing.setup-lease=8 s`: a setting, `=`, its value",
            ),
        }
    }
}

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
    pub(crate) fn choice<T: Copy>(&self, key: &str, default: T, words: &[(&str, T)]) -> T {
        let all: Vec<_> = words.iter().map(|(w, _)| format!("`{w}`")).collect();
        let read = |text: &str| {
            let found = words.iter().find(|(w, _)| *w == text);
            found
                .map(|(_, value)| *value)
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
