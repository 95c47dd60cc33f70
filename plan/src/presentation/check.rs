//! The promises of a presentation, for those from files and from other places alike.

use std::collections::BTreeSet;

use super::{Presentation, Quality};
use crate::file::{Problem, Trail};
use crate::text::{check_name, quote};
use crate::{Component, Demand, Resource, Runtime, split_reference};

pub(super) fn check(presentation: &Presentation) -> Result<(), Problem> {
    let root = Trail::Top;
    named(
        &root.key("title"),
        &presentation.title,
        Presentation::MAX_TITLE,
    )?;
    let at = root.key("description");
    at_most(
        &at,
        "bytes",
        presentation.description.len(),
        Presentation::MAX_DESCRIPTION,
    )?;
    printable(&at, &presentation.description)?;

    let at = root.key("servers");
    at_most(
        &at,
        "entries",
        presentation.servers.len(),
        Presentation::MAX_SERVERS,
    )?;
    let mut seen = BTreeSet::new();
    for (index, server) in presentation.servers.iter().enumerate() {
        if !seen.insert(server) {
            return Err(at
                .element(index, None)
                .problem(format!("`{server}` is listed twice")));
        }
    }

    let cut = presentation.when_cut.check();
    cut.map_err(|why| root.key("lost-after").problem(why))?;

    let at = root.key("quality");
    if presentation.qualities.is_empty() {
        return Err(at.problem("this is missing; write at least one [[quality]] with a name"));
    }
    at_most(
        &at,
        "entries",
        presentation.qualities.len(),
        Presentation::MAX_QUALITIES,
    )?;
    let mut seen = BTreeSet::new();
    for (index, quality) in presentation.qualities.iter().enumerate() {
        let at = at.element(index, Some(&quality.name));
        named(&at.key("name"), &quality.name, Presentation::MAX_NAME)?;
        if !seen.insert(&quality.name) {
            let message = format!(
                "an earlier quality is called {} too; give each its own name",
                quote(&quality.name)
            );
            return Err(at.key("name").problem(message));
        }
        check_quality(&at, quality)?;
    }
    Ok(())
}

fn check_quality(at: &Trail<'_>, quality: &Quality) -> Result<(), Problem> {
    let demand_at = at.key("demand");
    let mut sum = Demand::none();
    for (name, demand) in quality.demand.of_places() {
        let at = demand_at.key(name);
        at_most(
            &at,
            "kinds of resource",
            demand.iter().count(),
            Presentation::MAX_KINDS,
        )?;
        for (resource, _) in demand.iter() {
            if matches!(resource.as_str(), Resource::DOWN | Resource::UP) {
                let message = "bandwidth belongs to edges; write it in demand.edge, as to-client \
                               and to-server";
                return Err(at.key(resource.as_str()).problem(message));
            }
        }
        // Edges need no sum: a place has one, which is passed in one direction.
        sum.add_all(demand).map_err(|e| {
            let message = format!("together with the demands for other places: {e}");
            at.problem(message)
        })?;
    }

    let at = at.key("component");
    at_most(
        &at,
        "entries",
        quality.components.len(),
        Presentation::MAX_COMPONENTS,
    )?;
    for (index, (_, component)) in quality.components.iter().enumerate() {
        check_component(&at.element(index, Some(&component.name)), component)?;
    }
    Ok(())
}

fn check_component(at: &Trail<'_>, component: &Component) -> Result<(), Problem> {
    let name_at = at.key("name");
    match component.runtime {
        Runtime::Wasm => split_reference(&component.name)
            .map(drop)
            .map_err(|error| name_at.problem(error.to_string()))?,
        Runtime::Builtin | Runtime::Process => {
            named(&name_at, &component.name, Presentation::MAX_NAME)?;
        }
    }
    let at = at.key("config");
    at_most(
        &at,
        "entries",
        component.config.len(),
        Presentation::MAX_SETTINGS,
    )?;
    let bytes = component
        .config
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    at_most(&at, "bytes", bytes, Presentation::MAX_SETTINGS_BYTES)?;
    for (key, value) in &component.config {
        named(&at.key(key), key, Presentation::MAX_NAME)?;
        printable(&at.key(key), value)?;
    }
    Ok(())
}

fn named(at: &Trail<'_>, text: &str, most: usize) -> Result<(), Problem> {
    check_name(text, most).map_err(|message| at.problem(message))
}

fn at_most(at: &Trail<'_>, what: &str, found: usize, most: usize) -> Result<(), Problem> {
    if found > most {
        return Err(at.problem(format!("has {found} {what}; at most {most} are allowed")));
    }
    Ok(())
}

/// Lines and tabs are fine in a description or a setting; what steers a terminal, or
/// ends a string in a process's environment, is not.
fn printable(at: &Trail<'_>, text: &str) -> Result<(), Problem> {
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        return Err(at.problem("must not contain control characters other than lines and tabs"));
    }
    Ok(())
}
