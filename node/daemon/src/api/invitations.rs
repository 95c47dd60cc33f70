//! Inviting machines to become children of the place.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::{Extension, Json};
use waybook_location_tree::PlaceName;

use super::audit::On;
use super::extract::{Form, Named};
use super::model::{InvitationInfo, InviteForm, InvitedInfo, SpanForm};
use super::{Kind, Problem, Shared};
use crate::join::{InviteError, Invites, Wanted};
use crate::moment::seconds;

/// How long an invitation is valid unless the request says otherwise.
const VALID: Duration = Duration::from_secs(3600);

/// A machine is invited to become a place right below this one, with a token that is told here and
/// nowhere else. Whoever has the token can become the place, until it is used, over or revoked.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    request_body = InviteForm,
    responses(
        (status = 200, body = InvitedInfo),
        (status = 409, description = "The place has no authority that certifies new places, or none that would be accepted", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The name is not right below the place's, or something else is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn invite(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    Form(form): Form<InviteForm>,
) -> Result<Json<InvitedInfo>, Problem> {
    on.is(&form.name);
    let name = PlaceName::new(&form.name);
    let name = name.map_err(|error| Kind::Invalid.because(format!("`name`: {error}")))?;
    let valid = form.valid.as_ref().map(SpanForm::read).transpose();
    let valid = valid.map_err(|why| Kind::Invalid.because(format!("`valid`: {why}")))?;
    let wanted = Wanted {
        name,
        valid: valid.unwrap_or(VALID),
        uses: form.uses.unwrap_or(1),
        addresses: form.addresses,
    };
    let invited = blocking(&shared, move |invites| invites.invite(&wanted)).await?;
    let (invitation, token) = invited.map_err(|error| {
        let kind = match &error {
            InviteError::Wrong(_) => Kind::Invalid,
            InviteError::NotSetUp(_) => Kind::Rejected,
            InviteError::File(_) => Kind::Failed,
        };
        kind.because(error.to_string()).at(&shared.parts.name)
    })?;
    Ok(Json(InvitedInfo {
        token: token.to_string(),
        invitation: InvitationInfo::new(&invitation, now()),
    }))
}

/// Who is invited, and who was within the last week.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = Vec<InvitationInfo>), (status = "default", body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<InvitationInfo>>, Problem> {
    let now = now();
    let all = shared.parts.invites.list();
    let all = all.iter().map(|one| InvitationInfo::new(one, now));
    Ok(Json(all.collect()))
}

/// An invitation is valid no more. A machine that has used it remains what it has become.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{id}",
    tag = "places",
    params(
        ("id" = String, Path, description = "Its number"),
        ("at" = Option<String>, Query, description = "The place concerned"),
    ),
    responses((status = 200, body = InvitationInfo), (status = "default", body = Problem))
)]
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<Json<InvitationInfo>, Problem> {
    let name = &shared.parts.name;
    let wanted = id.clone();
    let revoked = blocking(&shared, move |invites| invites.revoke(&wanted)).await?;
    let revoked = revoked.map_err(|error| Kind::Failed.because(error.to_string()).at(name))?;
    let revoked = revoked.ok_or_else(|| {
        Kind::NotFound
            .because(format!("{name} has no invitation `{id}`"))
            .at(name)
    })?;
    Ok(Json(InvitationInfo::new(&revoked, now())))
}

/// Has something done that reads and writes files.
async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&dyn Invites) -> T + Send + 'static,
) -> Result<T, Problem> {
    let invites = shared.parts.invites.clone();
    shared.blocking(move || work(&*invites)).await
}

fn now() -> u64 {
    seconds(SystemTime::now())
}
