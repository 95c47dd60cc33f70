//! How agents may walk: solution numbers only grow, no solution is tried twice, and the
//! hand-offs never exceed the lengths of the solutions' paths together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{SessionId, Visit};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_plan::SolutionNumber;

use crate::transcript::short;

#[derive(Debug)]
struct Walk {
    /// How many hand-offs the plan allows.
    most: usize,
    /// Where the agent was sent, with which number. A repeated hand-off counts once.
    sent: BTreeSet<(PlaceName, SolutionNumber)>,
}

/// The walks of the set-ups that have been seen.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    live: BTreeMap<SessionId, Walk>,
    /// Those of which nothing has been seen since `since`.
    old: BTreeMap<SessionId, Walk>,
    since: Instant,
}

impl Walks {
    /// Forgets walks of which nothing has been seen for longer than any set-up can last.
    pub(crate) fn forget_old(&mut self, now: Instant, longest: Duration) {
        if now.since(self.since) > longest {
            self.old = std::mem::take(&mut self.live);
            self.since = now;
        }
    }

    /// Takes notice of a hand-off.
    pub(crate) fn sent(&mut self, to: &PlaceName, visit: &Visit) -> Result<(), String> {
        let agent = &visit.agent;
        let (session, number) = (agent.session(), agent.number());
        let old = &mut self.old;
        let walk = self.live.entry(session).or_insert_with(|| {
            old.remove(&session).unwrap_or_else(|| Walk {
                most: hand_offs(agent.plan(), number),
                sent: BTreeSet::new(),
            })
        });
        let greatest = walk.sent.iter().filter(|(place, _)| place == to);
        let greatest = greatest.map(|(_, number)| *number).max();
        if greatest.is_some_and(|greatest| number < greatest) {
            return Err(format!(
                "{} goes to {to} with solution {number} after a later one",
                short(session)
            ));
        }
        walk.sent.insert((to.clone(), number));
        if walk.sent.len() > walk.most {
            return Err(format!(
                "{} is handed on more than {} times",
                short(session),
                walk.most
            ));
        }
        Ok(())
    }

    /// The session has been answered, so that no agent walks for it any more.
    pub(crate) fn over(&mut self, session: SessionId) {
        self.live.remove(&session);
        self.old.remove(&session);
    }

    /// Forgets all walks, because a crash may make an agent walk again.
    pub(crate) fn forget(&mut self) {
        self.live.clear();
        self.old.clear();
    }
}

/// How many edges the solutions from that number on have together.
fn hand_offs(plan: &waybook_plan::Plan, from: SolutionNumber) -> usize {
    let solutions = plan.solutions.iter().filter(|s| s.number >= from);
    solutions.map(|s| s.stages.len() - 1).sum()
}
