//! A case: everything that one run of the campaign is made of, as plain data.
//!
//! A seed is drawn into a case, and the case is what runs. So it can be written to a file, run
//! again without the generator, edited by hand, and made smaller. Times are whole milliseconds
//! and shares whole thousandths, so that a file says exactly what was run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_plan::{Reconcile, WhenCut};

use super::act::Timed;

/// One run: a tree, what it serves, who asks, and what goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What the world draws from while the case runs.
    pub seed: u64,
    /// How rough it is; see [`Kind`].
    pub kind: Kind,
    /// For how long things happen; then all faults end.
    pub length_ms: u64,
    /// The Decision Maker of requests that name none.
    pub decision_maker: String,
    /// A plan considers at most that many servers.
    pub servers_per_plan: usize,
    /// Bits a second of every edge for code, unless it has a rate of its own.
    pub bandwidth: Option<u64>,
    /// The times that differ from case to case.
    pub times: Times,
    /// The limits of every place.
    pub bounds: Bounds,
    /// What the network does to messages until the length is over.
    pub noise: Noise,
    /// The places, in the order of names.
    pub places: Vec<PlaceCase>,
    /// What is served.
    pub titles: Vec<Title>,
    /// The code that is brought along.
    #[serde(default)]
    pub code: Vec<Code>,
    /// Who asks.
    #[serde(default)]
    pub clients: Vec<Asker>,
    /// What befalls it.
    #[serde(default)]
    pub acts: Vec<Timed>,
}

/// How rough a case is. What goes wrong is drawn accordingly, and what must hold at the end
/// is more where less goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing goes wrong: no lease may ever lapse, because whatever ends is told.
    Calm,
    /// Single messages go astray, and later places restart with their disks and connections
    /// break for less than a lease, one after the other: no established session may break.
    Gentle,
    /// Anything goes wrong at any time.
    Rough,
}

/// Times of places that differ from case to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Times {
    /// The lease of a set-up's bookings.
    pub setup_lease_ms: u64,
    /// The lease of a session's.
    pub session_lease_ms: u64,
    /// How often leases are fed: that many times in one.
    pub feeds_per_lease: u64,
    /// How long a set-up may take.
    pub setup_deadline_ms: u64,
    /// How long a client may take to claim its session.
    pub claim_ms: u64,
    /// How long a download agent may stay away.
    pub download_ms: u64,
}

/// Limits of places that differ from case to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bounds {
    /// As [`waybook_place::Limits::sessions`].
    pub sessions: usize,
    /// As [`waybook_place::Limits::setups`].
    pub setups: usize,
    /// As [`waybook_place::Limits::solutions`].
    pub solutions: usize,
    /// As [`waybook_place::Limits::questions`].
    pub questions: usize,
    /// As [`waybook_place::Limits::downloads`].
    pub downloads: usize,
}

/// What the network does to messages, in thousandths of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Noise {
    /// So many are lost.
    pub loss: u32,
    /// Whether losses come in bursts.
    pub bursts: bool,
    /// So many come twice.
    pub duplicate: u32,
    /// So many are overtaken.
    pub reorder: u32,
    /// By how much a message is late at most that is overtaken or comes again.
    pub late_ms: u64,
    /// What is added to the latency at most.
    pub jitter_ms: u64,
    /// So many are heard again when their sender or receiver has begun another life since.
    pub ghosts: u32,
}

impl Noise {
    /// Whether it does nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.loss == 0 && self.duplicate == 0 && self.reorder == 0 && self.ghosts == 0
    }
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlaceCase {
    /// Its name.
    pub name: String,
    /// From here to the parent.
    pub latency_ms: u64,
    /// How long its machine takes for an input; 0 for no time at all.
    pub processing_us: u64,
    /// By how much its clock is ahead.
    pub clock_ms: i64,
    /// How fast its clock gains, in millionths.
    pub drift_ppm: i32,
    /// How download agents look for code from here.
    pub download: String,
    /// Whether code may run here that needs a `gpu`.
    pub gpu: bool,
    /// What it may hold of code, in bytes.
    pub repository: Option<u64>,
    /// What its disk takes of code, in bytes.
    pub disk: Option<u64>,
    /// Bits a second from the parent to here.
    pub rate: Option<u64>,
    /// How much of each resource it has.
    pub capacity: BTreeMap<String, u64>,
}

/// One presentation, at its servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Title {
    /// What clients ask for.
    pub title: String,
    /// The places that hold it.
    pub servers: Vec<String>,
    /// Best first.
    pub qualities: Vec<Level>,
    /// How long its sessions are kept whose path is cut; for the session lease without it.
    #[serde(default)]
    pub lost_after_ms: Option<u64>,
    /// Whether the session that was cut goes on, and not what took its place.
    #[serde(default)]
    pub original: bool,
}

impl Title {
    /// What becomes of its sessions while their path is cut.
    #[must_use]
    pub fn when_cut(&self) -> WhenCut {
        WhenCut {
            lost_after: self.lost_after_ms.map(Duration::from_millis),
            reconcile: if self.original {
                Reconcile::Original
            } else {
                Reconcile::Replacement
            },
        }
    }
}

/// One quality level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Level {
    /// Its name.
    pub name: String,
    /// Of every edge, towards the client.
    pub to_client: u64,
    /// Of every edge, towards the server.
    pub to_server: u64,
    /// Processor time at the server.
    pub server_cpu: u64,
    /// Memory at every hop.
    pub hop_memory: u64,
    /// Its components.
    #[serde(default)]
    pub components: Vec<Part>,
}

/// One component of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// `client`, `default-place`, `every-hop` or `server`.
    pub at: String,
    /// Its name; a reference to code if `wasm`.
    pub name: String,
    /// Whether it is brought along.
    pub wasm: bool,
}

/// A piece of code that an operator adds before the first client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Code {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Bytes.
    pub length: u64,
    /// Where it is added.
    pub home: String,
    /// What it depends on, as `name@range`.
    pub depends: Option<String>,
    /// Whether it needs a `gpu`.
    pub gpu: bool,
}

/// One client with one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Asker {
    /// Where.
    pub at: String,
    /// When, from the beginning.
    pub after_ms: u64,
    /// What for.
    pub title: String,
    /// The key, if it is shared with others.
    pub key: Option<String>,
    /// How long after the answer it claims; never if it vanishes.
    pub claim_ms: Option<u64>,
    /// How long after its request it closes.
    pub close_ms: Option<u64>,
    /// How long after its request it hangs up.
    pub hang_up_ms: Option<u64>,
    /// As [`waybook_place::io::OpenRequest::deadline`].
    pub deadline_ms: Option<u64>,
    /// As [`waybook_place::io::OpenRequest::idle`].
    pub idle_ms: Option<u64>,
    /// As [`waybook_place::io::OpenRequest::longest`].
    pub longest_ms: Option<u64>,
    /// As [`waybook_place::io::OpenRequest::retries`].
    pub retries: u32,
    /// As [`waybook_place::io::OpenRequest::watch`].
    pub watch: bool,
    /// As [`waybook_place::io::OpenRequest::no_trace_back`].
    pub no_trace_back: bool,
    /// Its Decision Maker, if it names one.
    pub decision_maker: Option<String>,
    /// The best level that it wants.
    pub best_quality: Option<String>,
    /// What its terminal takes at most, in bits a second.
    pub terminal: Option<u64>,
    /// Whether it only asks what an open would do.
    pub dry: bool,
}

impl Case {
    /// Reads a case from a file's text (TOML).
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The case as a file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}"))
    }
}
