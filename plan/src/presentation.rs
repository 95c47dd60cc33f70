//! Presentations: what clients ask for.

mod check;
mod file;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;

use crate::file::Document;
use crate::{Component, Demand, Position, Runtime, WhenCut};

/// A title with its quality levels, as its server published it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Presentation {
    /// What clients ask for it by.
    pub title: String,
    /// For people.
    pub description: String,
    /// The places that hold it; empty if whoever publishes it decides.
    pub servers: Vec<PlaceName>,
    /// The quality levels, best first.
    pub qualities: Vec<Quality>,
    /// What becomes of its sessions while their path is cut. It travels and is kept beside the
    /// presentation, in a block of its own (see the wire format), because presentations had
    /// none at first.
    #[serde(skip)]
    pub when_cut: WhenCut,
}

/// One quality level of a presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Its name, unique within the presentation.
    pub name: String,
    /// What each kind of stage needs.
    pub demand: StageDemand,
    /// The chain of components from the client's side to the server's, each with where
    /// it stands.
    pub components: Vec<(Position, Component)>,
}

/// What a quality level needs at each kind of stage. A place that is several of these
/// at once needs the sum.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StageDemand {
    /// On every edge of the path.
    pub edge: EdgeDemand,
    /// At every place of the path.
    pub every_hop: Demand,
    /// At the server's place.
    pub server: Demand,
    /// At the client's place.
    pub client: Demand,
    /// At the client's default place.
    pub default_place: Demand,
}

/// Bandwidth on an edge, in bit/s, by direction along the service path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EdgeDemand {
    /// Towards the client.
    pub to_client: u64,
    /// Towards the server.
    pub to_server: u64,
}

/// Why a presentation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PresentationError {
    /// What is wrong, with line and field, and what would be right.
    pub message: String,
}

impl StageDemand {
    /// The demands of places, each with the name of its table in a presentation file.
    #[must_use]
    pub fn of_places(&self) -> [(&'static str, &Demand); 4] {
        [
            ("client", &self.client),
            ("default-place", &self.default_place),
            ("every-hop", &self.every_hop),
            ("server", &self.server),
        ]
    }
}

impl Quality {
    /// The references of its components that are brought along, in the order of the
    /// chain.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let components = self.components.iter().map(|(_, component)| component);
        let wasm = components.filter(|c| c.runtime == Runtime::Wasm);
        wasm.map(|c| c.name.as_str())
    }
}

impl Presentation {
    /// Greatest length of the title in bytes.
    pub const MAX_TITLE: usize = 200;
    /// Greatest length of the description in bytes.
    pub const MAX_DESCRIPTION: usize = 4000;
    /// Greatest number of servers.
    pub const MAX_SERVERS: usize = 256;
    /// Greatest number of quality levels.
    pub const MAX_QUALITIES: usize = 32;
    /// Greatest number of components of one quality level.
    pub const MAX_COMPONENTS: usize = 16;
    /// Greatest length of the name of a quality level or a component, and of the key of
    /// a setting, in bytes.
    pub const MAX_NAME: usize = 64;
    /// Greatest number of kinds of resource in one demand.
    pub const MAX_KINDS: usize = 16;
    /// Greatest number of settings of one component.
    pub const MAX_SETTINGS: usize = 32;
    /// Greatest length of a component's settings, keys and values together, in bytes.
    /// They travel in every plan.
    pub const MAX_SETTINGS_BYTES: usize = 4096;

    /// Reads a presentation file (TOML) and [checks](Self::check) it.
    ///
    /// ```
    /// let film = waybook_plan::Presentation::from_toml(
    ///     r#"
    ///     title = "film"
    ///     description = "A film about bees"    # optional
    ///     servers = ["core/bologna/media"]     # optional; else the publisher says
    ///     lost-after = "10 min"                # optional; a session that is cut is kept so long
    ///     reconcile = "replacement"            # optional; or: original
    ///
    ///     [[quality]]                          # best first
    ///     name = "high"
    ///     [quality.demand.edge]                # of every edge of the path
    ///     to-client = "4 Mbit/s"
    ///     to-server = "100 kbit/s"
    ///     [quality.demand.server]              # also: client, default-place, every-hop
    ///     cpu = "250m"
    ///     memory = "64 MiB"
    ///     [[quality.component]]                # from the client's side to the server's
    ///     at = "server"                        # or: client, default-place, every-hop
    ///     name = "files"
    ///     runtime = "builtin"                  # or: process, wasm
    ///     config = { root = "film/high" }      # optional
    ///     [[quality.component]]
    ///     at = "default-place"
    ///     name = "cap-quality@^1"              # code that is brought along, by reference
    ///     runtime = "wasm"
    ///     "#,
    /// )?;
    /// assert_eq!(film.qualities[0].demand.edge.to_client, 4_000_000);
    /// assert_eq!(film.qualities[0].demand.server.of("cpu"), 250);
    /// # Ok::<(), waybook_plan::PresentationError>(())
    /// ```
    ///
    /// The order of `[[quality.component]]` is that of the chain: one that stands nearer
    /// to the client comes first. The name of a `wasm` component is a reference to code
    /// that the places fetch, as [`split_reference`] takes apart: `cap-quality@^1`,
    /// `cap-quality@1.2.0` for exactly that version, `cap-quality` for any.
    ///
    /// What `lost-after` and `reconcile` mean, [`WhenCut`] says.
    ///
    /// A demand that is left out is for nothing. Any kind of resource may be demanded of
    /// a place, except bandwidth, which belongs to edges; [`parse_amount`] says how
    /// amounts are written.
    ///
    /// [`parse_amount`]: crate::parse_amount
    /// [`split_reference`]: crate::split_reference
    ///
    /// # Errors
    /// [`PresentationError`] names line, column and field, and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, PresentationError> {
        let document = Document::parse(text).map_err(|message| PresentationError { message })?;
        file::read(&document)
            .and_then(|read| check::check(&read).map(|()| read))
            .map_err(|problem| PresentationError {
                message: document.explain(&problem),
            })
    }

    /// Checks what every presentation promises: a title, at least one quality level,
    /// names that are unique, right references to code that is brought along, bandwidth
    /// only on edges, the limits above, and demands that can be added up for a place that is client, default place and server at
    /// once. A presentation from elsewhere is untrusted until it has passed.
    ///
    /// # Errors
    /// [`PresentationError`] names the first field that breaks a promise.
    pub fn check(&self) -> Result<(), PresentationError> {
        check::check(self).map_err(|problem| PresentationError {
            message: problem.to_string(),
        })
    }

    /// The references of all its components that are brought along, each once, in the
    /// order of the alphabet: what has to be looked for, with its dependencies, before a
    /// Decision Maker can plan with it.
    #[must_use]
    pub fn references(&self) -> Vec<&str> {
        let references: BTreeSet<_> = self
            .qualities
            .iter()
            .flat_map(Quality::references)
            .collect();
        references.into_iter().collect()
    }
}
