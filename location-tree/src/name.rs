//! The name of a place, and what can be told from names alone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Greatest length of one label in bytes, as in DNS (RFC 1035, section 2.3.4).
pub const MAX_LABEL: usize = 63;
/// Greatest length of a whole name in bytes. A name reversed is a DNS name in the
/// place's certificate, and 253 is what is left there for visible characters.
pub const MAX_NAME: usize = 253;
/// Greatest number of labels in a name. It bounds the length of every service path.
pub const MAX_DEPTH: usize = 32;

/// The name of a place, which is its address in the location tree.
///
/// Labels are lower-case letters, digits and hyphens (not first or last), joined by
/// `/` from the root downward. Cloning is cheap.
///
/// Names order by their labels from the root, so that the members of a locality are
/// neighbours in any sorted collection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlaceName(Arc<str>);

/// Why a text is no place name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a place name must not be empty; write it like `core/bologna/lab`")]
    Empty,
    /// The text is longer than [`MAX_NAME`].
    #[error("the place name has {0} bytes; at most {MAX_NAME} are allowed")]
    TooLong(usize),
    /// There are more labels than [`MAX_DEPTH`].
    #[error("the place name has {0} labels; at most {MAX_DEPTH} are allowed")]
    TooDeep(usize),
    /// A label is not as labels must be.
    #[error(
        "`{label}` in place name `{name}` is not a label: use 1 to {MAX_LABEL} of a-z, 0-9 and \
         inner hyphens, with `/` between labels"
    )]
    BadLabel {
        /// The whole text.
        name: String,
        /// The offending part of it.
        label: String,
    },
}

impl PlaceName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NameError`] says which label is wrong and what is allowed.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong(text.len()));
        }
        let mut depth = 0;
        for label in text.split('/') {
            depth += 1;
            if !is_label(label) {
                return Err(NameError::BadLabel {
                    name: text.to_owned(),
                    label: label.to_owned(),
                });
            }
        }
        if depth > MAX_DEPTH {
            return Err(NameError::TooDeep(depth));
        }
        Ok(Self(text.into()))
    }

    /// The name as written, `core/bologna/lab`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the two lie in the same memory: if so they are equal, and nothing had to be
    /// read. Equal names need not.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The labels from the root downward.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last label: what the place is called within its parent's locality.
    #[must_use]
    pub fn label(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The number of hops to the root; 0 for the root itself.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.bytes().filter(|&b| b == b'/').count()
    }

    /// The parent, or `None` for a root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rfind('/').map(|cut| Self(self.0[..cut].into()))
    }

    /// The root of this name's tree.
    #[must_use]
    pub fn root(&self) -> Self {
        self.prefix(1)
    }

    /// The child of this place with that label.
    ///
    /// # Errors
    /// [`NameError`] if the label is bad or the whole name becomes too long or deep.
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        if !is_label(label) {
            return Err(NameError::BadLabel {
                name: format!("{self}/{label}"),
                label: label.to_owned(),
            });
        }
        Self::new(&format!("{self}/{label}"))
    }

    /// Whether `other` lies in this place's locality: is this place or below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.len() >= self.0.len()
            && other.0.starts_with(&*self.0)
            && (other.0.len() == self.0.len() || other.0.as_bytes()[self.0.len()] == b'/')
    }

    /// Whether the two are joined by one edge of the tree.
    #[must_use]
    pub fn is_neighbour_of(&self, other: &Self) -> bool {
        let (upper, lower) = if self.0.len() < other.0.len() {
            (self, other)
        } else {
            (other, self)
        };
        upper.contains(lower) && lower.depth() == upper.depth() + 1
    }

    /// The lowest common ancestor, or `None` for places of different trees.
    #[must_use]
    pub fn common_ancestor(&self, other: &Self) -> Option<Self> {
        let common = self.common_labels(other);
        (common > 0).then(|| self.prefix(common))
    }

    /// The distance in hops, or `None` for places of different trees.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<usize> {
        let common = self.common_labels(other);
        (common > 0).then(|| self.depth() + other.depth() + 2 - 2 * common)
    }

    /// The neighbour to go to from here for `target`: the child in whose locality it
    /// lies, else the parent. `None` if this is the target or it is in another tree.
    #[must_use]
    pub fn next_hop(&self, target: &Self) -> Option<Self> {
        if self == target {
            return None;
        }
        if self.contains(target) {
            let below = self.0.len() + 1;
            let end = target.0[below..].find('/').map(|end| below + end);
            return Some(end.map_or_else(|| target.clone(), |end| Self(target.0[..end].into())));
        }
        if self.common_labels(target) == 0 {
            return None;
        }
        self.parent()
    }

    /// The places from here to `target`, both included: up to the lowest common
    /// ancestor, then down. `None` for places of different trees.
    #[must_use]
    pub fn path_to(&self, target: &Self) -> Option<Vec<Self>> {
        let common = self.common_labels(target);
        if common == 0 {
            return None;
        }
        let up = (common..=self.depth() + 1).rev().map(|n| self.prefix(n));
        let down = (common + 1..=target.depth() + 1).map(|n| target.prefix(n));
        Some(up.chain(down).collect())
    }

    /// Whether these places are [the path](Self::path_to) between the first and the last of
    /// them: neighbour by neighbour, up and then down.
    pub fn are_path<'a>(places: impl IntoIterator<Item = &'a Self>) -> bool {
        let mut places = places.into_iter();
        let Some(mut here) = places.next() else {
            return false;
        };
        let mut before: Option<&Self> = None;
        let mut descends = false;
        for next in places {
            if !here.is_neighbour_of(next) {
                return false;
            }
            let down = next.0.len() > here.0.len();
            if descends && !down || before == Some(next) {
                return false;
            }
            descends = down;
            before = Some(here);
            here = next;
        }
        true
    }

    /// The name as a DNS name, labels reversed: `lab.bologna.core`. In this order the
    /// name constraints of X.509 (RFC 5280, section 4.2.1.10) can express a subtree.
    #[must_use]
    pub fn dns_name(&self) -> String {
        let labels: Vec<_> = self.labels().rev().collect();
        labels.join(".")
    }

    /// Reads a name back from its DNS form.
    ///
    /// # Errors
    /// As for [`PlaceName::new`].
    pub fn from_dns_name(dns: &str) -> Result<Self, NameError> {
        let labels: Vec<_> = dns.split('.').rev().collect();
        Self::new(&labels.join("/"))
    }

    fn common_labels(&self, other: &Self) -> usize {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        let common = common_bytes(a, b);
        let whole = a[..common].iter().filter(|byte| **byte == b'/').count();
        // The label at the end of what is common is whole if both end it there.
        let ends = |bytes: &[u8]| bytes.get(common).is_none_or(|byte| *byte == b'/');
        whole + usize::from(ends(a) && ends(b))
    }

    /// The ancestor with that many labels (at least one).
    fn prefix(&self, labels: usize) -> Self {
        match self.0.match_indices('/').nth(labels - 1) {
            Some((cut, _)) => Self(self.0[..cut].into()),
            None => self.clone(),
        }
    }
}

/// How many bytes two texts begin with alike. Names of one tree begin alike for long.
fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 8;
    let steps = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let alike = STEP * steps.take_while(|(a, b)| a == b).count();
    let rest = a[alike..].iter().zip(&b[alike..]);
    alike + rest.take_while(|(a, b)| a == b).count()
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=MAX_LABEL).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

impl Ord for PlaceName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.is_same(other) {
            return std::cmp::Ordering::Equal;
        }
        // By labels means by bytes, with `/` before all others.
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        let common = common_bytes(a, b);
        match (a.get(common), b.get(common)) {
            (Some(a), Some(b)) => rank(*a).cmp(&rank(*b)),
            _ => a.len().cmp(&b.len()),
        }
    }
}

impl PartialOrd for PlaceName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for PlaceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PlaceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PlaceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> PlaceName {
        PlaceName::new(text).unwrap()
    }

    fn path(from: &str, to: &str) -> String {
        let path = name(from).path_to(&name(to)).unwrap();
        path.iter()
            .map(PlaceName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn paths_climb_to_the_common_ancestor_and_descend() {
        assert_eq!(path("a/b/c", "a/d"), "a/b/c a/b a a/d");
        assert_eq!(path("a", "a/b/c"), "a a/b a/b/c");
        assert_eq!(path("a/b/c", "a"), "a/b/c a/b a");
        assert_eq!(path("a/b", "a/b"), "a/b");
        assert_eq!(name("a/b").path_to(&name("x/b")), None);
    }

    #[test]
    fn a_label_that_begins_alike_is_no_ancestor() {
        assert!(!name("core/bo").contains(&name("core/bologna")));
        assert!(!name("core/bo").is_neighbour_of(&name("core/bologna")));
        assert!(name("core/bo").contains(&name("core/bo/x")));
        assert_eq!(name("core/bo").distance(&name("core/bologna")), Some(2));
    }

    #[test]
    fn bad_names_are_refused_with_the_label_that_is_wrong() {
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "a_b", "-a", "a-", "a b", "é", "a/\0",
        ] {
            assert!(PlaceName::new(bad).is_err(), "{bad:?} was accepted");
        }
        let err = PlaceName::new("core/Bologna").unwrap_err().to_string();
        assert!(
            err.contains("`Bologna`") && err.contains("core/Bologna"),
            "{err}"
        );
        assert!(PlaceName::new(&"a".repeat(64)).is_err());
        assert!(PlaceName::new(&vec!["a"; 33].join("/")).is_err());
        assert!(PlaceName::new(&vec!["a".repeat(60); 5].join("/")).is_err());
    }

    fn any_name() -> impl Strategy<Value = PlaceName> {
        proptest::collection::vec("[ab]", 0..6).prop_map(|labels| {
            name(
                &["r".to_owned()]
                    .into_iter()
                    .chain(labels)
                    .collect::<Vec<_>>()
                    .join("/"),
            )
        })
    }

    proptest! {
        #[test]
        fn walking_next_hops_is_the_path((a, b) in (any_name(), any_name())) {
            let path = a.path_to(&b).unwrap();
            let mut walked = vec![a.clone()];
            while let Some(next) = walked[walked.len() - 1].next_hop(&b) {
                prop_assert!(next.is_neighbour_of(&walked[walked.len() - 1]));
                walked.push(next);
            }
            prop_assert_eq!(&walked, &path);
            prop_assert_eq!(path.len() - 1, a.distance(&b).unwrap());
            prop_assert!(path.contains(&a.common_ancestor(&b).unwrap()));
        }

        #[test]
        fn only_the_path_is_a_path(
            (from, walk) in (any_name(), proptest::collection::vec(any_name(), 0..5))
        ) {
            let mut walked = vec![from.clone()];
            for step in walk {
                let here = &walked[walked.len() - 1];
                walked.push(here.next_hop(&step).unwrap_or(step));
            }
            let path = from.path_to(&walked[walked.len() - 1]).unwrap();
            prop_assert_eq!(PlaceName::are_path(&walked), walked == path);
            prop_assert!(PlaceName::are_path(&path));
        }

        #[test]
        fn distance_is_a_metric((a, b, c) in (any_name(), any_name(), any_name())) {
            let d = |x: &PlaceName, y: &PlaceName| x.distance(y).unwrap();
            prop_assert_eq!(d(&a, &b), d(&b, &a));
            prop_assert_eq!(d(&a, &b) == 0, a == b);
            prop_assert!(d(&a, &c) <= d(&a, &b) + d(&b, &c));
        }

        #[test]
        fn names_order_by_their_labels(a in "[a/-]{0,12}", b in "[a/-]{0,12}") {
            let parse = |text: &str| PlaceName::new(&format!("r/{text}"));
            if let (Ok(a), Ok(b)) = (parse(&a), parse(&b)) {
                prop_assert_eq!(a.cmp(&b), a.labels().cmp(b.labels()));
                let alike = a.labels().zip(b.labels()).take_while(|(a, b)| a == b);
                prop_assert_eq!(a.common_labels(&b), alike.count());
            }
        }

        #[test]
        fn dns_form_reads_back(a in any_name()) {
            prop_assert_eq!(PlaceName::from_dns_name(&a.dns_name()).unwrap(), a);
        }

        #[test]
        fn any_text_reads_or_is_refused(text in ".*") {
            if let Ok(name) = PlaceName::new(&text) {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
