//! Sends requests on lanes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use waybook_location_tree::PlaceName;

use super::framing::{Framing, Malformed, Part};
use super::head::{self, Answered, BadHead};
use super::lane::Lane;
use super::lanes::Lanes;
use crate::{Body, BoxError, Io, empty_body};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// No stream, or it broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// What came is no answer.
    #[error("{0}")]
    Bad(#[from] BadHead),
}

/// Whether a request can go on a lane: it has no body, and does no harm if it is sent once more when the lane
/// turns out to be closed.
pub(crate) fn fits(request: &Request<Body>) -> bool {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    safe && request.body().is_end_stream()
}

/// Sends a request that [`fits`].
pub(crate) async fn ask<F, O>(
    lanes: &Arc<Lanes>,
    to: &PlaceName,
    request: Request<Body>,
    header_bytes: usize,
    (way, open): (usize, O),
) -> Result<Response<Body>, NoAnswer>
where
    O: Fn() -> F,
    F: Future<Output = io::Result<Box<dyn Io>>>,
{
    let mut written = Vec::with_capacity(512);
    head::write_request(&request, &mut written);
    let method = request.into_parts().0.method;
    // Whoever waits for this drops it when it is not wanted any more.
    let stay = |_: &mut Context<'_>| Poll::Pending;
    let asked = exchange(
        lanes,
        to,
        &written,
        &method,
        header_bytes,
        (way, open),
        stay,
    )
    .await?;
    let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
    let (mut lane, answered) = asked.ok_or_else(gone)?;
    let bytes = lane.take(answered.length);
    let response = head::parts(&bytes, answered.status)?;
    if answered.framing.is_over() {
        if answered.stays {
            lanes.put(to, lane);
        }
        return Ok(response.map(|()| empty_body()));
    }
    let body = LaneBody {
        lane: Some(lane),
        framing: answered.framing,
        stays: answered.stays,
        lanes: Arc::clone(lanes),
        to: to.clone(),
        header_bytes,
    };
    Ok(response.map(|()| body.boxed_unsync()))
}

/// Sends a request's head on a lane and waits for the head of the answer, which is left in what has come. None if
/// whoever waits for it has gone meanwhile. New lanes are opened by `open`, over the connection that goes by the number `way`.
pub(crate) async fn exchange<F, O>(
    lanes: &Lanes,
    to: &PlaceName,
    request: &[u8],
    method: &Method,
    header_bytes: usize,
    (way, open): (usize, O),
    mut gone: impl FnMut(&mut Context<'_>) -> Poll<()>,
) -> Result<Option<(Lane, Answered)>, NoAnswer>
where
    O: Fn() -> F,
    F: Future<Output = io::Result<Box<dyn Io>>>,
{
    let mut lane = lanes.take(to, way, &open).await?;
    loop {
        let answered = match lane.write(request).await {
            Ok(()) => answer(&mut lane, method, header_bytes, &mut gone).await,
            Err(error) => Err(error.into()),
        };
        match answered {
            Ok(answered) => return Ok(answered.map(|answered| (lane, answered))),
            // The neighbour may have closed it just when the request was sent, and has not seen it then.
            Err(NoAnswer::Broken(_)) if lane.used && lane.come.is_empty() => {
                lane = Lane::over(open().await?, way);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn answer(
    lane: &mut Lane,
    method: &Method,
    header_bytes: usize,
    gone: &mut impl FnMut(&mut Context<'_>) -> Poll<()>,
) -> Result<Option<Answered>, NoAnswer> {
    loop {
        if !lane.come.is_empty() {
            match head::response(&lane.come, method, |_| ())? {
                // What is said meanwhile is for nobody behind this place.
                Some(early) if early.status.is_informational() => {
                    drop(lane.take(early.length));
                    continue;
                }
                Some(answered) => return Ok(Some(answered)),
                None if lane.come.len() >= header_bytes => return Err(BadHead::LONG.into()),
                None => {}
            }
        }
        let read = std::future::poll_fn(|cx| match lane.poll_more(cx, 0) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => gone(cx).map(|()| None),
        });
        match read.await.transpose()? {
            Some(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

/// A response's body. When it is through, its lane can be used again; dropping it before closes the lane, and that is
/// how the other end learns that nobody listens any more.
struct LaneBody {
    /// None when the body is over.
    lane: Option<Lane>,
    framing: Framing,
    stays: bool,
    lanes: Arc<Lanes>,
    to: PlaceName,
    header_bytes: usize,
}

impl LaneBody {
    fn is_over(&mut self) {
        if let Some(lane) = self.lane.take()
            && self.stays
        {
            self.lanes.put(&self.to, lane);
        }
    }

    fn broken(
        &mut self,
        error: impl Into<BoxError>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.lane = None;
        Poll::Ready(Some(Err(error.into())))
    }
}

impl HttpBody for LaneBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(lane) = &mut this.lane else {
                return Poll::Ready(None);
            };
            match this.framing.next(&lane.come, this.header_bytes) {
                Ok(Part::Data(length)) => {
                    let data = lane.take(length);
                    if this.framing.is_over() {
                        this.is_over();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Part::Around(length)) => drop(lane.take(length)),
                Ok(Part::Trailers(length)) => {
                    let bytes = lane.take(length);
                    let read = head::trailers(&bytes);
                    this.is_over();
                    match read {
                        Ok(trailers) if trailers.is_empty() => {}
                        Ok(trailers) => {
                            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                        }
                        Err(bad) => return this.broken(bad),
                    }
                }
                Ok(Part::Over) => this.is_over(),
                Ok(Part::Unknown) => match ready!(lane.poll_more(cx, this.framing.expected())) {
                    Ok(0) if matches!(this.framing, Framing::UntilEnd) => this.lane = None,
                    Ok(0) => return this.broken(io::Error::from(io::ErrorKind::UnexpectedEof)),
                    Ok(_) => {}
                    Err(error) => return this.broken(error),
                },
                Err(malformed @ Malformed) => return this.broken(malformed),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lane.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.lane, &self.framing) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Framing::Exact(left)) => SizeHint::with_exact(*left),
            (Some(_), _) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::super::lanes::Room;
    use super::*;

    /// Answers so many requests, and closes the stream when one more has come.
    async fn serve(mut stream: DuplexStream, answers: usize) {
        for answered in 0..=answers {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => asked.push(byte),
                    Err(_) => return,
                }
            }
            if answered < answers {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
            }
        }
    }

    /// Asks as often over lanes of which there is room for so many; how many streams that took, and who failed.
    async fn streams(asked: usize, room: usize, answers: usize) -> (usize, usize) {
        streams_over(asked, room, answers, |_| 0).await
    }

    /// The same, where the connection that each request finds goes by that number.
    async fn streams_over(
        asked: usize,
        room: usize,
        answers: usize,
        way: impl Fn(usize) -> usize,
    ) -> (usize, usize) {
        let lanes = Lanes::new(&Room::new(room));
        let to = PlaceName::new("core").unwrap();
        let opened = AtomicUsize::new(0);
        let mut failed = 0;
        for at in 0..asked {
            let open = || {
                opened.fetch_add(1, Ordering::Relaxed);
                async {
                    let (near, far) = tokio::io::duplex(4096);
                    tokio::spawn(serve(far, answers));
                    Ok(Box::new(near) as Box<dyn Io>)
                }
            };
            let request = Request::get("/").body(empty_body()).unwrap();
            match ask(&lanes, &to, request, 8192, (way(at), open)).await {
                Ok(answer) => {
                    let body = answer.into_body().collect().await.unwrap();
                    assert_eq!(body.to_bytes(), "ok");
                }
                Err(_) => failed += 1,
            }
        }
        (opened.into_inner(), failed)
    }

    #[tokio::test]
    async fn requests_follow_each_other_on_one_stream() {
        assert_eq!(streams(5, 1, usize::MAX - 1).await, (1, 0));
    }

    #[tokio::test]
    async fn without_room_every_request_has_its_own() {
        assert_eq!(streams(5, 0, usize::MAX - 1).await, (5, 0));
    }

    /// Lanes that were opened while data had no connection of its own stayed on that for messages for as long as they were in
    /// use.
    #[tokio::test]
    async fn a_lane_over_a_former_connection_is_left() {
        let ways = |at| at / 2;
        assert_eq!(streams_over(6, 1, usize::MAX - 1, ways).await, (3, 0));
    }

    #[tokio::test]
    async fn what_met_a_lane_that_was_just_closed_is_sent_once_more() {
        assert_eq!(streams(4, 1, 1).await, (4, 0));
    }

    #[tokio::test]
    async fn a_new_stream_that_brings_no_answer_is_not_tried_again() {
        assert_eq!(streams(2, 1, 0).await, (2, 2));
    }
}
