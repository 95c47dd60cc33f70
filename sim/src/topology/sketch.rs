//! A tree while it is made: parents and labels, before there are names.

use std::collections::BTreeMap;

use waybook_location_tree::{MAX_DEPTH, PlaceName};

use super::classes::Classes;
use super::error::{TopologyError, quote};
use super::limits::{MOST_CLASSES, MOST_PLACES};
use super::tree::{Edge, Topology, TreePlace};

/// Places by number, each after its parent; the first is the root.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    nodes: Vec<Node>,
    /// All labels, one behind the other: a million small texts would cost more than they hold.
    labels: String,
    classes: Vec<String>,
    class_index: BTreeMap<String, u16>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    label_end: usize,
    edge: Edge,
    class: Option<u16>,
}

impl Sketch {
    /// How many places there are so far.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a place, and says its number. The first is the root, whatever its parent.
    pub(super) fn add(
        &mut self,
        parent: u32,
        label: &str,
        edge: Edge,
    ) -> Result<u32, TopologyError> {
        if self.nodes.len() == MOST_PLACES {
            return Err(TopologyError::whole(format!(
                "the tree has more than {MOST_PLACES} places"
            )));
        }
        let number = self.nodes.len() as u32;
        self.labels.push_str(label);
        self.nodes.push(Node {
            parent,
            label_end: self.labels.len(),
            edge,
            class: None,
        });
        Ok(number)
    }

    /// Says of which class a place is; what is never told gets the class of its role or depth.
    pub(super) fn set_class(&mut self, place: u32, class: &str) -> Result<(), TopologyError> {
        let index = self.class(class)?;
        self.nodes[place as usize].class = Some(index);
        Ok(())
    }

    fn class(&mut self, class: &str) -> Result<u16, TopologyError> {
        if let Some(index) = self.class_index.get(class) {
            return Ok(*index);
        }
        if self.classes.len() == MOST_CLASSES {
            return Err(TopologyError::whole(format!(
                "there are more than {MOST_CLASSES} classes of places, {} being one too many: choose what \
                 has fewer values, or `classes = \"role\"`",
                quote(class)
            )));
        }
        let index = self.classes.len() as u16;
        self.classes.push(class.to_owned());
        self.class_index.insert(class.to_owned(), index);
        Ok(index)
    }

    pub(super) fn label(&self, place: u32) -> &str {
        let place = place as usize;
        let start = match place {
            0 => 0,
            _ => self.nodes[place - 1].label_end,
        };
        &self.labels[start..self.nodes[place].label_end]
    }

    /// Names the places and puts them in order.
    pub(super) fn finish(mut self, classes: &Classes) -> Result<Topology, TopologyError> {
        if self.nodes.is_empty() {
            return Err(TopologyError::whole(
                "a location tree needs at least one place",
            ));
        }
        let children = self.children();
        let mut places = Vec::with_capacity(self.nodes.len());
        let mut name = String::new();
        // What is to be visited: a place, its parent among the places, and the length of the
        // parent's name.
        let mut ahead: Vec<(u32, Option<u32>, usize, usize)> = vec![(0, None, 0, 0)];
        let mut numbers: BTreeMap<u16, u16> = BTreeMap::new();
        let mut used: Vec<String> = Vec::new();
        while let Some((place, parent, length, depth)) = ahead.pop() {
            name.truncate(length);
            if parent.is_some() {
                name.push('/');
            }
            name.push_str(self.label(place));
            if depth >= MAX_DEPTH {
                return Err(TopologyError::whole(format!(
                    "{} would be {depth} hops below the root, and names allow {}: choose a root nearer to \
                     the middle, or a rule that makes a flatter tree",
                    quote(&name),
                    MAX_DEPTH - 1
                )));
            }
            let checked = PlaceName::new(&name)
                .map_err(|e| TopologyError::whole(format!("{}: {e}", quote(&name))))?;
            let below = children.of(place);
            let class = match self.nodes[place as usize].class {
                Some(class) => class,
                None => self.class(&classes.by_default(depth, below.is_empty()))?,
            };
            let class = match numbers.get(&class) {
                Some(number) => *number,
                None => {
                    let number = used.len() as u16;
                    used.push(self.classes[usize::from(class)].clone());
                    numbers.insert(class, number);
                    number
                }
            };
            let number = places.len() as u32;
            places.push(TreePlace {
                name: checked,
                parent,
                edge: self.nodes[place as usize].edge,
                class,
            });
            let mut sorted = below.to_vec();
            sorted.sort_by(|a, b| self.label(*a).cmp(self.label(*b)));
            if let Some(pair) = sorted
                .windows(2)
                .find(|pair| self.label(pair[0]) == self.label(pair[1]))
            {
                return Err(TopologyError::whole(format!(
                    "place `{name}/{}` is there twice",
                    self.label(pair[0])
                )));
            }
            let length = name.len();
            let next = sorted.into_iter().rev();
            ahead.extend(next.map(|child| (child, Some(number), length, depth + 1)));
        }
        Ok(Topology {
            places,
            classes: used,
        })
    }

    fn children(&self) -> Children {
        let mut starts = vec![0u32; self.nodes.len() + 1];
        for node in &self.nodes[1..] {
            starts[node.parent as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut next = starts.clone();
        let mut all = vec![0u32; self.nodes.len() - 1];
        for (place, node) in self.nodes.iter().enumerate().skip(1) {
            let slot = &mut next[node.parent as usize];
            all[*slot as usize] = place as u32;
            *slot += 1;
        }
        Children { starts, all }
    }
}

/// The children of every place, one list behind the other.
struct Children {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Children {
    fn of(&self, place: u32) -> &[u32] {
        let place = place as usize;
        &self.all[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}
