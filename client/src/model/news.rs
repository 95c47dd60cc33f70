//! What a place tells those who watch it.

use serde::{Deserialize, Serialize};

use super::{HopInfo, PlaceInfo, RefusalInfo, Span, TreePlaceInfo};

/// What has become otherwise at a place. In the event `snapshot` it is all that there is, and in
/// `change` what is new since the event before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsInfo {
    /// The place, unless it is as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceInfo>,
    /// Places of its locality that are new, or do otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tree: Vec<TreePlaceInfo>,
    /// Places of its locality of which there is no word any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// How many sessions it is a hop of, unless it is as many as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// Of these the newest 1000, as far as they are new or otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<HopInfo>,
    /// Sessions that are no longer among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Set-ups that were refused, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<RefusedInfo>,
    /// Agents that came or went, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub walks: Vec<WalkInfo>,
    /// Whether what the place knows of code may be otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub code: bool,
    /// Whether there are other presentations in the place's locality.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub presentations: bool,
}

/// An agent, or word of one, that crossed an edge of the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkInfo {
    /// Counted since the daemon started.
    pub number: u64,
    /// How long ago.
    pub age: Span,
    /// What went.
    pub kind: WalkKind,
    /// The session that it went for; the digest of the code, for a download agent.
    pub whose: String,
    /// The session's title, or what the code is called by.
    pub title: String,
    /// From which place.
    pub from: String,
    /// To which place.
    pub to: String,
}

/// What crosses an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalkKind {
    /// A plan visitor goes on towards the server.
    Visit,
    /// Word that all beyond is booked goes back towards the client.
    Ready,
    /// Word that nothing is booked beyond goes back towards the client.
    Refuse,
    /// A download agent looks for code.
    Download,
    /// A download agent comes back.
    DownloadBack,
}

/// A set-up that was refused: that of a client of the place, or what of another place's set-up
/// was refused here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedInfo {
    /// Counted since the daemon started.
    pub number: u64,
    /// How long ago.
    pub age: Span,
    /// The session, unless there was nothing to try.
    pub session: Option<String>,
    /// The title.
    pub title: String,
    /// The user, of a client of this place.
    pub user: Option<String>,
    /// The client's place, where it is known.
    pub client: Option<String>,
    /// The kind of problem that the client was told, such as `refused` or `no-plan`; `passing`
    /// for another place's set-up, which may have been given another solution.
    pub kind: String,
    /// What the client was told.
    pub text: String,
    /// For each solution, where and why.
    pub refused: Vec<RefusalInfo>,
}
