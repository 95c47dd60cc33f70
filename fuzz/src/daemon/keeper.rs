//! The task that owns the place, as the daemon's pump does, without neighbours and a disk.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant as Moment;
use waybook_agents::Incarnation;
use waybook_daemon::api::Ends;
use waybook_daemon::{Command, OpenEvent, OrderResult};
use waybook_place::io::{FetchFailure, Input, Outcome, Output, RequestId, Survey};
use waybook_place::{CodeConfig, Config, Instant, Limits, Place, Timing};
use waybook_plan::{NoPlan, Resource};

use super::{HERE, name};

/// Owns the place.
pub(super) struct Keeper {
    place: Place,
    began: Moment,
    ends: Ends,
    last: u64,
    opens: BTreeMap<RequestId, mpsc::Sender<OpenEvent>>,
    surveys: BTreeMap<RequestId, oneshot::Sender<Result<Survey, NoPlan>>>,
    orders: BTreeMap<RequestId, oneshot::Sender<OrderResult>>,
}

impl Keeper {
    pub(super) fn new(ends: Ends) -> Self {
        let capacity = [
            (Resource::cpu(), 4_000),
            (Resource::memory(), 1 << 30),
            (Resource::down(), 10_000_000),
            (Resource::up(), 10_000_000),
        ];
        let config = Config {
            name: name(HERE),
            capacity: BTreeMap::from(capacity),
            programs: Vec::new(),
            limits: Limits::default(),
            timing: Timing::default(),
            strategy: "nearest".to_owned(),
            servers_per_plan: 3,
            code: CodeConfig::default(),
        };
        let (life, now) = (Incarnation(1), Instant(0));
        let place = Place::new(config, life, [0; 32], Vec::new(), now, &mut Vec::new());
        Self {
            place: place.expect("sound settings"),
            began: Moment::now(),
            ends,
            last: 0,
            opens: BTreeMap::new(),
            surveys: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
    }

    /// Until nobody can ask any more.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        loop {
            let next = self.place.next_timeout();
            let next = next.map(|next| self.began + next.since(Instant(0)));
            let tick = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                () = tick => self.put(Input::Tick),
            }
        }
    }

    fn now(&self) -> Instant {
        Instant(u64::try_from(self.began.elapsed().as_nanos()).expect("it is not that long"))
    }

    fn command(&mut self, command: Command) {
        self.last += 1;
        let request = RequestId(self.last);
        match command {
            Command::Input(input) => self.put(input),
            Command::Open(mut open, events) => {
                open.request = request;
                self.opens.insert(request, events);
                self.put(Input::Open(open));
            }
            Command::DryRun(mut open, answer) => {
                open.request = request;
                self.surveys.insert(request, answer);
                self.put(Input::DryRun(open));
            }
            Command::Code(order, answer) => {
                self.orders.insert(request, answer);
                self.put(Input::Code { request, order });
            }
            Command::Query(look) => look(&self.place, self.now()),
            Command::Written(_, answer) => drop(answer.send(Ok(()))),
            Command::CopyRecords(to, answer) => {
                let copied = std::fs::write(to, "").map_err(|error| error.to_string());
                drop(answer.send(copied));
            }
        }
    }

    fn put(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Vec::new();
            self.place.handle(self.now(), input, &mut out);
            for output in out {
                match output {
                    Output::Start { instance, .. } => {
                        let endpoint = "here".to_owned();
                        inputs.push(Input::ComponentUp { instance, endpoint });
                    }
                    Output::Fetch { fetch, .. } => {
                        let failure = FetchFailure::NotHeld;
                        inputs.push(Input::FetchFailed { fetch, failure });
                    }
                    output => self.tell(output),
                }
            }
        }
    }

    fn tell(&mut self, output: Output) {
        match output {
            Output::Opened { request, outcome } => {
                if let Some(events) = self.opens.remove(&request) {
                    let stands = match &outcome {
                        Outcome::Established(established) => Some(established.session),
                        _ => None,
                    };
                    let heard = events.try_send(OpenEvent::Done(outcome)).is_ok();
                    if let Some(session) = stands.filter(|_| !heard) {
                        self.put(Input::Close { session });
                    }
                }
            }
            Output::Progress { request, progress } => {
                if let Some(events) = self.opens.get(&request) {
                    let _ = events.try_send(OpenEvent::Progress(progress));
                }
            }
            Output::Surveyed { request, survey } => {
                if let Some(answer) = self.surveys.remove(&request) {
                    let _ = answer.send(survey);
                }
            }
            Output::CodeDone { request, result } => {
                if let Some(answer) = self.orders.remove(&request) {
                    let _ = answer.send(result);
                }
            }
            Output::Ended { session, why } => self.ends.report(session, &why),
            _ => {}
        }
    }
}
