//! What a plan visitor is told, what it wants done, and what it asks at once.

use serde::{Deserialize, Serialize};
use waybook_location_tree::PlaceName;
use waybook_plan::{Component, Demand, SolutionNumber, Stage};

use super::PlanVisitor;
use crate::{HopReport, Ready, RefusalReason, Refuse, Step};

/// Where a visitor is in its life at one hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It has just arrived and has done nothing yet.
    Arrived,
    /// It holds a solution's demand, and waits for the path beyond and for its
    /// components.
    Waiting,
    /// All beyond is booked and bound, and the hop before has been told so.
    Ready,
    /// The session is established; the visitor is its keeper here.
    Established,
    /// It has given up what it had here.
    Ended,
}

/// What the host tells its visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent has arrived, or was created at the client's place.
    Arrive,
    /// Every component of the stage answers.
    ComponentsUp,
    /// A component of the stage failed for good.
    ComponentFailed {
        /// Which.
        component: Component,
        /// What it said.
        why: String,
    },
    /// The next hop's path is ready.
    ChildReady(Ready),
    /// The next hop has given up, and holds nothing any more.
    ChildRefused(Refuse),
    /// The next hop cannot be reached, is silent, or has lost the visit.
    ChildLost {
        /// The number of the visit that is lost.
        number: SolutionNumber,
        /// In which way.
        reason: RefusalReason,
    },
    /// The session is established at the client's place.
    Confirmed,
    /// The set-up's time is over.
    Deadline,
    /// The place gives up what is here, for its operator drains it.
    Drained,
    /// The hop before gave the visit up, the client closed the session, or the lease
    /// has run out.
    Released,
}

/// What a visitor wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this child agent to the next hop.
    Forward {
        /// The next hop.
        to: PlaceName,
        /// The child.
        agent: Box<PlanVisitor>,
    },
    /// Give up a child, and all that it forwarded.
    ReleaseChild {
        /// Where it was sent.
        to: PlaceName,
        /// The number of its visit.
        number: SolutionNumber,
    },
    /// See to it that exactly these components run here for the session, and answer
    /// [`Event::ComponentsUp`] or [`Event::ComponentFailed`].
    Run(Vec<Component>),
    /// Let requests pass through the components to the next place, or end here.
    Bind {
        /// The next place; none at the server's.
        next: Option<PlaceName>,
    },
    /// Tell the hop before that the path is ready; at the client's place, the session is
    /// established.
    Ready(Ready),
    /// Tell the hop before that nothing is left here, then forget the visit; at the
    /// client's place, the set-up has failed or the session is broken.
    Refuse(Refuse),
    /// Confirm the session to the next hop.
    Confirm {
        /// The next hop.
        to: PlaceName,
        /// The number of its visit.
        number: SolutionNumber,
    },
    /// Forget the visit.
    End,
    /// News for a client that watches.
    Progress(SolutionNumber, Step),
}

/// What a visitor asks of the place that it is at, and has answered at once.
pub trait Local {
    /// Books a stage for this session in one step: all of it or nothing, in place of
    /// what the session holds here. Refused, the session holds nothing here. `code` is
    /// a component that is brought along, if the agent that would be sent on speaks of any:
    /// not every neighbour understands that.
    ///
    /// # Errors
    /// Why not.
    fn hold(
        &mut self,
        stage: &Stage,
        next: Option<&PlaceName>,
        code: Option<&str>,
    ) -> Result<(), RefusalReason>;
    /// Gives back what is held beyond that demand; it never asks for more.
    fn shrink(&mut self, demand: &Demand);
    /// Gives back all that the session holds here.
    fn release(&mut self);
    /// What has been done here for the session, as it stands.
    fn report(&self, stage: &Stage) -> HopReport;
}
