//! Files that were damaged: read or refused, never a panic.

use proptest::prelude::*;
use waybook_sim::topology::{
    Classes, Format, Measure, NamesRule, Rule, Topology, Unconnected, from_names, import,
};

use super::{DRAWN, SNDLIB, VALLEY, read};

/// One change of a text: at a share of its length, what is put there for how many bytes.
type Change = (f64, usize, String);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let inserted = prop_oneof![
        4 => "[\\[\\]{}<>\"#&;:,/ \n\r\tA-Za-z0-9.+-]{0,3}",
        1 => Just("999999999999999999999".to_owned()),
        1 => Just("-1e308".to_owned()),
        1 => Just("NaN".to_owned()),
        1 => Just("\u{0}é\u{202e}".to_owned()),
    ];
    proptest::collection::vec((0.0..1.0f64, 0..12usize, inserted), 1..5)
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (share, removed, inserted) in changes {
        let at = (bytes.len() as f64 * share) as usize;
        let end = (at + removed).min(bytes.len());
        bytes.splice(at..end, inserted.bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Maps whatever was read, and checks what comes of it.
fn map(text: &str, format: Format) -> Result<(), TestCaseError> {
    let Ok(graph) = read(text, format) else {
        return Ok(());
    };
    for measure in [Measure::Hops, Measure::Latency] {
        let rule = Rule {
            measure,
            unconnected: Unconnected::Largest,
            ..Rule::default()
        };
        if let Ok((topology, report)) = import(graph.clone(), &rule) {
            prop_assert!(topology.tree().is_ok());
            prop_assert_eq!(report.places + report.unconnected, graph.nodes.len());
            let again = Topology::from_csv(&topology.to_csv(), &Classes::Role).unwrap();
            prop_assert_eq!(again, topology);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_graphs_are_read_or_refused(sample in 0..6usize, changes in changes()) {
        let (text, format) = match sample {
            4 => (DRAWN, Format::GraphMl),
            5 => (SNDLIB, Format::Gml),
            other => VALLEY[other],
        };
        let text = changed(text, &changes);
        map(&text, format)?;
        if let Some(other) = Format::of("", &text) {
            map(&text, other)?;
        }
    }

    #[test]
    fn damaged_tree_files_are_read_or_refused(changes in changes()) {
        let text = "place,class,latency,bandwidth-down,bandwidth-up\na,root,,,\na/b,leaf,1.5 ms,10 Mbit/s,1 kbit/s\na/c,,,,\n\"a/b/d\",,,,\n";
        if let Ok(topology) = Topology::from_csv(&changed(text, &changes), &Classes::Depth) {
            let again = Topology::from_csv(&topology.to_csv(), &Classes::Role).unwrap();
            prop_assert_eq!(again, topology);
        }
    }

    #[test]
    fn damaged_lists_are_read_or_refused(changes in changes(), columns in any::<bool>()) {
        let text = "country,region,city\nit,Emilia-Romagna,Bologna\nit/veneto,,Venezia\n# no\nit,\"a,b\",x\n";
        let columns = if columns { vec!["Country".to_owned(), "city".to_owned()] } else { Vec::new() };
        let rule = NamesRule { columns, ..NamesRule::default() };
        if let Ok((topology, _)) = from_names(&changed(text, &changes), &rule) {
            prop_assert!(topology.tree().is_ok());
        }
    }
}
