//! Which handler answers what, and which right it takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::rights::{Right, check};
use super::{
    Kind, PREFIX, Problem, Shared, backup, components, events, handlers, invitations, links, log,
    metrics, operate, presentations, sessions, setups,
};

/// Greatest request that is read as a whole; uploads are streams.
const MOST_BODY: usize = 1 << 20;

type Route = (&'static str, Right, MethodRouter<Arc<Shared>>);

/// Every route below [`PREFIX`], with the right that it takes.
fn routes() -> Vec<Route> {
    use Right::{Open, Operate, Read};
    vec![
        ("/place", Read, get(handlers::place)),
        ("/tree", Read, get(handlers::tree)),
        ("/links", Read, get(links::links)),
        ("/metrics", Read, get(metrics::metrics)),
        ("/log", Read, get(log::log)),
        ("/log", Operate, put(log::set_log)),
        ("/drain", Operate, put(operate::drain)),
        ("/drain", Operate, delete(operate::undrain)),
        ("/cordons/{resource}", Operate, put(operate::cordon)),
        ("/cordons/{resource}", Operate, delete(operate::uncordon)),
        ("/reload", Operate, post(operate::reload)),
        ("/backup", Operate, get(backup::backup)),
        ("/invitations", Read, get(invitations::list)),
        ("/invitations", Operate, post(invitations::invite)),
        ("/invitations/{id}", Operate, delete(invitations::revoke)),
        ("/bookings", Read, get(handlers::bookings)),
        ("/presentations", Read, get(presentations::list)),
        ("/presentations", Operate, put(presentations::publish)),
        (
            "/presentations/{title}",
            Operate,
            delete(presentations::withdraw),
        ),
        ("/sessions", Read, get(sessions::list)),
        ("/sessions", Open, post(sessions::open)),
        ("/sessions/{id}", Read, get(sessions::show)),
        ("/sessions/{id}", Open, delete(sessions::close)),
        ("/sessions/{id}/claim", Open, post(sessions::claim)),
        ("/sessions/{id}/end", Read, get(sessions::end)),
        ("/hops", Read, get(events::hops)),
        ("/hops/{id}", Read, get(handlers::hop)),
        ("/setups", Read, get(setups::list)),
        ("/setups/{id}", Read, get(setups::show)),
        ("/setups/{id}/spans", Read, get(setups::spans)),
        ("/setups/{id}/trace", Read, get(setups::trace)),
        ("/refusals", Read, get(events::refusals)),
        ("/walks", Read, get(events::walks)),
        ("/events", Read, get(events::events)),
        ("/dry-run", Open, post(sessions::dry_run)),
        ("/components", Read, get(components::list)),
        ("/components", Operate, post(components::add)),
        ("/components/prefetch", Operate, post(components::prefetch)),
        ("/components/collect", Operate, post(components::collect)),
        ("/components/{id}", Read, get(components::show)),
        ("/components/{id}", Operate, delete(components::remove)),
        ("/components/{id}/pin", Operate, post(components::pin)),
        ("/components/{id}/unpin", Operate, post(components::unpin)),
        ("/code/strategy", Read, get(components::strategy)),
        ("/code/strategy", Operate, put(components::set_strategy)),
    ]
}

/// The right that a request takes, for the description. Looking takes no more than `read`, and
/// what changes something at one path takes one right.
pub(super) fn right_of(method: &http::Method, path: &str) -> Option<Right> {
    let path = path.strip_prefix(PREFIX)?;
    let looks = method == http::Method::GET;
    let rights = routes().into_iter().filter(|(at, ..)| *at == path);
    let mut rights = rights.map(|(_, right, _)| right);
    rights.find(|right| (*right == Right::Read) == looks)
}

/// The handlers. Requests must have passed [`forward`](super::forward), which says where
/// they come from.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for (path, right, handler) in routes() {
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

async fn no_such_method(method: http::Method, uri: http::Uri) -> Problem {
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

    #[tokio::test]
    async fn the_description_tells_of_every_route_and_of_no_other() {
        let shared = crate::api::tests::shared("core");
        let mut routed = BTreeSet::new();
        for (path, right, handler) in routes() {
            let here = methods(path, handler.with_state(shared.clone())).await;
            for route in &here {
                let (method, path) = route.split_once(' ').unwrap();
                let said = right_of(&method.parse().unwrap(), path);
                assert_eq!(said, Some(right), "{route}");
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
