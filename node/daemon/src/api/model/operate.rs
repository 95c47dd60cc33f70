//! What operators change at a place that runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_place::DrainView;

use super::{ResourceInfo, Span, SpanForm};
use crate::Change;

/// How a place is to be drained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainForm {
    /// What is left after that long ends. Without it, that is waited for.
    pub deadline: Option<SpanForm>,
}

/// How far a place is with being drained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainingInfo {
    /// Until what is left ends; none if that is waited for.
    pub left: Option<Span>,
    /// Sessions that are left, those being set up included.
    pub sessions: usize,
    /// Opens of the place's clients that have no session yet.
    pub opens: usize,
}

impl From<DrainView> for DrainingInfo {
    fn from(view: DrainView) -> Self {
        Self {
            left: view.left.map(Into::into),
            sessions: view.sessions,
            opens: view.opens,
        }
    }
}

/// What is cordoned at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CordonInfo {
    /// The place.
    pub place: String,
    /// The kinds of resource of which no more is booked.
    pub cordoned: Vec<String>,
}

/// What became of reading a place's configuration again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadInfo {
    /// The place.
    pub place: String,
    /// The file that was read.
    pub file: String,
    /// What has changed.
    pub changed: Vec<ChangeInfo>,
    /// Settings that are different in the file, and change with the next start only.
    pub restart: Vec<String>,
    /// The place's resources now. What is booked beyond the capacity stays, and nothing more is
    /// granted before it is less.
    pub resources: Vec<ResourceInfo>,
}

/// A setting that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeInfo {
    /// Its name.
    #[schema(example = "capacity.cpu")]
    pub setting: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub now: String,
}

impl From<&Change> for ChangeInfo {
    fn from(change: &Change) -> Self {
        Self {
            setting: change.setting.clone(),
            before: change.before.clone(),
            now: change.now.clone(),
        }
    }
}
