//! The local address that a process is given as `NEXT`: leads to what comes after it on
//! the path of its session.
//!
//! Every program of this machine can connect to it, as to the component itself: a place
//! that runs programs of people who distrust each other gives each a machine, or a
//! network namespace, of its own.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use waybook_place::io::InstanceId;

use super::super::chain::NextHop;
use super::super::plane::Plane;
use super::Starting;
use crate::BoxError;

/// Listens for the instance until it is stopped. Where the address leads is looked up
/// with each request, so the instance may start before its session is routed.
pub(super) async fn open(starting: &Starting) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let plane = Arc::clone(&starting.plane);
    let (cancel, instance) = (starting.cancel.clone(), starting.instance);
    starting.plane.tasks.spawn(async move {
        tokio::select! {
            () = accept(&plane, &listener, instance, &cancel) => {}
            () = cancel.cancelled() => {}
        }
    });
    Ok(address)
}

async fn accept(
    plane: &Arc<Plane>,
    listener: &TcpListener,
    instance: InstanceId,
    cancel: &CancellationToken,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let (plane, cancel) = (Arc::clone(plane), cancel.clone());
        plane.tasks.clone().spawn(async move {
            tokio::select! {
                () = serve(&plane, stream, instance) => {}
                () = cancel.cancelled() => {}
            }
        });
    }
}

async fn serve(plane: &Arc<Plane>, stream: TcpStream, instance: InstanceId) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let plane = Arc::clone(plane);
        async move {
            let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
            Ok::<_, Infallible>(NextHop::from_inside(&plane, instance, request).await)
        }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(instance = instance.0, %error, "request of a component ended early");
    }
}
