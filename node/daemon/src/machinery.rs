//! What a place asks of whatever runs components and lets requests through.

use std::sync::Arc;

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::{Booked, FetchId, InstanceId, RecordKey, Route};
use waybook_plan::{Component, Digest, Release};

/// Carries out a place's outputs that concern components and requests. The data plane
/// implements it. No method may block: each one notes what is to be done and returns.
/// The calls come in the order of the place's outputs.
pub trait Machinery: Send + Sync {
    /// Starts a component; later the place is told
    /// [`ComponentUp`](waybook_place::io::Input::ComponentUp) or
    /// [`ComponentFailed`](waybook_place::io::Input::ComponentFailed).
    fn start(&self, instance: InstanceId, start: Start);
    /// Stops a component, or gives up starting it.
    fn stop(&self, instance: InstanceId);
    /// Lets requests of a session through, or changes how.
    fn route(&self, route: Route);
    /// Lets no request of the session through any more, and ends those under way.
    fn unroute(&self, session: SessionId);
}

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The component.
    pub component: Component,
    /// The code to run, which the repository holds whole; none for what is not brought
    /// along.
    pub release: Option<Arc<Release>>,
    /// The session that it is started for; others may come to share it.
    pub session: SessionId,
    /// What that session has booked here: all that the component gets until the session is routed.
    pub booked: Booked,
}

/// Carries out a place's outputs that concern code. The software repository implements
/// it. No method may block, and the calls come in the order of the place's outputs.
pub trait CodeKeeper: Send + Sync {
    /// Makes the records that the place is started with agree with the code on disk:
    /// those of code that is gone are dropped, those that were lost are made anew, and
    /// what has come in part is added.
    fn reconcile(&self, records: Vec<(RecordKey, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)>;
    /// Transfers what is missing of a release from a source; later the place is told
    /// [`Fetched`](waybook_place::io::Input::Fetched) or
    /// [`FetchFailed`](waybook_place::io::Input::FetchFailed), and
    /// [`FetchProgress`](waybook_place::io::Input::FetchProgress) in between.
    fn fetch(&self, fetch: FetchId, release: Arc<Release>, source: PlaceName);
    /// Gives up a transfer, and keeps so many bytes of what it has brought.
    fn cancel_fetch(&self, fetch: FetchId, keep: u64);
    /// Deletes code.
    fn evict(&self, digest: Digest);
}
