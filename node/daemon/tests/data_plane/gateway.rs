//! The URLs of a session, and pages that play them.

use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waybook_agents::SessionId;
use waybook_daemon::data::DataConfig;
use waybook_daemon::empty_body;

use crate::origin::Origin;
use crate::world::{
    PLACES, Path, Place, SESSION, assert_problem, get, name, route, send, soon, text,
};

#[tokio::test]
async fn both_forms_of_the_url_lead_to_the_server() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let urls = path.places[0].plane.session_url(SessionId(SESSION));
    let response = get(&format!("{}a/b?c", urls.path_url)).await;
    assert!(text(response).await.starts_with("GET /a/b?c\n"));

    // The host form resolves to the loopback address in browsers only.
    let host = urls.host_url.strip_prefix("http://").unwrap();
    let host = host.strip_suffix('/').unwrap();
    let (label, rest) = host.split_once('.').unwrap();
    assert!(label.len() >= 32 && label.len() <= 63);
    assert_eq!(rest, format!("localhost:{}", path.gateway.port()));
    let request = Request::get(format!("http://{}/s/x?y", path.gateway)).header("host", host);
    let response = send(request.body(empty_body()).unwrap()).await;
    assert!(text(response).await.starts_with("GET /s/x?y\n"));

    // A restarted place gives the same URL.
    let again = DataConfig::new(name(PLACES[0]), [7; 32]);
    let again = Place::alone(again).plane.session_url(SessionId(SESSION));
    let token = |url: &str| url.rsplit('/').nth(1).unwrap().to_owned();
    assert_eq!(token(&again.path_url), token(&urls.path_url));
}

#[tokio::test]
async fn pages_of_other_origins_may_play() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let response = get(&format!("{}x", path.url)).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let exposed = &response.headers()["access-control-expose-headers"];
    let exposed = exposed.to_str().unwrap();
    assert!(exposed.contains("Content-Range") && exposed.contains("Content-Length"));

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri(format!("{}x", path.url))
        .header("origin", "https://page.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "range, x-a")
        .body(empty_body())
        .unwrap();
    let response = send(preflight).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-methods"], "PUT");
    assert_eq!(headers["access-control-allow-headers"], "range, x-a");

    // Another OPTIONS is the server's.
    let options = Request::builder().method(Method::OPTIONS);
    let options = options.uri(format!("{}x", path.url)).body(empty_body());
    assert!(
        text(send(options.unwrap()).await)
            .await
            .starts_with("OPTIONS /x\n")
    );
}

#[tokio::test]
async fn redirects_and_cookies_stay_in_the_session() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let response = get(&format!("{}redirect", path.url)).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let prefix = path.url.split_once("/s/").unwrap().1.trim_end_matches('/');
    let prefix = format!("/s/{prefix}");
    assert_eq!(
        response.headers()["location"],
        format!("{prefix}/target?a=b")
    );
    assert_eq!(
        response.headers()["set-cookie"],
        format!("id=1; Path={prefix}/")
    );

    let response = get(&format!("{}?q", path.url.trim_end_matches('/'))).await;
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], format!("{prefix}/?q"));
}

#[tokio::test]
async fn unknown_and_ended_sessions_are_not_found() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let here = PLACES[0];
    let missing = |url: String| async move {
        let response = get(&url).await;
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert_problem(response, StatusCode::NOT_FOUND, "unknown-session", here).await;
    };
    let gateway = path.gateway;
    missing(format!("http://{gateway}/")).await;
    missing(format!("http://{gateway}/s/")).await;
    missing(format!("http://{gateway}/s/{}/", "0".repeat(40))).await;
    // The session's identity is no token.
    missing(format!("http://{gateway}/s/{}/", SessionId(SESSION))).await;
    path.places[0].plane.unroute(SessionId(SESSION));
    missing(path.url.clone()).await;
}

#[tokio::test]
async fn clients_enter_only_where_the_path_begins() {
    let mut place = Place::alone(DataConfig::new(name("core/bologna"), [7; 32]));
    let gateway = place.gateway().await;
    let mut inner = route(1, &[]);
    inner.previous = Some(name("core/bologna/lab"));
    place.plane.route(inner);
    let token = place.plane.session_url(SessionId(1)).path_url;
    let token = token.split_once("/s/").unwrap().1;
    let response = get(&format!("http://{gateway}/s/{token}")).await;
    let status = StatusCode::NOT_FOUND;
    assert_problem(response, status, "unknown-session", "core/bologna").await;
    assert!(place.reported().is_empty());
}

/// A client that connected and said nothing, or never said which version of HTTP it speaks,
/// kept its connection for ever, and so could a few thousand keep all others out.
#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let mut config = DataConfig::new(name("core"), [7; 32]);
    config.limits.header_timeout = std::time::Duration::from_millis(50);
    let place = Place::alone(config);
    let gateway = place.gateway().await;
    for said in ["", "P", "PRI * HTTP/2.0\r\n", "G", "GET / HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // It may be closed, or broken off.
        let _ = soon("the end", stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn upgrades_are_refused_clearly() {
    let (origin, _) = Origin::listen().await;
    let path = Path::to(origin).await;
    let request = Request::get(&path.url)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .body(empty_body())
        .unwrap();
    let status = StatusCode::NOT_IMPLEMENTED;
    assert_problem(
        send(request).await,
        status,
        "upgrade-not-supported",
        PLACES[0],
    )
    .await;
}
