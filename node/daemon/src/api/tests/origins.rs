//! Pages of other origins, as browsers ask on their behalf.

use axum::body::Body;
use http::{Request, StatusCode, header};

use super::net::Net;
use super::request;

const PANEL: &str = "https://panel.example";

fn from(mut request: Request<Body>, origin: &str) -> Request<Body> {
    let origin = origin.parse().unwrap();
    request.headers_mut().insert(header::ORIGIN, origin);
    request
}

fn preflight(origin: &str) -> Request<Body> {
    let mut asked = from(request("OPTIONS", "/sessions", ""), origin);
    let headers = asked.headers_mut();
    headers.remove(header::AUTHORIZATION);
    headers.insert(
        header::ACCESS_CONTROL_REQUEST_METHOD,
        "POST".parse().unwrap(),
    );
    asked
}

#[tokio::test]
async fn a_page_reads_answers_only_if_its_origin_is_named() {
    let net = Net::start(&["core"]);
    let answer = net.raw("core", preflight(PANEL)).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let said = answer.headers();
    assert_eq!(said[header::ACCESS_CONTROL_ALLOW_ORIGIN], PANEL);
    assert!(
        said[header::ACCESS_CONTROL_ALLOW_METHODS]
            .to_str()
            .unwrap()
            .contains("POST")
    );
    let headers = said[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    assert!(
        headers.contains("authorization") && headers.contains("content-type"),
        "{headers}"
    );
    let answer = net
        .raw("core", from(request("GET", "/place", ""), PANEL))
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], PANEL);
    assert_eq!(answer.headers()[header::VARY], "origin");
    // The token is asked for all the same, and its problem can be read.
    let mut without = from(request("GET", "/place", ""), PANEL);
    without.headers_mut().remove(header::AUTHORIZATION);
    let answer = net.raw("core", without).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], PANEL);

    for other in [
        "https://panel.example.org",
        "http://panel.example",
        "https://panel.example:8443",
        "null",
    ] {
        for asked in [preflight(other), from(request("GET", "/place", ""), other)] {
            let answer = net.raw("core", asked).await;
            let said = answer.headers();
            assert_eq!(
                said.get(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                None,
                "{other}"
            );
        }
        let answer = net.raw("core", preflight(other)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{other}");
    }
}
