//! Sessions, their hops, and the news of an open.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybook_agents::{ComponentReport, HopReport, Progress, Refusal, Step};
use waybook_place::io::{EndReason, Established};
use waybook_place::{BookingPhase, HopView, SessionView};

use super::{Amount, RefusalInfo, Span, amounts};
use crate::api::Urls;

/// How firm a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Held while the rest of the path is sought.
    Held,
    /// All beyond is booked; waiting for the confirmation.
    Ready,
    /// Part of an established session.
    Established,
}

impl From<BookingPhase> for Phase {
    fn from(phase: BookingPhase) -> Self {
        match phase {
            BookingPhase::Held => Self::Held,
            BookingPhase::Ready => Self::Ready,
            BookingPhase::Established => Self::Established,
        }
    }
}

/// A session as its client's place knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// The session.
    #[schema(example = "000102030405060708090a0b0c0d0e0f")]
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

impl SessionInfo {
    /// A session, with its URLs if the place has a gateway.
    #[must_use]
    pub fn new(view: &SessionView, urls: Option<Urls>) -> Self {
        let hop = &view.hop;
        let urls = urls.filter(|_| hop.phase == BookingPhase::Established);
        Self {
            session: hop.session.to_string(),
            title: hop.title.clone(),
            user: view.user.clone(),
            key: view.key.clone(),
            phase: hop.phase.into(),
            claimed: view.claimed,
            quality: hop.quality.clone(),
            solution: hop.solution.0,
            path: hop.path.iter().map(ToString::to_string).collect(),
            age: hop.age.into(),
            cut: hop.cut.map(Into::into),
            urls: urls.map(Into::into),
        }
    }
}

/// Where a session answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UrlsInfo {
    /// A path of the gateway's own address.
    pub path: String,
    /// A host name of its own, for players that use absolute paths.
    pub host: String,
}

impl From<Urls> for UrlsInfo {
    fn from(urls: Urls) -> Self {
        Self {
            path: urls.path,
            host: urls.host,
        }
    }
}

/// A session with every hop, as each of them answers now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionDetail {
    /// The session.
    pub session: SessionInfo,
    /// From the client's place to the server's.
    pub hops: Vec<SessionHop>,
    /// What each hop reported when the session was set up; empty while it is.
    pub journey: Vec<HopReportInfo>,
}

/// What a place of the path says of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionHop {
    /// The place.
    pub place: String,
    /// What it says.
    pub hop: Option<HopInfo>,
    /// Why it says nothing.
    pub problem: Option<String>,
}

/// A session as one of its hops knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<&HopView> for HopInfo {
    fn from(view: &HopView) -> Self {
        Self {
            session: view.session.to_string(),
            title: view.title.clone(),
            hop: view.hop,
            phase: view.phase.into(),
            solution: view.solution.0,
            quality: view.quality.clone(),
            booked: amounts(&view.booked),
            components: view.components.iter().map(Into::into).collect(),
            previous: view.previous.as_ref().map(ToString::to_string),
            next: view.next.as_ref().map(ToString::to_string),
            path: view.path.iter().map(ToString::to_string).collect(),
            age: view.age.into(),
            lease: view.lease.map(Into::into),
            cut: view.cut.map(Into::into),
        }
    }
}

/// A component that runs for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<&ComponentReport> for ComponentInfo {
    fn from(report: &ComponentReport) -> Self {
        Self {
            name: report.name.clone(),
            endpoint: report.endpoint.clone(),
            shared: report.shared,
            took: report.took.into(),
        }
    }
}

/// What was done at one hop of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<&HopReport> for HopReportInfo {
    fn from(report: &HopReport) -> Self {
        Self {
            place: report.place.to_string(),
            booked: amounts(&report.booked),
            components: report.components.iter().map(Into::into).collect(),
            took: report.took.into(),
        }
    }
}

/// An established session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl EstablishedInfo {
    /// A session, with its URLs if the place has a gateway.
    #[must_use]
    pub fn new(established: &Established, key: &str, urls: Option<Urls>) -> Self {
        let refused = |refusal: &Refusal| RefusalInfo::new(refusal, None);
        Self {
            session: established.session.to_string(),
            title: established.title.clone(),
            key: key.to_owned(),
            quality: established.quality.clone(),
            solution: established.solution.0,
            solutions: established.solutions,
            took: established.took.into(),
            urls: urls.map(Into::into),
            journey: established.journey.iter().map(Into::into).collect(),
            refused: established.refused.iter().map(refused).collect(),
        }
    }
}

/// News of a set-up under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<&Progress> for ProgressInfo {
    fn from(progress: &Progress) -> Self {
        Self {
            session: progress.session.to_string(),
            place: progress.place.to_string(),
            solution: progress.solution.0,
            step: match &progress.step {
                Step::Held(demand) => StepInfo::Held {
                    demand: amounts(demand),
                },
                Step::Refused(refusal) => StepInfo::Refused {
                    refusal: Box::new(RefusalInfo::new(refusal, None)),
                },
                Step::TracedBack => StepInfo::TracedBack,
                Step::Ready(report) => StepInfo::Ready { hop: report.into() },
                Step::Downloading(coming) => StepInfo::Downloading {
                    component: coming.component.clone(),
                    from: coming.from.as_ref().map(ToString::to_string),
                    bytes: coming.bytes,
                    length: coming.length,
                    before: coming.before,
                },
            },
        }
    }
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl EndInfo {
    /// The end of a session.
    #[must_use]
    pub fn new(session: waybook_agents::SessionId, reason: &EndReason) -> Self {
        let (kind, text) = match reason {
            EndReason::Closed => ("closed", "it was closed".to_owned()),
            EndReason::Unclaimed => ("unclaimed", "nobody claimed it in time".to_owned()),
            EndReason::Idle => ("idle", "it was not used for its idle time".to_owned()),
            EndReason::Expired => ("expired", "it reached its greatest duration".to_owned()),
            EndReason::Replaced => (
                "replaced",
                "its path was cut, and another session has taken its place".to_owned(),
            ),
            EndReason::Reconciled => (
                "reconciled",
                "the session whose place it had taken has a whole path again".to_owned(),
            ),
            EndReason::Drained(place) => (
                "drained",
                format!("{place} was being drained, and the time for that is over"),
            ),
            EndReason::Broken(refused) => {
                let why: Vec<_> = refused
                    .iter()
                    .map(|r| format!("{}: {}", r.place, r.reason))
                    .collect();
                ("broken", format!("its path broke: {}", why.join("; ")))
            }
        };
        let refused = match reason {
            EndReason::Broken(refused) => refused.as_slice(),
            _ => &[],
        };
        Self {
            session: session.to_string(),
            kind: kind.to_owned(),
            text,
            refused: refused.iter().map(|r| RefusalInfo::new(r, None)).collect(),
        }
    }
}
