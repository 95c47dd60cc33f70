//! Shortest paths in graphs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::Graph;

/// The length of a path: what the rule measures first, then what decides between equals.
pub(super) type Length = (u64, u64);

/// A graph as paths see it: no loops, no parallel links, every link in both directions.
pub(super) struct Network {
    /// The end of every node's list in `ends`.
    starts: Vec<usize>,
    ends: Vec<End>,
    /// The place of every node in the order of ids, by which ties are broken.
    pub(super) rank: Vec<u32>,
}

/// A link as one of its ends sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The node at the other end.
    pub(super) to: u32,
    /// The index of the link among those of the network.
    pub(super) link: u32,
    pub(super) length: Length,
}

/// A node's place on the shortest paths from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) length: Length,
    /// The node before, and the link from there; none for the source.
    pub(super) before: Option<(u32, u32)>,
}

impl Network {
    /// The network of links `(a, b, length)` between the nodes of a graph.
    pub(super) fn new(graph: &Graph, links: &[(usize, usize, Length)]) -> Self {
        let nodes = graph.nodes.len();
        let mut starts = vec![0; nodes + 1];
        for (a, b, _) in links {
            starts[a + 1] += 1;
            starts[b + 1] += 1;
        }
        for index in 1..=nodes {
            starts[index] += starts[index - 1];
        }
        let nowhere = End {
            to: 0,
            link: 0,
            length: (0, 0),
        };
        let mut ends = vec![nowhere; 2 * links.len()];
        let mut next = starts.clone();
        for (index, (a, b, length)) in links.iter().enumerate() {
            for (here, there) in [(a, b), (b, a)] {
                ends[next[*here]] = End {
                    to: *there as u32,
                    link: index as u32,
                    length: *length,
                };
                next[*here] += 1;
            }
        }
        Self {
            starts,
            ends,
            rank: ranks(graph),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rank.len()
    }

    /// How many links there are.
    pub(super) fn links(&self) -> usize {
        self.ends.len() / 2
    }

    pub(super) fn ends(&self, node: u32) -> &[End] {
        let node = node as usize;
        &self.ends[self.starts[node]..self.starts[node + 1]]
    }

    /// Where every node is on the shortest paths from a source (Dijkstra, 1959). Of equally
    /// short paths to a node, the one is taken whose last node but one has the least id.
    pub(super) fn from(&self, source: u32) -> Vec<Option<Reached>> {
        let mut reached: Vec<Option<Reached>> = vec![None; self.len()];
        let mut ahead = BinaryHeap::new();
        reached[source as usize] = Some(Reached {
            length: (0, 0),
            before: None,
        });
        ahead.push(Reverse(((0, 0), source)));
        while let Some(Reverse((length, node))) = ahead.pop() {
            if reached[node as usize].is_some_and(|r| r.length < length) {
                continue;
            }
            for end in self.ends(node) {
                let new = (length.0 + end.length.0, length.1 + end.length.1);
                let known = &mut reached[end.to as usize];
                let better = match known {
                    None => true,
                    Some(Reached { length, before }) => {
                        let by_id = |before: &Option<(u32, u32)>| {
                            before.is_some_and(|(b, _)| {
                                self.rank[node as usize] < self.rank[b as usize]
                            })
                        };
                        new < *length || new == *length && by_id(before)
                    }
                };
                if !better {
                    continue;
                }
                let shorter = known.is_none_or(|r| new < r.length);
                *known = Some(Reached {
                    length: new,
                    before: Some((node, end.link)),
                });
                if shorter {
                    ahead.push(Reverse((new, end.to)));
                }
            }
        }
        reached
    }

    /// The parts that hang together, each in the order of ids; the largest first, equally
    /// large ones by their first id.
    pub(super) fn components(&self) -> Vec<Vec<u32>> {
        let mut by_rank: Vec<u32> = (0..self.len() as u32).collect();
        by_rank.sort_by_key(|node| self.rank[*node as usize]);
        let mut seen = vec![false; self.len()];
        let mut components = Vec::new();
        for start in by_rank {
            if std::mem::replace(&mut seen[start as usize], true) {
                continue;
            }
            let mut component = vec![start];
            let mut at = 0;
            while let Some(node) = component.get(at).copied() {
                at += 1;
                for end in self.ends(node) {
                    if !std::mem::replace(&mut seen[end.to as usize], true) {
                        component.push(end.to);
                    }
                }
            }
            component.sort_by_key(|node| self.rank[*node as usize]);
            components.push(component);
        }
        // Stable, so equally large ones stay in the order of ids.
        components.sort_by_key(|c| Reverse(c.len()));
        components
    }
}

/// The place of every node in the order of ids: whole numbers as numbers, and before texts.
fn ranks(graph: &Graph) -> Vec<u32> {
    let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
    let key = |node: &usize| {
        let id = graph.nodes[*node].id.as_str();
        (id.parse::<i64>().map_err(|_| ()), id)
    };
    // `Ok` is less than `Err`: numbers come first.
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut rank = vec![0; order.len()];
    for (place, node) in order.into_iter().enumerate() {
        rank[node] = place as u32;
    }
    rank
}
