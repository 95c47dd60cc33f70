//! Every change is written down: who made it, from where, and what became of it.

use std::sync::Arc;

use axum::body::Body;
use futures_util::stream;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::net::Net;
use super::{FILM, TREE, request};

async fn log(net: &Net, at: &str) -> Vec<Value> {
    let (status, list) = net.get(at, "/audit").await;
    assert_eq!(status, StatusCode::OK, "{list}");
    list.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_is_written_down_with_who_made_it() {
    let net = Net::start(&TREE);
    let ann = json!({"name": "ann-ci", "may": ["publish"], "user": "ann"});
    let made = request("POST", "/tokens", ann.to_string());
    let (_, made) = net.send("core", made).await;
    let mut put = request("PUT", "/presentations?at=core/b", FILM);
    let headers = put.headers_mut();
    let text = made["text"].as_str().unwrap();
    headers.insert(
        header::AUTHORIZATION,
        format!("Bearer {text}").parse().unwrap(),
    );
    headers.remove(header::CONTENT_TYPE);
    assert_eq!(net.send("core", put).await.0, StatusCode::OK);

    let here = log(&net, "core").await;
    assert_eq!(here.len(), 1, "{here:?}");
    let entry = &here[0];
    assert_eq!(
        (&entry["what"], &entry["token"]),
        (&json!("token-create"), &json!("owner"))
    );
    assert_eq!(entry["on"], "ann-ci: read,publish for ann");
    assert!(!entry.to_string().contains(&text[4..]), "{entry}");

    let there = log(&net, "core/b").await;
    assert_eq!(there.len(), 1, "{there:?}");
    let entry = &there[0];
    for (field, is) in [
        ("number", json!(1)),
        ("place", json!("core/b")),
        ("token", json!("ann-ci")),
        ("user", json!("ann")),
        ("origin", json!("core")),
        ("from", json!("core")),
        ("what", json!("publish")),
        ("on", json!("film")),
        ("result", json!("done")),
        ("status", json!(200)),
    ] {
        assert_eq!(entry[field], is, "{entry}");
    }
    // A whole line for itself, as other programs read it.
    let file = net.folder("core/b").join("audit/audit.jsonl");
    let file = std::fs::read_to_string(file).unwrap();
    let line: Value = serde_json::from_str(file.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(line, *entry);
}

#[tokio::test]
async fn what_fails_is_written_down_and_what_changes_nothing_is_not() {
    let net = Net::start(&["core"]);
    assert_eq!(
        net.publish("core", "/presentations").await.0,
        StatusCode::OK
    );
    let open = json!({"title": "film"}).to_string();
    let (status, session) = net.send("core", request("POST", "/sessions", open)).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    let session = session["session"].as_str().unwrap();
    net.send(
        "core",
        request("DELETE", &format!("/sessions/{session}"), ""),
    )
    .await;
    net.get("core", "/place").await;
    let withdraw = || request("DELETE", "/presentations/film", "");
    assert_eq!(net.send("core", withdraw()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(net.send("core", withdraw()).await.0, StatusCode::NOT_FOUND);
    let entries = log(&net, "core").await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["what"].as_str().unwrap(),
                entry["result"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("publish", "done"),
            ("withdraw", "done"),
            ("withdraw", "failed")
        ]
    );
    assert_eq!(entries[2]["why"], "core does not serve `film`");

    let (_, later) = net.get("core", "/audit?after=1&limit=1").await;
    assert_eq!(later.as_array().unwrap().len(), 1);
    assert_eq!(later[0]["number"], 3);
    let (status, _) = net.get("core", "/audit?after=soon").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_waits_is_told_of_the_next_change() {
    let net = Net::start(&["core"]);
    let waiting = net.get("core", "/audit?wait=true");
    let changing = net.publish("core", "/presentations");
    let ((_, told), _) = tokio::join!(waiting, changing);
    assert_eq!(told[0]["on"], "film", "{told}");
}

/// Whoever goes away while a change is made has made it.
#[tokio::test]
async fn a_client_that_goes_away_does_not_hide_its_change() {
    let net = Net::start(&["core"]);
    let (reads, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (read, go_on) = (reads.clone(), goes_on.clone());
    let body = stream::once(async move {
        read.notify_one();
        go_on.notified().await;
        Ok::<_, std::io::Error>(FILM)
    });
    let mut put = request("PUT", "/presentations", Body::from_stream(body));
    put.headers_mut().remove(header::CONTENT_TYPE);
    tokio::select! {
        _ = net.send("core", put) => panic!("its body has not come"),
        () = reads.notified() => {}
    }
    goes_on.notify_one();
    let (_, told) = net.get("core", "/audit?wait=true").await;
    assert_eq!(
        (&told[0]["what"], &told[0]["on"]),
        (&json!("publish"), &json!("film"))
    );
    let (_, list) = net.get("core", "/presentations").await;
    assert_eq!(list[0]["title"], "film");
}
