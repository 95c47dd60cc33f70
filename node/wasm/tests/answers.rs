//! Components answer: each world, streaming, settings, what they print, where they may go.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::*;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use waybook_wasm::{Body, BoxError, Instances, Start, Stream, Unsent, World, full_body, inspect};

fn frames(frames: impl futures_util::Stream<Item = Frame<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(frames.map(Ok::<_, BoxError>)).boxed_unsync()
}

fn trailers() -> Frame<Bytes> {
    let value = HeaderValue::from_static("fine");
    Frame::trailers(HeaderMap::from_iter([("x-end".parse().unwrap(), value)]))
}

/// Pieces go in one by one, each after the one before has come out: nobody waits for the end.
async fn echoes(name: &str) {
    let house = House::new();
    let component = house.run(name).await;
    let (send, pieces) = tokio::sync::mpsc::unbounded_channel::<Frame<Bytes>>();
    let pieces = futures_util::stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (piece, pieces))
    });
    let request = request("/", "").map(|_| frames(pieces));
    send.send(Frame::data(Bytes::from_static(b"first")))
        .unwrap();
    let mut body = call(&component, request).await.unwrap().into_body();
    let next = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(next, "first");
    send.send(Frame::data(Bytes::from_static(b"second")))
        .unwrap();
    let next = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(next, "second");
    send.send(trailers()).unwrap();
    drop(send);
    let end = body
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_trailers()
        .unwrap();
    assert_eq!(end["x-end"], "fine");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_proxy_of_0_2_streams_both_ways() {
    echoes("echo").await;
}

#[tokio::test]
async fn a_service_of_0_3_answers() {
    let house = House::new();
    let start = Start {
        instances: Instances::Keep,
        ..start()
    };
    let component = house.run_with("service3", start).await;
    for _ in 0..3 {
        assert_eq!(ask(&component, "/").await.unwrap(), "served");
    }
    assert_eq!(house.wasm.counters().instances_made, 1);
}

#[tokio::test]
async fn a_service_of_0_3_streams_both_ways() {
    echoes("echo3").await;
}

#[tokio::test]
async fn many_requests_at_once_are_answered() {
    let house = House::new();
    for name in ["count", "service3"] {
        let component = house.run(name).await;
        let asked = (0..100).map(|_| ask(&component, "/"));
        for answer in futures_util::future::join_all(asked).await {
            answer.unwrap();
        }
        assert!(component.instances() <= 4);
    }
}

#[tokio::test]
async fn middlewares_stand_in_a_chain() {
    let house = House::new();
    // The last asks what comes next, which sees a request as a server would.
    let seen = Arc::new(Mutex::new(None));
    let seen_by_next = Arc::clone(&seen);
    let last = house
        .run_with(
            "shift",
            Start {
                next: Arc::new(NextOf(move |request: Request<Body>| {
                    let host = request.headers()["host"].clone();
                    *seen_by_next.lock().unwrap() = Some((request.uri().clone(), host));
                    Box::pin(async { Response::new(full_body("HAL")) }) as _
                })),
                ..start()
            },
        )
        .await;
    let first = house
        .run_with(
            "middleware3",
            Start {
                next: Arc::new(NextOf(move |request: Request<Body>| {
                    assert_eq!(request.uri(), "/some?path");
                    let last = Arc::clone(&last);
                    Box::pin(async move { last.call(request).await.unwrap() }) as _
                })),
                ..start()
            },
        )
        .await;
    assert_eq!(ask(&first, "/some?path").await.unwrap(), "IBM");
    let (uri, host) = seen.lock().unwrap().take().unwrap();
    assert_eq!(uri, "/");
    assert_eq!(host, "client.example:81");
}

#[tokio::test]
async fn settings_and_environment_reach_the_component() {
    let house = House::new();
    let config = BTreeMap::from([("greeting".to_owned(), "hello".to_owned())]);
    let start = Start { config, ..start() };
    let component = house.run_with("settings", start).await;
    let told = ask(&component, "/").await.unwrap();
    assert_eq!(told, "hello\nNEXT=http://next\ngreeting=hello\n");
}

#[tokio::test]
async fn what_a_component_prints_is_logged_line_by_line_and_not_without_end() {
    let house = House::new();
    let lines = Arc::new(Lines::default());
    let start = Start {
        log: Arc::clone(&lines) as _,
        ..start()
    };
    let component = house.run_with("print", start).await;
    ask(&component, "/").await.unwrap();
    let stopped = Arc::downgrade(&component);
    drop(component);
    assert!(stopped.upgrade().is_none());
    until("the last line is told", || {
        lines
            .0
            .lock()
            .unwrap()
            .last()
            .is_some_and(|(_, line)| line.starts_with('…'))
    })
    .await;
    let lines = lines.0.lock().unwrap();
    let line = |stream, text: &str| (stream, text.to_owned());
    assert_eq!(lines[0], line(Stream::Output, "out"));
    assert_eq!(lines[1], line(Stream::Error, "err"));
    assert_eq!(lines[2], line(Stream::Error, "more"));
    // A slow machine may see more than one second.
    assert!(lines.len() < 1_000, "{}", lines.len());
    assert!(house.wasm.counters().lines_dropped > 0);
}

/// The configuration of "outside".
fn host(host: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("host".to_owned(), host.to_owned())])
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_denied() {
    let house = House::new();
    let start = Start {
        config: host("example.org"),
        hosts: vec!["other.org".to_owned()],
        ..start()
    };
    let component = house.run_with("outside", start).await;
    // HTTP-request-denied is the sixteenth error.
    assert_eq!(ask(&component, "/").await.unwrap(), "P");
    assert_eq!(house.wasm.counters().denied_hosts, 1);
}

#[tokio::test]
async fn a_host_that_is_allowed_is_reached_by_the_embedders_client() {
    let house = House::new();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let start = Start {
        config: host("example.org:8080"),
        hosts: vec!["Example.org:8080".to_owned()],
        outgoing: Arc::new(Out(move |request: Request<Body>| {
            assert_eq!(request.uri(), "http://example.org:8080/");
            assert_eq!(request.headers()["host"], "example.org:8080");
            let fails = counted.fetch_add(1, Ordering::Relaxed) > 0;
            Box::pin(async move {
                if fails {
                    return Err(Unsent::NotConnected("it is gone".to_owned()));
                }
                Ok(Response::new(full_body("")))
            }) as _
        })),
        ..start()
    };
    let component = house.run_with("outside", start).await;
    assert_eq!(ask(&component, "/").await.unwrap(), "+");
    // connection-refused is the seventh.
    assert_eq!(ask(&component, "/").await.unwrap(), "G");
}

#[tokio::test]
async fn the_authority_of_the_request_itself_leads_to_the_next() {
    let house = House::new();
    let start = Start {
        config: host("client.example:81"),
        next: Arc::new(NextOf(|request: Request<Body>| {
            assert_eq!(request.headers()["host"], "client.example:81");
            Box::pin(async { Response::new(full_body("")) }) as _
        })),
        ..start()
    };
    let component = house.run_with("outside", start).await;
    // The second request in an instance was taken for nobody's.
    for _ in 0..3 {
        assert_eq!(ask(&component, "/").await.unwrap(), "+");
    }
    assert_eq!(house.wasm.counters().denied_hosts, 0);
}

#[tokio::test]
async fn a_component_keeps_its_memory_when_told_to() {
    let house = House::with(|settings| settings.reuse = 2);
    let start = Start {
        instances: Instances::Keep,
        ..start()
    };
    let component = house.run_with("count", start).await;
    let mut told = String::new();
    for _ in 0..6 {
        told += &ask(&component, "/").await.unwrap();
    }
    assert_eq!(told, "abcdef");
    // Otherwise an instance is replaced after that many.
    let component = house.run("count").await;
    let mut told = String::new();
    for _ in 0..6 {
        told += &ask(&component, "/").await.unwrap();
    }
    assert_eq!(told, "ababab");
}

/// What JavaScript tools make of 0.2 answered once and was silent from then on, because its
/// instance was given a second request.
#[tokio::test]
async fn a_component_of_0_2_has_an_instance_for_each_request_unless_it_is_said_to_be_reused() {
    let house = House::new();
    for (reuse, wanted) in [(None, "aaa"), (Some(2), "aba")] {
        let component = house.run_with("count", Start { reuse, ..start() }).await;
        let mut told = String::new();
        for _ in 0..3 {
            told += &ask(&component, "/").await.unwrap();
        }
        assert_eq!(told, wanted);
    }
    let before = house.wasm.counters().instances_made;
    let reuse = None;
    let component = house.run_with("service3", Start { reuse, ..start() }).await;
    for _ in 0..3 {
        ask(&component, "/").await.unwrap();
    }
    assert_eq!(house.wasm.counters().instances_made, before + 1);
}

#[tokio::test]
async fn a_large_body_streams_with_little_memory() {
    const PIECE: usize = 256 << 10;
    const PIECES: u64 = 256;
    let house = House::new();
    let component = house.run("echo").await;
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let pieces = futures_util::stream::iter(0..PIECES).map(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Frame::data(Bytes::from(vec![7; PIECE]))
    });
    let request = request("/", "").map(|_| frames(pieces));
    let mut body = call(&component, request).await.unwrap().into_body();
    let mut got = 0_u64;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.iter().all(|byte| *byte == 7));
        got += data.len() as u64;
        // What is on its way is bounded by a few pieces.
        let ahead = sent.load(Ordering::Relaxed) * PIECE as u64 - got;
        assert!(ahead <= 4 * PIECE as u64, "{ahead} bytes ahead");
    }
    assert_eq!(got, PIECES * PIECE as u64);
    assert!(house.wasm.counters().memory_bytes < 1 << 20);
}

#[test]
fn a_component_tells_its_world() {
    let told = inspect(&guest("echo")).unwrap();
    assert_eq!(
        (told.world, told.world_version.as_str()),
        (World::Proxy, "0.2.0")
    );
    assert!(
        told.imports
            .contains(&"wasi:http/outgoing-handler@0.2.0".to_owned())
    );
    assert_eq!(told.exports, ["wasi:http/incoming-handler@0.2.0"]);
    assert_eq!(inspect(&guest("service3")).unwrap().world, World::Service);
    assert_eq!(
        inspect(&guest("middleware3")).unwrap().world,
        World::Middleware
    );
}

#[test]
fn a_component_tells_its_name_and_version() {
    let text = r#"(component $named
        (@custom "version" "1.2.3") (@custom "description" "does nothing")
        (instance $handler) (export "wasi:http/handler@0.3.1" (instance $handler)))"#;
    let told = inspect(&wat::parse_str(text).unwrap()).unwrap();
    assert_eq!(told.name.as_deref(), Some("named"));
    assert_eq!(told.version.as_deref(), Some("1.2.3"));
    assert_eq!(told.description.as_deref(), Some("does nothing"));
    assert_eq!(told.world_version, "0.3.1");
}

#[test]
fn what_is_no_component_of_a_world_is_refused_with_a_reason() {
    let refused = |text: &str| {
        inspect(&wat::parse_str(text).unwrap())
            .unwrap_err()
            .to_string()
    };
    let told = refused("(module)");
    assert!(told.contains("it is a core module"), "{told}");
    let told = refused("(component)");
    assert!(told.contains("it exports nothing"), "{told}");
    let told =
        refused(r#"(component (instance $run) (export "wasi:cli/run@0.2.0" (instance $run)))"#);
    assert!(told.contains("it exports wasi:cli/run@0.2.0"), "{told}");
    for length in 0..64 {
        assert!(inspect(&guest("echo")[..length]).is_err());
    }
}

/// The length that a response to HEAD names is that of a body that does not come. It was
/// looked for, and missed: the response broke off with `HttpResponseBodySize`.
#[tokio::test]
async fn a_response_to_head_has_the_length_of_a_body_that_does_not_come() {
    let house = House::new();
    let samples = ["cap-quality", "cache", "watermark"].map(|name| (name, sample(name)));
    let passes_on = ("middleware3", guest("middleware3"));
    for (name, bytes) in [passes_on].into_iter().chain(samples) {
        let next = NextOf(|request: Request<Body>| {
            assert_eq!(request.method(), "HEAD");
            let response = Response::builder()
                .header("content-type", "video/mp2t")
                .header("content-length", "1000");
            let response = response.body(full_body("")).unwrap();
            Box::pin(async { response }) as _
        });
        let next = Arc::new(next);
        let code = house.load_bytes(bytes).await;
        let started = house.wasm.start(code, Start { next, ..start() });
        let component = started.await.unwrap();
        let mut head = request("/film.ts", "");
        *head.method_mut() = http::Method::HEAD;
        let response = call(&component, head).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(response.headers()["content-length"], "1000", "{name}");
        assert_eq!(read(response).await.unwrap(), "", "{name}");
    }
}
