//! An ordinary HTTP server, which knows nothing of Waybook.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use waybook_daemon::{Body, BoxError, empty_body, full_body};

/// What the server saw and how much it took in.
#[derive(Clone)]
pub(crate) struct Origin {
    /// Says what happens, above all when a request or its response was dropped before
    /// its end.
    events: mpsc::UnboundedSender<&'static str>,
    /// Bytes of request bodies that have arrived.
    pub(crate) taken: Arc<Mutex<u64>>,
}

/// What becomes of requests.
pub(crate) type Aborts = mpsc::UnboundedReceiver<&'static str>;

impl Origin {
    pub(crate) fn new() -> (Self, Aborts) {
        let (events, happened) = mpsc::unbounded_channel();
        let taken = Arc::default();
        (Self { events, taken }, happened)
    }

    /// Listens.
    pub(crate) async fn listen() -> (SocketAddr, Aborts) {
        let (origin, aborts) = Self::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(origin.clone().serve(stream));
            }
        });
        (address, aborts)
    }

    /// Serves one connection.
    pub(crate) async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(move |request| {
            let origin = self.clone();
            async move { Ok::<_, Infallible>(origin.answer(request).await) }
        });
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(io), service)
            .await;
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/pattern" => {
                let length = request.uri().query().unwrap().parse().unwrap();
                let mut response = Response::new(self.pattern(length));
                let length = HeaderValue::from(length);
                response.headers_mut().insert("content-length", length);
                response
            }
            "/endless" => Response::new(self.pattern(u64::MAX)),
            "/silent" => {
                let first = futures_util::stream::iter([Ok::<_, BoxError>(Frame::data(
                    Bytes::from_static(b"first"),
                ))]);
                let never = futures_util::stream::pending();
                let stream = futures_util::StreamExt::chain(first, never);
                Response::new(self.watched("body", StreamBody::new(stream)))
            }
            "/never" => {
                let _watch = self.watch("request");
                let _ = self.events.send("waiting");
                std::future::pending().await
            }
            "/hash" => {
                let mut body = request.into_body();
                let mut hasher = blake3::Hasher::new();
                while let Some(frame) = body.frame().await {
                    let Ok(frame) = frame else {
                        let _ = self.events.send("upload");
                        return Response::new(empty_body());
                    };
                    if let Some(data) = frame.data_ref() {
                        let _ = self.events.send("taking");
                        *self.taken.lock().unwrap() += data.len() as u64;
                        hasher.update(data);
                    }
                }
                Response::new(full_body(hasher.finalize().to_hex().to_string()))
            }
            "/trailers" => {
                let sent = request.into_body().collect().await.unwrap();
                let came = sent.trailers().and_then(|all| all.get("x-sum")).cloned();
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", came.unwrap_or(HeaderValue::from_static("none")));
                let frames = [Frame::data(sent.to_bytes()), Frame::trailers(trailers)];
                let stream = futures_util::stream::iter(frames.map(Ok::<_, BoxError>));
                let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
                let name = HeaderValue::from_static("x-sum");
                response.headers_mut().insert("trailer", name);
                response
            }
            "/redirect" => Response::builder()
                .status(302)
                .header("location", "/target?a=b")
                .header("set-cookie", "id=1; Path=/; Domain=localhost")
                .body(empty_body())
                .unwrap(),
            "/refuse" => Response::builder()
                .status(403)
                .header("content-type", "text/plain")
                .body(full_body("the origin refuses"))
                .unwrap(),
            _ => {
                // Anything else comes back as it arrived.
                let mut seen = format!("{} {}\n", request.method(), request.uri());
                for (name, value) in request.headers() {
                    seen.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
                }
                Response::builder()
                    .header("x-own", "kept")
                    .header("connection", "x-hop")
                    .header("x-hop", "dropped")
                    .body(full_body(seen))
                    .unwrap()
            }
        }
    }

    fn pattern(&self, length: u64) -> Body {
        self.watched("body", Pattern { at: 0, length })
    }

    fn watch(&self, what: &'static str) -> Watch {
        Watch {
            what,
            events: self.events.clone(),
            ended: false,
        }
    }

    fn watched(
        &self,
        what: &'static str,
        inner: impl HttpBody<Data = Bytes, Error = BoxError> + Send + 'static,
    ) -> Body {
        Watched {
            inner: inner.boxed_unsync(),
            watch: self.watch(what),
        }
        .boxed_unsync()
    }
}

/// Tells when it is dropped before the end.
struct Watch {
    what: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
    ended: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.events.send(self.what);
        }
    }
}

struct Watched {
    inner: Body,
    watch: Watch,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        self.watch.ended = matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream();
        polled
    }
}

/// Bytes that differ at every offset that could be mixed up.
pub(crate) struct Pattern {
    pub(crate) at: u64,
    pub(crate) length: u64,
}

impl HttpBody for Pattern {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.at == self.length {
            return Poll::Ready(None);
        }
        let piece = (self.length - self.at).min(50_000);
        let mut bytes = vec![u8::try_from(self.at % 251).unwrap(); usize::try_from(piece).unwrap()];
        bytes[..8.min(usize::try_from(piece).unwrap())]
            .iter_mut()
            .zip(self.at.to_le_bytes())
            .for_each(|(byte, value)| *byte = value);
        self.at += piece;
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.length
    }
}

/// The digest of so many bytes of the pattern.
pub(crate) async fn pattern_digest(length: u64) -> blake3::Hash {
    digest(Pattern { at: 0, length }).await.1
}

/// The length and digest of a body.
pub(crate) async fn digest<B>(mut body: B) -> (u64, blake3::Hash)
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let (mut length, mut hasher) = (0, blake3::Hasher::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.unwrap().into_data() {
            length += data.len() as u64;
            hasher.update(&data);
        }
    }
    (length, hasher.finalize())
}
