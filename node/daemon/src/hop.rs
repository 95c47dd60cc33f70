//! HTTP on streams between neighbouring places: both ends of it, and all that knows
//! which version is spoken.
//!
//! It is HTTP/1.1 with one request at a time on a stream. The QUIC connection below already does
//! what HTTP/2 and HTTP/3 would add: streams are cheap, independent of each other, each
//! with flow control of its own, and cancelled alone. HTTP/3 proper would want the whole
//! connection for itself, which agents and transfers share. HTTP/1.1 needs nothing but a
//! byte stream, so a pipe serves as well in tests.
//!
//! Requests of a session that have no body follow each other on *lanes*, streams that are kept for the next one, which
//! saves both ends what it takes to begin one. All other requests have a stream of their own.

mod ask;
mod framing;
pub(crate) mod head;
mod lane;
mod lanes;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::task::AbortOnDropHandle;

use crate::lookout::watch;
use crate::{Body, BoxError, Io};

pub(crate) use ask::{ask, exchange, fits};
pub(crate) use framing::{Framing, Part};
pub(crate) use lane::Lane;
pub(crate) use lanes::{Lanes, Room};

/// Sends a request on a stream of its own. Dropping the future, or the response's body,
/// drops the stream, and that is how the other end learns that nobody listens any more.
pub(crate) async fn send(
    io: Box<dyn Io>,
    request: Request<Body>,
) -> Result<Response<Body>, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // What breaks the connection also breaks the body, and is told there.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await?;
    Ok(response.map(|inner| {
        Received {
            inner,
            _connection: connection,
        }
        .boxed_unsync()
    }))
}

/// Serves the requests on a stream that a neighbour opened.
pub(crate) async fn serve<S, F>(
    io: impl Io + 'static,
    header_bytes: usize,
    header_timeout: Duration,
    serve: S,
) -> Result<(), hyper::Error>
where
    S: Fn(Request<Body>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
        let response = serve(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let (io, lookout) = watch(io);
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(header_bytes.max(8192))
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(io), service);
    tokio::select! {
        biased;
        served = serving => served,
        () = lookout.gone() => Ok(()),
    }
}

/// A response's body together with the connection that it arrives on.
struct Received {
    inner: Incoming,
    _connection: AbortOnDropHandle<()>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.inner)
            .poll_frame(cx)
            .map_err(BoxError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
