//! Whether the daemon lives, and whether the place is ready for sessions: for whoever watches over
//! it, without a token. What is said tells nothing of sessions.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;

use super::Shared;

/// A place that takes longer to say how it does is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the place does.
#[derive(Debug, Serialize)]
struct Health {
    /// Whether it is as it should be.
    ok: bool,
    /// What is not, each in a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

type Answer = (StatusCode, Json<Health>);

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(shared.clone())
}

/// Whether the daemon does its work at all; if not, only a restart helps.
async fn healthz(State(shared): State<Arc<Shared>>) -> Answer {
    let answered = shared.parts.place.query(|_, _| ());
    answer(match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(stopping)) => vec![stopping.to_string()],
        Err(_) => vec![format!("the place does not answer within {PATIENCE:?}")],
    })
}

/// Whether new sessions may be sent to this place. Established ones go on even if not.
async fn readyz(State(shared): State<Arc<Shared>>) -> Answer {
    let looked = tokio::time::timeout(PATIENCE, problems(&shared)).await;
    answer(looked.unwrap_or_else(|_| vec![format!("it cannot be said within {PATIENCE:?}")]))
}

async fn problems(shared: &Shared) -> Vec<String> {
    let place = &shared.parts.place;
    let seen = place.query(|place, _| {
        let parent = place.name().parent();
        let cut = parent.filter(|parent| !place.links().any(|(up, _)| up == parent));
        (place.is_recovering(), cut, place.is_draining())
    });
    let (recovering, cut, draining) = match seen.await {
        Ok(seen) => seen,
        Err(stopping) => return vec![stopping.to_string()],
    };
    let mut problems = Vec::new();
    if recovering {
        problems.push(
            "it has just restarted, and grants nothing before it knows what it has promised"
                .to_owned(),
        );
    }
    if draining {
        problems.push("it is being drained, and takes no new sessions".to_owned());
    }
    if let Some(parent) = cut {
        problems.push(format!("there is no connection to its parent {parent}"));
    }
    match place.written(None).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => problems.push(format!("its records cannot be written: {why}")),
        Err(stopping) => problems.push(stopping.to_string()),
    }
    problems
}

fn answer(problems: Vec<String>) -> Answer {
    let ok = problems.is_empty();
    let status = match ok {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(Health { ok, problems }))
}
