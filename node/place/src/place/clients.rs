//! What only the client's place knows of a session, and how the session ends there.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Event, HopReport, Progress, SessionId};
use waybook_plan::Plan;

use super::Place;
use super::alarms::Alarm;
use super::hops::Hop;
use crate::Instant;
use crate::io::{EndReason, Established, OpenRequest, Output, RequestId};

/// Which session a key stands for: the user's own keys, so that users cannot meet.
pub(super) type Key = (String, String);

/// What only the client's place knows of a session.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) key: Key,
    /// Requests that wait for the answer, and whether each watches.
    pub(super) waiting: Vec<(RequestId, bool)>,
    /// The request that made it, for retries; none once it is established.
    pub(super) request: Option<OpenRequest>,
    /// When the client asked.
    pub(super) since: Instant,
    pub(super) retries: u32,
    /// The plan as it was made, to say what was refused.
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) claimed: bool,
    pub(super) idle: Duration,
    pub(super) longest: Option<Duration>,
    pub(super) used: Instant,
    /// How it was answered.
    pub(super) established: Option<Established>,
    /// Why it ends, where that is known beforehand.
    pub(super) ending: Option<EndReason>,
}

impl Client {
    /// A session found again after a restart.
    pub(super) fn restored(
        key: Key,
        claimed: bool,
        idle: Duration,
        longest: Option<Duration>,
        established: Established,
        now: Instant,
    ) -> Self {
        Self {
            key,
            waiting: Vec::new(),
            request: None,
            since: now,
            retries: 0,
            plan: None,
            claimed,
            idle,
            longest,
            used: now,
            established: Some(established),
            ending: None,
        }
    }

    pub(super) fn progress(&self, progress: &Progress, out: &mut Vec<Output>) {
        for (request, watches) in &self.waiting {
            if *watches {
                let (request, progress) = (*request, progress.clone());
                out.push(Output::Progress { request, progress });
            }
        }
    }

    pub(super) fn journey(&self) -> &[HopReport] {
        self.established.as_ref().map_or(&[], |e| &e.journey)
    }
}

impl Place {
    /// The client has the session: it says so, or uses it.
    pub(super) fn claim(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        let Some(client) = hop.client.as_mut() else {
            return;
        };
        client.used = now;
        if client.established.is_some() && !std::mem::replace(&mut client.claimed, true) {
            hop.alarms.cancel(Alarm::Claim);
            hop.attend(&mut self.timers);
            self.store_session(session, out);
        }
    }

    pub(super) fn idle_alarm(&mut self, now: Instant, session: SessionId, out: &mut Vec<Output>) {
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        let Some(client) = &hop.client else {
            return;
        };
        let end = client.used + client.idle;
        if end > now {
            hop.alarms.set(Alarm::Idle, end);
        } else {
            self.close(now, session, EndReason::Idle, out);
        }
    }

    /// The session has stood for so long, lives and what was between them taken together.
    pub(super) fn been_away(&mut self, now: Instant, session: SessionId, away: Duration) {
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        let longest = hop.client.as_ref().and_then(|client| client.longest);
        if let Some(longest) = longest {
            hop.alarms
                .set(Alarm::Longest, now + longest.saturating_sub(away));
            hop.attend(&mut self.timers);
        }
    }

    /// Ends a session in order, from its client's place.
    pub(super) fn close(
        &mut self,
        now: Instant,
        session: SessionId,
        why: EndReason,
        out: &mut Vec<Output>,
    ) {
        let Some(client) = self.hops.get_mut(&session).and_then(|h| h.client.as_mut()) else {
            return;
        };
        client.ending = Some(why);
        self.drive(now, session, Event::Released, out);
    }
}

impl Hop {
    /// Sets the alarms that end a session by itself.
    pub(super) fn watch_use(&mut self, now: Instant, idle: Duration, longest: Option<Duration>) {
        self.alarms.set(Alarm::Idle, now + idle);
        if let Some(longest) = longest {
            self.alarms.set(Alarm::Longest, now + longest);
        }
    }
}
