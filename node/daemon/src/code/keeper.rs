//! Carries out what the place wants done about code.

use std::sync::{Arc, MutexGuard, PoisonError};

use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, Input, RecordKey};
use waybook_plan::{Digest, Release};

use super::receive::{self, Failed};
use super::ticket::Tickets;
use super::{Inner, Repository};
use crate::CodeKeeper;

impl CodeKeeper for Repository {
    fn reconcile(&self, records: Vec<(RecordKey, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)> {
        Self::reconcile(self, records, record)
    }

    fn fetch(&self, fetch: FetchId, release: Arc<Release>, source: PlaceName) {
        let inner = Arc::clone(&self.inner);
        let digest = release.digest;
        let ticket = inner.tickets().issue(fetch, digest);
        self.inner.turns.queue(&self.inner.tasks, digest, async move {
            let received = receive::receive(&inner, &ticket, &release, &source);
            let outcome = tokio::select! {
                biased;
                () = ticket.given_up() => None,
                () = inner.stopping.cancelled() => None,
                outcome = received => Some(outcome),
            };
            // What was being written when the transfer was given up is written now.
            ticket.written().await;
            if let Some(Err(failed)) = &outcome {
                inner.clear_up(digest, failed).await;
            }
            let goes_on = outcome.is_some() && inner.tickets().end(&ticket);
            match outcome.filter(|_| goes_on) {
                Some(Ok(())) => {
                    tracing::info!(release = release.reference(), %source, "code has come");
                    inner.place.input(Input::Fetched { fetch });
                }
                Some(Err(Failed { failure, .. })) => {
                    tracing::warn!(release = release.reference(), %source, ?failure, "code has not come");
                    let bytes = inner.part(&digest);
                    if ticket.told() != bytes {
                        inner.place.input(Input::FetchProgress { fetch, bytes });
                    }
                    inner.place.input(Input::FetchFailed { fetch, failure });
                }
                None => match ticket.kept() {
                    Some(keep) => inner.retreat(digest, keep).await,
                    None => inner.tidy(digest).await,
                },
            }
        });
    }

    fn cancel_fetch(&self, fetch: FetchId, keep: u64) {
        let over = self.inner.tickets().give_up(fetch, keep);
        // The place gave it up before it heard of its end.
        if let Some(digest) = over {
            let inner = Arc::clone(&self.inner);
            let job = async move { inner.retreat(digest, keep).await };
            self.inner.turns.queue(&self.inner.tasks, digest, job);
        }
    }

    fn evict(&self, digest: Digest) {
        // The place gives up a transfer first; what it forgot must not stand in the way.
        self.inner.tickets().give_up_all(&digest);
        let inner = Arc::clone(&self.inner);
        let job = async move { inner.discard(digest).await };
        self.inner.turns.queue(&self.inner.tasks, digest, job);
    }
}

impl Inner {
    pub(super) fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves of a transfer that has failed what is of use. Only in turn.
    async fn clear_up(&self, digest: Digest, failed: &Failed) {
        match failed.keep {
            true => self.tidy(digest).await,
            false => self.discard(digest).await,
        }
    }
}

/// The record of code whose own was lost.
fn record(release: &Release, added: bool) -> Option<Vec<u8>> {
    Some(waybook_place::code_record(release, added, false, 0))
}
