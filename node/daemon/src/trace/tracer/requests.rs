//! What clients of this place ask for, and are answered.

use std::sync::Arc;
use std::time::SystemTime;

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::{OpenRequest, Outcome, RequestId};

use super::super::kept::Kept;
use super::super::setup::{Became, Request, Setup};
use super::super::span::{Span, SpanId, SpanKind};
use super::{Asked, Key, Tracer};

impl Tracer {
    pub(super) fn asks(&mut self, now: Instant, request: &OpenRequest) {
        let key = (request.profile.user.clone(), request.key.clone());
        let asked = self.asked.entry(key.clone()).or_insert_with(|| Asked {
            title: request.title.clone(),
            at: now,
            began: SystemTime::now(),
            context: request.trace,
            waiting: 0,
            tried: 0,
        });
        asked.waiting += 1;
        self.requests.insert(request.request, key);
    }

    /// A request is waited for no more; what was asked, if it was the last one.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<(Key, Asked)> {
        let key = self.requests.remove(&request)?;
        let asked = self.asked.get_mut(&key)?;
        asked.waiting -= 1;
        if asked.waiting > 0 {
            return None;
        }
        let asked = self.asked.remove(&key)?;
        Some((key, asked))
    }

    /// A client has its answer.
    pub(super) fn opened(
        &mut self,
        now: Instant,
        kept: &mut Kept,
        request: RequestId,
        outcome: &Outcome,
    ) {
        let Some((key, asked)) = self.answered(request) else {
            return;
        };
        let session = match outcome {
            // A session that stood before it was asked for again is no set-up.
            Outcome::Established(_) if asked.tried == 0 => return,
            Outcome::Established(established) => Some(established.session),
            Outcome::Refused { session, .. } => Some(*session),
            Outcome::NoPlan(_) | Outcome::Rejected { .. } | Outcome::Closed => None,
        };
        if session.is_none_or(|session| kept.of(session).is_none()) {
            let mut setup = self.never_seen(now, key, asked, session);
            self.settle(now, &mut setup, outcome);
            kept.add(setup);
        } else if let Some(session) = session
            && let Some(setup) = kept.of(session)
        {
            self.settle(now, setup, outcome);
            if setup.became.went_wrong() {
                kept.session_went_wrong(session);
            }
        }
    }

    /// Writes down how a client's request was answered.
    pub(super) fn settle(&self, now: Instant, setup: &mut Setup, outcome: &Outcome) {
        match outcome {
            Outcome::Established(established) => {
                setup.refused.clone_from(&established.refused);
                setup.solution = Some(established.solution);
                setup.over(now, Became::Established, None);
            }
            Outcome::Refused { refused, plan, .. } => {
                setup.refused.clone_from(refused);
                setup.solution = None;
                setup.plan.get_or_insert_with(|| Arc::new(plan.clone()));
                setup.over(now, Became::Refused, Some("refused"));
            }
            Outcome::NoPlan(why) => {
                let why = why.to_string();
                setup.over(now, Became::NoPlan(why.clone()), Some(&why));
            }
            Outcome::Rejected { why } => {
                setup.over(now, Became::NoPlan(why.clone()), Some(why));
            }
            Outcome::Closed => setup.over(now, Became::GivenUp, Some("closed by the client")),
        }
        self.export(setup);
    }

    /// A request whose set-up was over before there was anything to look at.
    pub(super) fn never_seen(
        &self,
        now: Instant,
        (user, key): Key,
        asked: Asked,
        session: Option<SessionId>,
    ) -> Setup {
        let mut setup = Setup {
            session,
            context: asked.context,
            title: asked.title,
            hop: 0,
            client: self.here.clone(),
            previous: None,
            request: Some(Request { key, user }),
            plan: None,
            began: asked.began,
            origin: asked.at,
            spans: Vec::new(),
            refused: Vec::new(),
            solution: None,
            became: Became::UnderWay,
            took: Some(now.since(asked.at)),
        };
        begin_open(&mut setup, &self.here, asked.at);
        setup
    }
}

/// The client's request, as the span that all others are part of.
pub(super) fn begin_open(setup: &mut Setup, here: &PlaceName, begin: Instant) {
    let session = setup.session.unwrap_or(SessionId(0));
    let id = SpanId::of(session, here, "open", 0);
    let parent = setup.context.map(|context| SpanId(context.parent));
    setup.begin(Span::new(id, parent, SpanKind::Open, None, begin));
}
