//! Clients: opens, from the request to the end of the session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use waybook_agents::{Event, PlanVisitor, Ready, Refusal, RefusalReason, Refuse, SessionId};
use waybook_plan::{KnownServer, NoPlan, Plan, Question};

use super::Place;
use super::alarms::Alarm;
use super::clients::{Client, Key};
use super::hops::Hop;
use super::resolve::Known;
use super::searches::Asker;
use super::shares::Share;
use super::timers::Timer;
use super::withholding;
use crate::Instant;
use crate::io::{EndReason, Established, OpenRequest, Outcome, Output, RequestId};
use crate::lazy::Empty;

/// Greatest length of a client's key, in bytes.
const MAX_KEY: usize = 200;
/// Greatest number of retries that a request may ask for.
const MAX_RETRIES: u32 = 100;
/// The mean pause before a retry.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// An open that has no session yet, or no longer one.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// The one that came first. Its client may have gone while others wait.
    request: OpenRequest,
    /// Requests of the key that wait for the answer, and whether each watches.
    waiting: Vec<(RequestId, bool)>,
    since: Instant,
    retries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Pending(RequestId),
    Session(SessionId),
}

/// Opens under way, and what their keys stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct Opens {
    pub(super) keys: BTreeMap<Key, Held>,
    pub(super) pending: BTreeMap<RequestId, Box<Pending>>,
    /// The requests that wait for an answer.
    waiting: BTreeMap<RequestId, Key>,
    /// Sessions whose path is cut, where the key stands for what is to take their place, or
    /// has taken it.
    pub(super) originals: BTreeMap<Key, SessionId>,
    /// What each user has here.
    users: BTreeMap<String, Share>,
}

impl Empty for Opens {
    const EMPTY: &'static Self = &Self {
        keys: BTreeMap::new(),
        pending: BTreeMap::new(),
        waiting: BTreeMap::new(),
        originals: BTreeMap::new(),
        users: BTreeMap::new(),
    };
}

impl Opens {
    /// The session that a user's key stands for.
    pub(super) fn session(&self, user: &str, key: &str) -> Option<SessionId> {
        match self.keys.get(&(user.to_owned(), key.to_owned()))? {
            Held::Session(session) => Some(*session),
            Held::Pending(_) => None,
        }
    }

    /// What a user has here changes.
    pub(super) fn change_share(&mut self, user: &str, change: impl FnOnce(&mut Share)) {
        let share = self.users.entry(user.to_owned()).or_default();
        change(share);
        if *share == Share::default() {
            self.users.remove(user);
        }
    }
}

impl Place {
    /// A client asks for a session.
    pub(super) fn open(&mut self, now: Instant, request: OpenRequest, out: &mut Vec<Output>) {
        if let Err(why) = self.check_request(&request) {
            let outcome = Outcome::Rejected { why };
            return out.push(Output::Opened {
                request: request.request,
                outcome,
            });
        }
        let key = (request.profile.user.clone(), request.key.clone());
        let joining = (request.request, request.watch);
        match self.opens.keys.get(&key).copied() {
            Some(Held::Pending(first)) => {
                if let Some(pending) = self.opens.pending.get_mut(&first) {
                    pending.waiting.push(joining);
                    self.opens.waiting.insert(joining.0, key);
                }
            }
            Some(Held::Session(session)) if self.is_to_be_replaced(now, &key, session) => {
                self.begin(now, key, request, Some(session), out);
            }
            Some(Held::Session(session)) => {
                let client = self.hops.get_mut(&session).and_then(|h| h.client.as_mut());
                match client {
                    Some(client) => match &client.established {
                        Some(established) => {
                            let outcome = Outcome::Established(Box::new(established.clone()));
                            out.push(Output::Opened {
                                request: joining.0,
                                outcome,
                            });
                        }
                        None => {
                            client.waiting.push(joining);
                            self.opens.waiting.insert(joining.0, key);
                        }
                    },
                    None => debug_assert!(false, "a key stands for a session that is gone"),
                }
            }
            None => self.begin(now, key, request, None, out),
        }
    }

    /// Nobody has asked for this under the key, or what there is does not work.
    fn begin(
        &mut self,
        now: Instant,
        key: Key,
        request: OpenRequest,
        original: Option<SessionId>,
        out: &mut Vec<Output>,
    ) {
        let id = request.request;
        if let Err(why) = self.may_begin(&key.0) {
            self.counters.limited += 1;
            let outcome = Outcome::Rejected { why };
            return out.push(Output::Opened {
                request: id,
                outcome,
            });
        }
        if let Some(original) = original {
            self.opens.originals.insert(key.clone(), original);
        }
        self.counters.opens += 1;
        self.opens.change_share(&key.0, Share::begun);
        self.opens.waiting.insert(id, key.clone());
        self.opens.keys.insert(key, Held::Pending(id));
        let pending = Pending {
            waiting: vec![(id, request.watch)],
            since: now,
            retries: request.retries.min(MAX_RETRIES),
            request,
        };
        self.opens.pending.insert(id, Box::new(pending));
        self.look_for_servers(now, id, out);
    }

    pub(super) fn check_request(&self, request: &OpenRequest) -> Result<(), String> {
        if request.key.is_empty() || request.key.len() > MAX_KEY {
            return Err(format!("the key must have 1 to {MAX_KEY} bytes"));
        }
        if let Some(name) = &request.strategy {
            self.strategies.decision_maker(name)?;
        }
        Ok(())
    }

    /// Whether there is room for one more session of that user.
    fn may_begin(&self, user: &str) -> Result<(), String> {
        let setups = self.config.limits.setups;
        if self.opens.pending.len() >= setups {
            return Err(format!("limit `setups` = {setups} is reached"));
        }
        let has = self.opens.users.get(user).copied();
        self.user_limit(user, has.unwrap_or_default())
    }

    fn look_for_servers(&mut self, now: Instant, id: RequestId, out: &mut Vec<Output>) {
        let Some(pending) = self.opens.pending.get(&id) else {
            return;
        };
        let title = pending.request.title.clone();
        self.ask_for_servers(now, &title, Asker::Open(id), out);
    }

    /// The servers are known, and the code that they need: make the plan and send the first visitor on its way.
    pub(super) fn open_with(
        &mut self,
        now: Instant,
        id: RequestId,
        servers: &[KnownServer],
        releases: Known<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(pending) = self.opens.pending.remove(&id) else {
            return;
        };
        let plan = match self.decide(&pending.request, servers, releases) {
            Ok(plan) => Arc::new(plan),
            Err(no) => return self.answer_pending(*pending, &Outcome::NoPlan(no), out),
        };
        let Pending {
            request,
            waiting,
            since,
            retries,
        } = *pending;
        let session = self.new_session();
        let watched = waiting.iter().any(|(_, watches)| *watches);
        let timing = self.config.timing;
        let deadline = request
            .deadline
            .map_or(timing.setup_deadline, |d| d.min(timing.setup_deadline));
        let key = (request.profile.user.clone(), request.key.clone());
        self.opens.keys.insert(key.clone(), Held::Session(session));
        let mut visitor = PlanVisitor::new(session, Arc::clone(&plan), watched);
        visitor.set_no_trace_back(request.no_trace_back);
        visitor.set_trace(request.trace);
        let mut hop = Hop::new(visitor, None, now, now + deadline);
        hop.client = Some(Box::new(Client {
            key,
            waiting,
            since,
            retries,
            plan: Some(plan),
            claimed: false,
            idle: request.idle.unwrap_or(timing.idle),
            longest: request.longest,
            used: now,
            established: None,
            ending: None,
            request: Some(request),
        }));
        self.setups += 1;
        hop.alarms.set(Alarm::Deadline, now + deadline);
        self.hops.insert(session, Box::new(hop));
        self.drive(now, session, Event::Arrive, out);
    }

    /// Nothing can be planned for an open.
    pub(super) fn no_plan(&mut self, id: RequestId, no: NoPlan, out: &mut Vec<Output>) {
        if let Some(pending) = self.opens.pending.remove(&id) {
            self.answer_pending(*pending, &Outcome::NoPlan(no), out);
        }
    }

    /// A number that no session here has. Neighbours choose those of theirs.
    fn new_session(&mut self) -> SessionId {
        loop {
            let session = SessionId(self.rng.stream().random());
            if !self.hops.contains_key(&session) {
                return session;
            }
        }
    }

    pub(super) fn decide(
        &self,
        request: &OpenRequest,
        servers: &[KnownServer],
        known: Known<'_>,
    ) -> Result<Plan, NoPlan> {
        let strategy = request.strategy.as_deref().unwrap_or(&self.config.strategy);
        let maker = self.strategies.decision_maker(strategy);
        let maker = maker.map_err(|why| NoPlan::NothingSuits {
            user: request.profile.user.clone(),
            title: request.title.clone(),
            why,
        })?;
        maker.decide(&Question {
            title: &request.title,
            client: &self.config.name,
            client_is_default_place: self.has_children(),
            profile: &request.profile,
            servers,
            releases: known.releases,
            gap: known.gap,
            most_servers: self.config.servers_per_plan,
            most_solutions: self.config.limits.solutions,
        })
    }

    pub(super) fn answer_pending(
        &mut self,
        pending: Pending,
        outcome: &Outcome,
        out: &mut Vec<Output>,
    ) {
        let key = (pending.request.profile.user, pending.request.key);
        self.opens.change_share(&key.0, |share| share.ended(false));
        // Nothing takes the place of a session that is cut: there is still that one.
        let original = self.back_to_original(&key);
        let outcome = original.as_ref().unwrap_or(outcome);
        for (request, _) in pending.waiting {
            self.opens.waiting.remove(&request);
            out.push(Output::Opened {
                request,
                outcome: outcome.clone(),
            });
        }
    }

    /// The path stands: the session is established.
    pub(super) fn opened(
        &mut self,
        now: Instant,
        hop: &mut Hop,
        ready: Ready,
        out: &mut Vec<Output>,
    ) {
        let session = hop.visitor.session();
        let solution = hop.visitor.solution().clone();
        let title = hop.visitor.plan().title.clone();
        let Some(client) = hop.client.as_mut() else {
            return;
        };
        self.counters.established += 1;
        let established = Established {
            session,
            title,
            quality: solution.quality.clone(),
            solution: solution.number,
            solutions: client.plan.take().map_or(1, |p| p.solutions.len()),
            journey: ready.journey,
            refused: ready.refused,
            took: now.since(client.since),
        };
        for (request, _) in client.waiting.drain(..) {
            self.opens.waiting.remove(&request);
            let outcome = Outcome::Established(Box::new(established.clone()));
            out.push(Output::Opened { request, outcome });
        }
        client.request = None;
        client.established = Some(established);
        client.used = now;
        let (idle, longest) = (client.idle, client.longest);
        let key = client.key.clone();
        self.opens.change_share(&key.0, Share::established);
        let claim = now + self.config.timing.claim;
        hop.alarms.set(Alarm::Claim, claim);
        hop.watch_use(now, idle, longest);
        self.replaced(now, &key, out);
    }

    /// A session is over at its client's place, or its set-up has failed.
    pub(super) fn client_over(
        &mut self,
        now: Instant,
        mut hop: Hop,
        refuse: Option<Refuse>,
        out: &mut Vec<Output>,
    ) {
        let Some(client) = hop.client.take() else {
            return;
        };
        let session = hop.visitor.session();
        let refused = refuse.map(|r| r.refused);
        if client.established.is_some() {
            let user = &client.key.0;
            (self.opens).change_share(user, |share| share.ended(true));
            self.forget_key(&client.key, session);
            let why = match (client.ending, refused) {
                (Some(why), _) => why,
                (None, Some(refused)) => match withholding::drained(&refused) {
                    Some(place) => EndReason::Drained(place),
                    None => EndReason::Broken(refused),
                },
                (None, None) => EndReason::Closed,
            };
            return out.push(Output::Ended { session, why });
        }
        self.counters.refused += 1;
        let Some(request) = client.request else {
            return;
        };
        let (since, retries) = (client.since, client.retries);
        let pending = Pending {
            request,
            waiting: client.waiting,
            since,
            retries,
        };
        let Some(refused) = refused else {
            return self.answer_pending(pending, &Outcome::Closed, out);
        };
        let transient = refused.iter().any(|r| r.reason.is_transient());
        if retries > 0 && transient {
            return self.try_later(now, pending);
        }
        let plan = client
            .plan
            .unwrap_or_else(|| Arc::clone(hop.visitor.plan()));
        let plan = Arc::unwrap_or_clone(plan);
        self.answer_is_old(now, &plan.title);
        let untold = if pending.request.no_trace_back {
            RefusalReason::NotTried
        } else {
            RefusalReason::Deadline
        };
        let refused = in_order(refused, &plan, &untold);
        let outcome = Outcome::Refused {
            session,
            refused,
            plan,
        };
        self.answer_pending(pending, &outcome, out);
    }

    /// Holds of other set-ups stood in the way: another session is tried for the same
    /// key, at a time that crossing set-ups are unlikely to share.
    fn try_later(&mut self, now: Instant, mut pending: Pending) {
        pending.retries -= 1;
        let id = pending.request.request;
        let key = (
            pending.request.profile.user.clone(),
            pending.request.key.clone(),
        );
        self.opens.keys.insert(key, Held::Pending(id));
        self.opens.pending.insert(id, Box::new(pending));
        let at = self.jittered(now, RETRY_PAUSE);
        self.timers.set(Timer::Retry(id), at);
    }

    pub(super) fn retry(&mut self, now: Instant, id: RequestId, out: &mut Vec<Output>) {
        self.look_for_servers(now, id, out);
    }

    /// A client no longer waits for its open. The set-up is given up when nobody does.
    pub(super) fn cancel(&mut self, now: Instant, id: RequestId, out: &mut Vec<Output>) {
        let Some(key) = self.opens.waiting.remove(&id) else {
            return;
        };
        let session = match self.opens.keys.get(&key).copied() {
            Some(Held::Session(session)) => session,
            Some(Held::Pending(first)) => {
                let Some(pending) = self.opens.pending.get_mut(&first) else {
                    return;
                };
                if pending.waiting.len() > 1 {
                    return pending.waiting.retain(|(waiting, _)| *waiting != id);
                }
                self.timers.cancel(&Timer::Retry(first));
                if let Some(pending) = self.opens.pending.remove(&first) {
                    self.answer_pending(*pending, &Outcome::Closed, out);
                }
                return;
            }
            None => return,
        };
        let Some(hop) = self.hops.get_mut(&session) else {
            return;
        };
        let Some(client) = hop.client.as_mut() else {
            return;
        };
        if client.waiting.len() == 1 {
            self.drive(now, session, Event::Released, out);
        } else {
            client.waiting.retain(|(waiting, _)| *waiting != id);
        }
    }
}

/// One reason for each solution, in the plan's order; a solution that nobody gave a
/// reason for was not reached, and is refused as `untold`.
fn in_order(refused: Vec<Refusal>, plan: &Plan, untold: &RefusalReason) -> Vec<Refusal> {
    let mut by_number: BTreeMap<_, Refusal> = BTreeMap::new();
    for refusal in refused {
        by_number.entry(refusal.solution).or_insert(refusal);
    }
    for solution in &plan.solutions {
        by_number.entry(solution.number).or_insert_with(|| Refusal {
            solution: solution.number,
            place: plan.client().clone(),
            reason: untold.clone(),
        });
    }
    by_number.into_values().collect()
}
