//! What the places of a graph's tree are called.
//!
//! A node's label, or its id, is made a label by the rule of [`label`](super::label::label). Siblings
//! of one label are numbered in the order of ids. Where the names of the deepest places would be
//! longer than names may be, all labels are cut alike, to the greatest length that fits.

use std::collections::BTreeMap;

use waybook_location_tree::{MAX_DEPTH, MAX_LABEL, MAX_NAME};

use super::error::{TopologyError, quote};
use super::graph::Graph;
use super::label::{cut, label, numbered};
use super::mapping::called;
use super::report::Report;
use super::rule::{Duplicates, Naming, Rule};

/// What labels are cut to, where it must be: each is tried until all names fit.
const CUTS: [usize; 10] = [MAX_LABEL, 40, 32, 24, 20, 16, 12, 10, 8, 6];

/// A label for every node that is below the root.
pub(super) fn labels(
    graph: &Graph,
    children: &[Vec<u32>],
    root: u32,
    rule: &Rule,
    report: &mut Report,
) -> Result<Vec<String>, TopologyError> {
    let height = height(children, root);
    if height >= MAX_DEPTH {
        return Err(TopologyError::whole(format!(
            "the tree would reach {height} hops below the root, and names allow {}: choose a root nearer to \
             the middle, `rule = \"hops\"`, or take nodes that only bend a cable out of the file",
            MAX_DEPTH - 1
        )));
    }
    let plain: Vec<String> = graph
        .nodes
        .iter()
        .map(|node| {
            let text = match (&node.label, rule.naming) {
                (Some(text), Naming::Label) => label(text),
                _ => None,
            };
            let text = text.or_else(|| label(&node.id));
            text.unwrap_or_else(|| "place".to_owned())
        })
        .collect();
    for most in CUTS {
        let mut labels: Vec<String> = plain.iter().map(|l| cut(l, most).to_owned()).collect();
        let renamed = distinguish(&mut labels, children, most);
        if let (Some(first), Duplicates::Refuse) = (renamed.first(), rule.duplicates) {
            let first = *first as usize;
            return Err(TopologyError::whole(format!(
                "node {} would have the same name as another below the same parent, {}; rename it, or \
                 take `duplicates = \"number\"`",
                quote(&called(&graph.nodes[first])),
                quote(&plain[first])
            )));
        }
        if longest(&labels, children, root) > MAX_NAME {
            continue;
        }
        if most < MAX_LABEL {
            report.notes.push(format!(
                "labels are cut to {most} characters, so that the deepest names fit {MAX_NAME}"
            ));
        }
        report.renamed = renamed
            .into_iter()
            .map(|node| {
                let node = node as usize;
                (graph.nodes[node].id.clone(), labels[node].clone())
            })
            .collect();
        return Ok(labels);
    }
    Err(TopologyError::whole(format!(
        "the tree is so deep that names would be longer than {MAX_NAME} characters even with labels of \
         {}: choose a root nearer to the middle, `rule = \"hops\"` or `naming = \"id\"`",
        CUTS[CUTS.len() - 1]
    )))
}

/// Numbers siblings of one label, and says which were.
fn distinguish(labels: &mut [String], children: &[Vec<u32>], most: usize) -> Vec<u32> {
    let mut renamed = Vec::new();
    for siblings in children {
        // How many of each label there were; those that stand as they are come first.
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let mut again = Vec::new();
        for node in siblings {
            let label = &labels[*node as usize];
            match taken.get(label) {
                Some(_) => again.push(*node),
                None => {
                    taken.insert(label.clone(), 1);
                }
            }
        }
        for node in again {
            let label = labels[node as usize].clone();
            let new = loop {
                let number = taken.get_mut(&label).map_or(2, |number| {
                    *number += 1;
                    *number
                });
                let new = numbered(&label, number, most);
                if !taken.contains_key(&new) {
                    break new;
                }
            };
            taken.insert(new.clone(), 1);
            labels[node as usize] = new;
            renamed.push(node);
        }
    }
    renamed.sort_unstable();
    renamed
}

/// The number of hops from the root to the farthest node.
fn height(children: &[Vec<u32>], root: u32) -> usize {
    let (mut height, mut level) = (0, vec![root]);
    loop {
        let below = level.iter().flat_map(|node| &children[*node as usize]);
        let below: Vec<u32> = below.copied().collect();
        if below.is_empty() {
            return height;
        }
        (height, level) = (height + 1, below);
    }
}

/// The length of the longest name.
fn longest(labels: &[String], children: &[Vec<u32>], root: u32) -> usize {
    let mut longest = 0;
    let mut ahead = vec![(root, labels[root as usize].len())];
    while let Some((node, length)) = ahead.pop() {
        longest = longest.max(length);
        let below = children[node as usize].iter();
        ahead.extend(below.map(|c| (*c, length + 1 + labels[*c as usize].len())));
    }
    longest
}
