//! The API over real places, joined by pipes instead of a network.

mod audit;
mod code;
mod events;
mod net;
mod open;
mod origins;
mod profiles;
mod silent;
mod tokens;

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(super) use code::release;
pub(super) use net::shared;
use net::{Net, TOKEN, name};

use crate::PeerApi;

/// A film that one place serves; its better quality needs 4 Mbit/s of every edge.
const FILM: &str = r#"
title = "film"
[[quality]]
name = "high"
[quality.demand.edge]
to-client = "4 Mbit/s"
[quality.demand.server]
cpu = "500m"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "film" }
[[quality]]
name = "low"
[quality.demand.edge]
to-client = "1 Mbit/s"
[quality.demand.server]
cpu = "250m"
[[quality.component]]
at = "server"
name = "files"
runtime = "builtin"
config = { root = "film" }
"#;

fn request(method: &str, uri: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("/api/v1{uri}"))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap()
    };
    (status, value)
}

impl Net {
    async fn raw(&self, at: &str, request: Request<Body>) -> Response<Body> {
        self.api(at).router().oneshot(request).await.unwrap()
    }

    async fn send(&self, at: &str, request: Request<Body>) -> (StatusCode, Value) {
        json_of(self.raw(at, request).await).await
    }

    async fn get(&self, at: &str, uri: &str) -> (StatusCode, Value) {
        self.send(at, request("GET", uri, Body::empty())).await
    }

    async fn text(&self, at: &str, uri: &str) -> (StatusCode, String) {
        let response = self.raw(at, request("GET", uri, Body::empty())).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn publish(&self, at: &str, uri: &str) -> (StatusCode, Value) {
        let mut request = request("PUT", uri, FILM);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, "application/toml".parse().unwrap());
        self.send(at, request).await
    }
}

const TREE: [&str; 4] = ["core", "core/a", "core/a/lab", "core/b"];

#[tokio::test]
async fn a_local_client_shows_the_token() {
    let net = Net::start(&TREE);
    for shown in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer wrong"),
        Some("Basic x"),
    ] {
        let mut request = request("GET", "/place", Body::empty());
        request.headers_mut().remove(header::AUTHORIZATION);
        if let Some(shown) = shown {
            let shown = shown.parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, shown);
        }
        let response = net.raw("core", request).await;
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let (status, problem) = json_of(response).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{shown:?}");
        assert_eq!(problem["type"], "urn:waybook:problem:unauthorized");
    }
    let (status, place) = net.get("core", "/place").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(place["name"], "core");
    assert_eq!(place["links"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_of_the_api_is_a_problem_too() {
    let net = Net::start(&["core"]);
    let (status, problem) = net.get("core", "/nothing").await;
    assert_eq!(
        (status, &problem["status"]),
        (StatusCode::NOT_FOUND, &json!(404))
    );
    assert_eq!(problem["type"], "urn:waybook:problem:no-such-path");
    let request = request("PATCH", "/place", Body::empty());
    let (status, problem) = net.send("core", request).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(problem["type"], "urn:waybook:problem:no-such-method");
}

/// They were lines of text, which no client of the API understands.
#[tokio::test]
async fn a_name_or_a_body_that_cannot_be_read_is_a_problem_too() {
    let net = Net::start(&["core"]);
    for (method, uri) in [
        ("GET", "/components/%ff"),
        ("DELETE", "/presentations/%ff"),
        ("GET", "/sessions/%ff"),
        ("GET", "/hops/%ff"),
    ] {
        let (status, problem) = net.send("core", request(method, uri, "")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(problem["type"], "urn:waybook:problem:malformed", "{uri}");
    }
    for (method, uri) in [("PUT", "/presentations"), ("POST", "/sessions")] {
        let long = request(method, uri, vec![b' '; 2 << 20]);
        let (status, problem) = net.send("core", long).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{uri}");
        assert_eq!(problem["type"], "urn:waybook:problem:too-large", "{uri}");
    }
}

#[tokio::test]
async fn a_request_reaches_any_place_of_the_tree() {
    let net = Net::start(&TREE);
    for from in TREE {
        for to in TREE {
            let (status, place) = net.get(from, &format!("/place?at={to}")).await;
            assert_eq!(
                (status, &place["name"]),
                (StatusCode::OK, &json!(to)),
                "{from}"
            );
        }
    }
    let (status, problem) = net.get("core/b", "/place?at=other/b").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    let (status, _) = net.get("core/b", "/place?at=No%20Name").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_missing_connection_is_named_with_its_edge() {
    let net = Net::start(&TREE);
    net.cut("core/a", "core/a/lab");
    let (status, problem) = net.get("core/b", "/place?at=core/a/lab").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(problem["type"], "urn:waybook:problem:not-connected");
    assert_eq!(problem["place"], "core/a");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("the edge between core/a and core/a/lab"),
        "{detail}"
    );
}

/// An operator was told that a presentation is served when it was on no disk yet, so a crash
/// right after it took it away again.
#[tokio::test]
async fn what_could_not_be_kept_is_told() {
    let net = Net::start(&TREE);
    net.fill_disks();
    let (status, problem) = net.publish("core", "/presentations").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`film` is served") && detail.contains("no space left"),
        "{detail}"
    );
    // It is, as it says.
    let (_, list) = net.get("core", "/presentations").await;
    assert_eq!(list[0]["title"], "film");
}

#[tokio::test]
async fn the_place_asked_decides_who_may_do_what() {
    let net = Net::start(&TREE);
    let (status, problem) = net.publish("core/a/lab", "/presentations?at=core/b").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(problem["place"], "core/b");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("core/a/lab") && detail.contains("api.remote.publish"),
        "{detail}"
    );
    let (_, list) = net.get("core/b", "/presentations").await;
    assert_eq!(list, json!([]));

    let (status, film) = net.publish("core", "/presentations?at=core/b").await;
    assert_eq!(status, StatusCode::OK, "{film}");
    assert_eq!(
        (&film["title"], &film["server"]),
        (&json!("film"), &json!("core/b"))
    );
    let close = |from| {
        let uri = format!("/sessions/{}?at=core/b", "0".repeat(32));
        net.send(from, request("DELETE", &uri, Body::empty()))
    };
    assert_eq!(close("core/a").await.0, StatusCode::FORBIDDEN);
    assert_eq!(close("core").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_neighbour_speaks_only_for_what_stands_behind_it() {
    let net = Net::start(&TREE);
    let api = net.api("core/a");
    for (from, origin, status) in [
        ("core", "core", 200),
        ("core", "core/b", 200),
        ("core/a/lab", "core/a/lab", 200),
        ("core", "core/a", 400),
        ("core", "core/a/lab", 400),
        ("core", "other", 400),
        ("core/a/lab", "core/a", 400),
        ("core/a/lab", "core/b", 400),
        ("core/b", "core/b", 400),
    ] {
        let request = Request::get("/api/v1/place")
            .header("waybook-origin", origin)
            .header("waybook-hops", "1")
            .body(crate::empty_body())
            .unwrap();
        let response = api.call(name(from), request).await;
        assert_eq!(response.status().as_u16(), status, "{from} for {origin}");
    }
    // Back where it came from, without an origin, and after too many edges.
    for (uri, origin, hops) in [
        ("/api/v1/place?at=core/b", Some("core"), "1"),
        ("/api/v1/place", None, "1"),
        ("/api/v1/place?at=core/a/lab", Some("core"), "64"),
        ("/api/v1/place", Some("core"), "0"),
    ] {
        let mut request = Request::get(uri).header("waybook-hops", hops);
        if let Some(origin) = origin {
            request = request.header("waybook-origin", origin);
        }
        let response = api
            .call(name("core"), request.body(crate::empty_body()).unwrap())
            .await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{uri} {hops}");
    }
}

#[tokio::test]
async fn a_wrong_presentation_is_refused_with_its_line() {
    let net = Net::start(&["core"]);
    let wrong = FILM.replace("500m", "500 parrots");
    let mut put = request("PUT", "/presentations", wrong);
    put.headers_mut().remove(header::CONTENT_TYPE);
    let (status, problem) = net.send("core", put).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("line 8") && detail.contains("cpu"),
        "{detail}"
    );

    let elsewhere = format!("servers = [\"core/x\"]\n{FILM}");
    let mut put = request("PUT", "/presentations", elsewhere);
    put.headers_mut().remove(header::CONTENT_TYPE);
    let (status, problem) = net.send("core", put).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");

    let film = json!({"title": "film", "quality": [{"name": "only"}]});
    let put = request("PUT", "/presentations", film.to_string());
    let (status, film) = net.send("core", put).await;
    assert_eq!(status, StatusCode::OK, "{film}");
    let delete = |title| {
        let uri = format!("/presentations/{title}");
        net.send("core", request("DELETE", &uri, Body::empty()))
    };
    assert_eq!(delete("film").await.0, StatusCode::NO_CONTENT);
    assert_eq!(delete("film").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_says_what_is_wrong_with_it() {
    let net = Net::start(&["core"]);
    for (form, status, what) in [
        (json!({"title": "x", "deadline": "soon"}), 422, "`deadline`"),
        (json!({"title": "x", "deadline": -1.0}), 422, "`deadline`"),
        (json!({"title": "x", "idle": "0 s"}), 422, "`idle`"),
        (json!({"title": ""}), 422, "`title`"),
        (json!({"titel": "x"}), 422, "titel"),
        (json!({"title": "x", "key": ""}), 422, "`key`"),
        (json!({"title": "x", "user": "nobody"}), 404, "nobody.toml"),
        (
            json!({"title": "x", "user": "../nobody"}),
            422,
            "no user's name",
        ),
    ] {
        let open = request("POST", "/sessions", form.to_string());
        let (answered, problem) = net.send("core", open).await;
        assert_eq!(answered.as_u16(), status, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{detail}");
    }
    let (status, _) = net.send("core", request("POST", "/sessions", "{")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
