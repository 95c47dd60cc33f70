//! The whole tree at once, for those who have it: topology files and the simulator.

use std::collections::{BTreeMap, BTreeSet};

use crate::PlaceName;

/// A checked set of places that form one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationTree {
    root: PlaceName,
    children: BTreeMap<PlaceName, BTreeSet<PlaceName>>,
}

/// Why a list of names is no location tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The list is empty.
    #[error("a location tree needs at least one place")]
    Empty,
    /// A name is listed twice.
    #[error("place `{0}` is listed twice")]
    Duplicate(PlaceName),
    /// A place has a parent that is not listed.
    #[error("place `{0}` is an orphan: its parent `{1}` is not listed")]
    Orphan(PlaceName, PlaceName),
    /// There is more than one root.
    #[error("`{0}` and `{1}` are both roots; a location tree has one")]
    TwoRoots(PlaceName, PlaceName),
}

impl LocationTree {
    /// Builds the tree of the given names; their order does not matter.
    ///
    /// # Errors
    /// [`TreeError`] for an empty list, duplicates, orphans and a second root.
    pub fn new(names: impl IntoIterator<Item = PlaceName>) -> Result<Self, TreeError> {
        let mut children: BTreeMap<PlaceName, BTreeSet<PlaceName>> = BTreeMap::new();
        for name in names {
            if children.contains_key(&name) {
                return Err(TreeError::Duplicate(name));
            }
            children.insert(name, BTreeSet::new());
        }
        let mut root: Option<PlaceName> = None;
        let names: Vec<_> = children.keys().cloned().collect();
        for name in names {
            match name.parent() {
                Some(parent) => match children.get_mut(&parent) {
                    Some(siblings) => {
                        siblings.insert(name);
                    }
                    None => return Err(TreeError::Orphan(name, parent)),
                },
                None => match root {
                    Some(first) => return Err(TreeError::TwoRoots(first, name)),
                    None => root = Some(name),
                },
            }
        }
        root.map(|root| Self { root, children })
            .ok_or(TreeError::Empty)
    }

    /// The place without a parent.
    #[must_use]
    pub fn root(&self) -> &PlaceName {
        &self.root
    }

    /// The number of places; never 0.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a location tree is never empty"
    )]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether the place is in the tree.
    #[must_use]
    pub fn has(&self, name: &PlaceName) -> bool {
        self.children.contains_key(name)
    }

    /// All places, each locality contiguous.
    pub fn places(&self) -> impl Iterator<Item = &PlaceName> {
        self.children.keys()
    }

    /// The children of a place; none for a leaf or an unknown place.
    pub fn children(&self, name: &PlaceName) -> impl Iterator<Item = &PlaceName> {
        self.children.get(name).into_iter().flatten()
    }

    /// Whether the place is the gateway of a locality, that is, has children.
    #[must_use]
    pub fn is_default_place(&self, name: &PlaceName) -> bool {
        self.children.get(name).is_some_and(|c| !c.is_empty())
    }

    /// The members of a locality: the place and all below it.
    pub fn locality<'a>(&'a self, of: &'a PlaceName) -> impl Iterator<Item = &'a PlaceName> {
        self.children
            .range(of.clone()..)
            .map(|(name, _)| name)
            .take_while(|name| of.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<PlaceName> {
        list.split(' ')
            .map(|n| PlaceName::new(n).unwrap())
            .collect()
    }

    fn check(list: &str, want: &str) {
        let got = match LocationTree::new(names(list)) {
            Ok(tree) => format!("{} places under {}", tree.len(), tree.root()),
            Err(err) => err.to_string(),
        };
        assert_eq!(got, want, "for {list}");
    }

    #[test]
    fn lists_are_checked() {
        check("r", "1 places under r");
        check("r/a/x r/a r r/b", "4 places under r");
        check("r r/a r", "place `r` is listed twice");
        check(
            "r r/a/x",
            "place `r/a/x` is an orphan: its parent `r/a` is not listed",
        );
        check("r s", "`r` and `s` are both roots; a location tree has one");
        assert_eq!(LocationTree::new([]), Err(TreeError::Empty));
    }

    #[test]
    fn a_locality_is_the_place_and_all_below_it() {
        // `r/a-b` sorts between `r/a` and `r/a/x` as bytes, and must not split the locality.
        let tree = LocationTree::new(names("r r/a r/a/x r/a/y r/a-b r/b r/b/z")).unwrap();
        let a = PlaceName::new("r/a").unwrap();
        let locality: Vec<_> = tree.locality(&a).map(PlaceName::as_str).collect();
        assert_eq!(locality, ["r/a", "r/a/x", "r/a/y"]);
        let leaf = PlaceName::new("r/a/x").unwrap();
        assert!(tree.is_default_place(&a) && !tree.is_default_place(&leaf));
    }
}
