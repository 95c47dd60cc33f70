//! Turns: what waits for room, in one line for each neighbour that it comes from. Every line has
//! its turn, so that whoever brings very much makes only its own wait.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use waybook_location_tree::PlaceName;

use crate::Instant;

/// From which neighbour something comes; from this place's own clients, if from none.
pub(super) type Source = Option<PlaceName>;

#[derive(Debug, Clone)]
pub(super) struct Turns<T> {
    /// No line is empty.
    lines: BTreeMap<Source, BTreeSet<(Instant, T)>>,
    /// Whose turn it was last.
    last: Source,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Turns<T> {
    pub(super) const fn new() -> Self {
        Self {
            lines: BTreeMap::new(),
            last: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many wait in all lines.
    pub(super) fn len(&self) -> usize {
        self.lines.values().map(BTreeSet::len).sum()
    }
}

impl<T: Ord> Turns<T> {
    pub(super) fn add(&mut self, source: Source, since: Instant, what: T) {
        let line = self.lines.entry(source).or_default();
        line.insert((since, what));
    }

    pub(super) fn remove(&mut self, source: &Source, since: Instant, what: T) {
        if let Some(line) = self.lines.get_mut(source) {
            line.remove(&(since, what));
            if line.is_empty() {
                self.lines.remove(source);
            }
        }
    }

    /// What has its turn: the first of the next line.
    pub(super) fn next(&mut self) -> Option<(Source, T)> {
        let after = (Excluded(&self.last), Unbounded);
        let next = self.lines.range(after).next();
        let (source, _) = next.or_else(|| self.lines.first_key_value())?;
        self.last.clone_from(source);
        let source = self.last.clone();
        let line = self.lines.get_mut(&source)?;
        let (_, what) = line.pop_first()?;
        if line.is_empty() {
            self.lines.remove(&source);
        }
        Some((source, what))
    }

    /// How many wait in that line.
    pub(super) fn length(&self, source: &Source) -> usize {
        self.lines.get(source).map_or(0, BTreeSet::len)
    }

    /// Whether the first of that line has waited for so long.
    pub(super) fn is_late(&self, now: Instant, source: &Source, wait: Duration) -> bool {
        let first = self.lines.get(source).and_then(BTreeSet::first);
        first.is_some_and(|(since, _)| now.since(*since) >= wait)
    }

    /// The first of all lines, with since when it has waited.
    pub(super) fn oldest(&self) -> Option<(&Source, &(Instant, T))> {
        let firsts = self.lines.iter();
        let firsts = firsts.filter_map(|(source, line)| Some((source, line.first()?)));
        firsts.min_by_key(|(_, (since, _))| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(name: &str) -> Source {
        Some(PlaceName::new(name).unwrap())
    }

    #[test]
    fn each_line_has_its_turn() {
        let mut turns = Turns::default();
        for at in 0..4 {
            turns.add(from("r/much"), Instant(at), at);
        }
        turns.add(None, Instant(7), 7);
        turns.add(from("r/some"), Instant(8), 8);
        turns.add(from("r/some"), Instant(9), 9);
        assert_eq!(turns.oldest(), Some((&from("r/much"), &(Instant(0), 0))));
        assert!(turns.is_late(Instant(9), &from("r/much"), Duration::from_nanos(9)));
        assert!(!turns.is_late(Instant(9), &from("r/some"), Duration::from_nanos(9)));
        turns.remove(&from("r/some"), Instant(9), 9);
        let order: Vec<_> = std::iter::from_fn(|| turns.next().map(|(_, what)| what)).collect();
        assert_eq!(order, [0, 8, 7, 1, 2, 3]);
        assert!(turns.is_empty());
    }
}
