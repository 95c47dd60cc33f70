//! The world: places, their network, their disks and components, and time.

mod slot;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use waybook_agents::{Incarnation, wire};
use waybook_location_tree::{LocationTree, PlaceName};
use waybook_place::io::{Input, InstanceId, OpenRequest, Output, RequestId};
use waybook_place::{BookingPhase, Instant, Place};

pub use slot::{Running, Slot};

use crate::check::{self, Violation};
use crate::client::{Client, Clients, Knows, Script};
use crate::network::{LinkModel, Network};
use crate::setting::Setting;
use crate::transcript::{Transcript, describe_input, describe_output, kind};
use crate::{oracle, random};

/// Lines that a violation shows.
const TAIL: usize = 60;
/// Calls of one place at one instant after which it counts as spinning.
const SPINNING: u32 = 1000;

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

#[derive(Debug)]
enum Event {
    Deliver {
        from: PlaceName,
        to: PlaceName,
        connection: u64,
        frame: Vec<u8>,
    },
    LinkUp {
        place: PlaceName,
        neighbour: PlaceName,
        connection: u64,
    },
    LinkDown {
        place: PlaceName,
        neighbour: PlaceName,
    },
    Tick(PlaceName),
    Component {
        place: PlaceName,
        life: Incarnation,
        instance: InstanceId,
        failure: Option<String>,
    },
    Ask(RequestId, OpenRequest, bool),
    Claim(RequestId),
    Close(RequestId),
    HangUp(RequestId),
}

impl Event {
    /// Whether it is a scripted act, until which the run cannot be quiet.
    fn is_scripted(&self) -> bool {
        matches!(
            self,
            Self::Ask(..) | Self::Claim(_) | Self::Close(_) | Self::HangUp(_)
        )
    }
}

/// An event at its time. Of equal times, the one that was scheduled first comes first.
#[derive(Debug)]
struct Scheduled {
    at: Instant,
    sequence: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// A run: everything there is, at one moment of virtual time.
#[derive(Debug)]
pub struct World {
    /// The network; its model and its faults may be changed at any time.
    pub network: Network,
    /// How long a component takes to answer unless [`World::behave`] says otherwise.
    pub start_time: Duration,
    /// Whether what a place stores survives its crash. True unless changed.
    pub durable: bool,
    setting: Setting,
    tree: LocationTree,
    seed: u64,
    now: Instant,
    sequence: u64,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scripted: usize,
    steps: u64,
    pub(crate) slots: BTreeMap<PlaceName, Slot>,
    pub(crate) clients: Clients,
    behaviours: Vec<(Option<PlaceName>, String, Behaviour)>,
    transcript: Transcript,
    changed: Instant,
    spinning: (PlaceName, Instant, u32),
    index_known: bool,
}

impl World {
    /// Starts every place of a setting, publishes what they serve, and connects them.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may.
    ///
    /// # Panics
    /// If the setting is wrong.
    pub fn new(setting: &Setting, seed: u64) -> Result<Self, Violation> {
        let model = LinkModel {
            idle: setting.timing.transport_idle,
            ..LinkModel::default()
        };
        let tree = setting.tree();
        let mut world = Self {
            network: Network::new(model, seed),
            start_time: Duration::from_millis(20),
            durable: true,
            setting: setting.clone(),
            seed,
            now: Instant(1_000_000_000),
            sequence: 0,
            queue: BinaryHeap::new(),
            scripted: 0,
            steps: 0,
            slots: BTreeMap::new(),
            clients: Clients::default(),
            behaviours: Vec::new(),
            transcript: Transcript::new(4000),
            changed: Instant::default(),
            spinning: (tree.root().clone(), Instant::default(), 0),
            tree,
            index_known: false,
        };
        let names: Vec<_> = world.tree.places().cloned().collect();
        for name in &names {
            world.slots.insert(name.clone(), Slot::default());
            world.start(name)?;
        }
        for name in &names {
            world.connect_to_neighbours(name);
        }
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

    /// Says how components of that name behave from now on, at one place or everywhere.
    pub fn behave(&mut self, place: Option<&PlaceName>, component: &str, behaviour: Behaviour) {
        let rule = (place.cloned(), component.to_owned(), behaviour);
        self.behaviours.push(rule);
    }

    /// Says that every place has heard by now what it needs of the index, so that plans
    /// can be foretold.
    pub fn index_is_known(&mut self) {
        self.index_known = true;
    }

    /// Lets a client ask for a session after a while.
    pub fn open(
        &mut self,
        place: &PlaceName,
        request: OpenRequest,
        script: Script,
        after: Duration,
    ) -> RequestId {
        self.ask(place, request, script, after, true)
    }

    /// Lets a client ask at once what an open would do.
    pub fn dry_run(&mut self, place: &PlaceName, request: OpenRequest) -> RequestId {
        self.ask(place, request, Script::VANISHES, Duration::ZERO, false)
    }

    fn ask(
        &mut self,
        place: &PlaceName,
        request: OpenRequest,
        script: Script,
        after: Duration,
        open: bool,
    ) -> RequestId {
        let expected = (self.index_known)
            .then(|| oracle::plan(&self.setting, place, &request).ok())
            .flatten();
        let request = self.clients.add(Client {
            place: place.clone(),
            request,
            script,
            asked: None,
            knows: Knows::Nothing,
            progress: Vec::new(),
            expected,
        });
        let id = request.request;
        self.schedule(after, Event::Ask(id, request, open));
        if let Some(close) = script.close {
            self.schedule(after + close, Event::Close(id));
        }
        id
    }

    /// Lets a client close after a while, whatever has become of its request.
    pub fn close(&mut self, request: RequestId, after: Duration) {
        self.schedule(after, Event::Close(request));
    }

    /// Lets a client hang up after a while, if it has had no answer by then. It does not
    /// even close.
    pub fn hang_up(&mut self, request: RequestId, after: Duration) {
        self.schedule(after, Event::HangUp(request));
    }

    /// Hands an input to a place as if its driver had, for what no driver of ours does.
    ///
    /// # Errors
    /// [`Violation`] if the place answers with something that no place may.
    pub fn inject(&mut self, place: &PlaceName, input: Input) -> Result<(), Violation> {
        self.handle(place, input)
    }

    /// Stops a place as a crash does. All that it had, but for its disk, is gone.
    pub fn crash(&mut self, name: &PlaceName, tell: &Tell) {
        self.note(name, "crashes");
        self.disturb_index();
        if let Some(slot) = self.slots.get_mut(name) {
            slot.crash();
        }
        self.clients.cut(name);
        for neighbour in self.neighbours(name) {
            self.disconnect(name, &neighbour, tell);
        }
    }

    /// Starts a place that crashed; its neighbours are connected to it again.
    ///
    /// # Errors
    /// [`Violation`] if it does not start, or does something that no place may.
    pub fn restart(&mut self, name: &PlaceName, with_disk: bool) -> Result<(), Violation> {
        self.note(name, "restarts");
        if let Some(slot) = self.slots.get_mut(name)
            && !with_disk
        {
            slot.disk.clear();
        }
        self.start(name)?;
        self.connect_to_neighbours(name);
        Ok(())
    }

    /// Cuts the connection between neighbours: nothing passes until it is healed.
    pub fn cut(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.note(a, "is cut off a neighbour");
        self.disturb_index();
        self.disconnect(a, b, tell);
    }

    /// Connects neighbours again. Ends that are not told believe in the old connection.
    pub fn heal(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.note(a, "is connected to a neighbour again");
        self.connect(a, b, tell);
    }

    /// Takes the next event. False if there is none.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may, or a checker objects.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let Some(Reverse(next)) = self.queue.pop() else {
            return Ok(false);
        };
        self.now = next.at;
        self.steps += 1;
        if next.event.is_scripted() {
            self.scripted -= 1;
            self.changed = self.now;
        }
        self.take(next.event)?;
        Ok(true)
    }

    /// Takes every event up to a moment, which is the present then.
    ///
    /// # Errors
    /// As [`World::step`].
    pub fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while self.queue.peek().is_some_and(|next| next.0.at <= end) {
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

    /// Runs until every client has had its answer.
    ///
    /// # Errors
    /// As [`World::step`], and if it takes longer than `limit`.
    pub fn run_until_answered(&mut self, limit: Duration) -> Result<(), Violation> {
        let end = self.now + limit;
        while self.clients.waiting() > 0 || self.scripted > 0 {
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
            let waiting = self.clients.waiting() > 0 || self.scripted > 0;
            let quiet_at = self.changed + settle;
            match self.queue.peek() {
                Some(next) if waiting || next.0.at <= quiet_at => {
                    if next.0.at > end {
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
        check::quiet(self).map_err(|what| self.violation(what))
    }

    /// How long nothing may have changed before the run counts as quiet.
    fn settle_time(&self) -> Duration {
        let timing = &self.setting.timing;
        let fence = timing.fence(Duration::ZERO);
        timing.session_lease.max(fence) + Duration::from_secs(1)
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

    /// From now on searches may find less, those under way included.
    fn disturb_index(&mut self) {
        self.index_known = false;
        self.clients.expect_nothing();
    }

    fn note(&mut self, place: &PlaceName, what: &str) {
        self.transcript
            .write(self.now, place, format_args!("{what}"));
        self.changed = self.now;
    }

    fn neighbours(&self, name: &PlaceName) -> Vec<PlaceName> {
        let parent = name.parent().into_iter();
        parent.chain(self.tree.children(name).cloned()).collect()
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.now + after, event);
    }

    fn schedule_at(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.scripted += usize::from(event.is_scripted());
        let sequence = self.sequence;
        self.queue.push(Reverse(Scheduled {
            at,
            sequence,
            event,
        }));
    }

    /// Begins a life of a place.
    fn start(&mut self, name: &PlaceName) -> Result<(), Violation> {
        let config = self.setting.config(name);
        let slot = self.slots.get_mut(name).expect("a place of this run");
        slot.life += 1;
        let life = Incarnation(slot.life);
        let seed = random::bytes(self.seed, name.as_str(), slot.life);
        let records = slot.disk.clone().into_iter().collect();
        let mut out = Vec::new();
        let started = Place::new(config, life, seed, records, self.now, &mut out);
        let place = started.map_err(|why| self.violation(format!("{name}: {why}")))?;
        self.slots.get_mut(name).expect("as above").run(place);
        self.carry_out(name, out)?;
        for presentation in self.setting.places[name].presentations.clone() {
            self.handle(name, Input::Publish { presentation })?;
        }
        Ok(())
    }

    fn connect_to_neighbours(&mut self, name: &PlaceName) {
        for neighbour in self.neighbours(name) {
            if self.place(&neighbour).is_some() && !self.network.stands(name, &neighbour) {
                self.connect(name, &neighbour, &Tell::Both);
            }
        }
    }

    fn connect(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        let connection = self.network.connect(a, b);
        let latency = self.network.model.latency;
        for (place, neighbour) in [(a, b), (b, a)] {
            if tell.tells(place) {
                let (place, neighbour) = (place.clone(), neighbour.clone());
                self.schedule(
                    latency,
                    Event::LinkUp {
                        place,
                        neighbour,
                        connection,
                    },
                );
            }
        }
    }

    fn disconnect(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.network.disconnect(a, b);
        for (place, neighbour) in [(a, b), (b, a)] {
            if tell.tells(place) {
                let (place, neighbour) = (place.clone(), neighbour.clone());
                self.schedule(Duration::ZERO, Event::LinkDown { place, neighbour });
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Deliver {
                from,
                to,
                connection,
                frame,
            } => self.deliver(from, &to, connection, &frame),
            Event::LinkUp {
                place,
                neighbour,
                connection,
            } => {
                let Some(life) = self.place(&neighbour).map(Place::incarnation) else {
                    return Ok(());
                };
                if !self.network.carries(&place, &neighbour, connection) {
                    return Ok(());
                }
                let input = Input::LinkUp {
                    neighbour,
                    incarnation: life,
                };
                self.handle(&place, input)
            }
            Event::LinkDown { place, neighbour } => {
                self.handle(&place, Input::LinkDown { neighbour })
            }
            Event::Tick(name) => self.tick(&name),
            Event::Component {
                place,
                life,
                instance,
                failure,
            } => self.component(&place, life, instance, failure),
            Event::Ask(id, request, open) => {
                if !self.clients.asks(id, self.now) {
                    return Ok(());
                }
                let place = self.clients.get(id).expect("a client").place.clone();
                if self.place(&place).is_none() {
                    self.clients.cut(&place);
                    return Ok(());
                }
                let input = if open {
                    Input::Open(request)
                } else {
                    Input::DryRun(request)
                };
                self.handle(&place, input)
            }
            Event::Claim(id) => {
                let client = self.clients.get(id).expect("a client");
                let Some(session) = client.session().map(|s| s.session) else {
                    return Ok(());
                };
                let place = client.place.clone();
                self.handle(&place, Input::Claim { session })
            }
            Event::Close(id) => {
                let client = self.clients.get(id).expect("a client");
                let (place, key) = (client.place.clone(), client.request.key.clone());
                // A client whose place crashed comes back and closes what it finds.
                let sessions = self.place(&place).map(|p| p.sessions(self.now));
                let found = sessions.into_iter().flatten().find(|s| s.key == key);
                match found {
                    Some(view) => {
                        let session = view.hop.session;
                        self.handle(&place, Input::Close { session })
                    }
                    // There is no session to close yet.
                    None => self.cancel(id),
                }
            }
            Event::HangUp(id) => self.cancel(id),
        }
    }

    fn cancel(&mut self, id: RequestId) -> Result<(), Violation> {
        if !self.clients.hangs_up(id) {
            return Ok(());
        }
        let place = self.clients.get(id).expect("a client").place.clone();
        self.handle(&place, Input::Cancel { request: id })
    }

    fn tick(&mut self, name: &PlaceName) -> Result<(), Violation> {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(name) else {
            return Ok(());
        };
        if slot.tick.is_some_and(|at| at <= now) {
            slot.tick = None;
        }
        if !slot.is_due(now) {
            self.plan_tick(name);
            return Ok(());
        }
        let (place, at, count) = &mut self.spinning;
        if *place == *name && *at == now {
            *count += 1;
            if *count > SPINNING {
                return Err(self.violation(format!("{name} wants a tick again and again")));
            }
        } else {
            self.spinning = (name.clone(), now, 0);
        }
        self.handle(name, Input::Tick)
    }

    fn plan_tick(&mut self, name: &PlaceName) {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(name) else {
            return;
        };
        if let Some(at) = slot.next_tick() {
            let at = at.max(now);
            slot.tick = Some(at);
            self.schedule_at(at, Event::Tick(name.clone()));
        }
    }

    fn deliver(
        &mut self,
        from: PlaceName,
        to: &PlaceName,
        connection: u64,
        frame: &[u8],
    ) -> Result<(), Violation> {
        if !self.network.carries(&from, to, connection) || self.place(to).is_none() {
            return Ok(());
        }
        let envelope = wire::decode(&frame[wire::PREFIX..])
            .map_err(|e| self.violation(format!("{to} cannot read {from}: {e}")))?;
        self.handle(to, Input::Received { from, envelope })
    }

    fn component(
        &mut self,
        name: &PlaceName,
        life: Incarnation,
        instance: InstanceId,
        failure: Option<String>,
    ) -> Result<(), Violation> {
        let slot = self.slots.get_mut(name).expect("a place of this run");
        if slot.life != life.0 || !slot.components.contains_key(&instance) {
            return Ok(());
        }
        let input = if let Some(why) = failure {
            slot.components.remove(&instance);
            Input::ComponentFailed { instance, why }
        } else {
            let running = slot.components.get_mut(&instance);
            running.expect("as seen above").up = true;
            let endpoint = format!("{name}#{}", instance.0);
            Input::ComponentUp { instance, endpoint }
        };
        self.handle(name, input)
    }

    fn handle(&mut self, name: &PlaceName, input: Input) -> Result<(), Violation> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Ok(());
        };
        let Some(place) = slot.place_mut() else {
            return Ok(());
        };
        self.transcript
            .write(self.now, name, format_args!("< {}", describe_input(&input)));
        let mut out = Vec::new();
        place.handle(self.now, input, &mut out);
        self.carry_out(name, out)
    }

    fn carry_out(&mut self, name: &PlaceName, out: Vec<Output>) -> Result<(), Violation> {
        for output in out {
            self.transcript.write(
                self.now,
                name,
                format_args!("> {}", describe_output(&output)),
            );
            self.output(name, output)
                .map_err(|what| self.violation(format!("{name}: {what}")))?;
        }
        self.plan_tick(name);
        let slot = self.slots.get_mut(name).expect("a place of this run");
        if slot.bookings_changed() {
            self.changed = self.now;
        }
        check::place(&self.slots[name]).map_err(|what| self.violation(format!("{name}: {what}")))
    }

    fn output(&mut self, name: &PlaceName, output: Output) -> Result<(), String> {
        if !matches!(output, Output::Send { .. } | Output::Store { .. }) {
            self.changed = self.now;
        }
        let slot = self.slots.get_mut(name).expect("a place of this run");
        match output {
            Output::Send { to, envelope } => {
                if !name.is_neighbour_of(&to) || !self.tree.has(&to) {
                    return Err(format!("sends to {to}, which is no neighbour"));
                }
                if envelope.from.0 != slot.life {
                    return Err("signs with another life than its own".to_owned());
                }
                let frame = wire::encode(&envelope);
                if frame.len() > wire::MAX_FRAME {
                    return Err(format!("sends a frame of {} bytes", frame.len()));
                }
                self.transcript.add(&frame);
                let kind = kind(&envelope.message);
                let passage = self.network.send(self.now, name, &to, kind);
                for at in passage.arrivals {
                    let event = Event::Deliver {
                        from: name.clone(),
                        to: to.clone(),
                        connection: passage.connection,
                        frame: frame.clone(),
                    };
                    self.schedule_at(at, event);
                }
            }
            Output::Start {
                instance,
                component,
            } => {
                let component_name = component.name.clone();
                let running = Running {
                    component,
                    up: false,
                };
                if slot.components.insert(instance, running).is_some() {
                    return Err(format!("starts {instance:?} twice"));
                }
                let life = Incarnation(slot.life);
                let (after, failure) = match self.behaviour(name, &component_name) {
                    Behaviour::Starts(after) => (after, None),
                    Behaviour::Fails(after, why) => (after, Some(why)),
                    Behaviour::Silent => return Ok(()),
                };
                let event = Event::Component {
                    place: name.clone(),
                    life,
                    instance,
                    failure,
                };
                self.schedule(after, event);
            }
            Output::Stop { instance } => {
                slot.components.remove(&instance);
            }
            Output::Route(route) => {
                if let Some(missing) = route
                    .chain
                    .iter()
                    .find(|i| !slot.components.contains_key(i))
                {
                    return Err(format!("routes through {missing:?}, which does not run"));
                }
                slot.routes.insert(route.session, route);
            }
            Output::Unroute { session } => {
                slot.routes.remove(&session);
            }
            Output::Store { key, value } => match value {
                _ if !self.durable => {}
                Some(value) => {
                    slot.disk.insert(key, value);
                }
                None => {
                    slot.disk.remove(&key);
                }
            },
            Output::Opened { request, outcome } => {
                self.clients.answered(request, outcome)?;
                let claim = self.clients.get(request).and_then(|c| c.script.claim);
                if let Some(after) = claim {
                    self.schedule(after, Event::Claim(request));
                }
            }
            Output::Progress { request, progress } => {
                if let Some(client) = self.clients.get_mut(request) {
                    client.progress.push(progress);
                }
            }
            Output::Surveyed { request, survey } => self.clients.surveyed(request, survey)?,
            Output::Ended { session, why } => self.clients.ended(session, &why),
        }
        Ok(())
    }

    fn behaviour(&self, place: &PlaceName, component: &str) -> Behaviour {
        let rule =
            self.behaviours.iter().rev().find(|(at, name, _)| {
                name == component && at.as_ref().is_none_or(|at| at == place)
            });
        rule.map_or(Behaviour::Starts(self.start_time), |(_, _, b)| b.clone())
    }

    /// Whether any set-up is under way anywhere.
    #[must_use]
    pub fn is_setting_up(&self) -> bool {
        let places = self.slots.values().filter_map(Slot::place);
        let mut bookings = places.flat_map(Place::bookings);
        bookings.any(|b| b.phase != BookingPhase::Established)
    }
}
