//! What one room is to another, so that none of them needs to know which it is.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, InstanceId, RecordKey, Route};
use waybook_plan::{Digest, Release};
use waybook_wasm::Wasm;

use crate::api::{self, Counts, SessionUrls};
use crate::code::Repository;
use crate::data::{CodeFiles, DataPlane};
use crate::join::{JoinCounters, Joining};
use crate::link::{DataSink, LinkCounters, Links, NeighbourCounters};
use crate::{
    CertificateStatus, Certificates, CodeKeeper, DoorCounters, Enforcement, Io, Machinery, Start,
};

/// The data plane, as the place has it do things: on the thread for data, whoever asks.
pub(super) struct OnWorker {
    pub(super) plane: DataPlane,
    pub(super) worker: Handle,
}

impl Machinery for OnWorker {
    fn start(&self, instance: InstanceId, start: Start) {
        let _there = self.worker.enter();
        self.plane.start(instance, start);
    }

    fn stop(&self, instance: InstanceId) {
        let _there = self.worker.enter();
        self.plane.stop(instance);
    }

    fn route(&self, route: Route) {
        let _there = self.worker.enter();
        self.plane.route(route);
    }

    fn unroute(&self, session: SessionId) {
        let _there = self.worker.enter();
        self.plane.unroute(session);
    }
}

/// Code on disk, with the machine code that was made of it.
pub(super) struct Keeper {
    pub(super) repository: Repository,
    pub(super) engine: Wasm,
    /// Where transfers are dealt with.
    pub(super) worker: Handle,
}

impl CodeKeeper for Keeper {
    fn reconcile(&self, records: Vec<(RecordKey, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)> {
        let records = CodeKeeper::reconcile(&self.repository, records);
        // A crash may have left machine code of what had gone.
        let held = records.iter().filter_map(|(key, _)| match key {
            RecordKey::Code(digest) => Some(digest.0),
            _ => None,
        });
        if let Err(error) = self.engine.retain(&held.collect()) {
            tracing::warn!(%error, "machine code that nobody needs may be left");
        }
        records
    }

    fn fetch(&self, fetch: FetchId, release: Arc<Release>, source: PlaceName) {
        let _there = self.worker.enter();
        self.repository.fetch(fetch, release, source);
    }

    fn cancel_fetch(&self, fetch: FetchId, keep: u64) {
        self.repository.cancel_fetch(fetch, keep);
    }

    fn evict(&self, digest: Digest) {
        self.repository.evict(digest);
        let engine = self.engine.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.evict(digest.0).await {
                tracing::warn!(%digest, %error, "machine code was not deleted");
            }
        });
    }
}

impl CodeFiles for Repository {
    fn file(
        &self,
        digest: Digest,
    ) -> Pin<Box<dyn Future<Output = Result<PathBuf, String>> + Send + '_>> {
        Box::pin(async move {
            let path = self.path(&digest).await;
            path.map_err(|error| error.to_string())
        })
    }
}

/// Who serves the streams of neighbours.
pub(super) struct Sinks {
    pub(super) plane: DataPlane,
    pub(super) repository: Repository,
}

impl DataSink for Sinks {
    fn accept(&self, from: PlaceName, stream: Box<dyn Io>) {
        let plane = self.plane.clone();
        tokio::spawn(async move { plane.serve_peer(from, stream).await });
    }

    fn transfer(&self, from: PlaceName, stream: Box<dyn Io>) {
        let repository = self.repository.clone();
        tokio::spawn(async move { repository.serve(from, stream).await });
    }
}

/// What is counted outside the place.
pub(super) struct Counted {
    pub(super) links: Links,
    pub(super) plane: DataPlane,
    pub(super) engine: Wasm,
    pub(super) certificates: Arc<Certificates>,
    pub(super) joining: Arc<Joining>,
    pub(super) enforcement: Option<Enforcement>,
}

impl Counts for Counted {
    fn links(&self) -> LinkCounters {
        self.links.counters()
    }

    fn neighbours(&self) -> BTreeMap<PlaceName, NeighbourCounters> {
        self.links.neighbours()
    }

    fn gateway(&self) -> DoorCounters {
        self.plane.gateway_counters()
    }

    fn wasm(&self) -> waybook_wasm::Snapshot {
        self.engine.counters()
    }

    fn certificate(&self) -> Option<CertificateStatus> {
        Some(self.certificates.status())
    }

    fn newcomers(&self) -> JoinCounters {
        self.joining.counters()
    }

    fn enforcement(&self) -> Option<Enforcement> {
        self.enforcement.clone()
    }
}

impl SessionUrls for DataPlane {
    fn urls(&self, session: SessionId) -> Option<api::Urls> {
        let urls = self.session_url(session);
        Some(api::Urls {
            path: urls.path_url,
            host: urls.host_url,
        })
    }
}
