//! What became of set-ups, and what took how long on the way.

mod together;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use waybook_agents::SessionId;
use waybook_location_tree::PlaceName;

use super::extract::Named;
use super::handlers::session_id;
use super::model::{HopTraceInfo, SetupDetail, SetupInfo, TraceInfo, UntoldInfo};
use super::{Kind, PREFIX, Problem, Shared, forward};
use crate::trace::Setup;

/// Places that are asked about one set-up; no plan leads through as many.
const MOST_PLACES: usize = 256;

/// The set-ups that this place remembers, the latest first: those of its own clients, and those
/// that it was a hop of.
#[utoipa::path(
    get,
    path = "/api/v1/setups",
    tag = "sessions",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [SetupInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<SetupInfo>> {
    Json(shared.parts.setups.each(|setup| setup.into()))
}

/// A set-up with what was tried, why it was refused, and why its session is over if it is.
#[utoipa::path(
    get,
    path = "/api/v1/setups/{id}",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = SetupDetail), (status = "default", body = Problem))
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<Json<SetupDetail>, Problem> {
    let id = session_id(&id)?;
    let setup = remembered(&shared, id)?;
    Ok(Json(SetupDetail::new(&setup, shared.parts.ends.of(id))))
}

/// What this place saw of a set-up.
#[utoipa::path(
    get,
    path = "/api/v1/setups/{id}/spans",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = HopTraceInfo), (status = "default", body = Problem))
)]
pub(super) async fn spans(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<Json<HopTraceInfo>, Problem> {
    let setup = remembered(&shared, session_id(&id)?)?;
    Ok(Json(HopTraceInfo::new(&shared.parts.name, &setup)))
}

/// The trace of a set-up: what all its places saw, in one time.
///
/// Asked at any place of the path, it is that of the client's place.
#[utoipa::path(
    get,
    path = "/api/v1/setups/{id}/trace",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The client's place"),
    ),
    responses((status = 200, body = TraceInfo), (status = "default", body = Problem))
)]
pub(super) async fn trace(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<Json<TraceInfo>, Problem> {
    let session = session_id(&id)?;
    let setup = remembered(&shared, session)?;
    if setup.client != shared.parts.name {
        let path = format!("{PREFIX}/setups/{session}/trace");
        return forward::ask(&shared, &setup.client, &path).await.map(Json);
    }
    let (hops, untold) = gather(&shared, session, &setup).await;
    Ok(Json(TraceInfo {
        setup: (&setup).into(),
        spans: together::together(hops),
        untold,
    }))
}

/// Asks every place that an agent of the set-up went to, those nearest the client first.
async fn gather(
    shared: &Shared,
    session: SessionId,
    setup: &Setup,
) -> (Vec<HopTraceInfo>, Vec<UntoldInfo>) {
    let here = &shared.parts.name;
    let path = format!("{PREFIX}/setups/{session}/spans");
    let mut hops = vec![HopTraceInfo::new(here, setup)];
    let mut untold = Vec::new();
    let mut asked = BTreeSet::from([here.clone()]);
    let mut next: Vec<PlaceName> = setup.went_to().into_iter().cloned().collect();
    while !next.is_empty() && asked.len() < MOST_PLACES {
        asked.extend(next.iter().cloned());
        let answers = next
            .iter()
            .map(|place| forward::ask::<HopTraceInfo>(shared, place, &path));
        let answers = join_all(answers).await;
        let mut further = Vec::new();
        for (place, answer) in next.iter().zip(answers) {
            match answer {
                Ok(hop) => {
                    // Names that are none lead nowhere.
                    let names = hop
                        .went_to
                        .iter()
                        .filter_map(|name| PlaceName::new(name).ok());
                    further.extend(names.filter(|name| !asked.contains(name)));
                    hops.push(hop);
                }
                Err(problem) => untold.push(UntoldInfo {
                    place: place.to_string(),
                    problem: problem.detail,
                }),
            }
        }
        further.sort_unstable();
        further.dedup();
        further.truncate(MOST_PLACES.saturating_sub(asked.len()));
        next = further;
    }
    (hops, untold)
}

fn remembered(shared: &Shared, session: SessionId) -> Result<Setup, Problem> {
    let setups = &shared.parts.setups;
    setups.of(session).ok_or_else(|| {
        let name = &shared.parts.name;
        let detail = match setups.most() {
            0 => format!("{name} remembers no set-ups (its setting `trace.keep` is 0)"),
            most => format!(
                "{name} remembers no set-up of session {session}: it keeps the latest {most} \
                 (its setting `trace.keep`), of this run"
            ),
        };
        Kind::NotFound.because(detail).at(name)
    })
}
