//! What the operator keeps from being booked: the whole place while it is being drained, or
//! single resources that are cordoned.
//!
//! Both concern only what would be booked from now on. A set-up that holds something here keeps
//! it and may be established; it gets nothing else in its place. So an operator who sees no
//! session left knows that none will come.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_agents::{Event, Refusal, RefusalReason, Withheld, wire};
use waybook_location_tree::PlaceName;
use waybook_plan::{Demand, Resource};

use super::Place;
use super::timers::Timer;
use crate::io::{Output, RecordKey};
use crate::lazy::Empty;
use crate::{DrainView, Instant};

/// What is withheld here, and until when.
#[derive(Debug, Clone, Default)]
pub(super) struct Withholding {
    pub(super) what: Withheld,
    /// When what is left of a drained place ends.
    until: Option<Instant>,
}

impl Empty for Withholding {
    const EMPTY: &'static Self = &Self {
        what: Withheld::NOTHING,
        until: None,
    };
}

/// That a place is being drained, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct DrainRecord {
    deadline: Option<Duration>,
}

/// Why that demand is not booked, whatever there is.
pub(super) fn refusal(withheld: &Withheld, demand: &Demand) -> Option<RefusalReason> {
    if withheld.draining {
        return Some(RefusalReason::Drained);
    }
    let mut kinds = demand.iter().map(|(resource, _)| resource);
    let cordoned = kinds.find(|resource| withheld.cordoned.contains(resource))?;
    Some(RefusalReason::Cordoned {
        resource: cordoned.clone(),
    })
}

/// The place whose draining is among those reasons.
pub(super) fn drained(refused: &[Refusal]) -> Option<PlaceName> {
    let drained = |refusal: &&Refusal| refusal.reason == RefusalReason::Drained;
    refused.iter().find(drained).map(|r| r.place.clone())
}

impl Place {
    /// The operator drains the place.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        deadline: Option<Duration>,
        out: &mut Vec<Output>,
    ) {
        let record = wire::encode_record(&DrainRecord { deadline });
        out.push(Output::Store {
            key: RecordKey::Drain,
            value: Some(record),
        });
        self.begin_to_drain(now, deadline);
    }

    fn begin_to_drain(&mut self, now: Instant, deadline: Option<Duration>) {
        self.withholding.what.draining = true;
        self.withholding.until = deadline.map(|deadline| now + deadline);
        match self.withholding.until {
            Some(until) => self.timers.set(Timer::Drained, until),
            None => self.timers.cancel(&Timer::Drained),
        }
        self.withheld_changed(now);
    }

    /// The place takes new sessions again.
    pub(super) fn undrain(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !self.withholding.what.draining {
            return;
        }
        self.withholding.what.draining = false;
        self.withholding.until = None;
        self.timers.cancel(&Timer::Drained);
        out.push(Output::Store {
            key: RecordKey::Drain,
            value: None,
        });
        self.withheld_changed(now);
    }

    /// The deadline of a drained place has passed: what is left ends.
    pub(super) fn drained(&mut self, now: Instant, out: &mut Vec<Output>) {
        // Whoever is here may only leave: nothing is let in any more.
        let left: Vec<_> = self.hops.keys().copied().collect();
        for session in left {
            self.drive(now, session, Event::Drained, out);
        }
    }

    /// The operator cordons a resource, or no longer does.
    pub(super) fn cordon(
        &mut self,
        now: Instant,
        resource: Resource,
        cordoned: bool,
        out: &mut Vec<Output>,
    ) {
        let known = &self.withholding.what.cordoned;
        if known.contains(&resource) == cordoned {
            return;
        }
        // No summary could say more.
        if cordoned && known.len() >= Demand::MAX_KINDS {
            self.counters.limited += 1;
            return;
        }
        out.push(Output::Store {
            key: RecordKey::Cordon(resource.clone()),
            value: cordoned.then(|| wire::encode_record(&())),
        });
        let known = &mut self.withholding.what.cordoned;
        match cordoned {
            true => known.insert(resource),
            false => known.remove(&resource),
        };
        self.withheld_changed(now);
    }

    /// Takes up what an earlier life was told.
    pub(super) fn restore_drain(
        &mut self,
        now: Instant,
        record: &[u8],
    ) -> Result<(), wire::WireError> {
        let record: DrainRecord = wire::decode_record(record)?;
        self.begin_to_drain(now, record.deadline);
        Ok(())
    }

    pub(super) fn restore_cordon(&mut self, resource: Resource) {
        self.withholding.what.cordoned.insert(resource);
    }

    fn withheld_changed(&mut self, now: Instant) {
        self.changed(now);
        self.tell_in_haste(now);
    }

    /// How far the place is with being drained; none if it is not.
    #[must_use]
    pub fn drain_view(&self, now: Instant) -> Option<DrainView> {
        let withholding = &*self.withholding;
        withholding.what.draining.then(|| DrainView {
            left: withholding.until.map(|until| until.since(now)),
            sessions: self.hops.len(),
            opens: self.opens.pending.len(),
        })
    }

    /// Whether an operator drains the place.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.withholding.what.draining
    }

    /// The resources of which nothing more is booked here.
    #[must_use]
    pub fn cordoned(&self) -> &BTreeSet<Resource> {
        &self.withholding.what.cordoned
    }
}
