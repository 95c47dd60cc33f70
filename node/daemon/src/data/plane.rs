//! The state of the data plane: sessions by identity and token, instances, and how a
//! request gets in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use dashmap::DashMap;
use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::{Booked, Input, InstanceId, Route};

use super::DataConfig;
use super::chain::NextHop;
use super::headers::{SESSION, clean_request, clean_response};
use super::pass::Passed;
use super::problem::{ProblemKind, problem};
use super::runtime::{Counted, Running, Runtimes, Starting};
use super::session::Session;
use super::session_body::SessionBody;
use super::token::token;
use crate::door::{Door, DoorConfig};
use crate::hop::{Lane, Lanes, Room};
use crate::slots::{Slots, share};
use crate::{Body, Io, PeerApi, PeerStreams, PlaceHandle, Start, hop};

/// What all tasks of the data plane share.
pub(super) struct Plane {
    pub(super) config: DataConfig,
    pub(super) peers: Arc<dyn PeerStreams>,
    pub(super) peer_api: OnceLock<Arc<dyn PeerApi>>,
    pub(super) place: PlaceHandle,
    pub(super) runtimes: Runtimes,
    pub(super) bound: OnceLock<SocketAddr>,
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
    sessions: DashMap<SessionId, Arc<Session>>,
    /// The sessions that clients may enter here.
    tokens: DashMap<String, SessionId>,
    instances: DashMap<InstanceId, Arc<Instance>>,
    /// Held while it is found out and told what is booked for an instance, so that an older sum does not come last.
    booking: Mutex<()>,
    /// Which sessions an instance serves.
    users: DashMap<InstanceId, BTreeSet<SessionId>>,
    /// Where clients come in.
    pub(super) door: Arc<Door>,
    /// The requests under way, by the neighbour that they come from; none is the gateway.
    pub(super) requests: Arc<Slots<Option<PlaceName>>>,
    pub(super) by_session: Arc<Slots<SessionId>>,
    /// For lanes that wait for another request.
    lanes: Arc<Room>,
}

/// A component that was started.
struct Instance {
    name: String,
    cancel: CancellationToken,
    state: RwLock<State>,
}

enum State {
    Starting,
    Up(Arc<dyn Running>),
    Failed(String),
}

impl Instance {
    /// Whether it is up now: what has failed already stays failed.
    fn came_up(&self, running: Arc<dyn Running>) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let starting = matches!(*state, State::Starting) && !self.cancel.is_cancelled();
        if starting {
            *state = State::Up(running);
        }
        starting
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Plane {
    pub(super) fn new(config: DataConfig, peers: Arc<dyn PeerStreams>, place: PlaceHandle) -> Self {
        Self {
            runtimes: Runtimes::new(&config),
            requests: Slots::new(
                config.limits.requests,
                share(config.limits.requests, config.limits.neighbour_share),
            ),
            by_session: Slots::new(usize::MAX, config.limits.requests_per_session),
            lanes: Room::new(config.limits.lanes),
            door: Door::new(DoorConfig {
                setting: "gateway.connections",
                connections: config.limits.connections,
                header_timeout: config.limits.header_timeout,
                header_bytes: config.limits.header_bytes,
                lingers: false,
                tls: None,
            }),
            config,
            peers,
            peer_api: OnceLock::new(),
            place,
            bound: OnceLock::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            sessions: DashMap::new(),
            tokens: DashMap::new(),
            instances: DashMap::new(),
            booking: Mutex::default(),
            users: DashMap::new(),
        }
    }

    pub(super) fn start(self: &Arc<Self>, id: InstanceId, start: Start) {
        let instance = Arc::new(Instance {
            name: start.component.name.clone(),
            cancel: self.stopping.child_token(),
            state: RwLock::new(State::Starting),
        });
        self.instances.insert(id, Arc::clone(&instance));
        let starting = Starting {
            instance: id,
            cancel: instance.cancel.clone(),
            plane: Arc::clone(self),
        };
        let plane = Arc::clone(self);
        self.tasks.spawn(async move {
            let runtime = plane.runtimes.of(start.component.runtime);
            let started = tokio::select! {
                started = runtime.start(starting, start) => started,
                () = instance.cancel.cancelled() => return,
            };
            match started {
                Ok(started) => {
                    let traffic = plane.config.recorded.traffic().component(&instance.name);
                    let running = Arc::new(Counted::new(started.running, traffic));
                    if instance.came_up(running) {
                        // After a restart sessions are let through before their
                        // components answer.
                        plane.book(id);
                        plane.place.input(Input::ComponentUp {
                            instance: id,
                            endpoint: started.endpoint,
                        });
                    }
                }
                Err(why) => plane.failed(id, why),
            }
        });
    }

    /// A component did not start, or ended for good.
    pub(super) fn failed(&self, id: InstanceId, why: String) {
        let Some(instance) = self.instances.get(&id).map(|found| Arc::clone(&found)) else {
            return;
        };
        if instance.cancel.is_cancelled() {
            return;
        }
        tracing::warn!(instance = id.0, component = %instance.name, %why, "component failed");
        instance.set(State::Failed(why.clone()));
        self.place
            .input(Input::ComponentFailed { instance: id, why });
    }

    pub(super) fn stop(&self, id: InstanceId) {
        if let Some((_, instance)) = self.instances.remove(&id) {
            instance.cancel.cancel();
        }
    }

    /// The instance, or why it cannot be called.
    pub(super) fn running(&self, id: InstanceId) -> Result<Arc<dyn Running>, String> {
        let Some(instance) = self.instances.get(&id) else {
            return Err("the component was stopped".to_owned());
        };
        let state = instance
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Up(running) => Ok(Arc::clone(running)),
            State::Starting => Err(format!("{} is starting", instance.name)),
            State::Failed(why) => Err(format!("{} failed: {why}", instance.name)),
        }
    }

    pub(super) fn route(&self, route: Route) {
        let id = route.session;
        let chain: BTreeSet<InstanceId> = route.chain.iter().copied().collect();
        for instance in &chain {
            self.users.entry(*instance).or_default().insert(id);
        }
        let changed = chain.clone();
        let token = token(&self.config.secret, id);
        if route.previous.is_none() {
            self.tokens.insert(token, id);
        } else {
            self.tokens.remove(&token);
        }
        let known = self.sessions.get(&id).map(|found| Arc::clone(&found));
        if let Some(session) = known {
            let old = session.reroute(route);
            let left = old.chain.iter().filter(|one| !chain.contains(one));
            left.for_each(|instance| self.leave(*instance, id));
        } else {
            let every = self.config.limits.active_every;
            let traffic = self.config.recorded.traffic().clone();
            let lanes = Lanes::new(&self.lanes);
            let session = Session::new(route, self.place.clone(), every, traffic, lanes);
            self.sessions.insert(id, Arc::new(session));
        }
        changed.into_iter().for_each(|instance| self.book(instance));
    }

    /// Tells an instance what its sessions have booked for it. Each session's stage is
    /// divided evenly among the instances of its chain that want to know.
    fn book(&self, instance: InstanceId) {
        let _alone = self.booking.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(running) = self.running(instance) else {
            return;
        };
        let Some(users) = self.users.get(&instance).map(|users| users.clone()) else {
            return;
        };
        let mut sum = Booked::default();
        for session in users.iter().filter_map(|id| self.session(*id)) {
            let route = session.route();
            let sharers = route.chain.iter().filter(|one| self.is_metered(**one));
            let sharers = u64::try_from(sharers.count()).unwrap_or(u64::MAX).max(1);
            let add = |sum: Option<u64>, part: Option<u64>| match part {
                Some(part) => Some(sum.unwrap_or(0).saturating_add(part / sharers)),
                None => sum,
            };
            sum.memory = add(sum.memory, route.booked.memory);
            sum.cpu = add(sum.cpu, route.booked.cpu);
        }
        running.book(sum);
    }

    fn is_metered(&self, instance: InstanceId) -> bool {
        let running = self.running(instance);
        running.is_ok_and(|running| running.is_metered())
    }

    pub(super) fn unroute(&self, id: SessionId) {
        self.tokens.remove(&token(&self.config.secret, id));
        if let Some((_, session)) = self.sessions.remove(&id) {
            session.ended.cancel();
            for instance in &session.route().chain {
                self.leave(*instance, id);
                self.book(*instance);
            }
        }
    }

    fn leave(&self, instance: InstanceId, session: SessionId) {
        self.users.remove_if_mut(&instance, |_, users| {
            users.remove(&session);
            users.is_empty()
        });
    }

    pub(super) async fn stop_all(&self) {
        self.stopping.cancel();
        let sessions: Vec<SessionId> = self.sessions.iter().map(|one| *one.key()).collect();
        sessions.into_iter().for_each(|id| self.unroute(id));
        self.instances.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The session that clients enter by that token.
    pub(super) fn by_token(&self, token: &str) -> Option<Arc<Session>> {
        let id = *self.tokens.get(token)?;
        self.session(id)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.get(&id).map(|found| Arc::clone(&found))
    }

    /// What comes after an instance that sends a request by itself. Such a request names
    /// no session. An instance that serves several is the same in all of their chains, and
    /// so is the instance behind it, if there is one here; another place would need to know
    /// for which session.
    pub(super) fn after(self: &Arc<Self>, instance: InstanceId) -> Result<NextHop, &'static str> {
        let users: Vec<SessionId> = self
            .users
            .get(&instance)
            .map(|users| users.iter().copied().take(2).collect())
            .unwrap_or_default();
        match users[..] {
            [id] => self
                .session(id)
                .and_then(|session| NextHop::after(self, &session, instance))
                .ok_or("the session is over"),
            [] => Err("the component serves no session yet"),
            [id, ..] => self
                .session(id)
                .and_then(|session| NextHop::after(self, &session, instance))
                .and_then(NextHop::for_all)
                .ok_or("the component serves several sessions, so that nothing comes after it"),
        }
    }

    /// Serves a stream that a neighbour opened.
    pub(super) async fn serve_peer(self: &Arc<Self>, from: PlaceName, io: Box<dyn Io>) {
        tokio::select! {
            () = self.serve_lane(&from, Lane::new(io)) => {}
            () = self.stopping.cancelled() => {}
        }
    }

    async fn serve_lane(self: &Arc<Self>, from: &PlaceName, mut lane: Lane) {
        if self.pass_all(from, &mut lane).await == Passed::Over {
            return;
        }
        let limits = &self.config.limits;
        let served = hop::serve(
            lane,
            limits.header_bytes,
            limits.header_timeout,
            |request| {
                let (plane, from) = (Arc::clone(self), from.clone());
                async move { plane.answer_peer(from, request).await }
            },
        );
        if let Err(error) = served.await {
            // Mostly the other end that went away, which is how requests are aborted.
            tracing::debug!(%from, %error, "stream of a neighbour ended early");
        }
    }

    async fn answer_peer(
        self: &Arc<Self>,
        from: PlaceName,
        request: Request<Body>,
    ) -> Response<Body> {
        let here = &self.config.place;
        let Some(named) = request.headers().get(SESSION) else {
            return match self.peer_api.get() {
                Some(api) => api.call(from, request).await,
                None => problem(here, ProblemKind::NotFound, "no session is named"),
            };
        };
        let id = named.to_str().ok().and_then(|text| text.parse().ok());
        let Some(session) = id.and_then(|id| self.session(id)) else {
            let detail = "the session is over, or was never routed through this place";
            return problem(here, ProblemKind::UnknownSession, detail);
        };
        if session.route().previous.as_ref() != Some(&from) {
            let detail = format!("{from} is not the previous hop of the session");
            return problem(here, ProblemKind::NotPreviousHop, &detail);
        }
        self.enter(&session, request).await
    }

    /// Lets a request of the session through this place.
    pub(super) async fn enter(
        self: &Arc<Self>,
        session: &Arc<Session>,
        mut request: Request<Body>,
    ) -> Response<Body> {
        let here = &self.config.place;
        let admitted = match self.admit(session) {
            Ok(admitted) => admitted,
            Err(why) => return problem(here, ProblemKind::TooManyRequests, &why),
        };
        if wants_tunnel(&request) {
            let detail = "use plain requests; WebSockets and CONNECT do not pass through";
            return problem(here, ProblemKind::UpgradeNotSupported, detail);
        }
        session.touch();
        let began = Instant::now();
        clean_request(&mut request, here);
        let request = request.map(|body| SessionBody::to_server(session, body));
        let mut response = tokio::select! {
            response = NextHop::first(self, session).call(request) => response,
            () = session.ended.cancelled() => {
                problem(here, ProblemKind::UnknownSession, "the session is over")
            }
        };
        clean_response(&mut response, here);
        session.traffic.answered(response.status(), began.elapsed());
        response.map(|body| SessionBody::to_client(session, body, admitted))
    }
}

/// Whether the request asks for something that is not HTTP any more. Other upgrades, such
/// as to HTTP/2, are offers that may be ignored.
fn wants_tunnel(request: &Request<Body>) -> bool {
    let upgrade = request.headers().get(http::header::UPGRADE);
    let upgrade = upgrade.and_then(|value| value.to_str().ok());
    request.method() == http::Method::CONNECT
        || upgrade.is_some_and(|to| to.to_ascii_lowercase().contains("websocket"))
}
