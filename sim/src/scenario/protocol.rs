//! `[protocol]`: how sessions are set up and kept.

use serde::{Deserialize, Serialize};
use waybook_agents::DownloadStrategy;
use waybook_place::{Strategies, Timing};

use super::ScenarioError;
use crate::quantity::Span;

/// How a session's resources are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BookingProtocol {
    /// A plan visitor walks, books, and traces back where a place refuses: what Waybook
    /// ships.
    #[default]
    Visitor,
    /// The same plan visitor, which gives up where it would have to trace back. A baseline:
    /// what tracing back is good for.
    NoTraceBack,
    /// The root knows every place's bookings exactly and books a whole path in one step.
    /// A baseline: it lives in the simulator alone.
    Central,
}

/// `[protocol]`. Times are as in a place's own configuration, with the same defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ProtocolSpec {
    /// How resources are booked.
    pub booking: BookingProtocol,
    /// The Decision Maker of users who ask for none.
    pub decision_maker: String,
    /// How download agents look for code.
    pub download: String,
    /// A plan considers at most that many servers.
    pub servers_per_plan: usize,
    /// How long a set-up may take.
    pub setup_deadline: Span,
    /// The lease of bookings during a set-up.
    pub setup_lease: Span,
    /// The mean period of refreshes during a set-up.
    pub setup_refresh: Span,
    /// How much later than at best an answer may come before fewer are waited for at a time.
    pub lag: Span,
    /// How long a visit or a question may wait for its turn.
    pub turn: Span,
    /// The lease of established bookings.
    pub session_lease: Span,
    /// The mean period of refreshes of established sessions.
    pub session_refresh: Span,
    /// How long a question may take.
    pub question: Span,
    /// How old the answer to a search may be that a set-up is planned with.
    pub search_age: Span,
    /// The mean period of summaries to the parent.
    pub summary: Span,
    /// How long a connection without a sign of life is kept.
    pub transport_idle: Span,
}

impl Default for ProtocolSpec {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            booking: BookingProtocol::default(),
            decision_maker: "nearest".to_owned(),
            download: DownloadStrategy::default().to_string(),
            servers_per_plan: 3,
            setup_deadline: Span(timing.setup_deadline),
            setup_lease: Span(timing.setup_lease),
            setup_refresh: Span(timing.setup_refresh),
            lag: Span(timing.lag),
            turn: Span(timing.turn),
            session_lease: Span(timing.session_lease),
            session_refresh: Span(timing.session_refresh),
            question: Span(timing.question),
            search_age: Span(timing.search_age),
            summary: Span(timing.summary),
            transport_idle: Span(timing.transport_idle),
        }
    }
}

impl ProtocolSpec {
    /// The times that every place goes by.
    #[must_use]
    pub fn timing(&self) -> Timing {
        Timing {
            setup_deadline: self.setup_deadline.0,
            setup_lease: self.setup_lease.0,
            setup_refresh: self.setup_refresh.0,
            lag: self.lag.0,
            turn: self.turn.0,
            session_lease: self.session_lease.0,
            session_refresh: self.session_refresh.0,
            question: self.question.0,
            search_age: self.search_age.0,
            summary: self.summary.0,
            transport_idle: self.transport_idle.0,
            ..Timing::default()
        }
    }

    /// How download agents look for code.
    #[must_use]
    pub fn download_strategy(&self) -> DownloadStrategy {
        DownloadStrategy::named(&self.download)
    }

    pub(super) fn check(&self, strategies: &Strategies) -> Result<(), ScenarioError> {
        let wrong =
            |field: &str, why: String| ScenarioError::new(format!("`protocol{field}`: {why}"));
        let known = strategies.decision_maker(&self.decision_maker);
        known.map_err(|why| wrong(".decision-maker", why))?;
        let known = strategies.download_rule(&self.download_strategy());
        known.map_err(|why| wrong(".download", why))?;
        self.timing().check().map_err(|why| wrong("", why))
    }
}
