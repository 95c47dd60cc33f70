//! Three places, what is on its way between them, and what may happen next.

mod acts;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use waybook_agents::{Envelope, SessionId};
use waybook_location_tree::PlaceName;

use super::canonical::Digest;
use super::check::Wrong;
use super::scenario::{self, Scenario};
use crate::Instant;
use crate::io::{Input, InstanceId, RecordKey};
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

impl Faults {
    pub(super) const NONE: Self = Self {
        lost: 0,
        twice: 0,
        delayed: 0,
        failed: 0,
        crashed: 0,
        cut: 0,
        slow: 0,
        any: 0,
    };
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
    /// It has closed its session, or waits to be told why that broke: its place answers when the
    /// end is on disk.
    Ending(SessionId),
    /// Its place died before it had answered: the session is over, or stands as before.
    Unsure(SessionId),
    /// It was told that its session is over, or no longer waited for one.
    Over,
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

/// Each node once. Hundreds of thousands of worlds wait to be looked at, and most of them differ in
/// one place from many others.
#[derive(Default)]
pub(super) struct Known(Mutex<Nodes>);

#[derive(Default)]
struct Nodes {
    /// By the place's number, and the moment and fingerprint at which it was looked at.
    all: BTreeMap<(usize, Instant, u64), Weak<Node>>,
    /// Those that are no longer of any world are forgotten when there are that many.
    most: usize,
}

impl Known {
    fn share(&self, place: usize, node: &mut Arc<Node>) {
        let mut nodes = self.0.lock().expect("not poisoned");
        let key = (place, node.seen.0, node.seen.1);
        if let Some(same) = nodes.all.get(&key).and_then(Weak::upgrade) {
            *node = same;
            return;
        }
        nodes.all.insert(key, Arc::downgrade(node));
        if nodes.all.len() > nodes.most {
            nodes.all.retain(|_, node| node.strong_count() > 0);
            nodes.most = 2 * nodes.all.len().max(1_000);
        }
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

    /// Holds what other worlds hold as well together with them.
    pub(super) fn share(&mut self, known: &Known) {
        for (place, node) in self.nodes.iter_mut().enumerate() {
            known.share(place, node);
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
                Knows::Nothing if may_ask && number < scenario.asking => {
                    acts.push(Act::Open(number));
                }
                Knows::Waits | Knows::Has(_) | Knows::Unsure(_) if scenario.leave => {
                    acts.push(Act::Leave(number));
                }
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
                        Knows::Waits | Knows::Has(_) | Knows::Unsure(_) => scenario.leave,
                        Knows::Refused | Knows::Ending(_) | Knows::Over => false,
                    }
            };
            let clients = scenario.clients.iter().zip(&self.clients).any(acts);
            let late = self.late.iter().any(|(late, _)| *late == edge);
            let starts = self.starting.iter().any(|(at, _)| *at == leaf);
            let first = !self.edges[edge].is_empty() && !clients && !late && !starts;
            first.then_some(Act::Deliver(edge))
        })
    }
}
