//! All places of a run, each by its name and by its number.
//!
//! Names are for people and for what happens rarely. Whatever happens at every event goes
//! by the number: from a place to its neighbour is a look at two small tables.

use std::ops::Index;

use waybook_location_tree::{LocationTree, PlaceName};

use super::Slot;

/// Children that are looked through one by one.
const FEW: usize = 16;

/// The number of a place in its run: its rank in the order of names. A locality is a run of
/// numbers that begins with its default place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceIndex(u32);

impl PlaceIndex {
    /// The number, for tables of whoever looks on: from 0 to one less than there are places.
    #[must_use]
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// The places with what their drivers keep for them.
#[derive(Debug)]
pub(crate) struct Slots {
    names: Vec<PlaceName>,
    slots: Vec<Slot>,
    /// By place; the root's is itself.
    parents: Vec<PlaceIndex>,
    /// By place, where its children begin in the list of all children.
    first_child: Vec<u32>,
    /// The children of all places, those of each in the order of names.
    children: Vec<PlaceIndex>,
}

impl Slots {
    /// Empty slots for the places of a tree.
    pub(super) fn new(tree: &LocationTree) -> Self {
        let names: Vec<_> = tree.places().cloned().collect();
        let mut parents: Vec<PlaceIndex> = Vec::with_capacity(names.len());
        let mut counts = vec![0_u32; names.len() + 1];
        for (at, name) in names.iter().enumerate() {
            // The place before lies on the way down to this one, or below a place that does.
            let mut parent = PlaceIndex(index(at.saturating_sub(1)));
            while at > 0 && !names[parent.number()].contains(name) {
                parent = parents[parent.number()];
            }
            parents.push(parent);
            if at > 0 {
                counts[parent.number() + 1] += 1;
            }
        }
        let mut first_child = counts;
        for at in 1..first_child.len() {
            first_child[at] += first_child[at - 1];
        }
        let mut next = first_child.clone();
        let mut children = vec![PlaceIndex(0); names.len() - 1];
        for (at, parent) in parents.iter().enumerate().skip(1) {
            let place = &mut next[parent.number()];
            children[*place as usize] = PlaceIndex(index(at));
            *place += 1;
        }
        Self {
            slots: names.iter().map(|_| Slot::default()).collect(),
            names,
            parents,
            first_child,
            children,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// All places, in the order of names.
    pub(crate) fn indices(&self) -> impl Iterator<Item = PlaceIndex> + use<> {
        (0..index(self.len())).map(PlaceIndex)
    }

    /// The places from one on, at most so many, and the one after these.
    pub(super) fn some(
        &self,
        from: PlaceIndex,
        most: usize,
    ) -> (impl Iterator<Item = PlaceIndex> + use<>, Option<PlaceIndex>) {
        let end = from.0.saturating_add(index(most)).min(index(self.len()));
        let next = (end < index(self.len())).then_some(PlaceIndex(end));
        ((from.0..end).map(PlaceIndex), next)
    }

    pub(crate) fn root(&self) -> PlaceIndex {
        PlaceIndex(0)
    }

    pub(crate) fn find(&self, name: &PlaceName) -> Option<PlaceIndex> {
        let found = self.names.binary_search(name).ok()?;
        Some(PlaceIndex(index(found)))
    }

    pub(crate) fn name(&self, at: PlaceIndex) -> &PlaceName {
        &self.names[at.number()]
    }

    pub(crate) fn at(&self, at: PlaceIndex) -> &Slot {
        &self.slots[at.number()]
    }

    pub(crate) fn at_mut(&mut self, at: PlaceIndex) -> &mut Slot {
        &mut self.slots[at.number()]
    }

    pub(super) fn parent(&self, at: PlaceIndex) -> Option<PlaceIndex> {
        (at.0 > 0).then(|| self.parents[at.number()])
    }

    pub(super) fn children(&self, at: PlaceIndex) -> &[PlaceIndex] {
        let (from, to) = (at.number(), at.number() + 1);
        &self.children[self.first_child[from] as usize..self.first_child[to] as usize]
    }

    /// The neighbour of that name; none if a place has no such neighbour.
    pub(super) fn neighbour(&self, at: PlaceIndex, name: &PlaceName) -> Option<PlaceIndex> {
        let parent = self.parent(at);
        let children = self.children(at);
        if children.len() <= FEW {
            // Places say the names that they were told, which are those kept here.
            let mut neighbours = parent.iter().chain(children);
            if let Some(known) = neighbours.find(|known| self.name(**known).is_same(name)) {
                return Some(*known);
            }
        }
        let parent = parent.filter(|parent| self.name(*parent) == name);
        parent.or_else(|| {
            let found = children.binary_search_by(|child| self.name(*child).cmp(name));
            found.ok().map(|found| children[found])
        })
    }

    /// Of two neighbours the lower one, which the edge between them goes by, and whether
    /// that is the first.
    pub(super) fn lower(&self, from: PlaceIndex, to: PlaceIndex) -> (PlaceIndex, bool) {
        if self.parents[from.number()] == to {
            (from, true)
        } else {
            (to, false)
        }
    }

    pub(crate) fn get(&self, name: &PlaceName) -> Option<&Slot> {
        self.find(name).map(|at| self.at(at))
    }

    pub(crate) fn get_mut(&mut self, name: &PlaceName) -> Option<&mut Slot> {
        self.find(name).map(|at| self.at_mut(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PlaceName, &Slot)> {
        self.names.iter().zip(&self.slots)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }
}

impl Index<&PlaceName> for Slots {
    type Output = Slot;

    fn index(&self, name: &PlaceName) -> &Slot {
        self.get(name).expect("a place of this run")
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("fewer places than 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        // `r/a-b` sorts between `r/a` and `r/a/x` as bytes.
        let names = "r r/a r/a/x r/a/x/1 r/a/y r/a-b r/a-b/z r/b".split(' ');
        let names: Vec<_> = names.map(|n| PlaceName::new(n).unwrap()).collect();
        let slots = Slots::new(&LocationTree::new(names.clone()).unwrap());
        for name in &names {
            let at = slots.find(name).unwrap();
            assert_eq!(slots.name(at), name);
            let parent = slots.parent(at).map(|p| slots.name(p).clone());
            assert_eq!(parent, name.parent());
            let children = slots.children(at).iter().map(|c| slots.name(*c));
            assert!(children.eq(names.iter().filter(|n| n.parent().as_ref() == Some(name))));
            for other in &names {
                let neighbour = slots.neighbour(at, other);
                assert_eq!(neighbour.is_some(), name.is_neighbour_of(other));
                if let Some(other) = neighbour {
                    let (lower, is_first) = slots.lower(at, other);
                    assert_eq!(is_first, slots.parent(at) == Some(other));
                    assert_eq!(lower, if is_first { at } else { other });
                }
            }
        }
        assert_eq!(slots.find(&PlaceName::new("r/c").unwrap()), None);
    }
}
