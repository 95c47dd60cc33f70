//! Which transfers there are, and what goes wrong with them.

use std::collections::BTreeMap;

use waybook_location_tree::PlaceName;
use waybook_place::io::FetchId;
use waybook_plan::Digest;

use crate::transfer::{Transfer, TransferId, Trouble};

/// All transfers of a run.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    pub(crate) live: BTreeMap<TransferId, Transfer>,
    count: u64,
    /// Those that are over, while their places' machines have not got to that news.
    pub(in crate::world) untold: BTreeMap<(PlaceName, FetchId), Digest>,
    pub(super) troubles: Vec<(PlaceName, Digest, Trouble)>,
}

impl Transfers {
    /// Takes a transfer up.
    pub(super) fn add(&mut self, transfer: Transfer) -> TransferId {
        self.count += 1;
        let id = TransferId(self.count);
        self.live.insert(id, transfer);
        id
    }

    /// A place's transfer by its own name for it.
    pub(super) fn named(&self, place: &PlaceName, fetch: FetchId) -> Option<TransferId> {
        let mut live = self.live.iter();
        let found = live.find(|(_, t)| t.place == *place && t.fetch == fetch);
        found.map(|(id, _)| *id)
    }

    /// Whether a place is getting that code.
    pub(crate) fn brings(&self, place: &PlaceName, digest: &Digest) -> bool {
        let mut live = self.live.values();
        live.any(|t| t.place == *place && t.digest() == digest)
    }

    /// The transfers that a source sends that code for.
    pub(super) fn readers(&self, source: &PlaceName, digest: &Digest) -> Vec<TransferId> {
        let live = self.live.iter();
        live.filter(|(_, t)| t.served && t.source() == source && t.digest() == digest)
            .map(|(id, _)| *id)
            .collect()
    }

    /// What goes wrong with that code at a place.
    pub(super) fn troubles(
        &self,
        place: &PlaceName,
        digest: &Digest,
    ) -> impl Iterator<Item = Trouble> {
        let troubles = self.troubles.iter();
        troubles.filter_map(move |(at, what, trouble)| {
            (at == place && what == digest).then_some(*trouble)
        })
    }
}
