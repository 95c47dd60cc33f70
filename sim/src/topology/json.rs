//! NetworkX's node-link JSON.
//!
//! `{"directed": .., "nodes": [{"id": .., ..}], "links": [{"source": .., "target": .., ..}]}`; newer
//! versions write `edges` for `links`. Ids are texts or numbers. Nodes without ids, as D3 has them,
//! are named by their index. What is nested deeper than an attribute is left out.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{TopologyError, quote};
use super::graph::{Attributes, Builder, Graph, Names, Node, Value};
use super::limits::{MOST_LINKS, MOST_PLACES};
use super::quantities::{Quantities, position};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    directed: bool,
    nodes: Vec<Record>,
    #[serde(default)]
    links: Option<Vec<Record>>,
    #[serde(default)]
    edges: Option<Vec<Record>>,
}

/// One object: its plain members.
struct Record(Vec<(String, Value)>);

/// A member, or what is none of ours.
struct Member(Option<Value>);

pub(super) fn read(text: &str, quantities: &Quantities) -> Result<Graph, TopologyError> {
    let document: Document = serde_json::from_str(text).map_err(|e| wrong(&e))?;
    let (key, links) = match (document.links, document.edges) {
        (Some(links), Some(edges)) if !links.is_empty() && !edges.is_empty() => {
            return Err(TopologyError::at(
                "/edges",
                "there are both `links` and `edges`; keep the one that holds the graph's links",
            ));
        }
        (Some(links), edges) if edges.as_ref().is_none_or(Vec::is_empty) => ("links", links),
        (_, Some(edges)) => ("edges", edges),
        (Some(links), None) => ("links", links),
        (None, None) => {
            return Err(TopologyError::whole(
                "there is neither `links` nor `edges`; write it with networkx.node_link_data",
            ));
        }
    };
    check(document.nodes.len(), MOST_PLACES, "/nodes")?;
    check(links.len(), MOST_LINKS, "/links")?;
    let mut names = Names::default();
    let mut builder = Builder::new(quantities);
    for (index, record) in document.nodes.into_iter().enumerate() {
        let at = || format!("/nodes/{index}");
        let node = node(index, record, &mut names).map_err(|m| TopologyError::at(at(), m))?;
        builder.node(node).map_err(|m| TopologyError::at(at(), m))?;
    }
    for (index, record) in links.into_iter().enumerate() {
        let at = |message| TopologyError::at(format!("/{key}/{index}"), message);
        let mut ends = [None, None];
        let mut attributes = Attributes::default();
        for (name, value) in record.0 {
            match name.as_str() {
                "source" => ends[0] = id(&value),
                "target" => ends[1] = id(&value),
                _ => attributes.push(names.get(&name), value).map_err(at)?,
            }
        }
        let [Some(from), Some(to)] = ends else {
            return Err(at(
                "a link needs `source` and `target`, each the id of a node: a text or a number"
                    .to_owned(),
            ));
        };
        builder
            .link(&from, &to, document.directed, attributes)
            .map_err(at)?;
    }
    builder.finish()
}

fn node(index: usize, record: Record, names: &mut Names) -> Result<Node, String> {
    let mut found = None;
    let mut attributes = Attributes::default();
    for (name, value) in record.0 {
        if name == "id" {
            found = Some(id(&value).ok_or_else(|| {
                format!(
                    "the id {} is neither a text nor a number",
                    quote(&value.to_string())
                )
            })?);
        } else {
            attributes.push(names.get(&name), value)?;
        }
    }
    let label = ["label", "name"]
        .iter()
        .find_map(|name| attributes.get(name).map(ToString::to_string));
    Ok(Node {
        id: found.unwrap_or_else(|| index.to_string()),
        label,
        position: position(&attributes),
        attributes,
    })
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::Text(_) | Value::Number(_) => Some(value.to_string()),
        Value::Truth(_) | Value::Pair(..) => None,
    }
}

fn check(number: usize, most: usize, at: &str) -> Result<(), TopologyError> {
    if number > most {
        return Err(TopologyError::at(
            at,
            format!("there are {number}; at most {most} are read"),
        ));
    }
    Ok(())
}

/// What serde says, with the place first as all errors here have it.
fn wrong(error: &serde_json::Error) -> TopologyError {
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(&*text, |cut| &text[..cut]);
    TopologyError::at(
        format!("line {}, column {}", error.line(), error.column()),
        format!("this is no node-link JSON as NetworkX writes it: {message}"),
    )
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object for a node or link")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if let Member(Some(value)) = map.next_value()? {
                        members.push((name, value));
                    } else if matches!(name.as_str(), "id" | "source" | "target") {
                        return Err(A::Error::custom(format!(
                            "`{name}` is neither a text nor a number"
                        )));
                    }
                }
                Ok(Record(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plain).map(Member)
    }
}

struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::Truth(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        // A number that a fraction cannot hold is an id, and must stay what it is.
        Ok(Some(match value < 1 << 53 {
            true => Value::Number(value as f64),
            false => Value::Text(value.to_string().into()),
        }))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(Some(match value.unsigned_abs() < 1 << 53 {
            true => Value::Number(value as f64),
            false => Value::Text(value.to_string().into()),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Value>, E> {
        Ok(Some(Value::Text(value.into())))
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Value>, A::Error> {
        let mut numbers = Vec::new();
        let mut others = false;
        while let Some(Member(value)) = list.next_element()? {
            match value {
                Some(Value::Number(number)) if numbers.len() < 3 => numbers.push(number),
                _ => others = true,
            }
        }
        Ok(match (numbers.as_slice(), others) {
            ([a, b], false) => Some(Value::Pair(*a, *b)),
            _ => None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
