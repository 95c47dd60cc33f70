//! Refusals of uploads that nobody reads to the end.
//!
//! If a refusal closed the connection while the client still sends, what it sends would
//! break on that, and might take the refusal along. So the rest of a request's body is
//! read for a while, and thrown away, as the answer is under way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::header;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;

/// So long is read what nobody wants.
const AT_MOST: Duration = Duration::from_secs(30);

/// The same request, whose body is read to its end even if its reader drops it before.
pub(super) fn read_out(request: Request) -> Request {
    // A client that waits for a sign before it sends anything has sent nothing yet (RFC
    // 9110, section 10.1.1); reading would be that sign.
    let waits = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(ReadOut { body, waits }))
}

struct ReadOut {
    body: Body,
    waits: bool,
}

impl Drop for ReadOut {
    fn drop(&mut self) {
        if self.waits || self.body.is_end_stream() {
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
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
