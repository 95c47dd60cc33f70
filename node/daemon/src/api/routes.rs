//! Which handler answers what, and which right it takes.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use http::Method;

use super::rights::{Right, check};
use super::{
    Kind, PREFIX, Problem, Shared, audit, backup, components, events, handlers, invitations, links,
    log, metrics, operate, presentations, profiles, sessions, setups, tokens,
};

/// Greatest request that is read as a whole; uploads are streams.
const MOST_BODY: usize = 1 << 20;

type Route = (Method, &'static str, Right, MethodRouter<Arc<Shared>>);

/// Every route below [`PREFIX`], with the right that it takes.
fn routes() -> Vec<Route> {
    use Right::{Open, Operate, Publish, Read};
    const GET: Method = Method::GET;
    const PUT: Method = Method::PUT;
    const POST: Method = Method::POST;
    const DELETE: Method = Method::DELETE;
    vec![
        (GET, "/place", Read, get(handlers::place)),
        (GET, "/tree", Read, get(handlers::tree)),
        (GET, "/links", Read, get(links::links)),
        (GET, "/metrics", Read, get(metrics::metrics)),
        (GET, "/log", Read, get(log::log)),
        (PUT, "/log", Operate, put(log::set_log)),
        (PUT, "/drain", Operate, put(operate::drain)),
        (DELETE, "/drain", Operate, delete(operate::undrain)),
        (PUT, "/cordons/{resource}", Operate, put(operate::cordon)),
        (
            DELETE,
            "/cordons/{resource}",
            Operate,
            delete(operate::uncordon),
        ),
        (POST, "/reload", Operate, post(operate::reload)),
        (GET, "/backup", Operate, get(backup::backup)),
        (GET, "/invitations", Read, get(invitations::list)),
        (POST, "/invitations", Operate, post(invitations::invite)),
        (
            DELETE,
            "/invitations/{id}",
            Operate,
            delete(invitations::revoke),
        ),
        (GET, "/bookings", Read, get(handlers::bookings)),
        (GET, "/presentations", Read, get(presentations::list)),
        (PUT, "/presentations", Publish, put(presentations::publish)),
        (
            DELETE,
            "/presentations/{title}",
            Publish,
            delete(presentations::withdraw),
        ),
        (GET, "/profiles/{user}", Read, get(profiles::show)),
        (GET, "/sessions", Read, get(sessions::list)),
        (POST, "/sessions", Open, post(sessions::open)),
        (GET, "/sessions/{id}", Read, get(sessions::show)),
        (DELETE, "/sessions/{id}", Open, delete(sessions::close)),
        (POST, "/sessions/{id}/claim", Open, post(sessions::claim)),
        (GET, "/sessions/{id}/end", Read, get(sessions::end)),
        (GET, "/hops", Read, get(events::hops)),
        (GET, "/hops/{id}", Read, get(handlers::hop)),
        (GET, "/setups", Read, get(setups::list)),
        (GET, "/setups/{id}", Read, get(setups::show)),
        (GET, "/setups/{id}/spans", Read, get(setups::spans)),
        (GET, "/setups/{id}/trace", Read, get(setups::trace)),
        (GET, "/refusals", Read, get(events::refusals)),
        (GET, "/walks", Read, get(events::walks)),
        (GET, "/events", Read, get(events::events)),
        (POST, "/dry-run", Open, post(sessions::dry_run)),
        (GET, "/components", Read, get(components::list)),
        (POST, "/components", Publish, post(components::add)),
        (
            POST,
            "/components/prefetch",
            Operate,
            post(components::prefetch),
        ),
        (
            POST,
            "/components/collect",
            Operate,
            post(components::collect),
        ),
        (GET, "/components/{id}", Read, get(components::show)),
        (
            DELETE,
            "/components/{id}",
            Publish,
            delete(components::remove),
        ),
        (POST, "/components/{id}/pin", Operate, post(components::pin)),
        (
            POST,
            "/components/{id}/unpin",
            Operate,
            post(components::unpin),
        ),
        (GET, "/code/strategy", Read, get(components::strategy)),
        (
            PUT,
            "/code/strategy",
            Operate,
            put(components::set_strategy),
        ),
        (GET, "/audit", Operate, get(audit::list)),
        (GET, "/tokens", Operate, get(tokens::list)),
        (POST, "/tokens", Operate, post(tokens::create)),
        (DELETE, "/tokens/{name}", Operate, delete(tokens::revoke)),
    ]
}

/// What [`routes`] says, without the handlers.
static RIGHTS: LazyLock<Vec<(Method, &'static str, Right)>> = LazyLock::new(|| {
    let all = routes().into_iter();
    all.map(|(method, path, right, _)| (method, path, right))
        .collect()
});

/// The right that a request takes, for the description: of a path as it stands there.
pub(super) fn right_of(method: &Method, path: &str) -> Option<Right> {
    let path = path.strip_prefix(PREFIX)?;
    let mut rights = RIGHTS.iter();
    let right = rights.find(|(by, at, _)| by == method && *at == path);
    right.map(|(.., right)| *right)
}

/// The right that a request takes, of a path as somebody asks for it. What is not known here may
/// be anything.
pub(super) fn right_for(method: &Method, path: &str) -> Right {
    if method == Method::GET && path == "/metrics" {
        return Right::Read;
    }
    let Some(path) = path.strip_prefix(PREFIX) else {
        return Right::Operate;
    };
    // Whoever may get something may ask for its head.
    let asked = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let fits = |at: &str| {
        let (mut asked, mut known) = (path.split('/'), at.split('/'));
        loop {
            match (asked.next(), known.next()) {
                (None, None) => return true,
                (Some(part), Some(at)) if part == at || at.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let rights = RIGHTS.iter();
    let rights = rights.filter(|(by, at, _)| by == asked && fits(at));
    // A path may be spelt as it stands, or fit one with a name in it: the greater right counts.
    let rights = rights.map(|(.., right)| *right);
    rights.max().unwrap_or(Right::Operate)
}

/// What goes into the audit log, in its words: all that takes `publish` or `operate` and does not only look.
fn change(method: &Method, path: &str) -> Option<&'static str> {
    Some(match (method.as_str(), path) {
        ("PUT", "/log") => "log",
        ("PUT", "/drain") => "drain",
        ("DELETE", "/drain") => "undrain",
        ("PUT", "/cordons/{resource}") => "cordon",
        ("DELETE", "/cordons/{resource}") => "uncordon",
        ("POST", "/reload") => "reload",
        // It changes nothing; but whoever has it has the place's key.
        ("GET", "/backup") => "backup",
        ("PUT", "/presentations") => "publish",
        ("DELETE", "/presentations/{title}") => "withdraw",
        ("POST", "/components") => "component-add",
        ("POST", "/components/prefetch") => "component-prefetch",
        ("POST", "/components/collect") => "component-collect",
        ("DELETE", "/components/{id}") => "component-remove",
        ("POST", "/components/{id}/pin") => "component-pin",
        ("POST", "/components/{id}/unpin") => "component-unpin",
        ("PUT", "/code/strategy") => "code-strategy",
        ("POST", "/invitations") => "invite",
        ("DELETE", "/invitations/{id}") => "invite-revoke",
        ("POST", "/tokens") => "token-create",
        ("DELETE", "/tokens/{name}") => "token-revoke",
        _ => return None,
    })
}

/// The handlers. Requests must have passed [`forward`](super::forward), which says where
/// they come from.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for (method, path, right, mut handler) in routes() {
        if let Some(what) = change(&method, path) {
            let write_down = from_fn_with_state((shared.clone(), what), audit::write_down);
            handler = handler.route_layer(write_down);
        }
        let guard = from_fn_with_state((shared.clone(), right), check);
        router = router.route(&format!("{PREFIX}{path}"), handler.route_layer(guard));
    }
    // Where collectors look for it, too.
    let guard = from_fn_with_state((shared.clone(), Right::Read), check);
    router = router.route("/metrics", get(metrics::metrics).route_layer(guard));
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(shared.clone())
}

async fn no_such_path(uri: http::Uri) -> Problem {
    Kind::NoSuchPath.because(format!(
        "`{}` is not part of the API; see {PREFIX}/openapi.json",
        uri.path()
    ))
}

async fn no_such_method(method: Method, uri: http::Uri) -> Problem {
    Kind::NoSuchMethod.because(format!(
        "`{}` takes no {method}; see {PREFIX}/openapi.json",
        uri.path()
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The methods of a route, which axum shows only when it refuses another one.
    async fn methods(path: &str, handler: MethodRouter) -> Vec<String> {
        use tower::ServiceExt;
        let request = http::Request::builder()
            .method("TRACE")
            .uri("/")
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = handler.oneshot(request).await.unwrap();
        let allow = answer.headers()[http::header::ALLOW].to_str().unwrap();
        allow
            .split(',')
            .filter(|method| *method != "HEAD")
            .map(|method| format!("{method} {PREFIX}{path}"))
            .collect()
    }

    #[test]
    fn every_change_has_a_word_for_the_audit_log() {
        let mut words = BTreeSet::new();
        for (method, path, right, _) in routes() {
            let changes = right >= Right::Publish && method != Method::GET;
            let changes = changes || path == "/backup";
            let word = change(&method, path);
            assert_eq!(word.is_some(), changes, "{method} {path}");
            assert!(word.is_none_or(|word| words.insert(word)), "{word:?} twice");
        }
    }

    #[tokio::test]
    async fn the_description_tells_of_every_route_and_of_no_other() {
        let shared = crate::api::tests::shared("core");
        let mut routed = BTreeSet::new();
        for (_, path, right, handler) in routes() {
            let here = methods(path, handler.with_state(shared.clone())).await;
            for route in &here {
                let (method, path) = route.split_once(' ').unwrap();
                let said = right_of(&method.parse().unwrap(), path);
                assert_eq!(said, Some(right), "{route}");
                let asked = path.replace(['{', '}'], "");
                let needs = right_for(&method.parse().unwrap(), &asked);
                assert!(needs >= right, "{route} needs {needs:?}");
            }
            routed.extend(here);
        }
        routed.insert(format!("GET {PREFIX}/openapi.json"));

        let document = serde_json::to_value(super::super::document()).unwrap();
        let described: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, operations)| {
                let operations = operations.as_object().unwrap();
                operations
                    .keys()
                    .map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        assert_eq!(routed, described);
    }
}
