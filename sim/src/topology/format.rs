//! Which format a file has, and reading it.

use super::error::{TopologyError, count};
use super::graph::Graph;
use super::limits::MOST_BYTES;
use super::quantities::Quantities;
use super::{brite, gml, graphml, json};

/// A format of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// NetworkX node-link JSON (`networkx.node_link_data`), as TopoHub has it too.
    Json,
    /// GraphML (<http://graphml.graphdrawing.org>), with what yEd and the Topology Zoo write.
    GraphMl,
    /// GML (Himsolt, *GML: A portable Graph File Format*, 1997), with what the Topology
    /// Zoo, SNDlib and NetworkX write.
    Gml,
    /// The output of BRITE (Medina et al., *BRITE: An Approach to Universal Topology
    /// Generation*, 2001).
    Brite,
}

impl Format {
    /// The format of a file by its extension, or else by how its text begins.
    #[must_use]
    pub fn of(path: &str, text: &str) -> Option<Self> {
        let extension = path.rsplit_once('.').map_or("", |(_, e)| e);
        match extension.to_ascii_lowercase().as_str() {
            "json" => return Some(Self::Json),
            "graphml" => return Some(Self::GraphMl),
            "gml" => return Some(Self::Gml),
            "brite" => return Some(Self::Brite),
            _ => {}
        }
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let line = lines.find(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'))?;
        let word = line.trim_start();
        let begins = |with: &str| {
            let head = word.as_bytes().get(..with.len());
            head.is_some_and(|h| h.eq_ignore_ascii_case(with.as_bytes()))
        };
        if begins("{") {
            Some(Self::Json)
        } else if begins("<") {
            Some(Self::GraphMl)
        } else if begins("topology:") || begins("topology :") {
            Some(Self::Brite)
        } else if begins("graph") || begins("creator") || begins("version") {
            Some(Self::Gml)
        } else {
            None
        }
    }
}

impl Graph {
    /// Reads a graph.
    ///
    /// # Errors
    /// [`TopologyError`] says where the text is not of the format, which node or link is
    /// wrong, or which limit is passed.
    pub fn read(
        text: &str,
        format: Format,
        quantities: &Quantities,
    ) -> Result<Self, TopologyError> {
        check_size(text)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match format {
            Format::Json => json::read(text, quantities),
            Format::GraphMl => graphml::read(text, quantities),
            Format::Gml => gml::read(text, quantities),
            Format::Brite => brite::read(text),
        }
    }
}

/// Refuses a text that is longer than any file may be.
pub(super) fn check_size(text: &str) -> Result<(), TopologyError> {
    if text.len() > MOST_BYTES {
        return Err(TopologyError::whole(format!(
            "the file has {}; at most {MOST_BYTES} are read",
            count(text.len(), "byte")
        )));
    }
    Ok(())
}
