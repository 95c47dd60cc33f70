//! Requests whose body does not come. They were under way for as long as their connection lasted,
//! and a few thousand of them closed the API to everybody.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;

use super::net::Net;
use super::{FILM, PeerApi, name, request};

/// A body that comes in these pieces with as much time before each, and ends only if it may.
fn body(pieces: Vec<&'static str>, every: Duration, ends: bool) -> Body {
    let came = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(every).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece.as_bytes())))
    });
    let rest = match ends {
        true => stream::empty().left_stream(),
        false => stream::pending().right_stream(),
    };
    Body::new(StreamBody::new(came.chain(rest)))
}

/// Whatever the body is for, and wherever.
#[tokio::test(start_paused = true)]
async fn a_request_whose_body_does_not_come_is_given_up() {
    let net = Net::start(&["core", "core/b"]);
    for (method, uri) in [
        ("PUT", "/presentations"),
        ("POST", "/sessions"),
        ("POST", "/sessions?at=core/b"),
        ("POST", "/components?at=core/b"),
    ] {
        let half = body(vec![&FILM[..FILM.len() / 2]], Duration::ZERO, false);
        let (status, problem) = net.send("core", request(method, uri, half)).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{uri}: {problem}");
        assert_eq!(problem["type"], "urn:waybook:problem:too-slow", "{uri}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("30s (`api.body-timeout`)"), "{detail}");
    }
    assert_eq!(net.api("core").shared.slots.counts().0, 0);
}

/// A neighbour's, too.
#[tokio::test(start_paused = true)]
async fn a_neighbour_that_falls_silent_is_given_up() {
    let net = Net::start(&["core", "core/b"]);
    let half = body(vec!["{"], Duration::ZERO, false);
    let mut asked = request("POST", "/sessions", half).map(|body| {
        use http_body_util::BodyExt;
        body.map_err(Into::into).boxed_unsync()
    });
    let headers = asked.headers_mut();
    headers.insert("waybook-origin", "core".parse().unwrap());
    headers.insert("waybook-hops", "1".parse().unwrap());
    let answer = net.api("core/b").call(name("core"), asked).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_slowly_is_waited_for() {
    let net = Net::start(&["core"]);
    let (half, rest) = FILM.split_at(FILM.len() / 2);
    let slow = body(vec![half, rest], Duration::from_secs(29), true);
    let mut publish = request("PUT", "/presentations", slow);
    let toml = "application/toml".parse().unwrap();
    publish.headers_mut().insert(header::CONTENT_TYPE, toml);
    let (status, answer) = net.send("core", publish).await;
    assert!(status.is_success(), "{status}: {answer}");
}
