//! What a client sends to open a session, or to ask what would become of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SpanForm;

/// A request for a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenForm {
    /// What is asked for.
    pub title: String,
    /// Chosen by the client: the same key gives the same session, until that is over.
    /// Without one, a key is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whose profile to use: `ann`, from the place's folder of profiles, or `ann@core/bologna`,
    /// from that place's. Not together with `profile`; without both, anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A profile sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileForm>,
    /// The Decision Maker; without one, the place's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "nearest")]
    pub strategy: Option<String>,
    /// How long the set-up may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<SpanForm>,
    /// How often to try again where only other set-ups stood in the way.
    #[serde(default)]
    pub retries: u32,
    /// The session ends after that long without use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<SpanForm>,
    /// The session ends after that long in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<SpanForm>,
}

/// A user's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileForm {
    /// The user's name.
    pub user: String,
    /// The best quality level wanted, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_quality: Option<String>,
    /// The greatest bandwidth towards the client that the terminal can take, in bit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_bandwidth: Option<u64>,
    /// The titles that the user may open; `*` stands for any run of characters.
    #[serde(default = "every_title")]
    pub may_open: Vec<String>,
}

fn every_title() -> Vec<String> {
    vec!["*".to_owned()]
}
