//! The agents that migrate along the location tree, and what places say to each other.
//!
//! An agent is a small state machine: the place that hosts it hands it an event, and it
//! returns [`Action`]s that the place carries out. It reads no clock and does no IO, so
//! that it can be captured after any call, sent on, or kept on disk.
//!
//! Everything that crosses an edge of the tree is a [`Message`] in an [`Envelope`];
//! [`wire`] alone knows how it looks in bytes.

#![forbid(unsafe_code)]

mod download;
mod ids;
mod message;
mod plan_visitor;
mod refusal;
mod report;
mod trace;
mod transfer;
pub mod wire;

pub use download::{
    Download, DownloadId, DownloadRule, DownloadStrategy, Found, Nowhere, Site, Standing,
    Step as DownloadStep, builtin_download_rules,
};
pub use ids::{Incarnation, SessionId};
pub use message::{
    Edition, Envelope, Feed, Holding, IndexEntry, Message, PlaceSummary, Ready, Refuse,
    SurveyStage, Visit, Withheld,
};
pub use plan_visitor::{Action, Event, Local, PlanVisitor, State};
pub use refusal::{Lack, Refusal, RefusalReason};
pub use report::{ComponentReport, HopReport, Progress, Step, Transferred};
pub use trace::{NoTraceContext, TraceContext};
pub use transfer::{TransferAnswer, TransferRequest};
