//! GML, the Graph Modelling Language.
//!
//! The text is a list of keys with values: numbers, quoted texts, or lists in brackets. `graph`
//! holds `node` and `edge`; what a node or an edge nests is flattened, `graphics [ x 3 ]` becoming
//! `graphics.x`. Within texts there are XML's references and no other escapes, as GML has it.
//!
//! Accepted besides, as it is found: lines that end in CR LF, texts over several lines, comments
//! after values, several nodes with one label, ids that are texts.

use super::error::{TopologyError, position as at, quote};
use super::graph::{Attributes, Builder, Graph, Names, Node, Value};
use super::limits::{MOST_ATTRIBUTE_NAME, MOST_ATTRIBUTES, MOST_NESTING};
use super::quantities::{Quantities, position};

/// What a text consists of.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    /// As written, and without quotation marks.
    Text(&'a str),
    Open,
    Close,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn error(&self, at_byte: usize, message: impl Into<String>) -> TopologyError {
        TopologyError::at(at(self.text, at_byte), message)
    }

    /// The next token and where it begins.
    fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, TopologyError> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                None => return Ok(None),
                Some(b'#') => {
                    let rest = &bytes[self.at..];
                    let end = rest.iter().position(|b| *b == b'\n');
                    self.at += end.unwrap_or(rest.len());
                }
                Some(b) if b.is_ascii_whitespace() => self.at += 1,
                Some(_) => break,
            }
        }
        let start = self.at;
        let token = match bytes[start] {
            b'[' => {
                self.at += 1;
                Token::Open
            }
            b']' => {
                self.at += 1;
                Token::Close
            }
            b'"' => {
                let rest = &bytes[start + 1..];
                let Some(length) = rest.iter().position(|b| *b == b'"') else {
                    return Err(self.error(
                        start,
                        "this text has no end; close it with a quotation mark (within it, write &quot;)",
                    ));
                };
                self.at = start + length + 2;
                Token::Text(&self.text[start + 1..start + 1 + length])
            }
            _ => {
                let ends = |b: &u8| b.is_ascii_whitespace() || b"[]\"#".contains(b);
                let rest = &bytes[start..];
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                self.at += length;
                // It ends at ASCII, so never within a character.
                Token::Word(&self.text[start..start + length])
            }
        };
        Ok(Some((start, token)))
    }
}

/// A node or an edge as read.
struct Record {
    start: usize,
    members: Vec<(String, Value)>,
}

#[derive(Default)]
struct Records {
    directed: bool,
    graphs: usize,
    nodes: Vec<Record>,
    edges: Vec<Record>,
}

pub(super) fn read(text: &str, quantities: &Quantities) -> Result<Graph, TopologyError> {
    let records = records(text)?;
    if records.graphs != 1 {
        return Err(TopologyError::whole(format!(
            "there are {} graphs in it; a GML file of a network has one `graph [ ... ]`",
            records.graphs
        )));
    }
    let mut names = Names::default();
    let mut builder = Builder::new(quantities);
    for record in records.nodes {
        let wrong = |message| TopologyError::at(at(text, record.start), message);
        let mut id = None;
        let mut attributes = Attributes::default();
        for (name, value) in record.members {
            match name.as_str() {
                "id" if id.is_none() => id = Some(value.to_string()),
                _ => attributes.push(names.get(&name), value).map_err(wrong)?,
            }
        }
        let id = id.ok_or_else(|| wrong("this node has no `id`; links need it".to_owned()))?;
        let node = Node {
            id,
            label: label(&attributes),
            position: position(&attributes),
            attributes,
        };
        builder.node(node).map_err(wrong)?;
    }
    for record in records.edges {
        let wrong = |message| TopologyError::at(at(text, record.start), message);
        let mut ends = [None, None];
        let mut attributes = Attributes::default();
        for (name, value) in record.members {
            match name.as_str() {
                "source" => ends[0] = Some(value.to_string()),
                "target" => ends[1] = Some(value.to_string()),
                _ => attributes.push(names.get(&name), value).map_err(wrong)?,
            }
        }
        let [Some(from), Some(to)] = ends else {
            return Err(wrong(
                "this edge needs `source` and `target`, each the id of a node".to_owned(),
            ));
        };
        builder
            .link(&from, &to, records.directed, attributes)
            .map_err(wrong)?;
    }
    builder.finish()
}

/// What people call a node. The Topology Zoo calls the middle of a link with more than two ends
/// `None`, which is no name.
pub(super) fn label(attributes: &Attributes) -> Option<String> {
    if attributes.get("hyperedge").is_some() {
        return None;
    }
    ["label", "name"]
        .iter()
        .find_map(|name| attributes.get(name).map(ToString::to_string))
}

/// The nodes and edges of a text.
fn records(text: &str) -> Result<Records, TopologyError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut records = Records::default();
    // The keys of the lists that are open, from the outside, each with where it began.
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut record: Option<Record> = None;
    while let Some((start, token)) = lexer.next()? {
        let key = match token {
            Token::Word(key) => key,
            Token::Close => {
                if open.pop().is_none() {
                    return Err(lexer.error(start, "this bracket closes nothing; remove it"));
                }
                if open.len() == 1
                    && let Some(done) = record.take()
                {
                    match text[done.start..].starts_with("node") {
                        true => records.nodes.push(done),
                        false => records.edges.push(done),
                    }
                }
                continue;
            }
            Token::Text(_) | Token::Open => {
                return Err(lexer.error(
                    start,
                    "a key should be here; GML is a list of keys, each with a value",
                ));
            }
        };
        if !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(lexer.error(
                start,
                format!("{} is no key; a key begins with a letter", quote(key)),
            ));
        }
        let value = match lexer.next()? {
            Some((_, Token::Open)) => {
                if open.len() == MOST_NESTING {
                    return Err(lexer.error(
                        start,
                        format!("this is nested deeper than {MOST_NESTING} lists"),
                    ));
                }
                match (open.as_slice(), key) {
                    ([], "graph") => records.graphs += 1,
                    ([("graph", _)], "node" | "edge") => {
                        record = Some(Record {
                            start,
                            members: Vec::new(),
                        });
                    }
                    _ => {}
                }
                open.push((key, start));
                continue;
            }
            Some((_, Token::Word(word))) => plain(word),
            Some((_, Token::Text(inner))) => Value::Text(unescape(inner).into()),
            Some((_, Token::Close)) | None => {
                return Err(lexer.error(
                    start,
                    format!(
                        "the key {} has no value; give it a number, a text in quotation marks or a list",
                        quote(key)
                    ),
                ));
            }
        };
        match (&mut record, open.as_slice()) {
            (Some(record), [_, _, nested @ ..]) => {
                let mut name = String::new();
                for (outer, _) in nested {
                    // Too long is refused below; what is longer still is not even put together.
                    if name.len() <= MOST_ATTRIBUTE_NAME {
                        name.push_str(outer);
                        name.push('.');
                    }
                }
                name.push_str(key);
                if name.len() > MOST_ATTRIBUTE_NAME || record.members.len() > MOST_ATTRIBUTES {
                    return Err(lexer.error(
                        start,
                        format!(
                            "there are more than {MOST_ATTRIBUTES} attributes here, or the name of one is \
                             longer than {MOST_ATTRIBUTE_NAME} bytes"
                        ),
                    ));
                }
                record.members.push((name, value));
            }
            (None, [("graph", _)]) if key == "directed" => {
                records.directed = super::quantities::number(&value) == Some(1.0);
            }
            _ => {}
        }
    }
    if let Some((key, start)) = open.last() {
        return Err(lexer.error(
            *start,
            format!("the list of {} is never closed; add a `]`", quote(key)),
        ));
    }
    Ok(records)
}

/// A number, or a text that stands without quotation marks, as some write them.
fn plain(word: &str) -> Value {
    // A number that is written another way than Rust writes it may be an id; both ends of a
    // link must then be written alike.
    match word.parse::<f64>() {
        Ok(number) if number.to_string() == word || word.contains(['.', 'e', 'E', '+']) => {
            Value::Number(number)
        }
        _ => Value::Text(word.into()),
    }
}

/// A text without XML's references; what is no reference stays as it is.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        match rest
            .find(';')
            .and_then(|end| reference(&rest[1..end]).map(|c| (c, end)))
        {
            Some((c, end)) => {
                plain.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The character of a reference, without its `&` and `;`.
fn reference(name: &str) -> Option<char> {
    if let Some(digits) = name.strip_prefix('#') {
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    // Those of XML; GML allows the ones of Latin-1 too, which files of networks write as numbers.
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => None,
    }
}
