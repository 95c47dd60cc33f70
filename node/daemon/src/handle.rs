//! How the daemon's rooms talk to the task that owns the place.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};
use waybook_agents::{Progress, SessionId};
use waybook_place::io::{CodeOrder, EndReason, Input, OpenRequest, Outcome, RecordKey, Survey};
use waybook_place::{Instant, Place};
use waybook_plan::{NoPlan, Release};

/// A question to the place, answered on its own task.
type Query = Box<dyn FnOnce(&Place, Instant) + Send>;

/// What became of an order about code: the releases concerned, or why not.
pub type OrderResult = Result<Vec<Arc<Release>>, String>;

/// Whether records are on disk, or why not.
pub(crate) type Written = Result<(), String>;

/// What the place's task is told.
pub enum Command {
    /// An input as it is.
    Input(Input),
    /// An open; the task chooses the request's number and reports to the sender.
    Open(OpenRequest, mpsc::Sender<OpenEvent>),
    /// A dry run; likewise.
    DryRun(OpenRequest, oneshot::Sender<Result<Survey, NoPlan>>),
    /// An operator's order about code; likewise.
    Code(CodeOrder, oneshot::Sender<OrderResult>),
    /// A look at the place.
    Query(Query),
    /// Wants to know when what was decided so far is on disk: all of it, or what concerns one
    /// record.
    Written(Option<RecordKey>, oneshot::Sender<Written>),
    /// Wants a copy of what has been decided so far, in a file that is not there yet.
    CopyRecords(PathBuf, oneshot::Sender<Written>),
}

/// Says something on the way of an open, if there is room for it beside the last event.
pub(crate) fn tell_progress(sender: &mpsc::Sender<OpenEvent>, progress: Progress) {
    if sender.capacity() > 1 {
        let _ = sender.try_send(OpenEvent::Progress(progress));
    }
}

/// What an open reports.
#[derive(Debug)]
pub enum OpenEvent {
    /// News on the way.
    Progress(Progress),
    /// The last event.
    Done(Outcome),
}

/// What happens to the sessions whose client's place this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session stands.
    Established {
        /// The session.
        session: SessionId,
        /// Its title.
        title: String,
    },
    /// An established session is over.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        why: EndReason,
    },
}

/// Events that a slow listener may fall behind before it loses the oldest.
const EVENTS: usize = 1024;

/// News of one open that may wait for its client; more are left out.
const NEWS: usize = 256;

/// Reaches the task that owns the place. Cheap to clone.
#[derive(Clone)]
pub struct PlaceHandle {
    commands: mpsc::UnboundedSender<Command>,
    events: broadcast::Sender<SessionEvent>,
}

/// The place's task has ended, because the daemon stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the place is stopping")]
pub struct Stopping;

impl PlaceHandle {
    /// A handle, and the receiving end for the task that owns the place.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let events = broadcast::Sender::new(EVENTS);
        (Self { commands, events }, receiver)
    }

    /// Listens to what happens to sessions from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<SessionEvent> {
        self.events.subscribe()
    }

    /// Where the task that owns the place says what happens to sessions.
    pub(crate) fn events_sender(&self) -> broadcast::Sender<SessionEvent> {
        self.events.clone()
    }

    /// Hands an input in. Inputs after the place has stopped are dropped.
    pub fn input(&self, input: Input) {
        let _ = self.commands.send(Command::Input(input));
    }

    /// Opens a session; events follow until [`OpenEvent::Done`]. Of those on the way some are
    /// left out if nobody takes them.
    #[must_use]
    pub fn open(&self, request: OpenRequest) -> mpsc::Receiver<OpenEvent> {
        // The last event always finds room.
        let (events, receiver) = mpsc::channel(NEWS + 1);
        let _ = self.commands.send(Command::Open(request, events));
        receiver
    }

    /// Asks what an open would do.
    ///
    /// # Errors
    /// [`Stopping`] if the daemon stops.
    pub async fn dry_run(&self, request: OpenRequest) -> Result<Result<Survey, NoPlan>, Stopping> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.commands.send(Command::DryRun(request, answer));
        receiver.await.map_err(|_| Stopping)
    }

    /// Has something done about code.
    ///
    /// # Errors
    /// [`Stopping`] if the daemon stops.
    pub async fn order(&self, order: CodeOrder) -> Result<OrderResult, Stopping> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.commands.send(Command::Code(order, answer));
        receiver.await.map_err(|_| Stopping)
    }

    /// Waits until what was put in before is on disk, or could not be written: all that came of
    /// it, or what it did to one record.
    ///
    /// # Errors
    /// [`Stopping`] if the daemon stops.
    pub async fn written(&self, record: Option<RecordKey>) -> Result<Written, Stopping> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.commands.send(Command::Written(record, answer));
        receiver.await.map_err(|_| Stopping)
    }

    /// Copies the records of what was decided so far to a file that is not there yet.
    ///
    /// # Errors
    /// [`Stopping`] if the daemon stops; within, why they could not be copied.
    pub(crate) async fn copy_records(&self, to: PathBuf) -> Result<Written, Stopping> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.commands.send(Command::CopyRecords(to, answer));
        receiver.await.map_err(|_| Stopping)
    }

    /// Looks at the place as it is between two inputs.
    ///
    /// # Errors
    /// [`Stopping`] if the daemon stops.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Place, Instant) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (answer, receiver) = oneshot::channel();
        let look = Box::new(move |place: &Place, now| {
            let _ = answer.send(look(place, now));
        });
        let _ = self.commands.send(Command::Query(look));
        receiver.await.map_err(|_| Stopping)
    }
}
