//! Topologies: what is read, what becomes of it, and what is refused.

mod broken;
mod configs;
mod generators;
mod mapping;
mod mutated;
mod names;
mod readers;
mod specs;
mod tree_files;

use waybook_sim::topology::{Format, Graph, Quantities, Rule, Topology, TopologyError, import};

/// The samples that tell of one network, with their formats.
const VALLEY: [(&str, Format); 4] = [
    (include_str!("samples/valley.json"), Format::Json),
    (include_str!("samples/valley.graphml"), Format::GraphMl),
    (include_str!("samples/valley.gml"), Format::Gml),
    (include_str!("samples/valley.brite"), Format::Brite),
];
const DRAWN: &str = include_str!("samples/drawn.graphml");
const SNDLIB: &str = include_str!("samples/sndlib.gml");

fn read(text: &str, format: Format) -> Result<Graph, TopologyError> {
    Graph::read(text, format, &Quantities::default())
}

/// A graph from lines such as `a b 5`: two ids, and the latency in milliseconds or nothing.
/// A line with one id is a node; nodes come in the order in which they are named.
fn graph(lines: &str) -> Graph {
    let mut ids: Vec<&str> = Vec::new();
    let mut links = String::new();
    for line in lines.lines().filter(|l| !l.trim().is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        for id in words.iter().take(2) {
            if !ids.contains(id) {
                ids.push(id);
            }
        }
        if let [a, b, rest @ ..] = words.as_slice() {
            let delay = rest.first().map_or(String::new(), |d| format!("delay {d}"));
            links += &format!("edge [ source \"{a}\" target \"{b}\" {delay} ]\n");
        }
    }
    let nodes: String = ids
        .iter()
        .map(|id| format!("node [ id \"{id}\" ]\n"))
        .collect();
    read(&format!("graph [ {nodes} {links} ]"), Format::Gml).unwrap()
}

/// The tree of a graph, as its names.
fn tree(graph: Graph, rule: &Rule) -> Vec<String> {
    names(&import(graph, rule).unwrap().0)
}

fn names(topology: &Topology) -> Vec<String> {
    let places = topology.places().iter();
    places.map(|p| p.name.to_string()).collect()
}
