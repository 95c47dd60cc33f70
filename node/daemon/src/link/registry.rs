//! Which connection is a neighbour's present one.
//!
//! Every event of a neighbour is sent while its entry here is locked, and only for the
//! present connection; that alone gives events their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use quinn::Connection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use waybook_agents::{Envelope, Incarnation};
use waybook_location_tree::PlaceName;

use super::counters::{Counting, Each};
use super::data::ALONE;
use super::{CloseCode, LinkEvent};
use crate::config::TransportConfig;

/// Bytes of a message that count as one message more of those that wait for the place.
const WEIGHT: usize = 4096;

pub(super) struct Registry {
    neighbours: DashMap<PlaceName, Neighbour>,
    generations: AtomicU64,
    events: mpsc::UnboundedSender<LinkEvent>,
    connected: watch::Sender<BTreeMap<PlaceName, Incarnation>>,
    queue: usize,
    inbound: u32,
}

struct Neighbour {
    generation: u64,
    incarnation: Incarnation,
    connection: Connection,
    /// For data, if it has one of its own.
    data: Option<Connection>,
    outbound: mpsc::Sender<Envelope>,
    counted: Arc<Each>,
}

impl Neighbour {
    /// Where data goes.
    fn for_data(&self) -> &Connection {
        let data = self.data.as_ref();
        let data = data.filter(|data| data.close_reason().is_none());
        data.unwrap_or(&self.connection)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        if let Some(data) = &self.data {
            data.close(CloseCode::Alone.into(), ALONE.as_bytes());
        }
    }
}

/// A registered connection.
pub(super) struct Registration {
    pub(super) name: PlaceName,
    generation: u64,
    pub(super) counted: Arc<Each>,
    /// Bounds what waits for the place.
    inbound: Arc<Semaphore>,
    most: u32,
}

impl Registration {
    /// Waits until a message of that length may wait for the place: a long one takes the room of
    /// several, so that bytes are bounded with them. None once nothing may.
    pub(super) async fn room_for(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        let room = u32::try_from(1 + length / WEIGHT).unwrap_or(u32::MAX);
        let inbound = Arc::clone(&self.inbound);
        inbound.acquire_many_owned(room.min(self.most)).await.ok()
    }
}

impl Registry {
    pub(super) fn new(
        events: mpsc::UnboundedSender<LinkEvent>,
        transport: &TransportConfig,
    ) -> Self {
        Self {
            neighbours: DashMap::new(),
            generations: AtomicU64::new(0),
            events,
            connected: watch::Sender::default(),
            queue: transport.queue,
            inbound: transport.inbound,
        }
    }

    pub(super) fn connected(&self) -> watch::Receiver<BTreeMap<PlaceName, Incarnation>> {
        self.connected.subscribe()
    }

    /// How many children of `own` are connected, not counting that one.
    pub(super) fn children_but(&self, one: &PlaceName, own: &PlaceName) -> usize {
        let connected = self.connected.borrow();
        let children = connected.keys().filter(|n| *n != one && own.contains(n));
        children.count()
    }

    /// Makes a connection the neighbour's present one, in place of an older one; also what
    /// is to be sent on it. None if a later life of the neighbour is connected.
    pub(super) fn register(
        &self,
        name: &PlaceName,
        incarnation: Incarnation,
        version: u8,
        connection: &Connection,
        counted: &Arc<Each>,
    ) -> Option<(Registration, mpsc::Receiver<Envelope>)> {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let (sender, outbound) = mpsc::channel(self.queue);
        let new = Neighbour {
            generation,
            incarnation,
            connection: connection.clone(),
            data: None,
            outbound: sender,
            counted: Arc::clone(counted),
        };
        // The entry stays locked until the events are sent.
        let entry = match self.neighbours.entry(name.clone()) {
            Entry::Occupied(old) if old.get().incarnation > incarnation => return None,
            Entry::Occupied(mut old) => {
                let before = old.insert(new);
                before.connection.close(
                    CloseCode::Replaced.into(),
                    b"a newer connection of this place has taken over",
                );
                self.tell(LinkEvent::Down {
                    neighbour: name.clone(),
                });
                old.into_ref()
            }
            Entry::Vacant(vacant) => vacant.insert(new),
        };
        self.tell(LinkEvent::Up {
            neighbour: name.clone(),
            incarnation,
            version,
        });
        self.connected.send_modify(|all| {
            all.insert(name.clone(), incarnation);
        });
        drop(entry);
        let registration = Registration {
            name: name.clone(),
            generation,
            counted: Arc::clone(counted),
            inbound: Arc::new(Semaphore::new(self.inbound as usize)),
            most: self.inbound,
        };
        Some((registration, outbound))
    }

    /// Takes a connection out, unless a newer one has replaced it.
    pub(super) fn deregister(&self, registration: &Registration) {
        if let Entry::Occupied(entry) = self.neighbours.entry(registration.name.clone())
            && entry.get().generation == registration.generation
        {
            self.tell(LinkEvent::Down {
                neighbour: registration.name.clone(),
            });
            self.connected.send_modify(|all| {
                all.remove(&registration.name);
            });
            entry.remove();
        }
    }

    /// Passes a message on to the place. False if the connection has been replaced.
    pub(super) fn deliver(
        &self,
        registration: &Registration,
        envelope: Envelope,
        permit: OwnedSemaphorePermit,
    ) -> bool {
        let entry = self.neighbours.get(&registration.name);
        let present = entry.filter(|n| n.generation == registration.generation);
        if present.is_none() {
            return false;
        }
        self.tell(LinkEvent::Received {
            from: registration.name.clone(),
            envelope: Box::new(envelope),
            permit,
        });
        true
    }

    pub(super) fn send(&self, to: &PlaceName, envelope: Envelope, counting: &Counting) {
        let Some(neighbour) = self.neighbours.get(to) else {
            counting.unsent.add(1);
            return;
        };
        match neighbour.outbound.try_send(envelope) {
            Ok(()) => {
                counting.sent.add(1);
                neighbour.counted.sent.add(1);
            }
            Err(TrySendError::Closed(_)) => {
                counting.unsent.add(1);
                neighbour.counted.unsent.add(1);
            }
            Err(TrySendError::Full(_)) => {
                counting.unsent.add(1);
                neighbour.counted.unsent.add(1);
                if neighbour.connection.close_reason().is_none() {
                    counting.overflows.add(1);
                    neighbour.counted.overflows.add(1);
                    tracing::warn!(neighbour = %to, "too much waits to be sent; closing");
                    neighbour.connection.close(
                        CloseCode::Overflow.into(),
                        b"too many messages wait to be sent",
                    );
                }
            }
        }
    }

    /// Has the neighbour's data go over that connection, in place of an older one. False if it is not connected.
    pub(super) fn attach(&self, name: &PlaceName, connection: &Connection) -> bool {
        let Some(mut neighbour) = self.neighbours.get_mut(name) else {
            return false;
        };
        if let Some(before) = neighbour.data.replace(connection.clone()) {
            before.close(
                CloseCode::Replaced.into(),
                b"a newer connection for data has taken over",
            );
        }
        true
    }

    /// Has it go over the connection for messages again, unless that one was replaced.
    pub(super) fn detach(&self, name: &PlaceName, connection: &Connection) {
        if let Some(mut neighbour) = self.neighbours.get_mut(name) {
            let id = connection.stable_id();
            neighbour.data.take_if(|data| data.stable_id() == id);
        }
    }

    /// The present connection for data to a neighbour, which may be that for messages.
    pub(super) fn for_data(&self, to: &PlaceName) -> Option<Connection> {
        self.neighbours.get(to).map(|n| n.for_data().clone())
    }

    /// Whether a neighbour's data has a connection of its own.
    pub(super) fn is_apart(&self, name: &PlaceName) -> bool {
        let neighbour = self.neighbours.get(name);
        neighbour.is_some_and(|neighbour| neighbour.data.is_some())
    }

    /// The present connections to all neighbours, of either kind.
    pub(super) fn connections(&self) -> Vec<(PlaceName, Connection)> {
        let mut all = Vec::new();
        for neighbour in &self.neighbours {
            let both = neighbour.data.iter().chain([&neighbour.connection]);
            all.extend(both.map(|one| (neighbour.key().clone(), one.clone())));
        }
        all
    }

    fn tell(&self, event: LinkEvent) {
        // The place's task ends first when the daemon stops.
        let _ = self.events.send(event);
    }
}
