//! A body together with what lasts as long as it does.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body as HttpBody, Frame, SizeHint};

/// A body that keeps something until it is dropped.
pub(crate) struct Kept<B, K> {
    body: Pin<Box<B>>,
    _kept: K,
}

impl<B, K> Kept<B, K> {
    pub(crate) fn new(body: B, kept: K) -> Self {
        Self {
            body: Box::pin(body),
            _kept: kept,
        }
    }
}

impl<B: HttpBody, K: Unpin> HttpBody for Kept<B, K> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
