//! The world: places, their network, their disks and components, and time.
//!
//! Places have numbers here ([`PlaceIndex`]): names are resolved once, and events, edges and
//! neighbours go by number. [`Options`] says how much a run is looked at, from everything
//! (tests) to nothing (speed); it changes nothing of what happens. A place that nobody uses costs
//! memory, and no time: it has no timer that comes again, because refreshes go only where
//! sessions are, and summaries only where something changed; and the world schedules a tick
//! only for a place that has a timer.
//!
//! For long runs, clients can come one by one ([`World::run_until`], then [`World::open`]) and
//! be taken out when they are over ([`World::take_finished`]).

mod acts;
mod code;
mod ghosts;
mod kinds;
mod models;
mod operators;
mod options;
#[cfg(test)]
mod planted;
mod pump;
mod queue;
mod slot;
mod slots;
mod transfers;

use std::sync::Arc;
use std::time::Duration;

use waybook_location_tree::{LocationTree, PlaceName};
use waybook_place::io::{Output, RequestId};
use waybook_place::{BookingPhase, Counters, Instant, Place, Strategies};

pub use code::Ordered;
pub use options::{Checks, Options, Wire};
pub use slot::{Running, Slot};
pub use slots::PlaceIndex;

use crate::check::{self, Letters, Violation, Walks};
use crate::client::{Client, Clients, Knows};
use crate::journey::Watch;
use crate::network::{EdgeModel, LinkModel, Network};
use crate::places::PlaceModel;
use crate::setting::Setting;
use crate::transcript::Transcript;
use crate::transfer::TransferModel;
use code::Orders;
use ghosts::Ghosts;
use kinds::Kinds;
use queue::{Event, Queue};
use slot::Machine;
use slots::Slots;
use transfers::Transfers;

/// Lines that a violation shows.
const TAIL: usize = 60;
/// Calls of one place at one instant after which it counts as spinning.
const SPINNING: u32 = 1000;
/// Places that are connected with their parents at once when a run begins, and how long the next
/// as many wait: a million at once would fill the memory with their first letters.
const JOINING: (usize, Duration) = (1000, Duration::from_millis(1));

/// What happens to a component that a place starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers its probe after that time.
    Starts(Duration),
    /// It fails after that time.
    Fails(Duration, String),
    /// Nothing is ever heard of it.
    Silent,
}

/// Which ends of an edge learn that its connection broke or stands again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tell {
    /// Both.
    Both,
    /// Only this one.
    Only(PlaceName),
    /// None: as far as they know nothing happened.
    Nobody,
}

impl Tell {
    fn tells(&self, place: &PlaceName) -> bool {
        match self {
            Self::Both => true,
            Self::Only(one) => one == place,
            Self::Nobody => false,
        }
    }
}

/// A run: everything there is, at one moment of virtual time.
#[derive(Debug)]
pub struct World {
    /// The network; its model and its faults may be changed at any time.
    pub network: Network,
    /// How long a component takes to answer unless [`World::behave`] says otherwise.
    pub start_time: Duration,
    /// What is added to that when a place starts code for the first time, because it is
    /// compiled.
    pub compile_time: Duration,
    /// How transfers of code behave.
    pub transfer: TransferModel,
    /// Whether what a place stores survives its crash. True unless changed.
    pub durable: bool,
    setting: Arc<Setting>,
    options: Options,
    kinds: Kinds,
    /// What all places choose from.
    strategies: Arc<Strategies>,
    tree: LocationTree,
    seed: u64,
    now: Instant,
    queue: Queue,
    steps: u64,
    handled: u64,
    pub(crate) slots: Slots,
    pub(crate) clients: Clients,
    pub(crate) transfers: Transfers,
    pub(crate) orders: Orders,
    behaviours: Vec<(Option<PlaceName>, String, Behaviour)>,
    transcript: Transcript,
    /// Whoever follows sessions.
    pub(crate) watch: Option<Box<Watch>>,
    changed: Instant,
    spinning: (Option<PlaceIndex>, Instant, u32),
    /// What a place says while it is being carried out; empty between inputs.
    out: Vec<Output>,
    index_known: bool,
    walks: Walks,
    letters: Letters,
    ghosts: Option<Ghosts>,
}

impl World {
    /// Starts every place of a setting, publishes what they serve, and connects them: the
    /// first thousand places at once, the next ones a millisecond later, and so on.
    /// Everything is looked at.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may.
    ///
    /// # Panics
    /// If the setting is wrong.
    pub fn new(setting: &Setting, seed: u64) -> Result<Self, Violation> {
        Self::with_options(setting.clone(), seed, Options::default())
    }

    /// As [`World::new`], and says how much is looked at. A great setting need not be
    /// copied.
    ///
    /// # Errors
    /// As [`World::new`].
    ///
    /// # Panics
    /// As [`World::new`].
    pub fn with_options(
        setting: impl Into<Arc<Setting>>,
        seed: u64,
        options: Options,
    ) -> Result<Self, Violation> {
        Self::with_strategies(setting, seed, options, Arc::default())
    }

    /// As [`World::with_options`], with other strategies for all places to choose from.
    ///
    /// # Errors
    /// As [`World::new`].
    ///
    /// # Panics
    /// As [`World::new`].
    pub fn with_strategies(
        setting: impl Into<Arc<Setting>>,
        seed: u64,
        options: Options,
        strategies: Arc<Strategies>,
    ) -> Result<Self, Violation> {
        let setting = setting.into();
        let model = LinkModel {
            idle: setting.timing.transport_idle,
            bandwidth: setting.bandwidth,
            ..LinkModel::default()
        };
        let tree = setting.tree();
        let mut world = Self {
            network: Network::new(model, seed),
            start_time: Duration::from_millis(20),
            compile_time: Duration::from_millis(50),
            transfer: TransferModel::default(),
            durable: options.disk,
            options,
            kinds: Kinds::default(),
            strategies,
            seed,
            now: Instant(1_000_000_000),
            queue: Queue::default(),
            steps: 0,
            handled: 0,
            slots: Slots::new(&tree),
            clients: Clients::default(),
            transfers: Transfers::default(),
            orders: Orders::default(),
            behaviours: Vec::new(),
            transcript: Transcript::new(4000),
            watch: None,
            changed: Instant::default(),
            spinning: (None, Instant::default(), 0),
            out: Vec::new(),
            tree,
            setting: Arc::clone(&setting),
            index_known: false,
            walks: Walks::default(),
            letters: Letters::default(),
            ghosts: None,
        };
        if let Some(link) = &setting.link {
            world.network.model_all(EdgeModel::clone(link));
        }
        for ((name, place), at) in setting.places.iter().zip(world.slots.indices()) {
            let edge = world.network.number(name);
            world.network.shape(name, place.edge);
            if place.link.is_some() {
                world.network.model_edge(name, place.link.clone());
            }
            let slot = world.slots.at_mut(at);
            slot.edge = edge;
            slot.repository.capacity = place.disk;
            slot.machine = place.machine.as_ref().map(|model| {
                let model = PlaceModel::clone(model);
                Box::new(Machine::new(model, seed, name))
            });
            world.start(at)?;
        }
        world.join(world.slots.root());
        Ok(world)
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The setting that it was made from.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// All places as a tree.
    #[must_use]
    pub fn tree(&self) -> &LocationTree {
        &self.tree
    }

    /// How many events have been taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many inputs places have taken so far.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// What all places choose from.
    #[must_use]
    pub fn strategies(&self) -> &Strategies {
        &self.strategies
    }

    /// How much is looked at.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The log.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Every place with what its driver keeps for it, in the order of names.
    pub fn slots(&self) -> impl Iterator<Item = (&PlaceName, &Slot)> {
        self.slots.iter()
    }

    /// One place with what its driver keeps for it.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn slot(&self, place: &PlaceName) -> &Slot {
        &self.slots[place]
    }

    /// The number of a place; none if there is no such place.
    #[must_use]
    pub fn index_of(&self, place: &PlaceName) -> Option<PlaceIndex> {
        self.slots.find(place)
    }

    /// The name of a place.
    #[must_use]
    pub fn name_of(&self, place: PlaceIndex) -> &PlaceName {
        self.slots.name(place)
    }

    /// All places by number, in the order of names.
    pub fn indices(&self) -> impl Iterator<Item = PlaceIndex> + use<> {
        self.slots.indices()
    }

    /// What a place has counted in its present life; nothing while it is down. Costs next
    /// to nothing.
    #[must_use]
    pub fn counters(&self, place: PlaceIndex) -> Option<Counters> {
        self.slots.at(place).place().map(Place::counters)
    }

    /// A place that runs; nothing while it is down.
    #[must_use]
    pub fn place(&self, name: &PlaceName) -> Option<&Place> {
        self.slots.get(name)?.place()
    }

    /// All clients.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Keeps so many lines of the transcript from now on.
    pub fn keep_lines(&mut self, lines: usize) {
        self.transcript.keep(lines);
    }

    /// Takes out the clients whose story is over since the last call, in the order in which
    /// it was: they were refused, or closed, or their session has ended. Call it now and
    /// then in a long run, so that clients are not kept for ever. What was scheduled for one of
    /// them has no effect any more.
    pub fn take_finished(&mut self) -> Vec<(RequestId, Client)> {
        let told = self.clients.take_told().into_iter();
        told.filter_map(|id| Some((id, self.clients.take_if_over(id)?)))
            .collect()
    }

    /// What a client knows.
    ///
    /// # Panics
    /// If there is no such request.
    #[must_use]
    pub fn knows(&self, request: RequestId) -> &Knows {
        &self
            .clients
            .get(request)
            .expect("a request of this run")
            .knows
    }

    /// Takes the next event. False if there is none.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may, or a checker objects.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let Some((at, event)) = self.queue.pop() else {
            return Ok(false);
        };
        self.now = at;
        self.steps += 1;
        if event.is_scripted() {
            self.changed = self.now;
        }
        self.take(event)?;
        Ok(true)
    }

    /// When the next event is due.
    #[must_use]
    pub fn next_event_at(&self) -> Option<Instant> {
        self.queue.next_at()
    }

    /// Lets time pass up to a moment before which nothing is due.
    pub(crate) fn pass_until(&mut self, at: Instant) {
        debug_assert!(self.queue.next_at().is_none_or(|next| next >= at));
        self.now = self.now.max(at);
    }

    /// The requests that something was told since this was last called.
    pub(crate) fn take_told(&mut self) -> Vec<RequestId> {
        self.clients.take_told()
    }

    /// Takes every event up to a moment, which is the present then.
    ///
    /// # Errors
    /// As [`World::step`].
    pub fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while self.queue.next_at().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    /// Takes every event of the next while.
    ///
    /// # Errors
    /// As [`World::step`].
    pub fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        self.run_until(self.now + time)
    }

    /// Runs until every client and every operator has had an answer.
    ///
    /// # Errors
    /// As [`World::step`], and if it takes longer than `limit`.
    pub fn run_until_answered(&mut self, limit: Duration) -> Result<(), Violation> {
        let end = self.now + limit;
        while self.is_awaited() {
            if self.now > end {
                return Err(self.violation("a client has had no answer".to_owned()));
            }
            if !self.step()? {
                return Err(self.violation("nothing happens any more".to_owned()));
            }
        }
        Ok(())
    }

    /// Runs until nothing but refreshes and summaries has happened for so long that no
    /// lease, deadline or fence of the settings can be pending, and every client has had
    /// its answer; then checks what must hold in quiet.
    ///
    /// # Errors
    /// As [`World::step`]; if there is no quiet within `limit`; and if what must hold
    /// does not.
    pub fn run_until_quiet(&mut self, limit: Duration) -> Result<(), Violation> {
        let end = self.now + limit;
        let settle = self.settle_time();
        loop {
            let waiting = self.is_awaited();
            let quiet_at = self.changed + settle;
            match self.queue.next_at() {
                Some(at) if waiting || at <= quiet_at => {
                    if at > end {
                        let what = format!("there is no quiet within {limit:?}");
                        return Err(self.violation(what));
                    }
                    self.step()?;
                }
                None if waiting => {
                    return Err(self.violation("a client waits for ever".to_owned()));
                }
                _ => {
                    self.now = self.now.max(quiet_at);
                    break;
                }
            }
        }
        if self.options.checks == Checks::Off {
            return Ok(());
        }
        check::quiet(self).map_err(|what| self.violation(what))
    }

    /// Whether a client or an operator waits for an answer, or has yet to do something.
    fn is_awaited(&self) -> bool {
        self.clients.waiting() > 0 || self.orders.waiting() > 0 || self.queue.scripted() > 0
    }

    /// How long nothing may have changed before the run counts as quiet.
    fn settle_time(&self) -> Duration {
        let timing = &self.setting.timing;
        let fence = timing.fence();
        let presentations = self.setting.places.values().flat_map(|p| &p.presentations);
        let kept_cut = presentations.filter_map(|p| p.when_cut.lost_after).max();
        let longest = timing.session_lease.max(fence);
        longest.max(kept_cut.unwrap_or_default()) + Duration::from_secs(1)
    }

    /// An objection at this moment.
    #[must_use]
    pub fn violation(&self, what: String) -> Violation {
        Violation {
            seed: self.seed,
            at: self.now,
            what,
            tail: self.transcript.tail(TAIL),
        }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.queue.push(self.now + after, event);
    }

    /// Whether any set-up is under way anywhere.
    #[must_use]
    pub fn is_setting_up(&self) -> bool {
        let places = self.slots.values().filter_map(Slot::place);
        let mut bookings = places.flat_map(Place::bookings);
        bookings.any(|b| b.phase != BookingPhase::Established)
    }
}
