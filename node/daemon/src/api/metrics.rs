//! The place's figures, for collectors.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use super::links::api_door;
use super::{Problem, Shared, health};
use crate::metrics::{self, Now, PlaceNow};

/// The place's figures in the text of OpenMetrics, for Prometheus and other collectors. Also at
/// `/metrics`.
#[utoipa::path(
    get,
    path = "/api/v1/metrics",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let text = text(&shared).await?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// What collectors are served without a token.
pub(super) fn open_router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(shared.clone())
        .merge(health::router(shared))
}

async fn text(shared: &Shared) -> Result<String, Problem> {
    let place = shared.parts.place.query(|place, _| PlaceNow::of(place));
    let place = place.await?;
    let counts = &shared.parts.counts;
    let now = Now {
        place,
        links: counts.links(),
        neighbours: counts.neighbours(),
        gateway: counts.gateway(),
        api: api_door(shared),
        wasm: counts.wasm(),
        certificate: counts.certificate(),
        newcomers: counts.newcomers(),
        enforcement: counts.enforcement(),
    };
    Ok(metrics::text(&shared.parts.recorded, &now))
}
