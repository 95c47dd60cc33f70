//! What a run drives: real places in a world, or a baseline that books otherwise.

use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, Established, OpenRequest, RequestId};
use waybook_place::{Counters, Instant, ResourceView};

use crate::Violation;
use crate::faults::Act;

/// Something about a request that its user has to know.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A session stands.
    Established(Box<Established>),
    /// No solution could be booked: how many there were, how many were refused, and the
    /// first place that refused with its reason in a word.
    Refused {
        /// The solutions of the plan.
        solutions: u64,
        /// The refusals that were told, without solutions that were not tried.
        refusals: u64,
        /// Where it was refused first, and for what.
        first: Option<(PlaceName, String)>,
    },
    /// There was nothing to try.
    NoPlan,
    /// The place would not take the request.
    Rejected,
    /// The client's place crashed. A session may be found again by the place.
    Cut,
    /// The session is over.
    Ended(EndReason),
}

/// A network of places that users ask for sessions.
pub trait System {
    /// The present.
    fn now(&self) -> Instant;

    /// When something happens next, if nobody asks for anything.
    fn next_at(&self) -> Option<Instant>;

    /// Lets that happen.
    ///
    /// # Errors
    /// [`Violation`] if a rule was broken.
    fn step(&mut self) -> Result<(), Violation>;

    /// Goes on to a moment before which nothing happens.
    fn idle_until(&mut self, at: Instant);

    /// A user asks for a session now.
    ///
    /// # Errors
    /// [`Violation`] if a rule was broken.
    fn open(&mut self, place: &PlaceName, request: OpenRequest) -> Result<RequestId, Violation>;

    /// A user leaves now, whatever has become of the request.
    ///
    /// # Errors
    /// [`Violation`] if a rule was broken.
    fn close(&mut self, request: RequestId) -> Result<(), Violation>;

    /// Whether a session stands at its client's place.
    fn stands(&self, request: RequestId) -> bool;

    /// Nothing more will be asked about a request.
    fn forget(&mut self, request: RequestId);

    /// What has happened since this was last asked.
    fn take_news(&mut self, into: &mut Vec<(RequestId, News)>);

    /// The resources of a place; none while it is down.
    fn resources(&self, place: &PlaceName) -> Option<Vec<ResourceView>>;

    /// What a place has counted in its present life; none while it is down.
    fn counters(&self, place: &PlaceName) -> Option<Counters>;

    /// Something goes wrong, or right again.
    ///
    /// # Errors
    /// [`Violation`] if a rule was broken.
    fn suffer(&mut self, act: &Act) -> Result<(), Violation>;

    /// Lets everything come to rest, and sees that nothing is left that should not be.
    ///
    /// # Errors
    /// [`Violation`] if something is.
    fn settle(&mut self) -> Result<(), Violation>;

    /// An objection at this moment.
    fn violation(&self, what: String) -> Violation;

    /// How many events there have been.
    fn events(&self) -> u64;

    /// How many messages places have sent.
    fn messages(&self) -> u64;
}
