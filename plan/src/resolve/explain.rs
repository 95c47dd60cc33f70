//! Why releases cannot be chosen, in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};
use resolvo::{Requirement, SolvableId, VersionSetId};
use semver::VersionReq;

use super::Conflict;
use super::catalogue::Catalogue;
use crate::Release;
use crate::text::quote;

/// Sentences in one explanation. What is left out then is the same over again, for other
/// versions.
const MOST_SENTENCES: usize = 12;
/// Versions that one sentence lists.
const MOST_VERSIONS: usize = 3;

/// Tells what the solver found to be in the way: who asks for what, and what of that is
/// not there, or cannot be there together.
pub(super) fn explain(catalogue: &Catalogue<'_>, found: &ConflictGraph) -> Conflict {
    let graph = &found.graph;
    let mut asked = BTreeSet::new();
    let mut needs: BTreeMap<(&str, VersionSetId), BTreeSet<SolvableId>> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    let mut single = BTreeSet::new();
    for edge in graph.edge_indices() {
        let Some((from, to)) = graph.edge_endpoints(edge) else {
            continue;
        };
        match (graph[edge], graph[from], graph[to]) {
            (ConflictEdge::Requires(Requirement::Single(set)), asker, needed) => {
                if needed == ConflictNode::UnresolvedDependency {
                    missing.insert(set);
                }
                match asker {
                    ConflictNode::Solvable(id) => {
                        let name = catalogue.release(id).name.as_str();
                        needs.entry((name, set)).or_default().insert(id);
                    }
                    _ => {
                        asked.insert(set);
                    }
                }
            }
            (
                ConflictEdge::Conflict(ConflictCause::ForbidMultipleInstances),
                ConflictNode::Solvable(one),
                _,
            ) => {
                single.insert(catalogue.release(one).name.as_str());
            }
            _ => {}
        }
    }

    let reference = |set| {
        let (name, range) = catalogue.range(set);
        written(name, range)
    };
    let mut sentences = Vec::new();
    if !asked.is_empty() {
        let are = if asked.len() == 1 { "is" } else { "are" };
        let asked: Vec<_> = asked.into_iter().map(reference).collect();
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        sentences.push(format!("{} {are} asked for", listed(&asked)));
    }
    for ((name, set), ids) in needs {
        let askers: Vec<_> = ids.into_iter().map(|id| catalogue.release(id)).collect();
        sentences.push(format!(
            "{} needs {}",
            versions(name, &askers),
            quote(&reference(set))
        ));
    }
    let more = sentences.len().saturating_sub(MOST_SENTENCES);
    sentences.truncate(MOST_SENTENCES);
    if more > 0 {
        sentences.push(format!("there are {more} more such needs"));
    }
    let mut ends: Vec<_> = missing
        .into_iter()
        .map(|set| lacking(catalogue, set))
        .collect();
    // Of what is not there at all, it does not matter how often it may be there.
    if ends.is_empty() {
        ends.extend(single.iter().map(|name| {
            let name = quote(name);
            format!("one version of {name} cannot suit all of them")
        }));
    }
    let more = ends.len().saturating_sub(MOST_SENTENCES);
    ends.truncate(MOST_SENTENCES);
    if more > 0 {
        ends.push(format!("there are {more} more that lack"));
    }
    sentences.extend(ends);
    Conflict::new(sentences.join("; "))
}

/// That nothing known is in a range.
fn lacking(catalogue: &Catalogue<'_>, set: VersionSetId) -> String {
    let (name, range) = catalogue.range(set);
    let Some(newest) = catalogue.newest(set) else {
        return unknown(name).0;
    };
    let only = match newest.version.pre.is_empty() {
        true => "",
        false => ", a pre-release, which a range has to name",
    };
    format!(
        "there is no release {}: the newest is {}{only}",
        quote(&written(name, range)),
        newest.version
    )
}

/// That there is no release of that name.
pub(super) fn unknown(name: &str) -> Conflict {
    Conflict::new(format!("there is no release of {}", quote(name)))
}

/// That releases depend on each other: each on the next, and the last on the first.
pub(super) fn circle(releases: &[&Arc<Release>]) -> Conflict {
    let mut names: Vec<_> = releases.iter().map(|r| quote(&r.reference())).collect();
    names.extend(names.first().cloned());
    Conflict::new(format!(
        "{}: components that depend on each other in a circle cannot stand in a chain",
        names.join(" needs ")
    ))
}

/// A reference as one would write it.
fn written(name: &str, range: &VersionReq) -> String {
    match *range == VersionReq::STAR {
        true => name.to_owned(),
        false => format!("{name}@{range}"),
    }
}

/// Some releases of one name.
fn versions(name: &str, releases: &[&Arc<Release>]) -> String {
    if let [one] = releases {
        return quote(&one.reference());
    }
    let first = releases.iter().take(MOST_VERSIONS);
    let mut versions: Vec<_> = first.map(|r| r.version.to_string()).collect();
    let more = releases.len().saturating_sub(MOST_VERSIONS);
    if more > 0 {
        versions.push(format!("{more} more"));
    }
    format!("{} ({})", quote(name), versions.join(", "))
}

/// The first of these texts.
pub(super) fn listed(texts: &[&str]) -> String {
    const MOST: usize = 8;
    let mut first: Vec<_> = texts.iter().take(MOST).map(|text| quote(text)).collect();
    if texts.len() > MOST {
        first.push(format!("{} more", texts.len() - MOST));
    }
    match first.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => first.concat(),
    }
}
