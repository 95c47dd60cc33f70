//! What a place asks of whatever runs components and lets requests through.

use waybook_agents::SessionId;
use waybook_place::io::{InstanceId, Route};
use waybook_plan::Component;

/// Carries out a place's outputs that concern components and requests. The data plane
/// implements it. No method may block: each one notes what is to be done and returns.
/// The calls come in the order of the place's outputs.
pub trait Machinery: Send + Sync {
    /// Starts a component; later the place is told
    /// [`ComponentUp`](waybook_place::io::Input::ComponentUp) or
    /// [`ComponentFailed`](waybook_place::io::Input::ComponentFailed).
    fn start(&self, instance: InstanceId, component: Component);
    /// Stops a component, or gives up starting it.
    fn stop(&self, instance: InstanceId);
    /// Lets requests of a session through, or changes how.
    fn route(&self, route: Route);
    /// Lets no request of the session through any more, and ends those under way.
    fn unroute(&self, session: SessionId);
}
