//! Timers: every one is a variant with a sentence on when it fires.

use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::{DownloadId, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use super::downloads::Claim;
use crate::Instant;
use crate::io::RequestId;

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The lease of a hop may have run out. Armed once and looked at when it fires, so
    /// that a refresh costs nothing.
    Lease(SessionId),
    /// A set-up's time is over at this hop.
    Deadline(SessionId),
    /// The next hop may be silent, or a hand-off may need to be repeated.
    Child(SessionId),
    /// What was refused or released of this session, to that neighbour, may be forgotten.
    Fence(SessionId, PlaceName),
    /// A release has not been acknowledged.
    Release(PlaceName, SessionId, SolutionNumber),
    /// The set-ups that go on to this neighbour are to be refreshed.
    FeedSetups(PlaceName),
    /// The established sessions that go on to this neighbour are to be refreshed.
    FeedSessions(PlaceName),
    /// Nobody has claimed the session in time.
    Claim(SessionId),
    /// The session may have been idle for too long. Looked at when it fires.
    Idle(SessionId),
    /// The session has reached its greatest duration.
    Longest(SessionId),
    /// A search or survey has not been answered in time.
    Question(u64),
    /// An open that was refused because of other set-ups' holds is to be tried again.
    Retry(RequestId),
    /// A child has been cut off for so long that its locality is no longer offered, or is
    /// back for so long that what it has not listed again is not offered either.
    IndexGrace(PlaceName),
    /// News of the locality is to be told to the parent.
    Summary,
    /// A download's agent has been away for too long, or its transfer is to be resumed.
    Download(Claim),
    /// A download agent that waits here is awaited by nobody any more.
    Guest(DownloadId),
    /// Neighbours that have not re-synced since the restart are waited for no longer.
    Recovery,
}

/// The timers that are set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
    set: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, in place of when it was set for before.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(old) = self.set.insert(timer.clone(), at) {
            if old == at {
                return;
            }
            self.due.remove(&(old, timer.clone()));
        }
        self.due.insert((at, timer));
    }

    /// Sets a timer unless it is set already.
    pub(super) fn set_if_unset(&mut self, timer: Timer, at: Instant) {
        if !self.set.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.set.remove_entry(timer) {
            self.due.remove(&(at, timer));
        }
    }

    /// The earliest timer that is due, no longer set.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, timer) = self.due.pop_first()?;
        self.set.remove(&timer);
        Some(timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }
}
