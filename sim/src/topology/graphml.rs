//! GraphML.
//!
//! `<key>`s declare what `<data>` of nodes and edges mean; a key without a name is called by its id.
//! Nodes of graphs within nodes count too; a node that holds a graph and that no edge names is a
//! folder, as yEd draws them, and is left out. yEd's labels are read from within its drawings.
//! Edges with more than two ends are refused, and so is a DTD.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node as Element, ParsingOptions};

use super::error::{TopologyError, count, quote, some};
use super::gml::label;
use super::graph::{Attributes, Builder, Graph, Names, Node, Value};
use super::limits::{MOST_ATTRIBUTES, MOST_LINKS, MOST_NESTING};
use super::quantities::{Quantities, position};

/// The greatest number of elements and texts of a file.
const MOST_ELEMENTS: u32 = 1 << 25;

/// What a `<key>` declares.
struct Key {
    name: String,
    of_edges: bool,
    of_nodes: bool,
    /// Whether its values are texts, also if they look like numbers.
    text: bool,
    default: Option<Value>,
}

pub(super) fn read(text: &str, quantities: &Quantities) -> Result<Graph, TopologyError> {
    let options = ParsingOptions {
        nodes_limit: MOST_ELEMENTS,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        TopologyError::at(
            format!("line {}, column {}", at.row, at.col),
            format!("this is no XML that is read here: {error}"),
        )
    })?;
    let reader = Reader {
        document: &document,
    };
    let root = document.root_element();
    if root.tag_name().name() != "graphml" {
        return Err(reader.wrong(
            root,
            format!(
                "the outermost element is {}; GraphML's is `graphml`",
                quote(root.tag_name().name())
            ),
        ));
    }
    reader.graph(root, quantities)
}

struct Reader<'a, 'input> {
    document: &'a Document<'input>,
}

impl<'a, 'input> Reader<'a, 'input> {
    /// An error at an element.
    fn wrong(&self, element: Element<'_, '_>, message: impl Into<String>) -> TopologyError {
        let at = self.document.text_pos_at(element.range().start);
        let name = element.tag_name().name();
        TopologyError::at(
            format!("line {}, column {}, element <{name}>", at.row, at.col),
            message,
        )
    }

    fn graph(
        &self,
        root: Element<'a, 'input>,
        quantities: &Quantities,
    ) -> Result<Graph, TopologyError> {
        let keys = self.keys(root)?;
        let all = |name: &'static str| {
            let elements = root.descendants();
            elements.filter(move |e| e.is_element() && e.tag_name().name() == name)
        };
        if let Some(hyper) = all("hyperedge").next() {
            return Err(self.wrong(
                hyper,
                "an edge with more than two ends is no link; put a node in its middle",
            ));
        }
        let outer = root
            .children()
            .filter(|e| e.is_element() && e.tag_name().name() == "graph");
        if outer.count() != 1 {
            return Err(self.wrong(root, "there must be one `graph` in it"));
        }
        let mut named = BTreeSet::new();
        for edge in all("edge") {
            if named.len() > 2 * MOST_LINKS {
                break;
            }
            named.extend(edge.attribute("source"));
            named.extend(edge.attribute("target"));
        }
        let mut names = Names::default();
        let mut builder = Builder::new(quantities);
        let mut folders = Vec::new();
        for element in all("node") {
            let id = element
                .attribute("id")
                .ok_or_else(|| self.wrong(element, "a node needs an `id`"))?;
            let holds = |e: Element<'_, '_>| e.is_element() && e.tag_name().name() == "graph";
            if element.children().any(holds) && !named.contains(id) {
                folders.push(id);
                continue;
            }
            let mut attributes = self.attributes(element, &keys, &mut names)?;
            if attributes.get("label").is_none()
                && let Some(drawn) = drawn_label(element)
            {
                let label = Value::Text(drawn.into());
                let pushed = attributes.push(names.get("label"), label);
                pushed.map_err(|m| self.wrong(element, m))?;
            }
            let node = Node {
                id: id.to_owned(),
                label: label(&attributes),
                position: position(&attributes),
                attributes,
            };
            builder.node(node).map_err(|m| self.wrong(element, m))?;
        }
        if !folders.is_empty() {
            builder.note(format!(
                "{} left out, for they only hold others: {}",
                count(folders.len(), "node"),
                some(folders)
            ));
        }
        for element in all("edge") {
            let end = |name| {
                element
                    .attribute(name)
                    .ok_or_else(|| self.wrong(element, format!("an edge needs a `{name}`")))
            };
            let (from, to) = (end("source")?, end("target")?);
            let directed = match element.attribute("directed") {
                Some(directed) => directed == "true",
                None => directed_by_default(element),
            };
            let attributes = self.attributes(element, &keys, &mut names)?;
            builder
                .link(from, to, directed, attributes)
                .map_err(|m| self.wrong(element, m))?;
        }
        builder.finish()
    }

    fn keys(&self, root: Element<'a, 'input>) -> Result<BTreeMap<&'a str, Key>, TopologyError> {
        let mut keys = BTreeMap::new();
        for element in root.children().filter(|e| e.tag_name().name() == "key") {
            let id = element
                .attribute("id")
                .ok_or_else(|| self.wrong(element, "a key needs an `id`"))?;
            if keys.len() == 2 * MOST_ATTRIBUTES {
                return Err(self.wrong(
                    element,
                    format!("there are more than {} keys", 2 * MOST_ATTRIBUTES),
                ));
            }
            let scope = element.attribute("for").unwrap_or("all");
            let text = element.attribute("attr.type") == Some("string");
            let default = element
                .children()
                .find(|e| e.tag_name().name() == "default")
                .and_then(|e| e.text());
            keys.insert(
                id,
                Key {
                    name: element.attribute("attr.name").unwrap_or(id).to_owned(),
                    of_edges: matches!(scope, "edge" | "all"),
                    of_nodes: matches!(scope, "node" | "all"),
                    text,
                    default: default.map(|d| value(d.trim(), text)),
                },
            );
        }
        Ok(keys)
    }

    /// What the `<data>` of an element say, and the defaults of what they do not.
    fn attributes(
        &self,
        element: Element<'a, 'input>,
        keys: &BTreeMap<&'a str, Key>,
        names: &mut Names,
    ) -> Result<Attributes, TopologyError> {
        let edge = element.tag_name().name() == "edge";
        let mut attributes = Attributes::default();
        let mut push = |name: &str, value: Value| {
            let pushed = attributes.push(names.get(name), value);
            pushed.map_err(|m| self.wrong(element, m))
        };
        let mut said = BTreeSet::new();
        for data in element.children().filter(|e| e.tag_name().name() == "data") {
            let id = data
                .attribute("key")
                .ok_or_else(|| self.wrong(data, "it needs a `key`"))?;
            let key = keys.get(id).ok_or_else(|| {
                let message = format!("there is no <key> with the id {}", quote(id));
                self.wrong(data, message)
            })?;
            said.insert(id);
            if let Some(text) = data.text().map(str::trim).filter(|t| !t.is_empty()) {
                push(&key.name, value(text, key.text))?;
            }
        }
        for (id, key) in keys {
            let applies = if edge { key.of_edges } else { key.of_nodes };
            if let Some(default) = &key.default
                && applies
                && !said.contains(id)
            {
                push(&key.name, default.clone())?;
            }
        }
        Ok(attributes)
    }
}

fn value(text: &str, is_text: bool) -> Value {
    match (is_text, text) {
        (false, "true") => Value::Truth(true),
        (false, "false") => Value::Truth(false),
        (false, _) => text
            .parse()
            .map_or_else(|_| Value::Text(text.into()), Value::Number),
        (true, _) => Value::Text(text.into()),
    }
}

/// Whether the graph around an edge says that edges lead one way.
fn directed_by_default(edge: Element<'_, '_>) -> bool {
    let mut around = edge.ancestors().take(MOST_NESTING);
    let graph = around.find(|e| e.tag_name().name() == "graph");
    graph.and_then(|g| g.attribute("edgedefault")) == Some("directed")
}

/// The label in yEd's drawing of a node, not one of those it holds.
fn drawn_label(node: Element<'_, '_>) -> Option<String> {
    node.children()
        .filter(|e| e.tag_name().name() == "data")
        .flat_map(|data| data.descendants())
        .find(|e| e.tag_name().name() == "NodeLabel")
        .and_then(|label| label.text())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
