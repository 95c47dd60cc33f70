//! What has been seen of a place's bookings, so that after a step only those are looked
//! at that the step was about.
//!
//! The place says which sessions its agents acted for. Should bookings change of others, the
//! sums here and there come to differ; then everything is looked at.

use std::collections::BTreeMap;

use waybook_agents::SessionId;
use waybook_place::{BookingPhase, BookingView, Place};
use waybook_plan::{Demand, Resource};

/// The sums of one resource.
#[derive(Debug)]
struct Sums {
    resource: Resource,
    established: u64,
    held: u64,
}

/// The bookings of one place, as they were when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct Books {
    bookings: BTreeMap<SessionId, (bool, Demand)>,
    /// In the order of names.
    sums: Vec<Sums>,
}

impl Books {
    /// All bookings of a place.
    pub(super) fn of(place: &Place) -> Self {
        let mut books = Self::default();
        for booking in place.bookings() {
            books.see(booking.session, Some(booking));
        }
        books
    }

    /// Takes notice of what is booked for a session now.
    pub(super) fn see(&mut self, session: SessionId, now: Option<BookingView>) {
        let now = now.map(|b| (b.phase == BookingPhase::Established, b.demand));
        let before = match now.clone() {
            Some(now) => self.bookings.insert(session, now),
            None => self.bookings.remove(&session),
        };
        if before == now {
            return;
        }
        for (resource, amount) in before.iter().flat_map(|(_, demand)| demand.iter()) {
            let sum = self.sum(resource, before.as_ref().is_some_and(|(is, _)| *is));
            *sum = sum.saturating_sub(amount);
        }
        for (resource, amount) in now.iter().flat_map(|(_, demand)| demand.iter()) {
            let sum = self.sum(resource, now.as_ref().is_some_and(|(is, _)| *is));
            *sum = sum.saturating_add(amount);
        }
    }

    /// What was booked for a session when that was last looked at.
    pub(super) fn booked(&self, session: SessionId) -> Option<&Demand> {
        self.bookings.get(&session).map(|(_, demand)| demand)
    }

    fn sum(&mut self, resource: &Resource, established: bool) -> &mut u64 {
        let found = self
            .sums
            .binary_search_by(|sums| sums.resource.cmp(resource));
        let at = found.unwrap_or_else(|at| {
            let sums = Sums {
                resource: resource.clone(),
                established: 0,
                held: 0,
            };
            self.sums.insert(at, sums);
            at
        });
        let sums = &mut self.sums[at];
        if established {
            &mut sums.established
        } else {
            &mut sums.held
        }
    }

    /// Whether they are no more than there is, and add up to what the place shows.
    pub(super) fn agree_with(&self, place: &Place) -> bool {
        let capacity = &place.config().capacity;
        let mut sums = self.sums.iter().peekable();
        let shown = place.each_resource(|resource, has, established, held| {
            let seen = sums.next_if(|sums| sums.resource == *resource);
            let seen = seen.map_or((0, 0), |sums| (sums.established, sums.held));
            seen == (established, held)
                && established.saturating_add(held) <= has
                && capacity.get(resource).copied().unwrap_or(0) == has
        });
        shown && sums.all(|sums| (sums.established, sums.held) == (0, 0))
    }
}
