//! The file form of a presentation.

use std::collections::BTreeMap;

use waybook_location_tree::PlaceName;

use super::{EdgeDemand, Presentation, Quality, StageDemand};
use crate::file::{Document, Problem, Table, Value};
use crate::text::{list, nearest, quote};
use crate::{
    Component, Demand, Position, Reconcile, Resource, Runtime, WhenCut, parse_amount,
    parse_bandwidth, parse_duration,
};

const POSITIONS: [(&str, Position); 4] = [
    ("client", Position::Client),
    ("default-place", Position::DefaultPlace),
    ("every-hop", Position::EveryHop),
    ("server", Position::Server),
];

const RUNTIMES: [(&str, Runtime); 3] = [
    ("builtin", Runtime::Builtin),
    ("process", Runtime::Process),
    ("wasm", Runtime::Wasm),
];

pub(super) fn read(document: &Document<'_>) -> Result<Presentation, Problem> {
    let root = document.root().table(&[
        "title",
        "description",
        "servers",
        "lost-after",
        "reconcile",
        "quality",
    ])?;
    let title = root.required("title", "\"film\"")?.to_owned();
    let description = match root.get("description") {
        Some(value) => value.string("\"A film about bees\"")?.to_owned(),
        None => String::new(),
    };
    let servers = elements(
        &root,
        "servers",
        "a list of places, such as [\"core/bologna/media\"]",
    )?
    .iter()
    .map(|value| {
        let name = value.string("\"core/bologna/media\"")?;
        PlaceName::new(name).map_err(|e| value.problem(e.to_string()))
    })
    .collect::<Result<_, _>>()?;
    let qualities = elements(&root, "quality", "a list of tables, each under [[quality]]")?
        .iter()
        .map(read_quality)
        .collect::<Result<_, _>>()?;
    Ok(Presentation {
        title,
        description,
        servers,
        qualities,
        when_cut: read_when_cut(&root)?,
    })
}

fn read_when_cut(root: &Table<'_>) -> Result<WhenCut, Problem> {
    let lost_after = match root.get("lost-after") {
        Some(value) => {
            let time = parse_duration(value.string("\"10 min\"")?);
            Some(time.map_err(|error| value.problem(error.message))?)
        }
        None => None,
    };
    let reconcile = match root.get("reconcile") {
        Some(_) => one_of(root, "reconcile", &Reconcile::WORDS)?,
        None => Reconcile::default(),
    };
    Ok(WhenCut {
        lost_after,
        reconcile,
    })
}

fn read_quality(value: &Value<'_>) -> Result<Quality, Problem> {
    let table = value.table(&["name", "demand", "component"])?;
    let name = table.required("name", "\"high\"")?.to_owned();
    let demand = match table.get("demand") {
        Some(value) => read_stage_demand(value)?,
        None => StageDemand::default(),
    };
    let components = elements(
        &table,
        "component",
        "a list of tables, each under [[quality.component]]",
    )?
    .iter()
    .map(read_component)
    .collect::<Result<_, _>>()?;
    Ok(Quality {
        name,
        demand,
        components,
    })
}

fn read_stage_demand(value: &Value<'_>) -> Result<StageDemand, Problem> {
    let table = value.table(&["edge", "client", "default-place", "every-hop", "server"])?;
    let demand = |key| table.get(key).map_or(Ok(Demand::none()), read_demand);
    Ok(StageDemand {
        edge: table
            .get("edge")
            .map_or(Ok(EdgeDemand::default()), read_edge)?,
        every_hop: demand("every-hop")?,
        server: demand("server")?,
        client: demand("client")?,
        default_place: demand("default-place")?,
    })
}

fn read_edge(value: &Value<'_>) -> Result<EdgeDemand, Problem> {
    let table = value.table(&["to-client", "to-server"])?;
    let bandwidth = |key| match table.get(key) {
        Some(value) => parse_bandwidth(value.amount("\"4 Mbit/s\"")?)
            .map_err(|error| value.problem(error.message)),
        None => Ok(0),
    };
    Ok(EdgeDemand {
        to_client: bandwidth("to-client")?,
        to_server: bandwidth("to-server")?,
    })
}

fn read_demand(value: &Value<'_>) -> Result<Demand, Problem> {
    let mut demand = Demand::none();
    for (name, value) in value.entries()? {
        let resource = Resource::new(name).map_err(|_| {
            value.problem(format!(
                "{} is not a resource name: use a lower-case letter, then up to {} of a-z, 0-9, \
                 `.`, `_`, `-`",
                quote(name),
                Resource::MAX_NAME - 1
            ))
        })?;
        let amount = parse_amount(&resource, value.amount("\"64 MiB\"")?)
            .map_err(|error| value.problem(error.message))?;
        demand
            .add(&resource, amount)
            .map_err(|error| value.problem(error.to_string()))?;
    }
    Ok(demand)
}

fn read_component(value: &Value<'_>) -> Result<(Position, Component), Problem> {
    let table = value.table(&["at", "name", "runtime", "config"])?;
    let position = one_of(&table, "at", &POSITIONS)?;
    let name = table.required("name", "\"files\"")?.to_owned();
    let runtime = one_of(&table, "runtime", &RUNTIMES)?;
    let mut config = BTreeMap::new();
    if let Some(value) = table.get("config") {
        for (key, value) in value.entries()? {
            config.insert(key.to_owned(), value.string("\"film/high\"")?.to_owned());
        }
    }
    Ok((
        position,
        Component {
            name,
            runtime,
            config,
        },
    ))
}

/// The elements of a list that may be left out.
fn elements<'a>(table: &Table<'a>, key: &str, right: &str) -> Result<Vec<Value<'a>>, Problem> {
    table
        .get(key)
        .map_or(Ok(Vec::new()), |value| value.list(right))
}

/// The value of a key that takes certain words.
fn one_of<T: Copy>(table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Result<T, Problem> {
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    let example = format!("\"{}\"", names[names.len() - 1]);
    let value = table.get(key).ok_or_else(|| table.missing(key, &example))?;
    let text = value.string(&example)?;
    words
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, word)| *word)
        .ok_or_else(|| {
            let advice = nearest(text, &names).map(|n| format!("; did you mean `{n}`?"));
            let right = list(&names, "or");
            value.problem(format!(
                "must be {right}, not {}{}",
                quote(text),
                advice.unwrap_or_default()
            ))
        })
}
