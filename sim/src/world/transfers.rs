//! Transfers of code: requests go to sources, chunks come back.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;
use waybook_place::Place;
use waybook_place::io::{FetchFailure, FetchId, Input};
use waybook_plan::{Digest, Release};

use super::World;
use super::queue::Event;
use crate::check::Violation;
use crate::network::Handed;
use crate::transfer::{Transfer, TransferId, Trouble};

mod books;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use books::Transfers;

/// What happens to a transfer.
#[derive(Debug)]
pub(super) enum Step {
    /// The request comes to that place of the way, counted from the source.
    Request(usize),
    /// The chunk that was handed to that edge has left.
    Left(usize),
    /// A chunk comes to the end of that edge.
    Chunk { edge: usize, chunk: u64 },
    /// Chunks may have left an edge that is shared, whosever they are.
    Shared { from: PlaceName, to: PlaceName },
    /// The place that fetches hears from that place of the way that it is over.
    Over(usize, FetchFailure),
    /// Somebody looks whether anything comes.
    Watch,
    /// The place is told what is there from former transfers.
    Begun,
}

/// What there is for an edge.
struct Supply {
    /// Chunks before this one.
    end: u64,
    /// The chunk that is wrong.
    corrupt: Option<u64>,
}

impl Supply {
    fn up_to(end: u64) -> Self {
        Self { end, corrupt: None }
    }
}

impl World {
    /// The transfers that are under way.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.live.values()
    }

    /// Lets something go wrong with that code at that place from now on.
    pub fn trouble(&mut self, place: &PlaceName, digest: &Digest, trouble: Trouble) {
        let troubles = &mut self.transfers.troubles;
        troubles.push((place.clone(), *digest, trouble));
    }

    /// Puts right whatever went wrong with code at a place.
    pub fn no_trouble(&mut self, place: &PlaceName) {
        self.transfers.troubles.retain(|(at, _, _)| at != place);
    }

    /// A place asks for a transfer.
    pub(crate) fn fetch(
        &mut self,
        place: &PlaceName,
        fetch: FetchId,
        release: Arc<Release>,
        source: &PlaceName,
    ) -> Result<(), String> {
        let what = format!("fetches {}", release.reference());
        if source == place || !self.tree.has(source) {
            return Err(format!("{what} from {source}, which is no other place"));
        }
        if self.transfers.brings(place, &release.digest) {
            return Err(format!("{what}, which is on its way already"));
        }
        let slot = self.slots.get_mut(place).expect("a place of this run");
        if slot.repository.holds(&release.digest) {
            return Err(format!("{what}, which it holds"));
        }
        let way = source.path_to(place).expect("places of one tree");
        let from = slot.repository.open(&release);
        let life = Incarnation(slot.life);
        let chunk = self.transfer.chunk;
        let transfer = Transfer::new(life, fetch, release, way, from, chunk);
        let last = transfer.way.len() - 1;
        let id = self.transfers.add(transfer);
        self.happens(id, self.transfer.stall, Step::Watch);
        if from > 0 {
            self.happens(id, Duration::ZERO, Step::Begun);
        }
        self.request(id, last);
        Ok(())
    }

    /// A place gives a transfer up.
    pub(super) fn cancel_fetch(
        &mut self,
        place: &PlaceName,
        fetch: FetchId,
        keep: u64,
    ) -> Result<(), String> {
        if let Some(digest) = self.transfers.untold.remove(&(place.clone(), fetch)) {
            // It is over, and the place's machine has not got to that news.
            let slot = self.slots.get_mut(place).expect("a place of this run");
            slot.repository.truncate(&digest, keep);
            self.cut_readers(place, &digest, &FetchFailure::Cut);
            return Ok(());
        }
        let id = self.transfers.named(place, fetch);
        let id = id.ok_or_else(|| format!("gives up fetch {}, which is not under way", fetch.0))?;
        let transfer = self.transfers.live.remove(&id).expect("as found");
        let slot = self.slots.get_mut(place).expect("a place of this run");
        slot.repository.truncate(transfer.digest(), keep);
        self.cut_readers(place, transfer.digest(), &FetchFailure::Cut);
        Ok(())
    }

    /// A place deletes code: nobody can go on reading it.
    pub(super) fn evict(&mut self, place: &PlaceName, digest: &Digest) {
        let slot = self.slots.get_mut(place).expect("a place of this run");
        slot.repository.remove(digest);
        self.cut_readers(place, digest, &FetchFailure::NotHeld);
    }

    /// A place crashes: what it fetched is forgotten.
    pub(super) fn forget_transfers(&mut self, place: &PlaceName) {
        self.transfers.live.retain(|_, t| t.place != *place);
        self.transfers.untold.retain(|(at, _), _| at != place);
    }

    pub(super) fn take_transfer(&mut self, id: TransferId, step: Step) -> Result<(), Violation> {
        let Some(transfer) = self.transfers.live.get_mut(&id) else {
            // It is over, but others may wait for what it was to ask.
            if let Step::Shared { from, to } = step {
                self.shared(id, &from, &to);
            }
            return Ok(());
        };
        match step {
            Step::Request(node) => {
                let passed = &transfer.connections[node];
                let connection = passed.expect("the request has passed the edge");
                let (from, to) = (&transfer.way[node + 1], &transfer.way[node]);
                if self.network.passes(from, to, connection) {
                    self.request(id, node);
                }
            }
            Step::Left(edge) => {
                transfer.left(edge);
                self.hand(id, edge);
            }
            Step::Chunk { edge, chunk } => return self.chunk(id, edge, chunk),
            Step::Shared { from, to } => self.shared(id, &from, &to),
            Step::Over(node, failure) => {
                let edges = node..transfer.connections.len();
                if edges.into_iter().all(|edge| self.passes(id, edge)) {
                    return self.finish(id, Err(failure));
                }
            }
            Step::Begun => {
                let bytes = transfer.known;
                return self.report(id, bytes);
            }
            Step::Watch => {
                if transfer.lately < self.transfer.least {
                    return self.finish(id, Err(FetchFailure::Slow));
                }
                transfer.lately = 0;
                self.happens(id, self.transfer.stall, Step::Watch);
            }
        }
        Ok(())
    }

    /// An end of an edge learns that its connection is gone, or that there is another now:
    /// what came to it over the old one ends.
    pub(super) fn cut_transfers(&mut self, place: &PlaceName, neighbour: &PlaceName) {
        let mut cut = Vec::new();
        for (id, transfer) in &self.transfers.live {
            let ends = transfer.way.windows(2);
            let edge = ends
                .into_iter()
                .position(|ends| ends[0] == *neighbour && ends[1] == *place);
            if let Some(edge) = edge
                && let Some(connection) = transfer.connections[edge]
                && !self.network.carries(neighbour, place, connection)
            {
                cut.push((*id, edge + 1));
            }
        }
        for (id, node) in cut {
            self.over(id, node, FetchFailure::Cut);
        }
    }

    fn happens(&mut self, id: TransferId, after: Duration, step: Step) {
        self.schedule(after, Event::Transfer(id, step));
    }

    /// The request is at a place of the way.
    fn request(&mut self, id: TransferId, node: usize) {
        let transfer = &self.transfers.live[&id];
        let here = &transfer.way[node];
        let Some(place) = self.place(here) else {
            return;
        };
        if node > 0 {
            let next = transfer.way[node - 1].clone();
            let known = place.links().any(|(neighbour, _)| *neighbour == next);
            if known {
                // It may be lost all the same: the place has not learnt of every cut.
                let connection = self.network.connection(here, &next);
                let latency = self.network.latency(here, &next);
                let transfer = self.transfers.live.get_mut(&id).expect("as above");
                transfer.connections[node - 1] = Some(connection);
                self.happens(id, latency, Step::Request(node - 1));
            } else {
                self.over(id, node, FetchFailure::Cut);
            }
            return;
        }
        let digest = *transfer.digest();
        let held = self.slots[here].repository.holds(&digest);
        if held || self.transfers.brings(here, &digest) {
            let transfer = self.transfers.live.get_mut(&id).expect("as above");
            transfer.served = true;
            self.hand(id, 0);
        } else {
            self.over(id, 0, FetchFailure::NotHeld);
        }
    }

    /// A place of the way says that it is over; the place that fetches hears it later.
    fn over(&mut self, id: TransferId, node: usize, failure: FetchFailure) {
        let transfer = self.transfers.live.get_mut(&id).expect("a live transfer");
        transfer.served = false;
        let rest = transfer.way.windows(2).rev().take(transfer.hops_from(node));
        let after = rest
            .map(|edge| self.network.latency(&edge[0], &edge[1]))
            .sum();
        self.happens(id, after, Step::Over(node, failure));
    }

    /// Whether what is sent over an edge of the way arrives.
    fn passes(&self, id: TransferId, edge: usize) -> bool {
        let transfer = &self.transfers.live[&id];
        let (from, to) = (&transfer.way[edge], &transfer.way[edge + 1]);
        let connection = transfer.connections[edge];
        connection.is_some_and(|connection| self.network.passes(from, to, connection))
    }

    /// Hands an edge the next chunk that there is for it.
    fn hand(&mut self, id: TransferId, edge: usize) {
        let transfer = &self.transfers.live[&id];
        let supply = match edge.checked_sub(1) {
            Some(before) => Supply::up_to(transfer.arrived(before)),
            None => match self.supply(transfer) {
                Ok(supply) => supply,
                Err(failure) => return self.over(id, 0, failure),
            },
        };
        let passes = self.passes(id, edge);
        let transfer = self.transfers.live.get_mut(&id).expect("as above");
        // A chunk that does not get through blocks all that would come after it.
        let Some(chunk) = transfer.hand(edge, supply.end).filter(|_| passes) else {
            return;
        };
        if supply.corrupt == Some(chunk) {
            transfer.spoilt = Some(chunk);
        }
        let (from, to) = (transfer.way[edge].clone(), transfer.way[edge + 1].clone());
        let length = transfer.length_of(chunk);
        match self.network.hand(self.now, &from, &to, id.0, length) {
            Handed::Queues(carriage) => self.leaves(id, edge, chunk, carriage),
            Handed::Shares(ask) => self.ask_later(id, &from, &to, ask),
        }
    }

    /// What a transfer's source has to send.
    fn supply(&self, transfer: &Transfer) -> Result<Supply, FetchFailure> {
        let (source, digest) = (transfer.source(), transfer.digest());
        if !transfer.served {
            return Ok(Supply::up_to(0));
        }
        let bytes = self.slots[source].repository.bytes_of(digest);
        let mut supply = Supply::up_to(transfer.chunks_in(bytes));
        for trouble in self.transfers.troubles(source, digest) {
            match trouble {
                Trouble::Corrupt(chunk) => supply.corrupt = Some(chunk),
                Trouble::Stops(count) => supply.end = supply.end.min(count),
                Trouble::Short(count) if count <= transfer.next(0) => {
                    return Err(FetchFailure::Lying("it ended too early".to_owned()));
                }
                Trouble::Drips(_) | Trouble::Short(_) | Trouble::DiskFull(_) => {}
            }
        }
        Ok(supply)
    }

    /// A chunk comes to the end of an edge.
    fn chunk(&mut self, id: TransferId, edge: usize, chunk: u64) -> Result<(), Violation> {
        let passes = self.passes(id, edge);
        let transfer = self.transfers.live.get_mut(&id).expect("a live transfer");
        if !passes || !transfer.came(edge, chunk) {
            return Ok(());
        }
        self.changed = self.now;
        if edge + 1 < transfer.way.len() - 1 {
            self.hand(id, edge + 1);
            return Ok(());
        }
        if transfer.spoilt == Some(chunk) {
            let wrong = format!("chunk {chunk} is not what it should be");
            return self.finish(id, Err(FetchFailure::Lying(wrong)));
        }
        let length = transfer.length_of(chunk);
        transfer.lately += length;
        let (place, digest) = (transfer.place.clone(), *transfer.digest());
        let full = |trouble| matches!(trouble, Trouble::DiskFull(most) if chunk >= most);
        let full = self.transfers.troubles(&place, &digest).any(full);
        let slot = self.slots.get_mut(&place).expect("a place of this run");
        let written = if full {
            Err("no space left on device".to_owned())
        } else {
            slot.repository.write(&digest, length)
        };
        if let Err(why) = written {
            return self.finish(id, Err(FetchFailure::Disk(why)));
        }
        let bytes = slot.repository.bytes_of(&digest);
        let whole = slot.repository.holds(&digest);
        for reader in self.transfers.readers(&place, &digest) {
            self.hand(reader, 0);
        }
        self.report(id, bytes)?;
        // Having heard that, the place may have given it up.
        if whole && self.transfers.live.contains_key(&id) {
            self.finish(id, Ok(()))?;
        }
        Ok(())
    }

    /// Tells the place how far a transfer is, if it has not been told just now.
    fn report(&mut self, id: TransferId, bytes: u64) -> Result<(), Violation> {
        let transfer = self.transfers.live.get_mut(&id).expect("a live transfer");
        let news = self.transfer.news;
        if transfer.told.is_some_and(|at| self.now.since(at) < news) {
            return Ok(());
        }
        transfer.told = Some(self.now);
        transfer.known = bytes;
        let (place, fetch) = (transfer.place.clone(), transfer.fetch);
        self.handle(&place, Input::FetchProgress { fetch, bytes })
    }

    /// A transfer is over, and the place is told.
    fn finish(
        &mut self,
        id: TransferId,
        result: Result<(), FetchFailure>,
    ) -> Result<(), Violation> {
        let transfer = self.transfers.live.remove(&id).expect("a live transfer");
        self.changed = self.now;
        let (place, fetch) = (&transfer.place, transfer.fetch);
        if result.is_err() {
            self.cut_readers(place, transfer.digest(), &FetchFailure::Cut);
        }
        if self.place(place).map(Place::incarnation) != Some(transfer.life) {
            return Ok(());
        }
        let input = match result {
            Ok(()) => Input::Fetched { fetch },
            Err(failure) => Input::FetchFailed { fetch, failure },
        };
        let news = (place.clone(), fetch);
        self.transfers.untold.insert(news, *transfer.digest());
        let bytes = self.slots[place].repository.bytes_of(transfer.digest());
        if matches!(input, Input::FetchFailed { .. }) && bytes != transfer.known {
            self.handle(place, Input::FetchProgress { fetch, bytes })?;
        }
        self.handle(place, input)
    }

    /// A source has no more of some code: those that read it there hear so.
    fn cut_readers(&mut self, source: &PlaceName, digest: &Digest, failure: &FetchFailure) {
        for reader in self.transfers.readers(source, digest) {
            self.over(reader, 0, failure.clone());
        }
    }
}
