//! The requests of a run that are not over yet.

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::{EndReason, Established, RequestId};

use crate::results::{End, Fate};

/// What is known of a session once it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) at: Instant,
    pub(super) quality: String,
    pub(super) solution: u64,
    pub(super) hops: u64,
    pub(super) server: PlaceName,
}

/// One request.
#[derive(Debug)]
pub(super) struct Live {
    /// Counted from 1 in the order of asking.
    pub(super) number: u64,
    pub(super) class: usize,
    pub(super) place: usize,
    pub(super) title: String,
    pub(super) asked: Instant,
    pub(super) wanted: Duration,
    pub(super) fate: Option<Fate>,
    pub(super) session: Option<Standing>,
    pub(super) answered: Option<Instant>,
    pub(super) refusals: u64,
    pub(super) solutions: Option<u64>,
    pub(super) refused: Option<(PlaceName, String)>,
    /// Where its terminal goes next.
    pub(super) moves_to: Option<usize>,
    /// The request that it takes over from, while that is not over.
    pub(super) moved_from: Option<RequestId>,
    pub(super) moved_from_number: Option<u64>,
}

impl Live {
    /// Takes up its session; gives the request that it takes over from.
    pub(super) fn establish(&mut self, session: Established, now: Instant) -> Option<RequestId> {
        self.fate = Some(Fate::Established);
        self.answered = Some(now);
        self.solutions = Some(session.solutions as u64);
        self.refusals = session.refused.len() as u64;
        self.refused = (session.refused.first()).map(|r| (r.place.clone(), reason(&r.reason)));
        let server = session.journey.last().map(|hop| hop.place.clone());
        self.session = Some(Standing {
            at: now,
            quality: session.quality,
            solution: u64::from(session.solution.0),
            hops: session.journey.len().saturating_sub(1) as u64,
            server: server.expect("a journey begins with the client's place"),
        });
        self.moved_from.take()
    }

    pub(super) fn session(&self) -> Option<&Standing> {
        self.session.as_ref()
    }

    /// When its user will have had enough, once it stands.
    pub(super) fn leaves(&self) -> Option<Instant> {
        self.session().map(|session| session.at + self.wanted)
    }
}

/// A reason in a word: the resource that lacked, or what else it was.
pub(crate) fn reason(reason: &waybook_agents::RefusalReason) -> String {
    use waybook_agents::RefusalReason as R;
    match reason {
        R::Lacking(lack) => lack.resource.to_string(),
        R::ComponentUnavailable { .. } => "component-unavailable".to_owned(),
        R::ComponentFailed { .. } => "component-failed".to_owned(),
        R::Unreachable { .. } => "unreachable".to_owned(),
        R::NoAnswer { .. } => "no-answer".to_owned(),
        R::Lost { .. } => "lost".to_owned(),
        R::Deadline => "deadline".to_owned(),
        R::Restarting => "restarting".to_owned(),
        R::Limit { limit, .. } => limit.clone(),
        R::Protocol { .. } => "protocol".to_owned(),
        R::Released => "released".to_owned(),
        R::NotTried => "not-tried".to_owned(),
        R::Drained => "drained".to_owned(),
        R::Cordoned { .. } => "cordoned".to_owned(),
    }
}

/// How a session ended that its user did not end.
pub(super) fn end_of(why: &EndReason) -> End {
    match why {
        EndReason::Closed => End::Left,
        EndReason::Broken(_) => End::Broken,
        EndReason::Unclaimed
        | EndReason::Idle
        | EndReason::Expired
        | EndReason::Replaced
        | EndReason::Reconciled
        | EndReason::Drained(_) => End::Ended,
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Lives {
    by_request: BTreeMap<RequestId, Live>,
    numbered: u64,
}

impl Lives {
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    pub(super) fn add(&mut self, request: RequestId, live: Live) {
        self.by_request.insert(request, live);
    }

    pub(super) fn get(&self, request: RequestId) -> Option<&Live> {
        self.by_request.get(&request)
    }

    pub(super) fn get_mut(&mut self, request: RequestId) -> Option<&mut Live> {
        self.by_request.get_mut(&request)
    }

    pub(super) fn take(&mut self, request: RequestId) -> Option<Live> {
        self.by_request.remove(&request)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestId, &Live)> {
        self.by_request
            .iter()
            .map(|(request, live)| (*request, live))
    }
}
