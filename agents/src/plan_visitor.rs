//! The plan visitor agent: books and configures a service path.

mod interface;
mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Plan, Releases, Solution, SolutionNumber, Stage, WhenCut};

use crate::{HopReport, Ready, Refusal, SessionId, TraceContext};

pub use interface::{Action, Event, Local, State};

/// The plan visitor agent. One stays at every hop of the path.
///
/// It books a solution's stage here, sends a child on to the next hop at once, and waits
/// for the child's answer and for its own components. Where a solution is refused it
/// takes the next one: here, if what the hops before hold is enough for that one, else
/// by going back to them. One that [does not trace back](Self::set_no_trace_back) ends the
/// set-up instead. See `docs/PROTOCOL.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanVisitor {
    session: SessionId,
    /// Shared by all hops and messages of a set-up that need the same solutions.
    plan: Arc<Plan>,
    hop: u16,
    number: SolutionNumber,
    /// For each hop before this one, the solution whose demand it holds.
    upstream: Vec<SolutionNumber>,
    watch: bool,
    /// Travels beside the body, in a block of its own (see the wire format). Of no matter
    /// any more to an established session, which has no other solution left: what is kept
    /// of that is without it.
    #[serde(skip)]
    no_trace_back: bool,
    /// Likewise.
    #[serde(skip)]
    trace: Option<TraceContext>,

    state: State,
    /// The solution that is held here, or chosen; the last one tried once it has ended.
    current: SolutionNumber,
    child: Option<Child>,
    components_up: bool,
    refused: Vec<Refusal>,
    /// Components that have failed here: they refuse every solution that uses them here.
    failed: BTreeSet<Component>,
    /// Next places that were lost: they refuse every solution that leads over them.
    dead: BTreeSet<PlaceName>,
    /// What the hop before was told, to be said again if it asks.
    answer: Option<Ready>,
}

/// A visit sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Child {
    place: PlaceName,
    number: SolutionNumber,
    /// The solution that was chosen beyond, and what was done there.
    ready: Option<(SolutionNumber, Vec<HopReport>)>,
}

impl PlanVisitor {
    /// The first visitor of a set-up, at the client's place.
    #[must_use]
    pub fn new(session: SessionId, plan: impl Into<Arc<Plan>>, watch: bool) -> Self {
        let plan = plan.into();
        let number = plan
            .solutions
            .first()
            .map_or(SolutionNumber(0), |s| s.number);
        Self::at_hop(session, plan, 0, number, Vec::new(), watch)
    }

    fn at_hop(
        session: SessionId,
        plan: Arc<Plan>,
        hop: u16,
        number: SolutionNumber,
        upstream: Vec<SolutionNumber>,
        watch: bool,
    ) -> Self {
        Self {
            session,
            plan,
            hop,
            number,
            upstream,
            watch,
            no_trace_back: false,
            trace: None,
            state: State::Arrived,
            current: number,
            child: None,
            components_up: false,
            refused: Vec::new(),
            failed: BTreeSet::new(),
            dead: BTreeSet::new(),
            answer: None,
        }
    }

    /// The session that it books for.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The number of this visit: that of the solution which it was sent with.
    #[must_use]
    pub fn number(&self) -> SolutionNumber {
        self.number
    }

    /// Its hop, counted from 0 at the client's place.
    #[must_use]
    pub fn hop(&self) -> usize {
        usize::from(self.hop)
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The plan, as far as it still matters here.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Puts the releases of its plan back, which travel and are kept beside it. They count
    /// as untrusted as the agent itself.
    pub fn set_releases(&mut self, releases: Arc<Releases>) {
        Arc::make_mut(&mut self.plan).releases = releases;
    }

    /// Puts back what becomes of the session, with that solution, while its path is cut. It
    /// travels and is kept beside the plan. What is not in the plan is passed over.
    pub fn set_when_cut(&mut self, number: SolutionNumber, when_cut: WhenCut) {
        let solutions = &mut Arc::make_mut(&mut self.plan).solutions;
        if let Ok(at) = solutions.binary_search_by_key(&number, |s| s.number) {
            Arc::make_mut(&mut solutions[at]).when_cut = when_cut;
        }
    }

    /// Whether the set-up ends, refused, where it would have to go back to hops before:
    /// solutions for which these do not hold enough are not tried. All agents that are sent
    /// on from this one do likewise, as far as the places that they come to know of it.
    pub fn set_no_trace_back(&mut self, no_trace_back: bool) {
        self.no_trace_back = no_trace_back;
    }

    /// Whether the set-up ends where it would have to go back to hops before.
    #[must_use]
    pub fn no_trace_back(&self) -> bool {
        self.no_trace_back
    }

    /// The set-up is part of that trace, and so is all that is recorded of agents that are sent on
    /// from this one.
    pub fn set_trace(&mut self, trace: Option<TraceContext>) {
        self.trace = trace;
    }

    /// The client's trace that the set-up is part of, if it has one.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// The solution that is held here, or chosen.
    ///
    /// # Panics
    /// If the agent was not checked on arrival.
    #[must_use]
    pub fn solution(&self) -> &Arc<Solution> {
        self.plan
            .solution(self.current)
            .expect("a checked visitor's solution is in its plan")
    }

    /// The stage at this hop of the solution that is held or chosen.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.solution().stages[self.hop()]
    }

    /// The place before this one on the path; none at the client's.
    #[must_use]
    pub fn previous(&self) -> Option<&PlaceName> {
        self.hop()
            .checked_sub(1)
            .and_then(|hop| self.solution().place(hop))
    }

    /// The visit that was sent on from here, if one is out: where, and its number.
    #[must_use]
    pub fn child(&self) -> Option<(&PlaceName, SolutionNumber)> {
        self.child.as_ref().map(|c| (&c.place, c.number))
    }

    /// What the hop before was told, if it was told that the path is ready.
    #[must_use]
    pub fn answer(&self) -> Option<&Ready> {
        self.answer.as_ref()
    }

    /// What was refused so far, here and beyond, as this hop knows it.
    #[must_use]
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Whether the client watches the set-up.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watch
    }

    /// Checks an agent that came from elsewhere: it must be as every agent is when it is
    /// sent, its plan as every plan is, and what it says of the hops before must be
    /// possible.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.plan.check().map_err(|e| e.to_string())?;
        if !self.is_fresh() {
            return Err("the agent is not in the state in which agents are sent".to_owned());
        }
        let solution = self
            .plan
            .solution(self.number)
            .ok_or("its solution is not in its plan")?;
        if solution.stage(self.hop()).is_none() {
            return Err("its hop is beyond the end of its path".to_owned());
        }
        if self.upstream.len() != self.hop() {
            return Err("it does not say what each hop before holds".to_owned());
        }
        for (hop, held) in self.upstream.iter().enumerate() {
            let held = self
                .plan
                .solution(*held)
                .ok_or("a hop before holds an unknown solution")?;
            if held.number > self.number || !held.covers(hop, solution) {
                return Err("a hop before does not hold enough for it".to_owned());
            }
        }
        Ok(())
    }

    /// Whether it is as [`Self::at_hop`] makes agents.
    fn is_fresh(&self) -> bool {
        let Self {
            session: _,
            plan: _,
            hop: _,
            number,
            upstream: _,
            watch: _,
            no_trace_back: _,
            trace: _,
            state,
            current,
            child,
            components_up,
            refused,
            failed,
            dead,
            answer,
        } = self;
        *state == State::Arrived
            && current == number
            && child.is_none()
            && !components_up
            && refused.is_empty()
            && failed.is_empty()
            && dead.is_empty()
            && answer.is_none()
    }

    /// Whether an agent that was kept can go on: an established one, with the solution
    /// that it keeps. What was written by another version, or damaged, may not be.
    #[must_use]
    pub fn is_keeper(&self) -> bool {
        let stage = self
            .plan
            .solution(self.current)
            .and_then(|s| s.stage(self.hop()));
        self.state == State::Established && self.plan.check().is_ok() && stage.is_some()
    }

    /// Takes over what an older visitor of the session left at this place: the visit that
    /// it sent on is replaced by this one's, or given up. What it found to fail is not tried again,
    /// and no smaller number than its last is sent on: where that has been, nothing smaller is taken.
    pub fn inherit(&mut self, older: &Self) {
        let sent = older.child.as_ref().map_or(older.current, |c| c.number);
        self.current = self.number.max(sent);
        self.child.clone_from(&older.child);
        self.refused.clone_from(&older.refused);
        self.failed.clone_from(&older.failed);
        self.dead.clone_from(&older.dead);
    }

    /// Takes one event. What is to be done about it is appended to `actions`, in order.
    pub fn handle(&mut self, event: Event, local: &mut dyn Local, actions: &mut Vec<Action>) {
        use State::{Arrived, Ended, Established, Ready, Waiting};
        match (self.state, event) {
            (Ended, _) => {}
            (Arrived, Event::Arrive) => self.attempt(self.current, local, actions),
            (_, Event::Released) => self.end(local, actions),
            (_, Event::Drained) => self.drained(local, actions),
            (Waiting, Event::ComponentsUp) => {
                self.components_up = true;
                self.ready_if_complete(local, actions);
            }
            (Waiting, Event::ComponentFailed { component, why }) => {
                self.component_failed(component, why, actions);
                self.attempt(self.current.next(), local, actions);
            }
            (Waiting, Event::ChildReady(ready)) => self.child_ready(ready, local, actions),
            (Waiting, Event::ChildRefused(refuse)) => self.child_refused(refuse, local, actions),
            (Waiting, Event::ChildLost { number, reason }) => {
                if self.child.as_ref().is_some_and(|c| c.number == number) {
                    self.child_lost(reason, local, actions);
                }
            }
            (Waiting, Event::Deadline) => self.give_up(local, actions),

            // After its own `Ready` a hop never falls back by itself: the hops before
            // have counted on it, so one of them must choose again.
            (Ready | Established, Event::ComponentFailed { component, why }) => {
                self.component_failed(component, why, actions);
                self.break_off(self.current.next(), local, actions);
            }
            (Ready | Established, Event::ChildRefused(refuse)) => {
                if self
                    .child
                    .as_ref()
                    .is_some_and(|c| c.number == refuse.number)
                {
                    self.child = None;
                    self.refused.extend(refuse.refused);
                    let next = refuse.next.unwrap_or(SolutionNumber(u16::MAX));
                    self.break_off(next.max(self.current.next()), local, actions);
                }
            }
            (Ready | Established, Event::ChildLost { number, reason }) => {
                if let Some(child) = self.child.as_ref().filter(|c| c.number == number) {
                    self.dead.insert(child.place.clone());
                    self.refuse_current(reason, actions);
                    self.break_off(self.current.next(), local, actions);
                }
            }
            (Ready, Event::Confirmed) => {
                self.state = Established;
                // An established session stays for long: keep only what it needs.
                self.answer = None;
                self.refused = Vec::new();
                self.forget_other_solutions();
                self.confirm_child(actions);
            }
            // Said twice, or too late to matter.
            (
                Arrived | Waiting | Ready | Established,
                Event::Arrive
                | Event::ComponentsUp
                | Event::ComponentFailed { .. }
                | Event::ChildReady(_)
                | Event::ChildRefused(_)
                | Event::ChildLost { .. }
                | Event::Confirmed
                | Event::Deadline,
            ) => {}
        }
    }
}
