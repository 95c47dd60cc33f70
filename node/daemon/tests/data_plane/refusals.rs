//! What is not let through, and which place says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use waybook_agents::SessionId;
use waybook_daemon::data::DataConfig;
use waybook_daemon::{Body, PeerApi, empty_body, full_body};
use waybook_location_tree::PlaceName;
use waybook_plan::Runtime;

use crate::origin::Origin;
use crate::world::{
    PLACES, Path, Place, SESSION, assert_problem, component, get, name, route, soon, text,
};

/// Sends a request as a neighbour does.
async fn ask(
    place: &Place,
    from: &str,
    session: Option<&str>,
) -> http::Response<hyper::body::Incoming> {
    let (near, far) = tokio::io::duplex(4096);
    let (plane, from) = (place.plane.clone(), name(from));
    tokio::spawn(async move { plane.serve_peer(from, Box::new(far)).await });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::get("/x");
    if let Some(session) = session {
        request = request.header("waybook-session", session);
    }
    let request = request.body(empty_body()).unwrap();
    soon("a response", sender.send_request(request))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_place_takes_a_session_only_from_its_previous_hop() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let place = &path.places[1];
    let session = SessionId(SESSION).to_string();
    assert_eq!(ask(place, PLACES[0], Some(&session)).await.status(), 200);
    for wrong in [PLACES[2], "core/bologna/other"] {
        let response = ask(place, wrong, Some(&session)).await;
        let status = StatusCode::FORBIDDEN;
        assert_problem(response, status, "not-previous-hop", PLACES[1]).await;
    }
    for unknown in ["1234", "", "xyz", &"f".repeat(33)] {
        let response = ask(place, PLACES[0], Some(unknown)).await;
        let status = StatusCode::NOT_FOUND;
        assert_problem(response, status, "unknown-session", PLACES[1]).await;
    }
    let response = ask(place, PLACES[0], None).await;
    assert_problem(response, StatusCode::NOT_FOUND, "not-found", PLACES[1]).await;
    // At the client's place the session has no previous hop at all.
    let response = ask(&path.places[0], PLACES[1], Some(&session)).await;
    assert_problem(
        response,
        StatusCode::FORBIDDEN,
        "not-previous-hop",
        PLACES[0],
    )
    .await;
}

#[tokio::test]
async fn problems_name_the_hop_where_they_arose() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let session = SessionId(SESSION);

    path.places[3].plane.unroute(session);
    let response = get(&path.url).await;
    assert_problem(
        response,
        StatusCode::NOT_FOUND,
        "unknown-session",
        PLACES[3],
    )
    .await;

    let relay = waybook_place::io::InstanceId(1);
    path.places[2].plane.stop(relay);
    let response = get(&path.url).await;
    let status = StatusCode::SERVICE_UNAVAILABLE;
    assert_problem(response, status, "component-unavailable", PLACES[2]).await;

    let mut cut = route(SESSION, &[]);
    cut.previous = Some(name(PLACES[0]));
    cut.next = Some(name("core/bologna/gone"));
    path.places[1].plane.route(cut.clone());
    let response = get(&path.url).await;
    let status = StatusCode::BAD_GATEWAY;
    assert_problem(response, status, "next-place-unreachable", PLACES[1]).await;

    cut.next = None;
    path.places[1].plane.route(cut);
    let response = get(&path.url).await;
    assert_problem(response, status, "no-next-hop", PLACES[1]).await;
}

#[tokio::test]
async fn a_server_that_is_gone_or_silent_is_told_of() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = closed.local_addr().unwrap();
    drop(closed);
    let path = Path::to(gone).await;
    let status = StatusCode::BAD_GATEWAY;
    assert_problem(
        get(&path.url).await,
        status,
        "upstream-unreachable",
        PLACES[4],
    )
    .await;

    let (origin, mut aborts) = Origin::listen().await;
    let url = format!("http://{origin}/");
    let server = component(Runtime::Builtin, "upstream", &[("url", &url)]);
    let path = Path::build(server, |_, config| {
        config.upstreams = vec![url.clone()];
        config.limits.response_timeout = std::time::Duration::from_millis(50);
    })
    .await;
    let response = get(&format!("{}never", path.url)).await;
    let status = StatusCode::GATEWAY_TIMEOUT;
    assert_problem(response, status, "component-timeout", PLACES[4]).await;
    assert_eq!(soon("the request", aborts.recv()).await, Some("waiting"));
    assert_eq!(soon("the abort", aborts.recv()).await, Some("request"));
}

#[tokio::test]
async fn there_are_only_so_many_requests_at_once() {
    let (origin, mut aborts) = Origin::listen().await;
    let url = format!("http://{origin}/");
    let server = component(Runtime::Builtin, "upstream", &[("url", &url)]);
    let path = Path::build(server, |index, config| {
        config.upstreams = vec![url.clone()];
        if index == 2 {
            config.limits.requests = 1;
        }
    })
    .await;
    let open = get(&format!("{}silent", path.url)).await;
    let response = get(&path.url).await;
    assert_eq!(response.headers()["retry-after"], "1");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    assert_problem(response, status, "too-many-requests", PLACES[2]).await;
    drop(open);
    assert_eq!(soon("the abort", aborts.recv()).await, Some("body"));
    assert_eq!(get(&path.url).await.status(), 200);
}

/// One session, or one neighbour, took all the requests that a place lets through.
#[tokio::test]
async fn a_session_and_a_neighbour_have_their_share_of_the_requests() {
    let (origin, mut aborts) = Origin::listen().await;
    let url = format!("http://{origin}/");
    for share in ["requests-per-session", "limits.neighbour-share"] {
        let server = component(Runtime::Builtin, "upstream", &[("url", &url)]);
        let path = Path::build(server, |index, config| {
            config.upstreams = vec![url.clone()];
            if index != 2 {
                return;
            }
            config.limits.requests = 4;
            match share {
                "requests-per-session" => config.limits.requests_per_session = 1,
                _ => config.limits.neighbour_share = 25,
            }
        })
        .await;
        let open = get(&format!("{}silent", path.url)).await;
        let response = get(&path.url).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let said = text(response).await;
        assert!(
            said.contains(share) && said.contains("= 1 is reached"),
            "{said}"
        );
        let counters = path.places[2].plane.gateway_counters();
        assert_eq!((counters.requests, counters.refused_requests), (1, 1));
        drop(open);
        assert_eq!(soon("the abort", aborts.recv()).await, Some("body"));
        assert_eq!(get(&path.url).await.status(), 200);
    }
}

#[tokio::test]
async fn only_what_the_operator_allows_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = directory.path().join("allowed");
    let secret = directory.path().join("secret");
    std::fs::create_dir_all(allowed.join("films")).unwrap();
    std::fs::create_dir_all(&secret).unwrap();
    std::os::unix::fs::symlink(&secret, allowed.join("link")).unwrap();

    let mut strict = Place::alone(DataConfig::new(name("core/strict"), [0; 32]));
    let mut config = DataConfig::new(name("core"), [0; 32]);
    config.files = vec![allowed.clone()];
    config.upstreams = vec!["http://media.example/films/".to_owned()];
    let mut place = Place::alone(config);

    let films = allowed.join("films");
    let builtin = |name, key, value| component(Runtime::Builtin, name, &[(key, value)]);
    let outside = secret.to_str().unwrap();
    for (component, why) in [
        (builtin("files", "root", outside), "allow"),
        (builtin("files", "root", "../secret"), "allow"),
        (builtin("files", "root", "link"), "allow"),
        (builtin("files", "root", "absent"), "allow"),
        (
            builtin("files", "path", "films"),
            "needs the setting `root`",
        ),
        (builtin("upstream", "url", "http://media.example/"), "allow"),
        (
            builtin("upstream", "url", "https://media.example/films/"),
            "http://",
        ),
        (builtin("shell", "command", "true"), "no builtin"),
        (component(Runtime::Process, "sh", &[]), "allow"),
    ] {
        let refused = place.try_start(component.clone()).await.unwrap_err();
        assert!(refused.contains(why), "{component:?}: {refused}");
    }
    for component in [
        builtin("files", "root", "films"),
        builtin("files", "root", films.to_str().unwrap()),
        builtin("upstream", "url", "http://media.example/films/new"),
    ] {
        place.start(component.clone()).await;
        strict.try_start(component).await.unwrap_err();
    }
}

/// Says who asked for what.
struct Api;

impl PeerApi for Api {
    fn call(
        &self,
        from: PlaceName,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        let said = format!("{from} asks for {}", request.uri());
        Box::pin(std::future::ready(Response::new(full_body(said))))
    }
}

#[tokio::test]
async fn requests_without_a_session_are_the_apis() {
    let place = Place::alone(DataConfig::new(name("core"), [0; 32]));
    place.plane.set_peer_api(Arc::new(Api));
    let response = ask(&place, "core/bologna", None).await;
    assert_eq!(text(response).await, "core/bologna asks for /x");
    let response = ask(&place, "core/bologna", Some("1")).await;
    let status = StatusCode::NOT_FOUND;
    assert_problem(response, status, "unknown-session", "core").await;
}
