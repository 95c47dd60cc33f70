//! The plan visitor agent: books and configures a service path.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Demand, Plan, Solution, SolutionNumber, Stage, Visitor};

use crate::{HopReport, Ready, Refusal, RefusalReason, Refuse, SessionId, Step};

/// Where a visitor is in its life at one hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It has just arrived and has done nothing yet.
    Arrived,
    /// It holds a solution's demand, and waits for the path beyond and for its
    /// components.
    Waiting,
    /// All beyond is booked and bound, and the hop before has been told so.
    Ready,
    /// The session is established; the visitor is its keeper here.
    Established,
    /// It has given up what it had here.
    Ended,
}

/// What the host tells its visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent has arrived, or was created at the client's place.
    Arrive,
    /// Every component of the stage answers.
    ComponentsUp,
    /// A component of the stage failed for good.
    ComponentFailed {
        /// Which.
        component: Component,
        /// What it said.
        why: String,
    },
    /// The next hop's path is ready.
    ChildReady(Ready),
    /// The next hop has given up, and holds nothing any more.
    ChildRefused(Refuse),
    /// The next hop cannot be reached, is silent, or has lost the visit.
    ChildLost {
        /// The number of the visit that is lost.
        number: SolutionNumber,
        /// In which way.
        reason: RefusalReason,
    },
    /// The session is established at the client's place.
    Confirmed,
    /// The set-up's time is over.
    Deadline,
    /// The hop before gave the visit up, the client closed the session, or the lease
    /// has run out.
    Released,
}

/// What a visitor wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this child agent to the next hop.
    Forward {
        /// The next hop.
        to: PlaceName,
        /// The child.
        agent: Box<PlanVisitor>,
    },
    /// Give up a child, and all that it forwarded.
    ReleaseChild {
        /// Where it was sent.
        to: PlaceName,
        /// The number of its visit.
        number: SolutionNumber,
    },
    /// See to it that exactly these components run here for the session, and answer
    /// [`Event::ComponentsUp`] or [`Event::ComponentFailed`].
    Run(Vec<Component>),
    /// Let requests pass through the components to the next place, or end here.
    Bind {
        /// The next place; none at the server's.
        next: Option<PlaceName>,
    },
    /// Tell the hop before that the path is ready; at the client's place, the session is
    /// established.
    Ready(Ready),
    /// Tell the hop before that nothing is left here, then forget the visit; at the
    /// client's place, the set-up has failed or the session is broken.
    Refuse(Refuse),
    /// Confirm the session to the next hop.
    Confirm {
        /// The next hop.
        to: PlaceName,
        /// The number of its visit.
        number: SolutionNumber,
    },
    /// Forget the visit.
    End,
    /// News for a client that watches.
    Progress(SolutionNumber, Step),
}

/// What a visitor asks of the place that it is at, and has answered at once.
pub trait Local {
    /// Books a stage for this session in one step: all of it or nothing, in place of
    /// what the session holds here. Refused, the session holds nothing here.
    ///
    /// # Errors
    /// Why not.
    fn hold(&mut self, stage: &Stage, next: Option<&PlaceName>) -> Result<(), RefusalReason>;
    /// Gives back what is held beyond that demand; it never asks for more.
    fn shrink(&mut self, demand: &Demand);
    /// Gives back all that the session holds here.
    fn release(&mut self);
    /// What has been done here for the session, as it stands.
    fn report(&self, stage: &Stage) -> HopReport;
}

/// The plan visitor agent. One stays at every hop of the path.
///
/// It books a solution's stage here, sends a child on to the next hop at once, and waits
/// for the child's answer and for its own components. Where a solution is refused it
/// takes the next one: here, if what the hops before hold is enough for that one, else
/// by going back to them. See `docs/PROTOCOL.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanVisitor {
    session: SessionId,
    plan: Plan,
    hop: u16,
    number: SolutionNumber,
    /// For each hop before this one, the solution whose demand it holds.
    upstream: Vec<SolutionNumber>,
    watch: bool,

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

/// What a walk through the plan came to.
enum Found {
    Held(Arc<Solution>),
    TraceBack(SolutionNumber),
    Exhausted,
}

impl PlanVisitor {
    /// The first visitor of a set-up, at the client's place.
    #[must_use]
    pub fn new(session: SessionId, plan: Plan, watch: bool) -> Self {
        let number = plan
            .solutions
            .first()
            .map_or(SolutionNumber(0), |s| s.number);
        Self::at_hop(session, plan, 0, number, Vec::new(), watch)
    }

    fn at_hop(
        session: SessionId,
        plan: Plan,
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
    pub fn plan(&self) -> &Plan {
        &self.plan
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
        let fresh = Self::at_hop(
            self.session,
            self.plan.clone(),
            self.hop,
            self.number,
            self.upstream.clone(),
            self.watch,
        );
        if *self != fresh {
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
    /// it sent on is replaced by this one's, or given up.
    pub fn inherit(&mut self, older: &Self) {
        self.child.clone_from(&older.child);
    }

    /// Takes one event. What is to be done about it is appended to `actions`, in order.
    pub fn handle(&mut self, event: Event, local: &mut dyn Local, actions: &mut Vec<Action>) {
        use State::{Arrived, Ended, Established, Ready, Waiting};
        match (self.state, event) {
            (Ended, _) => {}
            (Arrived, Event::Arrive) => self.attempt(self.number, local, actions),
            (_, Event::Released) => self.end(local, actions),
            (Waiting, Event::ComponentsUp) => {
                self.components_up = true;
                self.ready_if_complete(local, actions);
            }
            (Waiting, Event::ComponentFailed { component, why }) => {
                let name = component.name.clone();
                self.failed.insert(component);
                self.refuse_current(
                    RefusalReason::ComponentFailed {
                        component: name,
                        why,
                    },
                    actions,
                );
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
                let name = component.name.clone();
                self.failed.insert(component);
                self.refuse_current(
                    RefusalReason::ComponentFailed {
                        component: name,
                        why,
                    },
                    actions,
                );
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

    /// Tries the solutions from `from` on, until one is held here, or is one for which
    /// the hops before do not hold enough, or none is left.
    fn attempt(&mut self, from: SolutionNumber, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let plan = self.plan.clone();
        let mut walk = Walk {
            visitor: self,
            local,
            actions,
            found: Found::Exhausted,
        };
        let _ = plan.accept(from, &mut walk);
        match walk.found {
            Found::Held(solution) => self.go_on(&solution, actions),
            Found::TraceBack(next) => {
                self.progress(next, Step::TracedBack, actions);
                self.refuse(Some(next), local, actions);
            }
            Found::Exhausted => self.refuse(None, local, actions),
        }
    }

    /// The solution is held here: send a child on, and run the components meanwhile.
    fn go_on(&mut self, solution: &Arc<Solution>, actions: &mut Vec<Action>) {
        self.state = State::Waiting;
        self.current = solution.number;
        self.components_up = false;
        let stage = &solution.stages[self.hop()];
        self.progress(solution.number, Step::Held(stage.demand.clone()), actions);
        let next = solution.place(self.hop() + 1);
        // A visit sent on earlier to the same place is replaced by the new one in one
        // step; nothing waits for its release.
        if let Some(old) = self.child.take_if(|old| Some(&old.place) != next) {
            actions.push(Action::ReleaseChild {
                to: old.place,
                number: old.number,
            });
        }
        if let Some(next) = next {
            let agent = Box::new(self.child_for(solution));
            self.child = Some(Child {
                place: next.clone(),
                number: solution.number,
                ready: None,
            });
            actions.push(Action::Forward {
                to: next.clone(),
                agent,
            });
        }
        actions.push(Action::Run(stage.components.clone()));
    }

    /// The agent for the next hop: with the solutions that can still matter there.
    fn child_for(&self, solution: &Solution) -> Self {
        let mut upstream = self.upstream.clone();
        upstream.push(solution.number);
        let mut plan = self.plan.clone();
        plan.solutions
            .retain(|s| s.number >= solution.number || upstream.contains(&s.number));
        Self::at_hop(
            self.session,
            plan,
            self.hop + 1,
            solution.number,
            upstream,
            self.watch,
        )
    }

    fn child_ready(&mut self, ready: Ready, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let Some(child) = self.child.as_ref().filter(|c| c.number == ready.number) else {
            return;
        };
        if child.ready.is_some() {
            return;
        }
        let possible = ready.solution >= ready.number
            && self.plan.solution(ready.solution).is_some_and(|chosen| {
                self.solution().covers(self.hop(), chosen) && self.is_covered_upstream(chosen)
            });
        if !possible {
            let what = format!("it chose solution {}, which it could not", ready.solution);
            return self.child_lost(RefusalReason::Protocol { what }, local, actions);
        }
        self.refused.extend(ready.refused);
        if let Some(child) = &mut self.child {
            child.ready = Some((ready.solution, ready.journey));
        }
        self.ready_if_complete(local, actions);
    }

    fn child_refused(&mut self, refuse: Refuse, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let Some(child) = self.child.take_if(|c| c.number == refuse.number) else {
            return;
        };
        self.refused.extend(refuse.refused);
        match refuse.next {
            Some(next) => self.attempt(next.max(child.number.next()), local, actions),
            None => {
                // Everything over that edge is refused. Solutions that leave elsewhere
                // were not the child's to refuse.
                self.dead.insert(child.place);
                self.attempt(child.number.next(), local, actions);
            }
        }
    }

    /// The next hop did not answer. It may live and hold something: it stays the child,
    /// so that it is given up or replaced.
    fn child_lost(
        &mut self,
        reason: RefusalReason,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
        let Some(child) = &self.child else { return };
        let from = child.number.next();
        self.dead.insert(child.place.clone());
        self.refuse_current(reason, actions);
        self.attempt(from, local, actions);
    }

    fn ready_if_complete(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        if !self.components_up {
            return;
        }
        let (chosen, mut journey) = match &mut self.child {
            Some(Child {
                ready: Some((chosen, journey)),
                ..
            }) => (*chosen, std::mem::take(journey)),
            Some(_) => return,
            None => (self.current, Vec::new()),
        };
        self.current = chosen;
        let solution = Arc::clone(self.solution());
        let stage = &solution.stages[self.hop()];
        local.shrink(&stage.demand);
        actions.push(Action::Bind {
            next: solution.place(self.hop() + 1).cloned(),
        });
        let report = local.report(stage);
        self.progress(chosen, Step::Ready(report.clone()), actions);
        journey.insert(0, report);
        let ready = Ready {
            session: self.session,
            number: self.number,
            solution: chosen,
            journey,
            refused: std::mem::take(&mut self.refused),
        };
        if self.hop == 0 {
            self.state = State::Established;
            self.forget_other_solutions();
            actions.push(Action::Ready(ready));
            self.confirm_child(actions);
        } else {
            self.state = State::Ready;
            self.answer = Some(ready.clone());
            actions.push(Action::Ready(ready));
        }
    }

    fn confirm_child(&self, actions: &mut Vec<Action>) {
        if let Some(child) = &self.child {
            actions.push(Action::Confirm {
                to: child.place.clone(),
                number: child.number,
            });
        }
    }

    /// The set-up's time is over: what was not reached is refused for that.
    fn give_up(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let place = self.stage().place.clone();
        for solution in self
            .plan
            .solutions
            .iter()
            .filter(|s| s.number >= self.current)
        {
            if self.refused.iter().all(|r| r.solution != solution.number) {
                let (place, reason) = (place.clone(), RefusalReason::Deadline);
                self.refused.push(Refusal {
                    solution: solution.number,
                    place,
                    reason,
                });
            }
        }
        self.refuse(None, local, actions);
    }

    /// What was ready or established is broken: the hops before choose again, from the
    /// first solution that is not known to fail here.
    fn break_off(
        &mut self,
        from: SolutionNumber,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
        let next = self.plan.solutions.iter().filter(|s| s.number >= from);
        let next = next
            .map(|s| (s.number, self.known_failure(s)))
            .collect::<Vec<_>>();
        for (number, failure) in next {
            match failure {
                Some(reason) => self.note(number, reason, actions),
                None => return self.refuse(Some(number), local, actions),
            }
        }
        self.refuse(None, local, actions);
    }

    /// Leaves nothing here, and says so to the hop before.
    fn refuse(
        &mut self,
        next: Option<SolutionNumber>,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
        self.leave(local, actions);
        actions.push(Action::Refuse(Refuse {
            session: self.session,
            number: self.number,
            next,
            refused: std::mem::take(&mut self.refused),
        }));
    }

    fn end(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        self.leave(local, actions);
        actions.push(Action::End);
    }

    fn leave(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        self.state = State::Ended;
        self.answer = None;
        if let Some(child) = self.child.take() {
            actions.push(Action::ReleaseChild {
                to: child.place,
                number: child.number,
            });
        }
        local.release();
    }

    fn forget_other_solutions(&mut self) {
        let current = self.current;
        self.plan.solutions.retain(|s| s.number == current);
        self.upstream = vec![current; self.hop()];
    }

    fn is_covered_upstream(&self, solution: &Solution) -> bool {
        self.upstream.iter().enumerate().all(|(hop, held)| {
            self.plan
                .solution(*held)
                .is_some_and(|held| held.covers(hop, solution))
        })
    }

    /// Why the solution cannot succeed here, by what has failed here before.
    fn known_failure(&self, solution: &Solution) -> Option<RefusalReason> {
        let stage = solution.stage(self.hop())?;
        if stage.place != self.stage().place {
            return None;
        }
        if let Some(failed) = stage.components.iter().find(|c| self.failed.contains(c)) {
            let component = failed.name.clone();
            let why = "it has failed here before in this set-up".to_owned();
            return Some(RefusalReason::ComponentFailed { component, why });
        }
        let next = solution.place(self.hop() + 1)?;
        self.dead
            .contains(next)
            .then(|| RefusalReason::NoAnswer { next: next.clone() })
    }

    fn refuse_current(&mut self, reason: RefusalReason, actions: &mut Vec<Action>) {
        self.note(self.current, reason, actions);
    }

    /// Notes a refusal, unless the solution is known to be refused: the first reason is
    /// the one that counts.
    fn note(&mut self, solution: SolutionNumber, reason: RefusalReason, actions: &mut Vec<Action>) {
        if self.refused.iter().any(|r| r.solution == solution) {
            return;
        }
        let refusal = Refusal {
            solution,
            place: self.stage().place.clone(),
            reason,
        };
        self.progress(solution, Step::Refused(refusal.clone()), actions);
        self.refused.push(refusal);
    }

    fn progress(&self, solution: SolutionNumber, step: Step, actions: &mut Vec<Action>) {
        if self.watch {
            actions.push(Action::Progress(solution, step));
        }
    }
}

/// A visitor on its way through the plan, at one place.
struct Walk<'a> {
    visitor: &'a mut PlanVisitor,
    local: &'a mut dyn Local,
    actions: &'a mut Vec<Action>,
    found: Found,
}

impl Visitor for Walk<'_> {
    fn visit(&mut self, solution: &Arc<Solution>) -> ControlFlow<()> {
        let me = &mut *self.visitor;
        let hop = me.hop();
        // What is known to fail here fails whoever comes back with it: better to say so
        // now than to trace back for it.
        let held = match me.known_failure(solution) {
            Some(reason) => Err(reason),
            None if !me.is_covered_upstream(solution) => {
                self.found = Found::TraceBack(solution.number);
                return ControlFlow::Break(());
            }
            None => self
                .local
                .hold(&solution.stages[hop], solution.place(hop + 1)),
        };
        match held {
            Ok(()) => {
                self.found = Found::Held(Arc::clone(solution));
                ControlFlow::Break(())
            }
            Err(reason) => {
                me.note(solution.number, reason, self.actions);
                ControlFlow::Continue(())
            }
        }
    }
}
