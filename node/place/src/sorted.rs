//! A map for what a place has few of, such as neighbours.

/// Entries in the order of their keys, side by side. One entry takes the room of one
/// entry, where a tree takes that of a whole node; most places have one neighbour, and
/// there may be a million places. Adding one among many moves those behind it.
#[derive(Debug)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Sorted<K, V> {
    /// Without entries.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// The value of a key, which is added if there is none.
    pub(crate) fn entry(&mut self, key: &K) -> &mut V
    where
        K: Clone,
        V: Default,
    {
        let at = self.find(key).unwrap_or_else(|at| {
            self.put(at, key.clone(), V::default());
            at
        });
        &mut self.0[at].1
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.put(at, key, value),
        }
    }

    fn put(&mut self, at: usize, key: K, value: V) {
        // A list grows to four at once; most of these stay at one.
        if self.0.capacity() == 0 {
            self.0.reserve_exact(1);
        }
        self.0.insert(at, (key, value));
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0_u8..12, 0_u8..4, any::<u8>()), 0..60)) {
            let (mut map, mut model) = (Sorted::default(), BTreeMap::new());
            for (key, step, value) in steps {
                match step {
                    0 => {
                        map.insert(key, value);
                        model.insert(key, value);
                    }
                    1 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    2 => {
                        *map.entry(&key) = value;
                        model.insert(key, value);
                    }
                    _ => prop_assert_eq!(map.get_mut(&key), model.get_mut(&key)),
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert!(map.iter().eq(model.iter()));
            }
        }
    }
}
