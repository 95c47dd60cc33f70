//! Every change goes into the audit log before it is answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;

use super::auth::Client;
use super::extract::Params;
use super::model::AuditInfo;
use super::problem::Said;
use super::rights::{Caller, Origin, Via};
use super::{Kind, Problem, Shared};
use crate::FileError;
use crate::audit::{Change, Wanted};

/// Entries in an answer, unless it is asked for fewer.
const MOST: usize = 1000;
/// So long is waited for a new entry.
const PATIENCE: Duration = Duration::from_secs(25);

/// What a change is of, where its handler alone knows.
#[derive(Debug, Clone, Default)]
pub(super) struct On(Arc<Mutex<Option<String>>>);

impl On {
    /// Says it.
    pub(super) fn is(&self, what: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.into());
    }

    fn said(&self) -> Option<String> {
        let said = self.0.lock();
        said.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Has a change written down, and only then answered. Without room for that nothing is changed.
pub(super) async fn write_down(
    State((shared, what)): State<(Arc<Shared>, &'static str)>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let name = shared.parts.name.clone();
    let audit = shared.parts.audit.clone();
    let permit = blocking(move || audit.permit()).await.map_err(|error| {
        let what = format!(
            "nothing was changed, because that could not be written into the audit log: {error}; \
             make room on the disk of {name}"
        );
        Kind::NoRoom.because(what).at(&name)
    })?;
    let extensions = request.extensions_mut();
    let (Some(Origin(origin)), Some(caller)) = (
        extensions.get().cloned(),
        extensions.get::<Caller>().cloned(),
    ) else {
        return Err(Kind::Protocol.because("the request says nothing of who asks"));
    };
    let on = On::default();
    // What cannot be read is refused by whoever handles it.
    if let Some((_, param)) = params.iter().flat_map(RawPathParams::iter).next() {
        on.is(param);
    }
    extensions.insert(on.clone());
    let via = extensions.get::<Via>().and_then(|via| via.0.as_ref());
    let client = extensions.get().map(|client: &Client| client.0);
    let from = match via {
        Some(neighbour) => neighbour.to_string(),
        None => client.map_or_else(String::new, |client: SocketAddr| client.to_string()),
    };
    // A client that goes away leaves a change that is under way, and it is written down.
    let done = tokio::spawn(async move {
        let response = next.run(request).await;
        let status = response.status();
        let failed = status.is_client_error() || status.is_server_error();
        let said = response.extensions().get::<Said>();
        let said = said.map_or_else(|| status.to_string(), |said| said.0.clone());
        let change = Change {
            token: caller.token,
            user: caller.user,
            origin,
            from,
            what,
            on: on.said(),
            status: Some(status.as_u16()),
            why: failed.then_some(said),
        };
        let written = blocking(move || permit.finish(&change)).await;
        written.map(|()| response)
    });
    let done = done.await.map_err(|error| error.to_string());
    let done = done.and_then(|written| written.map_err(|error| error.to_string()));
    done.map_err(|error| {
        let what = format!(
            "it was done as far as the place could, but is not in the audit log yet: {error}; it \
             is written there before the next change is made"
        );
        Kind::Failed.because(what).at(&name)
    })
}

/// Does it where it may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(FileError::new("audit".as_ref(), error)))
}

/// Which entries are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    after: Option<u64>,
    since: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    wait: bool,
}

/// The audit log: what was changed at the place, when, by whom and from where, the oldest first.
///
/// The latest 1000 entries of those that are asked for, or `limit` of them if that is less. With
/// `wait=true`, and if there is none, the answer comes with the next one, or empty after 25 seconds.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "places",
    params(
        ("after" = Option<u64>, Query, description = "Only those with greater numbers"),
        ("since" = Option<u64>, Query, description = "Only those since then, in milliseconds since 1970"),
        ("limit" = Option<usize>, Query, description = "Only the latest so many"),
        ("wait" = Option<bool>, Query, description = "Wait for one if there is none"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = [AuditInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Params(which): Params<Which>,
) -> Result<Json<Vec<AuditInfo>>, Problem> {
    let name = &shared.parts.name;
    let wanted = Wanted {
        after: which.after.unwrap_or(0),
        since: which.since.unwrap_or(0),
        most: which.limit.unwrap_or(MOST).min(MOST),
    };
    let mut news = shared.parts.audit.news();
    let waiting = async {
        if which.wait {
            let _ = news.wait_for(|number| *number > wanted.after).await;
        }
    };
    tokio::select! {
        () = waiting => {}
        () = tokio::time::sleep(PATIENCE) => {}
        () = shared.stopping.cancelled() => return Err(Problem::from(crate::Stopping).at(name)),
    }
    let audit = shared.parts.audit.clone();
    let list = blocking(move || audit.list(wanted)).await;
    let list = list.map_err(|error| Kind::Failed.because(error.to_string()).at(name))?;
    Ok(Json(list))
}
