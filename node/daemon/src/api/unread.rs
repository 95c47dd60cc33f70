//! Bodies of requests that do not come, and those that nobody reads.
//!
//! Whoever begins a request and falls silent within its body would have it under way for as long
//! as the connection lasts. So that is given up in a while.
//!
//! If a refusal closed the connection while the client still sends, what it sends would
//! break on that, and might take the refusal along. So the rest of a request's body is
//! read for a while, and thrown away, as the answer is under way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::Kind;

/// So long is read what nobody wants.
const AT_MOST: Duration = Duration::from_secs(30);

/// The same request, whose body is read to its end even if its reader drops it before; and who
/// notices that it does not come.
pub(super) fn read_out(request: Request, patience: Duration) -> (Request, Silence) {
    // A client that waits for a sign before it sends anything has sent nothing yet (RFC
    // 9110, section 10.1.1); reading would be that sign.
    let waits = request.headers().contains_key(header::EXPECT);
    let noticed = CancellationToken::new();
    let silence = Silence {
        patience,
        noticed: noticed.clone(),
    };
    let request = request.map(|body| {
        Body::new(ReadOut {
            body,
            waits,
            patience,
            waiting: None,
            noticed,
        })
    });
    (request, silence)
}

/// Whether a request's body is given up.
pub(super) struct Silence {
    patience: Duration,
    noticed: CancellationToken,
}

impl Silence {
    /// The answer, unless it waits for a body that does not come: whatever the body is read for, and
    /// wherever, it is said alike then.
    pub(super) async fn or(self, answer: impl Future<Output = Response>) -> Response {
        let answer = tokio::select! {
            answer = answer => Some(answer),
            () = self.noticed.cancelled() => None,
        };
        // Whoever reads the body may have noticed just now, and have said so in its own way.
        answer
            .filter(|_| !self.noticed.is_cancelled())
            .unwrap_or_else(|| {
                let what = format!(
                    "nothing more of the request's body came for {:?} (`api.body-timeout`)",
                    self.patience
                );
                Kind::TooSlow.because(what).into_response()
            })
    }
}

struct ReadOut {
    body: Body,
    waits: bool,
    patience: Duration,
    /// Runs while the reader waits for more.
    waiting: Option<Pin<Box<Sleep>>>,
    noticed: CancellationToken,
}

impl Drop for ReadOut {
    fn drop(&mut self) {
        if self.waits || self.body.is_end_stream() || self.noticed.is_cancelled() {
            return;
        }
        let mut body = std::mem::take(&mut self.body);
        if let Ok(runtime) = Handle::try_current() {
            let read = async move { while let Some(Ok(_)) = body.frame().await {} };
            runtime.spawn(tokio::time::timeout(AT_MOST, read));
        }
    }
}

impl HttpBody for ReadOut {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = None;
            return Poll::Ready(frame);
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        self.noticed.cancel();
        Poll::Ready(Some(Err(axum::Error::new("it does not come"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
