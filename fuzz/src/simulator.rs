//! What researchers write, and the graphs that they bring along.

use waybook_sim::scenario::Scenario;
use waybook_sim::sweep::Sweep;
use waybook_sim::topology::{self, Classes, Format, Graph, Quantities, Rule, Topology};

use crate::configuration::told;

/// Graphs beyond that are refused or slow, and find nothing new.
const LONGEST: usize = 1 << 14;

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok();
    text.filter(|text| text.len() <= LONGEST)
}

/// A scenario.
pub(crate) fn scenario(bytes: &[u8]) {
    let _ = text(bytes).and_then(|text| told(Scenario::from_toml(text)));
}

/// A sweep, and behind a line of `---` the scenario that it names.
pub(crate) fn sweep(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (sweep, scenario) = text.split_once("\n---\n").unwrap_or((text, ""));
    told(Sweep::from_toml(sweep, |_| Ok(scenario.to_owned())));
}

/// A graph in one of the formats, by the first byte, and the tree that comes of it.
pub(crate) fn graph(bytes: &[u8]) {
    let Some((format, bytes)) = bytes.split_first() else {
        return;
    };
    let Some(text) = text(bytes) else { return };
    let formats = [Format::Json, Format::GraphMl, Format::Gml, Format::Brite];
    let format = formats[usize::from(*format) % formats.len()];
    let _ = Format::of("", text);
    if let Some(graph) = told(Graph::read(text, format, &Quantities::default())) {
        told(topology::import(graph, &Rule::default()));
    }
}

/// A tree file, and a list of names.
pub(crate) fn tree(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    told(Topology::from_csv(text, &Classes::default()));
    told(topology::from_names(text, &topology::NamesRule::default()));
}
