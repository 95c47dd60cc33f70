//! What a place keeps for each of its neighbours, which are few.

use waybook_location_tree::PlaceName;

/// Neighbours that are looked through one by one.
const FEW: usize = 16;

/// Entries in the order of names, side by side. One entry takes the room of one
/// entry, where a tree takes that of a whole node; most places have one neighbour, and
/// there may be a million places. Adding one among many moves those behind it.
#[derive(Debug, Clone)]
pub(crate) struct ByNeighbour<V>(Vec<(PlaceName, V)>);

impl<V> Default for ByNeighbour<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> ByNeighbour<V> {
    /// Without entries.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether it costs little to look through all of them.
    pub(crate) fn is_short(&self) -> bool {
        self.0.len() <= FEW
    }

    fn find(&self, key: &PlaceName) -> Result<usize, usize> {
        // A name is mostly the very one that the driver gave when the neighbour connected;
        // then no other need be read.
        if self.is_short()
            && let Some(at) = self.0.iter().position(|(known, _)| known.is_same(key))
        {
            return Ok(at);
        }
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(crate) fn get(&self, key: &PlaceName) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, key: &PlaceName) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// The key as it is kept, with its value.
    pub(crate) fn get_entry(&self, key: &PlaceName) -> Option<(&PlaceName, &V)> {
        let (known, value) = &self.0[self.find(key).ok()?];
        Some((known, value))
    }

    /// The value of a key, which is added if there is none.
    pub(crate) fn entry(&mut self, key: &PlaceName) -> &mut V
    where
        V: Default,
    {
        let at = self.find(key).unwrap_or_else(|at| {
            self.put(at, key.clone(), V::default());
            at
        });
        &mut self.0[at].1
    }

    pub(crate) fn insert(&mut self, key: PlaceName, value: V) {
        match self.find(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.put(at, key, value),
        }
    }

    fn put(&mut self, at: usize, key: PlaceName, value: V) {
        // A list grows to four at once; most of these stay at one.
        if self.0.capacity() == 0 {
            self.0.reserve_exact(1);
        }
        self.0.insert(at, (key, value));
    }

    pub(crate) fn remove(&mut self, key: &PlaceName) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PlaceName, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// More than are looked through one by one, and names that are equal but not the same.
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0_u8..24, 0_u8..4, any::<u8>()), 0..90)) {
            let (mut map, mut model) = (ByNeighbour::default(), BTreeMap::new());
            for (key, step, value) in steps {
                let key = PlaceName::new(&format!("r/{key}")).unwrap();
                match step {
                    0 => {
                        map.insert(key.clone(), value);
                        model.insert(key.clone(), value);
                    }
                    1 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    2 => {
                        *map.entry(&key) = value;
                        model.insert(key.clone(), value);
                    }
                    _ => prop_assert_eq!(map.get_mut(&key), model.get_mut(&key)),
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                let kept = map.get_entry(&key).map(|(kept, _)| kept.clone());
                if let Some(kept) = kept {
                    prop_assert_eq!(map.get(&kept), model.get(&key));
                }
                prop_assert!(map.iter().eq(model.iter()));
            }
        }
    }
}
