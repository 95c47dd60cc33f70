//! Code that is brought along: what is held, adding and removing it, and how it comes.

mod add;
mod find;
mod prefetch;
mod store;
mod trust;

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use waybook_agents::DownloadStrategy;
use waybook_place::io::{CodeOrder, Input};
use waybook_plan::{Digest, Release};

use self::find::{Known, known, newest, one_here};
use super::audit::On;
use super::extract::{Form, Named, Params};
use super::model::{CodeDetail, CodeInfo, StrategyForm, StrategyInfo};
use super::{Kind, Problem, Shared};

pub(super) use add::{__path_add, add};
pub(super) use prefetch::{__path_prefetch, prefetch};
pub use store::{CodeFacts, CodeStore, NoStore, Staged, StoreError, Storing};

type Answer<T> = Result<Json<T>, Problem>;

/// How far a list goes.
#[derive(Deserialize)]
pub(super) struct Reach {
    /// Whether what other places of the locality hold is listed too.
    #[serde(default)]
    everywhere: bool,
}

/// The code that is held here, or on its way.
///
/// With `everywhere` all that the place's locality is known to hold, with its holders.
#[utoipa::path(
    get,
    path = "/api/v1/components",
    tag = "components",
    params(
        ("everywhere" = Option<bool>, Query, description = "Also what is held elsewhere in the locality"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = [CodeInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Params(reach): Params<Reach>,
) -> Answer<Vec<CodeInfo>> {
    let mut all = known(&shared).await?;
    all.retain(|known| reach.everywhere || known.here.is_some());
    Ok(Json(all.iter().map(Known::info).collect()))
}

/// All that the place knows of some code: its release, who signed it, who holds it, and
/// which sessions it runs for here.
///
/// Without a version the newest known is shown.
#[utoipa::path(
    get,
    path = "/api/v1/components/{id}",
    tag = "components",
    params(
        ("id" = String, Path, description = "`name@version`, `name`, or `sha256:` and at least six digits"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = CodeDetail), (status = "default", body = Problem))
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Answer<CodeDetail> {
    let all = known(&shared).await?;
    let found = newest(&shared, &all, &id)?;
    let release = found.release.clone();
    let reference = release.reference();
    let (sessions, trusts) = shared
        .parts
        .place
        .query(move |place, now| {
            let runs = |session: &waybook_agents::SessionId| {
                let hop = place.hop(*session, now);
                hop.is_some_and(|hop| hop.components.iter().any(|c| c.name == reference))
            };
            let sessions = place.bookings().map(|booking| booking.session);
            let sessions: Vec<_> = sessions.filter(runs).collect();
            (sessions, place.config().code.trust.clone())
        })
        .await?;
    let verdict = trust::judge(&release, &trusts);
    let signature = release.signature.as_ref();
    Ok(Json(CodeDetail {
        code: found.info(),
        root: blake3::Hash::from_bytes(release.root).to_hex().to_string(),
        signature: signature.map(add::signature_text),
        trusted: verdict.is_ok(),
        trust: verdict.unwrap_or_else(|why| why),
        sessions: sessions.iter().map(ToString::to_string).collect(),
    }))
}

/// The place no longer holds the code, nor offers it. Refused while it runs here.
#[utoipa::path(
    delete,
    path = "/api/v1/components/{id}",
    tag = "components",
    params(
        ("id" = String, Path, description = "`name@version`, or `sha256:` and at least six digits"),
        ("at" = Option<String>, Query, description = "The place that holds it"),
    ),
    responses((status = 204, description = "Removed"), (status = "default", body = Problem))
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    change(&shared, &id, CodeOrder::Remove).await
}

/// Keeps code at the place, whatever else wants its room.
#[utoipa::path(
    post,
    path = "/api/v1/components/{id}/pin",
    tag = "components",
    params(
        ("id" = String, Path, description = "`name@version`, or `sha256:` and at least six digits"),
        ("at" = Option<String>, Query, description = "The place that holds it"),
    ),
    responses((status = 204, description = "Pinned"), (status = "default", body = Problem))
)]
pub(super) async fn pin(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    change(&shared, &id, |digest| CodeOrder::Pin(digest, true)).await
}

/// Keeps code at the place no longer than its room is needed for other code.
#[utoipa::path(
    post,
    path = "/api/v1/components/{id}/unpin",
    tag = "components",
    params(
        ("id" = String, Path, description = "`name@version`, or `sha256:` and at least six digits"),
        ("at" = Option<String>, Query, description = "The place that holds it"),
    ),
    responses((status = 204, description = "No longer pinned"), (status = "default", body = Problem))
)]
pub(super) async fn unpin(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    change(&shared, &id, |digest| CodeOrder::Pin(digest, false)).await
}

async fn change(
    shared: &Shared,
    id: &str,
    how: impl FnOnce(Digest) -> CodeOrder,
) -> Result<StatusCode, Problem> {
    let all = known(shared).await?;
    let found = one_here(shared, &all, id)?;
    order(shared, how(found.release.digest)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drops all code that is neither pinned, nor running, nor was added here, and lists it.
#[utoipa::path(
    post,
    path = "/api/v1/components/collect",
    tag = "components",
    params(("at" = Option<String>, Query, description = "The place that holds it")),
    responses((status = 200, body = [super::model::ReleaseInfo]), (status = "default", body = Problem))
)]
pub(super) async fn collect(
    State(shared): State<Arc<Shared>>,
) -> Answer<Vec<super::model::ReleaseInfo>> {
    let dropped = order(&shared, CodeOrder::Collect).await?;
    Ok(Json(dropped.iter().map(|r| (&**r).into()).collect()))
}

/// How the place's download agents look for code.
#[utoipa::path(
    get,
    path = "/api/v1/code/strategy",
    tag = "components",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = StrategyInfo), (status = "default", body = Problem))
)]
pub(super) async fn strategy(State(shared): State<Arc<Shared>>) -> Answer<StrategyInfo> {
    let strategy = shared
        .parts
        .place
        .query(|place, _| place.config().code.strategy.clone())
        .await?;
    Ok(Json(StrategyInfo {
        place: shared.parts.name.to_string(),
        strategy: strategy.to_string(),
        known: DownloadStrategy::ALL
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    }))
}

/// Changes how download agents that are launched from now on look for code. After a
/// restart the place's configuration counts again.
#[utoipa::path(
    put,
    path = "/api/v1/code/strategy",
    tag = "components",
    params(("at" = Option<String>, Query, description = "The place to tell")),
    request_body = StrategyForm,
    responses((status = 200, body = StrategyInfo), (status = "default", body = Problem))
)]
pub(super) async fn set_strategy(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    Form(form): Form<StrategyForm>,
) -> Answer<StrategyInfo> {
    on.is(&form.strategy);
    let strategy = form.strategy.parse().map_err(|error: String| {
        Kind::Invalid
            .because(format!("`strategy`: {error}"))
            .at(&shared.parts.name)
    })?;
    shared.parts.place.input(Input::Strategy(strategy));
    self::strategy(State(shared)).await
}

/// Has something done by the place.
async fn order(shared: &Shared, order: CodeOrder) -> Result<Vec<Arc<Release>>, Problem> {
    let done = tokio::select! {
        done = shared.parts.place.order(order) => done?,
        () = shared.stopping.cancelled() => Err(crate::Stopping)?,
    };
    let done = done.map_err(|why| Kind::Rejected.because(why).at(&shared.parts.name))?;
    shared.keep("it is done").await?;
    Ok(done)
}
