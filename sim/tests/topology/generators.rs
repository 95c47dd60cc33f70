//! Trees by rule and by chance.

use waybook_sim::topology::generate::{Preference, preferential, recursive, regular};
use waybook_sim::topology::{Classes, Topology};

use super::names;

const ROLE: &Classes = &Classes::Role;

fn children(topology: &Topology) -> Vec<usize> {
    let mut children = vec![0; topology.len()];
    for place in topology.places() {
        if let Some(parent) = place.parent {
            children[parent as usize] += 1;
        }
    }
    children
}

#[test]
fn a_regular_tree_has_its_degree_and_depth() {
    let topology = regular(2, 2, ROLE).unwrap();
    assert_eq!(
        names(&topology),
        [
            "root", "root/0", "root/0/0", "root/0/1", "root/1", "root/1/0", "root/1/1"
        ]
    );
    let classes: Vec<_> = topology
        .places()
        .iter()
        .map(|p| topology.class(p))
        .collect();
    assert_eq!(
        classes,
        ["root", "inner", "leaf", "leaf", "inner", "leaf", "leaf"]
    );
    assert_eq!(topology.leaves().collect::<Vec<_>>(), [2, 3, 5, 6]);
    let topology = regular(4, 5, &Classes::Depth).unwrap();
    assert_eq!((topology.len(), topology.height()), (1365, 5));
    assert!(children(&topology).iter().all(|c| *c == 4 || *c == 0));
    assert_eq!(names(&regular(4, 0, ROLE).unwrap()), ["root"]);
    assert_eq!(regular(1, 31, ROLE).unwrap().len(), 32);
}

#[test]
fn what_cannot_be_generated_is_refused() {
    for (made, message) in [
        (regular(0, 3, ROLE), "`degree` is 0"),
        (regular(2, 32, ROLE), "at most 31 hops"),
        (regular(10, 9, ROLE), "at most 4194304"),
        (regular(u32::MAX, 1, ROLE), "at most 4194304"),
        (recursive(0, 1, ROLE), "`places` is 0"),
        (recursive(u32::MAX, 1, ROLE), "at most 4194304"),
        (
            preferential(
                9,
                Preference {
                    exponent: 9.0,
                    offset: 1.0,
                },
                1,
                ROLE,
            ),
            "`exponent` is 9",
        ),
        (
            preferential(
                9,
                Preference {
                    exponent: 1.0,
                    offset: 0.0,
                },
                1,
                ROLE,
            ),
            "`offset` is 0",
        ),
        (
            preferential(
                9,
                Preference {
                    exponent: f64::NAN,
                    offset: 1.0,
                },
                1,
                ROLE,
            ),
            "`exponent` is NaN",
        ),
    ] {
        let error = made.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn one_seed_gives_one_tree() {
    let usual = Preference::default();
    assert_eq!(recursive(500, 7, ROLE), recursive(500, 7, ROLE));
    assert_ne!(recursive(500, 7, ROLE), recursive(500, 8, ROLE));
    assert_eq!(
        preferential(500, usual, 7, ROLE),
        preferential(500, usual, 7, ROLE)
    );
    assert_ne!(
        preferential(500, usual, 7, ROLE),
        preferential(500, usual, 8, ROLE)
    );
}

#[test]
fn a_recursive_tree_is_as_deep_as_theory_says() {
    // The mean depth of the last of n places is the harmonic number of n - 1, that of all about
    // ln n - 0.42; over 20 trees of 2,000 its standard error is about 0.15.
    let mut total = 0;
    for seed in 0..20 {
        let topology = recursive(2000, seed, ROLE).unwrap();
        total += topology
            .places()
            .iter()
            .map(|p| p.name.depth())
            .sum::<usize>();
        // Half of all places are leaves.
        let leaves = topology.leaves().count();
        assert!((900..1100).contains(&leaves), "{leaves}");
    }
    let mean = total as f64 / 40_000.0;
    assert!((6.6..7.8).contains(&mean), "{mean}");
}

#[test]
fn preference_makes_hubs_and_its_opposite_none() {
    let most = |exponent| {
        let preference = Preference {
            exponent,
            offset: 1.0,
        };
        let topology = preferential(3000, preference, 1, ROLE).unwrap();
        assert_eq!(topology.len(), 3000);
        children(&topology).into_iter().max().unwrap()
    };
    let (against, none, linear, strong) = (most(-3.0), most(0.0), most(1.0), most(3.0));
    assert!(against < none && none < 20, "{against} {none}");
    assert!((40..1000).contains(&linear), "{linear}");
    assert!(strong > 2800, "{strong}");
    // Two thirds of the linear one's places are leaves.
    let topology = preferential(3000, Preference::default(), 1, ROLE).unwrap();
    let leaves = topology.leaves().count();
    assert!((1900..2100).contains(&leaves), "{leaves}");
}

#[test]
fn random_trees_stay_within_what_names_allow() {
    // By chance alone this one would be deeper than names can be.
    let preference = Preference {
        exponent: -3.0,
        offset: 0.01,
    };
    let topology = preferential(3000, preference, 3, ROLE).unwrap();
    assert_eq!((topology.len(), topology.height()), (3000, 31));
}
