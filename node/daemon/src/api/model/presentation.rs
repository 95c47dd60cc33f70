//! What can be opened, and what it needs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_agents::IndexEntry;
use waybook_plan::{Position, Quality, Runtime};

use super::{Amount, Quantity, Span, amounts};

/// A presentation that a place of the locality serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresentationInfo {
    /// What clients ask for it by.
    pub title: String,
    /// For people.
    pub description: String,
    /// The place that serves it.
    pub server: String,
    /// Grows with every new edition: the server's life, then its count.
    #[schema(example = "1700000000.3")]
    pub edition: String,
    /// How long a session whose path is cut is kept; without it, for each place's session lease.
    pub lost_after: Option<Span>,
    /// Which of two sessions goes on when the path is whole again, `replacement` or `original`,
    /// if the client asked for another one meanwhile.
    pub reconcile: String,
    /// The quality levels, best first.
    pub qualities: Vec<QualityInfo>,
}

impl From<&IndexEntry> for PresentationInfo {
    fn from(entry: &IndexEntry) -> Self {
        Self {
            title: entry.presentation.title.clone(),
            description: entry.presentation.description.clone(),
            server: entry.server.to_string(),
            edition: format!("{}.{}", entry.edition.0, entry.edition.1),
            lost_after: entry.presentation.when_cut.lost_after.map(Into::into),
            reconcile: entry.presentation.when_cut.reconcile.to_string(),
            qualities: entry
                .presentation
                .qualities
                .iter()
                .map(Into::into)
                .collect(),
        }
    }
}

/// A quality level of a presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QualityInfo {
    /// Its name.
    pub name: String,
    /// Bandwidth towards the client, on every edge.
    pub to_client: Quantity,
    /// Bandwidth towards the server, on every edge.
    pub to_server: Quantity,
    /// What places book for it, beside that bandwidth.
    #[serde(default)]
    pub demands: Vec<StageDemandInfo>,
    /// The components from the client's side to the server's, with what runs them and
    /// where they stand: `files (builtin) at server`.
    pub components: Vec<String>,
}

/// What a kind of place on the path books for a quality level. One that is several of these at once
/// books the sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageDemandInfo {
    /// Which: `client`, `default-place`, `every-hop` or `server`.
    pub at: String,
    /// How much.
    pub amounts: Vec<Amount>,
}

impl From<&Quality> for QualityInfo {
    fn from(quality: &Quality) -> Self {
        let component = |(position, component): &(Position, waybook_plan::Component)| {
            let runtime = match component.runtime {
                Runtime::Builtin => "builtin",
                Runtime::Process => "process",
                Runtime::Wasm => "wasm",
            };
            let at = match position {
                Position::Server => "server",
                Position::Client => "client",
                Position::DefaultPlace => "default-place",
                Position::EveryHop => "every-hop",
            };
            format!("{} ({runtime}) at {at}", component.name)
        };
        Self {
            name: quality.name.clone(),
            to_client: Quantity::bandwidth(quality.demand.edge.to_client),
            to_server: Quantity::bandwidth(quality.demand.edge.to_server),
            demands: quality
                .demand
                .of_places()
                .into_iter()
                .filter(|(_, demand)| !demand.is_empty())
                .map(|(at, demand)| StageDemandInfo {
                    at: at.to_owned(),
                    amounts: amounts(demand),
                })
                .collect(),
            components: quality.components.iter().map(component).collect(),
        }
    }
}
