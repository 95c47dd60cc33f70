//! Scripted clients: what they ask for, and what they do with what they get.

use std::collections::BTreeMap;
use std::time::Duration;

use waybook_agents::{Progress, Refusal, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::Instant;
use waybook_place::io::{EndReason, Established, OpenRequest, Outcome, RequestId, Survey};
use waybook_plan::{NoPlan, Plan};

use crate::world::PlaceIndex;

/// What a client does after it has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// How long after the answer it claims its session; never, if it has vanished.
    pub claim: Option<Duration>,
    /// How long after its request it closes, whatever has become of it.
    pub close: Option<Duration>,
}

impl Script {
    /// Claims at once, and stays.
    pub const STAYS: Self = Self {
        claim: Some(Duration::ZERO),
        close: None,
    };
    /// Never claims.
    pub const VANISHES: Self = Self {
        claim: None,
        close: None,
    };

    /// Claims at once, and closes that long after its request.
    #[must_use]
    pub fn closes(after: Duration) -> Self {
        Self {
            close: Some(after),
            ..Self::STAYS
        }
    }
}

/// A request for that title, with nothing special wanted. The world gives the number; an
/// empty key is replaced by a fresh one.
#[must_use]
pub fn request(title: &str) -> OpenRequest {
    OpenRequest::new("", title)
}

/// What a client knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Knows {
    /// It has had no answer yet.
    Nothing,
    /// Its session stands.
    Session(Box<Established>),
    /// It was refused.
    Refused {
        /// For each solution, why.
        refused: Vec<Refusal>,
        /// What was tried.
        plan: Plan,
    },
    /// There was nothing to try.
    NoPlan(NoPlan),
    /// The request was wrong.
    Rejected(String),
    /// It closed before there was a session.
    Closed,
    /// Its session is over.
    Ended(Box<Established>, EndReason),
    /// Its place crashed. If it had a session, that may have been found again.
    Cut(Option<Box<Established>>),
    /// What a dry run said.
    Survey(Result<Survey, NoPlan>),
}

impl Knows {
    /// Whether nothing more can become of the request.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::NoPlan(_)
            | Self::Rejected(_)
            | Self::Closed
            | Self::Ended(..)
            | Self::Survey(_) => true,
            // One that was cut may have a session that its place finds again.
            Self::Nothing | Self::Session(_) | Self::Cut(_) => false,
        }
    }
}

/// One request of a client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it asked.
    pub place: PlaceName,
    /// The same, by number.
    pub(crate) at: PlaceIndex,
    /// What it asked.
    pub request: OpenRequest,
    /// What it does then.
    pub script: Script,
    /// When it asked; nothing until it has.
    pub asked: Option<Instant>,
    /// What it knows now.
    pub knows: Knows,
    /// What it saw while it watched.
    pub progress: Vec<Progress>,
    /// The plan that the request must be given, if the index was known to be complete
    /// when it asked.
    pub expected: Option<Plan>,
}

impl Client {
    /// The session that it has, as far as it knows.
    #[must_use]
    pub fn session(&self) -> Option<&Established> {
        match &self.knows {
            Knows::Session(session) => Some(session),
            _ => None,
        }
    }
}

/// All clients of a run.
#[derive(Debug, Default)]
pub struct Clients {
    by_request: BTreeMap<RequestId, Client>,
    by_session: BTreeMap<SessionId, Vec<RequestId>>,
    waiting: usize,
    /// How many there have been.
    count: u64,
    /// Those of whom something new is known since this was last asked.
    told: Vec<RequestId>,
}

impl Clients {
    /// Adds a client; gives the request as it is to be asked.
    pub(crate) fn add(&mut self, mut client: Client) -> OpenRequest {
        let id = RequestId(self.count + 1);
        self.count = id.0;
        client.request.request = id;
        if client.request.key.is_empty() {
            client.request.key = format!("key-{}", id.0);
        }
        let request = client.request.clone();
        self.by_request.insert(id, client);
        self.waiting += 1;
        request
    }

    /// The client of a request.
    #[must_use]
    pub fn get(&self, request: RequestId) -> Option<&Client> {
        self.by_request.get(&request)
    }

    pub(crate) fn get_mut(&mut self, request: RequestId) -> Option<&mut Client> {
        self.by_request.get_mut(&request)
    }

    /// All clients, in the order in which they asked.
    pub fn iter(&self) -> impl Iterator<Item = (RequestId, &Client)> {
        self.by_request.iter().map(|(id, client)| (*id, client))
    }

    /// How many have had no answer yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The requests of which something new is known since this was last called, in that
    /// order.
    pub(crate) fn take_told(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.told)
    }

    /// Takes out a client whose story is over; none if it is not.
    pub(crate) fn take_if_over(&mut self, id: RequestId) -> Option<Client> {
        let over = self.get(id).is_some_and(|client| client.knows.is_over());
        over.then(|| self.by_request.remove(&id)).flatten()
    }

    /// Takes the answer to an open; refused if nobody waits for it. The session, if there
    /// is one.
    pub(crate) fn answered(
        &mut self,
        id: RequestId,
        outcome: Outcome,
    ) -> Result<Option<SessionId>, String> {
        if self.get(id).is_some_and(|c| c.knows == Knows::Closed) {
            return Ok(None);
        }
        let client = self.expect(id)?;
        client.knows = match outcome {
            Outcome::Established(session) => Knows::Session(session),
            Outcome::Refused { refused, plan, .. } => Knows::Refused { refused, plan },
            Outcome::NoPlan(none) => Knows::NoPlan(none),
            Outcome::Rejected { why } => Knows::Rejected(why),
            Outcome::Closed => Knows::Closed,
        };
        let session = client.session().map(|session| session.session);
        self.told.push(id);
        if let Some(session) = session {
            self.by_session.entry(session).or_default().push(id);
        }
        Ok(session)
    }

    /// A client hangs up before it has its answer; its place. An answer that is on its way
    /// is not taken any more.
    pub(crate) fn hangs_up(&mut self, id: RequestId) -> Option<PlaceIndex> {
        let client = self.by_request.get_mut(&id)?;
        if client.knows != Knows::Nothing {
            return None;
        }
        self.waiting -= 1;
        client.knows = Knows::Closed;
        self.told.push(id);
        Some(client.at)
    }

    /// Takes the answer to a dry run; refused if nobody waits for it.
    pub(crate) fn surveyed(
        &mut self,
        id: RequestId,
        survey: Result<Survey, NoPlan>,
    ) -> Result<(), String> {
        self.expect(id)?.knows = Knows::Survey(survey);
        self.told.push(id);
        Ok(())
    }

    fn expect(&mut self, id: RequestId) -> Result<&mut Client, String> {
        match self.by_request.get_mut(&id) {
            Some(client) if client.knows == Knows::Nothing => {
                self.waiting -= 1;
                Ok(client)
            }
            Some(_) => Err(format!("request {} is answered twice", id.0)),
            None => Err(format!("request {} was never made", id.0)),
        }
    }

    /// A session is over.
    pub(crate) fn ended(&mut self, session: SessionId, why: &EndReason) {
        for id in self.by_session.remove(&session).unwrap_or_default() {
            let Some(client) = self.by_request.get_mut(&id) else {
                continue;
            };
            client.knows = match std::mem::replace(&mut client.knows, Knows::Nothing) {
                Knows::Session(known) | Knows::Cut(Some(known)) => {
                    self.told.push(id);
                    Knows::Ended(known, why.clone())
                }
                other => other,
            };
        }
    }

    /// Nobody who waits can be foretold the plan any more.
    pub(crate) fn expect_nothing(&mut self) {
        for client in self.by_request.values_mut() {
            if client.knows == Knows::Nothing {
                client.expected = None;
            }
        }
    }

    /// As [`Self::expect_nothing`], of those who ask at one place.
    pub(crate) fn expect_nothing_at(&mut self, place: &PlaceName) {
        let all = self.by_request.values_mut();
        for client in all.filter(|c| c.place == *place && c.knows == Knows::Nothing) {
            client.expected = None;
        }
    }

    /// A client asks: at which place. None if it hung up before.
    pub(crate) fn asks(&mut self, id: RequestId, now: Instant) -> Option<PlaceIndex> {
        let client = self.by_request.get_mut(&id)?;
        client.asked = Some(now);
        (client.knows == Knows::Nothing).then_some(client.at)
    }

    /// A place is down: its clients lose their connections.
    pub(crate) fn cut(&mut self, place: &PlaceName) {
        let all = self.by_request.iter_mut();
        for (id, client) in all.filter(|(_, c)| c.place == *place && c.asked.is_some()) {
            self.told.push(*id);
            client.knows = match std::mem::replace(&mut client.knows, Knows::Nothing) {
                Knows::Nothing => {
                    self.waiting -= 1;
                    Knows::Cut(None)
                }
                Knows::Session(session) => Knows::Cut(Some(session)),
                other => other,
            };
        }
    }
}
