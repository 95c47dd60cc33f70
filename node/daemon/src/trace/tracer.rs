//! Sees what becomes of the agents of one place, and writes it down.

mod agents;
mod code;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use waybook_agents::{Message, PlanVisitor, SessionId, State, TraceContext};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, Input, InstanceId, Output, RequestId};
use waybook_place::{Instant, Place};
use waybook_plan::{Release, SolutionNumber};

use super::export::Exporter;
use super::kept::{Kept, Setups};
use super::setup::Setup;
use super::span::SpanId;

/// A user's own key.
type Key = (String, String);

/// A request that has not been answered.
#[derive(Debug)]
struct Asked {
    title: String,
    at: Instant,
    began: SystemTime,
    context: Option<TraceContext>,
    /// Requests of the key that wait for the answer.
    waiting: usize,
    /// Sessions that have been tried for it.
    tried: u64,
}

/// An agent as it was when it was last looked at.
#[derive(Debug)]
struct Seen {
    number: SolutionNumber,
    solution: SolutionNumber,
    state: State,
    child: Option<(PlaceName, SolutionNumber)>,
    refused: usize,
    visit: SpanId,
    hold: SpanId,
    /// The sending that has not been answered.
    forward: Option<SpanId>,
    /// Whether the place before has been told that nothing is left of it here.
    refuses: bool,
}

/// Sees every input and every output of one place, in order.
#[derive(Debug)]
pub(crate) struct Tracer {
    here: PlaceName,
    setups: Arc<Setups>,
    exporter: Option<Exporter>,
    asked: HashMap<Key, Asked>,
    requests: HashMap<RequestId, Key>,
    agents: HashMap<SessionId, Seen>,
    fetches: HashMap<FetchId, (Arc<Release>, PlaceName)>,
    /// Which sessions wait for a start or a transfer, with its span.
    starts: HashMap<InstanceId, (SessionId, SpanId)>,
    downloads: HashMap<FetchId, Vec<(SessionId, SpanId)>>,
    /// The agent that this input brings. It may have gone before there is anything to look at.
    arriving: Option<Box<PlanVisitor>>,
    /// Why an agent that is gone after this input has gone, if the input says so.
    cause: Option<(SessionId, &'static str)>,
}

impl Tracer {
    pub(crate) fn new(here: PlaceName, setups: Arc<Setups>, exporter: Option<Exporter>) -> Self {
        Self {
            here,
            setups,
            exporter,
            asked: HashMap::new(),
            requests: HashMap::new(),
            agents: HashMap::new(),
            fetches: HashMap::new(),
            starts: HashMap::new(),
            downloads: HashMap::new(),
            arriving: None,
            cause: None,
        }
    }

    /// Before the place is told.
    pub(crate) fn goes_in(&mut self, now: Instant, input: &Input) {
        self.cause = None;
        self.arriving = None;
        match input {
            Input::Open(request) => self.asks(now, request),
            Input::Cancel { request } => drop(self.answered(*request)),
            Input::Close { session } => self.cause = Some((*session, "closed by the client")),
            Input::Received { from, envelope } => match &envelope.message {
                Message::Visit(visit) => self.arriving = Some(Box::new(visit.agent.clone())),
                Message::Ready(ready) => self.answer(now, ready.session, from, ready.number, None),
                Message::Refuse(refuse) => {
                    let there = refuse
                        .refused
                        .iter()
                        .rfind(|refusal| refusal.place == *from);
                    let why = there.map_or("refused beyond".to_owned(), ToString::to_string);
                    self.answer(now, refuse.session, from, refuse.number, Some(why));
                }
                Message::Release(feed) => {
                    self.cause = Some((feed.session, "given up from the client's side"));
                }
                _ => {}
            },
            Input::ComponentUp { instance, endpoint } => {
                self.started(now, *instance, Ok(endpoint));
            }
            Input::ComponentFailed { instance, why } => self.started(now, *instance, Err(why)),
            Input::Fetched { fetch } => self.fetched(now, *fetch, None),
            Input::FetchFailed { fetch, failure } => {
                self.fetched(now, *fetch, Some(&code::said(failure)));
            }
            _ => {}
        }
    }

    /// After the place has said what is to be done.
    pub(crate) fn come_out(&mut self, now: Instant, outputs: &[Output], place: &Place) {
        let acted = place.acted();
        let setups = Arc::clone(&self.setups);
        let mut kept = setups.lock();
        for session in acted {
            if let Some(agent) = place.agent(*session) {
                self.look(now, &mut kept, agent, place);
            } else if let Some(agent) = self.arriving.take_if(|a| a.session() == *session) {
                self.meet(now, &mut kept, &agent, place);
            }
        }
        for output in outputs {
            self.comes_out(now, &mut kept, output, place);
        }
        for session in acted {
            if place.agent(*session).is_none() {
                self.gone(now, &mut kept, *session);
            }
        }
    }

    fn comes_out(&mut self, now: Instant, kept: &mut Kept, output: &Output, place: &Place) {
        match output {
            Output::Send { envelope, .. } => self.sends(now, kept, &envelope.message),
            Output::Start {
                instance,
                component,
                session,
                ..
            } => self.starts(now, kept, *instance, &component.name, *session),
            Output::Stop { instance } => self.stops(now, kept, *instance),
            Output::Fetch {
                fetch,
                release,
                source,
            } => self.fetches(now, kept, *fetch, release, source, place),
            Output::CancelFetch { fetch, .. } => self.gives_up(now, kept, *fetch),
            Output::Opened { request, outcome } => self.opened(now, kept, *request, outcome),
            _ => {}
        }
    }

    /// Hands what has ended to the collector, if there is one.
    fn export(&self, setup: &mut Setup) {
        if let Some(exporter) = &self.exporter {
            exporter.export(&self.here, setup);
        }
    }
}
