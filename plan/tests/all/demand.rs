//! What every demand promises, however it came about.

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};
use waybook_plan::{Demand, Resource};

/// Pairs as they arrive: names that are right or not, any order, kinds more than once.
fn any_pairs() -> impl Strategy<Value = Vec<(String, u64)>> {
    let amount = prop_oneof![0u64..5, any::<u64>()];
    prop::collection::vec(("[abc]|[A-Z]?[a-z]{1,3}", amount), 0..8)
}

/// A map of pairs is read as a sequence of them too.
fn read(pairs: &[(String, u64)]) -> Result<Demand, Error> {
    Demand::deserialize(MapDeserializer::new(pairs.iter().cloned()))
}

fn any_demand() -> impl Strategy<Value = Demand> {
    prop::collection::vec(("[abc]", 0u64..5), 0..5).prop_map(|pairs| read(&pairs).unwrap())
}

proptest! {
    #[test]
    fn what_arrives_keeps_the_promises(pairs in any_pairs()) {
        let names_right = pairs.iter().all(|(name, _)| Resource::new(name).is_ok());
        let sum = |of: &str| pairs.iter().filter(|(n, _)| n == of).map(|(_, a)| u128::from(*a)).sum::<u128>();
        let fits = pairs.iter().all(|(name, _)| sum(name) <= u64::MAX.into());
        let demand = read(&pairs);
        prop_assert_eq!(demand.is_ok(), names_right && fits);
        if let Ok(demand) = demand {
            let kinds: Vec<_> = demand.iter().collect();
            prop_assert!(kinds.is_sorted_by(|a, b| a.0 < b.0), "{:?}", kinds);
            prop_assert!(kinds.iter().all(|(_, amount)| *amount > 0), "{:?}", kinds);
            for (name, _) in &pairs {
                prop_assert_eq!(u128::from(demand.of(name)), sum(name));
            }
        }
    }

    #[test]
    fn covering_is_having_no_less_of_anything((a, b) in (any_demand(), any_demand())) {
        prop_assert!(a.covers(&a) && a.covers(&Demand::none()));
        prop_assert_eq!(a.covers(&b), ["a", "b", "c"].iter().all(|kind| a.of(kind) >= b.of(kind)));
        prop_assert_eq!(a.covers(&b) && b.covers(&a), a == b);
        let mut sum = a.clone();
        sum.add_all(&b).unwrap();
        prop_assert!(sum.covers(&a) && sum.covers(&b));
    }
}

#[test]
fn a_sum_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut demand = Demand::none();
    demand.add(&Resource::cpu(), u64::MAX).unwrap();
    let before = demand.clone();
    let error = demand.add(&Resource::cpu(), 1).unwrap_err().to_string();
    assert!(error.contains("`cpu`"), "{error}");
    assert_eq!(demand, before);
    assert_eq!(Demand::none().to_string(), "nothing");
}

/// A frame full of names, in descending order, once took seconds to decode.
#[test]
fn a_demand_for_too_many_kinds_is_refused() {
    let kinds = |count: usize| -> Vec<(String, u64)> {
        (0..count).rev().map(|n| (format!("a{n:05}"), 1)).collect()
    };
    let most = read(&kinds(Demand::MAX_KINDS)).unwrap();
    assert_eq!(most.iter().count(), Demand::MAX_KINDS);
    assert!(read(&kinds(Demand::MAX_KINDS + 1)).is_err());
}
