//! What the daemon logs, seen and changed.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};

use super::audit::On;
use super::extract::Form;
use super::model::{LogForm, LogInfo};
use super::{Kind, Problem, Shared};

/// What the daemon logs.
#[utoipa::path(
    get,
    path = "/api/v1/log",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = LogInfo), (status = "default", body = Problem))
)]
pub(super) async fn log(State(shared): State<Arc<Shared>>) -> Json<LogInfo> {
    Json(LogInfo {
        place: shared.parts.name.to_string(),
        filter: shared.parts.log.filter(),
    })
}

/// Logs something else from now on, until the daemon is started again.
#[utoipa::path(
    put,
    path = "/api/v1/log",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    request_body = LogForm,
    responses(
        (status = 200, body = LogInfo),
        (status = 422, description = "It is no filter", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_log(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    Form(form): Form<LogForm>,
) -> Result<Json<LogInfo>, Problem> {
    on.is(&form.filter);
    let before = shared.parts.log.filter();
    let set = shared.parts.log.set_filter(&form.filter);
    set.map_err(|why| Kind::Invalid.because(why).at(&shared.parts.name))?;
    tracing::info!(%before, now = %form.filter, "the log is filtered otherwise");
    Ok(log(State(shared)).await)
}
