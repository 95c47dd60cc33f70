//! What happens, and what comes of it.

use std::hash::Hasher;
use std::sync::Arc;

use waybook_agents::{Envelope, Incarnation, SessionId, wire};
use waybook_location_tree::PlaceName;

use super::super::canonical::Digest;
use super::super::check::{self, Wrong};
use super::super::scenario::{self, Scenario};
use super::{Act, Disk, EDGES, Knows, Letter, World, name};
use crate::Instant;
use crate::io::{EndReason, Input, OpenRequest, Outcome, Output, RequestId};
use crate::place::{Chance, Place};

impl World {
    /// Does it.
    pub(in crate::place::model) fn act(&mut self, scenario: &Scenario, act: Act) {
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
            ..OpenRequest::new(format!("key {number}"), title)
        };
        self.put(place, Input::Open(request));
    }

    fn leave(&mut self, scenario: &Scenario, number: usize) {
        let place = scenario.clients[number].0;
        // What is due by now is told before it leaves.
        self.put(place, Input::Tick);
        let (input, then) = match self.clients[number] {
            Knows::Has(session) | Knows::Unsure(session) => {
                (Input::Close { session }, Knows::Ending(session))
            }
            Knows::Waits => {
                let request = RequestId(number as u64);
                (Input::Cancel { request }, Knows::Over)
            }
            _ => return,
        };
        self.clients[number] = then;
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
            // What is on disk now is answered.
            for knows in &mut self.clients {
                if let Knows::Ending(_) = knows {
                    *knows = Knows::Over;
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
            if at != place {
                continue;
            }
            match (*knows, disk) {
                // Who waits for a place that dies is told by the broken connection.
                (Knows::Waits, _) => *knows = Knows::Refused,
                // The answer may have gone out as soon as the end was on disk, and not before.
                (Knows::Ending(_), Disk::Whole) => *knows = Knows::Over,
                (Knows::Ending(session), Disk::Behind) => *knows = Knows::Unsure(session),
                _ => {}
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

    pub(super) fn heal(&mut self, leaf: usize) {
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

    pub(super) fn restart(&mut self, scenario: &Scenario, place: usize) {
        self.dead[place] = None;
        let node = Arc::make_mut(&mut self.nodes[place]);
        // Nobody may be there to connect to, and then nothing else says that it is another now.
        node.seen.0 = Instant(0);
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
    pub(super) fn put(&mut self, at: usize, input: Input) {
        let node = Arc::make_mut(&mut self.nodes[at]);
        node.seen.0 = Instant(0);
        // The only thing that is drawn and matters is what a session is called: no two alike.
        node.seed = [0; 32];
        node.seed[0] = u8::try_from(at).unwrap_or(0);
        node.seed[1] = node.begun;
        let place = node.place.as_mut().expect("only what lives is told");
        place.rng = Chance::Seed(node.seed);
        let before: Vec<_> = check::numbers(place);
        let mut out = Vec::new();
        place.handle(self.now, input, &mut out);
        let after = check::numbers(place);
        let is_new = |(session, _): &&(SessionId, u16)| {
            place.hops[session].client.is_some() && !before.iter().any(|(s, _)| s == session)
        };
        node.begun += u8::try_from(after.iter().filter(is_new).count()).unwrap_or(u8::MAX);
        let wrong = check::numbers_rise(&before, &after, &mut node.over);
        self.fault(wrong);
        self.carry_out(at, out);
        self.check(at);
    }

    pub(in crate::place::model) fn fault(&mut self, wrong: Option<Wrong>) {
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
                        (Knows::Over, Outcome::Closed) => {}
                        _ => self.fault(Some(Wrong::Answers)),
                    }
                }
                Output::Ended { session, why } => {
                    let of = |client: &Knows| match client {
                        Knows::Has(of) | Knows::Unsure(of) | Knows::Ending(of) => *of == session,
                        _ => false,
                    };
                    let of = self.clients.iter().position(of);
                    let knows = of.map(|client| (client, self.clients[client]));
                    match (knows, why) {
                        (Some((_, Knows::Ending(_))), EndReason::Closed) => {}
                        (Some((client, Knows::Has(_))), EndReason::Broken(_)) => {
                            self.clients[client] = Knows::Ending(session);
                            self.fault((!self.excused).then_some(Wrong::Lost));
                        }
                        (Some((client, Knows::Unsure(_))), EndReason::Broken(_)) => {
                            self.clients[client] = Knows::Ending(session);
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
}
