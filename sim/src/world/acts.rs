//! What clients do, and what befalls places and edges.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;
use waybook_place::io::{Input, OpenRequest, RequestId};
use waybook_place::{Instant, Place};

use super::queue::Event;
use super::{Behaviour, JOINING, PlaceIndex, Slot, Tell, World};
use crate::check::Violation;
use crate::client::{Client, Knows, Script};
use crate::{oracle, random};

impl World {
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
            .then(|| {
                let (setting, strategies) = (&self.setting, &self.strategies);
                oracle::plan(setting, strategies, &self.added(), place, &request).ok()
            })
            .flatten();
        let at = self.slots.find(place).expect("a place of this run");
        let request = self.clients.add(Client {
            place: place.clone(),
            at,
            request,
            script,
            asked: None,
            knows: Knows::Nothing,
            progress: Vec::new(),
            expected,
        });
        let id = request.request;
        if let Some(watch) = &mut self.watch {
            watch.asks(id);
        }
        self.schedule(after, Event::Ask(id, Box::new(request), open));
        if let Some(close) = script.close {
            self.schedule(after + close, Event::Close(id));
        }
        id
    }

    /// Lets a client close after a while, whatever has become of its request.
    pub fn close(&mut self, request: RequestId, after: Duration) {
        self.schedule(after, Event::Close(request));
    }

    /// Lets a client close now.
    ///
    /// # Errors
    /// [`Violation`] if a place does something that no place may.
    pub fn close_now(&mut self, request: RequestId) -> Result<(), Violation> {
        self.changed = self.now;
        self.take(Event::Close(request))
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
        self.walks.forget();
        let at = self.slots.find(name).expect("a place of this run");
        self.letters.forget(at);
        self.disturb_index();
        if let Some(watch) = &mut self.watch {
            let at = self.slots.find(name).expect("a place of this run");
            watch.crashed(self.now, at, name);
        }
        if let Some(slot) = self.slots.get_mut(name) {
            slot.crash();
        }
        self.forget_transfers(name);
        self.orders.forget(name);
        self.clients.cut(name);
        for neighbour in self.neighbours(name) {
            self.disconnect(name, &neighbour, tell);
            self.network.believe(name, &neighbour, false);
        }
    }

    /// Starts a place that crashed; its neighbours are connected to it again.
    ///
    /// # Errors
    /// [`Violation`] if it does not start, or does something that no place may.
    pub fn restart(&mut self, name: &PlaceName, with_disk: bool) -> Result<(), Violation> {
        self.note(name, "restarts");
        self.walks.forget();
        if let Some(slot) = self.slots.get_mut(name)
            && !with_disk
        {
            slot.lose_disk();
        }
        let at = self.slots.find(name).expect("a place of this run");
        self.start(at)?;
        self.connect_to_neighbours(name);
        Ok(())
    }

    /// Cuts the connection between neighbours: nothing passes until it is healed.
    pub fn cut(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.note(a, "is cut off a neighbour");
        self.disturb_index();
        self.disconnect(a, b, tell);
    }

    /// Connects neighbours again. Ends that are not told believe in the old connection; whoever
    /// knows that there is none is told in any case, as no transport would leave it in the dark.
    pub fn heal(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.note(a, "is connected to a neighbour again");
        self.connect(a, b, tell);
    }

    /// From now on searches may find less, those under way included.
    pub(super) fn disturb_index(&mut self) {
        self.index_known = false;
        self.clients.expect_nothing();
    }

    fn note(&mut self, place: &PlaceName, what: &str) {
        if self.options.transcript {
            self.transcript
                .write(self.now, place, format_args!("{what}"));
        }
        self.changed = self.now;
    }

    fn neighbours(&self, name: &PlaceName) -> Vec<PlaceName> {
        let at = self.slots.find(name).expect("a place of this run");
        let all = self.slots.parent(at).into_iter();
        let all = all.chain(self.slots.children(at).iter().copied());
        all.map(|at| self.slots.name(at).clone()).collect()
    }

    /// Begins a life of a place.
    pub(super) fn start(&mut self, at: PlaceIndex) -> Result<(), Violation> {
        let name = self.slots.name(at).clone();
        let mut config = self.kinds.settings(&self.setting, &name);
        if let Some(changed) = &self.slots.at(at).changed {
            let common = Arc::make_mut(&mut config.common);
            common.capacity.clone_from(&changed.capacity);
        }
        let slot = self.slots.at_mut(at);
        slot.life += 1;
        let life = Incarnation(slot.life);
        let seed = random::bytes(self.seed, name.as_str(), slot.life);
        slot.repository.begin_life(self.now);
        let records = slot.records(&name);
        let mut out = Vec::new();
        let now = slot.local(self.now);
        let strategies = Arc::clone(&self.strategies);
        let started =
            Place::with_strategies(config, life, seed, records, strategies, now, &mut out);
        let mut place = started.map_err(|why| self.violation(format!("{name}: {why}")))?;
        place.watch_sessions(self.options.every_step());
        if !self.options.disk {
            place.forget_sessions();
        }
        if let Some(watch) = &mut self.watch {
            watch.started(self.now, at, &place);
        }
        let slot = self.slots.at_mut(at);
        slot.run(place);
        // What was found again is booked, whatever there is.
        slot.capacity_changed();
        self.carry_out(at, out)?;
        let setting = Arc::clone(&self.setting);
        for presentation in &setting.places[&name].presentations {
            let presentation = Arc::clone(presentation);
            self.handle_at(at, Input::Publish { presentation })?;
        }
        Ok(())
    }

    /// Connects places with their parents, from one on; the next ones follow.
    pub(super) fn join(&mut self, from: PlaceIndex) {
        let (most, pause) = JOINING;
        let (these, next) = self.slots.some(from, most);
        for at in these {
            let Some(parent) = self.slots.parent(at) else {
                continue;
            };
            let (name, parent) = (self.slots.name(at), self.slots.name(parent));
            let (name, parent) = (name.clone(), parent.clone());
            let up = |place| self.place(place).is_some();
            if up(&name) && up(&parent) && !self.network.stands(&name, &parent) {
                self.connect(&name, &parent, &Tell::Both);
            }
        }
        if let Some(next) = next {
            self.schedule(pause, Event::Join(next));
        }
    }

    /// Connects a place to those of its neighbours that run.
    pub(super) fn connect_to_neighbours(&mut self, name: &PlaceName) {
        for neighbour in self.neighbours(name) {
            if self.place(&neighbour).is_some() && !self.network.stands(name, &neighbour) {
                self.connect(name, &neighbour, &Tell::Both);
            }
        }
    }

    fn connect(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        let connection = self.network.connect(a, b);
        let latency = self.network.latency(a, b);
        if *tell != Tell::Both {
            self.network.hides();
        }
        let unaware = |place: &PlaceName, neighbour: &PlaceName| {
            tell.tells(place) || !self.network.is_believed(place, neighbour)
        };
        for (place, neighbour) in self.ends(a, b, unaware) {
            let event = Event::LinkUp {
                place,
                neighbour,
                connection,
            };
            self.schedule(latency, event);
        }
    }

    fn disconnect(&mut self, a: &PlaceName, b: &PlaceName, tell: &Tell) {
        self.network.disconnect(a, b);
        for (place, neighbour) in self.ends(a, b, |place, _| tell.tells(place)) {
            let (name, other) = self.names(place, neighbour);
            self.network.believe(&name, &other, false);
            self.schedule(Duration::ZERO, Event::LinkDown { place, neighbour });
        }
    }

    /// Those of two neighbours for which something holds, each with the other one.
    fn ends(
        &self,
        a: &PlaceName,
        b: &PlaceName,
        which: impl Fn(&PlaceName, &PlaceName) -> bool,
    ) -> Vec<(PlaceIndex, PlaceIndex)> {
        let index = |name| self.slots.find(name).expect("a place of this run");
        let ends = [(a, b), (b, a)].into_iter();
        let chosen = ends.filter(|(place, neighbour)| which(place, neighbour));
        chosen
            .map(|(place, neighbour)| (index(place), index(neighbour)))
            .collect()
    }

    /// When the machine that is furthest behind has done all that has come to it by now.
    pub(crate) fn machines_done(&self) -> Instant {
        let done = self.slots.values().filter_map(Slot::works_off);
        done.max().unwrap_or_default().max(self.now)
    }
}
