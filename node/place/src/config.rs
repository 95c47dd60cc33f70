//! The settings of a place: its capacity, its limits and its times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybook_agents::DownloadStrategy;
use waybook_location_tree::PlaceName;
use waybook_plan::Resource;

/// Everything a place is told about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its name.
    pub name: PlaceName,
    /// How much of each resource it may book. A resource that is not named has none.
    pub capacity: BTreeMap<Resource, u64>,
    /// The programs that `process` components may run here, by name.
    pub programs: Vec<String>,
    /// What it protects itself with.
    pub limits: Limits,
    /// How long things may take.
    pub timing: Timing,
    /// The Decision Maker of requests that name none.
    pub strategy: String,
    /// A plan considers at most that many servers; the seed's N.
    pub servers_per_plan: usize,
    /// What code may run here, and how it comes.
    pub code: CodeConfig,
}

/// What places of one kind are told alike: a [`Config`] without the name. Many places share
/// one.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// As [`Config::capacity`].
    pub capacity: BTreeMap<Resource, u64>,
    /// As [`Config::programs`].
    pub programs: Vec<String>,
    /// As [`Config::limits`].
    pub limits: Limits,
    /// As [`Config::timing`].
    pub timing: Timing,
    /// As [`Config::strategy`].
    pub strategy: String,
    /// As [`Config::servers_per_plan`].
    pub servers_per_plan: usize,
    /// As [`Config::code`].
    pub code: CodeConfig,
}

/// The settings as a place keeps them: its name, and what it may share with others.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its name.
    pub name: PlaceName,
    /// All else.
    pub common: Arc<Common>,
}

impl std::ops::Deref for Settings {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        let common = Common {
            capacity: config.capacity,
            programs: config.programs,
            limits: config.limits,
            timing: config.timing,
            strategy: config.strategy,
            servers_per_plan: config.servers_per_plan,
            code: config.code,
        };
        Self {
            name: config.name,
            common: Arc::new(common),
        }
    }
}

/// What a place is told about code that is brought along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeConfig {
    /// The worlds that the place's runtime runs, with the newest version of each, such as
    /// `wasi:http/proxy@0.2.12`. A release that needs an older, compatible one runs too.
    pub runtimes: Vec<String>,
    /// What the place has that releases may require, in words that operators agree on.
    pub capabilities: Vec<String>,
    /// Whose releases may run here.
    pub trust: Trust,
    /// How download agents that are launched here look for code.
    pub strategy: DownloadStrategy,
}

/// Whose releases a place accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// The public keys of the publishers that the operator chose.
    pub publishers: Vec<[u8; 32]>,
    /// Whether a release that nobody signed, or somebody else, is accepted as well.
    pub unsigned: bool,
}

/// Bounds on what others may make a place keep or do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions with an agent here, whether being set up or established.
    pub sessions: usize,
    /// Set-ups under way here at one time.
    pub setups: usize,
    /// How much of `sessions` and of `setups` may be there for the sake of one neighbour, in
    /// percent, from 1 to 100.
    pub neighbour_share: u8,
    /// How much of `sessions` and of `setups` one user may have whose clients are here, in
    /// percent, from 1 to 100.
    pub user_share: u8,
    /// Children connected at one time.
    pub children: usize,
    /// Solutions in a plan.
    pub solutions: usize,
    /// Entries of the index of presentations.
    pub index: usize,
    /// Summaries of places of the locality that are kept. With 0 none are, nor does this place
    /// tell its own: nobody sees from above how it does. For trees of so many places that
    /// each default place cannot know all below it.
    pub summaries: usize,
    /// Presentations served by this place itself.
    pub presentations: usize,
    /// Searches and surveys under way here at one time.
    pub questions: usize,
    /// Code held here, in bytes, parts of it included. What was not used for longest goes
    /// first when more has to come in.
    pub repository: u64,
    /// The longest single piece of code, in bytes.
    pub component: u64,
    /// Transfers of code to this place at one time. Sixteen times as many may be under way
    /// in all, most of them waiting, and four times as many for the sake of one neighbour.
    pub downloads: usize,
    /// Entries of the index of code in the locality. A quarter of it is kept for what
    /// was added; copies that go beyond the rest are not known.
    pub holdings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 200_000,
            setups: 20_000,
            neighbour_share: 50,
            user_share: 50,
            children: 10_000,
            solutions: 64,
            index: 100_000,
            summaries: 100_000,
            presentations: 10_000,
            questions: 10_000,
            repository: 8 << 30,
            component: 64 << 20,
            downloads: 64,
            holdings: 100_000,
        }
    }
}

/// How long things may take. All of them are durations on the place's own clock.
///
/// `setup_lease` and `session_lease` must be longer than six of their periods, so that
/// five refreshes in a row may be lost; [`Timing::check`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a set-up may take in all, unless the request says otherwise.
    pub setup_deadline: Duration,
    /// What each hop keeps back of the remaining set-up time for the answer's way.
    pub setup_margin: Duration,
    /// The lease of held and ready bookings, and the silence after which the next hop
    /// counts as gone.
    pub setup_lease: Duration,
    /// The mean period of refreshes during a set-up, and of repeated hand-offs and
    /// releases.
    pub setup_refresh: Duration,
    /// How much later than at best a neighbour may take a visit, or answer a question: if it is
    /// later still, fewer are under way to it at a time.
    pub lag: Duration,
    /// How long a visit or a question may wait here for its turn at a neighbour that is late.
    pub turn: Duration,
    /// The lease of established bookings.
    pub session_lease: Duration,
    /// The mean period of refreshes of established sessions.
    pub session_refresh: Duration,
    /// How long a client may take to claim a session.
    pub claim: Duration,
    /// A session ends after that long without use, unless the request says otherwise.
    pub idle: Duration,
    /// How long a search or a survey may take.
    pub question: Duration,
    /// How old the answer to a search may be that a set-up is planned with. Set-ups that need one for
    /// the same title at the same time share it, and for sixty times as long it is used where nobody
    /// answers. With zero there is a search for each.
    pub search_age: Duration,
    /// How long after the transport last heard of a neighbour a message of that
    /// connection can still arrive: the transport's idle time-out.
    pub transport_idle: Duration,
    /// How long the presentations of a child that is cut off are still offered.
    pub index_grace: Duration,
    /// The mean period of summaries to the parent.
    pub summary: Duration,
    /// How long a download agent may stay away before another is launched in its stead.
    pub download: Duration,
    /// The mean pause before a transfer that broke is resumed.
    pub resume: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            setup_deadline: Duration::from_secs(60),
            setup_margin: Duration::from_millis(200),
            setup_lease: Duration::from_secs(8),
            setup_refresh: Duration::from_secs(1),
            lag: Duration::from_millis(250),
            turn: Duration::from_secs(2),
            session_lease: Duration::from_secs(90),
            session_refresh: Duration::from_secs(10),
            claim: Duration::from_secs(30),
            idle: Duration::from_secs(600),
            question: Duration::from_secs(5),
            search_age: Duration::ZERO,
            transport_idle: Duration::from_secs(10),
            index_grace: Duration::from_secs(10),
            summary: Duration::from_secs(2),
            download: Duration::from_secs(10),
            resume: Duration::from_millis(300),
        }
    }
}

impl Timing {
    /// Checks how the times relate to each other.
    ///
    /// # Errors
    /// A sentence that names the two settings and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let longer = |lease: (&str, Duration), period: (&str, Duration)| {
            if lease.1 > period.1.saturating_mul(6) {
                return Ok(());
            }
            Err(format!(
                "`{}` ({:?}) must be longer than six times `{}` ({:?})",
                lease.0, lease.1, period.0, period.1
            ))
        };
        longer(
            ("setup-lease", self.setup_lease),
            ("setup-refresh", self.setup_refresh),
        )?;
        longer(
            ("session-lease", self.session_lease),
            ("session-refresh", self.session_refresh),
        )?;
        if self.setup_refresh.is_zero() || self.session_refresh.is_zero() || self.summary.is_zero()
        {
            return Err(
                "`setup-refresh`, `session-refresh` and `summary` must not be zero".to_owned(),
            );
        }
        if self.download.is_zero() {
            return Err("`download` must not be zero".to_owned());
        }
        if self.setup_margin >= self.setup_deadline {
            return Err("`setup-margin` must be shorter than `setup-deadline`".to_owned());
        }
        Ok(())
    }

    /// How long a place remembers what it has refused or released: nothing of a set-up
    /// can arrive later than that.
    #[must_use]
    pub fn fence(&self) -> Duration {
        self.setup_deadline + self.transport_idle
    }
}
