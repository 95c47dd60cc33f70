//! Trees from lists of nested names, such as countries, regions and cities.
//!
//! A list has a name a line, its parts from the root downward with `/` between, or is CSV with a
//! header, of which some columns are the parts. Each part becomes a label by the rule of
//! [`label`](super::label::label). Ancestors that have no line of their own are added. Empty lines,
//! lines that begin with `#` and empty parts are skipped. If all names begin alike, that is the
//! root; or else a root is put above them all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use waybook_location_tree::{MAX_DEPTH, MAX_LABEL, MAX_NAME};

use super::classes::Classes;
use super::error::{TopologyError, count, quote};
use super::format::check_size;
use super::label::{label, numbered};
use super::limits::MOST_PLACES;
use super::lines::{line, wrong};
use super::sketch::Sketch;
use super::tree::{Edge, Topology};

/// How a tree is made of a list of names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamesRule {
    /// The columns of a CSV that are the parts of a name, from the root downward; none if
    /// the list has a name a line.
    pub columns: Vec<String>,
    /// What is put above all names; none to put `root` there, and only if they do not all
    /// begin alike.
    pub root: Option<String>,
    /// What happens to a name that is there twice.
    pub duplicates: Repeated,
    /// How places get their classes.
    pub classes: Classes,
}

/// What happens to a name that several lines give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeated {
    /// It is one place; how many lines were repeated is noted.
    #[default]
    Merge,
    /// Each line is a place; from the second on they have a number, `bologna-2`.
    Number,
    /// The list is refused.
    Refuse,
}

/// Between the parts of a key: less than all that labels have, so that keys sort as names do.
const SEPARATOR: char = '\0';

/// Makes a tree of a list of names. Besides the tree come notes for people.
///
/// # Errors
/// [`TopologyError`] names the line: of a part that makes no label, of a name that is too deep or long;
/// or the column that is not there.
pub fn from_names(text: &str, rule: &NamesRule) -> Result<(Topology, Vec<String>), TopologyError> {
    check_size(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut keys = Keys {
        text,
        keys: Vec::new(),
    };
    match rule.columns.is_empty() {
        true => read_lines(text, &mut keys)?,
        false => read_columns(text, &rule.columns, &mut keys)?,
    }
    if keys.keys.is_empty() {
        return Err(TopologyError::whole(
            "there is no name in the list; write one a line, such as `it/emilia-romagna/bologna`",
        ));
    }
    let mut notes = Vec::new();
    let sorted = repeated(text, keys.keys, rule.duplicates, &mut notes)?;
    sketch(text, &sorted, rule, notes)
}

struct Keys<'a> {
    text: &'a str,
    /// Each with the byte at which its line begins.
    keys: Vec<(String, u64)>,
}

impl Keys<'_> {
    fn add<'a>(
        &mut self,
        at: u64,
        parts: impl Iterator<Item = &'a str>,
    ) -> Result<(), TopologyError> {
        let mut key = String::new();
        for part in parts.map(str::trim).filter(|p| !p.is_empty()) {
            let label = label(part).ok_or_else(|| {
                TopologyError::at(
                    line(self.text, at),
                    format!("nothing of {} can be written in a-z, 0-9", quote(part)),
                )
            })?;
            if !key.is_empty() {
                key.push(SEPARATOR);
            }
            key.push_str(&label);
        }
        if key.is_empty() {
            return Ok(());
        }
        if self.keys.len() == MOST_PLACES {
            return Err(TopologyError::at(
                line(self.text, at),
                format!("there are more than {MOST_PLACES} names"),
            ));
        }
        self.keys.push((key, at));
        Ok(())
    }
}

fn read_lines(text: &str, keys: &mut Keys<'_>) -> Result<(), TopologyError> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_start().starts_with('#') {
            keys.add(at, line.split('/'))?;
        }
        at += line.len() as u64;
    }
    Ok(())
}

fn read_columns(text: &str, columns: &[String], keys: &mut Keys<'_>) -> Result<(), TopologyError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| wrong(text, &e))?;
    let mut fields = Vec::new();
    for column in columns {
        let found = header.iter().position(|h| h.eq_ignore_ascii_case(column));
        let field = found.ok_or_else(|| {
            let there: Vec<_> = header.iter().take(20).map(quote).collect();
            TopologyError::at(
                line(text, header.position().map_or(0, csv::Position::byte)),
                format!(
                    "there is no column {}; there are {}",
                    quote(column),
                    there.join(", ")
                ),
            )
        })?;
        fields.push(field);
    }
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|e| wrong(text, &e))?
    {
        let at = record.position().map_or(0, csv::Position::byte);
        keys.add(at, fields.iter().filter_map(|f| record.get(*f)))?;
    }
    Ok(())
}

/// The keys in order, each once.
fn repeated(
    text: &str,
    mut keys: Vec<(String, u64)>,
    rule: Repeated,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, u64)>, TopologyError> {
    keys.sort_unstable();
    let again = |pair: &[(String, u64)]| pair[0].0 == pair[1].0;
    let number = keys.windows(2).filter(|pair| again(pair)).count();
    if number == 0 {
        return Ok(keys);
    }
    match rule {
        Repeated::Merge => {
            notes.push(format!(
                "{} a name again that is there already, and add no place",
                match number {
                    1 => "1 line gives".to_owned(),
                    n => format!("{n} lines give"),
                }
            ));
            keys.dedup_by(|later, first| later.0 == first.0);
        }
        Repeated::Number => {
            let firsts: Vec<String> = keys.iter().map(|(key, _)| key.clone()).collect();
            let mut given = BTreeSet::new();
            let (mut before, mut next) = (0, 2);
            for (at, (key, _)) in keys.iter_mut().enumerate().skip(1) {
                if *key != firsts[before] {
                    (before, next) = (at, 2);
                    continue;
                }
                let (above, label) = match firsts[before].rsplit_once(SEPARATOR) {
                    Some((above, label)) => (Some(above), label),
                    None => (None, &*firsts[before]),
                };
                let new = loop {
                    let label = numbered(label, next, MAX_LABEL);
                    next += 1;
                    let new = match above {
                        Some(above) => format!("{above}{SEPARATOR}{label}"),
                        None => label,
                    };
                    if firsts.binary_search(&new).is_err() && given.insert(new.clone()) {
                        break new;
                    }
                };
                *key = new;
            }
            keys.sort_unstable();
            notes.push(format!(
                "{} numbered, for others have the same name",
                match number {
                    1 => "1 place is".to_owned(),
                    n => format!("{n} places are"),
                }
            ));
        }
        Repeated::Refuse => {
            let pair = keys.windows(2).find(|pair| again(pair));
            if let Some([(key, first), (_, second)]) = pair {
                return Err(TopologyError::at(
                    line(text, *second),
                    format!(
                        "this is the same place as {}, `{}`; remove it, or take \
                         `duplicates = \"merge\"` or `\"number\"`",
                        line(text, *first),
                        key.replace(SEPARATOR, "/")
                    ),
                ));
            }
        }
    }
    Ok(keys)
}

fn sketch(
    text: &str,
    keys: &[(String, u64)],
    rule: &NamesRule,
    mut notes: Vec<String>,
) -> Result<(Topology, Vec<String>), TopologyError> {
    let first = |key: &str| key.split(SEPARATOR).next().map(str::to_owned);
    let alike = match keys {
        [a, .., b] => first(&a.0) == first(&b.0),
        _ => true,
    };
    let above = match (&rule.root, alike) {
        (Some(root), _) => Some(label(root).ok_or_else(|| {
            TopologyError::whole(format!("nothing of the root {} is a label", quote(root)))
        })?),
        (None, true) => None,
        (None, false) => {
            let root = super::generate::ROOT;
            notes.push(format!(
                "the names do not all begin alike, so `{root}` is above them"
            ));
            Some(root.to_owned())
        }
    };
    let mut sketch = Sketch::default();
    // The place that was added last and those above it, each with its label.
    let mut open: Vec<(u32, &str)> = Vec::new();
    let base = above.as_deref();
    if let Some(base) = base {
        open.push((sketch.add(0, base, Edge::default())?, base));
    }
    let mut added = 0;
    for (key, at) in keys {
        let parts = || base.into_iter().chain(key.split(SEPARATOR));
        let known = open
            .iter()
            .zip(parts())
            .take_while(|((_, label), part)| label == part)
            .count();
        open.truncate(known);
        let (depth, before) = (parts().count(), sketch.len());
        for part in parts().skip(known) {
            let parent = open.last().map_or(0, |(place, _)| *place);
            let place = sketch
                .add(parent, part, Edge::default())
                .map_err(|e| TopologyError::at(line(text, *at), e.message))?;
            open.push((place, part));
        }
        // All but the last were nobody's line.
        added += (sketch.len() - before).saturating_sub(1);
        let length = base.map_or(0, |b| b.len() + 1) + key.len();
        check_name(depth, length).map_err(|m| TopologyError::at(line(text, *at), m))?;
    }
    if added > 0 {
        notes.push(format!(
            "{} above others had no line and {} added",
            count(added, "place"),
            if added == 1 { "is" } else { "are" }
        ));
    }
    Ok((sketch.finish(&rule.classes)?, notes))
}

fn check_name(depth: usize, length: usize) -> Result<(), String> {
    if depth > MAX_DEPTH || length > MAX_NAME {
        return Err(format!(
            "this name has {depth} labels and {length} characters with the root; names have at most \
             {MAX_DEPTH} and {MAX_NAME}"
        ));
    }
    Ok(())
}
