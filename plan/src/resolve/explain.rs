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
/// not there, or cannot be there together. `gap` is why more may be there than is known.
pub(super) fn explain(
    catalogue: &Catalogue<'_>,
    found: &ConflictGraph,
    gap: Option<&str>,
) -> Conflict {
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
        .map(|set| lacking(catalogue, set, gap))
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
fn lacking(catalogue: &Catalogue<'_>, set: VersionSetId, gap: Option<&str>) -> String {
    let (name, range) = catalogue.range(set);
    let releases = catalogue.releases_of(set);
    let first = releases.iter().take(MOST_VERSIONS).rev();
    let first: Vec<_> = first.map(|(_, r)| r.version.to_string()).collect();
    let there = match (first.as_slice(), releases.len() > MOST_VERSIONS) {
        ([], _) => return unknown(name, gap),
        ([one], _) => format!("there is only {one}"),
        (several, false) => format!("there are {}", several.join(", ")),
        (several, true) => format!("the newest are {}", several.join(", ")),
    };
    let hint = match releases.first() {
        Some((_, newest)) if !newest.version.pre.is_empty() => {
            "; a pre-release has to be named by the range"
        }
        _ => "",
    };
    let gap = gap.map_or(String::new(), |gap| {
        format!("; there may be others, but {gap}")
    });
    format!(
        "no version of {} matches {range}: {there}{hint}{gap}",
        quote(name)
    )
}

/// That there is no release of that name, or that none is known.
pub(super) fn unknown(name: &str, gap: Option<&str>) -> String {
    let name = quote(name);
    match gap {
        None => format!("there is no release of {name}"),
        Some(gap) => format!("no release of {name} is known, and {gap}"),
    }
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
