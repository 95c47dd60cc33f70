//! Bodies on their way into a component and out of it.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

/// Any error of a body's source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A streamed body.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// No bytes.
#[must_use]
pub fn empty_body() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Those bytes.
pub fn full_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that a component will read.
pub(crate) fn for_component(body: Body) -> WasiBody {
    body.map_err(|error| match error.downcast::<WasiError>() {
        Ok(error) => *error,
        Err(error) => WasiError::InternalError(Some(error.to_string())),
    })
    .boxed_unsync()
}

/// A body that a component has made.
pub(crate) fn from_component(body: WasiBody) -> Body {
    body.map_err(BoxError::from).boxed_unsync()
}
