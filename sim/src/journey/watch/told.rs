//! What places say to each other, to their drivers and to users.

use waybook_agents::{Envelope, Message};
use waybook_location_tree::PlaceName;
use waybook_place::io::{EndReason, Outcome, Output};
use waybook_place::{Instant, Place};

use super::{Waiting, Watch};
use crate::journey::said::{Said, is_routine, sessions};
use crate::journey::step::What;
use crate::network::Sent;
use crate::world::PlaceIndex;

impl Watch {
    /// The watched session that a message is about. None if it is about several, or none.
    pub(super) fn about(&self, message: &Message) -> Option<u64> {
        let question = |origin: &PlaceName, id: &u64| {
            let asker = self.questions.get(&(origin.clone(), *id));
            asker.copied()
        };
        match message {
            Message::Search { id, origin, .. }
            | Message::Found { id, origin, .. }
            | Message::Resolve { id, origin, .. }
            | Message::Resolved { id, origin, .. } => question(origin, id),
            Message::Download(agent) => {
                let digest = agent.release.digest;
                self.awaiting(digest, &agent.id.origin)
            }
            _ => {
                let about = sessions(message);
                about.iter().find_map(|s| self.numbers.get(s).copied())
            }
        }
    }

    pub(super) fn received(
        &mut self,
        now: Instant,
        place: &PlaceName,
        from: &PlaceName,
        read: &Envelope,
    ) {
        let Some(number) = self.about(&read.message) else {
            return;
        };
        if is_routine(&read.message) {
            return;
        }
        let what = What::Receives {
            from: from.clone(),
            message: Said::of(&read.message),
            late: false,
        };
        self.read = Some(self.steps.len());
        self.note(now, number, place, what);
    }

    /// A place has sent a message, and this is what the network does with it.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        from: &PlaceName,
        to: &PlaceName,
        message: &Message,
        sent: &Sent,
    ) {
        let Some(number) = self.about(message) else {
            return;
        };
        if is_routine(message) && sent.first.is_some() {
            self.routine += u64::from(self.on);
            return;
        }
        let what = What::Sends {
            to: to.clone(),
            message: Said::of(message),
            arrives: sent.first.map(|at| self.since(at)),
            again: sent.again.map(|at| self.since(at)),
            received: None,
        };
        self.note(now, number, from, what);
    }

    /// Learns by which sessions and questions the requests go that wait at a place.
    pub(super) fn find_sessions(&mut self, at: PlaceIndex, place: &Place, out: &[Output]) {
        let Some(waiting) = self.waiting.get_mut(&at) else {
            return;
        };
        for one in waiting.iter_mut() {
            let session = place.session_of(&one.user, &one.key);
            if let Some(session) = session.filter(|s| one.session != Some(*s)) {
                one.session = Some(session);
                one.attempts += 1;
                self.numbers.insert(session, one.number);
            }
        }
        for output in out {
            let Output::Send { envelope, .. } = output else {
                continue;
            };
            let asks = |one: &&Waiting, wanted: Option<&str>| {
                place.session_of(&one.user, &one.key).is_none()
                    && wanted.is_none_or(|title| title == one.title)
            };
            let (id, asker) = match &envelope.message {
                Message::Search {
                    id, origin, title, ..
                } if origin == place.name() => {
                    let asker = waiting.iter().find(|one| asks(one, Some(title.as_str())));
                    (*id, asker)
                }
                Message::Resolve { id, origin, .. } if origin == place.name() => {
                    (*id, waiting.iter().find(|one| asks(one, None)))
                }
                _ => continue,
            };
            if let Some(asker) = asker {
                let question = (place.name().clone(), id);
                self.questions.entry(question).or_insert(asker.number);
            }
        }
    }

    pub(super) fn output(&mut self, now: Instant, at: PlaceIndex, place: &Place, output: &Output) {
        let name = place.name();
        match output {
            Output::Start {
                instance,
                component,
                session,
                ..
            } => {
                let Some(number) = self.numbers.get(session).copied() else {
                    return;
                };
                let component = component.name.clone();
                let started = (number, component.clone());
                self.instances.insert((at, *instance), started);
                self.note(now, number, name, What::Starts { component });
            }
            Output::Stop { instance } => {
                self.instances.remove(&(at, *instance));
            }
            Output::Fetch {
                fetch,
                release,
                source,
            } => {
                let Some(number) = self.awaiting(release.digest, name) else {
                    return;
                };
                let component = release.reference();
                let fetched = (number, component.clone());
                self.fetches.insert((at, *fetch), fetched);
                let source = source.clone();
                self.note(now, number, name, What::Fetches { component, source });
            }
            Output::CancelFetch { fetch, .. } => {
                if let Some((number, component)) = self.fetches.remove(&(at, *fetch)) {
                    let why = "given up".to_owned();
                    self.note(now, number, name, What::FetchFails { component, why });
                }
            }
            Output::Opened { request, outcome } => {
                if let Some(waiting) = self.waiting.get_mut(&at) {
                    waiting.retain(|one| one.request != *request);
                    if waiting.is_empty() {
                        self.waiting.remove(&at);
                    }
                }
                if let Some(number) = self.requests.remove(request) {
                    self.note(now, number, name, answered(outcome));
                }
            }
            Output::Ended { session, why } => {
                let why = match why {
                    EndReason::Closed => "closed".to_owned(),
                    EndReason::Unclaimed => "nobody took it up".to_owned(),
                    EndReason::Idle => "nobody used it".to_owned(),
                    EndReason::Expired => "its time is over".to_owned(),
                    EndReason::Replaced => "another one took its place while it was cut".to_owned(),
                    EndReason::Reconciled => {
                        "the one that it had replaced is whole again".to_owned()
                    }
                    EndReason::Drained(place) => format!("{place} was drained"),
                    EndReason::Broken(refused) => {
                        let why: Vec<_> = refused.iter().map(ToString::to_string).collect();
                        format!("its path broke: {}", why.join("; "))
                    }
                };
                self.of_session(now, *session, name, What::Ends { why });
            }
            _ => {}
        }
    }
}

/// The answer to a request, in words.
fn answered(outcome: &Outcome) -> What {
    let (outcome, says) = match outcome {
        Outcome::Established(e) => {
            let took = e.took.as_secs_f64() * 1e3;
            let says = format!(
                "the user has a session: solution {} of {}, {}, after {took:.3} ms",
                e.solution, e.solutions, e.quality
            );
            ("established", says)
        }
        Outcome::Refused { refused, .. } => {
            let says = match refused.len() {
                1 => "the user is refused: the only solution was".to_owned(),
                all => format!("the user is refused: all {all} solutions were"),
            };
            ("refused", says)
        }
        Outcome::NoPlan(why) => ("no-plan", format!("there is nothing to try: {why}")),
        Outcome::Rejected { why } => ("rejected", format!("the request is rejected: {why}")),
        Outcome::Closed => ("closed", "the user had left before".to_owned()),
    };
    What::Answered { outcome, says }
}
