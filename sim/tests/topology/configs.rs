//! The topologies that come with Waybook.

use waybook_sim::topology::{Classes, Format, NamesRule, Rule, Topology, from_names, import};

use super::read;

const GRAPH: &str = include_str!("../../../configs/simulations/topologies/emilia-romagna.gml");
const TREE: &str = include_str!("../../../configs/simulations/topologies/emilia-romagna.csv");
const NAMES: &str = include_str!("../../../configs/simulations/topologies/italy.txt");

#[test]
fn the_tree_is_what_importing_the_graph_gives() {
    let (topology, report) = import(read(GRAPH, Format::Gml).unwrap(), &Rule::default()).unwrap();
    assert_eq!(topology.to_csv(), TREE);
    assert_eq!(Topology::from_csv(TREE, &Classes::Role).unwrap(), topology);
    assert_eq!(
        (report.places, report.lost, report.latencies.positions),
        (10, 3, 12)
    );
}

#[test]
fn the_names_make_a_tree_of_three_levels() {
    let (topology, notes) = from_names(NAMES, &NamesRule::default()).unwrap();
    assert_eq!((topology.len(), topology.height()), (59, 2));
    assert_eq!(notes.len(), 1, "{notes:?}");
}
