//! The download agent: finds out where missing code is to be read from.
//!
//! A place that lacks code launches one and waits. The agent goes where its strategy
//! says, and comes back with the place to read from; the bytes themselves are transferred
//! outside it, because they may be many and are verified one chunk at a time.
//!
//! It walks the tree neighbour by neighbour and never runs in a circle: where it turns
//! round, it takes back what it has walked. So its trail is always the tree's own path
//! from its origin, which every place can check.

mod rule;
mod strategies;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Digest, Release};

use crate::Incarnation;

pub use rule::{DownloadRule, builtin_download_rules};

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

/// How a download agent looks for code: the name of a [`DownloadRule`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Shipped", into = "Shipped")]
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
    /// By a rule that does not come with Waybook, of that name. In bytes this is `direct`
    /// with the name beside it (see [`wire`](crate::wire)).
    Own(String),
}

/// The strategies as an agent's body tells them. Frozen: others are told beside it.
#[derive(Serialize, Deserialize)]
enum Shipped {
    DefaultPlace,
    Direct,
    NearestHolder,
}

impl From<DownloadStrategy> for Shipped {
    fn from(strategy: DownloadStrategy) -> Self {
        match strategy {
            DownloadStrategy::DefaultPlace => Self::DefaultPlace,
            // Whoever knows of no others leads the agent home.
            DownloadStrategy::Direct | DownloadStrategy::Own(_) => Self::Direct,
            DownloadStrategy::NearestHolder => Self::NearestHolder,
        }
    }
}

impl From<Shipped> for DownloadStrategy {
    fn from(strategy: Shipped) -> Self {
        match strategy {
            Shipped::DefaultPlace => Self::DefaultPlace,
            Shipped::Direct => Self::Direct,
            Shipped::NearestHolder => Self::NearestHolder,
        }
    }
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
    /// The places on the way from its origin, in order, the origin left out and the place
    /// that it is at, or was sent from, last. It goes back the same way.
    pub trail: Vec<PlaceName>,
    /// Places that were read from in vain, and those that turned out on the way to be no
    /// use.
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
    /// How it stands with that code here. What arrives counts only if it is the same that
    /// the release describes, in length and root.
    fn standing(&self, release: &Release) -> Standing;
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

impl Download {
    /// Most places on the way and most places to avoid.
    pub const MAX_PLACES: usize = 256;
    /// Longest time that an agent may be allowed to stay away.
    pub const MAX_REMAINING: Duration = Duration::from_secs(3600);

    /// A new agent, at its origin.
    #[must_use]
    pub fn new(
        id: DownloadId,
        release: Arc<Release>,
        strategy: DownloadStrategy,
        avoid: BTreeSet<PlaceName>,
        remaining: Duration,
    ) -> Self {
        Self {
            id,
            release,
            strategy,
            trail: Vec::new(),
            avoid,
            remaining,
            found: None,
        }
    }

    /// The place that it waits at cannot get the code: what it goes back with.
    pub fn denied(&mut self, here: &PlaceName, why: &str) -> Result<Found, Nowhere> {
        self.avoid.insert(here.clone());
        self.home_or(&format!("{here}: {why}"))
    }

    /// Home, if there is any use in reading from there; else nowhere, because of that.
    ///
    /// # Errors
    /// The reason as it was given, if its origin is home itself, or home is to be avoided.
    pub fn home_or(&self, why: &str) -> Result<Found, Nowhere> {
        let home = &self.release.home;
        if *home == self.id.origin || self.avoid.contains(home) {
            return Err(Nowhere::new(why.to_owned()));
        }
        Ok(Found {
            source: home.clone(),
        })
    }

    /// The place that it came from on the way out, and to which it goes back; none at
    /// its origin.
    #[must_use]
    pub fn previous(&self) -> Option<&PlaceName> {
        let last = self.trail.len().checked_sub(1)?;
        let before = last.checked_sub(1).map(|before| &self.trail[before]);
        Some(before.unwrap_or(&self.id.origin))
    }

    /// Takes note that it has arrived where it was sent: at a place further out, or, on
    /// its way back or where it turned round, at the place before.
    pub fn arrive(&mut self, here: &PlaceName) {
        if self.previous() == Some(here) {
            self.trail.pop();
        } else {
            self.trail.push(here.clone());
        }
    }

    /// Checks an agent that came from elsewhere: it must be bounded, and its trail the
    /// tree's path from its origin to the sender, one step from here; on its way back,
    /// one step farther than here. `rule` is that of its strategy; none if this place does
    /// not know it, and then an agent may be anywhere.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(
        &self,
        rule: Option<&dyn DownloadRule>,
        from: &PlaceName,
        here: &PlaceName,
    ) -> Result<(), String> {
        if self.trail.len() > Self::MAX_PLACES || self.avoid.len() > Self::MAX_PLACES {
            return Err(format!("it names more than {} places", Self::MAX_PLACES));
        }
        if self.remaining > Self::MAX_REMAINING {
            return Err("it may stay away for too long".to_owned());
        }
        if let Some(Err(nowhere)) = &self.found
            && nowhere.why.len() > Nowhere::MAX_WHY
        {
            return Err(format!("it says more than {} bytes", Nowhere::MAX_WHY));
        }
        self.release.check().map_err(|e| e.to_string())?;
        let walked = std::iter::once(&self.id.origin).chain(&self.trail);
        let path = self.id.origin.path_to(from);
        if !path.is_some_and(|path| path.iter().eq(walked)) {
            return Err("it did not come the way that it says".to_owned());
        }
        let may_be_at = |place| rule.is_none_or(|rule| rule.may_be_at(self, place));
        let turned = self.previous() == Some(here);
        let onward = here.is_neighbour_of(from) && !turned && may_be_at(here);
        // Where it turned round it must have had some business.
        let turned = turned && may_be_at(from);
        let looks_back = rule.is_none_or(DownloadRule::looks_on_the_way_back);
        let looks = onward || turned && looks_back;
        match self.found {
            Some(_) if turned => Ok(()),
            None if looks && may_be_at(from) => Ok(()),
            _ => Err("it does not go where its strategy leads".to_owned()),
        }
    }
}

impl Nowhere {
    /// Greatest length of the sentence in bytes. It ends up in refusals.
    pub const MAX_WHY: usize = 1000;

    /// That sentence, cut where it is too long.
    #[must_use]
    pub fn new(mut why: String) -> Self {
        let mut ends = (0..=Self::MAX_WHY.min(why.len())).rev();
        let end = ends.find(|end| why.is_char_boundary(*end));
        why.truncate(end.unwrap_or(0));
        Self { why }
    }
}

impl Found {
    /// That place.
    #[must_use]
    pub fn at(place: &PlaceName) -> Self {
        Self {
            source: place.clone(),
        }
    }
}

impl DownloadStrategy {
    /// Greatest length of a name in bytes.
    pub const MAX_NAME: usize = 64;

    /// The strategies that come with Waybook, with the names that they are configured by.
    pub const ALL: [(&'static str, Self); 3] = [
        ("default-place", Self::DefaultPlace),
        ("direct", Self::Direct),
        ("nearest-holder", Self::NearestHolder),
    ];

    /// The strategy of that name, whether it comes with Waybook or not.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let shipped = Self::ALL.into_iter().find(|(shipped, _)| *shipped == name);
        shipped.map_or_else(|| Self::Own(name.to_owned()), |(_, strategy)| strategy)
    }
}

impl fmt::Display for DownloadStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::DefaultPlace => "default-place",
            Self::Direct => "direct",
            Self::NearestHolder => "nearest-holder",
            Self::Own(name) => name,
        };
        f.pad(name)
    }
}

/// Reads the name of one that comes with Waybook.
impl FromStr for DownloadStrategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::named(text) {
            Self::Own(_) => Err(format!(
                "there is no download strategy `{text}`; there are {}",
                Self::ALL.map(|(name, _)| name).join(", ")
            )),
            shipped => Ok(shipped),
        }
    }
}
