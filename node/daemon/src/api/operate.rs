//! Changing a place that runs: draining it, cordoning a resource, reading its file again.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use waybook_place::io::{Input, RecordKey};
use waybook_plan::{Resource, format_duration};

use super::audit::On;
use super::extract::{Form, Named};
use super::model::{CordonInfo, DrainForm, DrainingInfo, ReloadInfo};
use super::{Kind, Problem, Shared};

/// The place takes no new sessions from now on, also after a restart. Existing ones go on; if a
/// deadline is given, what is left then ends. Given again, the new deadline counts.
#[utoipa::path(
    put,
    path = "/api/v1/drain",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    request_body = DrainForm,
    responses(
        (status = 200, body = DrainingInfo),
        (status = 422, description = "The deadline is no length of time", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drain(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    Form(form): Form<DrainForm>,
) -> Result<Json<DrainingInfo>, Problem> {
    let name = &shared.parts.name;
    let read = form.deadline.as_ref().map(super::model::SpanForm::read);
    let deadline = read.transpose();
    let deadline = deadline.map_err(|why| Kind::Invalid.because(format!("`deadline`: {why}")))?;
    if let Some(deadline) = deadline {
        on.is(format!("deadline {}", format_duration(deadline)));
    }
    shared.parts.place.input(Input::Drain { deadline });
    let done = format!("{name} is being drained");
    shared.keep_record(Some(RecordKey::Drain), &done).await?;
    tracing::info!(place = %name, ?deadline, "the place is being drained");
    let seen = shared.parts.place.query(waybook_place::Place::drain_view);
    let seen = seen.await?;
    // Somebody else may have ended it meanwhile.
    let seen = seen.ok_or_else(|| {
        Kind::Rejected
            .because(format!("{name} is not being drained any more"))
            .at(name)
    })?;
    Ok(Json(seen.into()))
}

/// The place takes new sessions again.
#[utoipa::path(
    delete,
    path = "/api/v1/drain",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    responses((status = 204, description = "It takes new sessions"), (status = "default", body = Problem))
)]
pub(super) async fn undrain(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Problem> {
    let name = &shared.parts.name;
    shared.parts.place.input(Input::Undrain);
    let done = format!("{name} takes new sessions again");
    shared.keep_record(Some(RecordKey::Drain), &done).await?;
    tracing::info!(place = %name, "the place takes new sessions again");
    Ok(StatusCode::NO_CONTENT)
}

/// No more of a resource is booked at the place from now on, also after a restart. What is
/// booked stays.
#[utoipa::path(
    put,
    path = "/api/v1/cordons/{resource}",
    tag = "places",
    params(
        ("resource" = String, Path, description = "The kind, such as `cpu`"),
        ("at" = Option<String>, Query, description = "The place concerned"),
    ),
    responses((status = 200, body = CordonInfo), (status = "default", body = Problem))
)]
pub(super) async fn cordon(
    State(shared): State<Arc<Shared>>,
    Named(resource): Named,
) -> Result<Json<CordonInfo>, Problem> {
    let resource = known(&shared, &resource).await?;
    set_cordon(&shared, resource, true).await
}

/// The resource is booked again.
#[utoipa::path(
    delete,
    path = "/api/v1/cordons/{resource}",
    tag = "places",
    params(
        ("resource" = String, Path, description = "The kind, such as `cpu`"),
        ("at" = Option<String>, Query, description = "The place concerned"),
    ),
    responses((status = 200, body = CordonInfo), (status = "default", body = Problem))
)]
pub(super) async fn uncordon(
    State(shared): State<Arc<Shared>>,
    Named(resource): Named,
) -> Result<Json<CordonInfo>, Problem> {
    let name = &shared.parts.name;
    let resource = kind(&resource)?;
    let wanted = resource.clone();
    let seen = shared
        .parts
        .place
        .query(move |place, _| place.cordoned().contains(&wanted));
    if !seen.await? {
        return Err(Kind::NotFound
            .because(format!("{name} has not cordoned `{resource}`"))
            .at(name));
    }
    set_cordon(&shared, resource, false).await
}

async fn set_cordon(
    shared: &Shared,
    resource: Resource,
    cordoned: bool,
) -> Result<Json<CordonInfo>, Problem> {
    let name = &shared.parts.name;
    let key = RecordKey::Cordon(resource.clone());
    let done = match cordoned {
        true => format!("`{resource}` is cordoned at {name}"),
        false => format!("`{resource}` is booked again at {name}"),
    };
    tracing::info!(place = %name, %resource, cordoned, "a resource is cordoned, or no longer");
    shared
        .parts
        .place
        .input(Input::Cordon { resource, cordoned });
    shared.keep_record(Some(key), &done).await?;
    let seen = shared.parts.place.query(|place, _| {
        let cordoned = place.cordoned().iter();
        cordoned.map(ToString::to_string).collect()
    });
    Ok(Json(CordonInfo {
        place: name.to_string(),
        cordoned: seen.await?,
    }))
}

fn kind(resource: &str) -> Result<Resource, Problem> {
    Resource::new(resource).map_err(|error| Kind::Invalid.because(error.to_string()))
}

/// A resource that the place has.
async fn known(shared: &Shared, resource: &str) -> Result<Resource, Problem> {
    let name = &shared.parts.name;
    let wanted = kind(resource)?;
    let seen = shared.parts.place.query(|place, _| {
        let all = place.resources().into_iter();
        all.map(|view| view.resource).collect::<Vec<_>>()
    });
    let has = seen.await?;
    if has.contains(&wanted) {
        return Ok(wanted);
    }
    let has: Vec<_> = has.iter().map(|kind| format!("`{kind}`")).collect();
    Err(Kind::NotFound
        .because(match has.is_empty() {
            true => format!("{name} has no `{wanted}`, nor any other resource"),
            false => format!("{name} has no `{wanted}`; it has {}", has.join(", ")),
        })
        .at(name))
}

/// The place's configuration is read again. Capacity, limits, the Decision Maker and the number
/// of servers in a plan change at once, and no session ends for it; what else is different is
/// named, and changes with the next start. A file that is wrong changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/reload",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    responses(
        (status = 200, body = ReloadInfo),
        (status = 422, description = "The file is wrong; nothing has changed", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reload(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
) -> Result<Json<ReloadInfo>, Problem> {
    let name = &shared.parts.name;
    let reload = shared.parts.reload.clone();
    let read = shared.blocking(move || reload.reload()).await?;
    let done = read.map_err(|error| {
        let kind = match &error {
            crate::ReloadError::File(_) | crate::ReloadError::Identity(_) => Kind::Invalid,
            crate::ReloadError::NoFile => Kind::Rejected,
        };
        kind.because(error.to_string()).at(name)
    })?;
    on.is(done.to_string());
    let place = name.to_string();
    // What was read has reached the place when this is answered.
    let seen = shared.parts.place.query(move |at, _| ReloadInfo {
        place,
        file: done.file.display().to_string(),
        changed: done.changed.iter().map(Into::into).collect(),
        restart: done.restart,
        resources: at.resources().iter().map(Into::into).collect(),
    });
    Ok(Json(seen.await?))
}
