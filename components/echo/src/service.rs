//! The requests and their answers.

use waybook_guest_bindings::body::{self, Incoming, Outgoing};
use waybook_guest_bindings::exports::wasi::http::handler::Guest;
use waybook_guest_bindings::spawn_local;
use waybook_guest_bindings::wasi::cli::environment;
use waybook_guest_bindings::wasi::clocks::monotonic_clock;
use waybook_guest_bindings::wasi::http::types::{ErrorCode, Method, Request, Response};
use waybook_guest_settings::Settings;
use waybook_http_rules::fields::number;

use crate::answers::{pairs, parameter, pattern, quoted};

struct Echo;

waybook_guest_bindings::export!(Echo with_types_in waybook_guest_bindings);

/// How much of `/bytes` is made at once.
const PIECE: u64 = 64 * 1024;

/// An answer that is in memory, or its headers alone for a HEAD.
fn answer(head: bool, kind: &str, text: String) -> Response {
    let headers = body::fields(&vec![
        ("content-type".to_owned(), kind.as_bytes().to_vec()),
        (
            "content-length".to_owned(),
            text.len().to_string().into_bytes(),
        ),
    ]);
    if head {
        body::bare(200, headers)
    } else {
        body::whole(200, headers, text.into_bytes())
    }
}

fn name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => other,
    }
}

/// The request's body, read and sent again: so it works as well where requests and answers may not be
/// the same stream.
fn echo(request: Request) -> Response {
    let headers = request.get_headers().copy_all();
    let kept = |(name, _): &(String, Vec<u8>)| {
        ["content-type", "content-length", "content-encoding"]
            .contains(&name.to_ascii_lowercase().as_str())
    };
    let headers: Vec<_> = headers.into_iter().filter(kept).collect();
    let incoming = Incoming::of_request(request);
    let (response, outgoing) = Outgoing::open(200, body::fields(&headers));
    spawn_local(outgoing.relay(incoming));
    response
}

fn bytes(head: bool, count: u64) -> Response {
    let headers = body::fields(&vec![
        (
            "content-type".to_owned(),
            b"application/octet-stream".to_vec(),
        ),
        ("content-length".to_owned(), count.to_string().into_bytes()),
    ]);
    if head {
        return body::bare(200, headers);
    }
    let (response, mut outgoing) = Outgoing::open(200, headers);
    spawn_local(async move {
        let mut at = 0;
        while at < count {
            let length = PIECE.min(count - at);
            // No more than a piece.
            if !outgoing.send(pattern(at, length as usize)).await {
                return;
            }
            at += length;
        }
        outgoing.finish(Ok(None)).await;
    });
    response
}

fn config(head: bool) -> Response {
    let settings = Settings::new(environment::get_environment());
    match settings.stored() {
        Ok(mut stored) => {
            stored.sort();
            let json = format!(
                "{{\"config\":{},\"environment\":{}}}\n",
                pairs(&stored),
                pairs(settings.environment())
            );
            answer(head, "application/json", json)
        }
        Err(error) => body::text(500, &format!("echo: {error}")),
    }
}

fn described(request: &Request, method: &Method, path: &str) -> String {
    let headers: Vec<(String, String)> = request
        .get_headers()
        .copy_all()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let authority = request
        .get_authority()
        .map_or("null".to_owned(), |authority| quoted(&authority));
    format!(
        "{{\"method\":{},\"path\":{},\"authority\":{authority},\"headers\":{}}}\n",
        quoted(name(method)),
        quoted(path),
        pairs(&headers)
    )
}

impl Guest for Echo {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let method = request.get_method();
        let head = matches!(method, Method::Head);
        let path_with_query = request.get_path_with_query().unwrap_or_default();
        let wanted = |name| parameter(&path_with_query, name).1.and_then(number);
        let (path, _) = parameter(&path_with_query, "");
        Ok(match path {
            "/echo" if matches!(method, Method::Post | Method::Put) => echo(request),
            "/hello" => answer(
                head,
                "text/plain; charset=utf-8",
                "Hello from a component.\n".to_owned(),
            ),
            "/bytes" => match wanted("n") {
                Some(count) => bytes(head, count),
                None => body::text(400, "echo: /bytes wants a number of bytes: /bytes?n=1000"),
            },
            "/sleep" => match wanted("ms") {
                Some(ms) => {
                    monotonic_clock::wait_for(ms.saturating_mul(1_000_000)).await;
                    answer(
                        head,
                        "text/plain; charset=utf-8",
                        format!("Slept {ms} ms.\n"),
                    )
                }
                None => body::text(
                    400,
                    "echo: /sleep wants a number of milliseconds: /sleep?ms=100",
                ),
            },
            "/config" => config(head),
            _ => answer(
                head,
                "application/json",
                described(&request, &method, &path_with_query),
            ),
        })
    }
}
