//! Remembers for a while how sessions ended, for clients that wait or ask late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use waybook_agents::SessionId;
use waybook_place::io::EndReason;

use super::model::EndInfo;

/// So many ends are remembered.
const MOST: usize = 4096;

/// How sessions ended. The task that owns the place reports, the API asks.
#[derive(Clone)]
pub struct Ends {
    recent: Arc<Mutex<Recent>>,
    /// Counts reports, to wake who waits.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Recent {
    by_session: BTreeMap<SessionId, EndInfo>,
    order: VecDeque<SessionId>,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            recent: Arc::default(),
            news: watch::Sender::new(0),
        }
    }
}

impl Ends {
    /// Reports that a session is over, for an [`Output::Ended`](waybook_place::io::Output).
    pub fn report(&self, session: SessionId, why: &EndReason) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let new = recent
            .by_session
            .insert(session, EndInfo::new(session, why));
        if new.is_none() {
            recent.order.push_back(session);
            if recent.order.len() > MOST
                && let Some(oldest) = recent.order.pop_front()
            {
                recent.by_session.remove(&oldest);
            }
        }
        drop(recent);
        self.news.send_modify(|count| *count += 1);
    }

    /// How a session ended, if that is remembered.
    pub(crate) fn of(&self, session: SessionId) -> Option<EndInfo> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.by_session.get(&session).cloned()
    }

    /// Wakes with every report from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_ends_are_remembered() {
        let ends = Ends::default();
        for n in 0..=MOST as u128 {
            ends.report(SessionId(n), &EndReason::Idle);
        }
        assert_eq!(ends.of(SessionId(0)), None);
        assert_eq!(ends.of(SessionId(1)).unwrap().kind, "idle");
        ends.report(SessionId(1), &EndReason::Closed);
        assert_eq!(ends.of(SessionId(1)).unwrap().kind, "closed");
        assert!(ends.of(SessionId(2)).is_some());
    }
}
