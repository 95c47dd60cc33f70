//! Local clients show a token: that of the data folder, or one that was made for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, header};

use super::rights::Caller;
use super::tokens::Denied;
use super::{Kind, PREFIX, Problem, Shared, document, health, origins, page};
use crate::moment::rfc3339;

/// Where a local client connects from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) SocketAddr);

/// Lets through only what shows a token, except for the description of the API and the page,
/// which tell nothing of this place, and whether it is well.
pub(super) fn guard(shared: &Arc<Shared>, router: Router) -> Router {
    let guarded = router.layer(from_fn_with_state(shared.clone(), check));
    Router::new()
        .route(
            &format!("{PREFIX}/openapi.json"),
            get(async || axum::Json(document())),
        )
        .merge(health::router(shared))
        .merge(page::router())
        .fallback_service(guarded)
        .layer(from_fn_with_state(shared.clone(), origins::allow))
}

async fn check(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Client>();
    let client = client.map_or_else(String::new, |client| client.0.to_string());
    let caller = caller(&shared, request.headers(), &client)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Who shows that token.
fn caller(shared: &Shared, headers: &HeaderMap, client: &str) -> Result<Caller, Problem> {
    let name = &shared.parts.name;
    let refuse = |reason: &'static str, token: &str, detail: String| {
        shared.parts.recorded.denied(reason);
        tracing::warn!(
            client,
            reason,
            token,
            "a request was refused: no valid token"
        );
        Err(Kind::Unauthorized.because(detail).at(name))
    };
    let Some(shown) = shown(headers) else {
        let detail = "send `Authorization: Bearer TOKEN`, with the token of the place's data \
            folder or one that was made with `waybook token create`";
        return refuse("missing", "", detail.to_owned());
    };
    // Digests are compared, which takes the same time wherever they differ.
    let is_owner = blake3::hash(shown) == shared.token;
    let checked = shared.parts.tokens.check(shown, SystemTime::now());
    if is_owner {
        return Ok(Caller::owner());
    }
    let again = "whoever may operate the place can make a new one with `waybook token create`";
    match checked {
        Ok((token, kept)) => Ok(Caller {
            token,
            user: kept.user,
            may: kept.may,
        }),
        Err(Denied::Wrong) => {
            let detail = format!(
                "this is no token of {name}: send the token of the place's data folder, or one that \
                 `waybook token list --at {name}` has"
            );
            refuse("wrong", "", detail)
        }
        Err(Denied::Expired(token, at)) => {
            let detail = format!("token `{token}` expired at {}; {again}", rfc3339(at));
            refuse("expired", &token, detail)
        }
        Err(Denied::Revoked(token, at)) => {
            let detail = format!("token `{token}` was revoked at {}; {again}", rfc3339(at));
            refuse("revoked", &token, detail)
        }
    }
}

/// What a client shows.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?;
    let (scheme, shown) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(shown)
}
