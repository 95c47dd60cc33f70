//! The pump: events become inputs, and outputs become events.

use waybook_agents::{Incarnation, Message, wire};
use waybook_location_tree::PlaceName;
use waybook_place::Place;
use waybook_place::io::{Input, InstanceId, Output, RequestId};

use super::queue::Event;
use super::{Behaviour, Running, SPINNING, World};
use crate::check::{self, Violation};
use crate::transcript::{describe_input, describe_output};

impl World {
    pub(super) fn take(&mut self, event: Event) -> Result<(), Violation> {
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
                self.cut_transfers(&place, &neighbour);
                let input = Input::LinkUp {
                    neighbour,
                    incarnation: life,
                    version: waybook_agents::wire::VERSION,
                };
                self.handle(&place, input)
            }
            Event::LinkDown { place, neighbour } => {
                self.cut_transfers(&place, &neighbour);
                self.handle(&place, Input::LinkDown { neighbour })
            }
            Event::Tick(name) => self.tick(&name),
            Event::Component {
                place,
                life,
                instance,
                failure,
            } => self.component(&place, life, instance, failure),
            Event::Transfer(id, step) => self.take_transfer(id, step),
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
            self.queue.push(at, Event::Tick(name.clone()));
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

    pub(super) fn handle(&mut self, name: &PlaceName, input: Input) -> Result<(), Violation> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Ok(());
        };
        let Some(place) = slot.place_mut() else {
            return Ok(());
        };
        self.transcript
            .write(self.now, name, format_args!("< {}", describe_input(&input)));
        let mut out = Vec::new();
        let unanswered = place.counters().unanswered;
        place.handle(self.now, input, &mut out);
        if place.counters().unanswered > unanswered {
            // It plans with what it has heard of in time.
            self.clients.expect_nothing_at(name);
        }
        self.carry_out(name, out)
    }

    pub(super) fn carry_out(
        &mut self,
        name: &PlaceName,
        out: Vec<Output>,
    ) -> Result<(), Violation> {
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
                if let Message::Visit(visit) = &envelope.message {
                    self.walks.sent(&to, visit)?;
                }
                let kind = envelope.message.kind();
                let passage = self.network.send(self.now, name, &to, kind);
                for at in passage.arrivals {
                    let event = Event::Deliver {
                        from: name.clone(),
                        to: to.clone(),
                        connection: passage.connection,
                        frame: frame.clone(),
                    };
                    self.queue.push(at, event);
                }
            }
            Output::Start {
                instance,
                component,
                release,
                ..
            } => {
                let compiled = self.compiled(name, &component, release.as_deref())?;
                let slot = self.slots.get_mut(name).expect("a place of this run");
                let component_name = component.name.clone();
                let running = Running {
                    component,
                    up: false,
                    release,
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
                self.schedule(compiled + after, event);
            }
            Output::Fetch {
                fetch,
                release,
                source,
            } => self.fetch(name, fetch, release, &source)?,
            Output::CancelFetch { fetch } => self.cancel_fetch(name, fetch)?,
            Output::Evict { digest } => {
                let arrives = self.transfers.brings(name, &digest);
                check::evict(&self.slots[name], arrives, &digest)?;
                self.evict(name, &digest);
            }
            Output::CodeDone { request, result } => self.code_done(name, request, result)?,
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
}
