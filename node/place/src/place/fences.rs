//! Fences: what was refused or released must have no effect when it arrives late.

use std::collections::BTreeMap;

use waybook_agents::{Refuse, SessionId};
use waybook_plan::SolutionNumber;

/// What is remembered of a session whose visit here has ended.
#[derive(Debug)]
pub(super) struct Fence {
    /// Visits up to this number are over.
    pub(super) number: SolutionNumber,
    /// What the hop before was told, to be said again if it asks: it may have been lost.
    pub(super) answer: Option<Refuse>,
}

/// By session. Forgotten by a timer, when nothing of the set-up can arrive any more.
#[derive(Debug, Default)]
pub(super) struct Fences(BTreeMap<SessionId, Fence>);

impl Fences {
    /// Raises the fence; it never falls.
    pub(super) fn raise(
        &mut self,
        session: SessionId,
        number: SolutionNumber,
        answer: Option<Refuse>,
    ) {
        let fence = self.0.entry(session).or_insert(Fence {
            number,
            answer: None,
        });
        if number >= fence.number {
            *fence = Fence { number, answer };
        }
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Fence> {
        self.0.get(&session)
    }

    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}
