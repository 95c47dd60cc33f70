//! What happens to sessions, in the log: one line for each event, with place and session.

use waybook_location_tree::PlaceName;
use waybook_place::io::{Outcome, Output};

use crate::api::model::EndInfo;

/// Logs what an output of the place says of a session, if it says anything.
pub(crate) fn log(place: &PlaceName, output: &Output) {
    match output {
        Output::Opened { outcome, .. } => log_outcome(place, outcome),
        Output::Ended { session, why } => {
            let end = EndInfo::new(*session, why);
            tracing::info!(%place, %session, kind = end.kind, "a session is over: {}", end.text);
        }
        Output::Route(route) => tracing::debug!(
            %place,
            session = %route.session,
            previous = route.previous.as_ref().map(tracing::field::display),
            next = route.next.as_ref().map(tracing::field::display),
            "requests of a session are let through"
        ),
        Output::Unroute { session } => {
            tracing::debug!(%place, %session, "requests of a session are let through no more");
        }
        _ => {}
    }
}

fn log_outcome(place: &PlaceName, outcome: &Outcome) {
    match outcome {
        Outcome::Established(established) => tracing::info!(
            %place,
            session = %established.session,
            title = established.title,
            quality = established.quality,
            solution = established.solution.0,
            took_ms = established.took.as_secs_f64() * 1e3,
            "a session is established"
        ),
        Outcome::Refused {
            session,
            refused,
            plan,
        } => {
            let why: Vec<_> = refused.iter().map(ToString::to_string).collect();
            let why = why.join("; ");
            tracing::info!(%place, %session, title = plan.title, "a session is refused: {why}");
        }
        Outcome::NoPlan(why) => tracing::info!(%place, "a request has nothing to try: {why}"),
        Outcome::Rejected { why } => tracing::info!(%place, "a request is not taken: {why}"),
        Outcome::Closed => tracing::info!(%place, "a request was closed before its session stood"),
    }
}
