//! The builtin `upstream`: an existing HTTP server elsewhere.

use http::header::{HOST, HeaderValue, LOCATION};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Request, Response};
use waybook_location_tree::PlaceName;

use super::super::chain::{Answer, NextHop};
use super::super::problem::{ProblemKind, problem};
use super::Running;
use super::outgoing::{NoResponse, Outgoing};
use crate::Body;

/// A server elsewhere, below a path of it.
pub(super) struct Upstream {
    base: Base,
    outgoing: Outgoing,
}

/// `http://authority/path`, the path without its last slash.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Base {
    authority: Authority,
    path: String,
}

impl Upstream {
    /// Leads to `url`, if that begins with one of the allowed prefixes.
    pub(super) fn new(allowed: &[String], url: &str, outgoing: Outgoing) -> Result<Self, String> {
        let base = Base::parse(url)?;
        let below = |prefix: &String| Base::parse(prefix).is_ok_and(|one| one.contains(&base));
        if !allowed.iter().any(below) {
            return Err(format!("this place does not allow the upstream `{url}`"));
        }
        Ok(Self { base, outgoing })
    }
}

impl Base {
    fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}`: {error}"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(format!("`{url}` has to begin with http://"));
        }
        if uri.query().is_some() || climbs(uri.path()) {
            return Err(format!("`{url}` must have neither a query nor `..`"));
        }
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'))
            .ok_or_else(|| format!("`{url}` has to name a host and no user"))?;
        Ok(Self {
            authority: authority.clone(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// By whole labels of the path: `/films` does not contain `/films-of-others`.
    fn contains(&self, other: &Self) -> bool {
        let port = |authority: &Authority| authority.port_u16().unwrap_or(80);
        let host = self.authority.host();
        host.eq_ignore_ascii_case(other.authority.host())
            && port(&self.authority) == port(&other.authority)
            && other
                .path
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn url(&self, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        let path = path.map_or("/", PathAndQuery::as_str);
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.path))
            .build()
    }

    /// What the server says of itself, as seen from the session.
    fn relocate(&self, headers: &mut HeaderMap) {
        let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
            return;
        };
        let Ok(uri) = location.parse::<Uri>() else {
            return;
        };
        let own = match uri.authority() {
            None => location.starts_with('/') && !location.starts_with("//"),
            Some(authority) => {
                uri.scheme() == Some(&Scheme::HTTP)
                    && authority.host().eq_ignore_ascii_case(self.authority.host())
                    && authority.port_u16().unwrap_or(80) == self.authority.port_u16().unwrap_or(80)
            }
        };
        if !own {
            return;
        }
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let Some(rest) = path.strip_prefix(&self.path) else {
            return;
        };
        if (rest.is_empty() || rest.starts_with('/'))
            && let Ok(value) = HeaderValue::from_str(if rest.is_empty() { "/" } else { rest })
        {
            headers.insert(LOCATION, value);
        }
    }
}

/// Whether a path could lead above where it begins.
fn climbs(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    let plain = plain.replace("%2f", "/").replace("%5c", "/");
    plain.split(['/', '\\']).any(|label| label == "..")
}

impl Running for Upstream {
    fn call(&self, mut request: Request<Body>, next: NextHop) -> Answer {
        let (base, outgoing) = (self.base.clone(), self.outgoing.clone());
        Box::pin(async move {
            let here = next.place();
            if climbs(request.uri().path()) {
                return problem(
                    here,
                    ProblemKind::BadRequest,
                    "the path must not contain `..`",
                );
            }
            match base.url(request.uri().path_and_query()) {
                Ok(url) => *request.uri_mut() = url,
                Err(error) => return problem(here, ProblemKind::BadRequest, &error.to_string()),
            }
            // The server answers for its own name, not for the gateway's.
            request.headers_mut().remove(HOST);
            match outgoing.send(request).await {
                Ok(mut response) => {
                    base.relocate(response.headers_mut());
                    response
                }
                Err(error) => no_response(here, &base, error),
            }
        })
    }
}

fn no_response(here: &PlaceName, base: &Base, error: NoResponse) -> Response<Body> {
    let server = &base.authority;
    match error {
        NoResponse::NotConnected(why) | NoResponse::Broken(why) => {
            let detail = format!("{server}: {why}");
            problem(here, ProblemKind::UpstreamUnreachable, &detail)
        }
        NoResponse::TimedOut(after) => {
            let detail = format!("{server} did not answer within {after:?}");
            problem(here, ProblemKind::ComponentTimeout, &detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_allows_what_is_below_it_and_nothing_else() {
        let allowed = Base::parse("http://media.example/films/").unwrap();
        let allows = |url: &str| Base::parse(url).is_ok_and(|base| allowed.contains(&base));
        assert!(allows("http://media.example/films"));
        assert!(allows("http://MEDIA.example:80/films/new"));
        for url in [
            "http://media.example/",
            "http://media.example/films-of-others",
            "http://media.example:8080/films",
            "http://media.example.evil/films",
            "http://media.example@evil/films",
            "http://media.example/films/../secret",
            "http://media.example/films/%2E%2e/secret",
            "https://media.example/films",
            "/films",
        ] {
            assert!(!allows(url), "{url}");
        }
    }

    #[test]
    fn redirects_of_the_server_itself_stay_in_the_session() {
        let base = Base::parse("http://media.example/films").unwrap();
        for (given, seen) in [
            ("http://media.example/films/a?b", "/a?b"),
            ("/films/a", "/a"),
            ("a", "a"),
            (
                "http://other.example/films/a",
                "http://other.example/films/a",
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(given));
            base.relocate(&mut headers);
            assert_eq!(headers[LOCATION], seen);
        }
    }
}
