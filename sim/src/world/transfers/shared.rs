//! When chunks leave their edge: known at once in a queue, and asked for where they share.

use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::{Event, Step, World};
use crate::network::Carriage;
use crate::transfer::{TransferId, Trouble};

impl World {
    /// It is known when a chunk leaves its edge, and when it arrives.
    pub(super) fn leaves(&mut self, id: TransferId, edge: usize, chunk: u64, carriage: Carriage) {
        let left = carriage.left.since(self.now);
        self.happens(id, left + self.pause(id, edge), Step::Left(edge));
        let arrives = carriage.arrives.since(self.now);
        self.happens(id, arrives, Step::Chunk { edge, chunk });
    }

    /// How long a source waits after a chunk.
    fn pause(&self, id: TransferId, edge: usize) -> Duration {
        let transfer = &self.transfers.live[&id];
        if edge > 0 {
            return Duration::ZERO;
        }
        let (source, digest) = (transfer.source(), transfer.digest());
        let troubles = self.transfers.troubles(source, digest);
        let drips = troubles.filter_map(|trouble| match trouble {
            Trouble::Drips(time) => Some(time),
            _ => None,
        });
        drips.last().unwrap_or_default()
    }

    /// Asks the network who has left an edge when it says, if nobody does already. What comes
    /// of it is for all who share the edge, whatever becomes of the transfer that made it
    /// necessary.
    pub(super) fn ask_later(
        &mut self,
        id: TransferId,
        from: &PlaceName,
        to: &PlaceName,
        ask: Option<Instant>,
    ) {
        let Some(ask) = ask else {
            return;
        };
        let (from, to) = (from.clone(), to.clone());
        let step = Step::Shared { from, to };
        self.schedule(ask.since(self.now), Event::Transfer(id, step));
    }

    /// Asks the network who has left an edge that is shared.
    pub(super) fn shared(&mut self, id: TransferId, from: &PlaceName, to: &PlaceName) {
        let finished = self.network.finish(self.now, from, to);
        for (flow, carriage) in finished.done {
            let id = TransferId(flow);
            let Some(transfer) = self.transfers.live.get(&id) else {
                continue;
            };
            let mut edges = transfer.way.windows(2);
            let edge = edges.position(|edge| edge[0] == *from && edge[1] == *to);
            let edge = edge.expect("an edge of the way that its chunk was handed to");
            // The one that has not left is the last that was handed over.
            let chunk = transfer.next(edge) - 1;
            self.leaves(id, edge, chunk, carriage);
        }
        self.ask_later(id, from, to, finished.ask);
    }
}
