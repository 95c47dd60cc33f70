//! How agents may walk: solution numbers only grow, no solution is tried twice, and the
//! hand-offs never exceed the lengths of the solutions' paths together.

use std::collections::{BTreeMap, BTreeSet};

use waybook_agents::{SessionId, Visit};
use waybook_location_tree::PlaceName;
use waybook_plan::SolutionNumber;

use crate::transcript::short;

#[derive(Debug)]
struct Walk {
    /// How many hand-offs the plan allows.
    most: usize,
    /// Where the agent was sent, with which number. A repeated hand-off counts once.
    sent: BTreeSet<(PlaceName, SolutionNumber)>,
}

/// The walks of all set-ups that have been seen.
#[derive(Debug, Default)]
pub(crate) struct Walks(BTreeMap<SessionId, Walk>);

impl Walks {
    /// Takes notice of a hand-off.
    pub(crate) fn sent(&mut self, to: &PlaceName, visit: &Visit) -> Result<(), String> {
        let agent = &visit.agent;
        let (session, number) = (agent.session(), agent.number());
        let walk = self.0.entry(session).or_insert_with(|| Walk {
            most: hand_offs(agent.plan(), number),
            sent: BTreeSet::new(),
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

    /// Forgets all walks, because a crash may make an agent walk again.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// How many edges the solutions from that number on have together.
fn hand_offs(plan: &waybook_plan::Plan, from: SolutionNumber) -> usize {
    let solutions = plan.solutions.iter().filter(|s| s.number >= from);
    solutions.map(|s| s.stages.len() - 1).sum()
}
