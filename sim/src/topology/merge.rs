//! One link where a file has several.
//!
//! Between two places of a tree there is one edge with one latency and a bandwidth for each
//! direction. So two directed links that face each other become one, whose latency is the mean of
//! theirs (a round trip takes as long as before); of parallel ones the least latency is kept, then
//! the greatest bandwidth, then the first; a link of a node to itself is left out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::graph::{Graph, Link};

/// The one link between two nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) latency: Option<Duration>,
    /// Bit/s from `a` to `b`.
    pub(super) forward: Option<u64>,
    /// Bit/s from `b` to `a`.
    pub(super) back: Option<u64>,
}

/// The links of a graph, at most one between any two nodes, by the nodes' indices; and how many
/// were left out.
pub(super) struct MergedLinks {
    pub(super) links: Vec<Merged>,
    pub(super) self_loops: usize,
    pub(super) parallel: usize,
    /// Directed links that none faces.
    pub(super) one_way: usize,
}

/// The best links between two nodes so far: without direction, there and back.
type Best<'a> = [Option<&'a Link>; 3];

pub(super) fn merge(graph: &Graph) -> MergedLinks {
    let mut pairs: BTreeMap<(usize, usize), Best<'_>> = BTreeMap::new();
    let mut self_loops = 0;
    for link in &graph.links {
        if link.from == link.to {
            self_loops += 1;
            continue;
        }
        let pair = (link.from.min(link.to), link.from.max(link.to));
        let slot = match (link.directed, link.from < link.to) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        let best = &mut pairs.entry(pair).or_default()[slot];
        if best.is_none_or(|best| merit(link) < merit(best)) {
            *best = Some(link);
        }
    }
    let (mut links, mut used, mut one_way) = (Vec::with_capacity(pairs.len()), 0, 0);
    for ((a, b), [both, there, back]) in pairs {
        let single = |link: &Link| {
            let turned = link.from != a;
            let (forward, back) = match turned {
                true => (link.back, link.forward),
                false => (link.forward, link.back),
            };
            Merged {
                a,
                b,
                latency: link.latency,
                forward,
                back,
            }
        };
        let directed = match (there, back) {
            (Some(there), Some(back)) => Some((
                Merged {
                    a,
                    b,
                    latency: mean(there.latency, back.latency),
                    forward: there.forward,
                    back: back.forward,
                },
                2,
            )),
            (Some(one), None) | (None, Some(one)) => {
                one_way += 1;
                Some((single(one), 1))
            }
            (None, None) => None,
        };
        let both = both.map(|link| (single(link), 1));
        let rank = |(m, _): &(Merged, usize)| order(m.latency, m.forward, m.back);
        if let Some((link, of)) = both.into_iter().chain(directed).min_by_key(rank) {
            links.push(link);
            used += of;
        }
    }
    MergedLinks {
        links,
        self_loops,
        parallel: graph.links.len() - self_loops - used,
        one_way,
    }
}

/// What the best link has least of.
type Merit = (bool, Option<Duration>, Reverse<u64>);

fn merit(link: &Link) -> Merit {
    order(link.latency, link.forward, link.back)
}

fn order(latency: Option<Duration>, forward: Option<u64>, back: Option<u64>) -> Merit {
    let bandwidth = forward.unwrap_or(0).saturating_add(back.unwrap_or(0));
    (latency.is_none(), latency, Reverse(bandwidth))
}

fn mean(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a + b) / 2),
        (one, None) | (None, one) => one,
    }
}
