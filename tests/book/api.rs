//! docs/API.md, made from the description of the API.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

const HEAD: &str = include_str!("api-head.md");

/// The sections, in the order in which somebody needs them.
const TAGS: [(&str, &str); 6] = [
    ("sessions", "Sessions"),
    ("presentations", "Presentations"),
    ("components", "Components"),
    ("places", "Places"),
    ("tokens", "Tokens"),
    ("description", "The description"),
];

/// A text, and the commands that are an example in it.
fn example(text: &str) -> (String, Option<&str>) {
    let parts: Vec<_> = text.splitn(3, "```").collect();
    match parts[..] {
        [before, code, after] => {
            let code = code.strip_prefix("sh\n").unwrap_or(code);
            (format!("{before} {after}"), Some(code))
        }
        _ => (text.to_owned(), None),
    }
}

/// Text that a cell of a table can hold. What is between `<` and `>` would be taken for HTML.
fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What a form is called, with a link to where it is described.
fn form(schema: &Value) -> String {
    if let Some(name) = text(schema, "$ref")
        .rsplit('/')
        .next()
        .filter(|n| !n.is_empty())
    {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for several in ["oneOf", "allOf", "anyOf"] {
        if let Some(list) = schema[several].as_array() {
            let said: Vec<_> = list.iter().map(form).collect();
            return said.join(if several == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let said: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return said.join(", ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect::<Vec<_>>(),
    };
    let said = kinds.iter().map(|kind| match *kind {
        "array" => format!("list of {}", form(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("{} by name", form(&schema["additionalProperties"]))
        }
        kind => kind.to_owned(),
    });
    let said: Vec<_> = said.collect();
    said.join(" or ")
}

/// What the body of a request or an answer is.
fn body(content: &Value) -> Option<String> {
    let (kind, content) = content.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "application/json" => form(&content["schema"]),
        kind => format!("`{kind}`"),
    })
}

/// The row of a request.
fn request(path: &str, method: &str, operation: &Value) -> String {
    let mut takes = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(parameter, "name"), text(parameter, "in"));
        match place {
            "query" if name != "at" => takes.push(format!("`?{name}`")),
            "header" => takes.push(format!("`{name}:`")),
            _ => {}
        }
    }
    takes.extend(body(&operation["requestBody"]["content"]));
    let answers = operation["responses"].as_object();
    let gives = answers
        .into_iter()
        .flatten()
        .filter(|(code, _)| code.starts_with('2'));
    let gives = gives.map(|(code, answer)| {
        let body = body(&answer["content"]).map(|body| format!(" {body}"));
        code.clone() + &body.unwrap_or_default()
    });
    let gives: Vec<_> = gives.collect();
    let what = format!(
        "{} {}",
        text(operation, "summary"),
        example(text(operation, "description")).0
    );
    format!(
        "| `{} {path}` | {} | {} | {} | {} |\n",
        method.to_uppercase(),
        text(operation, "x-waybook-right"),
        cell(&what),
        takes.join(", "),
        gives.join(", ")
    )
}

/// The fields of a form, those of its parts among them.
fn fields<'a>(schema: &'a Value, into: &mut Vec<(&'a String, &'a Value, bool)>) {
    let required = |name: &String| {
        let required = schema["required"].as_array();
        required.is_some_and(|all| all.iter().any(|it| it == name.as_str()))
    };
    let own = schema["properties"].as_object().into_iter().flatten();
    into.extend(own.map(|(name, field)| (name, field, required(name))));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fields(part, into);
    }
}

fn described(name: &str, schema: &Value, page: &mut String) {
    let _ = writeln!(
        page,
        "\n### {name}\n\n{}",
        cell(text(schema, "description"))
    );
    let mut all = Vec::new();
    fields(schema, &mut all);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    for part in parts.filter(|part| part["$ref"].is_string()) {
        let _ = writeln!(page, "\nAll of {}, and:", form(part));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        page.push_str("\nOne of:\n\n");
        for choice in choices {
            let mut own = Vec::new();
            fields(choice, &mut own);
            let own: Vec<_> = own
                .iter()
                .map(|(name, field, _)| format!("`{name}`: {}", form(field)))
                .collect();
            let said = if own.is_empty() {
                form(choice)
            } else {
                own.join("; ")
            };
            let _ = writeln!(page, "- {said}. {}", cell(text(choice, "description")));
        }
    } else if all.is_empty() {
        let _ = writeln!(page, "\nIt is {}.", form(schema));
    } else {
        page.push_str("\n| field | is | |\n|---|---|---|\n");
        for (name, field, required) in all {
            let optional = if required { "" } else { ", optional" };
            let what = cell(text(field, "description"));
            let _ = writeln!(page, "| `{name}` | {}{optional} | {what} |", form(field));
        }
    }
}

/// The document.
pub(crate) fn reference(api: &Value) -> String {
    let mut by_tag = BTreeMap::<&str, String>::new();
    let mut examples = BTreeMap::<&str, String>::new();
    let none = Map::new();
    for (path, item) in api["paths"].as_object().unwrap_or(&none) {
        for (method, operation) in item.as_object().unwrap_or(&none) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let named = TAGS.iter().any(|(known, _)| *known == tag);
            assert!(
                named,
                "{method} {path}: the tag {tag:?} has no section; give it one here"
            );
            if let (_, Some(code)) = example(text(operation, "description")) {
                let method = method.to_uppercase();
                let _ = write!(
                    examples.entry(tag).or_default(),
                    "\nAn example of `{method} {path}`:\n\n<!-- not run: it names what is yours -->\n\
                     ```sh\n{code}```\n"
                );
            }
            by_tag
                .entry(tag)
                .or_default()
                .push_str(&request(path, method, operation));
        }
    }
    let mut page = HEAD.to_owned();
    for (tag, title) in TAGS {
        let rows = by_tag.remove(tag).unwrap_or_default();
        let _ = write!(
            page,
            "\n## {title}\n\n| request | right | what it does | takes | gives |\n\
             |---|---|---|---|---|\n{rows}{}",
            examples.remove(tag).unwrap_or_default()
        );
    }
    page.push_str("\n## Forms\n\nIn JSON. Who reads them should pass over fields that are not listed: later versions add some.\n");
    let schemas = api["components"]["schemas"].as_object();
    for (name, schema) in schemas.unwrap_or(&none) {
        described(name, schema, &mut page);
    }
    page
}
