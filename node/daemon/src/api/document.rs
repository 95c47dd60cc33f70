//! The description of the API, made from the handlers and the forms themselves.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    audit, backup, components, events, handlers, invitations, links, log, metrics, operate,
    presentations, profiles, routes, sessions, setups, tokens,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waybook control API",
        description = "What operators and clients ask of a place, at its `[api] listen`; the address \
            that it has is in `runtime.json` in its data folder. Every request may carry \
            `?at=PLACE`: it is then passed on through the tree, and that place answers if the \
            place that it was asked at has the right to. Errors are problem details (RFC 9457)."
    ),
    paths(
        handlers::place,
        handlers::tree,
        handlers::bookings,
        links::links,
        metrics::metrics,
        log::log,
        log::set_log,
        operate::drain,
        operate::undrain,
        operate::cordon,
        operate::uncordon,
        operate::reload,
        backup::backup,
        invitations::invite,
        invitations::list,
        invitations::revoke,
        events::events,
        events::walks,
        events::hops,
        events::refusals,
        handlers::hop,
        presentations::list,
        presentations::publish,
        presentations::withdraw,
        profiles::show,
        sessions::list,
        sessions::open,
        sessions::show,
        sessions::close,
        sessions::claim,
        sessions::end,
        sessions::dry_run,
        setups::list,
        setups::show,
        setups::spans,
        setups::trace,
        components::list,
        components::add,
        components::show,
        components::remove,
        components::pin,
        components::unpin,
        components::prefetch,
        components::collect,
        components::strategy,
        components::set_strategy,
        tokens::list,
        tokens::create,
        tokens::revoke,
        audit::list,
        description,
    ),
    security(("token" = [])),
    modifiers(&Token, &Rights)
)]
struct Description;

/// This description. It needs no token.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "description",
    responses((status = 200, description = "OpenAPI 3.1"))
)]
#[expect(dead_code, reason = "only its description is used")]
fn description() {}

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "The text of the file `token` in the place's data folder, which is good for \
                     everything, or of a token that was made for less (`POST /api/v1/tokens`)",
                ))
                .build(),
        );
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
    }
}

/// Says with each operation which right it takes: of a token, and of `[api.remote]` where another
/// place asks.
struct Rights;

impl Modify for Rights {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use http::Method;
        for (path, item) in &mut openapi.paths.paths {
            let operations = [
                (Method::GET, &mut item.get),
                (Method::PUT, &mut item.put),
                (Method::POST, &mut item.post),
                (Method::PATCH, &mut item.patch),
                (Method::DELETE, &mut item.delete),
            ];
            for (method, operation) in operations {
                if let (Some(operation), Some(right)) = (operation, routes::right_of(&method, path))
                {
                    let said = Extensions::from_iter([("x-waybook-right", right.setting())]);
                    operation.extensions.get_or_insert_default().merge(said);
                }
            }
        }
    }
}

/// The description of the API (OpenAPI 3.1).
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
