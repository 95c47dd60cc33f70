//! Sessions, their hops, and the news of an open.

use serde::{Deserialize, Serialize};

use super::{Amount, RefusalInfo, Span};

/// How firm a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Held while the rest of the path is sought.
    Held,
    /// All beyond is booked; waiting for the confirmation.
    Ready,
    /// Part of an established session.
    Established,
}

/// A session as its client's place knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// The session.
    pub session: String,
    /// The title.
    pub title: String,
    /// The user.
    pub user: String,
    /// The client's key.
    pub key: String,
    /// How far it is: `established`, or being set up.
    pub phase: Phase,
    /// Whether the client has claimed it.
    pub claimed: bool,
    /// The quality level that is chosen, or tried.
    pub quality: String,
    /// Its solution's number.
    pub solution: u16,
    /// Every place from the client's to the server's.
    pub path: Vec<String>,
    /// Since it was asked for.
    pub age: Span,
    /// For how long its path has been known to be cut somewhere; none if it is whole.
    pub cut: Option<Span>,
    /// Where it answers, once it is established.
    pub urls: Option<UrlsInfo>,
}

/// Where a session answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlsInfo {
    /// A path of the gateway's own address.
    pub path: String,
    /// A host name of its own, for players that use absolute paths.
    pub host: String,
}

/// A session with every hop, as each of them answers now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// The session.
    pub session: SessionInfo,
    /// From the client's place to the server's.
    pub hops: Vec<SessionHop>,
    /// What each hop reported when the session was set up; empty while it is.
    pub journey: Vec<HopReportInfo>,
}

/// What a place of the path says of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHop {
    /// The place.
    pub place: String,
    /// What it says.
    pub hop: Option<HopInfo>,
    /// Why it says nothing.
    pub problem: Option<String>,
}

/// A session as one of its hops knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopInfo {
    /// The session.
    pub session: String,
    /// The title.
    pub title: String,
    /// Counted from 0 at the client's place.
    pub hop: usize,
    /// How firm the booking is.
    pub phase: Phase,
    /// The solution that is held, or chosen.
    pub solution: u16,
    /// The name of its quality level.
    pub quality: String,
    /// What is booked here.
    pub booked: Vec<Amount>,
    /// What runs here for it.
    pub components: Vec<ComponentInfo>,
    /// The next place towards the client.
    pub previous: Option<String>,
    /// The next place towards the server.
    pub next: Option<String>,
    /// Every place from the client's to the server's.
    pub path: Vec<String>,
    /// Since the agent arrived.
    pub age: Span,
    /// Until the booking ends if nobody refreshes it.
    pub lease: Option<Span>,
    /// For how long the path has been known to be cut beyond this place; none if it is whole.
    pub cut: Option<Span>,
}

/// A component that runs for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// Its name.
    pub name: String,
    /// Where it answers, as its place knows it.
    pub endpoint: String,
    /// Whether it was running already and is shared.
    pub shared: bool,
    /// How long its start took.
    pub took: Span,
}

/// What was done at one hop of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopReportInfo {
    /// Where.
    pub place: String,
    /// What is booked there.
    pub booked: Vec<Amount>,
    /// What runs there, from the client's side to the server's.
    pub components: Vec<ComponentInfo>,
    /// From the agent's arrival until the hop was ready, all beyond it included.
    pub took: Span,
}

/// An established session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstablishedInfo {
    /// The session.
    pub session: String,
    /// The title.
    pub title: String,
    /// The client's key.
    pub key: String,
    /// The chosen quality level.
    pub quality: String,
    /// The chosen solution's number.
    pub solution: u16,
    /// How many solutions the plan had.
    pub solutions: usize,
    /// From the request to the establishment.
    pub took: Span,
    /// Where it answers.
    pub urls: Option<UrlsInfo>,
    /// Every hop from the client's place to the server's.
    pub journey: Vec<HopReportInfo>,
    /// Better solutions, with where and why each was refused.
    pub refused: Vec<RefusalInfo>,
}

/// News of a set-up under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressInfo {
    /// The session.
    pub session: String,
    /// Where it happened.
    pub place: String,
    /// The number of the solution concerned.
    pub solution: u16,
    /// What happened.
    pub step: StepInfo,
}

/// What happened at a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepInfo {
    /// The demand is held.
    Held {
        /// What is held.
        demand: Vec<Amount>,
    },
    /// The solution was refused.
    Refused {
        /// Where and why.
        refusal: Box<RefusalInfo>,
    },
    /// No alternative fits what is held further up: back towards the client.
    TracedBack,
    /// Booked, components running, path beyond ready.
    Ready {
        /// What was done.
        hop: HopReportInfo,
    },
    /// Code for the session is coming.
    Downloading {
        /// The component, as `name@version`.
        component: String,
        /// The place that it comes from; none while a source is sought.
        from: Option<String>,
        /// Bytes that are here and verified.
        bytes: u64,
        /// Bytes in all.
        length: u64,
        /// How many of the bytes were here before the session asked.
        before: u64,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndInfo {
    /// The session.
    pub session: String,
    /// The kind of reason: `closed`, `unclaimed`, `idle`, `expired`,
    /// `replaced`, `reconciled`, `drained` or `broken`.
    pub kind: String,
    /// The reason for people.
    pub text: String,
    /// Where and why the path broke.
    pub refused: Vec<RefusalInfo>,
}
