//! The connections to a place, which requests share one after the other.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Error;
use crate::client::unreachable;
use crate::tls::Tls;

/// How long a connection without a request is kept. Places close theirs after `[api]
/// header-timeout`, 15 s if nothing else is said.
const IDLE: Duration = Duration::from_secs(5);

/// Most connections that are kept without a request. A place lets 256 in, if nothing else is said.
const MOST_IDLE: usize = 64;

/// What requests bring along.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Pools>);

#[derive(Debug)]
enum Pools {
    Plain(Pool<HttpConnector, RequestBody>),
    Encrypted(Pool<HttpsConnector<HttpConnector>, RequestBody>, Tls),
}

impl Connections {
    pub(crate) fn new(tls: Option<Tls>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        // Encryption is put on top.
        tcp.enforce_http(false);
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE);
        Self(Arc::new(match tls {
            None => Pools::Plain(pool.build(tcp)),
            Some(tls) => Pools::Encrypted(pool.build(tls.over(tcp)), tls),
        }))
    }

    /// The scheme of URLs.
    pub(crate) fn scheme(&self) -> &'static str {
        match &*self.0 {
            Pools::Plain(_) => "http",
            Pools::Encrypted(..) => "https",
        }
    }

    /// Sends a request, over a new connection where none is idle.
    pub(crate) async fn send(
        &self,
        address: &str,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Error> {
        let sent = match &*self.0 {
            Pools::Plain(pool) => pool.request(request).await,
            Pools::Encrypted(pool, _) => pool.request(request).await,
        };
        sent.map_err(|error| self.explain(address, &error))
    }

    /// What went wrong, from the outermost error to what is at its bottom.
    fn explain(&self, address: &str, error: &(dyn StdError + 'static)) -> Error {
        let mut bottom = error;
        while let Some(source) = below(bottom) {
            let is_ours = |error: &hyper::Error| error.is_user();
            if bottom.downcast_ref().is_some_and(is_ours) {
                return Error::Upload(source.to_string());
            }
            bottom = source;
        }
        match &*self.0 {
            Pools::Encrypted(_, tls) => tls.explain(address, bottom),
            Pools::Plain(_) => unreachable(address, bottom),
        }
    }
}

/// What an error comes from. One of input or output shows only what the error in it comes from.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let within = error.downcast_ref().and_then(io::Error::get_ref);
    within.map_or_else(|| error.source(), |within| Some(within))
}
