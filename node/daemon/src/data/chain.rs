//! The way of a request through one place: each component of the session's chain, then
//! the next place.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use waybook_location_tree::PlaceName;
use waybook_place::io::{InstanceId, Route};

use super::headers::{SESSION, clean_request, clean_response};
use super::plane::Plane;
use super::problem::{ProblemKind, problem};
use super::session::Session;
use super::session_body::SessionBody;
use crate::{Body, Io, hop};

/// An answer to a request, some time.
pub(super) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What comes after a component on the path of a session: the next component of this
/// place, or the next place.
#[derive(Clone)]
pub(super) struct NextHop {
    plane: Arc<Plane>,
    session: Arc<Session>,
    route: Arc<Route>,
    /// The component of the route's chain that is next.
    index: usize,
    /// Whether this is what comes next for other sessions as well.
    shared: bool,
}

impl Plane {
    /// Opens a stream to a neighbour.
    pub(super) async fn open(&self, to: &PlaceName) -> io::Result<Box<dyn Io>> {
        let limit = self.config.limits.connect_timeout;
        match tokio::time::timeout(limit, self.peers.open(to)).await {
            Ok(opened) => opened,
            Err(_) => {
                let why = "no stream was opened in time";
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        }
    }

    /// Which connection a stream to it would be opened over now.
    pub(super) fn way(&self, to: &PlaceName) -> usize {
        self.peers.way(to)
    }

    /// What is answered where the next place cannot be asked.
    pub(super) fn unreachable(
        &self,
        to: &PlaceName,
        why: &dyn std::fmt::Display,
    ) -> Response<Body> {
        let detail = format!("{to} cannot be reached: {why}");
        problem(
            &self.config.place,
            ProblemKind::NextPlaceUnreachable,
            &detail,
        )
    }
}

impl NextHop {
    /// The beginning of the session's path through this place.
    pub(super) fn first(plane: &Arc<Plane>, session: &Arc<Session>) -> Self {
        Self {
            plane: Arc::clone(plane),
            session: Arc::clone(session),
            route: session.route(),
            index: 0,
            shared: false,
        }
    }

    /// What comes after `instance`, if that is on the session's path here.
    pub(super) fn after(
        plane: &Arc<Plane>,
        session: &Arc<Session>,
        instance: InstanceId,
    ) -> Option<Self> {
        let mut next = Self::first(plane, session);
        next.index = 1 + next.route.chain.iter().position(|one| *one == instance)?;
        Some(next)
    }

    /// The same on behalf of every session that shares the component before it; none if
    /// it is another place.
    pub(super) fn for_all(mut self) -> Option<Self> {
        self.shared = true;
        self.route.chain.get(self.index)?;
        Some(self)
    }

    /// Sends the request on.
    #[must_use]
    pub(super) fn call(mut self, request: Request<Body>) -> Answer {
        let plane = Arc::clone(&self.plane);
        if let Some(instance) = self.route.chain.get(self.index).copied() {
            self.index += 1;
            return match plane.running(instance) {
                Ok(running) => running.call(request, self),
                Err(why) => Box::pin(std::future::ready(problem(
                    &plane.config.place,
                    ProblemKind::ComponentUnavailable,
                    &why,
                ))),
            };
        }
        match self.route.next.clone() {
            Some(to) => Box::pin(self.send(to, request)),
            None => Box::pin(std::future::ready(problem(
                &plane.config.place,
                ProblemKind::NoNextHop,
                "the last component of the path asked for what comes after it",
            ))),
        }
    }

    /// Sends the request to the next place.
    async fn send(self, to: PlaceName, mut request: Request<Body>) -> Response<Body> {
        let (plane, session) = (&self.plane, &self.session);
        request.headers_mut().insert(SESSION, session.named.clone());
        if hop::fits(&request) {
            let most = plane.config.limits.header_bytes;
            let asked = hop::ask(
                &session.lanes,
                &to,
                request,
                most,
                (plane.way(&to), || plane.open(&to)),
            );
            return match asked.await {
                Ok(response) => response,
                Err(why) => plane.unreachable(&to, &why),
            };
        }
        let io = match plane.open(&to).await {
            Ok(io) => io,
            Err(why) => return plane.unreachable(&to, &why),
        };
        match hop::send(io, request).await {
            Ok(response) => response,
            Err(error) => plane.unreachable(&to, &error),
        }
    }

    /// As [`call`](Self::call), for a component that sends requests by itself: they end
    /// with the session, unless they are made for several.
    async fn call_inside(self, request: Request<Body>) -> Response<Body> {
        if self.shared {
            return self.call(request).await;
        }
        let session = Arc::clone(&self.session);
        let place = self.plane.config.place.clone();
        let request = request.map(|body| SessionBody::inside(&session, body));
        tokio::select! {
            response = self.call(request) => {
                response.map(|body| SessionBody::inside(&session, body))
            }
            () = session.ended.cancelled() => {
                problem(&place, ProblemKind::UnknownSession, "the session is over")
            }
        }
    }

    /// A request that a component sends by itself: to what comes after it on the path of
    /// the sessions that it serves at that moment.
    pub(super) async fn from_inside(
        plane: &Arc<Plane>,
        instance: InstanceId,
        mut request: Request<Body>,
    ) -> Response<Body> {
        let here = &plane.config.place;
        let next = match plane.after(instance) {
            Ok(next) => next,
            Err(why) => return problem(here, ProblemKind::NoNextHop, why),
        };
        clean_request(&mut request, here);
        let mut response = next.call_inside(request).await;
        clean_response(&mut response, here);
        response
    }

    /// The place's name, for problems.
    pub(super) fn place(&self) -> &PlaceName {
        &self.plane.config.place
    }
}
