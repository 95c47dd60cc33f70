//! Local clients show a token: that of the data folder, or one that was made for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use blake3::Hash;
use http::{HeaderMap, Method, header};

use super::rights::Caller;
use super::tokens::Denied;
use super::{Kind, PREFIX, Problem, Shared, document, health, origins, page, token_end};
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
    // What was begun with a token goes on; what is only looked at does not.
    let looks = request.method() == Method::GET;
    let (caller, token) = caller(&shared, request.headers(), &client)?;
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    Ok(match token.filter(|_| looks) {
        Some(token) => token_end::end_with(&shared, token, response),
        None => response,
    })
}

/// Who shows that token; with its digest, if it is one that can be over.
fn caller(
    shared: &Shared,
    headers: &HeaderMap,
    client: &str,
) -> Result<(Caller, Option<Hash>), Problem> {
    let refuse = |refused: Refused| {
        let Refused { reason, token, .. } = &refused;
        shared.parts.recorded.denied(reason);
        tracing::warn!(
            client,
            reason,
            token,
            "a request was refused: no valid token"
        );
        Err(refused.problem)
    };
    let Some(shown) = shown(headers) else {
        let detail = "send `Authorization: Bearer TOKEN`, with the token of the place's data \
            folder or one that was made with `waybook token create`";
        let problem = Kind::Unauthorized.because(detail).at(&shared.parts.name);
        return refuse(Refused {
            reason: "missing",
            token: String::new(),
            problem,
        });
    };
    // Digests are compared, which takes the same time wherever they differ.
    let digest = blake3::hash(shown);
    let is_owner = digest == shared.token;
    let checked = shared.parts.tokens.check(digest, SystemTime::now());
    if is_owner {
        return Ok((Caller::owner(), None));
    }
    match checked {
        Ok((token, kept)) => {
            let caller = Caller {
                token,
                user: kept.user,
                may: kept.may,
            };
            Ok((caller, Some(digest)))
        }
        Err(denied) => refuse(refused(shared, denied)),
    }
}

/// Why nothing is done, or nothing more.
pub(super) struct Refused {
    /// For figures.
    pub(super) reason: &'static str,
    /// The token's name, if it has one.
    pub(super) token: String,
    /// For whoever showed it.
    pub(super) problem: Problem,
}

/// What whoever shows such a token is told.
pub(super) fn refused(shared: &Shared, denied: Denied) -> Refused {
    let name = &shared.parts.name;
    let again = "whoever may operate the place can make a new one with `waybook token create`";
    let (reason, token, detail) = match denied {
        Denied::Wrong => {
            let detail = format!(
                "this is no token of {name}: send the token of the place's data folder, or one that \
                 `waybook token list --at {name}` has"
            );
            ("wrong", String::new(), detail)
        }
        Denied::Expired(token, at) => {
            let detail = format!("token `{token}` expired at {}; {again}", rfc3339(at));
            ("expired", token, detail)
        }
        Denied::Revoked(token, at) => {
            let detail = format!("token `{token}` was revoked at {}; {again}", rfc3339(at));
            ("revoked", token, detail)
        }
    };
    let problem = Kind::Unauthorized.because(detail).at(name);
    Refused {
        reason,
        token,
        problem,
    }
}

/// What a client shows.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?;
    let (scheme, shown) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(shown)
}
