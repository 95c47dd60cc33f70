//! Where requests come from: the leaves of the tree, and how one of them is picked.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::{Rng, RngExt};
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;
use serde::Deserialize;
use waybook_location_tree::PlaceName;

use crate::quantity::{Factor, Invalid};

/// A place with the class that a scenario gives it; empty for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a PlaceName,
    /// What kind of place it is.
    pub class: &'a str,
}

/// The leaves of a tree, in the order of their names, so that each locality has its
/// leaves side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaves(Vec<PlaceName>);

impl Leaves {
    /// These leaves, in any order.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = PlaceName>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// All of them, in order.
    #[must_use]
    pub fn names(&self) -> &[PlaceName] {
        &self.0
    }

    /// The number of a leaf in their order.
    #[must_use]
    pub fn number(&self, name: &PlaceName) -> Option<usize> {
        self.0.binary_search(name).ok()
    }

    /// The numbers of the leaves in a locality.
    #[must_use]
    pub fn locality(&self, of: &PlaceName) -> Range<usize> {
        let start = self.0.partition_point(|name| name < of);
        let within = self.0[start..].partition_point(|name| of.contains(name));
        start..start + within
    }

    /// The leaves next to one: those of the smallest locality that has another leaf, the
    /// leaf itself among them. That of siblings, where it has some.
    ///
    /// # Panics
    /// If there is no leaf of that number.
    #[must_use]
    pub fn around(&self, leaf: usize) -> Range<usize> {
        let mut around = leaf..leaf + 1;
        let mut place = self.0[leaf].parent();
        while around.len() < 2
            && let Some(of) = place
        {
            around = self.locality(&of);
            place = of.parent();
        }
        around
    }
}

/// How the place of a request is picked.
///
/// In scenarios: `"uniform"`, `{ localities = { "core/bologna" = 3, "core/roma" = 1 } }`
/// or `{ classes = { home = 3, mobile = 1 } }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origins {
    /// Every leaf is as likely as any other.
    Uniform,
    /// A locality by its weight, then evenly a leaf in it. A leaf belongs to the nearest
    /// locality that is listed; leaves of none are not picked.
    Localities(BTreeMap<PlaceName, Factor>),
    /// A class by its weight, then evenly a leaf of it. Leaves of other classes are not
    /// picked.
    Classes(BTreeMap<String, Factor>),
}

/// Origins over the leaves of one tree.
#[derive(Debug, Clone)]
pub struct Picker {
    /// Which group; none if there is but one.
    group: Option<WeightedAliasIndex<f64>>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
enum Group {
    All(usize),
    Some(Vec<u32>),
}

impl Origins {
    /// Makes ready to pick among these leaves; `class` says what kind of place one is.
    ///
    /// # Errors
    /// If there is no leaf, or none in a locality or class that is listed.
    pub fn over<'a>(
        &self,
        leaves: &'a Leaves,
        class: impl Fn(&'a PlaceName) -> &'a str,
    ) -> Result<Picker, Invalid> {
        if leaves.0.is_empty() {
            return Err(Invalid::new("origins", "needs a tree that has leaves"));
        }
        match self {
            Self::Uniform => Ok(Picker {
                group: None,
                groups: vec![Group::All(leaves.0.len())],
            }),
            Self::Localities(weights) => {
                // In the order of names a locality comes before those within it.
                let mut owner = vec![None; leaves.0.len()];
                for (number, of) in weights.keys().enumerate() {
                    owner[leaves.locality(of)].fill(Some(number));
                }
                let named: Vec<_> = weights.iter().map(|(n, w)| (n.as_str(), *w)).collect();
                Picker::new("localities", &named, |leaf| owner[leaf], leaves.0.len())
            }
            Self::Classes(weights) => {
                let number = |leaf: usize| {
                    let class = class(&leaves.0[leaf]);
                    weights.keys().position(|listed| listed == class)
                };
                let named: Vec<_> = weights.iter().map(|(n, w)| (n.as_str(), *w)).collect();
                Picker::new("classes", &named, number, leaves.0.len())
            }
        }
    }
}

impl Picker {
    fn new(
        field: &'static str,
        named: &[(&str, Factor)],
        group: impl Fn(usize) -> Option<usize>,
        leaves: usize,
    ) -> Result<Self, Invalid> {
        let mut groups = vec![Vec::new(); named.len()];
        for leaf in 0..leaves {
            if let Some(group) = group(leaf) {
                groups[group].push(u32::try_from(leaf).unwrap_or(u32::MAX));
            }
        }
        if let Some(empty) = groups.iter().position(Vec::is_empty) {
            let why = format!("lists `{}`, but no leaf belongs to it", named[empty].0);
            return Err(Invalid::new(field, why));
        }
        let weights = named.iter().map(|(_, weight)| weight.value()).collect();
        let group = WeightedAliasIndex::new(weights)
            .map_err(|error| Invalid::new(field, format!("has bad weights: {error}")))?;
        Ok(Self {
            group: Some(group),
            groups: groups.into_iter().map(Group::Some).collect(),
        })
    }

    /// Picks a leaf, by its number.
    pub fn pick<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        let group = self.group.as_ref().map_or(0, |group| group.sample(rng));
        match &self.groups[group] {
            Group::All(count) => rng.random_range(0..*count),
            Group::Some(leaves) => leaves[rng.random_range(0..leaves.len())] as usize,
        }
    }
}
