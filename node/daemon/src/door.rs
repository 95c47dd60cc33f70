//! A door: where clients come in over TCP, to the gateway or to the control API.
//!
//! So many connections stand in it at one time. One more is let in at the cost of the oldest that
//! has no request under way: one that says nothing, or says it byte by byte, keeps nobody
//! out. Where all have requests under way, the newcomer is told so and let go.

mod beginning;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::kept::Kept;
use crate::lookout::watch;
use crate::tls::ApiTls;
use crate::{BoxError, Io};
use beginning::Beginning;

/// Requests of one connection at one time, where HTTP/2 allows several.
const STREAMS: u32 = 128;
/// How often it is looked whether the other end of an HTTP/2 connection is there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long to wait where the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What a door is like.
#[derive(Debug, Clone)]
pub(crate) struct DoorConfig {
    /// The setting of the greatest number of connections, for people.
    pub(crate) setting: &'static str,
    /// That number.
    pub(crate) connections: usize,
    /// How long a client may take to send its headers, and to say anything at all.
    pub(crate) header_timeout: Duration,
    /// Greatest length of a request's headers in bytes; at least 8192.
    pub(crate) header_bytes: usize,
    /// Whether requests under way may end when the door is closed.
    pub(crate) lingers: bool,
    /// What connections are encrypted with.
    pub(crate) tls: Option<Arc<ApiTls>>,
}

/// What a door has counted since the daemon started, and how many are there now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorCounters {
    /// Connections now.
    pub connections: usize,
    /// Connections that were let in.
    pub accepted: u64,
    /// Of these, those that had to make room while they had no request under way.
    pub displaced: u64,
    /// Connections that were not let in.
    pub refused: u64,
    /// Requests under way now.
    pub requests: usize,
    /// Requests refused because a bound on them was reached.
    pub refused_requests: u64,
}

/// Bounds the connections.
#[derive(Debug)]
pub(crate) struct Door {
    config: DoorConfig,
    inside: Mutex<Inside>,
    accepted: AtomicU64,
    displaced: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Inside {
    last: u64,
    guests: BTreeMap<u64, Guest>,
}

/// A connection that was let in.
#[derive(Debug)]
struct Guest {
    /// Its requests under way.
    busy: usize,
    leave: CancellationToken,
}

/// A connection's stay inside, until this is dropped.
struct Stay {
    door: Arc<Door>,
    number: u64,
    leave: CancellationToken,
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.door.inside().guests.remove(&self.number);
    }
}

/// A request under way.
struct Busy(Arc<Stay>);

impl Busy {
    fn new(stay: &Arc<Stay>) -> Self {
        if let Some(guest) = stay.door.inside().guests.get_mut(&stay.number) {
            guest.busy += 1;
        }
        Self(Arc::clone(stay))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(guest) = self.0.door.inside().guests.get_mut(&self.0.number) {
            guest.busy -= 1;
        }
    }
}

impl Door {
    pub(crate) fn new(config: DoorConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            inside: Mutex::default(),
            accepted: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been counted here, but for requests.
    pub(crate) fn counters(&self) -> DoorCounters {
        DoorCounters {
            connections: self.inside().guests.len(),
            accepted: self.accepted.load(Ordering::Relaxed),
            displaced: self.displaced.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..DoorCounters::default()
        }
    }

    /// Lets one more in, if there is room or can be made.
    fn enter(self: &Arc<Self>) -> Option<Stay> {
        let mut inside = self.inside();
        if inside.guests.len() >= self.config.connections {
            let idle = inside.guests.iter().find(|(_, guest)| guest.busy == 0);
            let Some(oldest) = idle.map(|(number, _)| *number) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            if let Some(guest) = inside.guests.remove(&oldest) {
                guest.leave.cancel();
            }
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        inside.last += 1;
        let (number, leave) = (inside.last, CancellationToken::new());
        let guest = Guest {
            busy: 0,
            leave: leave.clone(),
        };
        inside.guests.insert(number, guest);
        Some(Stay {
            door: Arc::clone(self),
            number,
            leave,
        })
    }

    /// Says why it is not let in, as far as that can be said without waiting.
    fn turn_away(&self, stream: TcpStream) {
        let DoorConfig {
            setting,
            connections,
            ..
        } = self.config;
        let problem = serde_json::json!({
            "type": "urn:waybook:problem:busy",
            "title": "Too much is under way",
            "status": 503,
            "detail": format!(
                "limit `{setting}` = {connections} is reached, and all of them have requests \
                 under way; try again soon"
            ),
        });
        let problem = problem.to_string();
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
             retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{problem}",
            problem.len()
        );
        if let Ok(mut stream) = stream.into_std() {
            let _ = stream.write(answer.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }

    /// Lets clients in until the door is closed. Connections are tasks of `tasks`.
    pub(crate) async fn serve<F, A, B>(
        self: &Arc<Self>,
        listener: TcpListener,
        closing: CancellationToken,
        tasks: &TaskTracker,
        answer: F,
    ) where
        F: Fn(SocketAddr, Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = closing.cancelled() => return,
            };
            match accepted {
                Ok((stream, client)) => match self.enter() {
                    Some(stay) => {
                        let _ = stream.set_nodelay(true);
                        let (answer, closing) = (answer.clone(), closing.clone());
                        match self.config.tls.clone() {
                            None => tasks.spawn(attend(stay, stream, client, closing, answer)),
                            Some(tls) => {
                                let within = self.config.header_timeout;
                                tasks.spawn(async move {
                                    let stream = tokio::select! {
                                        stream = tls.accept(stream, client, within) => stream,
                                        () = stay.leave.cancelled() => None,
                                        () = closing.cancelled() => None,
                                    };
                                    if let Some(stream) = stream {
                                        attend(stay, stream, client, closing, answer).await;
                                    }
                                })
                            }
                        };
                    }
                    None => self.turn_away(stream),
                },
                Err(error) => {
                    // Out of file descriptors, mostly: others will be closed in a while.
                    tracing::warn!(%error, setting = self.config.setting, "no client can come in");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Door {
    /// Lets in one client that came otherwise than by TCP, if there is room, and serves it until it
    /// goes or the door is closed.
    pub(crate) async fn serve_one<F, A, B>(
        self: &Arc<Self>,
        stream: impl Io + 'static,
        client: SocketAddr,
        closing: CancellationToken,
        answer: F,
    ) where
        F: Fn(SocketAddr, Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Some(stay) = self.enter() {
            attend(stay, stream, client, closing, answer).await;
        }
    }
}

/// Serves one connection to its end.
async fn attend<F, A, B>(
    stay: Stay,
    stream: impl Io + 'static,
    client: SocketAddr,
    closing: CancellationToken,
    answer: F,
) where
    F: Fn(SocketAddr, Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let config = stay.door.config.clone();
    let stay = Arc::new(stay);
    let service = service_fn(|request: Request<Incoming>| {
        let busy = Busy::new(&stay);
        let answered = answer(client, request);
        async move {
            let answer = answered.await;
            Ok::<_, Infallible>(answer.map(|body| Kept::new(body, busy)))
        }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.header_bytes.max(8192));
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(config.header_bytes).unwrap_or(u32::MAX));
    let (stream, lookout) = watch(Beginning::new(stream, config.header_timeout));
    let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = lookout.gone() => return,
        () = stay.leave.cancelled() => return,
        () = closing.cancelled() => {
            if !config.lingers {
                return;
            }
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%client, %error, "connection of a client ended early");
    }
}

#[cfg(test)]
mod tests;
