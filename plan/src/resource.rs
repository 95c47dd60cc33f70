//! Kinds of resource, and amounts of them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of resource, by name. Any name may be booked at a place that has a capacity
/// for it; the constants are those that Waybook itself gives a meaning.
///
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Arc<str>);

impl Resource {
    /// Processor time, in thousandths of one processor.
    pub const CPU: &'static str = "cpu";
    /// Memory, in bytes.
    pub const MEMORY: &'static str = "memory";
    /// Bandwidth of the edge to the parent, from the parent to this place, in bit/s.
    pub const DOWN: &'static str = "down";
    /// Bandwidth of the edge to the parent, from this place to the parent, in bit/s.
    pub const UP: &'static str = "up";

    /// Greatest length of a name in bytes.
    pub const MAX_NAME: usize = 63;

    /// Reads the name of a kind of resource: a letter, then letters, digits, `.`, `_`
    /// and `-`, all lower case.
    ///
    /// # Errors
    /// [`ResourceError::BadName`] with the text and what is allowed.
    pub fn new(name: &str) -> Result<Self, ResourceError> {
        let ok = (1..=Self::MAX_NAME).contains(&name.len())
            && name.as_bytes()[0].is_ascii_lowercase()
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if ok {
            Ok(Self(name.into()))
        } else {
            Err(ResourceError::BadName(name.to_owned()))
        }
    }

    /// Processor time; see [`Resource::CPU`].
    #[must_use]
    pub fn cpu() -> Self {
        Self(Self::CPU.into())
    }

    /// Memory; see [`Resource::MEMORY`].
    #[must_use]
    pub fn memory() -> Self {
        Self(Self::MEMORY.into())
    }

    /// Bandwidth from the parent; see [`Resource::DOWN`].
    #[must_use]
    pub fn down() -> Self {
        Self(Self::DOWN.into())
    }

    /// Bandwidth to the parent; see [`Resource::UP`].
    #[must_use]
    pub fn up() -> Self {
        Self(Self::UP.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a resource or a demand was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// The text names no kind of resource.
    #[error(
        "`{0}` is not a resource name: use a lower-case letter, then up to 62 of a-z, 0-9, `.`, `_`, `-`"
    )]
    BadName(String),
    /// Amounts of one kind add up to more than fits.
    #[error("the demand for `{0}` is larger than any capacity can be")]
    Overflow(Resource),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Amounts of several kinds of resource, booked together or not at all.
///
/// Kept in the order of names, each kind once, never with an amount of zero, so that
/// equal demands are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Demand(Vec<(Resource, u64)>);

impl Demand {
    /// Most kinds of resource in a demand that is read from elsewhere. A hostile one
    /// with a frame full of names would cost more time than it is worth.
    pub const MAX_KINDS: usize = 64;

    /// The demand for nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an amount of one kind to what is already demanded of it.
    ///
    /// # Errors
    /// [`ResourceError::Overflow`] if the sum does not fit; the demand is unchanged.
    pub fn add(&mut self, resource: &Resource, amount: u64) -> Result<(), ResourceError> {
        if amount == 0 {
            return Ok(());
        }
        match self.0.binary_search_by(|(r, _)| r.cmp(resource)) {
            Ok(at) => {
                let sum = self.0[at].1.checked_add(amount);
                self.0[at].1 = sum.ok_or_else(|| ResourceError::Overflow(resource.clone()))?;
            }
            Err(at) => self.0.insert(at, (resource.clone(), amount)),
        }
        Ok(())
    }

    /// Adds a whole demand to this one.
    ///
    /// # Errors
    /// As [`Demand::add`]; kinds before the one that overflowed have been added.
    pub fn add_all(&mut self, other: &Self) -> Result<(), ResourceError> {
        other.iter().try_for_each(|(r, a)| self.add(r, a))
    }

    /// The amount demanded of one kind; 0 if it is not named.
    #[must_use]
    pub fn of(&self, resource: &str) -> u64 {
        self.0
            .binary_search_by(|(r, _)| r.as_str().cmp(resource))
            .map_or(0, |at| self.0[at].1)
    }

    /// Every kind with its amount, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&Resource, u64)> {
        self.0.iter().map(|(r, a)| (r, *a))
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether holding this demand is enough for `other`: no kind of it needs more.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(r, a)| self.of(r.as_str()) >= a)
    }
}

impl<'de> Deserialize<'de> for Demand {
    /// Reads pairs in any order and restores the invariants, so that nothing that
    /// arrives can break them. More than [`Demand::MAX_KINDS`] pairs are refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let pairs = Vec::<(Resource, u64)>::deserialize(deserializer)?;
        if pairs.len() > Self::MAX_KINDS {
            return Err(D::Error::custom(format!(
                "a demand for {} kinds of resource; at most {} are allowed",
                pairs.len(),
                Self::MAX_KINDS
            )));
        }
        let mut demand = Self::none();
        for (resource, amount) in pairs {
            demand.add(&resource, amount).map_err(D::Error::custom)?;
        }
        Ok(demand)
    }
}

impl fmt::Display for Demand {
    /// For people: `cpu 250m, memory 64 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (at, (resource, amount)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{resource} {}",
                crate::format_amount(resource, amount)
            )?;
        }
        Ok(())
    }
}
