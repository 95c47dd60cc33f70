//! Local clients show the token of the data folder.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, header};

use super::{Kind, PREFIX, Problem, Shared, document, health, page};

/// Lets through only what shows the token, except for the description of the API and the page,
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
}

async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !shows_token(request.headers(), shared.token) {
        return Err(Kind::Unauthorized
            .because("send `Authorization: Bearer TOKEN` with the token of the place's data folder")
            .at(&shared.parts.name));
    }
    Ok(next.run(request).await)
}

/// Digests are compared, which takes the same time wherever they differ.
fn shows_token(headers: &HeaderMap, token: blake3::Hash) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(7))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    shown.is_some_and(|(_, shown)| blake3::hash(shown) == token)
}
