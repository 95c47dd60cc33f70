//! The task that owns the place: feeds it inputs and carries out its outputs in order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use waybook_place::io::{Input, Outcome, Output, RecordKey, RequestId, Survey};
use waybook_place::{Instant, Place};
use waybook_plan::NoPlan;

use crate::api::Recent;
use crate::handle::{Command, OpenEvent, OrderResult, SessionEvent, Written, tell_progress};
use crate::link::{LinkEvent, Links};
use crate::machinery::{CodeKeeper, Machinery, Start};
use crate::metrics::Observer;
use crate::session_log;
use crate::store::Store;
use crate::trace::Tracer;

/// Inputs handled before the outputs are carried out. More make better batches, fewer
/// make shorter delays.
const BATCH: usize = 256;

/// The place's clock: monotonic, and zero when the daemon starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Moment,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: Moment::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        let since = self.origin.elapsed().as_nanos();
        Instant(u64::try_from(since).unwrap_or(u64::MAX))
    }

    fn moment(&self, of: Instant) -> Moment {
        let since = of.since(Instant(0));
        // Further off than the clock goes is never.
        let never = std::time::Duration::from_secs(365 * 24 * 3600);
        self.origin + since.min(self.origin.elapsed() + never)
    }
}

/// Everything that the pump carries outputs to, and who watches.
pub(crate) struct Carriers {
    pub(crate) links: Links,
    pub(crate) store: Arc<Store>,
    pub(crate) machinery: Arc<dyn Machinery>,
    pub(crate) code: Arc<dyn CodeKeeper>,
    pub(crate) events: broadcast::Sender<SessionEvent>,
    pub(crate) observer: Observer,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) recent: Arc<Recent>,
}

/// Owns the place.
pub(crate) struct Pump {
    place: Place,
    clock: Clock,
    carriers: Carriers,
    requests: Requests,
    /// Who waits for what has been decided to be on disk, and of which record.
    unwritten: Vec<(Option<RecordKey>, oneshot::Sender<Written>)>,
    /// Who wants a copy of what the outputs at hand say.
    uncopied: Vec<(PathBuf, oneshot::Sender<Written>)>,
}

/// The clients that wait for answers.
#[derive(Default)]
struct Requests {
    last: u64,
    opens: BTreeMap<RequestId, mpsc::Sender<OpenEvent>>,
    surveys: BTreeMap<RequestId, oneshot::Sender<Result<Survey, NoPlan>>>,
    orders: BTreeMap<RequestId, oneshot::Sender<OrderResult>>,
}

impl Requests {
    fn next(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }
}

/// Notices clients that no longer wait for their open.
struct Watch {
    gone: mpsc::UnboundedSender<RequestId>,
    stopping: CancellationToken,
}

impl Watch {
    fn client(&self, id: RequestId, sender: mpsc::Sender<OpenEvent>) {
        let (gone, stopping) = (self.gone.clone(), self.stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => drop(gone.send(id)),
                () = stopping.cancelled() => {}
            }
        });
    }
}

impl Pump {
    pub(crate) fn new(mut place: Place, clock: Clock, carriers: Carriers) -> Self {
        place.watch_sessions(carriers.tracer.is_some());
        Self {
            place,
            clock,
            carriers,
            requests: Requests::default(),
            unwritten: Vec::new(),
            uncopied: Vec::new(),
        }
    }

    /// Pumps until the daemon stops. `outputs` are those of the place's start.
    pub(crate) async fn run(
        mut self,
        mut outputs: Vec<Output>,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut link_events: mpsc::UnboundedReceiver<LinkEvent>,
        stopping: CancellationToken,
    ) {
        let (gone, mut clients_gone) = mpsc::unbounded_channel();
        let watch = Watch {
            gone,
            stopping: stopping.clone(),
        };
        let mut waiting_commands = Vec::with_capacity(BATCH);
        let mut waiting_events = Vec::with_capacity(BATCH);
        loop {
            for output in outputs.drain(..) {
                self.carry_out(output);
            }
            for (record, answer) in self.unwritten.drain(..) {
                self.carriers.store.when_written(record, answer);
            }
            for (to, answer) in self.uncopied.drain(..) {
                self.carriers.store.copy_records(to, answer);
            }
            let timeout = self.place.next_timeout().map(|at| self.clock.moment(at));
            let tick = async {
                match timeout {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // In no fixed order: no flood of one kind may starve the others.
                () = stopping.cancelled() => return,
                () = tick => self.handle(self.clock.now(), Input::Tick, &mut outputs),
                n = commands.recv_many(&mut waiting_commands, BATCH) => {
                    if n == 0 {
                        return;
                    }
                    for command in waiting_commands.drain(..) {
                        self.obey(command, &watch, &mut outputs);
                    }
                }
                Some(request) = clients_gone.recv() => {
                    // An answered request is not waited for any more; its client has the
                    // session's identifier, or lets it end unclaimed.
                    if self.requests.opens.remove(&request).is_some() {
                        let input = Input::Cancel { request };
                        self.handle(self.clock.now(), input, &mut outputs);
                    }
                }
                n = link_events.recv_many(&mut waiting_events, BATCH) => {
                    if n == 0 {
                        return;
                    }
                    for event in waiting_events.drain(..) {
                        self.hear(event, &mut outputs);
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command, watch: &Watch, outputs: &mut Vec<Output>) {
        let now = self.clock.now();
        match command {
            Command::Input(input) => self.handle(now, input, outputs),
            Command::Open(mut request, sender) => {
                let id = self.requests.next();
                request.request = id;
                watch.client(id, sender.clone());
                self.requests.opens.insert(id, sender);
                self.handle(now, Input::Open(request), outputs);
            }
            Command::DryRun(mut request, sender) => {
                let id = self.requests.next();
                request.request = id;
                self.requests.surveys.insert(id, sender);
                self.handle(now, Input::DryRun(request), outputs);
            }
            Command::Code(order, sender) => {
                let request = self.requests.next();
                self.requests.orders.insert(request, sender);
                self.handle(now, Input::Code { request, order }, outputs);
            }
            Command::Query(look) => look(&self.place, now),
            // What has been decided is still to be carried out.
            Command::Written(record, answer) => self.unwritten.push((record, answer)),
            Command::CopyRecords(to, answer) => self.uncopied.push((to, answer)),
        }
    }

    fn hear(&mut self, event: LinkEvent, outputs: &mut Vec<Output>) {
        // The permit lasts until the message has been handled.
        let (input, _permit) = match event {
            LinkEvent::Up {
                neighbour,
                incarnation,
                version,
            } => {
                let input = Input::LinkUp {
                    neighbour,
                    incarnation,
                    version,
                };
                (input, None)
            }
            LinkEvent::Down { neighbour } => (Input::LinkDown { neighbour }, None),
            LinkEvent::Received {
                from,
                envelope,
                permit,
            } => {
                let envelope = *envelope;
                (Input::Received { from, envelope }, Some(permit))
            }
        };
        self.handle(self.clock.now(), input, outputs);
    }

    /// Tells the place, and lets those who watch see what that does.
    fn handle(&mut self, now: Instant, input: Input, outputs: &mut Vec<Output>) {
        let Carriers {
            observer,
            tracer,
            recent,
            ..
        } = &mut self.carriers;
        observer.goes_in(now, &input);
        recent.goes_in(now, &input, &self.place);
        if let Some(tracer) = tracer {
            tracer.goes_in(now, &input);
        }
        let before = outputs.len();
        self.place.handle(now, input, outputs);
        observer.come_out(now, &outputs[before..], &self.place);
        recent.come_out(now, &outputs[before..], &self.place);
        if let Some(tracer) = tracer {
            tracer.come_out(now, &outputs[before..], &self.place);
            self.place.forget_acted();
        }
    }

    fn carry_out(&mut self, output: Output) {
        session_log::log(self.place.name(), &output);
        match output {
            Output::Send { to, envelope } => self.carriers.links.send(&to, envelope),
            Output::Start {
                instance,
                component,
                release,
                session,
                booked,
            } => {
                let start = Start {
                    component,
                    release,
                    session,
                    booked,
                };
                self.carriers.machinery.start(instance, start);
            }
            Output::Fetch {
                fetch,
                release,
                source,
            } => self.carriers.code.fetch(fetch, release, source),
            Output::CancelFetch { fetch, keep } => self.carriers.code.cancel_fetch(fetch, keep),
            Output::Evict { digest } => self.carriers.code.evict(digest),
            Output::CodeDone { request, result } => {
                if let Some(sender) = self.requests.orders.remove(&request) {
                    let _ = sender.send(result);
                }
            }
            Output::Stop { instance } => self.carriers.machinery.stop(instance),
            Output::Route(route) => self.carriers.machinery.route(route),
            Output::Unroute { session } => self.carriers.machinery.unroute(session),
            Output::Store { key, value } => self.carriers.store.put(key, value),
            Output::Opened { request, outcome } => {
                if let Outcome::Established(established) = &outcome {
                    // Nobody has to listen.
                    let _ = self.carriers.events.send(SessionEvent::Established {
                        session: established.session,
                        title: established.title.clone(),
                    });
                }
                // A client that has gone does not claim the session, and so it ends.
                if let Some(sender) = self.requests.opens.remove(&request) {
                    let _ = sender.try_send(OpenEvent::Done(outcome));
                }
            }
            Output::Progress { request, progress } => {
                if let Some(sender) = self.requests.opens.get(&request) {
                    tell_progress(sender, progress);
                }
            }
            Output::Surveyed { request, survey } => {
                if let Some(sender) = self.requests.surveys.remove(&request) {
                    let _ = sender.send(survey);
                }
            }
            Output::Ended { session, why } => {
                let _ = self
                    .carriers
                    .events
                    .send(SessionEvent::Ended { session, why });
            }
        }
    }
}
