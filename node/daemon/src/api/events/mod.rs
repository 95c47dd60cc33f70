//! What happens at the place, as it happens, for those who watch it.
//!
//! However many watch, the place is looked at once for all of them, a few times a second at the
//! most, and each is told what is otherwise. One who is too slow is told all of it anew.

mod look;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, broadcast, watch};
use waybook_location_tree::PlaceName;

use self::look::Look;
use super::extract::Params;
use super::model::{HopInfo, NewsInfo, RefusedInfo, WalkInfo};
use super::recent::Told;
use super::rights::Via;
use super::stream::{KEEP_ALIVE, event};
use super::{Kind, Problem, Shared};
use crate::config::ApiLimits;
use crate::slots::{Full, Slot, Slots, share};

/// Of the sessions that pass here, so many are told of.
const HOPS: usize = 1000;
/// The place is not looked at again before that.
const PACE: Duration = Duration::from_millis(250);
/// A look at a large place takes a while; so many times as long it is left alone.
const REST: u32 = 20;
/// Who has not taken so many changes is told all of it anew.
pub(super) const BEHIND: usize = 32;

/// Looks at the place for as long as somebody watches it.
pub(super) struct Watched {
    running: Mutex<Option<Running>>,
    streams: Arc<Slots<PlaceName>>,
}

struct Running {
    last: Look,
    changes: broadcast::Sender<Arc<NewsInfo>>,
}

type Changes = broadcast::Receiver<Arc<NewsInfo>>;

impl Watched {
    /// Nobody watches.
    pub(super) fn new(limits: &ApiLimits) -> Self {
        let each = share(limits.event_streams, limits.neighbour_share);
        Self {
            running: Mutex::new(None),
            streams: Slots::new(limits.event_streams, each),
        }
    }

    /// Up to where has been told what has happened.
    async fn told(&self) -> Option<Told> {
        let running = self.running.lock().await;
        running.as_ref().map(|running| running.last.told())
    }

    fn admit(&self, here: &PlaceName, via: &Via) -> Result<Slot<PlaceName>, Problem> {
        let slot = match &via.0 {
            Some(neighbour) => self.streams.take(neighbour),
            None => self.streams.take_any(here),
        };
        slot.map_err(|full| {
            let what = match full {
                Full::All(most) => format!("limit `api.event-streams` = {most} is reached"),
                Full::Share(most) => {
                    format!("`limits.neighbour-share` of `api.event-streams` = {most} is reached")
                }
            };
            Kind::Busy.because(what).at(here)
        })
    }
}

/// All that there is now, and what becomes otherwise from then on.
async fn join(shared: &Arc<Shared>) -> Result<(NewsInfo, Changes), Problem> {
    let mut running = shared.watched.running.lock().await;
    if running.is_none() {
        // Before the first look, so that nothing is missed between.
        let news = shared.parts.recent.watch();
        let last = Look::new(shared, Told::default()).await?;
        let (changes, _) = broadcast::channel(BEHIND);
        *running = Some(Running { last, changes });
        tokio::spawn(look_again(shared.clone(), news));
    }
    let Some(running) = &*running else {
        return Err(crate::Stopping.into());
    };
    let changes = running.changes.subscribe();
    let now = shared.parts.place.query(|_, now| now).await?;
    Ok((running.last.all(shared, now), changes))
}

/// Looks at the place until nobody watches any more, or the daemon stops.
async fn look_again(shared: Arc<Shared>, mut news: watch::Receiver<u64>) {
    let mut pause = PACE;
    loop {
        let told = shared.watched.told().await;
        let next = async {
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep(KEEP_ALIVE) => {}
            }
            tokio::time::sleep(pause).await;
            news.mark_unchanged();
            let began = tokio::time::Instant::now();
            let look = Look::new(&shared, told?).await.ok()?;
            pause = PACE.max(began.elapsed() * REST);
            Some(look)
        };
        let look = tokio::select! {
            look = next => look,
            () = shared.stopping.cancelled() => None,
        };
        let mut running = shared.watched.running.lock().await;
        let (Some(look), Some(watched)) = (look, &mut *running) else {
            *running = None;
            return;
        };
        if watched.changes.receiver_count() == 0 {
            *running = None;
            return;
        }
        let change = look.since(&watched.last);
        watched.last = look;
        if !change.is_empty() {
            // Nobody has to listen.
            let _ = watched.changes.send(Arc::new(change));
        }
    }
}

/// What a stream of events tells.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default = "yes")]
    tree: bool,
}

fn yes() -> bool {
    true
}

/// One who watches.
struct Watcher {
    shared: Arc<Shared>,
    changes: Changes,
    wanted: Wanted,
    first: Option<NewsInfo>,
    _slot: Slot<PlaceName>,
}

impl Watcher {
    async fn next(&mut self) -> Option<Event> {
        if let Some(all) = self.first.take() {
            return Some(event("snapshot", &self.wanted.of(all)));
        }
        loop {
            match self.changes.recv().await {
                Ok(change) => {
                    let change = self.wanted.of((*change).clone());
                    if !change.is_empty() {
                        return Some(event("change", &change));
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let (all, changes) = join(&self.shared).await.ok()?;
                    self.changes = changes;
                    return Some(event("snapshot", &self.wanted.of(all)));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Wanted {
    fn of(&self, mut news: NewsInfo) -> NewsInfo {
        if !self.tree {
            news.tree.clear();
            news.gone.clear();
        }
        news
    }
}

/// What happens at the place, as it happens.
///
/// First comes one `snapshot`, then `change` by `change`, a few a second at the most. One who is too
/// slow to take them gets a `snapshot` again, which takes the place of all before it. Everything
/// that is told can also be asked for: `/place`, `/tree`, `/hops`, `/refusals` and `/walks`; `code`
/// says that `/components` may be otherwise, and `presentations` that `/presentations` is. A line of
/// comment comes now and then where nothing happens. When the token that was shown is revoked or
/// expires, `refused` comes last, with the problem.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "places",
    params(
        ("tree" = Option<bool>, Query, description = "Whether to tell of the places below; they are told of unless this is `false`"),
        ("at" = Option<String>, Query, description = "The place to watch"),
    ),
    responses(
        (status = 200, body = NewsInfo, content_type = "text/event-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(via): Extension<Via>,
    Params(wanted): Params<Wanted>,
) -> Result<impl IntoResponse, Problem> {
    let slot = shared.watched.admit(&shared.parts.name, &via)?;
    let (all, changes) = join(&shared).await?;
    let watcher = Watcher {
        shared,
        changes,
        wanted,
        first: Some(all),
        _slot: slot,
    };
    Ok(Sse::new(told(watcher)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn told(watcher: Watcher) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    })
}

/// How many are listed.
#[derive(Deserialize)]
pub(super) struct Most {
    most: Option<usize>,
}

/// The sessions that the place is a hop of, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/hops",
    tag = "sessions",
    params(
        ("most" = Option<usize>, Query, description = "No more than so many"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = [HopInfo]), (status = "default", body = Problem))
)]
pub(super) async fn hops(
    State(shared): State<Arc<Shared>>,
    Params(Most { most }): Params<Most>,
) -> Result<Json<Vec<HopInfo>>, Problem> {
    let most = most.unwrap_or(usize::MAX);
    let (_, hops) = shared
        .parts
        .place
        .query(move |place, now| place.newest_hops(most, now))
        .await?;
    Ok(Json(hops.iter().map(Into::into).collect()))
}

/// The latest set-ups that were refused, oldest first: those of the place's clients, with what the
/// clients were told, and what of other places' set-ups was refused here. Kept until the daemon
/// is started again.
#[utoipa::path(
    get,
    path = "/api/v1/refusals",
    tag = "sessions",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [RefusedInfo]), (status = "default", body = Problem))
)]
pub(super) async fn refusals(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<RefusedInfo>>, Problem> {
    let now = shared.parts.place.query(|_, now| now).await?;
    let since = shared.parts.recent.since(Told::default(), now);
    Ok(Json(since.refusals))
}

/// The latest agents that came to the place or went from it, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/walks",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [WalkInfo]), (status = "default", body = Problem))
)]
pub(super) async fn walks(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Vec<WalkInfo>>, Problem> {
    let now = shared.parts.place.query(|_, now| now).await?;
    let since = shared.parts.recent.since(Told::default(), now);
    Ok(Json(since.walks))
}
