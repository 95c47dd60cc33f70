//! Carries out what the place wants done about code.

use std::sync::{Arc, PoisonError};

use tokio_util::sync::CancellationToken;
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchId, Input, RecordKey};
use waybook_plan::{Digest, Release};

use super::{Repository, receive};
use crate::CodeKeeper;

impl CodeKeeper for Repository {
    fn reconcile(&self, records: Vec<(RecordKey, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)> {
        Self::reconcile(self, records, record)
    }

    fn fetch(&self, fetch: FetchId, release: Arc<Release>, source: PlaceName) {
        let inner = Arc::clone(&self.inner);
        let digest = release.digest;
        let cancel = CancellationToken::new();
        let mut fetches = inner.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        fetches.insert(fetch, (digest, cancel.clone()));
        drop(fetches);
        self.inner.turns.queue(&self.inner.tasks, digest, async move {
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                () = inner.stopping.cancelled() => None,
                outcome = receive::receive(&inner, fetch, &release, &source) => Some(outcome),
            };
            if !matches!(outcome, Some(Ok(()))) {
                inner.tidy(digest).await;
            }
            let mut fetches = inner.fetches.lock().unwrap_or_else(PoisonError::into_inner);
            fetches.remove(&fetch);
            drop(fetches);
            match outcome {
                None => {}
                Some(Ok(())) => {
                    tracing::info!(release = release.reference(), %source, "code has come");
                    inner.place.input(Input::Fetched { fetch });
                }
                Some(Err(failure)) => {
                    tracing::warn!(release = release.reference(), %source, ?failure, "code has not come");
                    inner.place.input(Input::FetchFailed { fetch, failure });
                }
            }
        });
    }

    fn cancel_fetch(&self, fetch: FetchId) {
        let fetches = &self.inner.fetches;
        let fetches = fetches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cancel)) = fetches.get(&fetch) {
            cancel.cancel();
        }
    }

    fn evict(&self, digest: Digest) {
        let fetches = &self.inner.fetches;
        let fetches = fetches.lock().unwrap_or_else(PoisonError::into_inner);
        // The place gives up a transfer first; what it forgot must not stand in the way.
        for (_, cancel) in fetches.values().filter(|(of, _)| *of == digest) {
            cancel.cancel();
        }
        drop(fetches);
        let inner = Arc::clone(&self.inner);
        let job = async move { inner.discard(digest).await };
        self.inner.turns.queue(&self.inner.tasks, digest, job);
    }
}

/// The record of code whose own was lost.
fn record(release: &Release, added: bool) -> Option<Vec<u8>> {
    Some(waybook_place::code_record(release, added, false, 0))
}
