//! Settings from files, the environment and flags, with errors that say where.
//!
//! A file becomes a tree of [`Value`]s, each of which remembers its [`Origin`]; later
//! sources are laid over it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::Problems;

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

    pub(crate) fn describe(&self) -> &'static str {
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
