//! Faults at single messages, and what becomes of a message.

use std::time::Duration;

use waybook_place::Instant;

/// What one fault does to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It never arrives.
    Drop,
    /// It arrives twice, the second time that much later.
    Duplicate(Duration),
    /// It and all after it in its direction of its edge are held up that long, as on a
    /// stream.
    Stall(Duration),
    /// It alone arrives that much later, overtaken by those after it.
    Postpone(Duration),
}

/// A fault at one message of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which message, counted from 0 after the fault was armed.
    pub nth: u64,
    /// Count only messages of that [kind](waybook_agents::Message::kind).
    pub kind: Option<&'static str>,
    /// What happens to it.
    pub act: Act,
}

/// The faults that wait for their message.
#[derive(Debug, Default)]
pub(super) struct Armed(Vec<Fault>);

impl Armed {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they do to a message that is sent now.
    pub(super) fn strike(&mut self, kind: &'static str) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.0.is_empty() {
            return acts;
        }
        self.0.retain_mut(|fault| {
            if fault.kind.is_some_and(|k| k != kind) {
                return true;
            }
            if fault.nth == 0 {
                acts.push(fault.act);
                return false;
            }
            fault.nth -= 1;
            true
        });
        acts
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// When it arrives; never, once, or twice.
    pub arrivals: Vec<Instant>,
    /// The connection that carries it; see [`Network::carries`](super::Network::carries).
    pub connection: u64,
}

/// What becomes of a message: a [`Passage`] without a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When it arrives; never, if it is lost.
    pub first: Option<Instant>,
    /// When it arrives once more.
    pub again: Option<Instant>,
    /// The connection that carries it.
    pub connection: u64,
}
