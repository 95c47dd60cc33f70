//! A handful of places whose messages a test delivers by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Envelope, Incarnation, wire};
use waybook_location_tree::PlaceName;
use waybook_place::io::{
    FetchId, Input, InstanceId, OpenRequest, Outcome, Output, RecordKey, RequestId,
};
use waybook_place::{Config, Instant, Limits, Place, Timing};
use waybook_plan::{Presentation, Profile, Release, Resource};

/// A message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) from: PlaceName,
    pub(crate) to: PlaceName,
    pub(crate) envelope: Envelope,
}

/// A transfer that a test carries out by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetching {
    pub(crate) at: PlaceName,
    pub(crate) fetch: FetchId,
    pub(crate) release: Arc<Release>,
    pub(crate) source: PlaceName,
}

/// Places, and the letters between them.
pub(crate) struct Neighbours {
    pub(crate) now: Instant,
    pub(crate) places: BTreeMap<PlaceName, Place>,
    pub(crate) letters: VecDeque<Letter>,
    /// What drivers were told to do, but for sending and starting.
    pub(crate) done: Vec<(PlaceName, Output)>,
    pub(crate) records: BTreeMap<PlaceName, BTreeMap<RecordKey, Vec<u8>>>,
    /// Components that were told to start and have not been answered for.
    pub(crate) starting: Vec<(PlaceName, InstanceId)>,
    /// Whether components answer at once.
    pub(crate) instant_components: bool,
    /// Transfers that were told to begin, and have not ended.
    pub(crate) fetching: Vec<Fetching>,
    /// Every transfer that was told to begin, in words.
    pub(crate) transfers: Vec<String>,
    /// Components that were told to start, with their code, in words.
    pub(crate) started: Vec<String>,
    /// Whether clients watch.
    pub(crate) watch: bool,
    /// The version of the protocol that is spoken at an edge, by its lower end; the newest
    /// unless said here.
    pub(crate) versions: BTreeMap<PlaceName, u8>,
    requests: u64,
    /// Orders about code.
    pub(crate) orders: u64,
}

pub(crate) fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

/// A place with that much processor time, and edges that carry 10 Mbit/s.
pub(crate) fn config(place: &str, cpu: u64) -> Config {
    let mut capacity = BTreeMap::from([(Resource::cpu(), cpu)]);
    if name(place).parent().is_some() {
        capacity.insert(Resource::down(), 10_000_000);
        capacity.insert(Resource::up(), 10_000_000);
    }
    Config {
        name: name(place),
        capacity,
        programs: Vec::new(),
        limits: Limits::default(),
        timing: Timing::default(),
        strategy: "nearest".to_owned(),
        servers_per_plan: 3,
        code: waybook_place::CodeConfig::default(),
    }
}

/// Two qualities: `high` needs 4 Mbit/s and 400 thousandths of a processor at the
/// server, `low` a quarter of both.
pub(crate) const FILM: &str = r#"
title = "film"
[[quality]]
name = "high"
[quality.demand.edge]
to-client = "4 Mbit/s"
to-server = "100 kbit/s"
[quality.demand.server]
cpu = "400m"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "film" }
[[quality]]
name = "low"
[quality.demand.edge]
to-client = "1 Mbit/s"
to-server = "100 kbit/s"
[quality.demand.server]
cpu = "100m"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "film" }
"#;

impl Neighbours {
    /// Joins the places; nothing is left undelivered.
    pub(crate) fn join(configs: Vec<Config>) -> Self {
        Self::join_with_versions(configs, &[])
    }

    /// As [`join`](Self::join), with an older version spoken at some edges, which are named
    /// by their lower ends.
    pub(crate) fn join_with_versions(configs: Vec<Config>, versions: &[(&str, u8)]) -> Self {
        let mut all = Self {
            now: Instant(1),
            places: BTreeMap::new(),
            letters: VecDeque::new(),
            done: Vec::new(),
            records: BTreeMap::new(),
            starting: Vec::new(),
            instant_components: true,
            fetching: Vec::new(),
            transfers: Vec::new(),
            started: Vec::new(),
            watch: false,
            versions: versions.iter().map(|(n, v)| (name(n), *v)).collect(),
            requests: 0,
            orders: 0,
        };
        let names: Vec<_> = configs.iter().map(|c| c.name.clone()).collect();
        for config in configs {
            all.begin(config, Incarnation(1));
        }
        for a in &names {
            for b in names.iter().filter(|b| a.is_neighbour_of(b)) {
                all.link_up(a, b);
            }
        }
        all.settle();
        all
    }

    /// Begins a life with what the earlier ones stored.
    pub(crate) fn begin(&mut self, config: Config, life: Incarnation) {
        let place = config.name.clone();
        let records = self.records.get(&place).cloned().unwrap_or_default();
        let mut out = Vec::new();
        // Places, and lives of one, must not draw the same sessions.
        let mut seed = [0; 32];
        for (at, byte) in place.as_str().bytes().enumerate() {
            seed[at % 24] ^= byte;
        }
        seed[24..].copy_from_slice(&life.0.to_le_bytes());
        let new = Place::new(
            config,
            life,
            seed,
            records.into_iter().collect(),
            self.now,
            &mut out,
        );
        self.places.insert(place.clone(), new.unwrap());
        self.carry_out(&place, out);
    }

    /// A place learns that there is a connection to another one.
    pub(crate) fn link_up(&mut self, place: &PlaceName, neighbour: &PlaceName) {
        let lower = place.max(neighbour);
        let version = self.versions.get(lower).copied();
        let input = Input::LinkUp {
            neighbour: neighbour.clone(),
            incarnation: self.places[neighbour].incarnation(),
            version: version.unwrap_or(wire::VERSION),
        };
        self.put(place, input);
    }

    /// The connection between two places breaks, without a sign of it in messages.
    pub(crate) fn cut(&mut self, a: &str, b: &str) {
        for (place, neighbour) in [(a, b), (b, a)] {
            let neighbour = name(neighbour);
            self.put(&name(place), Input::LinkDown { neighbour });
        }
    }

    /// A place crashes and comes back with what it stored, connected to no one.
    pub(crate) fn restart(&mut self, config: Config) {
        let place = config.name.clone();
        let life = Incarnation(self.places[&place].incarnation().0 + 1);
        self.fetching.retain(|f| f.at != place);
        for neighbour in self.neighbours_of(&place) {
            let input = Input::LinkDown {
                neighbour: place.clone(),
            };
            self.put(&neighbour, input);
        }
        self.begin(config, life);
    }

    /// A place is connected to all its neighbours again.
    pub(crate) fn reconnect(&mut self, place: &str) {
        let place = name(place);
        for neighbour in self.neighbours_of(&place) {
            self.link_up(&neighbour, &place);
            self.link_up(&place, &neighbour);
        }
        self.settle();
    }

    fn neighbours_of(&self, place: &PlaceName) -> Vec<PlaceName> {
        let places = self.places.keys().filter(|n| n.is_neighbour_of(place));
        places.cloned().collect()
    }

    pub(crate) fn put(&mut self, place: &PlaceName, input: Input) {
        let mut out = Vec::new();
        self.places
            .get_mut(place)
            .unwrap()
            .handle(self.now, input, &mut out);
        self.carry_out(place, out);
    }

    fn carry_out(&mut self, place: &PlaceName, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { to, envelope } => {
                    let bytes = wire::encode(&envelope);
                    let envelope = wire::decode(&bytes[wire::PREFIX..]).unwrap();
                    self.letters.push_back(Letter {
                        from: place.clone(),
                        to,
                        envelope,
                    });
                }
                Output::Fetch {
                    fetch,
                    release,
                    source,
                } => {
                    let what = release.reference();
                    self.transfers
                        .push(format!("{place}: {what} from {source}"));
                    self.fetching.push(Fetching {
                        at: place.clone(),
                        fetch,
                        release,
                        source,
                    });
                }
                Output::CancelFetch { fetch, .. } => {
                    self.fetching.retain(|f| f.at != *place || f.fetch != fetch);
                    self.done.push((place.clone(), output));
                }
                Output::Start {
                    instance,
                    component,
                    release,
                    ..
                } => {
                    let code = release.map_or(String::new(), |r| format!(" {}", r.digest.short()));
                    self.started.push(format!("{place}: {component}{code}"));
                    if self.instant_components {
                        let endpoint = "here".to_owned();
                        self.put(place, Input::ComponentUp { instance, endpoint });
                    } else {
                        self.starting.push((place.clone(), instance));
                    }
                }
                Output::Store { key, value } => {
                    let records = self.records.entry(place.clone()).or_default();
                    match value {
                        Some(value) => records.insert(key, value),
                        None => records.remove(&key),
                    };
                }
                other => self.done.push((place.clone(), other)),
            }
        }
    }

    /// Delivers the oldest letter, if there is one.
    pub(crate) fn deliver(&mut self) -> bool {
        let Some(letter) = self.letters.pop_front() else {
            return false;
        };
        self.give(letter);
        true
    }

    pub(crate) fn give(&mut self, letter: Letter) {
        let Letter { from, to, envelope } = letter;
        self.put(&to, Input::Received { from, envelope });
    }

    /// Delivers until no letter is left.
    pub(crate) fn settle(&mut self) {
        while self.deliver() {}
    }

    /// Lets time pass, timer by timer, delivering what is sent.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.pass_losing(time, |_| false);
    }

    /// As [`pass`](Self::pass), but for letters that are lost.
    pub(crate) fn pass_losing(&mut self, time: Duration, mut is_lost: impl FnMut(&Letter) -> bool) {
        let end = self.now + time;
        loop {
            while let Some(letter) = self.letters.pop_front() {
                if !is_lost(&letter) {
                    self.give(letter);
                }
            }
            if self.now == end {
                return;
            }
            self.tick(end);
        }
    }

    /// Lets time pass until the next timer, at most until then.
    fn tick(&mut self, end: Instant) {
        let next = self.places.values().filter_map(Place::next_timeout).min();
        self.now = next.map_or(end, |next| next.max(self.now)).min(end);
        let places: Vec<_> = self.places.keys().cloned().collect();
        for place in places {
            self.put(&place, Input::Tick);
        }
    }

    pub(crate) fn publish(&mut self, place: &str, text: &str) {
        let presentation = Arc::new(Presentation::from_toml(text).unwrap());
        self.put(&name(place), Input::Publish { presentation });
        self.settle();
    }

    /// Asks for a session; nothing is delivered yet.
    pub(crate) fn open(&mut self, place: &str, title: &str) -> RequestId {
        let key = format!("key {}", self.requests + 1);
        self.open_with_key(place, title, &key)
    }

    pub(crate) fn open_as(&mut self, place: &str, title: &str, user: &str) -> RequestId {
        let profile = Profile {
            user: user.to_owned(),
            ..Profile::default()
        };
        let key = format!("key {}", self.requests + 1);
        self.open_with(place, title, &key, profile)
    }

    pub(crate) fn open_with_key(&mut self, place: &str, title: &str, key: &str) -> RequestId {
        self.open_with(place, title, key, Profile::default())
    }

    fn open_with(&mut self, place: &str, title: &str, key: &str, profile: Profile) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        let open = OpenRequest {
            request,
            profile,
            watch: self.watch,
            ..OpenRequest::new(key, title)
        };
        self.put(&name(place), Input::Open(open));
        request
    }

    /// The answer to an open, if it has been given.
    pub(crate) fn outcome(&self, request: RequestId) -> Option<&Outcome> {
        self.done.iter().find_map(|(_, output)| match output {
            Output::Opened {
                request: r,
                outcome,
            } if *r == request => Some(outcome),
            _ => None,
        })
    }

    /// Every booking, one line each.
    pub(crate) fn bookings(&self) -> Vec<String> {
        let of = |(name, place): (&PlaceName, &Place)| {
            let name = name.clone();
            let line =
                move |b: waybook_place::BookingView| format!("{name} {:?} {}", b.phase, b.demand);
            place.bookings().map(line).collect::<Vec<_>>()
        };
        self.places.iter().flat_map(of).collect()
    }
}
