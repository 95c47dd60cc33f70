//! Fetching code before a session needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::{Stream, stream};
use http::HeaderMap;
use tokio::time::MissedTickBehavior;
use waybook_place::CodeView;
use waybook_place::io::CodeOrder;
use waybook_plan::{Digest, Release};

use super::find::{Known, Wanted, known};
use super::order;
use crate::api::audit::On;
use crate::api::extract::Form;
use crate::api::model::{CodeInfo, PrefetchForm, TransferInfo};
use crate::api::stream::{KEEP_ALIVE, event, wants_events};
use crate::api::{Problem, Shared};

/// How often a client that watches is told how far it is.
const LOOK: Duration = Duration::from_millis(50);

/// Fetches what a reference stands for, with its dependencies, and answers when all of it
/// is at the place.
///
/// With `Accept: text/event-stream` the answer is a stream of events: `progress` while it
/// comes, then one `fetched` with what an ordinary answer has, or one `refused`, whose data
/// is a problem. A client that goes away does not end the transfer.
#[utoipa::path(
    post,
    path = "/api/v1/components/prefetch",
    tag = "components",
    params(("at" = Option<String>, Query, description = "The place that fetches it")),
    request_body = PrefetchForm,
    responses(
        (status = 200, description = "All of it is there", content(
            (Vec<CodeInfo> = "application/json"),
            (TransferInfo = "text/event-stream"),
        )),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::api) async fn prefetch(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    headers: HeaderMap,
    Form(form): Form<PrefetchForm>,
) -> Result<Response, Problem> {
    on.is(&form.reference);
    let wanted =
        Wanted::reference(&form.reference).map_err(|problem| problem.at(&shared.parts.name))?;
    if wants_events(&headers) {
        return Ok(watched(shared, form.reference, wanted).into_response());
    }
    Ok(Json(fetch(&shared, form.reference).await?).into_response())
}

async fn fetch(shared: &Shared, reference: String) -> Result<Vec<CodeInfo>, Problem> {
    let releases = order(shared, CodeOrder::Prefetch(reference)).await?;
    let digests: BTreeSet<Digest> = releases.iter().map(|release| release.digest).collect();
    let all = known(shared).await?;
    let fetched = all
        .iter()
        .filter(|k| k.here.is_some() && digests.contains(&k.release.digest));
    Ok(fetched.map(Known::info).collect())
}

/// The events of a prefetch as they come.
fn watched(
    shared: Arc<Shared>,
    reference: String,
    wanted: Wanted,
) -> Sse<impl Stream<Item = Result<axum::response::sse::Event, Infallible>>> {
    let (tell, heard) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        let mut watch = Watch::begin(&shared, wanted).await;
        let done = fetch(&shared, reference);
        tokio::pin!(done);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut done => break done,
                _ = look.tick() => {}
            }
            for news in watch.look(&shared).await {
                // Nobody has to listen: the transfer goes on without a client.
                let _ = tell.send(event("progress", &news)).await;
            }
        };
        for news in watch.look(&shared).await {
            let _ = tell.send(event("progress", &news)).await;
        }
        let last = match done {
            Ok(fetched) => event("fetched", &fetched),
            Err(problem) => event("refused", &problem),
        };
        let _ = tell.send(last).await;
    });
    let events = stream::unfold(heard, async |mut heard| {
        let event = heard.recv().await?;
        Some((Ok(event), heard))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Sees how far the transfers that belong to a prefetch are.
struct Watch {
    place: String,
    wanted: Wanted,
    /// What was here before, of which there is no news.
    before: BTreeSet<Digest>,
    seen: BTreeMap<Digest, TransferInfo>,
}

impl Watch {
    async fn begin(shared: &Shared, wanted: Wanted) -> Self {
        let code = code(shared).await;
        Self::new(shared.parts.name.to_string(), wanted, &code)
    }

    fn new(place: String, wanted: Wanted, code: &[CodeView]) -> Self {
        let whole = code.iter().filter(|view| is_whole(view));
        Self {
            place,
            wanted,
            before: whole.map(|view| view.release.digest).collect(),
            seen: BTreeMap::new(),
        }
    }

    /// What is new since the last look.
    async fn look(&mut self, shared: &Shared) -> Vec<TransferInfo> {
        self.compare(&code(shared).await)
    }

    fn compare(&mut self, code: &[CodeView]) -> Vec<TransferInfo> {
        let belonging = self.belonging(code);
        let mut news = Vec::new();
        for view in code {
            let release = &view.release;
            let digest = &release.digest;
            if !belonging.contains(digest) || self.before.contains(digest) {
                continue;
            }
            let old = self.seen.get(digest);
            let new = TransferInfo {
                place: self.place.clone(),
                component: release.reference(),
                // The last piece comes from where all came from.
                from: match (&view.from, old) {
                    (Some(from), _) => Some(from.to_string()),
                    (None, Some(old)) if is_whole(view) => old.from.clone(),
                    (None, _) => None,
                },
                bytes: view.bytes,
                length: release.length,
                before: match old {
                    Some(old) => old.before,
                    // It came in no time.
                    None if is_whole(view) => 0,
                    None => view.bytes,
                },
            };
            if old != Some(&new) {
                news.push(new.clone());
                self.seen.insert(release.digest, new);
            }
        }
        news
    }

    /// What is wanted, what that depends on, and so on.
    fn belonging(&self, code: &[CodeView]) -> BTreeSet<Digest> {
        let mut found: BTreeSet<Digest> = BTreeSet::new();
        let mut next: Vec<&Release> = code
            .iter()
            .map(|view| &*view.release)
            .filter(|release| self.wanted.is(release))
            .collect();
        while let Some(release) = next.pop() {
            if !found.insert(release.digest) {
                continue;
            }
            let needs = |other: &&Release| {
                let range = release.dependencies.get(&other.name);
                range.is_some_and(|range| range.matches(&other.version))
            };
            next.extend(code.iter().map(|view| &*view.release).filter(needs));
        }
        found
    }
}

/// The code at the place; none if it stops, which ends the prefetch as well.
async fn code(shared: &Shared) -> Vec<CodeView> {
    let code = shared.parts.place.query(|place, _| place.code()).await;
    code.unwrap_or_default()
}

fn is_whole(view: &CodeView) -> bool {
    view.bytes >= view.release.length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::release;

    fn view(release: &Arc<Release>, bytes: u64, from: Option<&str>) -> CodeView {
        CodeView {
            release: release.clone(),
            added: false,
            pinned: false,
            instances: 0,
            bytes,
            from: from.map(|from| from.parse().unwrap()),
        }
    }

    #[test]
    fn what_comes_is_told_until_it_is_whole() {
        let mut cap = Release::clone(&release("cap", "1.0.0", 1));
        cap.dependencies = BTreeMap::from([("log".to_owned(), "^1".parse().unwrap())]);
        let cap = Arc::new(cap);
        let (log, other) = (release("log", "1.1.0", 2), release("other", "1.0.0", 3));
        let length = log.length;
        assert!(length > 2, "it can be there in part");
        let begin = [view(&cap, cap.length, None), view(&log, 1, None)];
        let wanted = Wanted::reference("cap@^1").unwrap();
        let mut watch = Watch::new("core".to_owned(), wanted, &begin);
        let mut told = |bytes, from| -> Vec<_> {
            let code = [
                view(&cap, cap.length, None),
                view(&log, bytes, from),
                view(&other, 1, Some("core/b")),
            ];
            let news = watch.compare(&code).into_iter();
            news.map(|n| (n.component, n.from, n.bytes, n.before))
                .collect()
        };
        let news = |from: Option<&str>, bytes| {
            vec![("log@1.1.0".to_owned(), from.map(str::to_owned), bytes, 1)]
        };
        assert_eq!(told(1, None), news(None, 1));
        assert_eq!(told(1, None), []);
        assert_eq!(told(2, Some("core/b")), news(Some("core/b"), 2));
        assert_eq!(told(length, None), news(Some("core/b"), length));
        assert_eq!(told(length, None), []);
    }
}
