//! How much longer paths are in the tree than in the graph.

use super::graph::Graph;
use super::mapping::{called, lengths};
use super::merge::Merged;
use super::paths::{Length, Network, Reached};
use super::report::{Report, Stretch};
use super::rule::Measure;

/// Up to so many nodes, all pairs are measured.
const ALL_PAIRS: usize = 512;
/// Of larger graphs so many nodes, evenly spread in the order of ids, with all others; fewer if the
/// graph has very many links.
const SOURCES: usize = 64;
/// The product of these nodes and the links, but for a few nodes that are always taken.
const WORK: usize = 1 << 23;

/// Measures the stretch in hops, and in time if every link has a latency. `order` names the nodes
/// of the tree, each after its parent.
pub(super) fn measure(
    graph: &Graph,
    links: &[Merged],
    reached: &[Option<Reached>],
    order: &[u32],
    report: &mut Report,
) {
    let walk = Walk {
        graph,
        reached,
        order,
    };
    report.hops = walk.stretch(&lengths(links, Measure::Hops));
    if links.iter().all(|l| l.latency.is_some()) {
        report.latency = Some(walk.stretch(&lengths(links, Measure::Latency)));
    }
}

struct Walk<'a> {
    graph: &'a Graph,
    reached: &'a [Option<Reached>],
    order: &'a [u32],
}

impl Walk<'_> {
    /// The stretch by the first part of the links' lengths.
    fn stretch(&self, links: &[(usize, usize, Length)]) -> Stretch {
        // Without the part that decides between equals: two paths of one length are alike here.
        let first: Vec<_> = links.iter().map(|(a, b, l)| (*a, *b, (l.0, 0))).collect();
        let network = Network::new(self.graph, &first);
        let mut by_rank: Vec<u32> = (0..network.len() as u32).collect();
        by_rank.sort_by_key(|node| network.rank[*node as usize]);
        let all = by_rank.len() <= ALL_PAIRS;
        let sources = match all {
            true => by_rank.len(),
            false => (WORK / network.links().max(1)).clamp(4, SOURCES),
        };
        let step = by_rank.len().div_ceil(sources);
        let (mut pairs, mut sum, mut max, mut worst) = (0u64, 0.0, 1.0, None);
        for source in by_rank.iter().step_by(step) {
            let in_graph = network.from(*source);
            let in_tree = self.in_tree(*source, links);
            // In the order of ids, that neither the sum nor the worst depends on the file's.
            for (rank, node) in by_rank.iter().enumerate() {
                let short = in_graph[*node as usize].map_or(0, |r| r.length.0);
                // Of all pairs, each once.
                if short == 0 || all && rank < network.rank[*source as usize] as usize {
                    continue;
                }
                let ratio = in_tree[*node as usize] as f64 / short as f64;
                pairs += 1;
                sum += ratio;
                if ratio > max {
                    max = ratio;
                    let name = |node: usize| called(&self.graph.nodes[node]);
                    worst = Some((name(*source as usize), name(*node as usize)));
                }
            }
        }
        let mean = match pairs {
            0 => 1.0,
            pairs => sum / pairs as f64,
        };
        Stretch {
            pairs,
            all,
            mean,
            max,
            worst,
        }
    }

    /// The distances from a node to all others along the tree.
    fn in_tree(&self, source: u32, links: &[(usize, usize, Length)]) -> Vec<u64> {
        let up = |node: u32| self.reached[node as usize].and_then(|r| r.before);
        let cost = |link: u32| links[link as usize].2.0;
        let mut distance: Vec<Option<u64>> = vec![None; self.reached.len()];
        // The way to the root first; all others are below one of its nodes.
        let (mut at, mut so_far) = (source, 0);
        distance[at as usize] = Some(0);
        while let Some((parent, link)) = up(at) {
            so_far += cost(link);
            distance[parent as usize] = Some(so_far);
            at = parent;
        }
        for node in self.order {
            if distance[*node as usize].is_some() {
                continue;
            }
            let above = up(*node).and_then(|(p, link)| Some(distance[p as usize]? + cost(link)));
            distance[*node as usize] = above;
        }
        distance.into_iter().map(|d| d.unwrap_or(0)).collect()
    }
}
