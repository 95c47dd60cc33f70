//! From a graph to a location tree, by a [`Rule`].

use std::cmp::Reverse;
use std::time::Duration;

use super::classes::Classes;
use super::error::{TopologyError, count, quote, some};
use super::graph::{Graph, Node};
use super::label::label;
use super::limits::MOST_FOR_CENTRE;
use super::merge::{Merged, merge};
use super::naming;
use super::paths::{Length, Network, Reached};
use super::report::Report;
use super::rule::{Measure, Root, Rule, Unconnected};
use super::sketch::Sketch;
use super::stretch;
use super::tree::{Edge, Topology};

/// Makes a location tree of a graph, and says what became of it.
///
/// # Errors
/// [`TopologyError`] if the graph cannot be mapped by the rule: it is in several parts, the root is
/// none of its nodes or not the only one of that label, links have no latency, the tree is deeper
/// than names can be, two places have one name.
pub fn import(mut graph: Graph, rule: &Rule) -> Result<(Topology, Report), TopologyError> {
    let mut report = Report {
        nodes: graph.nodes.len(),
        links: graph.links.len(),
        notes: std::mem::take(&mut graph.notes),
        ..Report::default()
    };
    give_latencies(&mut graph, rule, &mut report);
    let merged = merge(&graph);
    report.self_loops = merged.self_loops;
    report.parallel = merged.parallel;
    report.one_way = merged.one_way;
    let (graph, links) = connected(graph, merged.links, rule, &mut report)?;
    if rule.measure == Measure::Latency {
        check_latencies(&graph, &links)?;
    }
    let network = Network::new(&graph, &lengths(&links, rule.measure));
    let root = root(&graph, &network, rule)?;
    report.root = called(&graph.nodes[root as usize]);
    let reached = network.from(root);
    let sketch = sketch(&graph, &links, &network, &reached, root, rule, &mut report)?;
    let (sketch, order) = sketch;
    let topology = sketch.finish(&rule.classes)?;
    report.places = topology.len();
    report.lost = links.len() - (topology.len() - 1);
    stretch::measure(&graph, &links, &reached, &order, &mut report);
    Ok((topology, report))
}

/// Gives latencies to links that have none, as far as the rule says, and counts whence they are.
fn give_latencies(graph: &mut Graph, rule: &Rule, report: &mut Report) {
    let stated = graph.links.iter().filter(|l| l.latency.is_some()).count();
    report.latencies.stated = stated;
    if let Some(speed) = rule.speed {
        let (lengths, positions) = graph.latency_from_distance(speed);
        report.latencies.lengths = lengths;
        report.latencies.positions = positions;
    }
    for link in &mut graph.links {
        if link.latency.is_none() {
            link.latency = rule.missing_latency;
            match link.latency {
                Some(_) => report.latencies.assumed += 1,
                None => report.latencies.missing += 1,
            }
        }
    }
}

/// The part of the graph that becomes a tree.
fn connected(
    graph: Graph,
    links: Vec<Merged>,
    rule: &Rule,
    report: &mut Report,
) -> Result<(Graph, Vec<Merged>), TopologyError> {
    let components = Network::new(&graph, &lengths(&links, Measure::Hops)).components();
    if components.len() < 2 {
        return Ok((graph, links));
    }
    if rule.unconnected == Unconnected::Refuse {
        return Err(unconnected(&graph, &components));
    }
    let mut numbers = vec![None; graph.nodes.len()];
    // In the order of the file.
    let mut kept = components[0].clone();
    kept.sort_unstable();
    report.unconnected = graph.nodes.len() - kept.len();
    for (number, node) in kept.iter().enumerate() {
        numbers[*node as usize] = Some(number);
    }
    let links = links
        .into_iter()
        .filter_map(|link| {
            let (a, b) = (numbers[link.a]?, numbers[link.b]?);
            Some(Merged { a, b, ..link })
        })
        .collect();
    let nodes = graph.nodes.into_iter().zip(&numbers);
    let graph = Graph {
        nodes: nodes.filter_map(|(n, kept)| kept.map(|_| n)).collect(),
        ..Graph::default()
    };
    Ok((graph, links))
}

fn unconnected(graph: &Graph, components: &[Vec<u32>]) -> TopologyError {
    const MOST: usize = 8;
    let mut message = format!(
        "the graph is in {} parts that no link joins, and a location tree is one; join them, or take \
         `unconnected = \"largest\"` to leave all but the largest out:",
        components.len()
    );
    for component in components.iter().take(MOST) {
        let names = component.iter().map(|n| called(&graph.nodes[*n as usize]));
        message += &format!("\n  {}: {}", count(component.len(), "node"), some(names));
    }
    if components.len() > MOST {
        message += &format!("\n  and {} more", count(components.len() - MOST, "part"));
    }
    TopologyError::whole(message)
}

/// A node for messages: its id, and its label if it has another.
pub(super) fn called(node: &Node) -> String {
    match &node.label {
        Some(label) if *label != node.id => format!("{} ({label})", node.id),
        _ => node.id.clone(),
    }
}

fn check_latencies(graph: &Graph, links: &[Merged]) -> Result<(), TopologyError> {
    let without: Vec<_> = links.iter().filter(|l| l.latency.is_none()).collect();
    if without.is_empty() {
        return Ok(());
    }
    let names = without.iter().map(|link| {
        let id = |node: usize| called(&graph.nodes[node]);
        format!("{} to {}", id(link.a), id(link.b))
    });
    Err(TopologyError::whole(format!(
        "{} of {} without a latency, and without a length or positions to reckon it from: {}; give \
         `missing-latency`, name the attribute with `latency`, or take `rule = \"hops\"`",
        without.len(),
        count(links.len(), "link"),
        some(names)
    )))
}

/// The links with their lengths by a measure.
pub(super) fn lengths(links: &[Merged], measure: Measure) -> Vec<(usize, usize, Length)> {
    let all = links.iter().all(|l| l.latency.is_some());
    let length = |link: &Merged| {
        let time = if all { nanos(link.latency) } else { 0 };
        match measure {
            Measure::Latency => (time, 1),
            Measure::Hops => (1, time),
        }
    };
    links.iter().map(|l| (l.a, l.b, length(l))).collect()
}

fn nanos(latency: Option<Duration>) -> u64 {
    // At most an hour, so it fits.
    latency.map_or(0, |l| l.as_nanos() as u64)
}

fn root(graph: &Graph, network: &Network, rule: &Rule) -> Result<u32, TopologyError> {
    let with = |wanted: &dyn Fn(&Node) -> bool| {
        let nodes = graph.nodes.iter().enumerate();
        nodes
            .filter(|(_, n)| wanted(n))
            .map(|(i, _)| i as u32)
            .collect::<Vec<_>>()
    };
    let by_id = |id: &str| with(&|n| n.id == id);
    let by_label = |label: &str| with(&|n| n.label.as_deref() == Some(label));
    let (name, found) = match &rule.root {
        Root::Centre | Root::Centroid => return middle(network, &rule.root),
        Root::Id(id) => (id, by_id(id)),
        Root::Label(label) => (label, by_label(label)),
        Root::Named(name) => {
            let found = by_id(name);
            (
                name,
                if found.is_empty() {
                    by_label(name)
                } else {
                    found
                },
            )
        }
    };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let near = graph.nodes.iter().filter(|n| {
                let alike = |text: &str| label(text) == label(name);
                alike(&n.id) || n.label.as_deref().is_some_and(alike)
            });
            let near: Vec<_> = near.map(called).collect();
            let hint = match near.is_empty() {
                true => format!("there are {}", some(graph.nodes.iter().map(called))),
                false => format!("is it {}?", some(near)),
            };
            Err(TopologyError::whole(format!(
                "no node of the part that becomes the tree has the id or label {} to be the root; {hint}",
                quote(name)
            )))
        }
        several => {
            let names = several.iter().map(|n| called(&graph.nodes[*n as usize]));
            Err(TopologyError::whole(format!(
                "{} nodes have the label {}: {}; choose the root by `id:`",
                several.len(),
                quote(name),
                some(names)
            )))
        }
    }
}

/// The centre or the centroid.
fn middle(network: &Network, which: &Root) -> Result<u32, TopologyError> {
    if network.len() as u64 * network.links() as u64 > MOST_FOR_CENTRE {
        return Err(TopologyError::whole(format!(
            "the graph has {} and {}; its `{which}` is looked for while their product is at most \
             {MOST_FOR_CENTRE}, as that measures all pairs: name the root",
            count(network.len(), "node"),
            count(network.links(), "link")
        )));
    }
    let merit = |node: u32| {
        let lengths = network.from(node).into_iter().flatten().map(|r| r.length);
        let merit = match which {
            Root::Centroid => lengths.fold((0, 0), |(a, b), (c, d)| {
                (a + u128::from(c), b + u128::from(d))
            }),
            _ => {
                let (a, b) = lengths.max().unwrap_or_default();
                (u128::from(a), u128::from(b))
            }
        };
        (merit, network.rank[node as usize])
    };
    (0..network.len() as u32)
        .min_by_key(|node| merit(*node))
        .ok_or_else(|| TopologyError::whole("the graph has no nodes"))
}

/// The tree of the reached nodes, and the node behind every place of the sketch.
fn sketch(
    graph: &Graph,
    links: &[Merged],
    network: &Network,
    reached: &[Option<Reached>],
    root: u32,
    rule: &Rule,
    report: &mut Report,
) -> Result<(Sketch, Vec<u32>), TopologyError> {
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); graph.nodes.len()];
    for (node, reached) in reached.iter().enumerate() {
        if let Some((before, _)) = reached.and_then(|r| r.before) {
            children[before as usize].push(node as u32);
        }
    }
    for siblings in &mut children {
        siblings.sort_by_key(|node| Reverse(network.rank[*node as usize]));
        siblings.reverse();
    }
    let labels = naming::labels(graph, &children, root, rule, report)?;
    let mut sketch = Sketch::default();
    let mut order: Vec<u32> = Vec::with_capacity(graph.nodes.len());
    let mut ahead = vec![(root, 0, Edge::default())];
    while let Some((node, parent, edge)) = ahead.pop() {
        let place = sketch.add(parent, &labels[node as usize], edge)?;
        order.push(node);
        let attributes = &graph.nodes[node as usize].attributes;
        if let Classes::Attribute(name) = &rule.classes
            && let Some(class) = attributes.get(name).and_then(|v| label(&v.to_string()))
        {
            sketch.set_class(place, &class)?;
        }
        for child in &children[node as usize] {
            let before = reached[*child as usize].and_then(|r| r.before);
            let link = before.map(|(_, link)| links[link as usize]);
            let edge = link.map_or_else(Edge::default, |link| {
                let (down, up) = match link.a == node as usize {
                    true => (link.forward, link.back),
                    false => (link.back, link.forward),
                };
                Edge {
                    latency: link.latency,
                    down,
                    up,
                }
            });
            ahead.push((*child, place, edge));
        }
    }
    Ok((sketch, order))
}
