//! From graphs to trees.

use std::time::Duration;

use proptest::prelude::*;
use waybook_sim::topology::{
    Classes, Duplicates, Format, Graph, Measure, Naming, Root, Rule, Unconnected, import, label,
};

use super::{graph, read, tree};

fn by(measure: Measure, root: &str) -> Rule {
    Rule {
        measure,
        root: Root::parse(root),
        ..Rule::default()
    }
}

fn refused(graph: Graph, rule: &Rule) -> String {
    import(graph, rule).unwrap_err().to_string()
}

/// A square with one slow side and a tail.
const SQUARE: &str = "a b 1\n b c 1\n c d 1\n a d 9\n d e 1\n";

#[test]
fn latency_and_hops_make_different_trees() {
    let latency = tree(graph(SQUARE), &by(Measure::Latency, "a"));
    assert_eq!(latency, ["a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e"]);
    let hops = tree(graph(SQUARE), &by(Measure::Hops, "a"));
    assert_eq!(hops, ["a", "a/b", "a/b/c", "a/d", "a/d/e"]);
}

#[test]
fn ties_are_broken_by_the_least_id_in_whatever_order_links_come() {
    // Both ways to z are as long; 9 comes before 10 as numbers do, and numbers before texts.
    for lines in [
        "r 9 1\n r 10 1\n 10 z 1\n 9 z 1",
        "10 z 1\n r x 1\n x z 1\n r 10 1\n z 9 1\n r 9 1",
    ] {
        let names = tree(graph(lines), &by(Measure::Latency, "r"));
        assert!(names.contains(&"r/9/z".to_owned()), "{names:?}");
    }
    // Of equally slow paths the one of fewer hops, though its ids are greater.
    let names = tree(
        graph("r a 1\n a b 1\n b z 1\n r y 2\n y z 1"),
        &by(Measure::Latency, "r"),
    );
    assert!(names.contains(&"r/y/z".to_owned()), "{names:?}");
    // Of equally many hops the less latency, though its ids are greater.
    let names = tree(
        graph("r a 5\n a z 5\n r y 1\n y z 1"),
        &by(Measure::Hops, "r"),
    );
    assert!(names.contains(&"r/y/z".to_owned()), "{names:?}");
}

#[test]
fn links_without_delay_do_not_make_a_loop() {
    let names = tree(
        graph("a b 0\n b c 0\n c a 0\n c d 0"),
        &by(Measure::Latency, "d"),
    );
    assert_eq!(names, ["d", "d/c", "d/c/a", "d/c/b"]);
}

#[test]
fn centre_and_centroid_are_what_they_say() {
    // A path of five with a bush at one end: the centre halves the path, the centroid is at
    // the bush.
    let lines = "p1 p2 1\n p2 p3 1\n p3 p4 1\n p4 p5 1\n p5 x 1\n p5 y 1\n p5 z 1\n p5 w 1\n";
    for measure in [Measure::Hops, Measure::Latency] {
        assert_eq!(tree(graph(lines), &by(measure, "center"))[0], "p3");
        assert_eq!(tree(graph(lines), &by(measure, "centroid"))[0], "p5");
    }
    // By latency a slow link moves it.
    let slow = lines.replace("p1 p2 1", "p1 p2 9");
    assert_eq!(tree(graph(&slow), &by(Measure::Latency, "center"))[0], "p2");
    assert_eq!(tree(graph(&slow), &by(Measure::Hops, "center"))[0], "p3");
}

#[test]
fn a_root_is_named_by_id_or_label() {
    let text = "graph [ node [ id 0 label \"Roma\" ] node [ id 1 label \"Roma\" ] node [ id 2 label \"Forlì\" ]
        node [ id center label \"0\" ] edge [ source 0 target 1 ] edge [ source 1 target 2 ] edge [ source 2 target center ] ]";
    let graph = || read(text, Format::Gml).unwrap();
    let root = |root| tree(graph(), &by(Measure::Hops, root))[0].clone();
    assert_eq!(root("Forlì"), "forli");
    assert_eq!(root("0"), "roma");
    assert_eq!(root("label:0"), "0");
    assert_eq!(root("id:center"), "0");
    let error = refused(graph(), &by(Measure::Hops, "Roma"));
    assert!(
        error.contains("2 nodes have the label `Roma`") && error.contains("id:"),
        "{error}"
    );
    let error = refused(graph(), &by(Measure::Hops, "forli"));
    assert!(error.contains("is it `2 (Forlì)`?"), "{error}");
    let error = refused(graph(), &by(Measure::Hops, "Paris"));
    assert!(error.contains("`0 (Roma)`"), "{error}");
}

#[test]
fn a_graph_in_parts_is_refused_with_its_parts_or_cut_to_the_largest() {
    let lines = "z y\n a b\n b c\n lone\n";
    let error = refused(graph(lines), &by(Measure::Hops, "a"));
    assert!(error.contains("in 3 parts"), "{error}");
    assert!(
        error.contains("\n  3 nodes: `a`, `b`, `c`\n  2 nodes: `y`, `z`\n  1 node: `lone`"),
        "{error}"
    );
    let rule = Rule {
        unconnected: Unconnected::Largest,
        ..by(Measure::Hops, "b")
    };
    let (topology, report) = import(graph(lines), &rule).unwrap();
    assert_eq!(super::names(&topology), ["b", "b/a", "b/c"]);
    assert_eq!((report.unconnected, report.places, report.lost), (3, 3, 0));
    let error = refused(
        graph(lines),
        &Rule {
            root: Root::parse("y"),
            ..rule
        },
    );
    assert!(error.contains("no node of the part"), "{error}");
}

#[test]
fn links_without_latency_are_refused_or_given_one() {
    let lines = "a b 1\n b c\n";
    let error = refused(graph(lines), &by(Measure::Latency, "a"));
    assert!(
        error.contains("1 of 2 links without a latency") && error.contains("`b to c`"),
        "{error}"
    );
    let rule = Rule {
        missing_latency: Some(Duration::from_millis(7)),
        ..by(Measure::Latency, "a")
    };
    let (topology, report) = import(graph(lines), &rule).unwrap();
    assert_eq!(
        topology.places()[2].edge.latency,
        Some(Duration::from_millis(7))
    );
    assert_eq!((report.latencies.stated, report.latencies.assumed), (1, 1));
    let (topology, report) = import(graph(lines), &by(Measure::Hops, "a")).unwrap();
    assert_eq!(topology.places()[2].edge.latency, None);
    assert_eq!((report.latencies.missing, report.latency), (1, None));
}

#[test]
fn loops_and_parallel_links_are_left_out_and_counted() {
    let text = "graph [ node [ id a ] node [ id b ] edge [ source a target a ]
        edge [ source a target b delay 5 bandwidth 100 ] edge [ source b target a delay 2 bandwidth 1 ]
        edge [ source a target b delay 2 bandwidth 3 ] edge [ source a target b ] ]";
    let rule = Rule {
        speed: None,
        ..by(Measure::Latency, "a")
    };
    let (topology, report) = import(read(text, Format::Gml).unwrap(), &rule).unwrap();
    let edge = topology.places()[1].edge;
    assert_eq!(
        (edge.latency, edge.down),
        (Some(Duration::from_millis(2)), Some(3_000_000))
    );
    assert_eq!((report.self_loops, report.parallel, report.lost), (1, 3, 0));
    let text = report.to_string();
    assert!(
        text.contains("1 self loop is left out") && text.contains("3 parallel links are left out"),
        "{text}"
    );
}

#[test]
fn down_is_away_from_the_root_whichever_end_the_file_names_first() {
    let text = "graph [ node [ id a ] node [ id b ] edge [ source a target b delay 1 bandwidth_down 10 bandwidth_up 2 ] ]";
    for (root, down, up) in [("a", 10, 2), ("b", 2, 10)] {
        let (topology, _) =
            import(read(text, Format::Gml).unwrap(), &by(Measure::Hops, root)).unwrap();
        let edge = topology.places()[1].edge;
        assert_eq!(
            (edge.down, edge.up),
            (Some(down * 1_000_000), Some(up * 1_000_000))
        );
    }
}

#[test]
fn siblings_of_one_label_are_numbered_or_refused() {
    let text = "graph [ node [ id 0 label \"Hub\" ] node [ id 10 label \"Lab\" ] node [ id 9 label \"LAB!\" ] node [ id 3 label \"lab-2\" ] node [ id 4 label \"Hub\" ]
        edge [ source 0 target 10 ] edge [ source 0 target 9 ] edge [ source 0 target 3 ] edge [ source 3 target 4 ] ]";
    let graph = || read(text, Format::Gml).unwrap();
    let (topology, report) = import(graph(), &by(Measure::Hops, "0")).unwrap();
    // 9 comes before 10; the name of 3 was its own; the same label elsewhere is no matter.
    assert_eq!(
        super::names(&topology),
        ["hub", "hub/lab", "hub/lab-2", "hub/lab-2/hub", "hub/lab-3"]
    );
    assert_eq!(report.renamed, [("10".to_owned(), "lab-3".to_owned())]);
    let rule = Rule {
        duplicates: Duplicates::Refuse,
        ..by(Measure::Hops, "0")
    };
    let error = refused(graph(), &rule);
    assert!(
        error.contains("`10 (Lab)`") && error.contains("`lab`"),
        "{error}"
    );
    let rule = Rule {
        naming: Naming::Id,
        duplicates: Duplicates::Refuse,
        ..by(Measure::Hops, "0")
    };
    assert_eq!(tree(graph(), &rule), ["0", "0/10", "0/3", "0/3/4", "0/9"]);
}

#[test]
fn labels_become_what_names_allow() {
    for (text, expected) in [
        ("Bologna", "bologna"),
        ("  São Paulo (BR) ", "sao-paulo-br"),
        ("Łódź/Zürich", "lodz-zurich"),
        ("--a__b--", "a-b"),
        ("Đà Nẵng", "da-nang"),
        ("北京", "bei-jing"),
    ] {
        assert_eq!(label(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(label("?!"), None);
    assert_eq!(label(&"x".repeat(100)).unwrap().len(), 63);
    // Cutting leaves no hyphen at the end.
    assert_eq!(
        label(&format!("{} y", "x".repeat(62))).unwrap(),
        "x".repeat(62)
    );
}

#[test]
fn deep_trees_have_their_labels_cut_and_deeper_ones_are_refused() {
    let chain = |length: usize| {
        let nodes: String = (0..length)
            .map(|n| format!("node [ id {n} label \"Universita di {n}\" ] "))
            .collect();
        let links: String = (1..length)
            .map(|n| format!("edge [ source {} target {n} ] ", n - 1))
            .collect();
        read(&format!("graph [ {nodes} {links} ]"), Format::Gml).unwrap()
    };
    let (topology, report) = import(chain(32), &by(Measure::Hops, "0")).unwrap();
    assert_eq!(topology.height(), 31);
    assert!(report.notes[0].contains("cut to 6"), "{:?}", report.notes);
    let error = refused(chain(33), &by(Measure::Hops, "0"));
    assert!(
        error.contains("32 hops below the root") && error.contains("nearer to the middle"),
        "{error}"
    );
    import(chain(33), &by(Measure::Hops, "center")).unwrap();
}

#[test]
fn classes_come_from_role_depth_or_an_attribute() {
    let text = "graph [ node [ id r type \"Core Node\" ] node [ id a ] node [ id b type \"PoP\" ] edge [ source r target a ] edge [ source a target b ] ]";
    for (classes, expected) in [
        (Classes::Role, ["root", "inner", "leaf"]),
        (Classes::Depth, ["level-0", "level-1", "level-2"]),
        (
            Classes::Attribute("type".to_owned()),
            ["core-node", "inner", "pop"],
        ),
    ] {
        let rule = Rule {
            classes,
            ..by(Measure::Hops, "r")
        };
        let (topology, _) = import(read(text, Format::Gml).unwrap(), &rule).unwrap();
        let found: Vec<_> = topology
            .places()
            .iter()
            .map(|p| topology.class(p))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(topology.classes(), expected);
    }
}

#[test]
fn stretch_compares_the_tree_with_the_graph() {
    // In a ring of five, by hops from any node: the two farthest are neighbours, 4 apart in the tree.
    let ring = "0 1 1\n 1 2 1\n 2 3 1\n 3 4 1\n 4 0 1\n";
    let (_, report) = import(graph(ring), &by(Measure::Hops, "0")).unwrap();
    assert_eq!(
        (report.lost, report.hops.pairs, report.hops.all),
        (1, 10, true)
    );
    assert_eq!(report.hops.max, 4.0);
    // Tree distances: 1, 2, 2, 1 from the root; 1-2: 1, 1-3: 3, 1-4: 2, 2-3: 4, 2-4: 3, 3-4: 1.
    // Graph distances: 1, 2, 2, 1; 1, 2, 2, 1, 2, 1.
    let mean = (4.0 + 1.0 + 1.5 + 1.0 + 4.0 + 1.5 + 1.0) / 10.0;
    assert!(
        (report.hops.mean - mean).abs() < 1e-12,
        "{}",
        report.hops.mean
    );
    assert_eq!(report.hops.worst, Some(("2".to_owned(), "3".to_owned())));
    assert_eq!(report.latency.unwrap().max, 4.0);
    let (_, report) = import(graph("a b 1\n b c 1"), &by(Measure::Hops, "b")).unwrap();
    assert_eq!(
        (report.hops.mean, report.hops.max, report.lost),
        (1.0, 1.0, 0)
    );
}

#[test]
fn one_node_is_a_tree() {
    let (topology, report) = import(graph("only"), &Rule::default()).unwrap();
    assert_eq!(super::names(&topology), ["only"]);
    assert_eq!((report.hops.pairs, report.hops.mean), (0, 1.0));
}

/// Random connected graphs: up to 12 nodes, links with latencies of 0 to 3 ms.
fn any_graph() -> impl Strategy<Value = (usize, Vec<(usize, usize, u32)>)> {
    (2..12usize).prop_flat_map(|nodes| {
        let spine: Vec<_> = (1..nodes).map(|n| (0..n, Just(n), 0..4u32)).collect();
        let more = proptest::collection::vec((0..nodes, 0..nodes, 0..4u32), 0..12);
        (Just(nodes), spine, more).prop_map(|(nodes, mut links, more)| {
            links.extend(more);
            (nodes, links)
        })
    })
}

fn lines(links: &[(usize, usize, u32)]) -> String {
    links
        .iter()
        .map(|(a, b, ms)| format!("{a} {b} {ms}\n"))
        .collect()
}

proptest! {
    #[test]
    fn distances_to_the_root_are_those_of_the_graph((nodes, links) in any_graph(), hops in any::<bool>()) {
        // By Floyd and Warshall.
        let mut distance = vec![vec![u64::MAX / 4; nodes]; nodes];
        for (a, b, ms) in &links {
            let length = if hops { 1 } else { u64::from(*ms) };
            for (a, b) in [(*a, *b), (*b, *a)] {
                distance[a][b] = distance[a][b].min(length);
            }
        }
        for (node, row) in distance.iter_mut().enumerate() {
            row[node] = 0;
        }
        for middle in 0..nodes {
            for a in 0..nodes {
                for b in 0..nodes {
                    let way = distance[a][middle] + distance[middle][b];
                    distance[a][b] = distance[a][b].min(way);
                }
            }
        }
        let rule = by(if hops { Measure::Hops } else { Measure::Latency }, "0");
        let rule = Rule { naming: Naming::Id, ..rule };
        let (topology, report) = import(graph(&lines(&links)), &rule).unwrap();
        prop_assert_eq!(topology.len(), nodes);
        let mut found = vec![0; nodes];
        for (index, place) in topology.places().iter().enumerate() {
            if let Some(parent) = place.parent {
                let edge = place.edge.latency.unwrap().as_millis() as u64;
                found[index] = found[parent as usize] + if hops { 1 } else { edge };
            }
            let id: usize = place.name.label().parse().unwrap();
            prop_assert_eq!(found[index], distance[0][id]);
        }
        prop_assert!(report.hops.mean >= 1.0 && report.hops.max >= report.hops.mean - 1e-9);
    }

    #[test]
    fn the_order_of_links_makes_no_difference((_, mut links) in any_graph()) {
        let rule = by(Measure::Latency, "center");
        let before = import(graph(&lines(&links)), &rule).unwrap();
        links.reverse();
        for link in &mut links {
            (link.0, link.1) = (link.1, link.0);
        }
        prop_assert_eq!(before, import(graph(&lines(&links)), &rule).unwrap());
    }
}
