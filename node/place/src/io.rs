//! What goes into a place and what comes out: the whole contract with its driver.
//!
//! The driver feeds every [`Input`] with the present time and carries out every
//! [`Output`] in order. It calls [`Place::handle`](crate::Place::handle) with
//! [`Input::Tick`] no later than [`Place::next_timeout`](crate::Place::next_timeout)
//! asks for.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybook_agents::{
    DownloadStrategy, Envelope, HopReport, Incarnation, Progress, Refusal, RefusalReason,
    SessionId, TraceContext,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Digest, NoPlan, Plan, Presentation, Profile, Release, Resource, SolutionNumber,
};

use crate::Common;

/// What a driver tells a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// A connection to a neighbour stands. Said again when it was rebuilt.
    LinkUp {
        /// The parent or a child, authenticated.
        neighbour: PlaceName,
        /// Its life.
        incarnation: Incarnation,
        /// The newest version of the protocol that both ends speak.
        version: u8,
    },
    /// The connection to a neighbour is gone.
    LinkDown {
        /// The neighbour.
        neighbour: PlaceName,
    },
    /// A message arrived from a neighbour.
    Received {
        /// Who sent it, as authenticated by the transport.
        from: PlaceName,
        /// The message, decoded.
        envelope: Envelope,
    },
    /// A client asks for a session here.
    Open(OpenRequest),
    /// A client no longer waits for the answer to its open. The set-up is given up when
    /// nobody waits for it any more; an established session stays.
    Cancel {
        /// As in the request.
        request: RequestId,
    },
    /// A client asks what an open would do.
    DryRun(OpenRequest),
    /// The client has the session and means to use it.
    Claim {
        /// The session.
        session: SessionId,
    },
    /// The session's URL is in use. The driver may report this now and then, well
    /// within the idle time.
    Active {
        /// The session.
        session: SessionId,
    },
    /// So long ago the record of a session that was found again was stored for the first time.
    /// A driver that knows says so once, at the beginning of a life: a greatest duration then
    /// counts from there.
    Away {
        /// The session.
        session: SessionId,
        /// Since it was established, by a clock that runs on between lives.
        away: Duration,
    },
    /// The client, or the operator of the client's place, ends the session.
    Close {
        /// The session.
        session: SessionId,
    },
    /// This place serves a presentation from now on, or serves a new edition of it.
    Publish {
        /// The presentation.
        presentation: Arc<Presentation>,
    },
    /// This place no longer serves a presentation. Established sessions stay.
    Withdraw {
        /// Its title.
        title: String,
    },
    /// A component answers its probe.
    ComponentUp {
        /// The instance, as in [`Output::Start`].
        instance: InstanceId,
        /// Where it answers, for people and logs.
        endpoint: String,
    },
    /// A component did not start, or ended and could not be restarted.
    ComponentFailed {
        /// The instance, as in [`Output::Start`].
        instance: InstanceId,
        /// What it or its runtime said.
        why: String,
    },
    /// An operator wants something done about code. Answered by [`Output::CodeDone`].
    Code {
        /// Matches the answer.
        request: RequestId,
        /// What.
        order: CodeOrder,
    },
    /// So much of a transfer is here, verified and on disk. Said now and then; always
    /// when the first chunk is there, and before [`Input::FetchFailed`] if it is not what
    /// was said last. It may be less than before: what could not be kept is gone.
    FetchProgress {
        /// The transfer.
        fetch: FetchId,
        /// Bytes, with those that were here before it began.
        bytes: u64,
    },
    /// A transfer is over: the code is whole, verified, and admitted to the repository.
    Fetched {
        /// The transfer.
        fetch: FetchId,
    },
    /// A transfer is over, without the code being whole. What was said last of it is kept
    /// for a next one, no more and no less.
    FetchFailed {
        /// The transfer.
        fetch: FetchId,
        /// In which way.
        failure: FetchFailure,
    },
    /// Code that was whole is damaged, or gone from the disk; the driver has removed what
    /// was left of it. Said between transfers: never of code that is arriving.
    CodeLost {
        /// Which.
        digest: Digest,
    },
    /// A new strategy for the download agents that are launched from now on.
    Strategy(DownloadStrategy),
    /// An operator drains the place: it takes no new sessions, and existing ones go on. Kept
    /// across lives, until [`Input::Undrain`]. Said again, the new deadline counts.
    Drain {
        /// After that long whatever is left ends, with [`EndReason::Drained`]; none to wait for
        /// it. In a next life it counts anew.
        deadline: Option<Duration>,
    },
    /// The place takes new sessions again.
    Undrain,
    /// An operator wants nothing more of a resource booked here, or lets it be booked again.
    /// What is booked stays. Kept across lives.
    Cordon {
        /// The kind.
        resource: Resource,
        /// Whether it is cordoned from now on.
        cordoned: bool,
    },
    /// The settings have changed. The name, the times and what is told about code stay as they
    /// are, for neighbours and agents under way go by them.
    Reload(Arc<Common>),
}

/// What an operator wants done about code at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeOrder {
    /// Take up a release whose binary the driver has put into the repository, verified
    /// and whole. Refused, the driver removes it again.
    Add(Arc<Release>),
    /// No longer hold it, nor offer it if it was added here. Refused while it runs.
    Remove(Digest),
    /// Keep it whatever happens, or no longer.
    Pin(Digest, bool),
    /// Fetch what that reference (`name@range`) stands for, with its dependencies, and
    /// answer when all is here, or cannot be.
    Prefetch(String),
    /// Drop everything that is neither pinned, nor running, nor was added here.
    Collect,
}

/// One transfer of code to this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// Why a transfer ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchFailure {
    /// The source, or the way to it, cannot be reached, or the connection broke.
    Cut,
    /// The source stopped sending, or drips more slowly than is configured.
    Slow,
    /// The source does not have the code, or no longer.
    NotHeld,
    /// What the source sent is not the code: wrong bytes, too few or too many.
    Lying(String),
    /// It could not be written here.
    Disk(String),
}

/// What a place tells its driver to do.
#[allow(
    clippy::large_enum_variant,
    reason = "few at a time wait, and most of them are sent"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send to a neighbour. It may be lost if the connection breaks.
    Send {
        /// The parent or a child.
        to: PlaceName,
        /// The message, to be encoded.
        envelope: Envelope,
    },
    /// Start a component and answer with [`Input::ComponentUp`] or
    /// [`Input::ComponentFailed`].
    Start {
        /// Names the instance from now on; never used twice in one life.
        instance: InstanceId,
        /// What to start.
        component: Component,
        /// The code to run, which the repository holds whole; none for what is not
        /// brought along.
        release: Option<Arc<Release>>,
        /// The session that it is started for; others may come to share it.
        session: SessionId,
        /// What that session has booked here. No more is this component's until the session is routed.
        booked: Booked,
    },
    /// Stop a component, or give up starting it. No answer is awaited.
    Stop {
        /// The instance.
        instance: InstanceId,
    },
    /// Let requests of the session through, or change how.
    Route(Route),
    /// Let no request of the session through any more; end those under way.
    Unroute {
        /// The session.
        session: SessionId,
    },
    /// Keep a record for the next life, replacing the older one of the same key; or
    /// forget it, where there is no value. Need not be durable at once.
    Store {
        /// The record's key.
        key: RecordKey,
        /// The record, opaque to the driver.
        value: Option<Vec<u8>>,
    },
    /// Transfer code to this place: request what is still missing of it from `source`, by
    /// way of the neighbour on the tree's path to it, and answer with
    /// [`Input::Fetched`] or [`Input::FetchFailed`]. Chunks are served to others as soon
    /// as they are here.
    Fetch {
        /// Names the transfer from now on; never used twice in one life.
        fetch: FetchId,
        /// What.
        release: Arc<Release>,
        /// The place to read from.
        source: PlaceName,
    },
    /// Give up a transfer, which may have ended: what the place was told of that has no
    /// effect any more.
    CancelFetch {
        /// The transfer.
        fetch: FetchId,
        /// How many bytes of the code are kept for a next one. What came beyond is
        /// removed, since the place does not reckon with it.
        keep: u64,
    },
    /// Delete code from the repository, whole or in parts. It neither runs nor arrives.
    Evict {
        /// Which.
        digest: Digest,
    },
    /// The answer to [`Input::Code`].
    CodeDone {
        /// As in the request.
        request: RequestId,
        /// The releases concerned; or a sentence on why not.
        result: Result<Vec<Arc<Release>>, String>,
    },
    /// The answer to [`Input::Open`].
    Opened {
        /// As in the request.
        request: RequestId,
        /// What became of it.
        outcome: Outcome,
    },
    /// News for a client that watches its open.
    Progress {
        /// As in the request.
        request: RequestId,
        /// What happened.
        progress: Progress,
    },
    /// The answer to [`Input::DryRun`].
    Surveyed {
        /// As in the request.
        request: RequestId,
        /// The plan and what the places say.
        survey: Result<Survey, NoPlan>,
    },
    /// A session that had been established here, at the client's place, is over.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        why: EndReason,
    },
}

/// Chosen by the driver to match answers with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One started component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId(pub u64);

/// What a place keeps across lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKey {
    /// An established session.
    Session(SessionId),
    /// A presentation that is served here, by title.
    Presentation(String),
    /// A child that has joined.
    Child(PlaceName),
    /// Code that the repository holds whole. The driver hands in only records whose
    /// code it has found on its disk, and makes one (see
    /// [`code_record`](crate::code_record)) for code whose record was lost.
    Code(Digest),
    /// Code that the repository holds in part. No place stores such a record: the driver
    /// makes one (see [`part_record`](crate::part_record)) of what it finds on its disk.
    Part(Digest),
    /// An operator drains the place.
    Drain,
    /// An operator has cordoned a resource.
    Cordon(Resource),
}

/// A client's request for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// Matches the answer.
    pub request: RequestId,
    /// Chosen by the client: the same key gives the same session, until that is over.
    pub key: String,
    /// The title.
    pub title: String,
    /// Who asks, with which terminal.
    pub profile: Profile,
    /// The Decision Maker, by name; none for the place's default.
    pub strategy: Option<String>,
    /// How long the set-up may take; none for the place's default.
    pub deadline: Option<Duration>,
    /// How often to try again where only other set-ups' holds stood in the way.
    pub retries: u32,
    /// The session ends after that long without use; none for the place's default.
    pub idle: Option<Duration>,
    /// The session ends after that long in any case; none for no limit.
    pub longest: Option<Duration>,
    /// Whether to send [`Output::Progress`].
    pub watch: bool,
    /// Whether the set-up ends, refused, where it would have to trace back: a baseline for
    /// those who want to know what tracing back is good for. A dry run does not regard it.
    pub no_trace_back: bool,
    /// The client's trace that the set-up is part of, if it has one.
    pub trace: Option<TraceContext>,
}

impl OpenRequest {
    /// A request of that key for that title, with nothing special wanted, by anybody. Its number is
    /// still to be given.
    #[must_use]
    pub fn new(key: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            request: RequestId(0),
            key: key.into(),
            title: title.into(),
            profile: Profile::default(),
            strategy: None,
            deadline: None,
            retries: 0,
            idle: None,
            longest: None,
            watch: false,
            no_trace_back: false,
            trace: None,
        }
    }
}

/// What became of an open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A session stands.
    Established(Box<Established>),
    /// No solution of the plan could be booked. Final.
    Refused {
        /// The session that did not come about; the last one, where it was tried again.
        session: SessionId,
        /// For each solution, where and why it was refused.
        refused: Vec<Refusal>,
        /// The plan that was tried, so that numbers mean something.
        plan: Plan,
    },
    /// There is nothing to try.
    NoPlan(NoPlan),
    /// The request itself is wrong or cannot be served here now.
    Rejected {
        /// What is wrong and what would be right.
        why: String,
    },
    /// The client closed it before it was established.
    Closed,
}

/// An established session, as its client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The session.
    pub session: SessionId,
    /// The title.
    pub title: String,
    /// The chosen quality level's name.
    pub quality: String,
    /// The chosen solution's number.
    pub solution: SolutionNumber,
    /// How many solutions the plan had.
    pub solutions: usize,
    /// Every hop from the client's place to the server's.
    pub journey: Vec<HopReport>,
    /// Better solutions, with where and why each was refused.
    pub refused: Vec<Refusal>,
    /// From the request to the establishment.
    pub took: Duration,
}

/// The result of a dry run.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The plan that an open would try.
    pub plan: Plan,
    /// For each place asked, what it says of each solution's stage there; no answers if
    /// the place did not answer in time.
    #[allow(clippy::type_complexity, reason = "a table, said in words above")]
    pub places: Vec<(PlaceName, Vec<(SolutionNumber, Option<RefusalReason>)>)>,
    /// The solution that an open would be given as things stand.
    pub chosen: Option<SolutionNumber>,
}

/// How a place lets requests of a session through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The session.
    pub session: SessionId,
    /// The components to pass through here, from the client's side to the server's.
    pub chain: Vec<InstanceId>,
    /// The next place, unless the last component is the server.
    pub next: Option<PlaceName>,
    /// The previous place, unless this is the client's: the only one whose requests
    /// are let through.
    pub previous: Option<PlaceName>,
    /// The booked bandwidth towards the client in bit/s; none if none is booked here.
    pub to_client: Option<u64>,
    /// The booked bandwidth towards the server in bit/s; none if none is booked here.
    pub to_server: Option<u64>,
    /// What is booked here for its components.
    pub booked: Booked,
}

/// What is booked for what runs at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Booked {
    /// Memory in bytes; none if none is booked.
    pub memory: Option<u64>,
    /// Thousandths of a processor; none if none is booked.
    pub cpu: Option<u64>,
}

/// Why an established session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The client, or the operator, closed it.
    Closed,
    /// Nobody claimed it in time.
    Unclaimed,
    /// It was not used for its idle time.
    Idle,
    /// It reached its greatest duration.
    Expired,
    /// Its path was cut, and another session has taken its place.
    Replaced,
    /// The session whose place it had taken has a whole path again.
    Reconciled,
    /// An operator drained that place of its path, and its deadline has passed.
    Drained(PlaceName),
    /// The path broke.
    Broken(Vec<Refusal>),
}
