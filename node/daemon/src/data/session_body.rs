//! A body on its way through a session: shaped, reported as use, and cut off when the
//! session ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::admission::Admitted;
use super::session::Session;
use super::shape::{PIECE, Shaper, Turn};
use crate::{Body, BoxError};

/// What a body is held to, and where its bytes are counted.
type Way = (Arc<Shaper>, Counter);

/// Wraps a body of the session.
pub(super) struct SessionBody {
    inner: Body,
    session: Arc<Session>,
    /// None between the components of one place.
    way: Option<Way>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Reports use while a body is being read, though it may bring nothing for long.
    beat: Option<(Duration, Pin<Box<Sleep>>)>,
    /// What is left of a frame that is cut into pieces.
    rest: Bytes,
    /// A piece that waits for its turn.
    waiting: Option<(Turn, Bytes)>,
    /// Keeps the request counted until its response body is through.
    admitted: Option<Admitted>,
}

/// The session ended while the body was on its way.
#[derive(Debug, thiserror::Error)]
#[error("the session is over")]
struct Ended;

impl SessionBody {
    /// A request's body, held to the bandwidth booked towards the server.
    pub(super) fn to_server(session: &Arc<Session>, inner: Body) -> Body {
        let way = (Arc::clone(&session.to_server), session.traffic.to_server());
        Self::wrap(session, inner, Some(way), None)
    }

    /// A response's body, held to the bandwidth booked towards the client.
    pub(super) fn to_client(session: &Arc<Session>, inner: Body, admitted: Admitted) -> Body {
        let way = (Arc::clone(&session.to_client), session.traffic.to_client());
        Self::wrap(session, inner, Some(way), Some(admitted))
    }

    /// A body between the components of one place, which ends with the session.
    pub(super) fn inside(session: &Arc<Session>, inner: Body) -> Body {
        Self::wrap(session, inner, None, None)
    }

    fn wrap(
        session: &Arc<Session>,
        inner: Body,
        way: Option<Way>,
        admitted: Option<Admitted>,
    ) -> Body {
        let ended = session.ended.clone().cancelled_owned();
        let body = Self {
            inner,
            session: Arc::clone(session),
            way,
            ended: Box::pin(ended),
            beat: session
                .reports_use()
                .map(|every| (every, Box::pin(tokio::time::sleep(every)))),
            rest: Bytes::new(),
            waiting: None,
            admitted,
        };
        body.boxed_unsync()
    }

    fn poll_beat(&mut self, cx: &mut Context<'_>) {
        if let Some((every, beat)) = &mut self.beat {
            while beat.as_mut().poll(cx).is_ready() {
                self.session.touch();
                beat.as_mut().reset(tokio::time::Instant::now() + *every);
            }
        }
    }

    /// The next piece of `rest`, or what has to be waited for first.
    fn cut(&mut self) -> Option<Bytes> {
        let shaper = self.way.as_ref().map(|(shaper, _)| shaper);
        let Some(shaper) = shaper.filter(|shaper| shaper.is_shaped()) else {
            return Some(std::mem::take(&mut self.rest));
        };
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        match shaper.ask(piece.len()) {
            None => Some(piece),
            Some(turn) => {
                self.waiting = Some((turn, piece));
                None
            }
        }
    }
}

impl HttpBody for SessionBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended.as_mut().poll(cx).is_ready() {
            this.admitted = None;
            return Poll::Ready(Some(Err(Box::new(Ended))));
        }
        this.poll_beat(cx);
        loop {
            if let Some((turn, _)) = &mut this.waiting {
                ready!(turn.as_mut().poll(cx));
                if let Some((_, piece)) = this.waiting.take() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
            if !this.rest.is_empty() {
                match this.cut() {
                    Some(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                    None => continue,
                }
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        this.session.touch();
                        if let Some((_, bytes)) = &this.way {
                            bytes.inc_by(data.len() as u64);
                        }
                        this.rest = data;
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => {
                    this.admitted = None;
                    return Poll::Ready(end);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.waiting.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.rest.len() + self.waiting.as_ref().map_or(0, |(_, piece)| piece.len());
        let held = held as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(inner.lower().saturating_add(held));
        hint
    }
}
