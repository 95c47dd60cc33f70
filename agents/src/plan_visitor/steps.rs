//! What a plan visitor does about an event: trying solutions, going on, answering,
//! giving up.

use std::ops::ControlFlow;
use std::sync::Arc;

use waybook_plan::{Component, Releases, Runtime, Solution, SolutionNumber, Visitor};

use super::{Action, Child, Local, PlanVisitor, State};
use crate::{Ready, Refusal, RefusalReason, Refuse, Step};

/// What a walk through the plan came to.
enum Found {
    Held(Arc<Solution>),
    TraceBack(SolutionNumber),
    Exhausted,
}

impl PlanVisitor {
    /// Tries the solutions from `from` on, until one is held here, or is one for which
    /// the hops before do not hold enough, or none is left.
    pub(super) fn attempt(
        &mut self,
        from: SolutionNumber,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
        let plan = Arc::clone(&self.plan);
        let mut walk = Walk {
            visitor: self,
            local,
            actions,
            found: Found::Exhausted,
            drained: false,
        };
        let _ = plan.accept(from, &mut walk);
        let found = walk.found;
        match found {
            Found::Held(solution) => self.go_on(&solution, actions),
            Found::TraceBack(next) if !self.no_trace_back => {
                self.progress(next, Step::TracedBack, actions);
                self.refuse(Some(next), local, actions);
            }
            Found::TraceBack(_) | Found::Exhausted => self.refuse(None, local, actions),
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
        let matters =
            |s: &Arc<Solution>| s.number >= solution.number || upstream.contains(&s.number);
        let mut plan = Arc::clone(&self.plan);
        if !plan.solutions.iter().all(matters) {
            Arc::make_mut(&mut plan).solutions.retain(matters);
        }
        let hop = self.hop + 1;
        let number = solution.number;
        let mut child = Self::at_hop(self.session, plan, hop, number, upstream, self.watch);
        child.no_trace_back = self.no_trace_back;
        child.trace = self.trace;
        child
    }

    /// Leaves out of an agent that is about to be sent what a neighbour would not
    /// understand that knows of no code that is brought along: later solutions which it
    /// would have to refuse.
    pub fn leave_out_code(&mut self) {
        let (number, upstream) = (self.number, &self.upstream);
        let needed = |s: &Solution| s.number == number || upstream.contains(&s.number);
        Arc::make_mut(&mut self.plan)
            .solutions
            .retain(|s| needed(s) || brought_along(s).is_none());
    }

    /// A component that is brought along, of which an agent speaks that is sent on with
    /// that solution.
    fn code_of<'a>(&'a self, solution: &'a Solution) -> Option<&'a str> {
        let upstream = self.upstream.iter();
        let held = upstream.filter_map(|held| self.plan.solution(*held));
        std::iter::once(solution)
            .chain(held.map(|held| &**held))
            .find_map(brought_along)
    }

    pub(super) fn child_ready(
        &mut self,
        ready: Ready,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
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

    pub(super) fn child_refused(
        &mut self,
        refuse: Refuse,
        local: &mut dyn Local,
        actions: &mut Vec<Action>,
    ) {
        let Some(child) = self.child.take_if(|c| c.number == refuse.number) else {
            return;
        };
        self.refused.extend(refuse.refused);
        match refuse.next {
            // The agent has come back, whether it said so or not.
            _ if self.no_trace_back => self.refuse(None, local, actions),
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
    pub(super) fn child_lost(
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

    /// A component of the stage failed, and with it every solution that uses it here.
    pub(super) fn component_failed(
        &mut self,
        component: Component,
        why: String,
        actions: &mut Vec<Action>,
    ) {
        let name = component.name.clone();
        self.failed.insert(component);
        let component = name;
        self.refuse_current(RefusalReason::ComponentFailed { component, why }, actions);
    }

    pub(super) fn ready_if_complete(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
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

    pub(super) fn confirm_child(&self, actions: &mut Vec<Action>) {
        if let Some(child) = &self.child {
            actions.push(Action::Confirm {
                to: child.place.clone(),
                number: child.number,
            });
        }
    }

    /// The set-up's time is over: what was not reached is refused for that. What would not
    /// have been tried either way is not.
    pub(super) fn give_up(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let plan = Arc::clone(&self.plan);
        let left = plan.solutions.iter().filter(|s| s.number >= self.current);
        let tried = left.take_while(|s| !self.no_trace_back || self.is_covered_upstream(s));
        for solution in tried.map(|s| s.number).collect::<Vec<_>>() {
            if self.refused.iter().all(|r| r.solution != solution) {
                let (place, reason) = (self.stage().place.clone(), RefusalReason::Deadline);
                self.refused.push(Refusal {
                    solution,
                    place,
                    reason,
                });
            }
        }
        self.refuse(None, local, actions);
    }

    /// The place is to be empty: every solution that leads over it is refused, and the hops
    /// before choose again among the others, if this one may still be replaced.
    pub(super) fn drained(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
        let left = self.plan.solutions.iter();
        let left: Vec<_> = left.filter(|s| s.number >= self.current).cloned().collect();
        let mut next = None;
        for solution in left {
            if self.is_here(&solution) {
                self.note(solution.number, RefusalReason::Drained, actions);
            } else if !self.no_trace_back {
                next = next.or(Some(solution.number));
            }
        }
        self.refuse(next, local, actions);
    }

    /// Whether the solution has this hop at this place.
    fn is_here(&self, solution: &Solution) -> bool {
        solution.place(self.hop()) == Some(&self.stage().place)
    }

    /// What was ready or established is broken: the hops before choose again, from the
    /// first solution that is not known to fail here, or end the set-up likewise.
    pub(super) fn break_off(
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
                None if self.no_trace_back => break,
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

    pub(super) fn end(&mut self, local: &mut dyn Local, actions: &mut Vec<Action>) {
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

    pub(super) fn forget_other_solutions(&mut self) {
        let current = self.current;
        if self.plan.solutions.iter().any(|s| s.number != current) {
            let plan = Arc::make_mut(&mut self.plan);
            plan.solutions.retain(|s| s.number == current);
        }
        let components = self.plan.solutions.iter().flat_map(|s| &s.stages);
        let components = components.flat_map(|stage| &stage.components);
        let needed: Releases = components
            .filter_map(|c| self.plan.releases.get(&c.name).cloned())
            .collect();
        if needed.len() < self.plan.releases.len() {
            Arc::make_mut(&mut self.plan).releases = Arc::new(needed);
        }
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

    pub(super) fn refuse_current(&mut self, reason: RefusalReason, actions: &mut Vec<Action>) {
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

/// The first component that is brought along.
fn brought_along(solution: &Solution) -> Option<&str> {
    let mut components = solution.stages.iter().flat_map(|s| &s.components);
    let code = components.find(|c| c.runtime == Runtime::Wasm)?;
    Some(&code.name)
}

/// A visitor on its way through the plan, at one place.
struct Walk<'a> {
    visitor: &'a mut PlanVisitor,
    local: &'a mut dyn Local,
    actions: &'a mut Vec<Action>,
    found: Found,
    /// Whether the place has said that it is being drained.
    drained: bool,
}

impl Visitor for Walk<'_> {
    fn visit(&mut self, solution: &Arc<Solution>) -> ControlFlow<()> {
        let me = &mut *self.visitor;
        let hop = me.hop();
        // What is known to fail here fails whoever comes back with it: better to say so
        // now than to trace back for it.
        let held = match me.known_failure(solution) {
            Some(reason) => Err(reason),
            None if self.drained && me.is_here(solution) => Err(RefusalReason::Drained),
            None if !me.is_covered_upstream(solution) => {
                self.found = Found::TraceBack(solution.number);
                return ControlFlow::Break(());
            }
            None => {
                let (stage, next) = (&solution.stages[hop], solution.place(hop + 1));
                self.local.hold(stage, next, me.code_of(solution))
            }
        };
        match held {
            Ok(()) => {
                self.found = Found::Held(Arc::clone(solution));
                ControlFlow::Break(())
            }
            Err(reason) => {
                self.drained |= reason == RefusalReason::Drained;
                me.note(solution.number, reason, self.actions);
                ControlFlow::Continue(())
            }
        }
    }
}
