//! Weights of what may cross a link, by what must still be known of it further up.

use super::super::{OutOfRange, require};

/// How many entries a table may have.
pub(super) const MOST_ENTRIES: usize = 16_000_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dimension {
    /// The units of all routes that end there; none for beyond the root.
    Ends(Option<usize>),
    /// The requests of one route that turns round further up. Two tables that both have it
    /// are its two legs: they fit together where they have the same number.
    Turns(usize),
}

/// A weight for each combination of counts; combinations without weight are left out.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// In ascending order.
    dimensions: Vec<Dimension>,
    /// For each entry its counts, in the order of the dimensions.
    counts: Vec<u32>,
    weights: Vec<f64>,
}

impl Table {
    /// Nothing is counted.
    pub(super) fn one() -> Self {
        Self {
            dimensions: Vec::new(),
            counts: Vec::new(),
            weights: vec![1.0],
        }
    }

    /// One dimension: so many requests, each counting `step`, have that weight.
    pub(super) fn line(dimension: Dimension, step: u32, weights: &[f64]) -> Self {
        Self {
            dimensions: vec![dimension],
            counts: (0..).map(|n| n * step).take(weights.len()).collect(),
            weights: weights.to_vec(),
        }
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    fn entries(&self) -> impl Iterator<Item = (&[u32], f64)> {
        let width = self.dimensions.len();
        let at = move |entry: usize| &self.counts[entry * width..(entry + 1) * width];
        let weights = self.weights.iter().enumerate();
        weights.map(move |(entry, weight)| (at(entry), *weight))
    }

    /// Both together: counts of the same end add up, legs of the same route must be equal and
    /// then are counted no more.
    pub(super) fn convolved(&self, other: &Self) -> Result<Self, OutOfRange> {
        let both = |d: &Dimension| self.dimensions.contains(d) && other.dimensions.contains(d);
        let met: Vec<Dimension> = self
            .dimensions
            .iter()
            .copied()
            .filter(|d| matches!(d, Dimension::Turns(_)) && both(d))
            .collect();
        let mut dimensions: Vec<Dimension> = self
            .dimensions
            .iter()
            .chain(&other.dimensions)
            .copied()
            .filter(|d| !met.contains(d))
            .collect();
        dimensions.sort_unstable();
        dimensions.dedup();

        // Where each table's dimensions are in the sum; and each sum has a place in a dense
        // array while it is built.
        let mine: Vec<_> = dimensions.iter().map(|d| self.position(*d)).collect();
        let theirs: Vec<_> = dimensions.iter().map(|d| other.position(*d)).collect();
        let mut strides = Vec::with_capacity(dimensions.len());
        let mut size = 1usize;
        for (mine, theirs) in mine.iter().zip(&theirs) {
            strides.push(size);
            let most = self.greatest(*mine) as usize + other.greatest(*theirs) as usize;
            size = size.saturating_mul(most + 1);
        }
        let wanted = "at most sixteen million";
        require(
            size <= MOST_ENTRIES,
            "entries of a table",
            size as f64,
            wanted,
        )?;

        // The place in the array is a sum of what each table contributes.
        let place = |counts: &[u32], which: &[Option<usize>]| -> usize {
            let of = |at: &Option<usize>| at.map_or(0, |at| counts[at] as usize);
            which
                .iter()
                .zip(&strides)
                .map(|(at, stride)| of(at) * stride)
                .sum()
        };
        let legs: Vec<_> = met
            .iter()
            .filter_map(|d| Some((self.position(*d)?, other.position(*d)?)))
            .collect();
        let others: Vec<_> = other
            .entries()
            .map(|(counts, weight)| (place(counts, &theirs), counts, weight))
            .collect();
        let mut dense = vec![0.0; size];
        for (counts, weight) in self.entries() {
            let first = place(counts, &mine);
            for (second, theirs, other) in &others {
                if legs.iter().all(|(a, b)| counts[*a] == theirs[*b]) {
                    dense[first + second] += weight * other;
                }
            }
        }

        let mut table = Self {
            dimensions,
            counts: Vec::new(),
            weights: Vec::new(),
        };
        for (at, weight) in dense.into_iter().enumerate().filter(|(_, w)| *w > 0.0) {
            let mut rest = at;
            let start = table.counts.len();
            table.counts.resize(start + strides.len(), 0);
            for (count, stride) in table.counts[start..].iter_mut().zip(&strides).rev() {
                *count = (rest / stride) as u32;
                rest %= stride;
            }
            table.weights.push(weight);
        }
        Ok(table)
    }

    /// The same without that dimension, summed over it.
    pub(super) fn without(mut self, dimension: Dimension) -> Self {
        let Some(gone) = self.position(dimension) else {
            return self;
        };
        let width = self.dimensions.len();
        self.dimensions.remove(gone);
        let rest = |counts: &[u32]| [&counts[..gone], &counts[gone + 1..]].concat();
        let mut sums: std::collections::BTreeMap<Vec<u32>, f64> = std::collections::BTreeMap::new();
        for (counts, weight) in self.counts.chunks(width).zip(&self.weights) {
            *sums.entry(rest(counts)).or_default() += weight;
        }
        self.counts = sums.keys().flatten().copied().collect();
        self.weights = sums.into_values().collect();
        self
    }

    /// Drops what takes more than the capacity in all, at so many units for each count.
    pub(super) fn cut(&mut self, capacity: u32, units: impl Fn(Dimension) -> u32) {
        let units: Vec<u64> = self.dimensions.iter().map(|d| units(*d).into()).collect();
        let width = self.dimensions.len();
        let mut kept = Vec::with_capacity(self.counts.len());
        let mut weights = Vec::with_capacity(self.weights.len());
        for (counts, weight) in self.entries() {
            let takes: u64 = counts
                .iter()
                .zip(&units)
                .map(|(n, u)| u64::from(*n) * u)
                .sum();
            if takes <= u64::from(capacity) {
                kept.extend_from_slice(counts);
                weights.push(weight);
            }
        }
        debug_assert_eq!(kept.len(), weights.len() * width);
        self.counts = kept;
        self.weights = weights;
    }

    fn position(&self, dimension: Dimension) -> Option<usize> {
        self.dimensions.binary_search(&dimension).ok()
    }

    /// The greatest count of a dimension.
    fn greatest(&self, dimension: Option<usize>) -> u32 {
        let width = self.dimensions.len();
        dimension.map_or(0, |at| {
            let counts = self.counts.chunks(width.max(1)).map(|counts| counts[at]);
            counts.max().unwrap_or(0)
        })
    }
}
