//! What messages say of a session, in words.

use std::sync::Arc;

use serde::Serialize;
use waybook_agents::{Message, SessionId};
use waybook_plan::Solution;

/// What a message says of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What kind of message it is: see [`Message::kind`].
    pub kind: &'static str,
    /// The number of the visit that is meant, if it is about one.
    pub visit: Option<u16>,
    /// In words.
    pub says: String,
}

/// The sessions that a message is about, if it is about one alone or lists some.
pub(super) fn sessions(message: &Message) -> Vec<SessionId> {
    match message {
        Message::Visit(visit) => vec![visit.agent.session()],
        Message::VisitAck(feed)
        | Message::Release(feed)
        | Message::ReleaseAck(feed)
        | Message::Confirm(feed)
        | Message::ConfirmAck(feed)
        | Message::Gone(feed) => vec![feed.session],
        Message::Ready(ready) => vec![ready.session],
        Message::Refuse(refuse) => vec![refuse.session],
        Message::Progress(progress) => vec![progress.session],
        Message::Refresh {
            setups,
            established,
        } => (setups.iter().chain(established))
            .map(|f| f.session)
            .collect(),
        Message::Working(feeds)
        | Message::Resync {
            sessions: feeds, ..
        } => feeds.iter().map(|f| f.session).collect(),
        _ => Vec::new(),
    }
}

/// Whether it only says that all is as it was: so often that nobody wants to read it.
pub(super) fn is_routine(message: &Message) -> bool {
    matches!(
        message,
        Message::Refresh { .. } | Message::Working(_) | Message::Resync { .. }
    )
}

impl Said {
    pub(super) fn of(message: &Message) -> Self {
        let visit = match message {
            Message::Visit(visit) => Some(visit.agent.number()),
            Message::VisitAck(feed)
            | Message::Release(feed)
            | Message::ReleaseAck(feed)
            | Message::Confirm(feed)
            | Message::ConfirmAck(feed)
            | Message::Gone(feed) => Some(feed.number),
            Message::Ready(ready) => Some(ready.number),
            Message::Refuse(refuse) => Some(refuse.number),
            _ => None,
        };
        Self {
            kind: message.kind(),
            visit: visit.map(|number| number.0),
            says: in_words(message),
        }
    }
}

fn in_words(message: &Message) -> String {
    match message {
        Message::Visit(visit) => {
            let agent = &visit.agent;
            let later = |s: &&Arc<Solution>| s.number.0 > agent.number().0;
            let more = agent.plan().solutions.iter().filter(later).count();
            let more = match more {
                0 => "the last one".to_owned(),
                1 => "and one more to try".to_owned(),
                more => format!("and {more} more to try"),
            };
            format!("plan visitor with solution {}, {more}", agent.number())
        }
        Message::VisitAck(feed) => format!("plan visitor {} has arrived", feed.number),
        Message::Ready(ready) => format!("ready with solution {}", ready.solution),
        Message::Refuse(refuse) => match refuse.next {
            Some(next) => format!("refused; traces back, solution {next} is next"),
            None => "refused; nothing is left to try".to_owned(),
        },
        Message::Release(feed) => format!("give up visit {}", feed.number),
        Message::ReleaseAck(feed) => format!("visit {} is given up", feed.number),
        Message::Confirm(_) => "confirm: the session is established".to_owned(),
        Message::ConfirmAck(_) => "confirmed".to_owned(),
        Message::Gone(feed) => format!("there is nothing of visit {}", feed.number),
        Message::Refresh { .. } => "refresh: it still counts".to_owned(),
        Message::Working(_) => "still at work".to_owned(),
        Message::Resync { .. } => "these are all sessions over this edge".to_owned(),
        Message::Search { title, .. } => format!("who serves `{title}`?"),
        Message::Found { servers, .. } => {
            let names: Vec<_> = servers.iter().map(|s| s.place.as_str()).collect();
            match names.as_slice() {
                [] => "nobody does".to_owned(),
                names => format!("served by {}", names.join(", ")),
            }
        }
        Message::Resolve { wanted, .. } => format!("what is {}?", wanted.join(", ")),
        Message::Resolved { found, .. } => {
            let found: Vec<_> = found.iter().map(|release| release.reference()).collect();
            match found.as_slice() {
                [] => "nobody knows".to_owned(),
                found => format!("known are {}", found.join(", ")),
            }
        }
        Message::Download(agent) => {
            let code = agent.release.reference();
            match &agent.found {
                None => format!("download agent looks for {code}"),
                Some(Ok(found)) => format!("download agent: {code} is at {}", found.source),
                Some(Err(nowhere)) => format!("download agent: no {code}: {}", nowhere.why),
            }
        }
        other => other.kind().to_owned(),
    }
}
