use proptest::collection::vec;
use proptest::prelude::*;

use super::super::kaufman_roberts::{self, Rate};
use super::super::{close, erlang};
use super::*;

fn route(from: usize, to: Option<usize>, load: f64, units: u32) -> TreeRoute {
    TreeRoute {
        from,
        to,
        load,
        units,
    }
}

fn agree(tree: &Tree) {
    let lost = tree.blocking().unwrap();
    let exact = tree.network().blocking().unwrap();
    for (at, (lost, exact)) in lost.iter().zip(&exact).enumerate() {
        assert!(
            (lost - exact).abs() < 1e-11,
            "route {at}: {lost} {exact}\n{tree:?}"
        );
    }
}

#[test]
fn one_link_with_several_rates() {
    let rates = [(6.0, 1), (2.0, 3), (0.7, 5)];
    let routes = rates.map(|(load, units)| route(0, None, load, units));
    let tree = Tree::new(&[(None, Some(20))], routes.to_vec()).unwrap();
    let rates = rates.map(|(load, units)| Rate { load, units });
    let wanted = kaufman_roberts::blocking(20, &rates).unwrap();
    for (lost, wanted) in tree.blocking().unwrap().iter().zip(wanted) {
        assert!(close(*lost, wanted, 1e-11));
    }
}

/// Leaves whose edges never fill share the hub as one group; leaves with an unlimited hub have
/// nothing to do with each other.
#[test]
fn limits_of_a_star() {
    let routes = |to| (1..=3).map(|leaf| route(leaf, to, 4.0, 1)).collect();
    let wide = Tree::star(Some(10), &[50, 50, 50], routes(None)).unwrap();
    let together = erlang::blocking(10, 12.0).unwrap();
    assert!(close(wide.blocking().unwrap()[0], together, 1e-10));
    let apart = Tree::star(None, &[5, 6, 7], routes(Some(0))).unwrap();
    for (lost, edge) in apart.blocking().unwrap().iter().zip([5, 6, 7]) {
        assert!(close(*lost, erlang::blocking(edge, 4.0).unwrap(), 1e-11));
    }
}

/// Three levels, asymmetric, two rates, ends at the root, in the middle and beyond.
#[test]
fn three_levels_as_enumerated() {
    let places = [
        (None, Some(9)),
        (Some(0), Some(7)),
        (Some(0), Some(4)),
        (Some(1), Some(5)),
        (Some(1), Some(3)),
        (Some(2), Some(6)),
    ];
    let routes = vec![
        route(3, None, 1.5, 1),
        route(3, Some(1), 0.8, 2),
        route(4, Some(0), 1.1, 1),
        route(4, None, 0.3, 2),
        route(5, None, 2.0, 1),
        route(1, Some(0), 0.6, 1),
    ];
    agree(&Tree::new(&places, routes).unwrap());
}

/// From a leaf up and down to another one, beside what ends on the way.
#[test]
fn routes_that_turn_as_enumerated() {
    let places = [
        (None, None),
        (Some(0), Some(4)),
        (Some(0), Some(5)),
        (Some(1), Some(3)),
        (Some(1), Some(4)),
    ];
    let routes = vec![
        route(3, Some(4), 1.2, 1),
        route(3, Some(2), 0.9, 1),
        route(2, Some(4), 0.5, 2),
        route(4, Some(0), 1.0, 1),
        route(0, Some(3), 0.7, 1),
        route(1, Some(1), 5.0, 1),
    ];
    let tree = Tree::new(&places, routes).unwrap();
    agree(&tree);
    assert_eq!(tree.blocking().unwrap()[5], 0.0, "it uses no link");
}

/// As large as scenarios are: forty leaves under four places, hundreds of units.
#[test]
fn many_places_with_large_links() {
    let mut places = vec![(None, Some(300))];
    places.extend([(Some(0), Some(90)); 4]);
    let mut routes = Vec::new();
    for leaf in 0..40 {
        places.push((Some(1 + leaf % 4), Some(12)));
        routes.push(route(5 + leaf, None, 6.0, 1));
        routes.push(route(5 + leaf, None, 0.5, 4));
    }
    let lost = Tree::new(&places, routes).unwrap().blocking().unwrap();
    // Equal leaves lose equally; who asks more loses more.
    assert!(lost.chunks(2).all(|pair| close(pair[0], lost[0], 1e-9)));
    assert!(
        lost[1] > 2.0 * lost[0] && lost[0] > 0.01 && lost[1] < 0.5,
        "{:?}",
        &lost[..2]
    );
}

#[test]
fn what_does_not_fit_a_tree_is_refused() {
    assert!(Tree::new(&[(Some(0), None)], Vec::new()).is_err());
    assert!(Tree::new(&[(None, None)], vec![route(1, None, 1.0, 1)]).is_err());
    assert!(Tree::new(&[(None, None)], vec![route(0, None, 1.0, 0)]).is_err());
    let endless = vec![route(0, None, 1.0, 1)];
    let endless = Tree::new(&[(None, Some(u32::MAX))], endless).unwrap();
    assert!(endless.blocking().is_err());
    let too_great = Tree::new(&[(None, Some(3))], vec![route(0, None, 1.0, 4)]).unwrap();
    assert_eq!(too_great.blocking().unwrap(), [1.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn random_trees_as_enumerated(
        parents in vec((any::<prop::sample::Index>(), prop::option::weighted(0.9, 0u32..6)), 1..6),
        root in prop::option::of(1u32..8),
        routes in vec((any::<prop::sample::Index>(), prop::option::of(any::<prop::sample::Index>()),
                       0.0..3.0f64, 1u32..3), 1..6),
    ) {
        let mut places = vec![(None, root)];
        for (parent, capacity) in parents {
            places.push((Some(parent.index(places.len())), capacity));
        }
        let n = places.len();
        let routes = routes.into_iter().map(|(from, to, load, units)| {
            route(from.index(n), to.map(|to| to.index(n)), load, units)
        });
        agree(&Tree::new(&places, routes.collect()).unwrap());
    }

    #[test]
    fn more_capacity_on_the_only_way_loses_less(capacity in 1u32..30, load in 0.1..30.0f64) {
        let lost = |capacity| {
            let routes = vec![route(1, None, load, 1), route(2, None, load, 1)];
            Tree::star(Some(capacity), &[8, 9], routes).unwrap().blocking().unwrap()
        };
        let (less, more) = (lost(capacity), lost(capacity + 1));
        prop_assert!(more.iter().zip(less).all(|(more, less)| *more <= less + 1e-12));
    }
}
