//! The modelled network: when, how often and whether at all a message arrives.
//!
//! It decides and keeps no message; the [`World`](crate::World) carries them. An edge of
//! the tree has one connection at a time. What is under way when it breaks is lost.
//!
//! Every edge takes bytes in each direction at a rate of its own, in the order in which
//! they are handed to it: a queue that is served first come, first served. Who sends
//! much hands over one chunk at a time, the next when the last one has left, so that all
//! who send at once have about the same share. So far only transfers of code take time
//! by their length; messages are short and go beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use crate::random;

/// How the edges behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkModel {
    /// How long a message takes at least.
    pub latency: Duration,
    /// What is added, evenly drawn between nothing and this.
    pub jitter: Duration,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a message arrives twice.
    pub duplicate: f64,
    /// The probability that a message is overtaken by later ones.
    pub reorder: f64,
    /// By how much at most a message is late that is overtaken or arrives again.
    pub late: Duration,
    /// Nothing arrives later than this after it was sent: the transport would have given
    /// up the connection.
    pub idle: Duration,
    /// How many bits a second an edge takes in each direction, unless it has a rate of
    /// its own (see [`Network::shape`]); none for no limit.
    pub bandwidth: Option<u64>,
}

impl Default for LinkModel {
    /// A quiet network: 5 ms, in order, nothing lost.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(5),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            late: Duration::from_secs(1),
            idle: Duration::from_secs(6),
            bandwidth: None,
        }
    }
}

/// How many bits a second an edge takes in each direction; none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Towards the root.
    pub up: Option<u64>,
    /// Away from the root.
    pub down: Option<u64>,
}

/// When a chunk has left its sender, and when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carriage {
    /// The edge has taken all of it: the next one may be handed over.
    pub left: Instant,
    /// When it arrives, if the connection stands until then.
    pub arrives: Instant,
}

/// What one fault does to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It never arrives.
    Drop,
    /// It arrives twice, the second time that much later.
    Duplicate(Duration),
    /// It and all after it in its direction of its edge are held up that long, as on a
    /// stream.
    Stall(Duration),
    /// It alone arrives that much later, overtaken by those after it.
    Postpone(Duration),
}

/// A fault at one message of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which message, counted from 0 after the fault was armed.
    pub nth: u64,
    /// Count only messages of that [kind](waybook_agents::Message::kind).
    pub kind: Option<&'static str>,
    /// What happens to it.
    pub act: Act,
}

/// The number of an edge, for who sends much over it: see [`Network::number`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EdgeId(u32);

/// When a message arrives, and on which connection: [`Passage`] without a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When it arrives; never, if it is lost.
    pub(crate) first: Option<Instant>,
    /// When it arrives once more.
    pub(crate) again: Option<Instant>,
    pub(crate) connection: u64,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// When it arrives; never, once, or twice.
    pub arrivals: Vec<Instant>,
    /// The connection that carries it; see [`Network::carries`].
    pub connection: u64,
}

#[derive(Debug, Default)]
struct Direction {
    /// When the last message arrives: nothing sent later arrives earlier.
    last: Instant,
    mute: bool,
    /// Until when the edge is busy with chunks that were handed to it.
    busy: Instant,
    /// Bytes of chunks that were handed to it so far.
    bytes: u64,
}

#[derive(Debug, Default)]
struct Edge {
    connection: u64,
    standing: bool,
    /// Its own rates; none for the model's.
    rates: Option<Rates>,
    up: Direction,
    down: Direction,
}

/// The state of all edges.
#[derive(Debug)]
pub struct Network {
    /// How every edge behaves.
    pub model: LinkModel,
    /// By number.
    edges: Vec<Edge>,
    /// Their numbers, by the place at the lower end.
    numbers: BTreeMap<PlaceName, EdgeId>,
    armed: Vec<Fault>,
    sent: u64,
    flawed: bool,
    rng: StdRng,
}

/// The lower end of an edge, and whether `from` is it.
fn lower<'a>(from: &'a PlaceName, to: &'a PlaceName) -> (&'a PlaceName, bool) {
    if from.depth() > to.depth() {
        (from, true)
    } else {
        (to, false)
    }
}

impl Network {
    /// A network without connections.
    #[must_use]
    pub fn new(model: LinkModel, seed: u64) -> Self {
        Self {
            model,
            edges: Vec::new(),
            numbers: BTreeMap::new(),
            armed: Vec::new(),
            sent: 0,
            flawed: false,
            rng: random::stream(seed, "network", 0),
        }
    }

    /// Arms a fault; it strikes once.
    pub fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    /// Whether a fault is armed that has not struck.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        !self.armed.is_empty()
    }

    /// How many messages have been sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether any connection has been worse than a stream: it lost, doubled or reordered
    /// messages without its ends being told that it broke. What is said only once may
    /// have been missed.
    #[must_use]
    pub fn is_flawed(&self) -> bool {
        self.flawed
    }

    /// Says that ends were not told of a connection that broke.
    pub(crate) fn hides(&mut self) {
        self.flawed = true;
    }

    /// Makes a new connection between neighbours. What was under way on an older one
    /// is lost.
    pub fn connect(&mut self, a: &PlaceName, b: &PlaceName) -> u64 {
        let edge = self.edge_mut(lower(a, b).0);
        edge.connection += 1;
        edge.standing = true;
        for direction in [&mut edge.up, &mut edge.down] {
            direction.last = Instant::default();
            direction.busy = Instant::default();
        }
        edge.connection
    }

    /// Breaks the connection between neighbours. What is under way is lost.
    pub fn disconnect(&mut self, a: &PlaceName, b: &PlaceName) {
        let edge = self.edge_mut(lower(a, b).0);
        edge.connection += 1;
        edge.standing = false;
    }

    /// Lets nothing more, or everything again, through from one place to a neighbour,
    /// without any end being told.
    pub fn mute(&mut self, from: &PlaceName, to: &PlaceName, mute: bool) {
        let (child, upward) = lower(from, to);
        let edge = self.edge_mut(child);
        if upward {
            edge.up.mute = mute;
        } else {
            edge.down.mute = mute;
        }
    }

    /// Whether that connection of the edge still stands.
    #[must_use]
    pub fn carries(&self, a: &PlaceName, b: &PlaceName, connection: u64) -> bool {
        self.edge(lower(a, b).0)
            .is_some_and(|e| e.standing && e.connection == connection)
    }

    /// Whether that connection still stands and lets anything through to `to`.
    #[must_use]
    pub fn passes(&self, from: &PlaceName, to: &PlaceName, connection: u64) -> bool {
        let (child, upward) = lower(from, to);
        let Some(edge) = self.edge(child) else {
            return false;
        };
        let direction = if upward { &edge.up } else { &edge.down };
        edge.standing && edge.connection == connection && !direction.mute
    }

    /// Whether the edge has a connection.
    #[must_use]
    pub fn stands(&self, a: &PlaceName, b: &PlaceName) -> bool {
        self.edge(lower(a, b).0).is_some_and(|e| e.standing)
    }

    /// Gives the edge above a place rates of its own, or those of the model.
    pub fn shape(&mut self, lower: &PlaceName, rates: Option<Rates>) {
        self.edge_mut(lower).rates = rates;
    }

    /// The connection that an edge has or had last.
    #[must_use]
    pub fn connection(&self, a: &PlaceName, b: &PlaceName) -> u64 {
        let edge = self.edge(lower(a, b).0);
        edge.map_or(0, |edge| edge.connection)
    }

    /// How many bytes of chunks have been handed to an edge in one direction so far.
    #[must_use]
    pub fn carried(&self, from: &PlaceName, to: &PlaceName) -> u64 {
        let (child, upward) = lower(from, to);
        self.edge(child).map_or(0, |edge| {
            if upward {
                edge.up.bytes
            } else {
                edge.down.bytes
            }
        })
    }

    /// Takes a chunk for a neighbour: it waits until the edge is done with all that was
    /// handed over before it in that direction, takes its time by the edge's rate, and
    /// then the latency.
    pub fn carry(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        length: u64,
    ) -> Carriage {
        let model = self.model;
        let (child, upward) = lower(from, to);
        let edge = self.edge_mut(child);
        let rates = edge.rates.unwrap_or(Rates {
            up: model.bandwidth,
            down: model.bandwidth,
        });
        let (direction, rate) = if upward {
            (&mut edge.up, rates.up)
        } else {
            (&mut edge.down, rates.down)
        };
        let left = direction.busy.max(now) + takes(length, rate);
        direction.busy = left;
        direction.bytes += length;
        Carriage {
            left,
            arrives: left + model.latency,
        }
    }

    /// Decides what becomes of a message that is sent now.
    pub fn send(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        kind: &'static str,
    ) -> Passage {
        let (child, upward) = lower(from, to);
        let edge = self.number(child);
        let sent = self.send_on(now, edge, upward, kind);
        Passage {
            arrivals: sent.first.into_iter().chain(sent.again).collect(),
            connection: sent.connection,
        }
    }

    /// As [`Network::send`], over an edge by its number, towards the root or away from it.
    pub(crate) fn send_on(
        &mut self,
        now: Instant,
        edge: EdgeId,
        upward: bool,
        kind: &'static str,
    ) -> Sent {
        self.sent += 1;
        let acts = self.strike(kind);
        let model = self.model;
        let edge = &mut self.edges[edge.0 as usize];
        let connection = edge.connection;
        let standing = edge.standing;
        let direction = if upward { &mut edge.up } else { &mut edge.down };
        let mut delay = model.latency + draw(&mut self.rng, model.jitter);
        let mut lost = !standing || direction.mute || chance(&mut self.rng, model.loss);
        let mut again =
            chance(&mut self.rng, model.duplicate).then(|| delay + draw(&mut self.rng, model.late));
        let mut overtaken = chance(&mut self.rng, model.reorder);
        if overtaken {
            delay += draw(&mut self.rng, model.late);
        }
        for act in acts {
            match act {
                Act::Drop => lost = true,
                Act::Duplicate(later) => again = Some(delay + later),
                Act::Stall(by) => delay += by,
                Act::Postpone(by) => {
                    delay += by;
                    overtaken = true;
                }
            }
        }
        let mut at = now + delay;
        if !overtaken {
            at = at.max(direction.last);
        }
        lost |= at.since(now) > model.idle;
        self.flawed |= standing && (lost || overtaken || again.is_some());
        if lost {
            return Sent {
                first: None,
                again: None,
                connection,
            };
        }
        if !overtaken {
            direction.last = at;
        }
        let again = again.filter(|delay| *delay <= model.idle);
        Sent {
            first: Some(at),
            again: again.map(|delay| now + delay),
            connection,
        }
    }

    /// The number of the edge above a place, from now on and for ever.
    ///
    /// # Panics
    /// If there are 2^32 edges.
    pub fn number(&mut self, lower: &PlaceName) -> EdgeId {
        if let Some(number) = self.numbers.get(lower) {
            return *number;
        }
        let number = u32::try_from(self.edges.len()).expect("fewer edges than 2^32");
        self.edges.push(Edge::default());
        self.numbers.insert(lower.clone(), EdgeId(number));
        EdgeId(number)
    }

    /// As [`Network::carries`], of an edge by its number.
    #[must_use]
    pub fn carries_on(&self, edge: EdgeId, connection: u64) -> bool {
        let edge = &self.edges[edge.0 as usize];
        edge.standing && edge.connection == connection
    }

    fn edge(&self, lower: &PlaceName) -> Option<&Edge> {
        let number = self.numbers.get(lower)?;
        self.edges.get(number.0 as usize)
    }

    fn edge_mut(&mut self, lower: &PlaceName) -> &mut Edge {
        let number = self.number(lower);
        &mut self.edges[number.0 as usize]
    }

    /// What the armed faults do to a message that is sent now.
    fn strike(&mut self, kind: &'static str) -> Vec<Act> {
        let mut acts = Vec::new();
        self.armed.retain_mut(|fault| {
            if fault.kind.is_some_and(|k| k != kind) {
                return true;
            }
            if fault.nth == 0 {
                acts.push(fault.act);
                return false;
            }
            fault.nth -= 1;
            true
        });
        acts
    }
}

/// How long an edge of that rate is busy with so many bytes.
fn takes(length: u64, rate: Option<u64>) -> Duration {
    let Some(rate) = rate else {
        return Duration::ZERO;
    };
    let nanos = u128::from(length) * 8 * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn chance(rng: &mut StdRng, probability: f64) -> bool {
    probability > 0.0 && rng.random_bool(probability.min(1.0))
}

fn draw(rng: &mut StdRng, most: Duration) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.random_range(0..=most))
}
