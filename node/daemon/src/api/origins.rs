//! Pages of other origins that may read the API's answers (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Nothing else lets a page read them, and none can send a token that it does not have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use super::Shared;

/// What such a page may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, traceparent, waybook-manifest, waybook-signature",
);
/// What it may read beside the usual.
const EXPOSED: HeaderValue = HeaderValue::from_static("location");
/// For so many seconds it need not ask again whether it may.
const AGE: HeaderValue = HeaderValue::from_static("600");

/// Says to a browser whether its page may read the answer.
pub(super) async fn allow(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let origin = origin.filter(|origin| {
        let known = shared.parts.origins.iter();
        known
            .map(String::as_bytes)
            .any(|known| known == origin.as_bytes())
    });
    let Some(origin) = origin else {
        let mut response = next.run(request).await;
        if !shared.parts.origins.is_empty() {
            vary(&mut response);
        }
        return response;
    };
    let asks = header::ACCESS_CONTROL_REQUEST_METHOD;
    // Browsers ask without the token, which their page adds later.
    let preflight = request.method() == Method::OPTIONS && request.headers().contains_key(asks);
    let mut response = match preflight {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    vary(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, AGE);
    }
    response
}

/// Who keeps answers must not give one origin's to another.
fn vary(response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
