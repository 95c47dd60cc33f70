//! Who watches sees nothing more once the token that they have shown is over.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use blake3::Hash;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::header;

use super::tokens::Denied;
use super::{Problem, Shared, auth};

/// A stream of events while the token holds.
struct Watch {
    events: BodyDataStream,
    over: BoxFuture<'static, Denied>,
    shared: Arc<Shared>,
    /// The last two bytes that have passed.
    passed: [u8; 2],
}

/// What comes next on the stream.
enum Next {
    Bytes(Bytes),
    Last(Problem),
}

impl Watch {
    async fn next(&mut self) -> Option<Next> {
        tokio::select! {
            biased;
            denied = &mut self.over => {
                let refused = auth::refused(&self.shared, denied);
                tracing::info!(token = refused.token, reason = refused.reason, "a stream has ended with its token");
                // Another place's answer may be cut within an event, which nothing can follow.
                let between = self.passed == *b"\n\n";
                between.then_some(Next::Last(refused.problem))
            }
            bytes = self.events.next() => {
                // A stream that breaks ends, as it does when the connection breaks.
                let bytes = bytes?.ok()?;
                for byte in &bytes[bytes.len().saturating_sub(2)..] {
                    self.passed = [self.passed[1], *byte];
                }
                Some(Next::Bytes(bytes))
            }
        }
    }
}

/// Ends an answer, if it is a stream of events, when the token of that digest is over; its last
/// event says so.
pub(super) fn end_with(shared: &Arc<Shared>, token: Hash, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let tokens = shared.parts.tokens.clone();
    response.map(|body| {
        let watch = Watch {
            events: body.into_data_stream(),
            over: Box::pin(async move { tokens.over(token).await }),
            shared: shared.clone(),
            passed: *b"\n\n",
        };
        Body::from_stream(stream::unfold(Some(watch), async |watch| {
            let mut watch = watch?;
            let (bytes, watch) = match watch.next().await? {
                Next::Bytes(bytes) => (bytes, Some(watch)),
                Next::Last(problem) => (last(&problem), None),
            };
            Some((Ok::<_, Infallible>(bytes), watch))
        }))
    })
}

/// The event that tells why there are no more.
fn last(problem: &Problem) -> Bytes {
    // Texts and numbers always serialize.
    let data = serde_json::to_string(problem).unwrap_or_default();
    Bytes::from(format!("event: refused\ndata: {data}\n\n"))
}
