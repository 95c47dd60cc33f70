//! Sessions, from open to close, through the API.

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::net::Net;
use super::{TREE, request};

/// The events of a stream as they arrive.
pub(super) async fn next_event(body: &mut Body, buffer: &mut String) -> Option<(String, Value)> {
    loop {
        if let Some(end) = buffer.find("\n\n") {
            let block: String = buffer.drain(..end + 2).collect();
            let field = |key| block.lines().find_map(|line| line.strip_prefix(key));
            if let Some(event) = field("event: ") {
                let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
                return Some((event.to_owned(), data));
            }
            continue;
        }
        let frame = body.frame().await?.unwrap();
        buffer.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
}

pub(super) fn watched(uri: &str, body: &Value) -> Request<Body> {
    let mut open = request("POST", uri, body.to_string());
    open.headers_mut()
        .insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    open
}

#[tokio::test]
async fn a_session_is_opened_shown_and_closed_through_the_tree() {
    let net = Net::start(&TREE);
    assert_eq!(
        net.publish("core/b", "/presentations").await.0,
        StatusCode::OK
    );

    let open = watched("/sessions?at=core/a/lab", &json!({"title": "film"}));
    let response = net.raw("core", open).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let (mut body, mut buffer) = (response.into_body(), String::new());
    let mut steps = Vec::new();
    let established = loop {
        let (event, data) = next_event(&mut body, &mut buffer).await.unwrap();
        match event.as_str() {
            "progress" => steps.push((data["place"].clone(), data["step"]["kind"].clone())),
            "established" => break data,
            _ => panic!("{event}: {data}"),
        }
    };
    for place in ["core/a/lab", "core/a", "core", "core/b"] {
        assert!(steps.contains(&(json!(place), json!("held"))), "{steps:?}");
        assert!(steps.contains(&(json!(place), json!("ready"))), "{steps:?}");
    }
    assert_eq!(established["quality"], "high");
    assert_eq!(established["journey"].as_array().unwrap().len(), 4);
    let booked = &established["journey"][0]["booked"][0];
    assert_eq!(
        *booked,
        json!({"resource": "down", "amount": 4_000_000, "text": "4 Mbit/s"})
    );
    let id = established["session"].as_str().unwrap();
    assert_eq!(established["urls"]["path"], format!("http://gateway/{id}"));

    let session = format!("/sessions/{id}?at=core/a/lab");
    let (status, detail) = net.get("core/b", &session).await;
    assert_eq!(status, StatusCode::OK, "{detail}");
    let hops = detail["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 4);
    assert!(hops.iter().all(|hop| hop["problem"].is_null()), "{detail}");
    assert_eq!(hops[3]["hop"]["components"][0]["name"], "files");
    let (status, problem) = net.get("core/b", &format!("/sessions/{id}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("core/a/lab: ask there"), "{detail}");

    let claim = format!("/sessions/{id}/claim?at=core/a/lab");
    let claim = request("POST", &claim, Body::empty());
    assert_eq!(net.send("core", claim).await.0, StatusCode::NO_CONTENT);
    let (_, sessions) = net.get("core/a/lab", "/sessions").await;
    assert_eq!(sessions[0]["claimed"], true, "{sessions}");

    let end = format!("/sessions/{id}/end?at=core/a/lab");
    let (end, closed) = tokio::join!(net.get("core", &end), async {
        tokio::task::yield_now().await;
        let close = request("DELETE", &session, Body::empty());
        net.send("core/a", close).await
    });
    assert_eq!(closed.0, StatusCode::NO_CONTENT);
    assert_eq!((end.0, &end.1["kind"]), (StatusCode::OK, &json!("closed")));
    let (status, problem) = net.get("core/a/lab", &session).await;
    assert_eq!(
        (status, &problem["end"]["kind"]),
        (StatusCode::GONE, &json!("closed"))
    );
    for place in TREE {
        net.quiet(place).await;
    }
}

/// A close was answered before it was on disk: a crash could bring the session back, and a full
/// disk was not told.
#[tokio::test]
async fn a_close_that_is_not_on_disk_is_told_as_often_as_it_is_asked_for() {
    let net = Net::start(&["core"]);
    assert_eq!(
        net.publish("core", "/presentations").await.0,
        StatusCode::OK
    );
    let open = request("POST", "/sessions", json!({"title": "film"}).to_string());
    let (_, session) = net.send("core", open).await;
    let session = format!("/sessions/{}", session["session"].as_str().unwrap());
    let close = || net.send("core", request("DELETE", &session, Body::empty()));
    net.fill_disks();
    let end = format!("{session}/end");
    for (status, problem) in [close().await, close().await, net.get("core", &end).await] {
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("is over, but core could not write"),
            "{detail}"
        );
        assert!(detail.contains("no space left on device"), "{detail}");
        assert_eq!(problem["end"]["kind"], "closed");
    }
    net.quiet("core").await;
}

#[tokio::test]
async fn a_refusal_says_where_and_how_much() {
    let net = Net::start(&TREE);
    let (status, problem) = net
        .send(
            "core",
            request("POST", "/sessions", json!({"title": "film"}).to_string()),
        )
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "urn:waybook:problem:no-plan");

    assert_eq!(
        net.publish("core/b", "/presentations").await.0,
        StatusCode::OK
    );
    let mut qualities = Vec::new();
    let problem = loop {
        let open = request("POST", "/sessions", json!({"title": "film"}).to_string());
        let (status, answer) = net.send("core/a", open).await;
        match status {
            StatusCode::CREATED => qualities.push(answer["quality"].clone()),
            StatusCode::CONFLICT => break answer,
            _ => panic!("{answer}"),
        }
    };
    // The edges have 10 Mbit/s.
    assert_eq!(qualities, ["high", "high", "low", "low"]);
    assert_eq!(problem["type"], "urn:waybook:problem:refused");
    assert_eq!(problem["solutions"].as_array().unwrap().len(), 2);
    let lack = &problem["refused"][1]["lack"];
    assert_eq!(problem["refused"][1]["quality"], "low");
    assert_eq!(lack["missing"]["text"], "1 Mbit/s", "{problem}");

    let dry = request("POST", "/dry-run", json!({"title": "film"}).to_string());
    let (status, survey) = net.send("core/a", dry).await;
    assert_eq!(
        (status, &survey["chosen"]),
        (StatusCode::OK, &Value::Null),
        "{survey}"
    );
    assert_eq!(survey["solutions"].as_array().unwrap().len(), 2);
}

/// A client that goes away is noticed where its session is being set up, however far
/// that is.
#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_the_other_end() {
    let net = Net::start(&TREE);
    assert_eq!(
        net.publish("core/b", "/presentations").await.0,
        StatusCode::OK
    );
    net.hold(true);
    let open = watched("/sessions?at=core/a/lab", &json!({"title": "film"}));
    let mut body = net.raw("core", open).await.into_body();
    let first = next_event(&mut body, &mut String::new()).await.unwrap();
    assert_eq!(first.0, "progress");
    drop(body);
    net.abandoned().await;
    for place in TREE {
        net.quiet(place).await;
    }
}
