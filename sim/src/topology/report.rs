//! What became of a graph as a tree was made of it.

use std::fmt;

use serde::Serialize;

use super::error::{count, some};

/// What became of a graph as a location tree was made of it. Its text is for people.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// The nodes of the graph.
    pub nodes: usize,
    /// The links of the graph, all of them.
    pub links: usize,
    /// The places of the tree.
    pub places: usize,
    /// The id of the node that became the root, with its label if it has one.
    pub root: String,
    /// Links of a node to itself, left out.
    pub self_loops: usize,
    /// Links beside a better one between the same nodes, left out.
    pub parallel: usize,
    /// Directed links that none faces; they count for both directions.
    pub one_way: usize,
    /// Nodes of other parts of the graph, left out.
    pub unconnected: usize,
    /// Links between places that are not in the tree, parallel ones not counted.
    pub lost: usize,
    /// Where the latencies of the remaining links come from.
    pub latencies: Latencies,
    /// Places whose labels were taken by a sibling: the id of the node, and the label it has now.
    pub renamed: Vec<(String, String)>,
    /// How much longer paths in the tree are, in hops.
    pub hops: Stretch,
    /// The same in time, if every link has a latency.
    pub latency: Option<Stretch>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// How many links have their latency from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Latencies {
    /// From the file.
    pub stated: usize,
    /// From a length in the file.
    pub lengths: usize,
    /// From the positions of the ends.
    pub positions: usize,
    /// The one that the rule gives to links without.
    pub assumed: usize,
    /// None.
    pub missing: usize,
}

/// How much longer the paths of the tree are than the shortest of the graph: the distance in
/// the tree over that in the graph, over pairs of nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Stretch {
    /// How many pairs were measured; those at no distance are not.
    pub pairs: u64,
    /// Whether these are all pairs, or those of some nodes with all others.
    pub all: bool,
    /// The mean; 1 if there is no pair.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
    /// The names of the places of the greatest.
    pub worst: Option<(String, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} with {} became {} below {}.",
            count(self.nodes, "node"),
            count(self.links, "link"),
            count(self.places, "place"),
            self.root
        )?;
        writeln!(f, "{} not in the tree.", are(self.lost, "link"))?;
        for (number, what, why) in [
            (self.self_loops, "self loop", "left out"),
            (self.parallel, "parallel link", "left out"),
            (self.one_way, "one-way link", "taken for both directions"),
            (
                self.unconnected,
                "node",
                "not connected to these and left out",
            ),
        ] {
            if number > 0 {
                writeln!(f, "{} {why}.", are(number, what))?;
            }
        }
        let l = &self.latencies;
        for (number, whence) in [
            (l.stated, "from the file"),
            (l.lengths, "from its length"),
            (l.positions, "from the positions of its ends"),
            (l.assumed, "assumed"),
            (l.missing, "left to the scenario"),
        ] {
            if number > 0 {
                writeln!(f, "{}: latency {whence}.", count(number, "link"))?;
            }
        }
        writeln!(f, "Hops: {}.", self.hops)?;
        if let Some(stretch) = &self.latency {
            writeln!(f, "Latency: {stretch}.")?;
        }
        if !self.renamed.is_empty() {
            let names = self.renamed.iter().map(|(_, name)| name);
            let number = count(self.renamed.len(), "place");
            writeln!(f, "{number} renamed: {}.", some(names))?;
        }
        for note in &self.notes {
            writeln!(f, "{note}.")?;
        }
        Ok(())
    }
}

fn are(number: usize, what: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number, what))
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "paths are {:.2} times as long as in the graph on average, at most {:.2} times, over {}{}",
            self.mean,
            self.max,
            if self.all { "all " } else { "" },
            count(usize::try_from(self.pairs).unwrap_or(usize::MAX), "pair")
        )?;
        if let Some((a, b)) = &self.worst {
            write!(f, " (worst: {a} and {b})")?;
        }
        Ok(())
    }
}
