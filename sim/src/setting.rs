//! What a run starts from: a tree of places, what they have and what they serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use waybook_location_tree::{LocationTree, PlaceName};
use waybook_place::{CodeConfig, Config, Limits, Timing, Trust};
use waybook_plan::{Digest, Presentation, Release, Resource};

use crate::network::{EdgeModel, Rates};
use crate::places::PlaceModel;
use crate::random;

/// The worlds that places run unless they are told otherwise.
pub const RUNTIMES: [&str; 3] = [
    "wasi:http/proxy@0.2.12",
    "wasi:http/service@0.3.0",
    "wasi:http/middleware@0.3.0",
];

/// A tree of places with capacities and presentations, told alike to every arm.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The places, by name. They must form a tree.
    pub places: BTreeMap<PlaceName, PlaceSetting>,
    /// The times that every place goes by.
    pub timing: Timing,
    /// The limits of every place.
    pub limits: Limits,
    /// The Decision Maker of requests that name none.
    pub strategy: String,
    /// A plan considers at most that many servers.
    pub servers_per_plan: usize,
    /// What every place is told about code, unless it has settings of its own.
    pub code: CodeConfig,
    /// How many bits a second every edge takes in each direction, unless it has rates of its
    /// own; none for no limit. The simulator's alone: real daemons have real links.
    pub bandwidth: Option<u64>,
    /// How every edge behaves that has no model of its own; none for as the network's plain
    /// numbers say. The simulator's alone.
    pub link: Option<Arc<EdgeModel>>,
}

/// One place of a [`Setting`].
#[derive(Debug, Clone, Default)]
pub struct PlaceSetting {
    /// How much of each resource it has, in the resource's own unit.
    pub capacity: BTreeMap<Resource, u64>,
    /// The programs that it may run.
    pub programs: Vec<String>,
    /// What it serves from the start.
    pub presentations: Vec<Arc<Presentation>>,
    /// What it is told about code; none for what all are told.
    pub code: Option<CodeConfig>,
    /// The limit of its repository in bytes; none for that of all.
    pub repository: Option<u64>,
    /// What its disk takes in bytes of code; none for no limit. The simulator's alone.
    pub disk: Option<u64>,
    /// The rates of the edge to its parent; none for those of all. The simulator's alone.
    pub edge: Option<Rates>,
    /// How the edge to its parent behaves; none for as all do. The simulator's alone.
    pub link: Option<Arc<EdgeModel>>,
    /// How its machine behaves; none for one that takes no time and has an exact clock.
    /// The simulator's alone.
    pub machine: Option<Arc<PlaceModel>>,
}

impl Default for Setting {
    fn default() -> Self {
        Self::new()
    }
}

impl Setting {
    /// No place yet; times short enough that a run over all faults stays affordable, in the
    /// proportions of the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            timing: brisk(),
            limits: Limits::default(),
            strategy: "nearest".to_owned(),
            servers_per_plan: 3,
            code: CodeConfig {
                runtimes: RUNTIMES.map(str::to_owned).to_vec(),
                trust: Trust {
                    unsigned: true,
                    ..Trust::default()
                },
                ..CodeConfig::default()
            },
            bandwidth: None,
            link: None,
        }
    }

    /// Adds a place, or changes the capacity of one that is there.
    ///
    /// # Panics
    /// If a name is bad: settings are written by hand.
    #[must_use]
    pub fn place(mut self, name: &str, capacity: &[(&str, u64)]) -> Self {
        let place = self.places.entry(parse(name)).or_default();
        place.capacity = capacity
            .iter()
            .map(|(r, amount)| {
                let resource = Resource::new(r).unwrap_or_else(|e| panic!("{e}"));
                (resource, *amount)
            })
            .collect();
        self
    }

    /// Lets a place serve a presentation from the start.
    ///
    /// # Panics
    /// If the name is bad.
    #[must_use]
    pub fn publish(mut self, at: &str, presentation: Presentation) -> Self {
        let place = self.places.entry(parse(at)).or_default();
        place.presentations.push(Arc::new(presentation));
        self
    }

    /// Lets a place run a program.
    ///
    /// # Panics
    /// If the name is bad.
    #[must_use]
    pub fn program(mut self, at: &str, program: &str) -> Self {
        let place = self.places.entry(parse(at)).or_default();
        place.programs.push(program.to_owned());
        self
    }

    /// Changes what one place is told about code.
    ///
    /// # Panics
    /// If the name is bad.
    #[must_use]
    pub fn code(mut self, at: &str, change: impl FnOnce(&mut CodeConfig)) -> Self {
        let place = self.places.entry(parse(at)).or_default();
        change(place.code.get_or_insert_with(|| self.code.clone()));
        self
    }

    /// Limits the repository of a place to so many bytes.
    ///
    /// # Panics
    /// If the name is bad.
    #[must_use]
    pub fn repository(mut self, at: &str, bytes: u64) -> Self {
        self.places.entry(parse(at)).or_default().repository = Some(bytes);
        self
    }

    /// The places as a tree.
    ///
    /// # Panics
    /// If they are none.
    #[must_use]
    pub fn tree(&self) -> LocationTree {
        LocationTree::new(self.places.keys().cloned()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The configuration of one place.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn config(&self, name: &PlaceName) -> Config {
        let place = &self.places[name];
        Config {
            name: name.clone(),
            capacity: place.capacity.clone(),
            programs: place.programs.clone(),
            limits: Limits {
                repository: place.repository.unwrap_or(self.limits.repository),
                ..self.limits
            },
            timing: self.timing,
            strategy: self.strategy.clone(),
            servers_per_plan: self.servers_per_plan,
            code: place.code.as_ref().unwrap_or(&self.code).clone(),
        }
    }
}

/// A release for tests: of that name and version, so many bytes long, added at that place.
/// Nobody signed it. Its binary is imagined: the digest follows from the name and version.
///
/// # Panics
/// If a name or the version is bad.
#[must_use]
pub fn release(name: &str, version: &str, length: u64, home: &str) -> Release {
    let version = version.parse().unwrap_or_else(|e| panic!("{e}"));
    release_of(name, version, length, parse(home))
}

/// As [`release`], of what has been read before.
#[must_use]
pub fn release_of(name: &str, version: Version, length: u64, home: PlaceName) -> Release {
    let mut release = Release {
        name: name.to_owned(),
        version,
        description: String::new(),
        runtime: "wasi:http/middleware@0.3.0".to_owned(),
        requires: Vec::new(),
        dependencies: BTreeMap::new(),
        digest: Digest([0; 32]),
        length,
        root: [0; 32],
        home,
        signature: None,
    };
    release.digest = Digest(random::bytes(length, &release.reference(), 0));
    release.root = random::bytes(length, &release.reference(), 1);
    release
}

fn parse(name: &str) -> PlaceName {
    PlaceName::new(name).unwrap_or_else(|e| panic!("{e}"))
}

/// Times for tests: a run settles within a virtual minute.
fn brisk() -> Timing {
    Timing {
        setup_deadline: Duration::from_secs(12),
        setup_margin: Duration::from_millis(200),
        setup_lease: Duration::from_secs(4),
        setup_refresh: Duration::from_millis(500),
        lag: Duration::from_millis(250),
        turn: Duration::from_secs(1),
        session_lease: Duration::from_secs(20),
        session_refresh: Duration::from_secs(3),
        claim: Duration::from_secs(10),
        idle: Duration::from_secs(1_000_000),
        question: Duration::from_secs(3),
        search_age: Duration::from_secs(1),
        transport_idle: Duration::from_secs(6),
        index_grace: Duration::from_secs(10),
        summary: Duration::from_secs(60),
        download: Duration::from_secs(5),
        resume: Duration::from_millis(300),
    }
}
