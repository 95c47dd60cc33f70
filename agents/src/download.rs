//! The download agent: finds out where missing code is to be read from.
//!
//! A place that lacks code launches one and waits. The agent goes where its strategy
//! says, and comes back with the place to read from; the bytes themselves are transferred
//! outside it, because they may be many and are verified one chunk at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

use crate::Incarnation;

/// Tells download agents apart; never used twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DownloadId {
    /// The place that launched it.
    pub origin: PlaceName,
    /// The life in which it did.
    pub life: Incarnation,
    /// Counted in that life.
    pub number: u64,
}

/// How a download agent looks for code.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum DownloadStrategy {
    /// First to the default place, which gets the code for itself too; then home. What
    /// the design that Waybook goes back to did.
    #[default]
    DefaultPlace,
    /// From the place where it was added, through the tree; the places between keep
    /// nothing.
    Direct,
    /// From the nearest place that holds it, through the tree; the places between keep
    /// nothing.
    NearestHolder,
}

/// A migrating download agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Which agent.
    pub id: DownloadId,
    /// What it looks for.
    pub release: Arc<Release>,
    /// How.
    pub strategy: DownloadStrategy,
    /// The places that it has come to since its origin, in order; it goes back the same
    /// way.
    pub trail: Vec<PlaceName>,
    /// Places that were read from in vain.
    pub avoid: BTreeSet<PlaceName>,
    /// How long it may still stay away, less a margin for each hop.
    pub remaining: Duration,
    /// What it comes back with; none while it looks.
    pub found: Option<Result<Found, Nowhere>>,
}

/// A place to read code from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The place, which holds the code or is getting it.
    pub source: PlaceName,
}

/// Why there is no place to read from, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nowhere {
    /// The sentence.
    pub why: String,
}

/// How it stands with some code at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is here, whole.
    Held,
    /// It is arriving, and what has arrived can be read.
    Coming,
    /// It is not here.
    Absent,
}

/// What a download agent asks of the place that it is at, and has answered at once.
pub trait Site {
    /// The place itself.
    fn here(&self) -> &PlaceName;
    /// Whether there is a connection to that neighbour.
    fn reaches(&self, neighbour: &PlaceName) -> bool;
    /// How it stands with that code here.
    fn standing(&self, digest: &Digest) -> Standing;
    /// The place of this locality nearest to `to` that is known to hold the code whole,
    /// but for those in `avoid` and this place itself.
    fn holder_below(
        &self,
        digest: &Digest,
        to: &PlaceName,
        avoid: &BTreeSet<PlaceName>,
    ) -> Option<PlaceName>;
}

/// What a download agent does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Migrate to that neighbour.
    Go(PlaceName),
    /// Stay until the place is getting the code for itself, or cannot.
    Obtain,
    /// Go back with that.
    Return(Result<Found, Nowhere>),
}

impl DownloadStrategy {
    /// All strategies, with the names that they are configured by.
    pub const ALL: [(&'static str, Self); 3] = [
        ("default-place", Self::DefaultPlace),
        ("direct", Self::Direct),
        ("nearest-holder", Self::NearestHolder),
    ];
}

impl fmt::Display for DownloadStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, s)| s == self);
        f.pad(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for DownloadStrategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, strategy)| *strategy).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name);
            format!(
                "there is no download strategy `{text}`; there are {}",
                names.join(", ")
            )
        })
    }
}
