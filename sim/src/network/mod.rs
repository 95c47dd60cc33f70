//! The modelled network: when, how often and whether at all a message arrives.
//!
//! It decides and keeps no message; the [`World`](crate::World) carries them. An edge of
//! the tree has one connection at a time. What is under way when it breaks is lost.
//!
//! How an edge behaves in each direction is an [`EdgeModel`]: that of all, or its own.
//! Every edge takes bytes in each direction at a rate of its own, by a [`Discipline`]:
//!
//! - `queue`: first come, first served. Who sends much hands over one chunk at a time, the
//!   next when the last one has left, so that all who send at once take turns.
//! - `fair`: chunks that are under way at once have the same share at every moment. Messages
//!   within the bandwidth go before them.
//!
//! Who sends code calls [`Network::hand`] for a chunk. In a queue it is told at once when the
//! chunk has left; where chunks share, that depends on who comes after it, so it is told
//! when to ask [`Network::finish`].
//!
//! What is drawn for the nth message in one direction of an edge follows from the seed,
//! the edge's name, the direction, the purpose and n alone. So two runs that differ in
//! their loss, say, still have the same latencies, and an edge without chance costs no draw.
//!
//! Edges are asked for by the names of their ends, or, where that costs too much, by the
//! number that [`Network::number`] gives for the lower one once.

mod direction;
mod edge;
mod fault;
mod model;
mod read;
mod sharing;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_location_tree::PlaceName;

pub use direction::{Carriage, Finished, Handed};
pub use edge::EdgeId;
pub use fault::{Act, Fault, Passage, Sent};
pub use model::{
    Bursts, DirectionModel, Discipline, Disturbance, EdgeModel, LinkModel, Loss, Messages, Rates,
};

use edge::{Edge, Own};
use fault::Armed;

/// The state of all edges.
#[derive(Debug)]
pub struct Network {
    /// How every edge behaves that has no model of its own. To set it takes the place of
    /// what [`Network::model_all`] was told; that sets it to the nearest plain numbers.
    pub model: LinkModel,
    /// The same in full, as of what `model` was then.
    common: (LinkModel, Arc<EdgeModel>),
    /// Their numbers, by the place at the lower end.
    numbers: BTreeMap<PlaceName, EdgeId>,
    /// By number.
    edges: Vec<Edge>,
    armed: Armed,
    sent: u64,
    flawed: bool,
    seed: u64,
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
            common: (model, Arc::new((&model).into())),
            numbers: BTreeMap::new(),
            edges: Vec::new(),
            armed: Armed::default(),
            sent: 0,
            flawed: false,
            seed,
        }
    }

    /// Lets all edges behave like this that have no model of their own.
    pub fn model_all(&mut self, model: EdgeModel) {
        self.model = model.plain();
        self.common = (self.model, Arc::new(model));
    }

    /// How long a message between neighbours takes on average, for those who need only an
    /// idea of it; the longest that it may take where there is no average.
    #[must_use]
    pub fn latency(&self, from: &PlaceName, to: &PlaceName) -> Duration {
        let own = self.find(from, to).and_then(|(edge, upward)| {
            let model = edge.own.as_ref()?.model.as_ref()?;
            Some(model.direction(upward))
        });
        let upward = lower(from, to).1;
        match own {
            None if self.common.0 != self.model => self.model.latency,
            None => self.common.1.direction(upward).mean_latency(),
            Some(model) => model.mean_latency(),
        }
    }

    /// Gives the edge above a place a model of its own, or that of all.
    pub fn model_edge(&mut self, lower: &PlaceName, model: Option<Arc<EdgeModel>>) {
        self.own(lower).model = model;
    }

    /// Gives the edge above a place rates of its own, which go before its model's, or those
    /// of its model. The time of what shares the edge changes with the next chunk that
    /// enters or leaves.
    pub fn shape(&mut self, lower: &PlaceName, rates: Option<Rates>) {
        let edge = self.edge_mut(lower);
        if rates.is_some() || edge.own.is_some() {
            edge.own.get_or_insert_default().rates = rates;
        }
    }

    /// Disturbs messages from one place to a neighbour, or no more.
    pub fn disturb(&mut self, from: &PlaceName, to: &PlaceName, disturbance: Option<Disturbance>) {
        let (child, upward) = lower(from, to);
        let own = self.own(child);
        if upward {
            own.up = disturbance;
        } else {
            own.down = disturbance;
        }
    }

    fn own(&mut self, lower: &PlaceName) -> &mut Own {
        self.edge_mut(lower).own.get_or_insert_default()
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
        self.edges.push(Edge::new(self.seed, lower));
        self.numbers.insert(lower.clone(), EdgeId(number));
        EdgeId(number)
    }

    fn edge_mut(&mut self, lower: &PlaceName) -> &mut Edge {
        let number = self.number(lower);
        &mut self.edges[number.0 as usize]
    }

    fn find(&self, a: &PlaceName, b: &PlaceName) -> Option<(&Edge, bool)> {
        let (child, upward) = lower(a, b);
        let number = *self.numbers.get(child)?;
        Some((&self.edges[number.0 as usize], upward))
    }

    /// Arms a fault; it strikes once.
    pub fn arm(&mut self, fault: Fault) {
        self.armed.arm(fault);
    }

    /// Takes back all faults that have not struck.
    pub fn disarm(&mut self) {
        self.armed = Armed::default();
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
        edge.up.clear();
        edge.down.clear();
        edge.connection
    }

    /// Breaks the connection between neighbours. What is under way is lost.
    pub fn disconnect(&mut self, a: &PlaceName, b: &PlaceName) {
        let edge = self.edge_mut(lower(a, b).0);
        edge.connection += 1;
        edge.standing = false;
    }

    /// Whether a place was told last that it is connected to a neighbour, and not that it no longer
    /// is.
    #[must_use]
    pub(crate) fn is_believed(&self, place: &PlaceName, neighbour: &PlaceName) -> bool {
        self.find(place, neighbour)
            .is_some_and(|(edge, below)| edge.believed[usize::from(below)])
    }

    /// A place is told whether it is connected to a neighbour.
    pub(crate) fn believe(&mut self, place: &PlaceName, neighbour: &PlaceName, connected: bool) {
        let (child, below) = lower(place, neighbour);
        self.edge_mut(child).believed[usize::from(below)] = connected;
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
        self.find(a, b)
            .is_some_and(|(edge, _)| edge.standing && edge.connection == connection)
    }

    /// As [`Network::carries`], of an edge by its number.
    #[must_use]
    pub fn carries_on(&self, edge: EdgeId, connection: u64) -> bool {
        let edge = &self.edges[edge.0 as usize];
        edge.standing && edge.connection == connection
    }

    /// Whether that connection still stands and lets anything through to `to`.
    #[must_use]
    pub fn passes(&self, from: &PlaceName, to: &PlaceName, connection: u64) -> bool {
        let Some((edge, upward)) = self.find(from, to) else {
            return false;
        };
        let direction = if upward { &edge.up } else { &edge.down };
        edge.standing && edge.connection == connection && !direction.mute
    }

    /// Whether the edge has a connection.
    #[must_use]
    pub fn stands(&self, a: &PlaceName, b: &PlaceName) -> bool {
        self.find(a, b).is_some_and(|(edge, _)| edge.standing)
    }

    /// The connection that an edge has or had last.
    #[must_use]
    pub fn connection(&self, a: &PlaceName, b: &PlaceName) -> u64 {
        self.find(a, b).map_or(0, |(edge, _)| edge.connection)
    }

    /// How many bytes of chunks have been handed to an edge in one direction so far.
    #[must_use]
    pub fn carried(&self, from: &PlaceName, to: &PlaceName) -> u64 {
        self.find(from, to).map_or(0, |(edge, upward)| {
            if upward {
                edge.up.bytes
            } else {
                edge.down.bytes
            }
        })
    }
}
