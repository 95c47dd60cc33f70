//! Tree files: topologies as CSV.
//!
//! ```text
//! place,class,latency,bandwidth-down,bandwidth-up
//! core,root,,,
//! core/bologna,inner,2.5 ms,10 Gbit/s,10 Gbit/s
//! core/bologna/lab,leaf,,100 Mbit/s,20 Mbit/s
//! ```
//!
//! A line is a place and its edge to the parent. Amounts have units. What is empty is left to the
//! scenario, and an empty class to the role: `root`, `inner` or `leaf`. Columns may come in any order,
//! and all but `place` be left out; lines may come in any order. The root has no edge.

use std::fmt::Write as _;
use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_plan::{format_bandwidth, format_duration, parse_bandwidth, parse_duration};

use super::classes::{self, Classes};
use super::error::{TopologyError, quote};
use super::format::check_size;
use super::limits::{MOST_LATENCY, MOST_PLACES};
use super::lines::{line, wrong};
use super::sketch::Sketch;
use super::tree::{Edge, Topology};

/// The columns, in the order in which they are written.
pub const COLUMNS: [&str; 5] = [
    "place",
    "class",
    "latency",
    "bandwidth-down",
    "bandwidth-up",
];

/// A line of the file.
struct Row {
    name: PlaceName,
    /// The byte at which its line begins.
    at: u64,
    class: Option<Box<str>>,
    edge: Edge,
}

impl Topology {
    /// Reads a tree file. Places without a class get one by `classes`.
    ///
    /// # Errors
    /// [`TopologyError`] names the line and the column of what is wrong, and the line of a place
    /// that is there twice, has no parent or is a second root.
    pub fn from_csv(text: &str, classes: &Classes) -> Result<Self, TopologyError> {
        check_size(text)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rows = rows(text)?;
        // By name every place comes after its parent, and localities are contiguous.
        if !rows.is_sorted_by(|a, b| a.name <= b.name) {
            // Without the `/`, which is not the least of the characters, texts sort as names do.
            rows.sort_by_cached_key(|row| row.name.as_str().replace('/', "\0"));
        }
        let mut sketch = Sketch::default();
        let mut open: Vec<(u32, &Row)> = Vec::new();
        for row in &rows {
            while let Some((_, above)) = open.last() {
                if above.name == row.name {
                    return Err(row.wrong(
                        text,
                        format!("`{}` is on {} already", row.name, line(text, above.at)),
                    ));
                }
                if above.name.contains(&row.name) {
                    break;
                }
                open.pop();
            }
            let parent = match (open.last(), row.name.parent()) {
                (None, None) if sketch.len() == 0 => 0,
                (Some((parent, above)), Some(name)) if above.name == name => *parent,
                (_, None) => {
                    return Err(row.wrong(
                        text,
                        format!(
                            "`{}` is a second root besides `{}`; a location tree has one",
                            row.name, rows[0].name
                        ),
                    ));
                }
                (_, Some(parent)) => {
                    return Err(row.wrong(
                        text,
                        format!(
                            "the parent of `{}` has no line; add one for `{parent}`",
                            row.name
                        ),
                    ));
                }
            };
            let place = sketch
                .add(parent, row.name.label(), row.edge)
                .map_err(|e| row.wrong(text, e.message))?;
            if let Some(class) = &row.class {
                sketch
                    .set_class(place, class)
                    .map_err(|e| row.wrong(text, e.message))?;
            }
            open.push((place, row));
        }
        sketch.finish(classes)
    }

    /// Writes a tree file, which [`Topology::from_csv`] reads back as the same topology.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut text = COLUMNS.join(",");
        text.push('\n');
        for place in self.places() {
            let edge = &place.edge;
            let bandwidth = |bits: Option<u64>| bits.map(format_bandwidth).unwrap_or_default();
            // Nothing here holds a comma or a quotation mark. Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{},{},{},{},{}",
                place.name,
                self.class(place),
                edge.latency.map(format_duration).unwrap_or_default(),
                bandwidth(edge.down),
                bandwidth(edge.up)
            );
        }
        text
    }
}

impl Row {
    fn wrong(&self, text: &str, message: impl Into<String>) -> TopologyError {
        TopologyError::at(format!("{}, column `place`", line(text, self.at)), message)
    }
}

fn rows(text: &str) -> Result<Vec<Row>, TopologyError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let fields = header(text, reader.headers().map_err(|e| wrong(text, &e))?)?;
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|e| wrong(text, &e))?
    {
        let at = record.position().map_or(0, csv::Position::byte);
        if rows.len() == MOST_PLACES {
            return Err(TopologyError::at(
                line(text, at),
                format!("there are more than {MOST_PLACES} places"),
            ));
        }
        rows.push(row(text, &record, &fields, at)?);
    }
    if rows.is_empty() {
        return Err(TopologyError::whole(
            "there is no place in it; a location tree needs at least one",
        ));
    }
    Ok(rows)
}

/// Which field holds which of the [`COLUMNS`].
fn header(text: &str, record: &csv::StringRecord) -> Result<[Option<usize>; 5], TopologyError> {
    let at = line(text, record.position().map_or(0, csv::Position::byte));
    let mut fields = [None; 5];
    for (field, name) in record.iter().enumerate() {
        let column = COLUMNS.iter().position(|c| *c == name).ok_or_else(|| {
            TopologyError::at(
                format!("{at}, field {}", field + 1),
                format!(
                    "{} is no column; a tree file begins with `{}`",
                    quote(name),
                    COLUMNS.join(",")
                ),
            )
        })?;
        if fields[column].replace(field).is_some() {
            return Err(TopologyError::at(
                format!("{at}, field {}", field + 1),
                format!("the column {} is there twice", quote(name)),
            ));
        }
    }
    if fields[0].is_none() {
        return Err(TopologyError::at(
            at,
            format!(
                "there is no column `place`; a tree file begins with `{}`",
                COLUMNS.join(",")
            ),
        ));
    }
    Ok(fields)
}

fn row(
    text: &str,
    record: &csv::StringRecord,
    fields: &[Option<usize>; 5],
    at: u64,
) -> Result<Row, TopologyError> {
    let value = |column: usize| {
        let text = fields[column].and_then(|field| record.get(field));
        text.filter(|t| !t.is_empty())
    };
    let wrong = |column: usize, message: String| {
        TopologyError::at(
            format!("{}, column `{}`", line(text, at), COLUMNS[column]),
            message,
        )
    };
    let name = PlaceName::new(value(0).unwrap_or("")).map_err(|e| wrong(0, e.to_string()))?;
    let class = match value(1) {
        Some(class) => {
            classes::check(class).map_err(|m| wrong(1, m))?;
            Some(class.into())
        }
        None => None,
    };
    let latency = match value(2) {
        Some(text) => Some(latency(text).map_err(|m| wrong(2, m))?),
        None => None,
    };
    let bandwidth = |column: usize| match value(column) {
        Some(text) => match parse_bandwidth(text) {
            Ok(0) => Err(wrong(
                column,
                "an edge of 0 bit/s carries nothing; leave it empty for the scenario's default"
                    .to_owned(),
            )),
            Ok(bits) => Ok(Some(bits)),
            Err(e) => Err(wrong(column, e.to_string())),
        },
        None => Ok(None),
    };
    let edge = Edge {
        latency,
        down: bandwidth(3)?,
        up: bandwidth(4)?,
    };
    if name.parent().is_none() && edge != Edge::default() {
        return Err(TopologyError::at(
            line(text, at),
            format!("`{name}` is the root, which has no edge; leave latency and bandwidths empty"),
        ));
    }
    Ok(Row {
        name,
        at,
        class,
        edge,
    })
}

fn latency(text: &str) -> Result<Duration, String> {
    let latency = parse_duration(text).map_err(|e| e.to_string())?;
    if latency > MOST_LATENCY {
        return Err(format!(
            "{} is longer than an hour, which is the most for an edge",
            quote(text)
        ));
    }
    Ok(latency)
}
