//! How agents may walk: solution numbers only grow, no solution is tried twice, none is added on the
//! way, and for none is the agent handed on more often than its path has edges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waybook_agents::{SessionId, Visit};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_plan::{Plan, SolutionNumber};

use crate::transcript::short;

#[derive(Debug)]
struct Walk {
    /// The last solution of its plan.
    last: Option<SolutionNumber>,
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
        let walk = self.live.entry(session);
        let walk = walk.or_insert_with(|| {
            old.remove(&session).unwrap_or_else(|| Walk {
                last: agent.plan().solutions.iter().map(|s| s.number).max(),
                sent: BTreeSet::new(),
            })
        });
        if Some(number) > walk.last {
            return Err(format!(
                "{} goes to {to} with solution {number}, which its plan did not have",
                short(session)
            ));
        }
        let greatest = walk.sent.iter().filter(|(place, _)| place == to);
        let greatest = greatest.map(|(_, number)| *number).max();
        if greatest.is_some_and(|greatest| number < greatest) {
            return Err(format!(
                "{} goes to {to} with solution {number} after a later one",
                short(session)
            ));
        }
        walk.sent.insert((to.clone(), number));
        let times = walk.sent.iter().filter(|(_, with)| *with == number);
        let times = times.count();
        let edges = edges(agent.plan(), number);
        if times > edges {
            return Err(format!(
                "{} is handed on {times} times with solution {number}, whose path has {edges} edges",
                short(session)
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

/// How many edges the path of a solution has.
fn edges(plan: &Plan, number: SolutionNumber) -> usize {
    let solution = plan.solutions.iter().find(|s| s.number == number);
    solution.map_or(0, |solution| solution.stages.len() - 1)
}
