//! Passes on requests that nothing at this place wants to see: those of sessions whose components here are `relay`.
//!
//! A request and its answer go from stream to stream as bytes. What places owe to each other and to the session holds
//! as it does for all others: who may send is looked up, limits count, fields for one hop stay behind, rates
//! are kept and bytes counted, and all ends with the session.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, Response};
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;
use waybook_place::io::Route;

use super::headers::{SESSION, via};
use super::plane::Plane;
use super::problem::{ProblemKind, problem};
use super::session::Session;
use super::shape::PIECE;
use crate::Body;
use crate::hop::head::{self, Asking, is_for_one_hop, write_field};
use crate::hop::{self, Framing, Lane, Part};

/// How it went on with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// Nothing more can be said on the stream.
    Over,
    /// The request that has come must be looked at as a whole.
    Not,
}

/// A request that is passed on.
struct Passing {
    session: Arc<Session>,
    route: Arc<Route>,
    to: PlaceName,
    method: Method,
    /// As it goes on.
    head: Vec<u8>,
    /// The bytes of the head as it came.
    length: usize,
}

impl Plane {
    /// Passes on requests of a neighbour, as long as they can be and come.
    pub(super) async fn pass_all(self: &Arc<Self>, from: &PlaceName, lane: &mut Lane) -> Passed {
        let limits = &self.config.limits;
        loop {
            let passing = match head::request(&lane.come, |asking| self.passing(from, asking)) {
                Ok(Some(Some(passing))) => passing,
                Ok(None) if lane.come.len() < limits.header_bytes => {
                    let more = tokio::time::timeout(limits.header_timeout, lane.more(0));
                    match more.await {
                        Ok(Ok(1..)) => continue,
                        Ok(Ok(0) | Err(_)) | Err(_) => return Passed::Over,
                    }
                }
                Ok(Some(None) | None) | Err(_) => return Passed::Not,
            };
            if self.pass(lane, passing).await.is_none() {
                return Passed::Over;
            }
        }
    }

    /// The request as it goes on, if it is one that can be passed.
    fn passing(self: &Arc<Self>, from: &PlaceName, asking: &Asking<'_>) -> Option<Passing> {
        let mut id = None;
        let mut named = "";
        for field in asking.fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is(SESSION.as_str()) {
                let text = std::str::from_utf8(field.value).ok()?;
                if id.replace(text.parse::<SessionId>().ok()?).is_some() {
                    return None;
                }
            } else if is("connection") && named.is_empty() {
                named = std::str::from_utf8(field.value).ok()?;
            } else if is("connection")
                || is("transfer-encoding")
                || is("upgrade")
                || is("expect")
                || is("te")
                || (is("content-length") && field.value != b"0")
            {
                return None;
            }
        }
        let method = Method::from_bytes(asking.method.as_bytes()).ok()?;
        if !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS)
            || !asking.path.starts_with('/')
        {
            return None;
        }
        let session = self.session(id?)?;
        let route = session.route();
        let to = route.next.clone()?;
        if route.previous.as_ref() != Some(from) || !self.only_relays(&route) {
            return None;
        }
        let mut out = Vec::with_capacity(asking.length + 64);
        out.extend_from_slice(asking.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(asking.path.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        for field in asking.fields {
            if !is_for_one_hop(field.name, named)
                && !field.name.eq_ignore_ascii_case("content-length")
            {
                write_field(field.name, field.value, &mut out);
            }
        }
        write_field("via", via("1.1", &self.config.place).as_bytes(), &mut out);
        out.extend_from_slice(b"\r\n");
        Some(Passing {
            session,
            route,
            to,
            method,
            head: out,
            length: asking.length,
        })
    }

    fn only_relays(&self, route: &Route) -> bool {
        let passes = |running: Arc<dyn super::runtime::Running>| running.passes();
        route
            .chain
            .iter()
            .all(|id| self.running(*id).is_ok_and(passes))
    }

    /// Passes on one request. None if nothing more can be said on the stream.
    async fn pass(self: &Arc<Self>, lane: &mut Lane, passing: Passing) -> Option<()> {
        drop(lane.take(passing.length));
        let here = &self.config.place;
        let session = Arc::clone(&passing.session);
        let _admitted = match self.admit(&session) {
            Ok(admitted) => admitted,
            Err(why) => {
                let problem = problem(here, ProblemKind::TooManyRequests, &why);
                return answer(lane, problem, &passing.method).await;
            }
        };
        let mut begun = false;
        tokio::select! {
            passed = self.exchange(lane, &passing, &mut begun) => return passed,
            () = session.ended.cancelled() => {}
        }
        match begun {
            true => None,
            false => {
                let problem = problem(here, ProblemKind::UnknownSession, "the session is over");
                answer(lane, problem, &passing.method).await
            }
        }
    }

    async fn exchange(
        self: &Arc<Self>,
        lane: &mut Lane,
        passing: &Passing,
        begun: &mut bool,
    ) -> Option<()> {
        let (session, to) = (&passing.session, &passing.to);
        let began = Instant::now();
        let open = (self.way(to), || self.open(to));
        let most = self.config.limits.header_bytes;
        let asked = hop::exchange(
            &session.lanes,
            to,
            &passing.head,
            &passing.method,
            most,
            open,
            |cx| lane.poll_gone(cx),
        )
        .await;
        let (mut next, answered) = match asked {
            Ok(Some(asked)) => asked,
            Ok(None) => return None,
            Err(why) => {
                let problem = self.unreachable(to, &why);
                self.passed(passing, problem.status(), began);
                *begun = true;
                return answer(lane, problem, &passing.method).await;
            }
        };
        self.passed(passing, answered.status, began);
        let mut out = Vec::with_capacity(answered.length + 64);
        head::write_status(answered.status, &mut out);
        let mut named = String::new();
        let again = head::response(&next.come, &passing.method, |field| {
            if field.name.eq_ignore_ascii_case("connection") {
                named.push_str(&String::from_utf8_lossy(field.value));
                named.push(',');
            }
        });
        again.ok()?;
        let again = head::response(&next.come, &passing.method, |field| {
            if !is_for_one_hop(field.name, &named) {
                write_field(field.name, field.value, &mut out);
            }
        });
        again.ok()?;
        write_field("via", via("1.1", &self.config.place).as_bytes(), &mut out);
        out.extend_from_slice(b"\r\n");
        drop(next.take(answered.length));
        *begun = true;
        let ends = matches!(answered.framing, Framing::UntilEnd);
        self.body(lane, &mut next, answered.framing, session, out)
            .await
            .ok()?;
        if answered.stays {
            session.lanes.put(to, next);
        }
        (!ends).then_some(())
    }

    /// Passes on an answer's body, behind what is to be written before it.
    async fn body(
        &self,
        lane: &mut Lane,
        next: &mut Lane,
        mut framing: Framing,
        session: &Arc<Session>,
        mut out: Vec<u8>,
    ) -> io::Result<()> {
        let most = self.config.limits.header_bytes;
        let counted = session.traffic.to_client();
        let broken = |_| io::Error::from(io::ErrorKind::InvalidData);
        loop {
            match framing.next(&next.come, most).map_err(broken)? {
                Part::Data(length) => {
                    counted.inc_by(length as u64);
                    let mut data = next.take(length);
                    while !data.is_empty() {
                        let shaped = session.to_client.is_shaped();
                        let piece = match shaped {
                            true => data.split_to(data.len().min(PIECE)),
                            false => std::mem::take(&mut data),
                        };
                        if let Some(turn) = session.to_client.ask(piece.len()) {
                            flush(lane, &mut out).await?;
                            turn.await;
                        }
                        out.extend_from_slice(&piece);
                        if out.len() >= PIECE {
                            flush(lane, &mut out).await?;
                        }
                    }
                }
                Part::Around(length) | Part::Trailers(length) => {
                    out.extend_from_slice(&next.take(length));
                }
                Part::Over => return flush(lane, &mut out).await,
                Part::Unknown => {
                    flush(lane, &mut out).await?;
                    let read = std::future::poll_fn(|cx| {
                        if let std::task::Poll::Ready(read) = next.poll_more(cx, framing.expected())
                        {
                            return std::task::Poll::Ready(Some(read));
                        }
                        lane.poll_gone(cx).map(|()| None)
                    });
                    match read.await.transpose()? {
                        Some(0) if matches!(framing, Framing::UntilEnd) => return Ok(()),
                        Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                        Some(_) => {}
                        None => return Err(io::ErrorKind::BrokenPipe.into()),
                    }
                }
            }
        }
    }

    /// Counts what was answered, for the place and for the components that would have been asked.
    fn passed(&self, passing: &Passing, status: http::StatusCode, began: Instant) {
        let waited = began.elapsed();
        passing.session.traffic.answered(status, waited);
        for instance in &passing.route.chain {
            if let Ok(running) = self.running(*instance) {
                running.passed(status, waited);
            }
        }
    }
}

async fn flush(lane: &mut Lane, out: &mut Vec<u8>) -> io::Result<()> {
    if !out.is_empty() {
        lane.write(out).await?;
        out.clear();
    }
    Ok(())
}

/// Answers with a problem of this place.
async fn answer(lane: &mut Lane, problem: Response<Body>, to: &Method) -> Option<()> {
    use http_body_util::BodyExt;
    let (mut parts, body) = problem.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let length = http::HeaderValue::from(body.len());
    parts.headers.insert(http::header::CONTENT_LENGTH, length);
    let mut out = Vec::new();
    head::write_response(&Response::from_parts(parts, ()), &mut out);
    if *to != Method::HEAD {
        out.extend_from_slice(&body);
    }
    lane.write(&out).await.ok()
}
