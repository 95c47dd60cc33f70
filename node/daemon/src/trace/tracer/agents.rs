//! What becomes of agents here.

use std::sync::Arc;
use std::time::SystemTime;

use waybook_agents::{Message, PlanVisitor, SessionId, State};
use waybook_location_tree::PlaceName;
use waybook_place::{Instant, Place};
use waybook_plan::SolutionNumber;

use super::super::kept::Kept;
use super::super::setup::{Became, Request, Setup};
use super::super::span::{Note, Span, SpanId, SpanKind};
use super::{Seen, Tracer, code, requests};

impl Tracer {
    /// Looks what has become of an agent.
    pub(super) fn look(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        agent: &PlanVisitor,
        place: &Place,
    ) {
        let session = agent.session();
        // One that was found again after a restart has no story.
        if agent.state() == State::Established && !self.agents.contains_key(&session) {
            return;
        }
        self.meet(now, kept, agent, place);
        let (Some(seen), Some(setup)) = (self.agents.get_mut(&session), kept.of(session)) else {
            return;
        };
        let refused = agent.refused();
        // Established, it keeps none of them.
        let new = refused.get(seen.refused..).unwrap_or_default();
        setup.learn(&self.here, seen.visit, now, new);
        seen.refused = refused.len().max(seen.refused);
        let solution = agent.solution().number;
        if solution != seen.solution {
            seen.solution = solution;
            setup.note(seen.visit, now, Note::Tries(solution));
        }
        setup.solution = Some(solution);
        let child = agent.child();
        let was = seen.child.as_ref().map(|(place, number)| (place, *number));
        if child != was {
            if let Some(forward) = seen.forward.take() {
                setup.finish(forward, now, Some("given up".to_owned()));
            }
            seen.child = child.map(|(place, number)| (place.clone(), number));
            if let Some((to, number)) = child {
                let id = SpanId::forward(session, &self.here, number);
                let kind = SpanKind::Forward { to: to.clone() };
                let span = Span::new(id, Some(seen.visit), kind, Some(seen.number), now);
                seen.forward = Some(setup.begin(span));
            }
        }
        let state = agent.state();
        if state != seen.state {
            seen.state = state;
            match state {
                // At the server's place it goes nowhere.
                State::Waiting if child.is_none() => setup.finish(seen.hold, now, None),
                State::Ready => {
                    setup.finish(seen.hold, now, None);
                    setup.finish(seen.visit, now, None);
                    setup.took = Some(now.since(setup.origin));
                    setup.became = Became::Ready;
                    self.export(setup);
                }
                State::Established => {
                    setup.finish(seen.hold, now, None);
                    setup.note(seen.visit, now, Note::Established);
                    setup.finish(seen.visit, now, None);
                    setup.became = Became::Established;
                    setup.took.get_or_insert(now.since(setup.origin));
                }
                State::Arrived | State::Waiting | State::Ended => {}
            }
        }
    }

    /// Begins with an agent that has not been seen, or with a later visit of one that has.
    pub(super) fn meet(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        agent: &PlanVisitor,
        place: &Place,
    ) {
        let older = self.agents.get(&agent.session());
        if older.is_some_and(|seen| seen.number >= agent.number()) {
            return;
        }
        if let Some(seen) = older
            && let Some(setup) = kept.of(agent.session())
        {
            let replaced = format!("replaced by visit {}", agent.number());
            let spans = [Some(seen.visit), Some(seen.hold), seen.forward];
            for span in spans.into_iter().flatten() {
                setup.finish(span, now, Some(replaced.clone()));
            }
        }
        self.arrives(now, kept, agent, place);
    }

    /// A visit has arrived, or begins here.
    pub(super) fn arrives(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        agent: &PlanVisitor,
        place: &Place,
    ) {
        let session = agent.session();
        let number = agent.number();
        if kept.of(session).is_none() {
            let setup = self.setup(now, agent, place);
            kept.add(setup);
        }
        let Some(setup) = kept.of(session) else {
            return;
        };
        setup.became = Became::UnderWay;
        let parent = match agent.previous() {
            Some(previous) => Some(SpanId::forward(session, previous, number)),
            None => setup.spans.first().map(|open| open.id),
        };
        let nth = u64::from(number.0);
        let id = |what| SpanId::of(session, &self.here, what, nth);
        let begin = |id, parent, kind| Span::new(id, parent, kind, Some(number), now);
        let visit = setup.begin(begin(id("visit"), parent, SpanKind::Visit));
        let hold = setup.begin(begin(id("hold"), Some(visit), SpanKind::Hold));
        let seen = Seen {
            number,
            solution: number,
            state: State::Arrived,
            child: None,
            refused: 0,
            visit,
            hold,
            forward: None,
            refuses: false,
        };
        self.agents.insert(session, seen);
        // Code that is on its way for others is waited for from now on.
        for (fetch, (release, from)) in &self.fetches {
            if code::needs(agent, release) {
                let waiting = self.downloads.entry(*fetch).or_default();
                waiting.push(code::download(
                    now, setup, &self.here, *fetch, release, from, visit,
                ));
            }
        }
    }

    /// What there is to say of a set-up that begins.
    pub(super) fn setup(&mut self, now: Instant, agent: &PlanVisitor, place: &Place) -> Setup {
        let session = agent.session();
        let key = place.client_of(session);
        let asked = key.and_then(|key| self.asked.get_mut(key));
        let path = &agent.solution().stages;
        let mut setup = Setup {
            session: Some(session),
            context: agent.trace(),
            title: agent.plan().title.clone(),
            hop: agent.hop(),
            client: path[0].place.clone(),
            previous: agent.previous().cloned(),
            request: key.map(|(user, key)| Request {
                key: key.clone(),
                user: user.clone(),
            }),
            plan: key.map(|_| Arc::clone(agent.plan())),
            began: asked
                .as_ref()
                .map_or_else(SystemTime::now, |asked| asked.began),
            origin: asked.as_ref().map_or(now, |asked| asked.at),
            spans: Vec::new(),
            refused: Vec::new(),
            solution: None,
            became: Became::UnderWay,
            took: None,
        };
        if key.is_some() {
            let first = asked.is_some_and(|asked| {
                asked.tried += 1;
                asked.tried == 1
            });
            if !first {
                // Tried again: the time before is the other session's.
                (setup.origin, setup.began) = (now, SystemTime::now());
            }
            let begin = setup.origin;
            requests::begin_open(&mut setup, &self.here, begin);
            if first {
                let open = setup.spans[0].id;
                let id = SpanId::of(session, &self.here, "plan", 0);
                let mut plan = Span::new(id, Some(open), SpanKind::Plan, None, begin);
                plan.finish(now, None);
                setup.begin(plan);
            }
        }
        setup
    }

    /// The next place has answered a visit.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        session: SessionId,
        from: &PlaceName,
        number: SolutionNumber,
        problem: Option<String>,
    ) {
        let Some(seen) = self.agents.get_mut(&session) else {
            return;
        };
        let awaited = seen
            .child
            .as_ref()
            .is_some_and(|(place, n)| place == from && *n == number);
        if awaited
            && let Some(forward) = seen.forward.take()
            && let Some(setup) = self.setups.lock().of(session)
        {
            setup.finish(forward, now, problem);
        }
    }

    pub(super) fn sends(&mut self, now: Instant, kept: &mut Kept, message: &Message) {
        match message {
            Message::Visit(visit) => {
                let session = visit.agent.session();
                if let Some(seen) = self.agents.get(&session)
                    && let Some(setup) = kept.of(session)
                {
                    setup.finish(seen.hold, now, None);
                    if let Some(span) = seen.forward.and_then(|forward| setup.span(forward))
                        && span.notes.is_empty()
                    {
                        span.notes.push((now, Note::Sent));
                    }
                }
            }
            Message::Refuse(refuse) => {
                if let Some(seen) = self.agents.get_mut(&refuse.session)
                    && seen.number == refuse.number
                    && let Some(setup) = kept.of(refuse.session)
                {
                    seen.refuses = true;
                    setup.learn(&self.here, seen.visit, now, &refuse.refused);
                }
            }
            _ => {}
        }
    }

    /// The agent of a session has gone from here.
    pub(super) fn gone(&mut self, now: Instant, kept: &mut Kept, session: SessionId) {
        let Some(seen) = self.agents.remove(&session) else {
            return;
        };
        let cause = self
            .cause
            .take()
            .filter(|(of, _)| *of == session)
            .map(|(_, why)| why);
        let Some(setup) = kept.of(session) else {
            return;
        };
        if matches!(seen.state, State::Established) || setup.became.went_wrong() {
            return;
        }
        let asks = setup.request.as_ref().is_some_and(|request| {
            let key = (request.user.clone(), request.key.clone());
            self.asked.contains_key(&key)
        });
        let became = match (asks, cause) {
            (true, _) => Became::TriedAgain,
            (false, Some(_)) => Became::GivenUp,
            (false, None) if seen.refuses => Became::Refused,
            (false, None) => Became::GivenUp,
        };
        let why = match &became {
            Became::GivenUp => cause.unwrap_or("its lease lapsed"),
            _ => "refused",
        };
        setup.over(now, became, Some(why));
        self.export(setup);
        kept.session_went_wrong(session);
    }
}
