//! The server that all chains lead to.

use std::convert::Infallible;
use std::io::Write;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::shared::Failure;

/// The longest body, in bytes.
const MOST: usize = 64 << 20;

pub(crate) async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let bytes = Bytes::from(vec![b'x'; MOST]);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let bytes = bytes.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = answer(&request, &bytes);
                async move { Ok::<_, Infallible>(answer) }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            // Clients leave in the middle of a body when their time is over.
            let _ = serving
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, bytes: &Bytes) -> Response<Full<Bytes>> {
    let length = request.uri().path().strip_prefix("/bytes/");
    let length = length.and_then(|text| text.parse::<usize>().ok());
    match length.filter(|length| *length <= MOST) {
        Some(length) => Response::new(Full::new(bytes.slice(..length))),
        None => {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    }
}
