//! What BRITE writes.
//!
//! ```text
//! Topology: ( 3 Nodes, 2 Edges )
//! Model (1 - RTWaxman):  3 1000 100 1  2  0.15  0.2 1 1 10.0 1024.0
//!
//! Nodes: ( 3 )
//! 0  350.0  120.0  1  1  -1  RT_NODE
//! Edges: ( 2 )
//! 0  0  1  250.3  0.83  10.0  -1  -1  E_RT  U
//! ```
//!
//! A node is its id, x, y, degrees inward and outward, autonomous system and type; an edge its id,
//! both ends, length, delay in milliseconds, bandwidth in Mbit/s, the ends' autonomous systems, its
//! type and whether it is directed. A delay or bandwidth below 0 is none. BRITE reckons delays from
//! lengths at 299.8 length units a millisecond, so a unit is a kilometre.

use super::error::{TopologyError, quote};
use super::graph::{Attributes, Builder, Graph, Names, Node, Position, Value};
use super::quantities::{Quantities, bits, nanoseconds};

/// Which part of the text a line is in.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Head,
    Nodes,
    Edges,
}

/// A line of the text, and its fields.
struct Line<'a> {
    number: usize,
    fields: Vec<&'a str>,
}

pub(super) fn read(text: &str) -> Result<Graph, TopologyError> {
    let none = Quantities::default();
    let mut names = Names::default();
    let mut builder = Builder::new(&none);
    let mut section = Section::Head;
    // How many the headings promise, and how many came.
    let (mut promised, mut came) = ([None, None], [0, 0]);
    let mut topology = false;
    for (index, text) in text.lines().enumerate() {
        let line = Line {
            number: index + 1,
            fields: text.split_whitespace().collect(),
        };
        let Some(first) = line.fields.first() else {
            continue;
        };
        if first.starts_with("Topology") {
            topology = true;
        } else if first.starts_with("Nodes") {
            section = Section::Nodes;
            promised[0] = promise(text);
        } else if first.starts_with("Edges") {
            section = Section::Edges;
            promised[1] = promise(text);
        } else if section == Section::Nodes {
            came[0] += 1;
            let node = node(&line, &mut names)?;
            builder.node(node).map_err(|m| line.wrong(m))?;
        } else if section == Section::Edges {
            came[1] += 1;
            edge(&line, &mut builder)?;
        }
    }
    if !topology {
        return Err(TopologyError::at(
            "line 1",
            "BRITE's files begin with `Topology: ( N Nodes, M Edges )`; this one does not",
        ));
    }
    for (what, (promised, came)) in ["nodes", "edges"].iter().zip(promised.iter().zip(came)) {
        if promised.is_some_and(|p| p != came) {
            return Err(TopologyError::whole(format!(
                "the heading promises {} {what}, and {came} are there: the file was cut or changed",
                promised.unwrap_or(0)
            )));
        }
    }
    builder.finish()
}

/// The number in a heading such as `Nodes: ( 3 )`.
fn promise(heading: &str) -> Option<usize> {
    let digits = heading.trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}

fn node(line: &Line<'_>, names: &mut Names) -> Result<Node, TopologyError> {
    line.expect(
        3,
        "a node has an id, x and y, then degrees, system and type",
    )?;
    let (x, y) = (line.number(1)?, line.number(2)?);
    let mut attributes = Attributes::default();
    for (name, field) in [("as", 5), ("type", 6)] {
        if let Some(value) = line.fields.get(field) {
            let value = Value::Text((*value).into());
            let pushed = attributes.push(names.get(name), value);
            pushed.map_err(|m| line.wrong(m))?;
        }
    }
    Ok(Node {
        id: line.fields[0].to_owned(),
        label: None,
        position: Some(Position::Plane { x, y }),
        attributes,
    })
}

fn edge(line: &Line<'_>, builder: &mut Builder<'_>) -> Result<(), TopologyError> {
    line.expect(
        6,
        "an edge has an id, two ends, length, delay and bandwidth, then systems and type",
    )?;
    let (length, delay, megabits) = (line.number(3)?, line.number(4)?, line.number(5)?);
    let link = builder
        .bare_link(line.fields[1], line.fields[2])
        .map_err(|m| line.wrong(m))?;
    link.directed = line.fields.get(9) == Some(&"D");
    link.length = Some(length).filter(|km| *km >= 0.0);
    if delay >= 0.0 {
        let time = nanoseconds(delay * 1e6);
        link.latency = Some(time.ok_or_else(|| {
            line.wrong("the delay is above an hour; BRITE's are milliseconds".to_owned())
        })?);
    }
    let bandwidth = bits(megabits * 1e6);
    (link.forward, link.back) = (bandwidth, bandwidth);
    Ok(())
}

impl Line<'_> {
    fn wrong(&self, message: impl Into<String>) -> TopologyError {
        TopologyError::at(format!("line {}", self.number), message)
    }

    fn expect(&self, fields: usize, what: &str) -> Result<(), TopologyError> {
        if self.fields.len() < fields {
            let found = self.fields.len();
            return Err(self.wrong(format!("here are {found} fields: {what}")));
        }
        Ok(())
    }

    /// The number in a field, counted from 0.
    fn number(&self, field: usize) -> Result<f64, TopologyError> {
        let text = self.fields[field];
        let number = text.parse().ok().filter(|n: &f64| n.is_finite());
        number.ok_or_else(|| {
            let at = format!("line {}, field {}", self.number, field + 1);
            TopologyError::at(at, format!("{} is no number", quote(text)))
        })
    }
}
