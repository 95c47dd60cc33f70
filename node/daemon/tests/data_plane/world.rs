//! Places joined by pipes, and clients of them.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use waybook_agents::SessionId;
use waybook_daemon::data::{DataConfig, DataPlane};
use waybook_daemon::{Body, Command, Io, Opening, PeerStreams, PlaceHandle, Start, empty_body};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Booked, Input, InstanceId, Route};
use waybook_plan::{Component, Release, Runtime};

/// Longer than anything takes that works, on a busy machine as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits, and says for what if it does not come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

pub(crate) fn component(runtime: Runtime, name: &str, config: &[(&str, &str)]) -> Component {
    let config = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Component {
        name: name.to_owned(),
        runtime,
        config: config.collect::<BTreeMap<_, _>>(),
    }
}

/// Who can be reached by pipe.
#[derive(Clone, Default)]
pub(crate) struct Neighbours(Arc<Mutex<HashMap<PlaceName, DataPlane>>>, Arc<AtomicUsize>);

impl Neighbours {
    /// How many pipes have been opened.
    pub(crate) fn pipes(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

/// Opens pipes from one place to its neighbours.
struct Pipes {
    from: PlaceName,
    neighbours: Neighbours,
}

impl PeerStreams for Pipes {
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        Box::pin(async move {
            let known = self.neighbours.0.lock().unwrap().get(to).cloned();
            let Some(plane) = known else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            self.neighbours.1.fetch_add(1, Ordering::Relaxed);
            let (near, far) = tokio::io::duplex(64 * 1024);
            let from = self.from.clone();
            tokio::spawn(async move { plane.serve_peer(from, Box::new(far)).await });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

/// One place: its data plane, and what that reports.
pub(crate) struct Place {
    pub(crate) name: PlaceName,
    pub(crate) plane: DataPlane,
    reports: UnboundedReceiver<Command>,
    instances: u64,
}

impl Place {
    pub(crate) fn new(config: DataConfig, neighbours: &Neighbours) -> Self {
        let (handle, reports) = PlaceHandle::new();
        let name = config.place.clone();
        let peers = Arc::new(Pipes {
            from: name.clone(),
            neighbours: neighbours.clone(),
        });
        let plane = DataPlane::new(config, peers, handle);
        let mut all = neighbours.0.lock().unwrap();
        all.insert(name.clone(), plane.clone());
        drop(all);
        Self {
            name,
            plane,
            reports,
            instances: 0,
        }
    }

    /// A place that nobody else is near to.
    pub(crate) fn alone(config: DataConfig) -> Self {
        Self::new(config, &Neighbours::default())
    }

    /// The next input that the data plane hands to its place.
    pub(crate) async fn report(&mut self) -> Input {
        match soon("a report", self.reports.recv()).await {
            Some(Command::Input(input)) => input,
            _ => panic!("the data plane only sends inputs"),
        }
    }

    /// Reports that are there already.
    pub(crate) fn reported(&mut self) -> Vec<Input> {
        let mut reports = Vec::new();
        while let Ok(Command::Input(input)) = self.reports.try_recv() {
            reports.push(input);
        }
        reports
    }

    pub(crate) fn launch(&mut self, component: Component) -> InstanceId {
        self.launch_code(component, None)
    }

    /// As [`Place::launch`], of code that was brought along.
    pub(crate) fn launch_code(
        &mut self,
        component: Component,
        release: Option<Arc<Release>>,
    ) -> InstanceId {
        self.instances += 1;
        let instance = InstanceId(self.instances);
        let start = Start {
            component,
            release,
            session: SessionId(0),
            booked: Booked::default(),
        };
        self.plane.start(instance, start);
        instance
    }

    /// Starts a component and waits until it is up or has failed.
    pub(crate) async fn try_start(&mut self, component: Component) -> Result<InstanceId, String> {
        let started = self.launch(component);
        self.is_up(started).await
    }

    /// Waits until a component is up or has failed.
    pub(crate) async fn is_up(&mut self, started: InstanceId) -> Result<InstanceId, String> {
        loop {
            match self.report().await {
                Input::ComponentUp { instance, .. } if instance == started => return Ok(instance),
                Input::ComponentFailed { instance, why } if instance == started => return Err(why),
                _ => {}
            }
        }
    }

    pub(crate) async fn start(&mut self, component: Component) -> InstanceId {
        self.try_start(component).await.unwrap()
    }

    /// Opens the gateway.
    pub(crate) async fn gateway(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plane = self.plane.clone();
        tokio::spawn(async move { plane.serve_gateway(listener).await });
        // The gateway notes its address when it begins to serve; a request makes sure.
        let _ = get(&format!("http://{address}/")).await;
        address
    }
}

/// A route with nothing booked.
pub(crate) fn route(session: u128, chain: &[InstanceId]) -> Route {
    Route {
        session: SessionId(session),
        chain: chain.to_vec(),
        next: None,
        previous: None,
        to_client: None,
        to_server: None,
        booked: Booked::default(),
    }
}

/// Five places, so four edges, and a session whose server's component is `server`.
pub(crate) struct Path {
    pub(crate) places: Vec<Place>,
    pub(crate) neighbours: Neighbours,
    pub(crate) gateway: SocketAddr,
    /// The session's URL in path form, with its last slash.
    pub(crate) url: String,
}

pub(crate) const SESSION: u128 = 0x5e55_1011;

pub(crate) const PLACES: [&str; 5] = [
    "core/bologna/lab",
    "core/bologna",
    "core",
    "core/ferrara",
    "core/ferrara/store",
];

impl Path {
    /// Builds it; `configure` may change each place's configuration.
    pub(crate) async fn build(
        server: Component,
        configure: impl Fn(usize, &mut DataConfig),
    ) -> Self {
        let neighbours = Neighbours::default();
        let mut places = Vec::new();
        for (index, place) in PLACES.iter().enumerate() {
            let mut config = DataConfig::new(name(place), [7; 32]);
            configure(index, &mut config);
            places.push(Place::new(config, &neighbours));
        }
        let last = places.len() - 1;
        for (index, place) in places.iter_mut().enumerate() {
            // Relays on the way, to have components in chains.
            let component = if index == last {
                server.clone()
            } else {
                component(Runtime::Builtin, "relay", &[])
            };
            let instance = place.start(component).await;
            let mut route = route(SESSION, &[instance]);
            route.next = PLACES.get(index + 1).map(|next| name(next));
            route.previous = index.checked_sub(1).map(|index| name(PLACES[index]));
            place.plane.route(route);
        }
        let gateway = places[0].gateway().await;
        let url = places[0].plane.session_url(SessionId(SESSION)).path_url;
        assert!(url.starts_with(&format!("http://{gateway}/s/")), "{url}");
        Self {
            places,
            neighbours,
            gateway,
            url,
        }
    }

    /// A path to an HTTP server at `origin`.
    pub(crate) async fn to(origin: SocketAddr) -> Self {
        let url = format!("http://{origin}/");
        let server = component(Runtime::Builtin, "upstream", &[("url", &url)]);
        Self::build(server, |_, config| config.upstreams = vec![url.clone()]).await
    }
}

pub(crate) fn client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn send(request: Request<Body>) -> Response<Incoming> {
    soon("a response", client().request(request)).await.unwrap()
}

pub(crate) async fn get(url: &str) -> Response<Incoming> {
    send(Request::get(url).body(empty_body()).unwrap()).await
}

pub(crate) async fn bytes(response: Response<Incoming>) -> Bytes {
    soon("the whole body", response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(bytes(response).await.to_vec()).unwrap()
}

/// Checks that a response is the problem of that kind at that place.
pub(crate) async fn assert_problem(
    response: Response<Incoming>,
    status: StatusCode,
    kind: &str,
    place: &str,
) {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let found = response.status();
    let problem: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(found, status, "{problem}");
    assert_eq!(problem["type"], format!("urn:waybook:problem:{kind}"));
    assert_eq!(problem["place"], place, "{problem}");
    assert_eq!(problem["status"], status.as_u16());
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}
