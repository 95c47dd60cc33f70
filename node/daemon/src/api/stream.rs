//! What a client hears of its open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use http::{HeaderMap, header};
use serde::Serialize;
use tokio::sync::mpsc::Receiver;
use waybook_place::io::{Established, Outcome};
use waybook_plan::NoPlan;

use super::model::{EstablishedInfo, ProgressInfo, RefusalInfo};
use super::{Kind, Problem, Shared, model};
use crate::OpenEvent;

/// A line now and then shows both ends that the other one is still there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether a client wants events rather than an answer at the end.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|kinds| {
        kinds
            .to_str()
            .is_ok_and(|kinds| kinds.contains("text/event-stream"))
    })
}

/// The events of an open as they come.
pub(super) fn watched(
    shared: Arc<Shared>,
    events: Receiver<OpenEvent>,
    key: String,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(Some((shared, events, key)), async |state| {
        let (shared, mut events, key) = state?;
        match next(&shared, &mut events).await {
            Some(OpenEvent::Progress(progress)) => {
                let event = event("progress", &ProgressInfo::from(&progress));
                Some((Ok(event), Some((shared, events, key))))
            }
            Some(OpenEvent::Done(outcome)) => Some((Ok(last_event(&shared, &outcome, &key)), None)),
            None => Some((Ok(event("refused", &stopping(&shared))), None)),
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// The next event, unless the daemon stops.
async fn next(shared: &Shared, events: &mut Receiver<OpenEvent>) -> Option<OpenEvent> {
    tokio::select! {
        event = events.recv() => event,
        () = shared.stopping.cancelled() => None,
    }
}

fn last_event(shared: &Shared, outcome: &Outcome, key: &str) -> Event {
    match judge(shared, outcome, key) {
        Ok(established) => event("established", &established),
        Err(problem) => event("refused", &problem),
    }
}

pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    // What is sent is texts, numbers and lists of these, which always serialize.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}

/// The outcome of an open that nobody watches.
pub(super) async fn last(
    shared: &Shared,
    mut events: Receiver<OpenEvent>,
    key: &str,
) -> Result<EstablishedInfo, Problem> {
    while let Some(event) = next(shared, &mut events).await {
        if let OpenEvent::Done(outcome) = event {
            return judge(shared, &outcome, key);
        }
    }
    Err(stopping(shared))
}

fn stopping(shared: &Shared) -> Problem {
    Problem::from(crate::Stopping).at(&shared.parts.name)
}

/// What became of an open: a session or a problem.
fn judge(shared: &Shared, outcome: &Outcome, key: &str) -> Result<EstablishedInfo, Problem> {
    let established = told(outcome).map_err(|problem| problem.at(&shared.parts.name))?;
    let urls = shared.parts.urls.urls(established.session);
    Ok(EstablishedInfo::new(established, key, urls))
}

/// What a client is told of its open.
pub(super) fn told(outcome: &Outcome) -> Result<&Established, Problem> {
    Err(match outcome {
        Outcome::Established(established) => return Ok(established),
        Outcome::Refused {
            session,
            refused,
            plan,
        } => {
            let mut problem = Kind::Refused.because(format!(
                "{} for `{}` could be booked",
                match plan.solutions.len() {
                    1 => "not the one solution".to_owned(),
                    several => format!("none of the {several} solutions"),
                },
                plan.title
            ));
            problem.more.session = Some(session.to_string());
            problem.more.refused = refused
                .iter()
                .map(|refusal| RefusalInfo::new(refusal, Some(plan)))
                .collect();
            problem.more.solutions = model::solutions(plan);
            problem
        }
        Outcome::NoPlan(why) => no_plan(why),
        Outcome::Rejected { why } => Kind::Rejected.because(why.clone()),
        Outcome::Closed => Kind::Closed.because("the session was closed before it was established"),
    })
}

/// Why there is nothing to try.
pub(super) fn no_plan(why: &NoPlan) -> Problem {
    let kind = match why {
        NoPlan::NotAllowed { .. } => Kind::NotAllowed,
        NoPlan::Unanswered { .. } => Kind::Unanswered,
        NoPlan::NoServer { .. } | NoPlan::NothingSuits { .. } => Kind::NoPlan,
    };
    kind.because(why.to_string())
}
