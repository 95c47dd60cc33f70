//! Keeps in order what is done to the files of one piece of code.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use waybook_plan::Digest;

/// The last job of each digest.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Digest, JoinHandle<()>>>);

impl Turns {
    /// Runs a job when all those that were queued before it for the digest are over.
    /// Returns at once.
    pub(super) fn queue(
        &self,
        tasks: &TaskTracker,
        digest: Digest,
        job: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, job| !job.is_finished());
        let before = last.remove(&digest);
        let handle = tasks.spawn(async move {
            if let Some(before) = before {
                // One that panicked is over, too.
                let _ = before.await;
            }
            job.await;
        });
        last.insert(digest, handle);
    }
}
