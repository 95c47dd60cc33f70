//! Trees by rule and by chance.
//!
//! All are deterministic: the same parameters and seed give the same tree. Children are called by
//! their number below their parent, `root/0/2`.
//!
//! Names allow [`MAX_DEPTH`] labels. Random trees do not grow beyond: a place that can have no child
//! is not drawn as a parent. Of the recursive tree that is the uniform distribution over the
//! others, and concerns trees from about a hundred thousand places on, whose height is near e ln n.

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_location_tree::{MAX_DEPTH, MAX_NAME};

use super::classes::Classes;
use super::error::TopologyError;
use super::limits::MOST_PLACES;
use super::sketch::Sketch;
use super::tree::{Edge, Topology};
use crate::random;

/// What the root of a generated tree is called.
pub const ROOT: &str = "root";

/// The tree in which every place has `degree` children, down to `depth` hops below the root.
///
/// # Errors
/// [`TopologyError`] if the degree is 0, or the tree is deeper than names can be or has more than
/// [`MOST_PLACES`] places.
pub fn regular(degree: u32, depth: u32, classes: &Classes) -> Result<Topology, TopologyError> {
    if degree == 0 {
        return Err(TopologyError::whole(
            "`degree` is 0; every place but the leaves has at least 1 child",
        ));
    }
    if depth as usize >= MAX_DEPTH {
        return Err(TopologyError::whole(format!(
            "`depth` is {depth}; names allow at most {} hops below the root",
            MAX_DEPTH - 1
        )));
    }
    let mut total = 1u64;
    let mut level = 1u64;
    for _ in 0..depth {
        level = level.saturating_mul(u64::from(degree));
        total = total.saturating_add(level);
    }
    check_places(total)?;
    let mut sketch = Sketch::default();
    let mut above = sketch.add(0, ROOT, Edge::default())?..1;
    let labels: Vec<String> = match depth {
        0 => Vec::new(),
        _ => (0..degree).map(|n| n.to_string()).collect(),
    };
    for _ in 0..depth {
        let first = above.end;
        let mut end = first;
        for parent in above {
            for label in &labels {
                end = sketch.add(parent, label, Edge::default())? + 1;
            }
        }
        above = first..end;
    }
    sketch.finish(classes)
}

/// The random recursive tree: each place is the child of one before it, all being equally likely
/// (Na and Rapoport, *Distribution of nodes of a tree by degree*, 1970).
///
/// # Errors
/// [`TopologyError`] if `places` is 0 or above [`MOST_PLACES`].
pub fn recursive(places: u32, seed: u64, classes: &Classes) -> Result<Topology, TopologyError> {
    check_places(places.into())?;
    let mut random = random::stream(seed, "topology, recursive", 0);
    let mut growth = Growth::new(places)?;
    for _ in 1..places {
        let parent = loop {
            let parent = random.random_range(0..growth.sketch.len() as u32);
            if growth.may_grow(parent) {
                break parent;
            }
        };
        growth.child(parent)?;
    }
    growth.sketch.finish(classes)
}

/// How the preferential tree weighs its places: `(children + offset)^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preference {
    /// 0 for no preference, 1 for a linear one; from -3 to 3.
    pub exponent: f64,
    /// What a place without children counts; above 0, at most a million.
    pub offset: f64,
}

impl Default for Preference {
    /// Linear, a place counting its children and itself: the plane-oriented recursive tree
    /// (Szymański, *On a nonuniform random recursive tree*, 1987), which is the tree of Barabási
    /// and Albert, *Emergence of scaling in random networks*, 1999, but for the root.
    fn default() -> Self {
        Self {
            exponent: 1.0,
            offset: 1.0,
        }
    }
}

/// The tree in which each place is the child of one before it, drawn by preference.
///
/// Weights are whole numbers of 2^-20, at least one, so that draws are the same everywhere.
///
/// # Errors
/// [`TopologyError`] if `places` is 0 or above [`MOST_PLACES`], or the preference is out of its
/// range.
pub fn preferential(
    places: u32,
    preference: Preference,
    seed: u64,
    classes: &Classes,
) -> Result<Topology, TopologyError> {
    check_places(places.into())?;
    let Preference { exponent, offset } = preference;
    if !(-3.0..=3.0).contains(&exponent) {
        return Err(TopologyError::whole(format!(
            "`exponent` is {exponent}; write a number from -3 to 3"
        )));
    }
    if !(offset > 0.0 && offset <= 1e6) {
        return Err(TopologyError::whole(format!(
            "`offset` is {offset}; write a number above 0, at most 1000000"
        )));
    }
    let weight = |children: u32| {
        let weight = (f64::from(children) + offset).powf(exponent) * f64::from(1 << 20);
        (weight.round() as u128).max(1)
    };
    let mut random = random::stream(seed, "topology, preferential", 0);
    let mut growth = Growth::new(places)?;
    let mut weights = Weights::new(places as usize);
    weights.add(0, weight(0));
    for place in 1..places {
        let parent = weights.draw(&mut random);
        let before = weight(growth.children[parent as usize]);
        growth.child(parent)?;
        weights.take(parent, before);
        for grown in [parent, place] {
            if growth.may_grow(grown) {
                weights.add(grown, weight(growth.children[grown as usize]));
            }
        }
    }
    growth.sketch.finish(classes)
}

fn check_places(places: u64) -> Result<(), TopologyError> {
    match places {
        0 => Err(TopologyError::whole(
            "`places` is 0; a location tree needs at least one",
        )),
        n if n > MOST_PLACES as u64 => Err(TopologyError::whole(format!(
            "the tree would have {n} places; at most {MOST_PLACES} are allowed"
        ))),
        _ => Ok(()),
    }
}

/// A tree that grows by one child after the other.
struct Growth {
    sketch: Sketch,
    children: Vec<u32>,
    depths: Vec<u8>,
    /// The lengths of the names.
    lengths: Vec<u8>,
}

impl Growth {
    fn new(places: u32) -> Result<Self, TopologyError> {
        let mut sketch = Sketch::default();
        sketch.add(0, ROOT, Edge::default())?;
        let with = |first: u8| {
            let mut list = Vec::with_capacity(places as usize);
            list.push(first);
            list
        };
        Ok(Self {
            sketch,
            children: vec![0; places as usize],
            depths: with(0),
            lengths: with(ROOT.len() as u8),
        })
    }

    /// Whether a place's next child has a name.
    fn may_grow(&self, place: u32) -> bool {
        let place = place as usize;
        let label = digits(self.children[place]);
        usize::from(self.depths[place]) + 1 < MAX_DEPTH
            && usize::from(self.lengths[place]) + 1 + label <= MAX_NAME
    }

    fn child(&mut self, parent: u32) -> Result<(), TopologyError> {
        let number = self.children[parent as usize];
        self.sketch
            .add(parent, &number.to_string(), Edge::default())?;
        self.children[parent as usize] += 1;
        self.depths.push(self.depths[parent as usize] + 1);
        // Less than 253, as the parent may grow.
        let length = usize::from(self.lengths[parent as usize]) + 1 + digits(number);
        self.lengths.push(length as u8);
        Ok(())
    }
}

fn digits(number: u32) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Weights that are drawn from and changed, both in the logarithm of their number (Fenwick, *A new
/// data structure for cumulative frequency tables*, 1994).
struct Weights {
    sums: Vec<u128>,
    total: u128,
}

impl Weights {
    fn new(places: usize) -> Self {
        Self {
            sums: vec![0; places.next_power_of_two() + 1],
            total: 0,
        }
    }

    fn add(&mut self, place: u32, weight: u128) {
        self.total += weight;
        self.change(place, |sum| *sum += weight);
    }

    fn take(&mut self, place: u32, weight: u128) {
        self.total -= weight;
        self.change(place, |sum| *sum -= weight);
    }

    fn change(&mut self, place: u32, change: impl Fn(&mut u128)) {
        let mut at = place as usize + 1;
        while let Some(sum) = self.sums.get_mut(at) {
            change(sum);
            at += at & at.wrapping_neg();
        }
    }

    /// A place, each as likely as its share of the total.
    fn draw(&self, random: &mut StdRng) -> u32 {
        let mut left = random.random_range(0..self.total);
        let mut at = 0;
        let mut step = self.sums.len() - 1;
        while step > 0 {
            let next = at + step;
            if next < self.sums.len() && self.sums[next] <= left {
                left -= self.sums[next];
                at = next;
            }
            step /= 2;
        }
        at as u32
    }
}
