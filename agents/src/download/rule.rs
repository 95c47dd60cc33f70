//! What a download strategy is: the rule that its agents go by.

use std::sync::Arc;

use waybook_location_tree::PlaceName;

use super::strategies::{DefaultPlace, Direct, NearestHolder};
use super::{Download, DownloadStrategy, Site, Step};

/// A rule by which download agents look for code. Implementations are pure: an agent that
/// is alike does the same at a place that is alike.
///
/// An agent that stays away for longer than it may is lost, and another is launched in its
/// stead: a rule that sends agents where they cannot go, or in circles, costs time.
pub trait DownloadRule: Send + Sync {
    /// The strategy that agents name it by.
    fn strategy(&self) -> DownloadStrategy;

    /// What an agent does at the place that it is at, its origin included. It goes only to
    /// neighbours that the place [reaches](Site::reaches), and waits for a place to
    /// [obtain](Step::Obtain) the code anywhere but at its origin. Of the agent only
    /// [`avoid`](Download::avoid) may be changed.
    fn step(&self, agent: &mut Download, site: &dyn Site) -> Step;

    /// Whether it may lead an agent to that place. Every place refuses an agent that comes
    /// from where its rule would not have led it.
    fn may_be_at(&self, agent: &Download, place: &PlaceName) -> bool;

    /// Whether agents still look while they take back what they have walked. Else they
    /// turn round only when they know where to read from, or that there is no such place.
    fn looks_on_the_way_back(&self) -> bool {
        false
    }

    /// Whether code comes by way of the default places, so that one through which a set-up
    /// passes may as well get it at once.
    fn passes_default_places(&self) -> bool {
        false
    }
}

/// The rules of the strategies that come with Waybook; the first is the default.
#[must_use]
pub fn builtin_download_rules() -> Vec<Arc<dyn DownloadRule>> {
    vec![
        Arc::new(DefaultPlace),
        Arc::new(Direct),
        Arc::new(NearestHolder),
    ]
}
