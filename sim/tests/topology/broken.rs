//! Files that are refused, with where and why.

use waybook_sim::topology::Format::{Brite, Gml, GraphMl, Json};
use waybook_sim::topology::{Root, Rule, import};

use super::{VALLEY, read};

#[test]
fn broken_files_are_refused_with_the_place_and_the_remedy() {
    let deep = format!("graph [ {} ]", "a [ ".repeat(100));
    let nested = format!("{{\"nodes\": {}", "[".repeat(500));
    for (format, text, at, message) in [
        (Json, "", "line 1, column 0", "no node-link JSON"),
        (
            Json,
            "{\n  \"nodes\": [}",
            "line 2, column 13",
            "no node-link JSON",
        ),
        (
            Json,
            "{\"nodes\": 3}",
            "line 1, column 11",
            "expected a sequence",
        ),
        (
            Json,
            "{\"links\": []}",
            "line 1, column 13",
            "missing field `nodes`",
        ),
        (Json, "{\"nodes\": []}", "", "neither `links` nor `edges`"),
        (Json, "{\"nodes\": [], \"links\": []}", "", "no nodes"),
        (
            Json,
            r#"{"nodes": [{"id": 1}, {"id": "1"}], "links": []}"#,
            "/nodes/1",
            "`1` belongs to two nodes",
        ),
        (
            Json,
            r#"{"nodes": [{"id": [1]}], "links": []}"#,
            "line 1, column",
            "neither a text nor a number",
        ),
        (
            Json,
            r#"{"nodes": [{"id": true}], "links": []}"#,
            "/nodes/0",
            "neither a text nor a number",
        ),
        (
            Json,
            r#"{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 2}]}"#,
            "/links/0",
            "no node has the id `2`",
        ),
        (
            Json,
            r#"{"nodes": [{"id": 1}], "edges": [{"source": 1}]}"#,
            "/edges/0",
            "`source` and `target`",
        ),
        (
            Json,
            r#"{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 1}], "edges": [{"source": 1, "target": 1}]}"#,
            "/edges",
            "both",
        ),
        (Json, &nested, "line 1, column", "no node-link JSON"),
        (GraphMl, "", "line 1, column 1", "no XML"),
        (GraphMl, "<a>\n</b>", "line 2, column 1", "no XML"),
        (
            GraphMl,
            "<svg/>",
            "line 1, column 1, element <svg>",
            "outermost element is `svg`",
        ),
        (
            GraphMl,
            "<graphml></graphml>",
            "element <graphml>",
            "one `graph`",
        ),
        (
            GraphMl,
            "<graphml><graph/><graph/></graphml>",
            "element <graphml>",
            "one `graph`",
        ),
        (GraphMl, "<graphml><graph/></graphml>", "", "no nodes"),
        (
            GraphMl,
            "<graphml><graph>\n<node/></graph></graphml>",
            "line 2, column 1, element <node>",
            "needs an `id`",
        ),
        (
            GraphMl,
            "<graphml><graph><node id='a'/>\n <node id='a'/></graph></graphml>",
            "line 2, column 2",
            "`a` belongs to two",
        ),
        (
            GraphMl,
            "<graphml><graph><node id='a'/>\n<edge source='a' target='b'/></graph></graphml>",
            "line 2, column 1, element <edge>",
            "no node has the id `b`",
        ),
        (
            GraphMl,
            "<graphml><graph><node id='a'/>\n<edge source='a'/></graph></graphml>",
            "line 2, column 1, element <edge>",
            "needs a `target`",
        ),
        (
            GraphMl,
            "<graphml><graph><node id='a'>\n<data key='d9'>1</data></node></graph></graphml>",
            "line 2, column 1, element <data>",
            "no <key> with the id `d9`",
        ),
        (
            GraphMl,
            "<graphml><graph><node id='a'/>\n<hyperedge/></graph></graphml>",
            "line 2, column 1, element <hyperedge>",
            "more than two ends",
        ),
        (
            GraphMl,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><graphml/>",
            "line 1, column 1",
            "DTD",
        ),
        (Gml, "", "", "0 graphs"),
        (Gml, "graph [ ]", "", "no nodes"),
        (
            Gml,
            "graph [\n node [\n",
            "line 2, column 2",
            "list of `node` is never closed",
        ),
        (Gml, "graph [ ]\n]", "line 2, column 1", "closes nothing"),
        (
            Gml,
            "graph [ node [ id 1 ]\r\n  node [ id 1 ] ]",
            "line 2, column 3",
            "`1` belongs to two",
        ),
        (
            Gml,
            "graph [ node [ label \"é\" x ] ]",
            "line 1, column 26",
            "`x` has no value",
        ),
        (
            Gml,
            "graph [\n node [ id 0 label \"open ] ]",
            "line 2, column 20",
            "no end",
        ),
        (
            Gml,
            "graph [ node [ 5 6 ] ]",
            "line 1, column 16",
            "`5` is no key",
        ),
        (
            Gml,
            "graph [ node [ \"id\" 6 ] ]",
            "line 1, column 16",
            "a key should be here",
        ),
        (
            Gml,
            "graph [\n node [ label \"x\" ] ]",
            "line 2, column 2",
            "no `id`",
        ),
        (
            Gml,
            "graph [ node [ id 0 ]\n edge [ source 0 ] ]",
            "line 2, column 2",
            "`source` and `target`",
        ),
        (
            Gml,
            "graph [ node [ id 0 ]\n edge [ source 0 target 4 ] ]",
            "line 2, column 2",
            "no node has the id `4`",
        ),
        (
            Gml,
            "graph [ node [ id 0 ] ] graph [ node [ id 0 ] ]",
            "",
            "2 graphs",
        ),
        (Gml, &deep, "line 1, column", "deeper than 64"),
        (Brite, "", "line 1", "begin with `Topology:"),
        (
            Brite,
            "Topology: ( 1 Nodes, 0 Edges )\nNodes: ( 1 )\n0 1",
            "line 3",
            "here are 2 fields",
        ),
        (
            Brite,
            "Topology: ( 1 Nodes, 0 Edges )\nNodes: ( 1 )\n0 1 north 1 1 -1 X",
            "line 3, field 3",
            "`north` is no number",
        ),
        (
            Brite,
            "Topology: ( 2 Nodes, 0 Edges )\nNodes: ( 2 )\n0 1 1 1 1 -1 X\n\nEdges: ( 0 )\n",
            "",
            "promises 2 nodes, and 1 are there",
        ),
        (
            Brite,
            "Topology: ( 1 Nodes, 1 Edges )\nNodes: ( 1 )\n0 1 1 1 1 -1 X\nEdges: ( 1 )\n0 0 9 1 1 1",
            "line 5",
            "no node has the id `9`",
        ),
        (
            Brite,
            "Topology: ( 1 Nodes, 1 Edges )\nNodes: ( 1 )\n0 1 1 1 1 -1 X\nEdges: ( 1 )\n0 0 0 1 1",
            "line 5",
            "here are 5 fields",
        ),
        (
            Brite,
            "Topology: ( 1 Nodes, 1 Edges )\nNodes: ( 1 )\n0 1 1 1 1 -1 X\nEdges: ( 1 )\n0 0 0 1 1e9 1",
            "line 5",
            "above an hour",
        ),
    ] {
        let error = read(text, format).expect_err(text);
        assert!(
            error.at.contains(at) && (!at.is_empty() || error.at.is_empty()),
            "{text}\n{error}"
        );
        assert!(error.message.contains(message), "{text}\n{error}");
    }
}

#[test]
fn a_file_of_another_format_is_refused() {
    for (text, format) in VALLEY {
        for (_, other) in VALLEY {
            assert_eq!(
                read(text, other).is_ok(),
                format == other,
                "{format:?} as {other:?}"
            );
        }
    }
}

#[test]
fn messages_cannot_command_a_terminal() {
    let error = read(
        "graph [ node [ id 0 ] edge [ source 0 target \"\u{1b}[31m\" ] ]",
        Gml,
    )
    .unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn too_many_attributes_are_refused() {
    let text = format!("graph [ node [ id 0 {} ] ]", "a 1 ".repeat(300));
    let error = read(&text, Gml).unwrap_err();
    assert!(
        error.message.contains("more than 256 attributes"),
        "{error}"
    );
}

#[test]
fn names_of_attributes_do_not_grow_with_what_they_are_nested_in() {
    let outer = "x".repeat(300);
    let text = format!("graph [ node [ id 0 {outer} [ a 1 b 2 ] ] ]");
    let error = read(&text, Gml).unwrap_err();
    assert!(error.message.contains("longer than 256 bytes"), "{error}");
    let text = format!("{{\"nodes\": [{{\"id\": 0, \"{outer}\": 1}}], \"links\": []}}");
    let error = read(&text, Json).unwrap_err();
    assert!(error.message.contains("longer than 256 bytes"), "{error}");
}

#[test]
fn elements_nested_without_end_overflow_no_stack() {
    let deep = 100_000;
    let (open, close) = ("<a>".repeat(deep), "</a>".repeat(deep));
    let text = format!(
        "<graphml><graph edgedefault='directed'><node id='0'/>{open}<edge source='0' target='0'/>{close}</graph></graphml>"
    );
    let graph = read(&text, GraphMl).unwrap();
    assert_eq!(graph.links.len(), 1);
    assert!(read(&text[..text.len() / 2], GraphMl).is_err());
}

#[test]
fn the_middle_of_a_graph_that_is_too_large_is_not_looked_for() {
    let nodes: String = (0..33_000)
        .map(|n| format!("{n} 0 0 1 1 -1 RT_NODE\n"))
        .collect();
    let links: String = (1..33_000)
        .map(|n| format!("{n} {} {n} 1 1 1 -1 -1 E_RT U\n", n / 2))
        .collect();
    let text = format!(
        "Topology: ( 33000 Nodes, 32999 Edges )\nNodes: ( 33000 )\n{nodes}\nEdges: ( 32999 )\n{links}"
    );
    let graph = read(&text, Brite).unwrap();
    let error = import(graph.clone(), &Rule::default()).unwrap_err();
    assert!(error.message.contains("name the root"), "{error}");
    let rule = Rule {
        root: Root::parse("0"),
        ..Rule::default()
    };
    let (topology, report) = import(graph, &rule).unwrap();
    assert_eq!((topology.len(), report.lost), (33_000, 0));
    assert!(!report.hops.all && report.hops.mean == 1.0);
}
