//! Opening, showing and closing sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode, header};
use waybook_agents::{SessionId, TraceContext};
use waybook_location_tree::PlaceName;
use waybook_place::SessionView;
use waybook_place::io::{Input, OpenRequest, RecordKey, RequestId};
use waybook_plan::builtin_decision_makers;

use super::extract::{Form, Named};
use super::handlers::{hop_of, session_id};
use super::model::{
    EndInfo, EstablishedInfo, OpenForm, SessionDetail, SessionHop, SessionInfo, SpanForm,
    SurveyInfo,
};
use super::rights::{Caller, Right};
use super::{Kind, PREFIX, Problem, Shared, forward, profiles, stream};

/// The sessions whose client's place this is.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    tag = "sessions",
    params(("at" = Option<String>, Query, description = "The client's place")),
    responses((status = 200, body = [SessionInfo]), (status = "default", body = Problem))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<SessionInfo>>, Problem> {
    let views = shared
        .parts
        .place
        .query(waybook_place::Place::sessions)
        .await?;
    let info = |view| info(&shared, view, &caller);
    Ok(Json(views.iter().map(info).collect()))
}

/// A session as whoever asks may see it: whoever has its URLs can use it, and so they are for those
/// who could have opened it.
fn info(shared: &Shared, view: &SessionView, caller: &Caller) -> SessionInfo {
    let may = caller.may.has(Right::Open) && caller.speaks_for(&view.user, &shared.parts.name);
    let urls = shared.parts.urls.urls(view.hop.session);
    SessionInfo::new(view, urls.filter(|_| may))
}

/// Opens a session at this place.
///
/// With `Accept: text/event-stream` the answer is a stream of events: `progress` while the
/// agent travels, then one `established` or one `refused`, whose data is a problem.
/// Otherwise the answer comes at the end. A session must be claimed soon.
///
/// A `traceparent` (W3C Trace Context) makes the set-up part of the client's own trace.
#[utoipa::path(
    post,
    path = "/api/v1/sessions",
    tag = "sessions",
    params(("at" = Option<String>, Query, description = "The client's place")),
    request_body = OpenForm,
    responses(
        (status = 201, description = "Established", content(
            (EstablishedInfo = "application/json"),
            (super::model::ProgressInfo = "text/event-stream"),
        )),
        (status = 409, description = "Refused", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Form(form): Form<OpenForm>,
) -> Result<Response, Problem> {
    let watch = stream::wants_events(&headers);
    let mut request = request(&shared, &caller, &form, watch).await?;
    request.trace = trace_context(&headers);
    let key = request.key.clone();
    let events = shared.parts.place.open(request);
    if watch {
        return Ok(stream::watched(shared, events, key).into_response());
    }
    let established = stream::last(&shared, events, &key).await?;
    let location = format!("{PREFIX}/sessions/{}", established.session);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(established),
    )
        .into_response())
}

/// The client's own trace, if it says one; what cannot be read is none (W3C Trace Context, section
/// 3.2.4).
fn trace_context(headers: &HeaderMap) -> Option<TraceContext> {
    let mut all = headers.get_all("traceparent").iter();
    let one = all.next().filter(|_| all.next().is_none())?;
    one.to_str().ok()?.trim().parse().ok()
}

/// What an open would do, booking nothing.
#[utoipa::path(
    post,
    path = "/api/v1/dry-run",
    tag = "sessions",
    params(("at" = Option<String>, Query, description = "The client's place")),
    request_body = OpenForm,
    responses((status = 200, body = SurveyInfo), (status = "default", body = Problem))
)]
pub(super) async fn dry_run(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Form(form): Form<OpenForm>,
) -> Result<Json<SurveyInfo>, Problem> {
    let request = request(&shared, &caller, &form, false).await?;
    match shared.parts.place.dry_run(request).await? {
        Ok(survey) => Ok(Json((&survey).into())),
        Err(no_plan) => Err(stream::no_plan(&no_plan).at(&shared.parts.name)),
    }
}

/// Turns what a client sent into what the place takes.
async fn request(
    shared: &Arc<Shared>,
    caller: &Caller,
    form: &OpenForm,
    watch: bool,
) -> Result<OpenRequest, Problem> {
    let at = |problem: Problem| problem.at(&shared.parts.name);
    let span = |field: &str, form: &Option<SpanForm>| -> Result<Option<Duration>, Problem> {
        let span = form.as_ref().map(SpanForm::read).transpose();
        let wrong = |what| at(Kind::Invalid.because(format!("`{field}`: {what}")));
        let span = span.map_err(wrong)?;
        if span.is_some_and(|span| span.is_zero()) {
            return Err(wrong("must be longer than nothing".to_owned()));
        }
        Ok(span)
    };
    if form.title.is_empty() {
        return Err(at(Kind::Invalid.because("`title` is empty")));
    }
    if let Some(strategy) = &form.strategy {
        let makers = builtin_decision_makers();
        if makers.iter().all(|maker| maker.name() != strategy) {
            let names: Vec<_> = makers.iter().map(|maker| maker.name()).collect();
            return Err(at(Kind::Invalid.because(format!(
                "`strategy`: there is no Decision Maker `{strategy}`; there are {}",
                names.join(", ")
            ))));
        }
    }
    let key = form.key.clone().unwrap_or_else(new_key);
    if key.is_empty() || key.len() > 200 {
        return Err(at(Kind::Invalid.because("`key` must be 1 to 200 bytes")));
    }
    let profile = profiles::profile(shared, form, caller).await;
    Ok(OpenRequest {
        request: RequestId(0),
        key,
        title: form.title.clone(),
        profile: profile.map_err(at)?,
        strategy: form.strategy.clone(),
        deadline: span("deadline", &form.deadline)?,
        retries: form.retries,
        idle: span("idle", &form.idle)?,
        longest: span("longest", &form.longest)?,
        watch,
        no_trace_back: false,
        trace: None,
    })
}

/// A key that no other open has. It is no secret.
fn new_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{count:x}", now.as_nanos())
}

/// A session with every hop, as each of them answers now.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The client's place"),
    ),
    responses((status = 200, body = SessionDetail), (status = "default", body = Problem))
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Named(id): Named,
) -> Result<Json<SessionDetail>, Problem> {
    let view = session(&shared, session_id(&id)?).await?;
    let hops = view
        .hop
        .path
        .iter()
        .map(|place| ask_hop(&shared, place, view.hop.session));
    Ok(Json(SessionDetail {
        hops: join_all(hops).await,
        session: info(&shared, &view, &caller),
        journey: view.journey.iter().map(Into::into).collect(),
    }))
}

/// What a place of the path says of a session.
async fn ask_hop(shared: &Shared, place: &PlaceName, session: SessionId) -> SessionHop {
    let answer = if *place == shared.parts.name {
        hop_of(shared, session).await
    } else {
        forward::ask(shared, place, &format!("{PREFIX}/hops/{session}"))
            .await
            .map(Some)
    };
    let (hop, problem) = match answer {
        Ok(hop) => (hop, None),
        Err(problem) => (None, Some(problem.detail)),
    };
    SessionHop {
        place: place.to_string(),
        hop,
        problem,
    }
}

/// The client has the session and means to use it.
#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/claim",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The client's place"),
    ),
    responses((status = 204, description = "Claimed"), (status = "default", body = Problem))
)]
pub(super) async fn claim(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let session = own(&shared, session_id(&id)?, &caller).await?;
    shared.parts.place.input(Input::Claim { session });
    // A crash must not make it unclaimed again. Where that cannot be written the session serves
    // all the same, and its use claims it after a crash.
    let kept = shared.keep_record(Some(RecordKey::Session(session)), "it is claimed");
    kept.await.unwrap_or_else(|problem| {
        tracing::warn!(%session, problem = problem.detail, "a claim is not on disk");
    });
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session, or its set-up.
///
/// The answer comes when that is on disk: from then on no crash brings the session back. Where
/// it cannot be written the session is over all the same, and a problem says that a restart may
/// undo it. Whoever asks again is told whether that is still so.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The client's place"),
    ),
    responses((status = 204, description = "Closed"), (status = "default", body = Problem))
)]
pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let session = own(&shared, session_id(&id)?, &caller).await?;
    shared.parts.place.input(Input::Close { session });
    shared.keep_end(session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Waits until a session is over, and says why.
///
/// As with closing, the answer comes when that is on disk, or cannot be written.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/end",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The client's place"),
    ),
    responses((status = 200, body = EndInfo), (status = "default", body = Problem))
)]
pub(super) async fn end(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
) -> Result<Json<EndInfo>, Problem> {
    let id = session_id(&id)?;
    let mut news = shared.parts.ends.watch();
    loop {
        if let Some(end) = shared.parts.ends.of(id) {
            shared.keep_end(id).await?;
            return Ok(Json(end));
        }
        // Looked at once more with every report: it may have ended unreported, as a
        // session that is closed before it is established does.
        session(&shared, id).await?;
        tokio::select! {
            _ = news.changed() => {}
            () = shared.stopping.cancelled() => {
                return Err(Problem::from(crate::Stopping).at(&shared.parts.name));
            }
        }
    }
}

/// A session whose client's place this is, and which whoever asks may claim or close.
async fn own(shared: &Shared, id: SessionId, caller: &Caller) -> Result<SessionId, Problem> {
    let view = session(shared, id).await?;
    if caller.speaks_for(&view.user, &shared.parts.name) {
        return Ok(view.hop.session);
    }
    let what = format!(
        "session {id} is not of the user that token `{}` is bound to: ask with a token of that \
         user, or one that is bound to nobody",
        caller.token
    );
    Err(Kind::NotAllowed.because(what).at(&shared.parts.name))
}

/// A session whose client's place this is.
async fn session(shared: &Shared, id: SessionId) -> Result<SessionView, Problem> {
    let name = &shared.parts.name;
    let (session, hop) = shared
        .parts
        .place
        .query(move |place, now| (place.session(id, now), place.hop(id, now)))
        .await?;
    if let Some(session) = session {
        return Ok(session);
    }
    if hop.is_none() {
        // Whoever asks again, because the disk was full, is told whether it still is.
        shared.keep_end(id).await?;
    }
    if let Some(end) = shared.parts.ends.of(id) {
        let mut problem = Kind::Ended.because(format!("session {id} is over: {}", end.text));
        problem.more.end = Some(end);
        return Err(problem.at(name));
    }
    let detail = match hop.as_ref().and_then(|hop| hop.path.first()) {
        Some(client) => format!("the client's place of session {id} is {client}: ask there"),
        None => format!("there is no session {id} at {name}"),
    };
    Err(Kind::NotFound.because(detail).at(name))
}
