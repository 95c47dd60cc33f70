//! What a visitor has answered at once: the place's resources and limits, for one
//! session.

use std::time::Duration;

use waybook_agents::{HopReport, Local, RefusalReason};
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Demand, Stage};

use super::components::{self, Components, Use};
use super::ledger::{Account, Ledger};
use super::links::Links;
use crate::Config;

/// The place as one session's visitor sees it.
pub(super) struct Desk<'a> {
    pub(super) config: &'a Config,
    pub(super) links: &'a Links,
    pub(super) ledger: &'a mut Ledger,
    pub(super) components: &'a Components,
    /// What the session has booked here.
    pub(super) booking: &'a mut Option<Demand>,
    pub(super) account: Account,
    pub(super) uses: &'a [Use],
    /// Since the agent arrived.
    pub(super) took: Duration,
    /// The limit that keeps new set-ups out, if one is reached.
    pub(super) limit: Option<(&'static str, usize)>,
}

/// What a place would say to a stage, whoever asks, but for what is booked.
pub(super) fn judge(
    config: &Config,
    links: &Links,
    components: &[Component],
    next: Option<&PlaceName>,
) -> Result<(), RefusalReason> {
    if links.is_recovering() {
        return Err(RefusalReason::Restarting);
    }
    for component in components {
        if let Some(why) = components::unavailable(component, &config.programs) {
            let component = component.name.clone();
            return Err(RefusalReason::ComponentUnavailable { component, why });
        }
    }
    match next {
        Some(next) if !links.is_up(next) => Err(RefusalReason::Unreachable { next: next.clone() }),
        _ => Ok(()),
    }
}

impl Local for Desk<'_> {
    fn hold(&mut self, stage: &Stage, next: Option<&PlaceName>) -> Result<(), RefusalReason> {
        // Judged against what is free plus what this session itself holds here; an
        // older hold is of a solution that is refused by now.
        self.release();
        if let Some((limit, value)) = self.limit {
            let value = u64::try_from(value).unwrap_or(u64::MAX);
            return Err(RefusalReason::Limit {
                limit: limit.to_owned(),
                value,
            });
        }
        judge(self.config, self.links, &stage.components, next)?;
        self.ledger
            .hold(&stage.demand)
            .map_err(RefusalReason::Lacking)?;
        *self.booking = Some(stage.demand.clone());
        Ok(())
    }

    fn shrink(&mut self, demand: &Demand) {
        let Some(held) = self.booking.as_mut() else {
            return;
        };
        debug_assert!(held.covers(demand), "a booking only ever shrinks");
        self.ledger.take(held, self.account);
        self.ledger.put(demand, self.account);
        held.clone_from(demand);
    }

    fn release(&mut self) {
        if let Some(held) = self.booking.take() {
            self.ledger.take(&held, self.account);
        }
    }

    fn report(&self, stage: &Stage) -> HopReport {
        HopReport {
            place: stage.place.clone(),
            booked: stage.demand.clone(),
            components: self.components.reports(self.uses),
            took: self.took,
        }
    }
}
