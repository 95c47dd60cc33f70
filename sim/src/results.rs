//! What a run gives: tidy tables.
//!
//! One row per request of a session, one per interval and class of places, one per
//! interval, class and resource. Times are in seconds since the first moment at which users
//! could ask; a value that there is not is empty.

mod csv;
mod parquet;
mod table;

pub use csv::CsvTable;
pub use parquet::ParquetTable;
pub use table::{Column, Kind, Table, Value};

/// How a request ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A session stood.
    Established,
    /// Every solution that was tried was refused.
    Refused,
    /// There was nothing to try.
    NoPlan,
    /// The place would not take the request.
    Rejected,
    /// The client's place crashed before it answered.
    Cut,
    /// The run was over before there was an answer.
    Unanswered,
}

impl Fate {
    /// The word in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Refused => "refused",
            Self::NoPlan => "no-plan",
            Self::Rejected => "rejected",
            Self::Cut => "cut",
            Self::Unanswered => "unanswered",
        }
    }
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Its user had had enough.
    Left,
    /// Its user moved to another place and went on there.
    Moved,
    /// Its user moved to another place and was refused there.
    Dropped,
    /// Its path broke.
    Broken,
    /// Its client's place crashed and did not find it again.
    Cut,
    /// The place ended it for another reason, such as a limit.
    Ended,
    /// It still stood when the run was over.
    Standing,
}

impl End {
    /// The word in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Moved => "moved",
            Self::Dropped => "dropped",
            Self::Broken => "broken",
            Self::Cut => "cut",
            Self::Ended => "ended",
            Self::Standing => "standing",
        }
    }
}

/// One request of a session, when all about it is over.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// Its number: requests are counted from 1 in the order in which users ask.
    pub session: u64,
    /// The class of its user.
    pub users: String,
    /// The client's place.
    pub place: String,
    /// The class of that place.
    pub place_class: String,
    /// What was asked for.
    pub title: String,
    /// When it was asked.
    pub asked: f64,
    /// Whether that was in the warm-up, which no statistic counts.
    pub warm_up: bool,
    /// What became of it.
    pub fate: Fate,
    /// The quality level of the session.
    pub quality: Option<String>,
    /// The number of the solution that was booked: 1 is what the user would have liked best.
    pub solution: Option<u64>,
    /// How many solutions there were to try.
    pub solutions: Option<u64>,
    /// How many tree edges the service path has.
    pub hops: Option<u64>,
    /// The server's place.
    pub server: Option<String>,
    /// From the request to its answer.
    pub setup: Option<f64>,
    /// How many solutions were refused. Those that were not tried are not counted.
    pub refusals: u64,
    /// The first place that refused, and why, in a word.
    pub refused_at: Option<String>,
    /// Why it refused, in a word or the resource that lacked.
    pub refused_for: Option<String>,
    /// For how long the user wanted it.
    pub wanted: f64,
    /// For how long it stood.
    pub stood: Option<f64>,
    /// How it ended.
    pub end: Option<End>,
    /// The request that this one continues at another place.
    pub moved_from: Option<u64>,
}

/// One class of places in one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalRow {
    /// When it began.
    pub start: f64,
    /// When it ended.
    pub end: f64,
    /// The class.
    pub place_class: String,
    /// How many places the class has.
    pub places: u64,
    /// How many of these were down at the end.
    pub down: u64,
    /// Requests by users there.
    pub asked: u64,
    /// Requests there that were answered with a session.
    pub established: u64,
    /// Requests there that were answered otherwise.
    pub refused: u64,
    /// Mean number of sessions with their client there.
    pub sessions: f64,
    /// Plan visitors that these places let in.
    pub visits: u64,
    /// Tracings back that started there.
    pub traced_back: u64,
    /// Fallbacks that went on from there.
    pub fell_back: u64,
    /// Bookings that ended because nobody refreshed them.
    pub lapsed: u64,
    /// Messages that had no effect because a newer one had been seen.
    pub fenced: u64,
    /// Bytes of code that were brought there.
    pub fetched_bytes: u64,
    /// Pieces of code that were dropped there to make room.
    pub evicted: u64,
}

/// One resource of one class of places at the end of one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRow {
    /// When the interval ended.
    pub at: f64,
    /// The class.
    pub place_class: String,
    /// The resource.
    pub resource: String,
    /// What the class has of it.
    pub capacity: u64,
    /// What established sessions have booked of it.
    pub established: u64,
    /// What set-ups under way hold of it.
    pub held: u64,
    /// The greatest share that is booked at any one place.
    pub fullest: f64,
}

/// What takes the rows as they come.
pub trait Sink {
    /// All about a request is over.
    fn session(&mut self, row: &SessionRow);
    /// An interval is over, for a class.
    fn interval(&mut self, row: &IntervalRow);
    /// An interval is over, for a resource of a class.
    fn resource(&mut self, row: &ResourceRow);
}

/// A sink that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn session(&mut self, _: &SessionRow) {}
    fn interval(&mut self, _: &IntervalRow) {}
    fn resource(&mut self, _: &ResourceRow) {}
}

/// A sink that keeps every row.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The requests.
    pub sessions: Vec<SessionRow>,
    /// The intervals.
    pub intervals: Vec<IntervalRow>,
    /// The resources.
    pub resources: Vec<ResourceRow>,
}

impl Sink for Rows {
    fn session(&mut self, row: &SessionRow) {
        self.sessions.push(row.clone());
    }

    fn interval(&mut self, row: &IntervalRow) {
        self.intervals.push(row.clone());
    }

    fn resource(&mut self, row: &ResourceRow) {
        self.resources.push(row.clone());
    }
}
