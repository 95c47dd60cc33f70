//! Reads what goes into the place and what comes out of it: that tells how long the parts of a
//! set-up take, without the place knowing that anybody watches.

use std::collections::HashMap;
use std::sync::Arc;

use waybook_agents::{Message, SessionId};
use waybook_place::io::{FetchId, Input, InstanceId, Outcome, Output};
use waybook_place::{Instant, Place};
use waybook_plan::{Runtime, SolutionNumber};

use super::recorded::{Phase, Recorded, Way};

/// Set-ups that are watched without a look whether they are still there.
const FEW: usize = 64;

/// A set-up on its way through this place.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// The agent's visit.
    number: SolutionNumber,
    arrived: Instant,
    /// Whether it has booked here.
    holds: bool,
    /// When its agent went on from here, if it has and nothing has been answered.
    went_on: Option<Instant>,
}

impl Setup {
    fn new(number: SolutionNumber, now: Instant) -> Self {
        Self {
            number,
            arrived: now,
            holds: false,
            went_on: None,
        }
    }
}

/// Sees every input and every output of one place, in order.
#[derive(Debug)]
pub(crate) struct Observer {
    recorded: Arc<Recorded>,
    /// By session. What ends without a word is forgotten now and then.
    setups: HashMap<SessionId, Setup>,
    /// How many there were when it was last looked which of them are left, or [`FEW`].
    looked_at: usize,
    starts: HashMap<InstanceId, (Runtime, Instant)>,
    fetches: HashMap<FetchId, Instant>,
}

impl Observer {
    pub(crate) fn new(recorded: Arc<Recorded>) -> Self {
        Self {
            recorded,
            setups: HashMap::new(),
            looked_at: FEW,
            starts: HashMap::new(),
            fetches: HashMap::new(),
        }
    }

    /// Before the place is told.
    pub(crate) fn goes_in(&mut self, now: Instant, input: &Input) {
        match input {
            Input::Received { envelope, .. } => {
                let message = &envelope.message;
                self.recorded.message(Way::In, message);
                match message {
                    Message::Visit(visit) => {
                        self.arrives(now, visit.agent.session(), visit.agent.number());
                    }
                    Message::Ready(ready) => self.answered(now, ready.session),
                    Message::Refuse(refuse) => self.answered(now, refuse.session),
                    _ => {}
                }
            }
            Input::ComponentUp { instance, .. } => {
                if let Some((runtime, since)) = self.starts.remove(instance) {
                    self.recorded.phase(Phase::Start, now.since(since));
                    self.recorded.started(runtime, "up");
                }
            }
            Input::ComponentFailed { instance, .. } => {
                // One that had started has failed later; that is another matter.
                if let Some((runtime, _)) = self.starts.remove(instance) {
                    self.recorded.started(runtime, "failed");
                }
            }
            Input::Fetched { fetch } => {
                if let Some(since) = self.fetches.remove(fetch) {
                    self.recorded.phase(Phase::Download, now.since(since));
                }
            }
            Input::FetchFailed { fetch, .. } => {
                self.fetches.remove(fetch);
            }
            _ => {}
        }
    }

    /// After the place has said what is to be done.
    pub(crate) fn come_out(&mut self, now: Instant, outputs: &[Output], place: &Place) {
        for output in outputs {
            match output {
                Output::Send { envelope, .. } => self.sent(now, &envelope.message),
                Output::Start {
                    instance,
                    component,
                    session,
                    ..
                } => {
                    self.starts.insert(*instance, (component.runtime, now));
                    self.holds(now, *session);
                }
                Output::Stop { instance } => {
                    if let Some((runtime, _)) = self.starts.remove(instance) {
                        self.recorded.started(runtime, "given-up");
                    }
                }
                Output::Fetch { fetch, .. } => {
                    self.fetches.insert(*fetch, now);
                }
                Output::CancelFetch { fetch, .. } => {
                    self.fetches.remove(fetch);
                }
                Output::Opened { outcome, .. } => {
                    self.recorded.opened(outcome);
                    if let Outcome::Established(established) = outcome {
                        self.recorded.phase(Phase::Ready, established.took);
                        self.setups.remove(&established.session);
                    }
                }
                Output::Ended { why, .. } => self.recorded.ended(why),
                _ => {}
            }
        }
        if self.setups.len() > 2 * self.looked_at {
            self.setups
                .retain(|session, _| place.agent(*session).is_some());
            self.looked_at = self.setups.len().max(FEW);
        }
    }

    fn arrives(&mut self, now: Instant, session: SessionId, number: SolutionNumber) {
        let setup = self.setups.entry(session);
        let setup = setup.or_insert_with(|| Setup::new(number, now));
        // Once more it is nothing new.
        if setup.number < number {
            *setup = Setup::new(number, now);
        }
    }

    fn holds(&mut self, now: Instant, session: SessionId) {
        let setup = self.setups.get_mut(&session);
        if let Some(setup) = setup.filter(|setup| !setup.holds) {
            setup.holds = true;
            let took = now.since(setup.arrived);
            self.recorded.phase(Phase::Hold, took);
        }
    }

    fn answered(&mut self, now: Instant, session: SessionId) {
        let setup = self.setups.get_mut(&session);
        if let Some(since) = setup.and_then(|setup| setup.went_on.take()) {
            self.recorded.phase(Phase::Forward, now.since(since));
        }
    }

    fn sent(&mut self, now: Instant, message: &Message) {
        self.recorded.message(Way::Out, message);
        match message {
            Message::Visit(visit) => {
                let (session, number) = (visit.agent.session(), visit.agent.number());
                // At the client's place the agent did not arrive: it began.
                let setup = self.setups.entry(session);
                let setup = setup.or_insert_with(|| Setup::new(number, now));
                // Said again it is the same visit.
                setup.went_on.get_or_insert(now);
                self.holds(now, session);
            }
            Message::Ready(ready) => {
                if let Some(setup) = self.setups.remove(&ready.session) {
                    let took = now.since(setup.arrived);
                    self.recorded.phase(Phase::Ready, took);
                }
            }
            Message::Refuse(refuse) => {
                self.setups.remove(&refuse.session);
            }
            _ => {}
        }
    }
}
