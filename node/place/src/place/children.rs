//! Children that are gone: so many are remembered, and no more.

use super::Place;
use super::timers::Timer;
use crate::Instant;
use crate::io::{Output, RecordKey};

/// How many children are remembered for each that may be connected. The record of one makes
/// a restarted place wait for it, and its last life keeps older ones out.
const KNOWN_PER_CHILD: usize = 2;

impl Place {
    /// Makes room for a child that has never been here: of those that are away, and through
    /// which nothing leads, the one whose connection came up longest ago is forgotten.
    pub(super) fn forget_old_children(&mut self, now: Instant, out: &mut Vec<Output>) {
        let most = self.config.limits.children.saturating_mul(KNOWN_PER_CHILD);
        if self.links.known() < most {
            return;
        }
        let away = self.links.down();
        let away = away.filter(|(neighbour, _)| {
            self.config.name.contains(neighbour) && self.hops_at_edge(neighbour).next().is_none()
        });
        let oldest = away.min_by_key(|(_, since)| *since);
        let Some(oldest) = oldest.map(|(neighbour, _)| neighbour.clone()) else {
            return;
        };
        self.timers.cancel(&Timer::IndexGrace(oldest.clone()));
        self.forget_locality(now, &oldest, out);
        self.links.forget(&oldest);
        self.pace.forget(&oldest);
        out.push(Output::Store {
            key: RecordKey::Child(oldest),
            value: None,
        });
    }
}
