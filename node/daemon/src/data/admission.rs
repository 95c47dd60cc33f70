//! Which requests there is room for: in all, of one neighbour, and of one session.

use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;

use super::plane::Plane;
use super::session::Session;
use crate::DoorCounters;
use crate::slots::{Full, Slot};

/// A request under way; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    _of_session: Slot<SessionId>,
    _of_place: Slot<Option<PlaceName>>,
}

impl Plane {
    /// Room for one more request of a session.
    pub(super) fn admit(&self, session: &Session) -> Result<Admitted, String> {
        let reached = |setting: &str, most: usize| {
            format!("limit `gateway.{setting}` = {most} is reached; try again soon")
        };
        let of_session = self.by_session.take(&session.id);
        let of_session = of_session.map_err(|full| match full {
            Full::All(most) | Full::Share(most) => reached("requests-per-session", most),
        })?;
        let from = session.route().previous.clone();
        let taken = match &from {
            Some(_) => self.requests.take(&from),
            None => self.requests.take_any(&from),
        };
        let of_place = taken.map_err(|full| match full {
            Full::All(most) => reached("requests", most),
            Full::Share(most) => format!(
                "`limits.neighbour-share` of `gateway.requests` = {most} is reached by {}; try \
                 again soon",
                from.as_ref().map_or("clients", PlaceName::as_str)
            ),
        })?;
        Ok(Admitted {
            _of_session: of_session,
            _of_place: of_place,
        })
    }

    /// What the gateway has counted, and all requests with it.
    pub(super) fn gateway_counters(&self) -> DoorCounters {
        let (requests, refused) = self.requests.counts();
        let (_, of_sessions) = self.by_session.counts();
        DoorCounters {
            requests,
            refused_requests: refused + of_sessions,
            ..self.door.counters()
        }
    }
}
