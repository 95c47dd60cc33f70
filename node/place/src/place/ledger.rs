//! The resource manager: grants, shrinks and releases bookings.
//!
//! A booking itself stands with its hop; the ledger keeps the sums, so that every
//! operation costs the same however many bookings there are.

use std::collections::BTreeMap;

use waybook_agents::Lack;
use waybook_plan::{Demand, Resource};

use crate::ResourceView;

/// What is booked of one resource.
#[derive(Debug, Clone)]
struct Gauge {
    resource: Resource,
    established: u64,
    held: u64,
}

/// Whether a booking counts as another set-up's hold or as an established session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// A set-up under way.
    Held,
    /// An established session.
    Established,
}

/// What is booked of the place's resources. What there is of them its settings say, so that
/// a place where nothing is booked keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// In the order of names, each kind once.
    gauges: Vec<Gauge>,
    edition: u64,
}

impl Ledger {
    fn gauge(&self, resource: &Resource) -> Option<&Gauge> {
        self.gauges.iter().find(|g| g.resource == *resource)
    }

    fn sum(&mut self, resource: &Resource, account: Account) -> &mut u64 {
        let found = self.gauges.binary_search_by(|g| g.resource.cmp(resource));
        let at = found.unwrap_or_else(|at| {
            let gauge = Gauge {
                resource: resource.clone(),
                established: 0,
                held: 0,
            };
            self.gauges.insert(at, gauge);
            at
        });
        let gauge = &mut self.gauges[at];
        match account {
            Account::Held => &mut gauge.held,
            Account::Established => &mut gauge.established,
        }
    }

    /// What would be lacking for that demand, if anything: the first kind by name.
    #[must_use]
    pub fn lack(&self, capacity: &BTreeMap<Resource, u64>, demand: &Demand) -> Option<Lack> {
        demand.iter().find_map(|(resource, wanted)| {
            let capacity = capacity.get(resource).copied().unwrap_or(0);
            let gauge = self.gauge(resource);
            let (established, held) = gauge.map_or((0, 0), |g| (g.established, g.held));
            let free = capacity.saturating_sub(established).saturating_sub(held);
            (wanted > free).then(|| Lack {
                resource: resource.clone(),
                wanted,
                free,
                capacity,
                established,
                held_by_others: held,
            })
        })
    }

    /// Books all of the demand, or nothing.
    ///
    /// # Errors
    /// [`Lack`] says what lacked.
    pub fn hold(
        &mut self,
        capacity: &BTreeMap<Resource, u64>,
        demand: &Demand,
    ) -> Result<(), Lack> {
        match self.lack(capacity, demand) {
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
        self.edition += 1;
        for (resource, amount) in demand.iter() {
            let sum = self.sum(resource, account);
            *sum = sum.saturating_add(amount);
        }
    }

    /// Takes from an account what was put there.
    pub fn take(&mut self, demand: &Demand, account: Account) {
        self.edition += 1;
        for (resource, amount) in demand.iter() {
            let sum = self.sum(resource, account);
            debug_assert!(
                *sum >= amount,
                "more of {resource} is given back than was booked"
            );
            *sum = sum.saturating_sub(amount);
        }
    }

    /// Another one after every change.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// Every resource that there is or of which something is booked, in no special order:
    /// what there is, what is established and what is held.
    pub fn all<'a>(
        &'a self,
        capacity: &'a BTreeMap<Resource, u64>,
    ) -> impl Iterator<Item = (&'a Resource, u64, u64, u64)> {
        let there = capacity.iter().map(|(resource, capacity)| {
            let gauge = self.gauge(resource);
            let (established, held) = gauge.map_or((0, 0), |g| (g.established, g.held));
            (resource, *capacity, established, held)
        });
        let others = self.gauges.iter();
        let others = others.filter(|gauge| !capacity.contains_key(&gauge.resource));
        there.chain(others.map(|g| (&g.resource, 0, g.established, g.held)))
    }

    /// As [`Self::all`], in the order of names.
    #[must_use]
    pub fn views(&self, capacity: &BTreeMap<Resource, u64>) -> Vec<ResourceView> {
        let view = |(resource, capacity, established, held): (&Resource, _, _, _)| ResourceView {
            resource: resource.clone(),
            capacity,
            established,
            held,
            cordoned: false,
        };
        let mut views: Vec<_> = self.all(capacity).map(view).collect();
        views.sort_by(|a, b| a.resource.cmp(&b.resource));
        views
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
        let capacity = capacity.into_iter().collect();
        let mut ledger = Ledger::default();
        ledger.hold(&capacity, &demand(&[("cpu", 600)])).unwrap();
        ledger.put(&demand(&[("cpu", 300)]), Account::Established);
        let lack = ledger
            .hold(&capacity, &demand(&[("cpu", 101), ("memory", 1)]))
            .unwrap_err();
        assert_eq!((lack.free, lack.missing()), (100, 1));
        assert_eq!(
            lack.established + lack.held_by_others + lack.free,
            lack.capacity
        );
        assert!(lack.holds_stood_in_the_way());
        assert!(
            ledger
                .views(&capacity)
                .iter()
                .all(|v| v.resource.as_str() != "memory" || v.held == 0)
        );
        // What the place does not have at all is lacking as well.
        assert_eq!(
            ledger
                .hold(&capacity, &demand(&[("gpu", 1)]))
                .unwrap_err()
                .capacity,
            0
        );
    }
}
