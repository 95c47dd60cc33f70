//! Bodies of all kinds over four edges.

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waybook_agents::SessionId;
use waybook_daemon::{Body, BoxError, empty_body, full_body};
use waybook_place::io::Input;
use waybook_plan::Runtime;

use crate::origin::{Origin, Pattern, digest, pattern_digest};
use crate::world::{Path, SESSION, bytes, component, get, send, soon, text};

const LARGE: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_arrive_whole_in_both_directions() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let expected = pattern_digest(LARGE).await;

    let response = get(&format!("{}pattern?{LARGE}", path.url)).await;
    assert_eq!(response.headers()["content-length"], LARGE.to_string());
    let got = soon("the download", digest(response.into_body())).await;
    assert_eq!(got, (LARGE, expected));

    let body = Pattern {
        at: 0,
        length: LARGE,
    };
    let request = Request::post(format!("{}hash", path.url));
    let response = send(request.body(body.boxed_unsync()).unwrap()).await;
    assert_eq!(text(response).await, expected.to_hex().to_string());
}

#[tokio::test]
async fn what_the_origin_sees_is_the_request_without_the_hops() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let request = Request::get(format!("{}a%20b//c?d=e&f", path.url))
        .header("connection", "x-client-hop")
        .header("x-client-hop", "1")
        .header("waybook-session", "1234")
        .header("x-end", "2")
        .body(empty_body())
        .unwrap();
    let response = send(request).await;
    assert_eq!(response.headers()["x-own"], "kept");
    assert!(!response.headers().contains_key("x-hop"));
    let via: Vec<_> = response.headers().get_all("via").iter().collect();
    assert_eq!(via.len(), 5);
    assert_eq!(via[0], "1.1 store.ferrara.core");
    assert_eq!(via[4], "1.1 lab.bologna.core");
    let seen = text(response).await;
    assert!(seen.starts_with("GET /a%20b//c?d=e&f\n"), "{seen}");
    assert!(seen.contains(&format!("host: {origin}\n")), "{seen}");
    assert!(seen.contains("x-end: 2\n") && seen.contains("forwarded: for=\"127.0.0.1:"));
    assert!(seen.contains("via: 1.1 lab.bologna.core\n"), "{seen}");
    assert!(
        !seen.contains("waybook-session") && !seen.contains("x-client-hop"),
        "{seen}"
    );
}

#[tokio::test]
async fn requests_without_a_body_follow_each_other_on_one_stream_of_each_edge() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    for length in [0_usize, 5, 70_000] {
        let response = get(&format!("{}pattern?{length}", path.url)).await;
        assert_eq!(bytes(response).await.len(), length);
        // In chunks, with trailers behind them.
        assert_eq!(text(get(&format!("{}trailers", path.url)).await).await, "");
        let seen = text(get(&path.url).await).await;
        assert!(seen.starts_with("GET /\n"), "{seen}");
    }
    assert_eq!(path.neighbours.pipes(), 4);
    let request = Request::post(format!("{}hash", path.url));
    send(request.body(full_body("abc")).unwrap()).await;
    assert_eq!(path.neighbours.pipes(), 8);
}

#[tokio::test]
async fn head_and_refusals_of_the_origin_pass() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let head = Request::head(format!("{}pattern?12345", path.url));
    let response = send(head.body(empty_body()).unwrap()).await;
    assert_eq!(response.headers()["content-length"], "12345");
    assert!(bytes(response).await.is_empty());

    let response = get(&format!("{}refuse", path.url)).await;
    assert_eq!(response.status(), 403);
    assert_eq!(text(response).await, "the origin refuses");
}

#[tokio::test]
async fn aborts_reach_the_origin() {
    let (origin, mut aborts) = Origin::listen().await;
    let path = Path::to(origin).await;

    // While bytes flow.
    let mut endless = get(&format!("{}endless", path.url)).await.into_body();
    for _ in 0..100 {
        assert!(soon("a frame", endless.frame()).await.unwrap().is_ok());
    }
    drop(endless);
    assert_eq!(
        soon("the abort of a flow", aborts.recv()).await,
        Some("body")
    );

    // While the server is silent.
    let mut silent = get(&format!("{}silent", path.url)).await.into_body();
    let first = soon("the first bytes", silent.frame())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.into_data().unwrap(), "first");
    drop(silent);
    assert_eq!(
        soon("the abort of a silence", aborts.recv()).await,
        Some("body")
    );

    // Before there is a response: the client's connection is cut.
    let mut stream = TcpStream::connect(path.gateway).await.unwrap();
    let target = path.url.split_once("/s/").unwrap().1;
    let text = format!(
        "GET /s/{target}never HTTP/1.1\r\nhost: {}\r\n\r\n",
        path.gateway
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(soon("the request", aborts.recv()).await, Some("waiting"));
    drop(stream);
    assert_eq!(
        soon("the abort of a wait", aborts.recv()).await,
        Some("request")
    );
}

#[tokio::test]
async fn an_aborted_upload_is_no_complete_one() {
    let (origin, mut aborts) = Origin::listen().await;
    let path = Path::to(origin).await;
    let part = futures_util::stream::iter([Ok(Frame::data("part".into()))]);
    let (cut, is_cut) = tokio::sync::oneshot::channel::<()>();
    let broken = futures_util::stream::once(async move {
        let _ = is_cut.await;
        Err(BoxError::from("broken"))
    });
    let broken = StreamExt::chain(part, broken);
    let request = Request::post(format!("{}hash", path.url));
    let request = request
        .body(StreamBody::new(broken).boxed_unsync())
        .unwrap();
    let sent = tokio::spawn(crate::world::client().request(request));
    assert_eq!(soon("the part", aborts.recv()).await, Some("taking"));
    cut.send(()).unwrap();
    assert!(soon("the failure", sent).await.unwrap().is_err());
    assert_eq!(soon("the abort", aborts.recv()).await, Some("upload"));
}

#[tokio::test]
async fn the_end_of_the_session_ends_what_is_under_way() {
    let (origin, mut aborts) = Origin::listen().await;
    let path = Path::to(origin).await;
    let mut silent = get(&format!("{}silent", path.url)).await.into_body();
    assert!(
        soon("the first bytes", silent.frame())
            .await
            .unwrap()
            .is_ok()
    );
    // In the middle of the path, and it is felt at both ends.
    path.places[2].plane.unroute(SessionId(SESSION));
    assert!(soon("the cut", silent.frame()).await.unwrap().is_err());
    assert_eq!(soon("the abort", aborts.recv()).await, Some("body"));
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("42"));
    let frames = [Frame::data("body".into()), Frame::trailers(trailers)];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, BoxError>)));
    let request = Request::post(format!("{}trailers", path.url))
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .body(body.boxed_unsync())
        .unwrap();
    let whole = send(request).await.into_body().collect();
    let whole = soon("the body", whole).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-sum"], "42");
    assert_eq!(whole.to_bytes(), "body");
}

#[tokio::test]
async fn a_client_may_speak_http_2() {
    let (origin, mut aborts) = Origin::listen().await;
    let path = Path::to(origin).await;
    let client: Client<_, Body> = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let request = Request::get(format!("{}x", path.url)).body(empty_body());
    let response = soon("a response", client.request(request.unwrap()))
        .await
        .unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(text(response).await.starts_with("GET /x\n"));

    let request = Request::post(format!("{}hash", path.url)).body(full_body("abc"));
    let response = soon("a response", client.request(request.unwrap()))
        .await
        .unwrap();
    assert_eq!(
        text(response).await,
        blake3::hash(b"abc").to_hex().to_string()
    );

    let request = Request::get(format!("{}silent", path.url)).body(empty_body());
    assert_eq!(aborts.recv().await, Some("taking"));
    let silent = soon("a response", client.request(request.unwrap()))
        .await
        .unwrap();
    let mut silent: Pin<Box<Incoming>> = Box::pin(silent.into_body());
    assert!(
        soon("the first bytes", silent.frame())
            .await
            .unwrap()
            .is_ok()
    );
    drop(silent);
    assert_eq!(soon("the reset", aborts.recv()).await, Some("body"));
}

#[tokio::test]
async fn only_the_clients_place_reports_use_and_not_too_often() {
    let (origin, _) = Origin::listen().await;
    let mut path = Path::to(origin).await;
    for _ in 0..20 {
        text(get(&format!("{}x", path.url)).await).await;
    }
    let session = SessionId(SESSION);
    assert_eq!(path.places[0].report().await, Input::Active { session });
    for place in &mut path.places {
        // A slow machine may take longer than the throttle's few seconds.
        let often = place.reported().len();
        assert!(often < 5, "{} reported {often} times", place.name);
    }
    assert!(path.places[1].reported().is_empty());
}

#[tokio::test]
async fn a_long_response_counts_as_use_while_it_is_awaited() {
    let (origin, _) = Origin::listen().await;
    let url = format!("http://{origin}/");
    let server = component(Runtime::Builtin, "upstream", &[("url", &url)]);
    let mut path = Path::build(server, |_, config| {
        config.upstreams = vec![url.clone()];
        config.limits.active_every = Duration::from_millis(20);
    })
    .await;
    let _open = get(&format!("{}silent", path.url)).await;
    let session = SessionId(SESSION);
    for _ in 0..5 {
        assert_eq!(path.places[0].report().await, Input::Active { session });
    }
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_gets_it_only_if_it_may() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let below = path.url.split_once("/s/").unwrap().1;
    let absent = format!("{}/", "0".repeat(40));
    for (target, answer) in [(below, "HTTP/1.1 100"), (&absent, "HTTP/1.1 404")] {
        let mut stream = TcpStream::connect(path.gateway).await.unwrap();
        let head = format!(
            "POST /s/{target}hash HTTP/1.1\r\nhost: {}\r\nexpect: 100-continue\r\n\
             content-length: 3\r\nconnection: close\r\n\r\n",
            path.gateway
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        let read = soon("the answer to the head", stream.read_exact(&mut first));
        read.await.unwrap();
        assert_eq!(first, answer.as_bytes());
        if answer.ends_with("100") {
            stream.write_all(b"abc").await.unwrap();
            let mut rest = String::new();
            let read = soon("the response", stream.read_to_string(&mut rest));
            read.await.unwrap();
            assert!(
                rest.ends_with(blake3::hash(b"abc").to_hex().as_str()),
                "{rest}"
            );
        }
    }
}
