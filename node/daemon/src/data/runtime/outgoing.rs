//! Requests from this place to an HTTP server by TCP: an upstream or a process.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::super::DataLimits;
use crate::{Body, BoxError};

/// A client with a pool of connections.
#[derive(Clone)]
pub(super) struct Outgoing {
    client: Client<HttpConnector, Body>,
    patience: Duration,
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum NoResponse {
    /// No connection could be made.
    NotConnected(String),
    /// The connection broke before the response.
    Broken(String),
    /// It took too long.
    TimedOut(Duration),
}

impl Outgoing {
    pub(super) fn new(limits: &DataLimits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(30))
                .build(connector),
            patience: limits.response_timeout,
        }
    }

    /// Sends a request, which has the full URL.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, NoResponse> {
        let moved = Arc::new(Moved::default());
        let request = request.map(|inner| {
            let moved = Arc::clone(&moved);
            Watched { inner, moved }.boxed_unsync()
        });
        tokio::select! {
            response = self.client.request(request) => match response {
                Ok(response) => {
                    Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
                }
                Err(error) if error.is_connect() => Err(NoResponse::NotConnected(chain(&error))),
                Err(error) => Err(NoResponse::Broken(chain(&error))),
            },
            () = moved.stands_still_for(self.patience) => {
                Err(NoResponse::TimedOut(self.patience))
            }
        }
    }
}

/// An error with its causes, which is where hyper says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// How often a request's body has moved: an upload may take as long as it likes while it
/// gets on.
#[derive(Default)]
struct Moved(AtomicU64);

impl Moved {
    async fn stands_still_for(&self, patience: Duration) {
        loop {
            let before = self.0.load(Ordering::Relaxed);
            tokio::time::sleep(patience).await;
            if self.0.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

struct Watched {
    inner: Body,
    moved: Arc<Moved>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_ready() {
            self.moved.0.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
