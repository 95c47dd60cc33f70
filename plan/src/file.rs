//! Reading files that people write, with errors that say where.
//!
//! [`Document`] walks a parsed TOML file by hand instead of deriving a deserializer, so
//! that every error can name line, column and field, and what would be right. An error
//! is a [`Problem`]: a path and a message, which checks that know no file use as well.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::text::{list, nearest, quote, shown};

/// One step from a value of a file to a value within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value of a key.
    Key(String),
    /// To an element of the list that was just reached, with what the element is called.
    Element(usize, Option<String>),
}

/// The way to a value from the top of a file: `quality "high", demand.edge.to-client`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    pub(crate) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(crate) fn element(&self, index: usize, name: Option<&str>) -> Self {
        self.then(Step::Element(index, name.map(str::to_owned)))
    }

    fn then(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.0.push(step);
        path
    }

    /// That something is wrong here.
    pub(crate) fn problem(&self, message: impl AsRef<str>) -> Problem {
        Problem {
            at: self.clone(),
            message: harmless(message.as_ref()),
        }
    }
}

/// As [`Path`], of a value that is only checked: made of borrowed steps, since what is checked
/// mostly has no problem, and a place checks what every answer to a search tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trail<'a> {
    Top,
    Key(&'a Trail<'a>, &'a str),
    Element(&'a Trail<'a>, usize, Option<&'a str>),
}

impl<'a> Trail<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(crate) fn element(&'a self, index: usize, name: Option<&'a str>) -> Self {
        Self::Element(self, index, name)
    }

    /// That something is wrong here.
    pub(crate) fn problem(&self, message: impl AsRef<str>) -> Problem {
        self.path().problem(message)
    }

    fn path(&self) -> Path {
        match self {
            Self::Top => Path::default(),
            Self::Key(before, key) => before.path().key(key),
            Self::Element(before, index, name) => before.path().element(*index, *name),
        }
    }
}

/// A message without what a terminal would obey: it may quote the file.
fn harmless(message: &str) -> String {
    message.replace(|c: char| c.is_control(), "\u{fffd}")
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for step in &self.0 {
            match step {
                Step::Key(key) => {
                    // A key that needs quotation marks in TOML is shown as a quotation.
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                    let bare = !key.is_empty() && key.len() <= 64 && key.bytes().all(plain);
                    let key = if bare { key.clone() } else { quote(key) };
                    write!(f, "{before}{key}")?;
                    before = ".";
                }
                Step::Element(at, name) => {
                    match name {
                        Some(name) => write!(f, " \"{}\"", shown(name))?,
                        None => write!(f, " {}", at + 1)?,
                    }
                    before = ", ";
                }
            }
        }
        Ok(())
    }
}

/// What is wrong, and with which value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    at: Path,
    message: String,
}

impl fmt::Display for Problem {
    /// Without a line, for a value that came from no file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.0.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.message)
    }
}

/// A file as parsed.
pub(crate) struct Document<'a> {
    text: &'a str,
    root: Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    /// Parses a text; the error is a message with line and column.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        match DeTable::parse(text) {
            Ok(table) => {
                let span = table.span();
                let root = Spanned::new(span, DeValue::Table(table.into_inner()));
                Ok(Self { text, root })
            }
            Err(error) => {
                let at = error.span().map_or(0, |s| s.start);
                Err(format!(
                    "{}: this is not TOML: {}",
                    position(text, at),
                    harmless(error.message())
                ))
            }
        }
    }

    /// The whole file as a table.
    pub(crate) fn root(&self) -> Value<'_> {
        Value {
            value: &self.root,
            path: Path::default(),
        }
    }

    /// A problem as a message with line, column and field.
    pub(crate) fn explain(&self, problem: &Problem) -> String {
        let mut value = Some(&self.root);
        let mut at = 0;
        for step in &problem.at.0 {
            // What is missing is reported where it should have been.
            let inner = value.map(Spanned::get_ref);
            value = match (step, inner) {
                (Step::Key(key), Some(DeValue::Table(table))) => {
                    table.get_key_value(key.as_str()).map(|(key, value)| {
                        at = key.span().start;
                        value
                    })
                }
                (Step::Element(index, _), Some(DeValue::Array(list))) => {
                    list.get(*index).inspect(|value| at = value.span().start)
                }
                _ => None,
            };
        }
        let place = position(self.text, at);
        match problem.at.0.is_empty() {
            true => format!("{place}: {}", problem.message),
            false => format!("{place}, {problem}"),
        }
    }
}

/// `line 3, column 7`, both counted from 1, columns in characters.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line}, column {column}")
}

/// One value of a file, with the way to it.
pub(crate) struct Value<'a> {
    value: &'a Spanned<DeValue<'a>>,
    path: Path,
}

impl<'a> Value<'a> {
    pub(crate) fn problem(&self, message: impl AsRef<str>) -> Problem {
        self.path.problem(message)
    }

    fn wrong_type(&self, right: &str) -> Problem {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with decimals",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(format!("must be {right}, not {found}"))
    }

    /// The text of a string.
    pub(crate) fn string(&self, example: &str) -> Result<&'a str, Problem> {
        let text = self.value.get_ref().as_str();
        text.ok_or_else(|| self.wrong_type(&format!("a string, such as {example}")))
    }

    /// An amount as it is written: a string, or a decimal number without a unit.
    pub(crate) fn amount(&self, example: &str) -> Result<&'a str, Problem> {
        match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str()),
            DeValue::Float(number) => Ok(number.as_str()),
            _ => self.string(example),
        }
    }

    /// The elements of a list.
    pub(crate) fn list(&self, right: &str) -> Result<Vec<Value<'a>>, Problem> {
        let DeValue::Array(list) = self.value.get_ref() else {
            return Err(self.wrong_type(right));
        };
        let element = |(at, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let name = value.get_ref().as_table().and_then(|t| t.get("name"));
            let name = name.and_then(|n| n.get_ref().as_str());
            Value {
                value,
                path: self.path.element(at, name),
            }
        };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// The entries of a table whose keys the user chooses, in the order of the file.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Value<'a>)>, Problem> {
        let DeValue::Table(table) = self.value.get_ref() else {
            return Err(self.wrong_type("a table"));
        };
        let mut keys: Vec<_> = table.iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&'a Spanned<_>, _)| {
            let key: &'a str = AsRef::<std::borrow::Cow<'a, str>>::as_ref(key);
            (
                key,
                Value {
                    value,
                    path: self.path.key(key),
                },
            )
        };
        Ok(keys.into_iter().map(entry).collect())
    }

    /// A table that may have these keys and no others.
    pub(crate) fn table(&self, known: &[&str]) -> Result<Table<'a>, Problem> {
        let entries = self.entries()?;
        for (key, value) in &entries {
            if !known.contains(key) {
                let advice = match nearest(key, known) {
                    Some(right) => format!("did you mean `{right}`?"),
                    None => format!("there are {}", list(known, "and")),
                };
                return Err(value.problem(format!("this key is not known; {advice}")));
            }
        }
        Ok(Table {
            entries,
            path: self.path.clone(),
        })
    }
}

/// A table whose keys are known to be right.
pub(crate) struct Table<'a> {
    entries: Vec<(&'a str, Value<'a>)>,
    path: Path,
}

impl<'a> Table<'a> {
    /// The value of a key that may be left out.
    pub(crate) fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.entries
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value)
    }

    /// The text of a key that may not be left out.
    pub(crate) fn required(&self, key: &str, example: &str) -> Result<&'a str, Problem> {
        match self.get(key) {
            Some(value) => value.string(example),
            None => Err(self.missing(key, example)),
        }
    }

    /// That a key is missing.
    pub(crate) fn missing(&self, key: &str, example: &str) -> Problem {
        self.path
            .key(key)
            .problem(format!("this is missing; write {key} = {example}"))
    }
}
