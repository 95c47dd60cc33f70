//! Publishing and withdrawing.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use waybook_agents::IndexEntry;
use waybook_place::io::Input;
use waybook_plan::Presentation;

use super::audit::On;
use super::extract::{Named, Whole};
use super::model::PresentationInfo;
use super::{Kind, Problem, Shared};

/// The presentations that are served in the place's locality.
#[utoipa::path(
    get,
    path = "/api/v1/presentations",
    tag = "presentations",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [PresentationInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<PresentationInfo>>, Problem> {
    let place = &shared.parts.place;
    let list = place.query(|place, _| place.presentations().cloned().collect());
    // There may be many: the place does not wait until they are put in words.
    let list: Vec<IndexEntry> = list.await?;
    Ok(Json(list.iter().map(Into::into).collect()))
}

/// The place serves a presentation from now on, or a new edition of it.
///
/// The body is a presentation file: TOML, or the same structure as JSON with
/// `Content-Type: application/json`.
#[utoipa::path(
    put,
    path = "/api/v1/presentations",
    tag = "presentations",
    params(("at" = Option<String>, Query, description = "The place that serves it")),
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, body = PresentationInfo), (status = "default", body = Problem))
)]
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Json<PresentationInfo>, Problem> {
    let name = &shared.parts.name;
    let presentation = read(&headers, &body).map_err(|problem| problem.at(name))?;
    on.is(&presentation.title);
    if !presentation.servers.is_empty() && !presentation.servers.contains(name) {
        let servers: Vec<_> = presentation
            .servers
            .iter()
            .map(waybook_location_tree::PlaceName::as_str)
            .collect();
        return Err(Kind::Invalid
            .because(format!(
                "`servers` of `{}` names {}, not {name}: publish it there, or add {name}",
                presentation.title,
                servers.join(", ")
            ))
            .at(name));
    }
    let presentation = Arc::new(presentation);
    shared.parts.place.input(Input::Publish {
        presentation: presentation.clone(),
    });
    let found = own(&shared, presentation.title.clone(), move |found| {
        *found == presentation
    })
    .await?
    .ok_or_else(|| {
        Kind::Rejected
            .because(format!(
                "{name} did not take the presentation: it serves as many as its limit allows"
            ))
            .at(name)
    })?;
    shared.keep(&format!("`{}` is served", found.title)).await?;
    Ok(Json(found))
}

/// The place no longer serves a presentation. Established sessions stay.
#[utoipa::path(
    delete,
    path = "/api/v1/presentations/{title}",
    tag = "presentations",
    params(
        ("title" = String, Path, description = "The title"),
        ("at" = Option<String>, Query, description = "The place that serves it"),
    ),
    responses((status = 204, description = "Withdrawn"), (status = "default", body = Problem))
)]
pub(super) async fn withdraw(
    State(shared): State<Arc<Shared>>,
    Named(title): Named,
) -> Result<StatusCode, Problem> {
    let name = &shared.parts.name;
    if own(&shared, title.clone(), |_| true).await?.is_none() {
        return Err(Kind::NotFound
            .because(format!("{name} does not serve `{title}`"))
            .at(name));
    }
    let done = format!("`{title}` is no longer served");
    shared.parts.place.input(Input::Withdraw { title });
    shared.keep(&done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// This place's own entry of a title, if it is as wanted.
async fn own(
    shared: &Shared,
    title: String,
    wanted: impl FnOnce(&Arc<Presentation>) -> bool + Send + 'static,
) -> Result<Option<PresentationInfo>, Problem> {
    let found = shared
        .parts
        .place
        .query(move |place, _| {
            let name = place.name();
            place
                .presentations()
                .find(|entry| entry.server == *name && entry.presentation.title == title)
                .filter(|entry| wanted(&entry.presentation))
                .map(Into::into)
        })
        .await?;
    Ok(found)
}

/// Reads a presentation as it was sent.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Presentation, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Kind::Malformed.because("the presentation is not UTF-8"))?;
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
    let toml;
    let text = if json {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| Kind::Malformed.because(format!("the JSON is wrong: {error}")))?;
        toml = toml::to_string(&value).map_err(|error| {
            Kind::Invalid.because(format!("the JSON is no presentation: {error}"))
        })?;
        toml.as_str()
    } else {
        text
    };
    Presentation::from_toml(text).map_err(|error| Kind::Invalid.because(error.to_string()))
}
