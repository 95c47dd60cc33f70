//! Places in one process: their messages are handed over as they are, their streams are
//! pipes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use waybook_agents::{Incarnation, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, Input, Output, RequestId, Survey};
use waybook_place::{CodeConfig, Config, Instant, Limits, Place, Timing, Trust};
use waybook_plan::{NoPlan, Resource};

use super::code::Shelf;

use crate::api::{
    Addresses, ControlApi, Ends, Parts, Profiles, Recent, Rights, SessionUrls, Shared, Tokens, Urls,
};
use crate::config::{ApiLimits, AuditConfig, ProfilesConfig, RemoteRights};
use crate::{
    Audit, Command, Io, OpenEvent, Opening, OrderResult, PeerApi, PeerStreams, PlaceHandle,
};

pub(crate) const TOKEN: &str = "a token";

/// Longer than anything takes that works, on a busy machine as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

struct NamedByNumber;

impl SessionUrls for NamedByNumber {
    fn urls(&self, session: SessionId) -> Option<Urls> {
        Some(Urls {
            path: format!("http://gateway/{session}"),
            host: format!("http://{session}.gateway"),
        })
    }
}

/// Which neighbours are connected, and who answers there.
#[derive(Default)]
struct Wiring {
    apis: BTreeMap<PlaceName, ControlApi>,
    cut: BTreeSet<(PlaceName, PlaceName)>,
    strangers: BTreeMap<PlaceName, Stranger>,
    /// What the places keep on disk.
    folders: BTreeMap<PlaceName, TempDir>,
    /// Bytes of uploads that have arrived anywhere.
    arrived: watch::Sender<usize>,
    /// Why nothing can be written to disks; nothing if it can.
    full: Arc<Mutex<Option<String>>>,
}

/// A place that answers as it likes.
#[derive(Clone)]
struct Stranger {
    /// Nothing if it never does.
    answer: Option<(u16, String)>,
    asked: watch::Sender<usize>,
}

impl Stranger {
    async fn answer(self) -> http::Response<axum::body::Body> {
        self.asked.send_modify(|asked| *asked += 1);
        let Some((status, answer)) = self.answer else {
            return std::future::pending().await;
        };
        let response = http::Response::builder().status(status);
        response.body(answer.into()).unwrap()
    }
}

/// The streams of one place.
struct Pipes {
    name: PlaceName,
    wiring: Arc<Mutex<Wiring>>,
}

impl PeerStreams for Pipes {
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a> {
        let wiring = self.wiring.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = wiring.cut.contains(&(self.name.clone(), to.clone()));
        let api = wiring.apis.get(to).filter(|_| !cut).cloned();
        let stranger = wiring.strangers.get(to).cloned();
        let from = self.name.clone();
        Box::pin(async move {
            let api = api.ok_or(io::ErrorKind::NotConnected)?;
            let (near, far) = tokio::io::duplex(4096);
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (api, from) = (api.clone(), from.clone());
                let stranger = stranger.clone();
                async move {
                    if let Some(stranger) = stranger {
                        let said = stranger.answer().await;
                        return Ok(said.map(|body| body.map_err(Into::into).boxed_unsync()));
                    }
                    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                    Ok::<_, std::convert::Infallible>(api.call(from, request).await)
                }
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(far), service));
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

fn parts(
    name: &PlaceName,
    place: PlaceHandle,
    wiring: &Arc<Mutex<Wiring>>,
    (ends, recent): (Ends, Arc<Recent>),
) -> Parts {
    let folder = tempfile::tempdir().unwrap();
    let arrived = wiring.lock().unwrap().arrived.clone();
    let parts = Parts {
        code: Arc::new(Shelf::new(place.clone(), arrived)),
        place,
        name: name.clone(),
        peers: Arc::new(Pipes {
            name: name.clone(),
            wiring: wiring.clone(),
        }),
        token: TOKEN.to_owned(),
        tokens: Arc::new(Tokens::open(folder.path(), 10).unwrap()),
        urls: Arc::new(NamedByNumber),
        addresses: Addresses::default(),
        rights: Rights::new(name.clone(), RemoteRights::default()),
        folder: folder.path().to_owned(),
        profiles: Arc::new(Profiles::open(folder.path(), ProfilesConfig::default()).unwrap()),
        ends,
        limits: ApiLimits::default(),
        counts: Arc::new(()),
        recorded: Arc::default(),
        setups: Arc::new(crate::trace::Setups::new(100)),
        log: Arc::new(()),
        reload: Arc::new(()),
        invites: Arc::new(()),
        recent,
        tls: None,
        origins: vec!["https://panel.example".to_owned()],
        audit: Arc::new(Audit::open(folder.path(), name, AuditConfig::default()).unwrap()),
    };
    wiring.lock().unwrap().folders.insert(name.clone(), folder);
    parts
}

/// What handlers share, with nothing behind it.
pub(in crate::api) fn shared(of: &str) -> Arc<Shared> {
    let parts = parts(
        &name(of),
        PlaceHandle::new().0,
        &Arc::default(),
        <(Ends, Arc<Recent>)>::default(),
    );
    ControlApi::new(parts).shared
}

/// Places with their APIs.
pub(crate) struct Net {
    wiring: Arc<Mutex<Wiring>>,
    handles: BTreeMap<PlaceName, PlaceHandle>,
    abandoned: watch::Receiver<usize>,
    hold: watch::Sender<bool>,
}

impl Net {
    /// Starts these places, parents first, all connected.
    pub(crate) fn start(names: &[&str]) -> Self {
        Self::start_with(names, |_| {})
    }

    /// As [`start`](Self::start), with other limits.
    pub(crate) fn start_with(names: &[&str], limit: impl Fn(&mut ApiLimits)) -> Self {
        Self::start_of(names, |parts| limit(&mut parts.limits))
    }

    /// As [`start`](Self::start), of other parts.
    pub(crate) fn start_of(names: &[&str], change: impl Fn(&mut Parts)) -> Self {
        let wiring = Arc::<Mutex<Wiring>>::default();
        let mut handles = BTreeMap::new();
        let mut endings = BTreeMap::new();
        let (commands, inbox) = mpsc::unbounded_channel();
        for text in names {
            let name = name(text);
            let (handle, mut receiver) = PlaceHandle::new();
            let ends = <(Ends, Arc<Recent>)>::default();
            let mut parts = parts(&name, handle.clone(), &wiring, ends.clone());
            change(&mut parts);
            let api = ControlApi::new(parts);
            wiring.lock().unwrap().apis.insert(name.clone(), api);
            handles.insert(name.clone(), handle);
            endings.insert(name.clone(), ends);
            let commands = commands.clone();
            tokio::spawn(async move {
                while let Some(command) = receiver.recv().await {
                    let _ = commands.send((name.clone(), command));
                }
            });
        }
        let (left, abandoned) = watch::channel(0);
        let (hold, held) = watch::channel(false);
        let full = wiring.lock().unwrap().full.clone();
        let driver = Driver::new(handles.keys(), endings, left, held, full);
        tokio::spawn(driver.run(inbox));
        Self {
            wiring,
            handles,
            abandoned,
            hold,
        }
    }

    pub(crate) fn api(&self, at: &str) -> ControlApi {
        self.wiring.lock().unwrap().apis[&name(at)].clone()
    }

    /// The data folder of a place.
    pub(crate) fn folder(&self, at: &str) -> PathBuf {
        let wiring = self.wiring.lock().unwrap();
        wiring.folders[&name(at)].path().to_owned()
    }

    /// No stream leads from one place to the other any more.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        let edge = (name(from), name(to));
        self.wiring.lock().unwrap().cut.insert(edge);
    }

    /// Streams lead there again.
    pub(crate) fn mend(&self, from: &str, to: &str) {
        let edge = (name(from), name(to));
        self.wiring.lock().unwrap().cut.remove(&edge);
    }

    /// From now on the place gives that answer to all its neighbours ask, or none. How often
    /// it was asked.
    pub(crate) fn estrange(
        &self,
        at: &str,
        answer: Option<(u16, String)>,
    ) -> watch::Receiver<usize> {
        let (asked, count) = watch::channel(0);
        let stranger = Stranger { answer, asked };
        self.wiring
            .lock()
            .unwrap()
            .strangers
            .insert(name(at), stranger);
        count
    }

    /// Nothing can be written to any disk.
    pub(crate) fn fill_disks(&self) {
        let wiring = self.wiring.lock().unwrap();
        *wiring.full.lock().unwrap() = Some("no space left on device".to_owned());
    }

    /// How many bytes of uploads have arrived anywhere.
    pub(crate) fn arrived(&self) -> watch::Receiver<usize> {
        self.wiring.lock().unwrap().arrived.subscribe()
    }

    /// No component starts any more, and no transfer comes further than its half; or they
    /// do again.
    pub(crate) fn hold(&self, held: bool) {
        self.hold.send_replace(held);
    }

    /// Waits until a client has gone away from its open.
    pub(crate) async fn abandoned(&self) {
        let mut abandoned = self.abandoned.clone();
        let left = tokio::time::timeout(PATIENCE, abandoned.wait_for(|count| *count > 0));
        left.await.expect("the open is cancelled").unwrap();
    }

    /// Waits until a place has no booking left.
    pub(crate) async fn quiet(&self, at: &str) {
        let handle = &self.handles[&name(at)];
        let quiet = async {
            while handle.query(|p, _| p.bookings().count()).await != Ok(0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let quiet = tokio::time::timeout(PATIENCE, quiet).await;
        quiet.unwrap_or_else(|_| panic!("{at} has bookings left"));
    }
}

/// Owns all places.
struct Driver {
    began: tokio::time::Instant,
    places: BTreeMap<PlaceName, Place>,
    ends: BTreeMap<PlaceName, (Ends, Arc<Recent>)>,
    opens: BTreeMap<(PlaceName, RequestId), mpsc::Sender<OpenEvent>>,
    dry_runs: BTreeMap<(PlaceName, RequestId), oneshot::Sender<Result<Survey, NoPlan>>>,
    orders: BTreeMap<(PlaceName, RequestId), oneshot::Sender<OrderResult>>,
    requests: u64,
    left: watch::Sender<usize>,
    held: watch::Receiver<bool>,
    /// Transfers that are held at their half.
    halves: Vec<(PlaceName, FetchId)>,
    full: Arc<Mutex<Option<String>>>,
}

/// The root takes only what is signed, and so nothing; all others take everything.
fn code(name: &PlaceName) -> CodeConfig {
    CodeConfig {
        runtimes: vec!["wasi:http/proxy@0.2.12".to_owned()],
        trust: Trust {
            publishers: Vec::new(),
            unsigned: name.parent().is_some(),
        },
        ..CodeConfig::default()
    }
}

impl Driver {
    fn new<'a>(
        names: impl Iterator<Item = &'a PlaceName> + Clone,
        ends: BTreeMap<PlaceName, (Ends, Arc<Recent>)>,
        left: watch::Sender<usize>,
        held: watch::Receiver<bool>,
        full: Arc<Mutex<Option<String>>>,
    ) -> Self {
        let mut driver = Self {
            began: tokio::time::Instant::now(),
            places: BTreeMap::new(),
            ends,
            opens: BTreeMap::new(),
            dry_runs: BTreeMap::new(),
            orders: BTreeMap::new(),
            requests: 0,
            left,
            held,
            halves: Vec::new(),
            full,
        };
        for name in names.clone() {
            let mut capacity = BTreeMap::from([(Resource::cpu(), 4_000)]);
            if name.parent().is_some() {
                capacity.insert(Resource::down(), 10_000_000);
                capacity.insert(Resource::up(), 10_000_000);
            }
            let config = Config {
                name: name.clone(),
                capacity,
                programs: Vec::new(),
                limits: Limits::default(),
                timing: Timing::default(),
                strategy: "nearest".to_owned(),
                servers_per_plan: 3,
                code: code(name),
            };
            let (life, now) = (Incarnation(1), driver.now());
            let place = Place::new(config, life, [0; 32], Vec::new(), now, &mut Vec::new());
            driver.places.insert(name.clone(), place.unwrap());
        }
        for child in names {
            if let Some(parent) = child.parent() {
                for (at, neighbour) in [(&parent, child), (child, &parent)] {
                    let link = Input::LinkUp {
                        neighbour: neighbour.clone(),
                        incarnation: Incarnation(1),
                        version: waybook_agents::wire::VERSION,
                    };
                    driver.handle(at, link);
                }
            }
        }
        driver
    }

    fn now(&self) -> Instant {
        Instant(u64::try_from(self.began.elapsed().as_nanos()).unwrap())
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<(PlaceName, Command)>) {
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    Some((at, command)) => self.command(&at, command),
                    None => return,
                },
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            self.notice_who_left();
            if !*self.held.borrow() {
                for (at, fetch) in std::mem::take(&mut self.halves) {
                    self.handle(&at, Input::Fetched { fetch });
                }
            }
            let now = self.now();
            let due = |(name, place): (&PlaceName, &Place)| {
                place
                    .next_timeout()
                    .is_some_and(|t| t <= now)
                    .then(|| name.clone())
            };
            let due: Vec<_> = self.places.iter().filter_map(due).collect();
            for name in due {
                self.handle(&name, Input::Tick);
            }
        }
    }

    fn notice_who_left(&mut self) {
        let gone: Vec<_> = self
            .opens
            .extract_if(.., |_, events| events.is_closed())
            .map(|(key, _)| key)
            .collect();
        for (at, request) in gone {
            self.left.send_modify(|count| *count += 1);
            self.handle(&at, Input::Cancel { request });
        }
    }

    fn command(&mut self, at: &PlaceName, command: Command) {
        self.requests += 1;
        let request = RequestId(self.requests);
        match command {
            Command::Input(input) => self.handle(at, input),
            Command::Open(mut open, events) => {
                open.request = request;
                self.opens.insert((at.clone(), request), events);
                self.handle(at, Input::Open(open));
            }
            Command::DryRun(mut open, answer) => {
                open.request = request;
                self.dry_runs.insert((at.clone(), request), answer);
                self.handle(at, Input::DryRun(open));
            }
            Command::Code(order, answer) => {
                self.orders.insert((at.clone(), request), answer);
                self.handle(at, Input::Code { request, order });
            }
            Command::Query(look) => look(&self.places[at], self.now()),
            Command::CopyRecords(to, answer) => {
                let _ = answer.send(std::fs::write(to, "").map_err(|error| error.to_string()));
            }
            Command::Written(_, answer) => {
                let full = self.full.lock().unwrap().clone();
                let _ = answer.send(full.map_or(Ok(()), Err));
            }
        }
    }

    fn handle(&mut self, at: &PlaceName, input: Input) {
        let mut inputs = vec![(at.clone(), input)];
        while let Some((at, input)) = inputs.pop() {
            let now = self.now();
            let mut out = Vec::new();
            let place = self.places.get_mut(&at).unwrap();
            let recent = &self.ends[&at].1;
            recent.goes_in(now, &input, place);
            place.handle(now, input, &mut out);
            recent.come_out(now, &out, place);
            let mut new = Vec::new();
            for output in out {
                match output {
                    Output::Send { to, envelope } => {
                        let from = at.clone();
                        new.push((to, Input::Received { from, envelope }));
                    }
                    Output::Start { instance, .. } if !*self.held.borrow() => {
                        let endpoint = "here".to_owned();
                        new.push((at.clone(), Input::ComponentUp { instance, endpoint }));
                    }
                    Output::Fetch { fetch, release, .. } => {
                        let bytes = release.length / 2;
                        new.push((at.clone(), Input::FetchProgress { fetch, bytes }));
                        self.halves.push((at.clone(), fetch));
                    }
                    other => self.answer(&at, other),
                }
            }
            // In order: the first is handled next.
            inputs.extend(new.into_iter().rev());
        }
    }

    fn answer(&mut self, at: &PlaceName, output: Output) {
        match output {
            Output::Opened { request, outcome } => {
                if let Some(events) = self.opens.remove(&(at.clone(), request)) {
                    let _ = events.try_send(OpenEvent::Done(outcome));
                }
            }
            Output::Progress { request, progress } => {
                if let Some(events) = self.opens.get(&(at.clone(), request)) {
                    let _ = events.try_send(OpenEvent::Progress(progress));
                }
            }
            Output::Surveyed { request, survey } => {
                if let Some(answer) = self.dry_runs.remove(&(at.clone(), request)) {
                    let _ = answer.send(survey);
                }
            }
            Output::Ended { session, why } => self.ends[at].0.report(session, &why),
            Output::CodeDone { request, result } => {
                if let Some(answer) = self.orders.remove(&(at.clone(), request)) {
                    let _ = answer.send(result);
                }
            }
            _ => {}
        }
    }
}
