//! Making, listing and revoking tokens.

mod kept;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::audit::On;
use super::extract::{Form, Named};
use super::model::{MadeTokenInfo, SpanForm, TokenForm, TokenInfo};
use super::rights::{self, Caller, May, Origin};
use super::{Kind, Problem, Shared, profiles};

pub use kept::Tokens;
pub(crate) use kept::{Denied, Token};
use kept::{NewToken, TokenError};

/// The tokens of the place. Their texts are nowhere but with their holders.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "tokens",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [TokenInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<TokenInfo>> {
    let now = SystemTime::now();
    let tokens = shared.parts.tokens.list();
    let info = |(name, token)| TokenInfo::new(name, &token, now);
    Json(tokens.into_iter().map(info).collect())
}

/// Makes a token for the place's control API. It counts at once, and the answer is the only one
/// that has its text.
///
/// Nobody can give more than they may themselves; who has a token that is bound to a user makes
/// such for that user only. Asked through the tree, the text passes the places on the way.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "tokens",
    params(("at" = Option<String>, Query, description = "The place concerned")),
    request_body = TokenForm,
    responses(
        (status = 201, description = "Made", body = MadeTokenInfo),
        (status = 403, description = "Whoever asks may not do what the token is to be good for", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a token of that name", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something in the form is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(Origin(origin)): Extension<Origin>,
    Extension(caller): Extension<Caller>,
    Extension(on): Extension<On>,
    Form(form): Form<TokenForm>,
) -> Result<(StatusCode, Json<MadeTokenInfo>), Problem> {
    on.is(&form.name);
    let name = &shared.parts.name;
    let valid = form.valid.as_ref().map(SpanForm::read).transpose();
    let valid = valid.map_err(|why| Kind::Invalid.because(format!("`valid`: {why}")).at(name))?;
    if valid.is_some_and(|valid| valid.is_zero()) {
        return Err(Kind::Invalid
            .because("`valid`: must be longer than nothing")
            .at(name));
    }
    if let Some(user) = &form.user {
        profiles::user(&shared, user)?;
    }
    let may = May::of(form.may.iter().copied());
    for right in may.iter() {
        rights::may(&shared, right, &origin, &caller)?;
    }
    let user = match (&caller.user, form.user) {
        (Some(bound), Some(user)) if !caller.speaks_for(&user, name) => {
            let what = format!(
                "token `{}` is bound to `{bound}`, and makes none for `{user}`",
                caller.token
            );
            return Err(Kind::NotAllowed.because(what).at(name));
        }
        // As it is bound itself: at other places `ann@core` and `ann` of core are not the same.
        (Some(bound), _) => Some(bound.clone()),
        (None, user) => user,
    };
    let bound = user.as_ref().map(|user| format!(" for {user}"));
    on.is(format!(
        "{}: {}{}",
        form.name,
        may.to_text(),
        bound.unwrap_or_default()
    ));
    let new = NewToken {
        name: form.name.clone(),
        may,
        user,
        valid,
        by: match origin == *name {
            true => caller.token.clone(),
            false => format!("{} of {origin}", caller.token),
        },
    };
    let now = SystemTime::now();
    let (text, token) = blocking(&shared, move |tokens| tokens.create(new, now)).await?;
    tracing::info!(place = %name, token = form.name, by = token.by, may = token.may.to_text(), "a token was made");
    let made = MadeTokenInfo {
        text,
        token: TokenInfo::new(form.name, &token, now),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Nobody is let in with that token any more, and who watches with it sees no more. What was begun with it goes on.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{name}",
    tag = "tokens",
    params(
        ("name" = String, Path, description = "The token's name"),
        ("at" = Option<String>, Query, description = "The place concerned"),
    ),
    responses((status = 204, description = "Revoked"), (status = "default", body = Problem))
)]
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Named(token): Named,
) -> Result<StatusCode, Problem> {
    let name = token.clone();
    blocking(&shared, move |tokens| {
        tokens.revoke(&name, SystemTime::now())
    })
    .await?;
    tracing::info!(place = %shared.parts.name, token, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// Has something done about the tokens, which may wait for the disk.
async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&Tokens) -> Result<T, TokenError> + Send + 'static,
) -> Result<T, Problem> {
    let tokens = shared.parts.tokens.clone();
    let done = shared.blocking(move || work(&tokens)).await?;
    done.map_err(|error| {
        let kind = match &error {
            TokenError::Name(_) | TokenError::TooLong => Kind::Invalid,
            TokenError::Taken(_) => Kind::Taken,
            TokenError::Unknown(_) => Kind::NotFound,
            TokenError::Full(_) => Kind::Rejected,
            TokenError::File(_) => Kind::Failed,
        };
        kind.because(error.to_string()).at(&shared.parts.name)
    })
}
