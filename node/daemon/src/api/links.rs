//! What came from neighbours and clients, and what of it was in vain.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use waybook_location_tree::PlaceName;

use super::model::{DoorInfo, LinksInfo, NeighbourInfo, TransportInfo};
use super::{Problem, Shared};
use crate::join::JoinCounters;
use crate::link::{LinkCounters, NeighbourCounters};
use crate::{CertificateStatus, DoorCounters, Enforcement};

/// Knows what has been counted outside the place. The links and the data plane do.
pub trait Counts: Send + Sync {
    /// Of all connections to places together, strangers' included.
    fn links(&self) -> LinkCounters;

    /// Of each neighbour.
    fn neighbours(&self) -> BTreeMap<PlaceName, NeighbourCounters>;

    /// At the gateway.
    fn gateway(&self) -> DoorCounters;

    /// Of WebAssembly components.
    fn wasm(&self) -> waybook_wasm::Snapshot;

    /// How it is with the place's certificate.
    fn certificate(&self) -> Option<CertificateStatus>;

    /// Of machines that wanted to join.
    fn newcomers(&self) -> JoinCounters;

    /// Whether programs are held to what is booked for them; none where no programs run.
    fn enforcement(&self) -> Option<Enforcement>;
}

/// Nothing is counted.
impl Counts for () {
    fn links(&self) -> LinkCounters {
        LinkCounters::default()
    }

    fn neighbours(&self) -> BTreeMap<PlaceName, NeighbourCounters> {
        BTreeMap::new()
    }

    fn gateway(&self) -> DoorCounters {
        DoorCounters::default()
    }

    fn wasm(&self) -> waybook_wasm::Snapshot {
        waybook_wasm::Snapshot::default()
    }

    fn certificate(&self) -> Option<CertificateStatus> {
        None
    }

    fn newcomers(&self) -> JoinCounters {
        JoinCounters::default()
    }

    fn enforcement(&self) -> Option<Enforcement> {
        None
    }
}

/// The place's neighbours since the daemon started, connected or not: what came from each, what
/// was sent to it, and what was refused; and the same of clients.
#[utoipa::path(
    get,
    path = "/api/v1/links",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = LinksInfo), (status = "default", body = Problem))
)]
pub(super) async fn links(State(shared): State<Arc<Shared>>) -> Result<Json<LinksInfo>, Problem> {
    let name = &shared.parts.name;
    let known = shared.parts.place.query(|place, _| place.neighbours());
    let known = known.await?.into_iter();
    let known: BTreeMap<_, _> = known.map(|view| (view.place.clone(), view)).collect();
    let counted = shared.parts.counts.neighbours();
    let names: std::collections::BTreeSet<_> = known.keys().chain(counted.keys()).collect();
    let neighbours = names.into_iter().map(|neighbour| {
        let counters = counted.get(neighbour).copied().unwrap_or_default();
        NeighbourInfo::new(name, neighbour, known.get(neighbour), counters)
    });
    Ok(Json(LinksInfo {
        neighbours: neighbours.collect(),
        transport: TransportInfo::from(shared.parts.counts.links()),
        gateway: DoorInfo::from(shared.parts.counts.gateway()),
        api: DoorInfo::from(api_door(&shared)),
    }))
}

/// What has been counted where clients of this API come in.
pub(super) fn api_door(shared: &Shared) -> DoorCounters {
    let (requests, refused_requests) = shared.slots.counts();
    DoorCounters {
        requests,
        refused_requests,
        ..shared.door.counters()
    }
}
