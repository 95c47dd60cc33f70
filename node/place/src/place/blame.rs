//! Blame: what each neighbour has sent in vain.

use waybook_location_tree::PlaceName;

use super::Place;
use crate::{NeighbourView, Refusals};

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

    /// The neighbours that there have been in this life, connected or not.
    #[must_use]
    pub fn neighbours(&self) -> Vec<NeighbourView> {
        let paced = |mut view: NeighbourView| {
            view.visits = self.pace.view(&view.place);
            if self.parent.as_ref() == Some(&view.place) {
                view.questions = self.climbing.view();
            }
            view
        };
        self.links.views().map(paced).collect()
    }
}
