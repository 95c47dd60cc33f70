//! The program that process components run in these tests: this test executable itself,
//! started again with a variable set.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use waybook_daemon::data::Program;
use waybook_daemon::{Body, BoxError, full_body};

use crate::world::client;

/// Set where this is to be the program.
const BE: &str = "BE_THE_PROGRAM";

/// How the data plane runs it.
pub(crate) fn program(mode: &str) -> Program {
    let mut program = Program::new(std::env::current_exe().unwrap());
    program.args = ["--exact", "program::run", "--nocapture", "--test-threads=1"]
        .map(str::to_owned)
        .to_vec();
    program.env.insert(BE.to_owned(), mode.to_owned());
    program
}

/// Not a test, except where the variable is set.
#[test]
fn run() {
    match std::env::var(BE).as_deref() {
        Ok("serve") => serve(),
        Ok("stubborn") => {
            // A shell that ignores the signal, in the place of a server that does.
            let port = std::env::var("PORT").unwrap();
            let mut child = std::process::Command::new("sh")
                .args(["-c", "trap '' TERM; while :; do sleep 1; done"])
                .spawn()
                .unwrap();
            let _listening = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
            let _ = child.wait();
        }
        Ok("exit") => std::process::exit(3),
        Ok("hang") => loop {
            std::thread::park();
        },
        _ => {}
    }
}

fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    if let Some(variable) = path.strip_prefix("/env/") {
        let value = std::env::var(variable).unwrap_or_else(|_| "(unset)".to_owned());
        return Ok(Response::new(full_body(value)));
    }
    Ok(match path.as_str() {
        "/pid" => Response::new(full_body(std::process::id().to_string())),
        "/child" => {
            let mut child = tokio::process::Command::new("sleep");
            let child = child.arg("1000").spawn().unwrap();
            Response::new(full_body(child.id().unwrap().to_string()))
        }
        "/exit" => std::process::exit(1),
        "/unfinished" => {
            let first = futures_util::stream::once(std::future::ready(Ok::<_, BoxError>(
                http_body::Frame::data("first".into()),
            )));
            let more = futures_util::StreamExt::chain(first, futures_util::stream::pending());
            Response::new(http_body_util::StreamBody::new(more).boxed_unsync())
        }
        // Everything else goes to what comes next, marked.
        _ => {
            let next = std::env::var("NEXT").unwrap();
            let (mut parts, body) = request.into_parts();
            let target = parts.uri.path_and_query().unwrap();
            parts.uri = format!("{next}{target}").parse().unwrap();
            parts
                .headers
                .insert("x-passed", "by the program".parse().unwrap());
            let body = body.map_err(BoxError::from).boxed_unsync();
            let response = client().request(Request::from_parts(parts, body)).await;
            let response = response.unwrap();
            response.map(|body| body.map_err(BoxError::from).boxed_unsync())
        }
    })
}
