//! The header fields that a place may not pass on as they are, and those that it adds.

use std::net::SocketAddr;

use http::header::{
    CONNECTION, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{Request, Response, Uri, Version};
use waybook_location_tree::PlaceName;

use crate::Body;

/// Says which session a request between two places belongs to.
pub(super) const SESSION: HeaderName = HeaderName::from_static("waybook-session");

/// Makes a request that arrived fit to be sent on: HTTP/1.1 in origin form, with a
/// `Host`, without fields for the connection that it came on (RFC 9110, section 7.6.1).
pub(super) fn clean_request(request: &mut Request<Body>, place: &PlaceName) {
    let version = request.version();
    let authority = request.uri().authority().map(ToString::to_string);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    if !headers.contains_key(HOST)
        && let Some(host) = authority.and_then(|text| HeaderValue::try_from(text).ok())
    {
        headers.insert(HOST, host);
    }
    let trailers = accepts_trailers(headers);
    drop_hop_by_hop(headers);
    headers.remove(SESSION);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    add_via(headers, version, place);
}

/// Makes a response fit to be sent on.
pub(super) fn clean_response(response: &mut Response<Body>, place: &PlaceName) {
    drop_hop_by_hop(response.headers_mut());
    let version = response.version();
    *response.version_mut() = Version::HTTP_11;
    add_via(response.headers_mut(), version, place);
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let coding = coding.split(';').next().unwrap_or_default();
            coding.trim().eq_ignore_ascii_case("trailers")
        })
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Framing is hyper's; a peer must not talk it out of that.
        .filter(|name| name != http::header::CONTENT_LENGTH && name != HOST)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

fn add_via(headers: &mut HeaderMap, version: Version, place: &PlaceName) {
    let protocol = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    };
    append(headers, &VIA, &via(protocol, place));
}

/// What a place says of itself in `Via`.
pub(super) fn via(protocol: &str, place: &PlaceName) -> String {
    // A pseudonym has to be one token; the name is reversed as in the certificate.
    let labels: Vec<&str> = place.labels().rev().collect();
    format!("{protocol} {}", labels.join("."))
}

/// Says for whom the gateway forwards (RFC 7239).
pub(super) fn add_forwarded(headers: &mut HeaderMap, client: SocketAddr) {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| !host.contains(['"', '\\']));
    let host = host.map(|host| format!(";host=\"{host}\""));
    let value = format!("for=\"{client}\";proto=http{}", host.unwrap_or_default());
    append(headers, &FORWARDED, &value);
}

/// Adds to the end of a list field.
fn append(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

/// Keeps what a response refers to by absolute path below the session's path, for
/// clients that use the path form of its URL.
pub(super) fn stay_below(headers: &mut HeaderMap, prefix: &str) {
    if let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok())
        && location.starts_with('/')
        && !location.starts_with("//")
        && let Ok(below) = HeaderValue::from_str(&format!("{prefix}{location}"))
    {
        headers.insert(LOCATION, below);
    }
    map_cookies(headers, |cookie| {
        let mut parts = cookie.split(';');
        let mut kept = parts.next().unwrap_or_default().to_owned();
        let mut path = "/".to_owned();
        for part in parts {
            match part.trim().split_once('=') {
                Some((name, value)) if name.trim().eq_ignore_ascii_case("path") => {
                    if value.starts_with('/') {
                        value.clone_into(&mut path);
                    }
                }
                _ => {
                    kept.push(';');
                    kept.push_str(part);
                }
            }
        }
        format!("{kept}; Path={prefix}{path}")
    });
}

/// Keeps cookies to the host that set them: all sessions of a gateway share what lies
/// above it.
pub(super) fn confine_cookies(headers: &mut HeaderMap) {
    map_cookies(headers, |cookie| {
        let kept = cookie.split(';').filter(|part| {
            let name = part.split('=').next().unwrap_or_default();
            !name.trim().eq_ignore_ascii_case("domain")
        });
        kept.collect::<Vec<_>>().join(";")
    });
}

fn map_cookies(headers: &mut HeaderMap, map: impl Fn(&str) -> String) {
    if !headers.contains_key(SET_COOKIE) {
        return;
    }
    let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies {
        // What cannot be read cannot be confined, and is left out.
        if let Ok(text) = cookie.to_str()
            && let Ok(mapped) = HeaderValue::from_str(&map(text))
        {
            headers.append(SET_COOKIE, mapped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::empty_body;

    #[test]
    fn fields_for_one_connection_are_dropped() {
        let mut request = Request::get("http://host.example/a?b")
            .header("connection", "close, x-hop")
            .header("x-hop", "1")
            .header("x-end", "1")
            .header("te", "gzip, trailers")
            .header("waybook-session", "1")
            .header("upgrade", "h2c")
            .body(empty_body())
            .unwrap();
        let place = PlaceName::new("core/lab").unwrap();
        clean_request(&mut request, &place);
        assert_eq!(request.uri(), "/a?b");
        let headers = request.headers();
        assert_eq!(headers[HOST], "host.example");
        assert_eq!(headers[TE], "trailers");
        assert_eq!(headers[VIA], "1.1 lab.core");
        assert!(headers.contains_key("x-end"));
        for gone in ["x-hop", "upgrade", "waybook-session"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn absolute_paths_stay_below_the_session() {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("/login?x"));
        headers.append(
            SET_COOKIE,
            HeaderValue::from_static("a=1; Domain=localhost; Path=/x; HttpOnly"),
        );
        headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        confine_cookies(&mut headers);
        stay_below(&mut headers, "/s/t");
        assert_eq!(headers[LOCATION], "/s/t/login?x");
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; HttpOnly; Path=/s/t/x", "b=2; Path=/s/t/"]);

        headers.insert(LOCATION, HeaderValue::from_static("//other.example/"));
        stay_below(&mut headers, "/s/t");
        assert_eq!(headers[LOCATION], "//other.example/");
    }
}
