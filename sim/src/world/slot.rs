//! What a driver keeps for one place.

use std::collections::BTreeMap;

use waybook_agents::SessionId;
use waybook_place::io::{InstanceId, RecordKey, Route};
use waybook_place::{Instant, Place};
use waybook_plan::Component;

use crate::transcript::Digest;

/// A component that a place has started and not stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it is.
    pub component: Component,
    /// Whether it has answered its probe.
    pub up: bool,
}

/// A place with the model of its machine.
#[derive(Debug, Default)]
pub struct Slot {
    place: Option<Box<Place>>,
    /// The number of the present life, or of the last one.
    pub(super) life: u64,
    /// What survives a crash.
    pub(super) disk: BTreeMap<RecordKey, Vec<u8>>,
    pub(crate) components: BTreeMap<InstanceId, Running>,
    pub(crate) routes: BTreeMap<SessionId, Route>,
    /// The earliest tick that is scheduled.
    pub(super) tick: Option<Instant>,
    bookings: u64,
}

impl Slot {
    /// The place; nothing while it is down.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }

    pub(super) fn place_mut(&mut self) -> Option<&mut Place> {
        self.place.as_deref_mut()
    }

    /// What survives a crash.
    #[must_use]
    pub fn disk(&self) -> &BTreeMap<RecordKey, Vec<u8>> {
        &self.disk
    }

    /// The components that have been started and not stopped.
    #[must_use]
    pub fn components(&self) -> &BTreeMap<InstanceId, Running> {
        &self.components
    }

    /// How requests are let through, by session.
    #[must_use]
    pub fn routes(&self) -> &BTreeMap<SessionId, Route> {
        &self.routes
    }

    pub(super) fn run(&mut self, place: Place) {
        self.place = Some(Box::new(place));
        self.tick = None;
    }

    pub(crate) fn crash(&mut self) {
        self.place = None;
        self.tick = None;
        self.components.clear();
        self.routes.clear();
    }

    /// Whether the place wants a tick now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let wanted = self.place().and_then(Place::next_timeout);
        wanted.is_some_and(|at| at <= now)
    }

    /// When a tick must be scheduled, if none is that early.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let wanted = self.place()?.next_timeout()?;
        match self.tick {
            Some(planned) if planned <= wanted => None,
            _ => Some(wanted),
        }
    }

    /// Whether the bookings are others than at the last call.
    pub(super) fn bookings_changed(&mut self) -> bool {
        let mut digest = Digest::new();
        for booking in self.place().into_iter().flat_map(Place::bookings) {
            digest.add(&booking.session.0.to_le_bytes());
            digest.add(&[booking.phase as u8]);
            for (resource, amount) in booking.demand.iter() {
                digest.add(resource.as_str().as_bytes());
                digest.add(&amount.to_le_bytes());
            }
        }
        let before = std::mem::replace(&mut self.bookings, digest.value());
        before != self.bookings
    }
}
