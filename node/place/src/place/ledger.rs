//! The resource manager: grants, shrinks and releases bookings.
//!
//! A booking itself stands with its hop; the ledger keeps the sums, so that every
//! operation costs the same however many bookings there are.

use std::collections::BTreeMap;

use waybook_agents::Lack;
use waybook_plan::{Demand, Resource};

use crate::ResourceView;

/// The sums of one resource.
#[derive(Debug, Default)]
struct Gauge {
    capacity: u64,
    established: u64,
    held: u64,
}

impl Gauge {
    fn free(&self) -> u64 {
        self.capacity
            .saturating_sub(self.established)
            .saturating_sub(self.held)
    }
}

/// Whether a booking counts as another set-up's hold or as an established session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// A set-up under way.
    Held,
    /// An established session.
    Established,
}

/// The place's resources and what is booked of them.
#[derive(Debug, Default)]
pub struct Ledger {
    gauges: BTreeMap<Resource, Gauge>,
}

impl Ledger {
    /// All of the capacity, free.
    #[must_use]
    pub fn new(capacity: &BTreeMap<Resource, u64>) -> Self {
        let gauge = |capacity: &u64| Gauge {
            capacity: *capacity,
            ..Gauge::default()
        };
        Self {
            gauges: capacity
                .iter()
                .map(|(r, c)| (r.clone(), gauge(c)))
                .collect(),
        }
    }

    /// What would be lacking for that demand, if anything: the first kind by name.
    #[must_use]
    pub fn lack(&self, demand: &Demand) -> Option<Lack> {
        let none = Gauge::default();
        demand.iter().find_map(|(resource, wanted)| {
            let gauge = self.gauges.get(resource).unwrap_or(&none);
            (wanted > gauge.free()).then(|| Lack {
                resource: resource.clone(),
                wanted,
                free: gauge.free(),
                capacity: gauge.capacity,
                established: gauge.established,
                held_by_others: gauge.held,
            })
        })
    }

    /// Books all of the demand, or nothing.
    ///
    /// # Errors
    /// [`Lack`] says what lacked.
    pub fn hold(&mut self, demand: &Demand) -> Result<(), Lack> {
        match self.lack(demand) {
            Some(lack) => Err(lack),
            None => {
                self.put(demand, Account::Held);
                Ok(())
            }
        }
    }

    /// Adds to an account without judging: for what was judged before, in this life or
    /// an earlier one.
    pub fn put(&mut self, demand: &Demand, account: Account) {
        for (resource, amount) in demand.iter() {
            let gauge = self.gauges.entry(resource.clone()).or_default();
            let sum = match account {
                Account::Held => &mut gauge.held,
                Account::Established => &mut gauge.established,
            };
            *sum = sum.saturating_add(amount);
        }
    }

    /// Takes from an account what was put there.
    pub fn take(&mut self, demand: &Demand, account: Account) {
        for (resource, amount) in demand.iter() {
            let Some(gauge) = self.gauges.get_mut(resource) else {
                continue;
            };
            let sum = match account {
                Account::Held => &mut gauge.held,
                Account::Established => &mut gauge.established,
            };
            debug_assert!(
                *sum >= amount,
                "more of {resource} is given back than was booked"
            );
            *sum = sum.saturating_sub(amount);
        }
    }

    /// Every resource with what is booked of it, in the order of names.
    pub fn views(&self) -> impl Iterator<Item = ResourceView> {
        self.gauges.iter().map(|(resource, gauge)| ResourceView {
            resource: resource.clone(),
            capacity: gauge.capacity,
            established: gauge.established,
            held: gauge.held,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(parts: &[(&str, u64)]) -> Demand {
        let mut demand = Demand::none();
        for (name, amount) in parts {
            demand.add(&Resource::new(name).unwrap(), *amount).unwrap();
        }
        demand
    }

    #[test]
    fn all_or_nothing_and_the_reason_adds_up() {
        let capacity =
            [("cpu", 1_000), ("memory", 64)].map(|(r, c)| (Resource::new(r).unwrap(), c));
        let mut ledger = Ledger::new(&capacity.into_iter().collect());
        ledger.hold(&demand(&[("cpu", 600)])).unwrap();
        ledger.put(&demand(&[("cpu", 300)]), Account::Established);
        let lack = ledger
            .hold(&demand(&[("cpu", 101), ("memory", 1)]))
            .unwrap_err();
        assert_eq!((lack.free, lack.missing()), (100, 1));
        assert_eq!(
            lack.established + lack.held_by_others + lack.free,
            lack.capacity
        );
        assert!(lack.holds_stood_in_the_way());
        assert!(
            ledger
                .views()
                .all(|v| v.resource.as_str() != "memory" || v.held == 0)
        );
        // What the place does not have at all is lacking as well.
        assert_eq!(ledger.hold(&demand(&[("gpu", 1)])).unwrap_err().capacity, 0);
    }
}
