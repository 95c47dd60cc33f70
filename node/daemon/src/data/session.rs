//! What a place knows of a session whose requests it lets through.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybook_agents::SessionId;
use waybook_place::io::{Input, Route};

use super::shape::Shaper;
use crate::PlaceHandle;
use crate::hop::Lanes;
use crate::metrics::Traffic;

/// A session with a route through this place.
pub(super) struct Session {
    pub(super) id: SessionId,
    /// The present route; requests under way keep the one that they began with.
    route: RwLock<Arc<Route>>,
    /// Booked bandwidth, for response bodies.
    pub(super) to_client: Arc<Shaper>,
    /// Booked bandwidth, for request bodies.
    pub(super) to_server: Arc<Shaper>,
    /// Ends what is under way when the session does.
    pub(super) ended: CancellationToken,
    pub(super) traffic: Traffic,
    /// Streams to the next place.
    pub(super) lanes: Arc<Lanes>,
    /// What the session is called between places.
    pub(super) named: HeaderValue,
    place: PlaceHandle,
    began: Instant,
    /// Milliseconds from `began` until use may be reported again.
    report_at: AtomicU64,
    every: Duration,
}

impl Session {
    pub(super) fn new(
        route: Route,
        place: PlaceHandle,
        every: Duration,
        traffic: Traffic,
        lanes: Arc<Lanes>,
    ) -> Self {
        let named = HeaderValue::try_from(route.session.to_string());
        Self {
            traffic,
            lanes,
            named: named.unwrap_or(HeaderValue::from_static("")),
            id: route.session,
            to_client: Arc::new(Shaper::new(route.to_client)),
            to_server: Arc::new(Shaper::new(route.to_server)),
            route: RwLock::new(Arc::new(route)),
            ended: CancellationToken::new(),
            place,
            began: Instant::now(),
            report_at: AtomicU64::new(0),
            every,
        }
    }

    pub(super) fn route(&self) -> Arc<Route> {
        Arc::clone(&self.route.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another route, whose rates hold at once, and returns the one before.
    pub(super) fn reroute(&self, route: Route) -> Arc<Route> {
        self.to_client.set_rate(route.to_client);
        self.to_server.set_rate(route.to_server);
        let mut present = self.route.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *present, Arc::new(route))
    }

    /// How often use is reported, if it is: only the client's place watches idleness.
    pub(super) fn reports_use(&self) -> Option<Duration> {
        self.route().previous.is_none().then_some(self.every)
    }

    /// Reports that the session is in use, unless that was said just now.
    pub(super) fn touch(&self) {
        if self.reports_use().is_none() {
            return;
        }
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.report_at.load(Ordering::Relaxed);
        let next = now.saturating_add(u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX));
        // Of those who come at once, one reports.
        if now >= due
            && self
                .report_at
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.place.input(Input::Active { session: self.id });
        }
    }
}
