//! The four readers on whole files.

use std::time::Duration;

use waybook_sim::topology::{
    Classes, Format, Graph, Measure, Named, Position, Quantities, Root, Rule, Value, distance,
    import,
};

use super::{DRAWN, SNDLIB, VALLEY, names, read};

#[test]
fn four_formats_tell_of_one_network() {
    for (text, format) in VALLEY {
        let graph = read(text, format).unwrap();
        assert_eq!(graph.notes, [""; 0], "{format:?}");
        let links: Vec<_> = graph
            .links
            .iter()
            .map(|l| {
                let id = |node: usize| graph.nodes[node].id.as_str();
                let latency = l.latency.unwrap().as_micros();
                (id(l.from), id(l.to), latency, l.forward, l.back)
            })
            .collect();
        let link = |from, to, micros, megabits: u64| {
            let bits = Some(megabits * 1_000_000);
            (from, to, micros, bits, bits)
        };
        assert_eq!(
            links,
            [
                link("0", "1", 200, 10_000),
                link("1", "2", 300, 10_000),
                link("0", "3", 400, 2_500),
                link("3", "4", 200, 1_000),
                link("0", "4", 500, 1_000),
                link("0", "5", 100, 100),
            ],
            "{format:?}"
        );
        let ids: Vec<_> = graph.nodes.iter().map(|n| n.id.as_str()).collect();
        assert_eq!(ids, ["0", "1", "2", "3", "4", "5"], "{format:?}");
    }
}

#[test]
fn labels_positions_and_attributes_are_read_alike() {
    for (text, format) in VALLEY {
        if format == Format::Brite {
            continue;
        }
        let graph = read(text, format).unwrap();
        let labels: Vec<_> = graph
            .nodes
            .iter()
            .map(|n| n.label.as_deref().unwrap())
            .collect();
        assert_eq!(
            labels,
            ["Bologna", "Modena", "Parma", "Forlì", "Ravenna", "Lab"]
        );
        let at = Position::Globe {
            latitude: 44.49,
            longitude: 11.34,
        };
        assert_eq!(graph.nodes[0].position, Some(at), "{format:?}");
        assert_eq!(graph.nodes[5].position, None, "{format:?}");
        let tiers: Vec<_> = graph
            .nodes
            .iter()
            .map(|n| n.attributes.get("Tier").unwrap().to_string())
            .collect();
        assert_eq!(
            tiers,
            ["core", "edge", "edge", "edge", "edge", "edge"],
            "{format:?}"
        );
    }
}

#[test]
fn the_three_with_labels_become_one_tree() {
    let rule = Rule {
        root: Root::parse("Bologna"),
        classes: Classes::Attribute("tier".to_owned()),
        ..Rule::default()
    };
    let mut trees = Vec::new();
    for (text, format) in VALLEY {
        if format != Format::Brite {
            trees.push(import(read(text, format).unwrap(), &rule).unwrap());
        }
    }
    assert_eq!(trees[0], trees[1]);
    assert_eq!(trees[0], trees[2]);
    let (topology, report) = &trees[0];
    assert_eq!(
        topology.to_csv(),
        "place,class,latency,bandwidth-down,bandwidth-up\n\
         bologna,core,,,\n\
         bologna/forli,edge,400 us,2.5 Gbit/s,2.5 Gbit/s\n\
         bologna/lab,edge,100 us,100 Mbit/s,100 Mbit/s\n\
         bologna/modena,edge,200 us,10 Gbit/s,10 Gbit/s\n\
         bologna/modena/parma,edge,300 us,10 Gbit/s,10 Gbit/s\n\
         bologna/ravenna,edge,500 us,1 Gbit/s,1 Gbit/s\n"
    );
    assert_eq!((report.lost, report.latencies.stated), (1, 6));
}

#[test]
fn formats_are_told_by_name_or_content() {
    for (text, format) in VALLEY {
        assert_eq!(Format::of("network.txt", text), Some(format));
        assert_eq!(
            Format::of("network", &format!("\u{feff}{text}")),
            Some(format)
        );
    }
    assert_eq!(Format::of("a/b.GraphML", ""), Some(Format::GraphMl));
    assert_eq!(Format::of("a.brite", "{"), Some(Format::Brite));
    assert_eq!(Format::of("a.txt", "what is this"), None);
    assert_eq!(Format::of("a.json/x", ""), None);
}

#[test]
fn what_yed_draws_is_read() {
    let graph = read(DRAWN, Format::GraphMl).unwrap();
    let labels: Vec<_> = graph
        .nodes
        .iter()
        .map(|n| n.label.as_deref().unwrap())
        .collect();
    assert_eq!(labels, ["Gateway", "Lab A", "Lab B"]);
    assert!(graph.notes[0].contains("`n0`"), "{:?}", graph.notes);
    let rule = Rule {
        measure: Measure::Hops,
        root: Root::parse("Gateway"),
        ..Rule::default()
    };
    let (topology, report) = import(graph, &rule).unwrap();
    assert_eq!(
        names(&topology),
        ["gateway", "gateway/lab-a", "gateway/lab-b"]
    );
    assert_eq!(report.one_way, 2);
}

#[test]
fn facing_links_of_sndlib_become_one_edge() {
    let graph = read(SNDLIB, Format::Gml).unwrap();
    // Pixels of a drawing are no positions.
    assert_eq!(graph.nodes[0].position, None);
    assert_eq!(
        graph.nodes[0].attributes.get("graphics.x"),
        Some(&Value::Number(335.11))
    );
    let rule = Rule {
        root: Root::parse("Leipzig"),
        ..Rule::default()
    };
    let (topology, report) = import(graph, &rule).unwrap();
    let edge = topology.places()[1].edge;
    assert_eq!(edge.latency, Some(Duration::from_millis(3)));
    assert_eq!(
        (edge.down, edge.up),
        (Some(2_500_000_000), Some(155_000_000))
    );
    assert_eq!((report.one_way, report.parallel, report.lost), (0, 0, 0));
}

#[test]
fn the_middle_of_a_hyperedge_has_no_name_but_its_id() {
    let text = "graph [ node [ id 7 label \"None\" hyperedge 1 ] ]";
    assert_eq!(read(text, Format::Gml).unwrap().nodes[0].label, None);
}

#[test]
fn edges_in_place_of_links_and_nodes_without_ids_are_read() {
    let text =
        r#"{"nodes": [{"name": "a"}, {"name": "b"}], "edges": [{"source": 0, "target": 1}]}"#;
    let graph = read(text, Format::Json).unwrap();
    assert_eq!((graph.nodes[1].id.as_str(), graph.links.len()), ("1", 1));
    let text = r#"{"directed": true, "multigraph": true, "nodes": [{"id": "x"}], "links": [], "edges": [{"source": "x", "target": "x", "key": 0}]}"#;
    let graph = read(text, Format::Json).unwrap();
    assert!(graph.links[0].directed);
}

#[test]
fn large_ids_stay_what_they_are() {
    let text = r#"{"nodes": [{"id": 9007199254740993}, {"id": 9007199254740992}], "links": []}"#;
    let graph = read(text, Format::Json).unwrap();
    assert_eq!(graph.nodes[0].id, "9007199254740993");
    let graph = read("graph [ node [ id 007 ] node [ id 7 ] ]", Format::Gml).unwrap();
    assert_eq!(graph.nodes[0].id, "007");
}

#[test]
fn a_named_attribute_is_read_in_its_unit_or_refused() {
    let quantities = Quantities {
        latency: Some(Named {
            attribute: "rtt_us".to_owned(),
            worth: 1e3,
        }),
        bandwidth: Some(Named {
            attribute: "speed".to_owned(),
            worth: 1e9,
        }),
    };
    let text = |rtt: &str| {
        format!(
            "graph [ node [ id 0 ] node [ id 1 ]\n edge [ source 0 target 1 delay 7 RTT_us {rtt} speed \"10 Mbit/s\" ] ]"
        )
    };
    let link = Graph::read(&text("250"), Format::Gml, &quantities)
        .unwrap()
        .links[0]
        .clone();
    assert_eq!(link.latency, Some(Duration::from_micros(250)));
    assert_eq!(link.forward, Some(10_000_000));
    for bad in ["-1", "\"soon\"", "1e300", "NAN"] {
        let error = Graph::read(&text(bad), Format::Gml, &quantities).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("line 2, column 2: the rtt_us"),
            "{error}"
        );
    }
}

#[test]
fn what_has_a_usual_name_and_cannot_be_read_counts_as_missing() {
    let text = "graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 delay \"low\" bandwidth \"10-20\" ] ]";
    let graph = read(text, Format::Gml).unwrap();
    assert_eq!(
        (graph.links[0].latency, graph.links[0].forward),
        (None, None)
    );
    assert!(graph.notes[0].starts_with("2 values"), "{:?}", graph.notes);
}

#[test]
fn distance_gives_latency_where_none_is_stated() {
    // Bologna to Milan by the great circle: 201 km, at two thirds of light 1.0 ms.
    let text = "graph [ node [ id 0 lat 44.4949 lon 11.3426 ] node [ id 1 Latitude 45.4642 Longitude 9.19 ] node [ id 2 ]
        edge [ source 0 target 1 ] edge [ source 0 target 1 length 100 ] edge [ source 0 target 1 delay 9 ] edge [ source 1 target 2 ] ]";
    let mut graph = read(text, Format::Gml).unwrap();
    let (a, b) = (
        graph.nodes[0].position.unwrap(),
        graph.nodes[1].position.unwrap(),
    );
    let km = distance::distance(a, b).unwrap();
    assert!((200.0..202.0).contains(&km), "{km}");
    assert_eq!(graph.latency_from_distance(distance::FIBRE), (1, 1));
    let micros: Vec<_> = graph
        .links
        .iter()
        .map(|l| l.latency.map(|d| d.as_nanos() as f64 / 1e3))
        .collect();
    assert_eq!(micros[0], Some((km / distance::FIBRE * 1e6).round()));
    assert_eq!(micros[1..], [Some(500.0), Some(9000.0), None]);
    // A quarter of the way round, over a pole and along the equator.
    let globe = |latitude, longitude| Position::Globe {
        latitude,
        longitude,
    };
    for (from, to) in [
        (globe(0., 0.), globe(90., 50.)),
        (globe(0., 170.), globe(0., -100.)),
    ] {
        let km = distance::distance(from, to).unwrap();
        assert!((km - 10_007.56).abs() < 0.01, "{km}");
    }
    assert_eq!(
        distance::distance(a, Position::Plane { x: 0., y: 0. }),
        None
    );
}

#[test]
fn brite_without_delays_goes_by_lengths() {
    let text = "Topology: ( 2 Nodes, 1 Edges )\nNodes: ( 2 )\n0 0 0 1 1 -1 RT_NODE\n1 300 400 1 1 -1 RT_NODE\nEdges: ( 1 )\n0 0 1 500.0 -1.0 -1.0 -1 -1 E_RT U\n";
    let mut graph = read(text, Format::Brite).unwrap();
    assert_eq!(
        (graph.links[0].latency, graph.links[0].forward),
        (None, None)
    );
    assert_eq!(graph.latency_from_distance(100_000.0), (1, 0));
    assert_eq!(graph.links[0].latency, Some(Duration::from_millis(5)));
    graph.links[0].latency = None;
    graph.links[0].length = None;
    assert_eq!(graph.latency_from_distance(100_000.0), (0, 1));
    assert_eq!(graph.links[0].latency, Some(Duration::from_millis(5)));
}
