//! What the daemon's rooms ask of each other about neighbouring places.

use std::future::Future;
use std::io;
use std::pin::Pin;

use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use waybook_location_tree::PlaceName;

use crate::Body;

/// A byte stream to or from a neighbour: one QUIC stream, or a pipe in a test.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream that is being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Opens streams to neighbours. The links implement it over the standing connections.
pub trait PeerStreams: Send + Sync {
    /// Opens a stream that the neighbour will serve HTTP on.
    ///
    /// # Errors
    /// `NotConnected` if there is no connection to that neighbour now.
    fn open<'a>(&'a self, to: &'a PlaceName) -> Opening<'a>;

    /// A number for the connection that a stream would be opened over now. What was opened when it was another one had
    /// better not be used for long: the new one is there for a reason.
    fn way(&self, _to: &PlaceName) -> usize {
        0
    }

    /// Opens a stream for a transfer of code, which lets sessions' data go first. One
    /// that is dropped before it is shut down is broken off: the neighbour reads an
    /// error, and not an end. Its opener keeps its own direction open until it has all
    /// that it wants.
    ///
    /// # Errors
    /// As [`PeerStreams::open`]; `Unsupported` where nothing is transferred.
    fn open_transfer<'a>(&'a self, _to: &'a PlaceName) -> Opening<'a> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// Serves the requests of neighbours that do not belong to a session: control requests
/// on their way through the tree. The API implements it.
pub trait PeerApi: Send + Sync {
    /// Answers a request that came from a neighbour.
    fn call(
        &self,
        from: PlaceName,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>>;
}
