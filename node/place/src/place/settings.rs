//! Settings that change while the place runs.

use std::sync::Arc;

use super::Place;
use crate::{Common, Instant};

impl Place {
    /// From now on the place goes by other settings. Where there is less of a resource than is
    /// booked, what is booked stays, and nothing more is granted before it has become less.
    pub(super) fn reload(&mut self, now: Instant, common: &Common) {
        let known = self.strategies.decision_maker(&common.strategy).is_ok();
        let own = Arc::make_mut(&mut self.config.common);
        own.capacity.clone_from(&common.capacity);
        own.limits = common.limits;
        own.servers_per_plan = common.servers_per_plan;
        if known {
            own.strategy.clone_from(&common.strategy);
        }
        self.changed(now);
    }
}
