//! Remembers for a while which agents have passed the place and which set-ups were refused, for
//! people who watch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use waybook_agents::{Message, Refusal, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::io::{Input, OpenRequest, Outcome, Output, RequestId};
use waybook_place::{Instant, Place};

use super::model::{RefusalInfo, RefusedInfo, WalkInfo, WalkKind};
use super::stream;

/// So many steps of agents are remembered.
pub(super) const WALKS: usize = 512;
/// So many refused set-ups are remembered.
pub(super) const REFUSALS: usize = 256;
/// A step that is among so many of the latest is the same one, sent again.
const REPEATS: usize = 64;
/// What others wrote is remembered up to so many bytes.
const TEXT: usize = 400;
/// Of one refused set-up so many solutions are remembered.
const SOLUTIONS: usize = 64;

/// What has happened lately. The task that owns the place reports, the API asks.
#[derive(Debug)]
pub struct Recent {
    lately: Mutex<Lately>,
    /// Counts what the place has been told, to wake who watches.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lately {
    walks: Ring<Walk>,
    refusals: Ring<Refused>,
    /// The title and the user of the opens that wait for their outcome.
    opens: BTreeMap<RequestId, (String, String)>,
    /// Grows whenever the code that is known here may be another.
    code: u64,
}

/// The latest of something, numbered from 1 since the daemon started.
#[derive(Debug)]
struct Ring<T> {
    latest: VecDeque<(u64, Instant, T)>,
    last: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self {
            latest: VecDeque::new(),
            last: 0,
        }
    }
}

impl<T> Ring<T> {
    fn push(&mut self, most: usize, now: Instant, one: T) {
        self.last += 1;
        self.latest.push_back((self.last, now, one));
        if self.latest.len() > most {
            self.latest.pop_front();
        }
    }

    fn after(&self, number: u64) -> impl Iterator<Item = &(u64, Instant, T)> {
        let known = self.latest.partition_point(|(at, ..)| *at <= number);
        self.latest.range(known..)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Walk {
    kind: WalkKind,
    /// The session, or the code that is looked for.
    whose: String,
    number: u64,
    from: PlaceName,
    to: PlaceName,
    title: String,
    /// The client's place, where it is known.
    client: Option<PlaceName>,
}

#[derive(Debug, Clone)]
struct Refused {
    session: Option<String>,
    title: String,
    user: Option<String>,
    client: Option<PlaceName>,
    kind: String,
    text: String,
    refused: Vec<RefusalInfo>,
}

/// Up to where somebody has been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    walks: u64,
    refusals: u64,
    code: u64,
}

impl Told {
    pub(super) fn has_walk(self, number: u64) -> bool {
        number <= self.walks
    }

    pub(super) fn has_refusal(self, number: u64) -> bool {
        number <= self.refusals
    }
}

/// What has happened since somebody was told.
#[derive(Debug, Default)]
pub(super) struct Since {
    pub(super) walks: Vec<WalkInfo>,
    pub(super) refusals: Vec<RefusedInfo>,
    pub(super) code: bool,
    pub(super) told: Told,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            lately: Mutex::default(),
            news: watch::Sender::new(0),
        }
    }
}

impl Recent {
    /// Before the place is told.
    pub fn goes_in(&self, now: Instant, input: &Input, place: &Place) {
        match input {
            Input::Received { from, envelope } => {
                self.message(now, &envelope.message, from, place.name(), place);
            }
            Input::Open(request) => self.asked(request),
            Input::Cancel { request } => drop(self.lately().opens.remove(request)),
            Input::Fetched { .. }
            | Input::FetchFailed { .. }
            | Input::CodeLost { .. }
            | Input::ComponentUp { .. }
            | Input::ComponentFailed { .. } => self.lately().code += 1,
            _ => {}
        }
    }

    /// After the place has said what is to be done.
    pub fn come_out(&self, now: Instant, outputs: &[Output], place: &Place) {
        for output in outputs {
            match output {
                Output::Send { to, envelope } => {
                    self.message(now, &envelope.message, place.name(), to, place);
                }
                Output::Opened { request, outcome } => self.opened(now, *request, outcome, place),
                Output::Fetch { .. }
                | Output::CancelFetch { .. }
                | Output::Evict { .. }
                | Output::CodeDone { .. }
                | Output::Stop { .. } => self.lately().code += 1,
                _ => {}
            }
        }
        if self.news.receiver_count() > 0 {
            self.news.send_modify(|count| *count += 1);
        }
    }

    /// Wakes with everything that the place is told from now on.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// What has happened since then; from the default on, all that is remembered.
    pub(super) fn since(&self, told: Told, now: Instant) -> Since {
        let lately = self.lately();
        let walks = lately.walks.after(told.walks);
        let refusals = lately.refusals.after(told.refusals);
        Since {
            walks: walks.map(|walk| walk_info(walk, now)).collect(),
            refusals: refusals.map(|one| refused_info(one, now)).collect(),
            code: lately.code > told.code,
            told: Told {
                walks: lately.walks.last,
                refusals: lately.refusals.last,
                code: lately.code,
            },
        }
    }

    /// An agent, or word of one, that crosses an edge of this place.
    fn message(
        &self,
        now: Instant,
        message: &Message,
        from: &PlaceName,
        to: &PlaceName,
        place: &Place,
    ) {
        let (kind, whose, number) = match message {
            Message::Visit(visit) => {
                let (session, number) = (visit.agent.session(), visit.agent.number());
                (WalkKind::Visit, session.to_string(), u64::from(number.0))
            }
            Message::Ready(ready) => {
                self.refused_here(now, ready.session, &ready.refused, from, place);
                let number = u64::from(ready.number.0);
                (WalkKind::Ready, ready.session.to_string(), number)
            }
            Message::Refuse(refuse) => {
                self.refused_here(now, refuse.session, &refuse.refused, from, place);
                let number = u64::from(refuse.number.0);
                (WalkKind::Refuse, refuse.session.to_string(), number)
            }
            Message::Download(agent) => {
                let kind = match agent.found {
                    None => WalkKind::Download,
                    Some(_) => WalkKind::DownloadBack,
                };
                (kind, agent.release.digest.to_string(), agent.id.number)
            }
            Message::Holdings { .. } => {
                self.lately().code += 1;
                return;
            }
            _ => return,
        };
        let (title, client) = match message {
            Message::Visit(visit) => {
                let plan = visit.agent.plan();
                (short(&plan.title), Some(plan.client().clone()))
            }
            Message::Download(agent) => (short(&agent.release.reference()), None),
            Message::Ready(ready) => self.about(ready.session, place),
            Message::Refuse(refuse) => self.about(refuse.session, place),
            _ => (String::new(), None),
        };
        let walk = Walk {
            kind,
            whose,
            number,
            from: from.clone(),
            to: to.clone(),
            title,
            client,
        };
        let walks = &mut self.lately().walks;
        let mut latest = walks.latest.iter().rev().take(REPEATS);
        if latest.all(|(_, _, known)| *known != walk) {
            walks.push(WALKS, now, walk);
        }
    }

    /// The title and the client's place of a session whose agent is, or was a moment ago, at
    /// this place.
    fn about(&self, session: SessionId, place: &Place) -> (String, Option<PlaceName>) {
        if let Some(agent) = place.agent(session) {
            let plan = agent.plan();
            return (short(&plan.title), Some(plan.client().clone()));
        }
        let whose = session.to_string();
        let lately = self.lately();
        let mut walks = lately.walks.latest.iter().rev();
        let of = walks.find(|(_, _, walk)| walk.whose == whose);
        of.map_or_else(Default::default, |(_, _, walk)| {
            (walk.title.clone(), walk.client.clone())
        })
    }

    /// What of another place's set-up was refused at this one, as it says itself.
    fn refused_here(
        &self,
        now: Instant,
        session: SessionId,
        refused: &[Refusal],
        from: &PlaceName,
        place: &Place,
    ) {
        if from != place.name() || refused.iter().all(|one| one.place != *from) {
            return;
        }
        let agent = place.agent(session);
        let plan = agent.map(|agent| agent.plan().clone());
        let here = refused.iter().filter(|one| one.place == *from);
        let here = here.map(|one| RefusalInfo::new(one, plan.as_deref()));
        let here: Vec<_> = here.take(SOLUTIONS).map(shortened).collect();
        let (title, client) = self.about(session, place);
        let one = Refused {
            session: Some(session.to_string()),
            title,
            user: None,
            client,
            kind: "passing".to_owned(),
            text: "an agent that came by was refused here".to_owned(),
            refused: here,
        };
        let refusals = &mut self.lately().refusals;
        let mut latest = refusals.latest.iter().rev().take(REPEATS);
        let same =
            |known: &Refused| (&known.session, &known.refused) == (&one.session, &one.refused);
        if latest.all(|(_, _, known)| !same(known)) {
            refusals.push(REFUSALS, now, one);
        }
    }

    fn asked(&self, request: &OpenRequest) {
        let about = (short(&request.title), short(&request.profile.user));
        self.lately().opens.insert(request.request, about);
    }

    /// What a client of this place has been told.
    fn opened(&self, now: Instant, request: RequestId, outcome: &Outcome, place: &Place) {
        let mut lately = self.lately();
        let about = lately.opens.remove(&request).unwrap_or_default();
        let Err(problem) = stream::told(outcome) else {
            return;
        };
        if matches!(outcome, Outcome::Closed) {
            return;
        }
        let refused = problem.more.refused.into_iter().take(SOLUTIONS);
        let one = Refused {
            session: problem.more.session,
            title: about.0,
            user: Some(about.1),
            client: Some(place.name().clone()),
            kind: problem
                .kind
                .rsplit(':')
                .next()
                .unwrap_or_default()
                .to_owned(),
            text: short(&problem.detail),
            refused: refused.map(shortened).collect(),
        };
        lately.refusals.push(REFUSALS, now, one);
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What others wrote may be long.
fn short(text: &str) -> String {
    match text.len() <= TEXT {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(TEXT)]),
    }
}

fn shortened(mut info: RefusalInfo) -> RefusalInfo {
    info.text = short(&info.text);
    info.remedy = short(&info.remedy);
    info.quality = info.quality.as_deref().map(short);
    info.component = info.component.as_deref().map(short);
    info
}

fn walk_info((number, at, walk): &(u64, Instant, Walk), now: Instant) -> WalkInfo {
    WalkInfo {
        number: *number,
        age: now.since(*at).into(),
        kind: walk.kind,
        whose: walk.whose.clone(),
        title: walk.title.clone(),
        from: walk.from.to_string(),
        to: walk.to.to_string(),
    }
}

fn refused_info((number, at, one): &(u64, Instant, Refused), now: Instant) -> RefusedInfo {
    RefusedInfo {
        number: *number,
        age: now.since(*at).into(),
        session: one.session.clone(),
        title: one.title.clone(),
        user: one.user.clone(),
        client: one.client.as_ref().map(ToString::to_string),
        kind: one.kind.clone(),
        text: one.text.clone(),
        refused: one.refused.clone(),
    }
}
