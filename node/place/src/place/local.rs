//! What a visitor has answered at once: the place's resources and limits, for one
//! session.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{HopReport, Local, RefusalReason, Withheld};
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Demand, Releases, Stage};

use super::components::{self, Components, Use};
use super::ledger::{Account, Ledger};
use super::links::Links;
use super::pace::Pace;
use super::trust::Verified;
use super::turns::Source;
use super::withholding;
use crate::{Instant, Settings};

/// The place as one session's visitor sees it.
pub(super) struct Desk<'a> {
    pub(super) config: &'a Settings,
    /// What the operator keeps from being booked.
    pub(super) withheld: &'a Withheld,
    pub(super) links: &'a Links,
    pub(super) pace: &'a Pace,
    pub(super) now: Instant,
    /// Where the session comes from.
    pub(super) from: &'a Source,
    /// Where it has been sent on to from here.
    pub(super) sent: Option<PlaceName>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) components: &'a Components,
    pub(super) verified: &'a mut Verified,
    /// What the components stand for that are brought along.
    pub(super) releases: Arc<Releases>,
    /// What the session has booked here.
    pub(super) booking: &'a mut Option<Demand>,
    pub(super) account: Account,
    pub(super) uses: &'a [Use],
    /// Since the agent arrived.
    pub(super) took: Duration,
    /// The limit that keeps new set-ups out, if one is reached.
    pub(super) limit: Option<(&'static str, usize)>,
}

/// What a place would say to a stage, whoever asks, but for what is booked. `code` is a
/// component that is brought along, if whoever goes on speaks of any.
#[allow(
    clippy::too_many_arguments,
    reason = "the place's rooms that have a say, and the stage"
)]
pub(super) fn judge(
    config: &Settings,
    links: &Links,
    verified: &mut Verified,
    releases: &Releases,
    withheld: &Withheld,
    demand: &Demand,
    components: &[Component],
    next: Option<&PlaceName>,
    code: Option<&str>,
) -> Result<(), RefusalReason> {
    if links.is_recovering() {
        return Err(RefusalReason::Restarting);
    }
    if let Some(reason) = withholding::refusal(withheld, demand) {
        return Err(reason);
    }
    for component in components {
        let own = components::unavailable(component, &config.programs);
        let why = own.or_else(|| verified.unavailable(config, component, releases));
        if let Some(why) = why {
            let component = component.name.clone();
            return Err(RefusalReason::ComponentUnavailable { component, why });
        }
    }
    let Some(next) = next else { return Ok(()) };
    let Some(version) = links.version(next) else {
        return Err(RefusalReason::Unreachable { next: next.clone() });
    };
    match code {
        Some(code) if version < 2 => Err(RefusalReason::ComponentUnavailable {
            component: code.to_owned(),
            why: format!(
                "{next} speaks version {version} of the protocol, which knows of no code that is \
                 brought along"
            ),
        }),
        _ => Ok(()),
    }
}

impl Desk<'_> {
    /// Whether a visit to the next place would get its turn. Who is on the way there already
    /// need not wait for it.
    fn wait_for(&self, next: &PlaceName) -> Result<(), RefusalReason> {
        if self.sent.as_ref() == Some(next) {
            return Ok(());
        }
        let turn = self.config.timing.turn;
        match self.pace.crowded(self.now, next, self.from, turn) {
            Some(window) => Err(crowded(next, window)),
            None => Ok(()),
        }
    }
}

/// The next place is asked no more now, for it is late with what it has been asked.
pub(super) fn crowded(next: &PlaceName, window: usize) -> RefusalReason {
    RefusalReason::Limit {
        limit: format!("set-ups under way to {next}"),
        value: u64::try_from(window).unwrap_or(u64::MAX),
    }
}

impl Local for Desk<'_> {
    fn hold(
        &mut self,
        stage: &Stage,
        next: Option<&PlaceName>,
        code: Option<&str>,
    ) -> Result<(), RefusalReason> {
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
        judge(
            self.config,
            self.links,
            self.verified,
            &self.releases,
            self.withheld,
            &stage.demand,
            &stage.components,
            next,
            code,
        )?;
        if let Some(next) = next {
            self.wait_for(next)?;
        }
        self.ledger
            .hold(&self.config.capacity, &stage.demand)
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
