//! Three places, what is on its way between them, and what may happen next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Envelope, Incarnation, Message, SessionId, wire};
use waybook_location_tree::PlaceName;
use waybook_plan::Profile;

use super::canonical::Digest;
use super::check::Wrong;
use super::scenario::{self, Scenario};
use crate::Instant;
use crate::io::{EndReason, Input, InstanceId, OpenRequest, Outcome, Output, RecordKey, RequestId};
use crate::place::Place;

/// The root and two leaves.
pub(super) const PLACES: [&str; 3] = ["r", "r/a", "r/b"];
/// The directed edges, by the places' numbers.
pub(super) const EDGES: [(usize, usize); 4] = [(1, 0), (0, 1), (2, 0), (0, 2)];

pub(super) fn name(place: usize) -> PlaceName {
    PlaceName::new(PLACES[place]).expect("a name")
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A client asks.
    Open(usize),
    /// A client no longer waits, or closes.
    Leave(usize),
    /// The oldest message of an edge arrives.
    Deliver(usize),
    /// The oldest message of an edge is lost.
    Lose(usize),
    /// The oldest message of an edge arrives, and will once more.
    Twice(usize),
    /// The oldest message of an edge stays behind; later ones overtake it.
    Delay(usize),
    /// One that stayed behind arrives.
    Late(usize),
    /// A component answers.
    Up(usize),
    /// A component fails.
    Fail(usize),
    /// Time passes until a place's next timer, and it fires.
    Tick(usize),
    /// A place dies, with its disk as it is; or as it was when time last passed.
    Crash(usize, Disk),
    /// It begins its next life.
    Restart(usize),
    /// The connection of a leaf breaks.
    Cut(usize),
    /// It stands again.
    Heal(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    Whole,
    Behind,
}

/// How many faults of each kind there may be, or have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Faults {
    pub(super) lost: u8,
    pub(super) twice: u8,
    pub(super) delayed: u8,
    pub(super) failed: u8,
    pub(super) crashed: u8,
    pub(super) cut: u8,
    /// Times that a timer fired although something was still on its way.
    pub(super) slow: u8,
    /// Faults in all.
    pub(super) any: u8,
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) envelope: Arc<Envelope>,
    fingerprint: u64,
    sent: Instant,
}

/// What a client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Knows {
    Nothing,
    Waits,
    Has(SessionId),
    Refused,
    /// It had a session, which broke.
    Broken,
    /// It had a session and closed it, or stopped waiting.
    Left,
}

/// A place with its driver.
pub(super) struct Node {
    /// None while it is dead.
    pub(super) place: Option<Place>,
    life: u64,
    pub(super) disk: BTreeMap<RecordKey, Vec<u8>>,
    /// The disk when time last passed.
    behind: BTreeMap<RecordKey, Vec<u8>>,
    pub(super) running: BTreeSet<InstanceId>,
    pub(super) routed: BTreeSet<SessionId>,
    /// Sessions that were begun here in all lives.
    begun: u8,
    /// In this life, by session: the greatest number whose visit here is over.
    over: BTreeMap<SessionId, u16>,
    seed: [u8; 32],
    seen: (Instant, u64),
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self {
            place: self.place.as_ref().map(|p| p.copy(self.seed)),
            life: self.life,
            disk: self.disk.clone(),
            behind: self.behind.clone(),
            running: self.running.clone(),
            routed: self.routed.clone(),
            begun: self.begun,
            over: self.over.clone(),
            seed: self.seed,
            seen: self.seen,
        }
    }
}

impl Node {
    fn look(&mut self, now: Instant) {
        let mut digest = Digest::default().0;
        let place = self.place.as_ref().map(|p| p.fingerprint(now));
        (
            place,
            self.life,
            &self.disk,
            &self.running,
            &self.routed,
            self.begun,
            &self.over,
        )
            .hash(&mut digest);
        if self.behind != self.disk {
            self.behind.hash(&mut digest);
        }
        self.seen = (now, digest.finish());
    }
}

/// All there is at one moment.
#[derive(Clone)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: [Arc<Node>; 3],
    pub(super) edges: [VecDeque<Letter>; 4],
    /// Messages that later ones may overtake, with their edges.
    pub(super) late: Vec<(usize, Letter)>,
    /// Components that have not answered.
    pub(super) starting: Vec<(usize, InstanceId)>,
    pub(super) clients: [Knows; 2],
    /// Since when a leaf's connection is broken.
    pub(super) cut: [Option<Instant>; 2],
    /// Since when a place is dead.
    pub(super) dead: [Option<Instant>; 3],
    pub(super) spent: Faults,
    /// Whether more was done to established sessions than they must survive.
    pub(super) excused: bool,
    /// What was done against a promise.
    pub(super) wrong: Option<Wrong>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.describe())
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash_future(state);
        (self.spent, self.excused, &self.wrong).hash(state);
    }
}

/// As they are told apart while they are explored.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let fingerprint = |world: &Self| {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        fingerprint(self) == fingerprint(other)
    }
}

impl World {
    /// Three places that have met and know what is offered.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let now = Instant(1_000);
        let node = |place| {
            let mut node = Node {
                place: None,
                life: 0,
                disk: BTreeMap::new(),
                behind: BTreeMap::new(),
                running: BTreeSet::new(),
                routed: BTreeSet::new(),
                begun: 0,
                over: BTreeMap::new(),
                seed: [place; 32],
                seen: (now, 0),
            };
            node.look(now);
            Arc::new(node)
        };
        let mut world = Self {
            now,
            nodes: [0, 1, 2].map(node),
            edges: Default::default(),
            late: Vec::new(),
            starting: Vec::new(),
            clients: [Knows::Nothing; 2],
            cut: [Some(now); 2],
            dead: [Some(now); 3],
            spent: Faults::default(),
            excused: false,
            wrong: None,
        };
        for place in 0..3 {
            world.restart(scenario, place);
        }
        for (place, file) in &scenario.served {
            let presentation = scenario::presentation(file);
            world.put(*place, Input::Publish { presentation });
        }
        for leaf in [1, 2] {
            world.heal(leaf);
        }
        while let Some(act) = world.calm() {
            if matches!(act, Act::Tick(_)) {
                break;
            }
            world.act(scenario, act);
        }
        world.look();
        world
    }

    /// What decides what can come of this state, apart from how many faults may still be.
    pub(super) fn hash_future<H: Hasher>(&self, state: &mut H) {
        for node in &self.nodes {
            state.write_u64(node.seen.1);
        }
        for edge in &self.edges {
            state.write_usize(edge.len());
            for letter in edge {
                state.write_u64(letter.fingerprint);
            }
        }
        // Which of two stayed behind first is all the same.
        let mut late: Vec<_> = (self.late.iter())
            .map(|(edge, letter)| (*edge, letter.fingerprint, self.now.since(letter.sent)))
            .collect();
        late.sort_unstable();
        late.hash(state);
        self.starting.hash(state);
        self.clients.hash(state);
        let ago = |at: Instant| self.now.since(at).min(Duration::from_nanos(64));
        (
            self.cut.map(|at| at.map(ago)),
            self.dead.map(|at| at.map(ago)),
        )
            .hash(state);
    }

    /// Renders anew what has changed.
    pub(super) fn look(&mut self) {
        let now = self.now;
        for node in &mut self.nodes {
            // Changed ones have lost what was seen of them.
            if node.seen.0 != now {
                Arc::make_mut(node).look(now);
            }
        }
    }

    pub(super) fn place(&self, place: usize) -> Option<&Place> {
        self.nodes[place].place.as_ref()
    }

    fn is_up(&self, edge: usize) -> bool {
        self.cut[edge / 2].is_none()
    }

    /// Whether anything is on its way that arrives before time passes.
    pub(super) fn is_still(&self) -> bool {
        self.edges.iter().all(VecDeque::is_empty) && self.starting.is_empty()
    }

    /// The places whose timers are next.
    pub(super) fn due(&self) -> impl Iterator<Item = usize> {
        let next = |place: usize| self.place(place).and_then(Place::next_timeout);
        let first = (0..3).filter_map(next).min();
        (0..3).filter(move |place| first.is_some() && next(*place) == first)
    }

    /// What happens next if nothing unusual does; nothing if nothing ever does.
    pub(super) fn calm(&self) -> Option<Act> {
        if let Some(place) = (0..3).find(|place| self.dead[*place].is_some()) {
            return Some(Act::Restart(place));
        }
        if let Some(leaf) = (0..2).find(|leaf| self.cut[*leaf].is_some()) {
            return Some(Act::Heal(leaf + 1));
        }
        if !self.starting.is_empty() {
            return Some(Act::Up(0));
        }
        if let Some(edge) = (0..4).find(|edge| !self.edges[*edge].is_empty()) {
            return Some(Act::Deliver(edge));
        }
        self.due().next().map(Act::Tick)
    }

    /// Everything that may happen next.
    pub(super) fn acts(&self, scenario: &Scenario, acts: &mut Vec<Act>) {
        if self.wrong.is_some() {
            return;
        }
        let (spent, most) = (self.spent, scenario.faults);
        let fault = spent.any < most.any;
        if !fault && let Some(first) = self.alone(scenario) {
            return acts.push(first);
        }
        for (number, knows) in self.clients.iter().enumerate() {
            if self.dead[scenario.clients[number].0].is_some() {
                continue;
            }
            // Where both ask for the same at the same place, it does not matter which is the
            // first.
            let may_ask = number == 0
                || scenario.clients[0] != scenario.clients[1]
                || self.clients[0] != Knows::Nothing;
            match knows {
                Knows::Nothing if may_ask => acts.push(Act::Open(number)),
                Knows::Waits | Knows::Has(_) if scenario.leave => acts.push(Act::Leave(number)),
                _ => {}
            }
        }
        for edge in (0..4).filter(|edge| !self.edges[*edge].is_empty()) {
            acts.push(Act::Deliver(edge));
            if fault && spent.lost < most.lost {
                acts.push(Act::Lose(edge));
            }
            if fault && spent.twice < most.twice {
                acts.push(Act::Twice(edge));
            }
            if fault && spent.delayed < most.delayed {
                acts.push(Act::Delay(edge));
            }
        }
        acts.extend((0..self.late.len()).map(Act::Late));
        for at in 0..self.starting.len() {
            acts.push(Act::Up(at));
            if fault && spent.failed < most.failed {
                acts.push(Act::Fail(at));
            }
        }
        if self.is_still() || fault && spent.slow < most.slow {
            acts.extend(self.due().map(Act::Tick));
        }
        for place in 0..3 {
            if self.dead[place].is_some() {
                acts.push(Act::Restart(place));
            } else if fault && spent.crashed < most.crashed {
                acts.push(Act::Crash(place, Disk::Whole));
                if self.nodes[place].behind != self.nodes[place].disk {
                    acts.push(Act::Crash(place, Disk::Behind));
                }
            }
        }
        for leaf in [1, 2] {
            if self.cut[leaf - 1].is_none() {
                if fault && spent.cut < most.cut {
                    acts.push(Act::Cut(leaf));
                }
            } else if self.dead[0].is_none() && self.dead[leaf].is_none() {
                acts.push(Act::Heal(leaf));
            }
        }
    }

    /// When no fault can come any more: a message to a leaf at which nothing else can happen
    /// meanwhile. It is all the same whether it arrives before or after what happens elsewhere,
    /// since that can only put something behind it; so it is taken at once.
    fn alone(&self, scenario: &Scenario) -> Option<Act> {
        if self.dead.iter().any(Option::is_some) || self.cut.iter().any(Option::is_some) {
            return None;
        }
        [(1, 1), (2, 3)].into_iter().find_map(|(leaf, edge)| {
            let acts = |(client, knows): (&(usize, &str), &Knows)| {
                client.0 == leaf
                    && match knows {
                        Knows::Nothing => true,
                        Knows::Waits | Knows::Has(_) => scenario.leave,
                        Knows::Refused | Knows::Broken | Knows::Left => false,
                    }
            };
            let clients = scenario.clients.iter().zip(&self.clients).any(acts);
            let late = self.late.iter().any(|(late, _)| *late == edge);
            let starts = self.starting.iter().any(|(at, _)| *at == leaf);
            let first = !self.edges[edge].is_empty() && !clients && !late && !starts;
            first.then_some(Act::Deliver(edge))
        })
    }

    /// Does it.
    pub(super) fn act(&mut self, scenario: &Scenario, act: Act) {
        match act {
            Act::Open(number) => self.open(scenario, number),
            Act::Leave(number) => self.leave(scenario, number),
            Act::Deliver(edge) => {
                let letter = self.edges[edge].pop_front().expect("there is one");
                self.deliver(edge, &letter);
            }
            Act::Lose(edge) => {
                self.edges[edge].pop_front();
                self.spent.lost += 1;
                self.spent.any += 1;
                self.excused |= self.spent.lost > 1;
            }
            Act::Twice(edge) => {
                let letter = self.edges[edge].pop_front().expect("there is one");
                self.late.push((edge, letter.clone()));
                self.spent.twice += 1;
                self.spent.any += 1;
                self.deliver(edge, &letter);
            }
            Act::Delay(edge) => {
                let letter = self.edges[edge].pop_front().expect("there is one");
                self.late.push((edge, letter));
                self.spent.delayed += 1;
                self.spent.any += 1;
            }
            Act::Late(at) => {
                let (edge, letter) = self.late.remove(at);
                self.deliver(edge, &letter);
            }
            Act::Up(at) => {
                let (place, instance) = self.starting.remove(at);
                let endpoint = String::new();
                self.put(place, Input::ComponentUp { instance, endpoint });
            }
            Act::Fail(at) => {
                let (place, instance) = self.starting.remove(at);
                Arc::make_mut(&mut self.nodes[place])
                    .running
                    .remove(&instance);
                self.spent.failed += 1;
                self.spent.any += 1;
                // One that a restarted place needs for an established session ends it.
                self.excused |= self.spent.crashed > 0;
                let why = String::new();
                self.put(place, Input::ComponentFailed { instance, why });
            }
            Act::Tick(place) => self.tick(place),
            Act::Crash(place, disk) => self.crash(scenario, place, disk),
            Act::Restart(place) => {
                self.restart(scenario, place);
                for leaf in [1, 2] {
                    let ends = [0, leaf];
                    let alive = ends.iter().all(|end| self.dead[*end].is_none());
                    if ends.contains(&place) && alive {
                        self.heal(leaf);
                    }
                }
            }
            Act::Cut(leaf) => {
                self.spent.cut += 1;
                self.spent.any += 1;
                self.sever(leaf);
            }
            Act::Heal(leaf) => self.heal(leaf),
        }
        self.look();
    }

    fn open(&mut self, scenario: &Scenario, number: usize) {
        let (place, title) = scenario.clients[number];
        self.clients[number] = Knows::Waits;
        let request = OpenRequest {
            request: RequestId(number as u64),
            key: format!("key {number}"),
            title: title.to_owned(),
            profile: Profile::default(),
            strategy: None,
            deadline: None,
            retries: 0,
            idle: None,
            longest: None,
            watch: false,
            no_trace_back: false,
        };
        self.put(place, Input::Open(request));
    }

    fn leave(&mut self, scenario: &Scenario, number: usize) {
        let place = scenario.clients[number].0;
        // What is due by now is told before it leaves.
        self.put(place, Input::Tick);
        let input = match self.clients[number] {
            Knows::Has(session) => Input::Close { session },
            Knows::Waits => Input::Cancel {
                request: RequestId(number as u64),
            },
            _ => return,
        };
        self.clients[number] = Knows::Left;
        self.put(place, input);
    }

    fn deliver(&mut self, edge: usize, letter: &Letter) {
        let (from, to) = EDGES[edge];
        // A connection that is gone brings nothing.
        if self.dead[to].is_some() || !self.is_up(edge) {
            return;
        }
        let input = Input::Received {
            from: name(from),
            envelope: (*letter.envelope).clone(),
        };
        self.put(to, input);
    }

    fn tick(&mut self, place: usize) {
        if !self.is_still() {
            self.spent.slow += 1;
            self.spent.any += 1;
        }
        let next = self.place(place).and_then(Place::next_timeout);
        let next = next.expect("it is due").max(self.now);
        if next > self.now {
            self.now = next;
            for node in &mut self.nodes {
                if node.behind != node.disk {
                    let node = Arc::make_mut(node);
                    node.behind.clone_from(&node.disk);
                }
            }
            // What has not come by then does not come.
            self.late
                .retain(|(_, letter)| next.since(letter.sent) <= super::scenario::LATE);
        }
        // Times that never come in the model must be farther than it goes.
        assert!(self.now.0 < 100_000, "the model does not come to rest");
        let away = self.cut.iter().chain(&self.dead).flatten();
        let longest = away.map(|since| self.now.since(*since)).max();
        self.excused |= longest.is_some_and(|away| away > scenario::SURVIVED);
        self.put(place, Input::Tick);
    }

    fn crash(&mut self, scenario: &Scenario, place: usize, disk: Disk) {
        // What is established but not everywhere is not kept for sure; nor is what was not
        // written; nor is what comes of a set-up in which this place has had a part.
        let hops = self.place(place).into_iter().flat_map(|p| p.hops.values());
        let setting_up = hops.into_iter().any(|hop| hop.established.is_none());
        self.excused |= disk == Disk::Behind || self.has_half_established() || setting_up;
        self.spent.crashed += 1;
        self.spent.any += 1;
        let node = Arc::make_mut(&mut self.nodes[place]);
        node.place = None;
        node.seen.0 = Instant(0);
        node.running.clear();
        node.routed.clear();
        node.over.clear();
        if disk == Disk::Behind {
            node.disk.clone_from(&node.behind);
        }
        self.dead[place] = Some(self.now);
        self.starting.retain(|(at, _)| *at != place);
        for leaf in [1, 2] {
            if place == 0 || place == leaf {
                self.sever(leaf);
            }
        }
        for (knows, (at, _)) in self.clients.iter_mut().zip(scenario.clients) {
            // Who waits for a place that dies is told by the broken connection.
            if *knows == Knows::Waits && at == place {
                *knows = Knows::Refused;
            }
        }
    }

    fn sever(&mut self, leaf: usize) {
        if self.cut[leaf - 1].is_some() {
            return;
        }
        self.cut[leaf - 1] = Some(self.now);
        for edge in [2 * leaf - 2, 2 * leaf - 1] {
            self.edges[edge].clear();
        }
        for (end, other) in [(0, leaf), (leaf, 0)] {
            if self.dead[end].is_none() {
                let neighbour = name(other);
                self.put(end, Input::LinkDown { neighbour });
            }
        }
    }

    fn heal(&mut self, leaf: usize) {
        self.cut[leaf - 1] = None;
        for (end, other) in [(0, leaf), (leaf, 0)] {
            let input = Input::LinkUp {
                neighbour: name(other),
                incarnation: Incarnation(self.nodes[other].life),
                version: wire::VERSION,
            };
            self.put(end, input);
        }
    }

    fn restart(&mut self, scenario: &Scenario, place: usize) {
        self.dead[place] = None;
        let node = Arc::make_mut(&mut self.nodes[place]);
        node.life += 1;
        let records = node.disk.clone().into_iter().collect();
        let mut out = Vec::new();
        let life = Incarnation(node.life);
        let config = scenario.config(place);
        let new = Place::new(config, life, node.seed, records, self.now, &mut out);
        node.place = Some(new.expect("the settings and records are sound"));
        self.carry_out(place, out);
        self.check(place);
    }

    /// An input to a place, and what it leads to there.
    fn put(&mut self, at: usize, input: Input) {
        let node = Arc::make_mut(&mut self.nodes[at]);
        node.seen.0 = Instant(0);
        // The only thing that is drawn and matters is what a session is called: no two alike.
        node.seed = [0; 32];
        node.seed[0] = u8::try_from(at).unwrap_or(0);
        node.seed[1] = node.begun;
        let place = node.place.as_mut().expect("only what lives is told");
        place.rng = super::super::Chance::Seed(node.seed);
        let before: Vec<_> = super::check::numbers(place);
        let mut out = Vec::new();
        place.handle(self.now, input, &mut out);
        let after = super::check::numbers(place);
        let is_new = |(session, _): &&(SessionId, u16)| {
            place.hops[session].client.is_some() && !before.iter().any(|(s, _)| s == session)
        };
        node.begun += u8::try_from(after.iter().filter(is_new).count()).unwrap_or(u8::MAX);
        let wrong = super::check::numbers_rise(&before, &after, &mut node.over);
        self.fault(wrong);
        self.carry_out(at, out);
        self.check(at);
    }

    pub(super) fn fault(&mut self, wrong: Option<Wrong>) {
        if self.wrong.is_none() {
            self.wrong = wrong;
        }
    }

    fn carry_out(&mut self, at: usize, out: Vec<Output>) {
        let mut claims = Vec::new();
        for output in out {
            match output {
                Output::Send { to, envelope } => self.send(at, &to, envelope),
                Output::Start { instance, .. } => {
                    self.starting.push((at, instance));
                    Arc::make_mut(&mut self.nodes[at]).running.insert(instance);
                }
                Output::Stop { instance } => {
                    self.starting.retain(|starting| *starting != (at, instance));
                    let was = Arc::make_mut(&mut self.nodes[at]).running.remove(&instance);
                    self.fault((!was).then_some(Wrong::Components));
                }
                Output::Route(route) => {
                    Arc::make_mut(&mut self.nodes[at])
                        .routed
                        .insert(route.session);
                }
                Output::Unroute { session } => {
                    Arc::make_mut(&mut self.nodes[at]).routed.remove(&session);
                }
                Output::Store { key, value } => {
                    let disk = &mut Arc::make_mut(&mut self.nodes[at]).disk;
                    match value {
                        Some(value) => disk.insert(key, value),
                        None => disk.remove(&key),
                    };
                }
                Output::Opened { request, outcome } => {
                    let client = &mut self.clients[usize::try_from(request.0).expect("few")];
                    match (*client, outcome) {
                        (Knows::Waits, Outcome::Established(e)) => {
                            *client = Knows::Has(e.session);
                            claims.push(e.session);
                        }
                        (Knows::Waits, _) => *client = Knows::Refused,
                        (Knows::Left, Outcome::Closed) => {}
                        _ => self.fault(Some(Wrong::Answers)),
                    }
                }
                Output::Ended { session, why } => {
                    let has = self.clients.iter().position(|c| *c == Knows::Has(session));
                    match (has, why) {
                        (None, EndReason::Closed) => {}
                        (Some(client), EndReason::Broken(_)) => {
                            self.clients[client] = Knows::Broken;
                            self.fault((!self.excused).then_some(Wrong::Lost));
                        }
                        // Nobody is idle, late with a claim or there for too long here.
                        _ => self.fault(Some(Wrong::Answers)),
                    }
                }
                other => panic!("{other:?} is not of this model"),
            }
        }
        for session in claims {
            self.put(at, Input::Claim { session });
        }
    }

    fn send(&mut self, from: usize, to: &PlaceName, envelope: Envelope) {
        let edge = EDGES
            .iter()
            .position(|(f, t)| *f == from && name(*t) == *to);
        let edge = edge.expect("places write to neighbours");
        // What a place that has just died had sent.
        if !self.is_up(edge) {
            return;
        }
        let mut digest = Digest::default().0;
        digest.write(&wire::encode(&envelope));
        self.edges[edge].push_back(Letter {
            envelope: Arc::new(envelope),
            fingerprint: digest.finish(),
            sent: self.now,
        });
    }

    /// An act in words.
    pub(super) fn tell(&self, act: Act) -> String {
        let letter = |edge: usize, letter: Option<&Letter>| {
            let (from, to) = EDGES[edge];
            let what = letter.map_or_else(String::new, |l| say(&l.envelope.message));
            format!("{what} from {} to {}", PLACES[from], PLACES[to])
        };
        let head = |edge: usize| letter(edge, self.edges[edge].front());
        let component = |at: usize| self.starting.get(at).map_or("", |(p, _)| PLACES[*p]);
        match act {
            Act::Open(client) => format!("client {client} asks for a session"),
            Act::Leave(client) => format!("client {client} leaves"),
            Act::Deliver(edge) => format!("arrives: {}", head(edge)),
            Act::Lose(edge) => format!("LOST: {}", head(edge)),
            Act::Twice(edge) => format!("arrives, to come TWICE: {}", head(edge)),
            Act::Delay(edge) => format!("STAYS BEHIND: {}", head(edge)),
            Act::Late(at) => {
                let (edge, late) = &self.late[at];
                format!("arrives LATE: {}", letter(*edge, Some(late)))
            }
            Act::Up(at) => format!("a component answers at {}", component(at)),
            Act::Fail(at) => format!("a component FAILS at {}", component(at)),
            Act::Tick(place) => {
                let next = self.place(place).and_then(Place::next_timeout);
                let passes = next.map_or(0, |next| next.since(self.now).as_nanos());
                let slow = if self.is_still() {
                    ""
                } else {
                    ", with messages UNDER WAY"
                };
                format!("after {passes}: a timer fires at {}{slow}", PLACES[place])
            }
            Act::Crash(place, Disk::Whole) => format!("{} CRASHES", PLACES[place]),
            Act::Crash(place, Disk::Behind) => {
                format!("{} CRASHES, and its disk is BEHIND", PLACES[place])
            }
            Act::Restart(place) => format!("{} restarts", PLACES[place]),
            Act::Cut(leaf) => format!("the connection of {} is CUT", PLACES[leaf]),
            Act::Heal(leaf) => format!("the connection of {} stands again", PLACES[leaf]),
        }
    }

    /// What there is, in a line.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(place) = &node.place else {
                parts.push(format!("{} dead", PLACES[at]));
                continue;
            };
            let hop = |(session, number): (SessionId, u16)| {
                let hop = &place.hops[&session];
                let booked = hop.booking.as_ref().map(ToString::to_string);
                let booked = booked.unwrap_or_else(|| "no booking".to_owned());
                format!("{} #{number} {:?} {booked}", short(session), hop.phase())
            };
            let hops: Vec<_> = super::check::numbers(place).into_iter().map(hop).collect();
            parts.push(format!("{} [{}]", PLACES[at], hops.join("; ")));
        }
        let clients = self.clients.map(|c| match c {
            Knows::Has(session) => format!("has {}", short(session)),
            other => format!("{other:?}").to_lowercase(),
        });
        parts.push(format!("clients: {}", clients.join(", ")));
        parts.join(" | ")
    }
}

fn short(session: SessionId) -> String {
    format!("{:02x}", session.0 & 0xff)
}

fn say(message: &Message) -> String {
    let feed = |f: &waybook_agents::Feed| format!("{} #{}", short(f.session), f.number);
    let feeds = |f: &[waybook_agents::Feed]| f.iter().map(feed).collect::<Vec<_>>().join(", ");
    let about = match message {
        Message::Visit(v) => format!("{} #{}", short(v.agent.session()), v.agent.number()),
        Message::Ready(r) => format!(
            "{} #{} with solution {}",
            short(r.session),
            r.number,
            r.solution
        ),
        Message::Refuse(r) => {
            let next = r
                .next
                .map_or_else(|| "none left".to_owned(), |n| format!("next {n}"));
            format!("{} #{}, {next}", short(r.session), r.number)
        }
        Message::VisitAck(f)
        | Message::Release(f)
        | Message::ReleaseAck(f)
        | Message::Confirm(f)
        | Message::ConfirmAck(f)
        | Message::Gone(f) => feed(f),
        Message::Refresh {
            setups,
            established,
        } => {
            format!(
                "set-ups {}; established {}",
                feeds(setups),
                feeds(established)
            )
        }
        Message::Working(f) => feeds(f),
        Message::Resync { sessions, .. } => feeds(sessions),
        _ => String::new(),
    };
    format!("{} {about}", message.kind())
}
