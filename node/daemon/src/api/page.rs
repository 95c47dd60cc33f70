//! The place's page: files that hold no data, and so need no token. What they show they ask this
//! API for, with the token that whoever looks at the page has.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// What the page may do: what it is made of, and asking its own place.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'",
);
const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");

/// Where it is, its kind, and its text.
type File = (&'static str, &'static str, &'static str);

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page, its style, and these modules.
macro_rules! files {
    ($($name:literal),*) => {
        [
            ("/", "text/html; charset=utf-8", include_str!("../../page/index.html")),
            ("/page/page.css", "text/css; charset=utf-8", include_str!("../../page/page.css")),
            $((concat!("/page/", $name), SCRIPT, include_str!(concat!("../../page/", $name))),)*
        ]
    };
}

static FILES: &[File] = &files![
    "api.js",
    "asked.js",
    "code.js",
    "dom.js",
    "format.js",
    "main.js",
    "path.js",
    "place.js",
    "presentations.js",
    "session.js",
    "sessions.js",
    "setup.js",
    "store.js",
    "tree.js",
    "happenings.js"
];

/// Serves the files.
pub(super) fn router() -> Router {
    let serve = |router: Router, &(path, kind, text): &'static File| {
        let tag = format!("\"{}\"", &blake3::hash(text.as_bytes()).to_hex()[..32]);
        // Digits between quotes are a header's value.
        let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
        let answer = async move |headers: HeaderMap| file(&headers, &tag, kind, text);
        router.route(path, get(answer))
    };
    FILES.iter().fold(Router::new(), serve)
}

fn file(asked: &HeaderMap, tag: &HeaderValue, kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (REFERRER, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::ETAG, tag.clone()),
    ];
    match asked.get(header::IF_NONE_MATCH) {
        Some(known) if known == tag => (StatusCode::NOT_MODIFIED, headers).into_response(),
        _ => (headers, text).into_response(),
    }
}
