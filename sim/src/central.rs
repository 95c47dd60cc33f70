//! A baseline that books centrally: the root knows every booking and books a path at once.
//!
//! The client's place sends the request up to the root. The root decides with a Decision
//! Maker of the places' own, over exact knowledge, and books the first solution that fits
//! everywhere, in one step, in the very ledgers that places keep. Then it tells all places
//! of the path at the same time, waits for each to answer, and answers the client's place.
//! A close is a message to the root, which gives all back at once. Nothing is lost on the
//! way (think of a reliable transport), every message takes the latencies of its edges, and
//! the root works on requests and closes one after the other, each for the processing time
//! of the root's class.
//!
//! No place decides anything here, so nothing is held in vain; and everything depends on
//! one place. Code that is brought along takes no time in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use waybook_agents::{HopReport, Refusal, RefusalReason, SessionId};
use waybook_location_tree::{LocationTree, PlaceName};
use waybook_place::io::{EndReason, Established, OpenRequest, RequestId};
use waybook_place::{Account, Counters, Instant, Ledger, ResourceView, Strategies};
use waybook_plan::{KnownServer, Load, Plan, Release, Solution};

use crate::check::Violation;
use crate::distribution::Distribution;
use crate::faults::Act;
use crate::run::{News, System, reason};
use crate::scenario::Layout;
use crate::{Setting, oracle, random};

/// The places of a scenario, booked by their root.
#[derive(Debug)]
pub struct Central {
    now: Instant,
    seed: u64,
    setting: Setting,
    strategies: Arc<Strategies>,
    tree: LocationTree,
    servers: BTreeMap<String, Vec<KnownServer>>,
    releases: Vec<Arc<Release>>,
    ledgers: BTreeMap<PlaceName, Ledger>,
    processing: Distribution,
    /// When the root is done with all that has reached it.
    busy: Instant,
    queue: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    scheduled: u64,
    requests: BTreeMap<RequestId, Request>,
    opened: u64,
    news: Vec<(RequestId, News)>,
    links: StdRng,
    work: StdRng,
    events: u64,
    messages: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A request has reached the root, and is decided on.
    Decide(RequestId),
    /// The client's place hears the answer.
    Answer(RequestId),
    /// A close has reached the root.
    Release(RequestId),
}

/// One request, until it is closed or refused.
#[derive(Debug)]
struct Request {
    place: PlaceName,
    open: OpenRequest,
    asked: Instant,
    /// What is booked for it.
    booked: Option<Arc<Solution>>,
    /// What its client's place will hear.
    answer: Option<News>,
    closed: bool,
}

impl Central {
    /// The places of a layout, with nothing booked; the root decides by one of these
    /// Decision Makers.
    #[must_use]
    pub fn new(layout: &Layout, seed: u64, strategies: Arc<Strategies>) -> Self {
        let setting = layout.setting.clone();
        let tree = setting.tree();
        let mut servers: BTreeMap<String, Vec<KnownServer>> = BTreeMap::new();
        for (place, settings) in &setting.places {
            for presentation in &settings.presentations {
                let of_title = servers.entry(presentation.title.clone()).or_default();
                of_title.push(KnownServer {
                    place: place.clone(),
                    presentation: presentation.clone(),
                    load: None,
                });
            }
        }
        let ledger = |name: &PlaceName| (name.clone(), Ledger::default());
        let root = layout.places.iter().find(|(name, _)| name == tree.root());
        let root = &layout.classes[root.expect("a tree has a root").1];
        Self {
            now: Instant(1_000_000_000),
            seed,
            ledgers: setting.places.keys().map(ledger).collect(),
            processing: root.spec.processing.clone().unwrap_or_default(),
            setting,
            strategies,
            tree,
            servers,
            releases: layout.releases.clone(),
            busy: Instant::default(),
            queue: BinaryHeap::new(),
            scheduled: 0,
            requests: BTreeMap::new(),
            opened: 0,
            news: Vec::new(),
            links: random::stream(seed, "central latencies", 0),
            work: random::stream(seed, "central processing", 0),
            events: 0,
            messages: 0,
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse((at, self.scheduled, event)));
    }

    /// How long a message takes from a place to the root, or back.
    fn way(&mut self, place: &PlaceName, up: bool) -> Duration {
        let mut time = Duration::ZERO;
        let mut at = place.clone();
        while let Some(parent) = at.parent() {
            let own = self.setting.places[&at].link.as_ref();
            if let Some(link) = own.or(self.setting.link.as_ref()) {
                let direction = if up { &link.up } else { &link.down };
                time += direction.latency.sample(&mut self.links);
                time += direction.jitter.sample(&mut self.links);
            }
            self.messages += 1;
            at = parent;
        }
        time
    }

    /// When the root is done with a message that reaches it then.
    fn worked(&mut self, arrives: Instant) -> Instant {
        let begins = arrives.max(self.busy);
        self.busy = begins + self.processing.sample(&mut self.work);
        self.busy
    }

    fn decide(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id).filter(|r| !r.closed) else {
            return;
        };
        let (place, open) = (request.place.clone(), request.open.clone());
        let plan = self.plan(&place, &open);
        let (answer, solution) = match plan {
            Err(()) => (News::NoPlan, None),
            Ok(plan) => self.book(id, &plan),
        };
        let mut answered = self.now;
        if let Some(solution) = &solution {
            // All places of the path are told at the same time, and all have to answer.
            for stage in &solution.stages {
                let there_and_back = self.way(&stage.place, false) + self.way(&stage.place, true);
                answered = answered.max(self.now + there_and_back);
            }
        }
        let answered = answered + self.way(&place, false);
        let request = self.requests.get_mut(&id).expect("as found above");
        request.booked = solution;
        request.answer = Some(answer);
        self.schedule(answered, Event::Answer(id));
    }

    fn plan(&self, place: &PlaceName, open: &OpenRequest) -> Result<Plan, ()> {
        let mut servers = self.servers.get(&open.title).cloned().unwrap_or_default();
        for server in &mut servers {
            server.load = Some(self.load(&server.place));
        }
        let client = (place, self.tree.is_default_place(place));
        let (setting, strategies) = (&self.setting, &self.strategies);
        oracle::decide(setting, strategies, &servers, &self.releases, client, open).map_err(drop)
    }

    fn views(&self, place: &PlaceName) -> Vec<ResourceView> {
        self.ledgers[place].views(&self.setting.places[place].capacity)
    }

    /// The share of the resource that is booked most.
    fn load(&self, place: &PlaceName) -> Load {
        let shares = self.views(place).into_iter().map(|view| {
            let booked = (view.established + view.held).min(view.capacity);
            booked * 1000 / view.capacity.max(1)
        });
        Load(u16::try_from(shares.max().unwrap_or(0)).unwrap_or(1000))
    }

    /// Books the first solution of a plan that fits.
    fn book(&mut self, id: RequestId, plan: &Plan) -> (News, Option<Arc<Solution>>) {
        let mut refused = Vec::new();
        for solution in &plan.solutions {
            let lack = solution.stages.iter().find_map(|stage| {
                let capacity = &self.setting.places[&stage.place].capacity;
                let lack = self.ledgers[&stage.place].lack(capacity, &stage.demand)?;
                Some((stage.place.clone(), lack))
            });
            if let Some((place, lack)) = lack {
                refused.push(Refusal {
                    solution: solution.number,
                    place,
                    reason: RefusalReason::Lacking(lack),
                });
                continue;
            }
            for stage in &solution.stages {
                let ledger = self.ledgers.get_mut(&stage.place).expect("a place");
                ledger.put(&stage.demand, Account::Established);
            }
            let session = self.established(id, plan, solution, refused);
            return (News::Established(Box::new(session)), Some(solution.clone()));
        }
        let news = News::Refused {
            solutions: plan.solutions.len() as u64,
            refusals: refused.len() as u64,
            first: refused
                .first()
                .map(|r| (r.place.clone(), reason(&r.reason))),
        };
        (news, None)
    }

    fn established(
        &self,
        id: RequestId,
        plan: &Plan,
        solution: &Solution,
        refused: Vec<Refusal>,
    ) -> Established {
        let hop = |stage: &waybook_plan::Stage| HopReport {
            place: stage.place.clone(),
            booked: stage.demand.clone(),
            components: Vec::new(),
            took: Duration::ZERO,
        };
        Established {
            session: SessionId(u128::from(id.0)),
            title: plan.title.clone(),
            quality: solution.quality.clone(),
            solution: solution.number,
            solutions: plan.solutions.len(),
            journey: solution.stages.iter().map(hop).collect(),
            refused,
            took: self.now.since(self.requests[&id].asked),
        }
    }

    fn answer(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        if let Some(answer) = request.answer.take()
            && !request.closed
        {
            self.news.push((id, answer));
        }
    }

    fn release(&mut self, id: RequestId) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        for stage in request.booked.iter().flat_map(|solution| &solution.stages) {
            let ledger = self.ledgers.get_mut(&stage.place).expect("a place");
            ledger.take(&stage.demand, Account::Established);
        }
    }
}

impl System for Central {
    fn now(&self) -> Instant {
        self.now
    }

    fn next_at(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }

    fn step(&mut self) -> Result<(), Violation> {
        let Some(Reverse((at, _, event))) = self.queue.pop() else {
            return Ok(());
        };
        self.now = at;
        self.events += 1;
        match event {
            Event::Decide(id) => self.decide(id),
            Event::Answer(id) => self.answer(id),
            Event::Release(id) => self.release(id),
        }
        Ok(())
    }

    fn idle_until(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }

    fn open(&mut self, place: &PlaceName, open: OpenRequest) -> Result<RequestId, Violation> {
        self.opened += 1;
        let id = RequestId(self.opened);
        let request = Request {
            place: place.clone(),
            open,
            asked: self.now,
            booked: None,
            answer: None,
            closed: false,
        };
        self.requests.insert(id, request);
        let arrives = self.now + self.way(place, true);
        let done = self.worked(arrives);
        self.schedule(done, Event::Decide(id));
        Ok(id)
    }

    fn close(&mut self, id: RequestId) -> Result<(), Violation> {
        let Some(request) = self.requests.get_mut(&id).filter(|r| !r.closed) else {
            return Ok(());
        };
        request.closed = true;
        let place = request.place.clone();
        let arrives = self.now + self.way(&place, true);
        let done = self.worked(arrives);
        self.schedule(done, Event::Release(id));
        self.news.push((id, News::Ended(EndReason::Closed)));
        Ok(())
    }

    fn stands(&self, id: RequestId) -> bool {
        (self.requests.get(&id)).is_some_and(|r| r.booked.is_some() && !r.closed)
    }

    fn forget(&mut self, id: RequestId) {
        if (self.requests.get(&id)).is_some_and(|request| request.booked.is_none()) {
            self.requests.remove(&id);
        }
    }

    fn take_news(&mut self, into: &mut Vec<(RequestId, News)>) {
        into.append(&mut self.news);
    }

    fn resources(&self, place: &PlaceName) -> Option<Vec<ResourceView>> {
        Some(self.views(place))
    }

    fn counters(&self, _: &PlaceName) -> Option<Counters> {
        Some(Counters::default())
    }

    /// Nothing fails here: scenarios with faults are refused for this baseline.
    fn suffer(&mut self, _: &Act) -> Result<(), Violation> {
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Violation> {
        while self.next_at().is_some() {
            self.step()?;
        }
        let left = self.ledgers.keys().find_map(|place| {
            let views = self.views(place);
            let booked = views.iter().find(|view| view.established + view.held > 0)?;
            Some(format!(
                "{place} still books {} of {}",
                booked.established, booked.resource
            ))
        });
        left.map_or(Ok(()), |what| Err(self.violation(what)))
    }

    fn violation(&self, what: String) -> Violation {
        Violation {
            seed: self.seed,
            at: self.now,
            what,
            tail: String::new(),
        }
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}
