//! The pump: events become inputs, and outputs become events.

use std::sync::Arc;

use waybook_agents::{Envelope, Incarnation, Message, wire};
use waybook_location_tree::PlaceName;
use waybook_place::Place;
use waybook_place::io::{CodeOrder, Input, InstanceId, Output, RequestId};
use waybook_plan::{Component, Release};

use super::queue::{Event, Letter};
use super::{Behaviour, PlaceIndex, Running, SPINNING, Wire, World};
use crate::check::{self, Violation};
use crate::transcript::{describe_input, describe_output};

impl World {
    pub(super) fn take(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Deliver {
                from,
                to,
                connection,
                letter,
            } => self.deliver(from, to, connection, letter),
            Event::Ghost {
                from,
                to,
                lives,
                envelope,
            } => self.ghost(from, to, lives, *envelope),
            Event::LinkUp {
                place,
                neighbour,
                connection,
            } => self.link_up(place, neighbour, connection),
            Event::LinkDown { place, neighbour } => {
                let (name, neighbour) = self.names(place, neighbour);
                self.cut_transfers(&name, &neighbour);
                self.handle_at(place, Input::LinkDown { neighbour })
            }
            Event::Tick(at) => self.tick(at),
            Event::Work { at, life, input } => {
                if self.slots.at(at).life != life.0 {
                    return Ok(());
                }
                self.work(at, *input)
            }
            Event::Join(from) => {
                self.join(from);
                Ok(())
            }
            Event::Component {
                place,
                life,
                instance,
                failure,
            } => self.component(place, life, instance, failure),
            Event::Transfer(id, step) => self.take_transfer(id, step),
            Event::Ask(id, request, open) => {
                let Some(at) = self.clients.asks(id, self.now) else {
                    return Ok(());
                };
                if self.slots.at(at).place().is_none() {
                    let place = self.slots.name(at);
                    self.clients.cut(place);
                    return Ok(());
                }
                let input = if open {
                    Input::Open(*request)
                } else {
                    Input::DryRun(*request)
                };
                self.handle_at(at, input)
            }
            Event::Claim(id) => {
                let Some(client) = self.clients.get(id) else {
                    return Ok(());
                };
                let Some(session) = client.session().map(|s| s.session) else {
                    return Ok(());
                };
                self.handle_at(client.at, Input::Claim { session })
            }
            Event::Close(id) => {
                // Whoever has been taken out is over.
                let Some(client) = self.clients.get(id) else {
                    return Ok(());
                };
                let (at, request) = (client.at, &client.request);
                // A client whose place crashed comes back and closes what it finds.
                let place = self.slots.at(at).place();
                let (user, key) = (&request.profile.user, &request.key);
                let found = place.and_then(|place| place.session_of(user, key));
                match found {
                    Some(session) => self.handle_at(at, Input::Close { session }),
                    // There is no session to close yet.
                    None => self.cancel(id),
                }
            }
            Event::HangUp(id) => self.cancel(id),
        }
    }

    pub(super) fn names(&self, a: PlaceIndex, b: PlaceIndex) -> (PlaceName, PlaceName) {
        (self.slots.name(a).clone(), self.slots.name(b).clone())
    }

    fn link_up(
        &mut self,
        at: PlaceIndex,
        neighbour: PlaceIndex,
        connection: u64,
    ) -> Result<(), Violation> {
        let Some(life) = self.slots.at(neighbour).place().map(Place::incarnation) else {
            return Ok(());
        };
        let (lower, _) = self.slots.lower(at, neighbour);
        let edge = self.slots.at(lower).edge;
        if !self.network.carries_on(edge, connection) {
            return Ok(());
        }
        let (name, neighbour) = self.names(at, neighbour);
        self.cut_transfers(&name, &neighbour);
        self.network.believe(&name, &neighbour, true);
        let input = Input::LinkUp {
            neighbour,
            incarnation: life,
            version: wire::VERSION,
        };
        self.handle_at(at, input)
    }

    fn cancel(&mut self, id: RequestId) -> Result<(), Violation> {
        match self.clients.hangs_up(id) {
            Some(at) => self.handle_at(at, Input::Cancel { request: id }),
            None => Ok(()),
        }
    }

    fn tick(&mut self, at: PlaceIndex) -> Result<(), Violation> {
        let now = self.now;
        let slot = self.slots.at_mut(at);
        if slot.tick.is_some_and(|planned| planned <= now) {
            slot.tick = None;
        }
        if !slot.is_due(now) {
            self.plan_tick(at);
            return Ok(());
        }
        let (place, last, count) = &mut self.spinning;
        if *place == Some(at) && *last == now {
            *count += 1;
            if *count > SPINNING {
                let name = self.slots.name(at);
                return Err(self.violation(format!("{name} wants a tick again and again")));
            }
        } else {
            self.spinning = (Some(at), now, 0);
        }
        self.handle_at(at, Input::Tick)
    }

    pub(super) fn plan_tick(&mut self, at: PlaceIndex) {
        let now = self.now;
        let slot = self.slots.at_mut(at);
        if let Some(wanted) = slot.next_tick() {
            let wanted = wanted.max(now);
            slot.tick = Some(wanted);
            self.queue.push(wanted, Event::Tick(at));
        }
    }

    fn deliver(
        &mut self,
        from: PlaceIndex,
        to: PlaceIndex,
        connection: u64,
        letter: Letter,
    ) -> Result<(), Violation> {
        let (lower, _) = self.slots.lower(from, to);
        let edge = self.slots.at(lower).edge;
        if !self.network.carries_on(edge, connection) || self.slots.at(to).place().is_none() {
            return Ok(());
        }
        let envelope = match letter {
            Letter::Envelope(envelope) => *envelope,
            Letter::Frame(frame) => wire::decode(&frame[wire::PREFIX..]).map_err(|e| {
                let (from, to) = self.names(from, to);
                self.violation(format!("{to} cannot read {from}: {e}"))
            })?,
        };
        let from = self.slots.name(from).clone();
        self.handle_at(to, Input::Received { from, envelope })
    }

    fn component(
        &mut self,
        at: PlaceIndex,
        life: Incarnation,
        instance: InstanceId,
        failure: Option<String>,
    ) -> Result<(), Violation> {
        let slot = self.slots.at_mut(at);
        if slot.life != life.0 || !slot.components.contains_key(&instance) {
            return Ok(());
        }
        let input = if let Some(why) = failure {
            slot.components.remove(&instance);
            Input::ComponentFailed { instance, why }
        } else {
            let running = slot.components.get_mut(&instance);
            running.expect("as seen above").up = true;
            let endpoint = format!("{}#{}", self.slots.name(at), instance.0);
            Input::ComponentUp { instance, endpoint }
        };
        self.handle_at(at, input)
    }

    /// Hands an input to a place by its name.
    pub(super) fn handle(&mut self, name: &PlaceName, input: Input) -> Result<(), Violation> {
        match self.slots.find(name) {
            Some(at) => self.handle_at(at, input),
            None => Ok(()),
        }
    }

    /// Hands an input to a place, at once or when its machine gets to it. Nothing if it is
    /// down.
    pub(super) fn handle_at(&mut self, at: PlaceIndex, input: Input) -> Result<(), Violation> {
        let slot = self.slots.at_mut(at);
        if let Some(done) = slot.works_until(self.now, &input) {
            let life = Incarnation(slot.life);
            let input = Box::new(input);
            let event = Event::Work { at, life, input };
            self.queue.push(done, event);
            return Ok(());
        }
        self.work(at, input)
    }

    /// Lets a place decide, and carries out what it says. Nothing if it is down.
    pub(super) fn work(&mut self, at: PlaceIndex, input: Input) -> Result<(), Violation> {
        // Kept from input to input, so that it need not grow anew.
        let mut out = std::mem::take(&mut self.out);
        let slot = self.slots.at_mut(at);
        let local = slot.local(self.now);
        let Some(place) = slot.place_mut() else {
            return Ok(());
        };
        if self.options.transcript {
            let name = place.name().clone();
            let what = describe_input(&input);
            self.transcript
                .write(self.now, &name, format_args!("< {what}"));
        }
        if let Some(watch) = &mut self.watch {
            watch.before(self.now, at, place, &input);
        }
        if let Input::Code {
            order: CodeOrder::Add(release),
            ..
        } = &input
            && !slot.repository.holds(&release.digest)
        {
            slot.repository.put(Arc::clone(release));
        }
        let Some(place) = slot.place_mut() else {
            return Ok(());
        };
        let told = match &input {
            Input::Fetched { fetch } | Input::FetchFailed { fetch, .. } => {
                Some((place.name().clone(), *fetch))
            }
            _ => None,
        };
        self.handled += 1;
        let reloads = matches!(input, Input::Reload(_));
        let unanswered = place.counters().unanswered;
        let owed = match self.options.every_step() {
            true => self.letters.before(local, at, place, &input),
            false => None,
        };
        place.handle(local, input, &mut out);
        if reloads {
            self.slots.at_mut(at).capacity_changed();
        }
        let Some(place) = self.slots.at(at).place() else {
            return Ok(());
        };
        if let Some(owed) = owed {
            let paid = self.letters.after(local, at, place, &owed, &out);
            paid.map_err(|what| self.objection(at, &what))?;
        }
        let Some(place) = self.slots.at(at).place() else {
            return Ok(());
        };
        if let Some(watch) = &mut self.watch {
            watch.after(self.now, at, place, &out);
        }
        if place.counters().unanswered > unanswered {
            // It plans with what it has heard of in time.
            let name = self.slots.name(at);
            self.clients.expect_nothing_at(name);
        }
        self.carry_out(at, out)?;
        if let Some(news) = told {
            // Until now: a deadline that is over comes first, and gives the transfer up.
            self.transfers.untold.remove(&news);
        }
        Ok(())
    }

    pub(super) fn carry_out(
        &mut self,
        at: PlaceIndex,
        mut out: Vec<Output>,
    ) -> Result<(), Violation> {
        for output in out.drain(..) {
            if self.options.transcript {
                let name = self.slots.name(at);
                let what = describe_output(&output);
                self.transcript
                    .write(self.now, name, format_args!("> {what}"));
            }
            let done = self.output(at, output);
            done.map_err(|what| self.objection(at, &what))?;
        }
        self.out = out;
        self.plan_tick(at);
        let slot = self.slots.at_mut(at);
        let changed = slot.bookings_changed();
        if changed {
            self.changed = self.now;
        }
        if self.options.every_step() {
            let checked = check::step(slot, changed);
            checked.map_err(|what| self.objection(at, &what))?;
        }
        Ok(())
    }

    fn objection(&self, at: PlaceIndex, what: &str) -> Violation {
        self.violation(format!("{}: {what}", self.slots.name(at)))
    }

    fn output(&mut self, at: PlaceIndex, output: Output) -> Result<(), String> {
        if !matches!(output, Output::Send { .. } | Output::Store { .. }) {
            self.changed = self.now;
        }
        match output {
            Output::Send { to, envelope } => return self.send(at, &to, envelope),
            Output::Start {
                instance,
                component,
                release,
                ..
            } => return self.start_component(at, instance, component, release),
            Output::Fetch {
                fetch,
                release,
                source,
            } => {
                let name = self.slots.name(at).clone();
                self.fetch(&name, fetch, release, &source)?;
            }
            Output::CancelFetch { fetch, keep } => {
                let name = self.slots.name(at).clone();
                self.cancel_fetch(&name, fetch, keep)?;
            }
            Output::Evict { digest } => {
                let name = self.slots.name(at).clone();
                let arrives = self.transfers.brings(&name, &digest);
                check::evict(self.slots.at(at), arrives, &digest)?;
                self.evict(&name, &digest);
            }
            Output::CodeDone { request, result } => {
                let name = self.slots.name(at).clone();
                self.code_done(&name, request, result)?;
            }
            Output::Stop { instance } => {
                self.slots.at_mut(at).components.remove(&instance);
            }
            Output::Route(route) => {
                let slot = self.slots.at_mut(at);
                let mut chain = route.chain.iter();
                if let Some(missing) = chain.find(|i| !slot.components.contains_key(i)) {
                    return Err(format!("routes through {missing:?}, which does not run"));
                }
                slot.routes.insert(route.session, Box::new(route));
            }
            Output::Unroute { session } => {
                self.slots.at_mut(at).routes.remove(&session);
            }
            Output::Store { key, value } => {
                let disk = &mut self.slots.at_mut(at).disk;
                match value {
                    _ if !self.durable => {}
                    Some(value) => {
                        disk.insert(key, value);
                    }
                    None => {
                        disk.remove(&key);
                    }
                }
            }
            Output::Opened { request, outcome } => {
                if let Some(session) = self.clients.answered(request, outcome)? {
                    self.walks.over(session);
                }
                let client = self.clients.get(request);
                if let Some(after) = client.and_then(|c| c.script.claim) {
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

    /// A place sends a message to a neighbour.
    fn send(&mut self, at: PlaceIndex, to: &PlaceName, envelope: Envelope) -> Result<(), String> {
        let Some(to) = self.slots.neighbour(at, to) else {
            return Err(format!("sends to {to}, which is no neighbour"));
        };
        if envelope.from.0 != self.slots.at(at).life {
            return Err("signs with another life than its own".to_owned());
        }
        let every_step = self.options.every_step();
        let encoded = self.options.transcript || every_step || self.options.wire == Wire::Decoded;
        let (lower, upward) = self.slots.lower(at, to);
        let edge = self.slots.at(lower).edge;
        let encoded = encoded || self.network.counts_bytes(edge, upward);
        let frame = encoded.then(|| wire::encode(&envelope));
        let length = frame.as_ref().map_or(0, |frame| frame.len() as u64);
        if let Some(frame) = &frame {
            if frame.len() > wire::MAX_FRAME {
                return Err(format!("sends a frame of {} bytes", frame.len()));
            }
            if self.options.transcript {
                self.transcript.add(frame);
            }
        }
        // With less room a place may have to forget that a visit is over, and let it in again.
        let has_room = self.setting.limits.sessions >= check::FORGETFUL;
        if every_step
            && has_room
            && let Message::Visit(visit) = &envelope.message
        {
            let longest = self.setting.timing.fence();
            self.walks.forget_old(self.now, longest);
            self.walks.sent(self.slots.name(to), visit)?;
        }
        if every_step {
            let remembers = self.setting.timing.fence();
            let local = self.slots.at(at).local(self.now);
            let (to, message) = (self.slots.name(to), &envelope.message);
            (self.letters).said((self.now, local), at, to, message, remembers);
        }
        self.draw_ghost(at, to, &envelope);
        let kind = envelope.message.kind();
        let sent = (self.network).send_sized_on(self.now, edge, upward, kind, length);
        if let Some(watch) = &mut self.watch {
            let (from, to) = (self.slots.name(at), self.slots.name(to));
            watch.sent(self.now, from, to, &envelope.message, &sent);
        }
        let letter = match frame {
            Some(frame) if self.options.wire == Wire::Decoded => Letter::Frame(frame),
            _ => Letter::Envelope(Box::new(envelope)),
        };
        let connection = sent.connection;
        let deliver = |letter| Event::Deliver {
            from: at,
            to,
            connection,
            letter,
        };
        if let Some(again) = sent.again {
            // It comes after the first, whatever the times.
            let first = sent.first.expect("what comes twice comes once");
            self.queue.push(first, deliver(letter.clone()));
            self.queue.push(again, deliver(letter));
        } else if let Some(first) = sent.first {
            self.queue.push(first, deliver(letter));
        }
        Ok(())
    }

    /// A place starts a component.
    fn start_component(
        &mut self,
        at: PlaceIndex,
        instance: InstanceId,
        component: Component,
        release: Option<Arc<Release>>,
    ) -> Result<(), String> {
        let name = self.slots.name(at).clone();
        let compiled = self.compiled(&name, &component, release.as_deref())?;
        let behaviour = self.behaviour(at, &component.name);
        let slot = self.slots.at_mut(at);
        let running = Running {
            component,
            up: false,
            release,
        };
        check::start(slot, &running)?;
        if slot.components.insert(instance, running).is_some() {
            return Err(format!("starts {instance:?} twice"));
        }
        let life = Incarnation(slot.life);
        let (after, failure) = match behaviour {
            Behaviour::Starts(after) => (after, None),
            Behaviour::Fails(after, why) => (after, Some(why)),
            Behaviour::Silent => return Ok(()),
        };
        let event = Event::Component {
            place: at,
            life,
            instance,
            failure,
        };
        self.schedule(compiled + after, event);
        Ok(())
    }

    fn behaviour(&mut self, at: PlaceIndex, component: &str) -> Behaviour {
        let place = self.slots.name(at);
        let rule =
            self.behaviours.iter().rev().find(|(at, name, _)| {
                name == component && at.as_ref().is_none_or(|at| at == place)
            });
        match rule {
            Some((_, _, behaviour)) => behaviour.clone(),
            None => {
                let start = self.slots.at_mut(at).start_time();
                Behaviour::Starts(start.unwrap_or(self.start_time))
            }
        }
    }
}
