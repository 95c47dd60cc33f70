//! What can be opened, and what it needs.

use serde::{Deserialize, Serialize};

use super::{Amount, Quantity, Span};

/// A presentation that a place of the locality serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentationInfo {
    /// What clients ask for it by.
    pub title: String,
    /// For people.
    pub description: String,
    /// The place that serves it.
    pub server: String,
    /// Grows with every new edition: the server's life, then its count.
    pub edition: String,
    /// How long a session whose path is cut is kept; without it, for each place's session lease.
    pub lost_after: Option<Span>,
    /// Which of two sessions goes on when the path is whole again, `replacement` or `original`,
    /// if the client asked for another one meanwhile.
    #[serde(default)]
    pub reconcile: String,
    /// The quality levels, best first.
    pub qualities: Vec<QualityInfo>,
}

/// A quality level of a presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageDemandInfo {
    /// Which: `client`, `default-place`, `every-hop` or `server`.
    pub at: String,
    /// How much.
    pub amounts: Vec<Amount>,
}
