//! Counts by range.

/// How many observations fell between edges.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The edges, ascending. Range i is from edge i, inclusive, to edge i + 1, exclusive.
    pub edges: Vec<f64>,
    /// The counts of the ranges; one fewer than edges.
    pub counts: Vec<u64>,
    /// How many were below the first edge.
    pub below: u64,
    /// How many were at the last edge or above.
    pub above: u64,
    /// How many were no numbers.
    pub invalid: u64,
}

impl Histogram {
    /// Ranges between those edges; none unless there are at least two, finite and ascending.
    #[must_use]
    pub fn new(edges: Vec<f64>) -> Option<Self> {
        let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = edges.iter().all(|edge| edge.is_finite());
        (edges.len() > 1 && ascending && finite).then(|| Self {
            counts: vec![0; edges.len() - 1],
            edges,
            below: 0,
            above: 0,
            invalid: 0,
        })
    }

    /// So many ranges of equal width.
    #[must_use]
    pub fn even(from: f64, to: f64, ranges: u32) -> Option<Self> {
        let width = (to - from) / f64::from(ranges.max(1));
        Self::new((0..=ranges).map(|n| from + f64::from(n) * width).collect())
    }

    /// One more observation.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.invalid += 1;
            return;
        }
        let edges_below = self.edges.partition_point(|edge| *edge <= value);
        match edges_below.checked_sub(1) {
            None => self.below += 1,
            Some(range) => match self.counts.get_mut(range) {
                Some(count) => *count += 1,
                None => self.above += 1,
            },
        }
    }

    /// All observations of another, too; false, and nothing done, if it has other edges.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.edges != other.edges {
            return false;
        }
        let counts = self.counts.iter_mut().zip(&other.counts);
        counts.for_each(|(mine, theirs)| *mine += theirs);
        self.below += other.below;
        self.above += other.above;
        self.invalid += other.invalid;
        true
    }

    /// How many observations there were, without those that were no numbers.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.below + self.above
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_belong_to_what_is_above_them() {
        let mut histogram = Histogram::even(0.0, 3.0, 3).unwrap();
        for value in [-0.1, 0.0, 0.9, 1.0, 2.5, 3.0, f64::INFINITY, f64::NAN] {
            histogram.add(value);
        }
        assert_eq!(histogram.counts, [2, 1, 1]);
        assert_eq!(
            (histogram.below, histogram.above, histogram.invalid),
            (1, 2, 1)
        );
        assert_eq!(histogram.count(), 7);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for edges in [
            vec![],
            vec![1.0],
            vec![1.0, 1.0],
            vec![2.0, 1.0],
            vec![0.0, f64::NAN],
        ] {
            assert_eq!(Histogram::new(edges), None);
        }
        let other = Histogram::even(0.0, 1.0, 2).unwrap();
        assert!(!Histogram::even(0.0, 1.0, 3).unwrap().merge(&other));
    }

    proptest! {
        #[test]
        fn merged_as_if_one_had_seen_all(
            first in vec(-2.0..6.0f64, 0..60),
            second in vec(-2.0..6.0f64, 0..60),
        ) {
            let of = |values: &[f64]| {
                let mut histogram = Histogram::even(0.0, 4.0, 7).unwrap();
                values.iter().for_each(|value| histogram.add(*value));
                histogram
            };
            let mut merged = of(&first);
            prop_assert!(merged.merge(&of(&second)));
            let all = of(&[first, second].concat());
            prop_assert_eq!(merged, all);
        }
    }
}
