//! Blame: what each neighbour has sent in vain.

use waybook_location_tree::PlaceName;

use super::Place;
use crate::Refusals;

impl Place {
    /// What has been refused since then is that neighbour's doing.
    pub(super) fn reckon(&mut self, from: &PlaceName, before: Refusals) {
        let now = Refusals::from(&self.counters);
        if now == before {
            return;
        }
        if let Some(blame) = self.links.blame(from) {
            blame.refused += now.refused - before.refused;
            blame.fenced += now.fenced - before.fenced;
            blame.outdated += now.outdated - before.outdated;
            blame.limited += now.limited - before.limited;
        }
    }
}
