//! What is here is brought into agreement with what the place believes.

use std::sync::{Arc, Mutex, PoisonError};

use waybook_place::io::Input;
use waybook_plan::Digest;

use super::partial::Partial;
use super::{CodeError, Inner, Whole};

impl Inner {
    /// Forgets what a transfer has begun, if nothing of it has come. Only in turn.
    pub(super) async fn tidy(&self, digest: Digest) {
        let partial = self.index().get(&digest).and_then(|e| e.partial.clone());
        let Some(partial) = partial else {
            return;
        };
        let looked = self.written(move || {
            let partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(partial.verified() == 0)
        });
        if looked.await.unwrap_or(false) {
            self.discard(digest).await;
        }
    }

    /// Forgets a piece of code and removes its files. Only in turn.
    pub(super) async fn discard(&self, digest: Digest) {
        self.index().remove(&digest);
        let folder = self.folder.clone();
        let removed = self.written(move || {
            folder.remove_all(&digest);
            Ok(())
        });
        let _ = removed.await;
    }

    /// Whole code is not what it was when it was admitted: it is removed, and the place is
    /// told.
    pub(super) async fn damaged(self: &Arc<Self>, whole: &Arc<Whole>) -> CodeError {
        let (inner, of) = (Arc::clone(self), Arc::clone(whole));
        let digest = whole.release.digest;
        let job = async move {
            // It may have gone already, and have come again.
            let same = inner
                .whole(&digest)
                .is_some_and(|now| Arc::ptr_eq(&now, &of));
            if same {
                tracing::error!(%digest, "code was damaged on disk, and is removed");
                inner.discard(digest).await;
                inner.place.input(Input::CodeLost { digest });
            }
        };
        let _ = self.in_turn(digest, job).await;
        CodeError::Damaged(digest)
    }

    /// How many bytes there are of code that is not whole.
    pub(super) fn part(&self, digest: &Digest) -> u64 {
        let partial = self.index().get(digest).and_then(|e| e.partial.clone());
        partial.map_or(0, |partial| {
            let partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
            partial.verified()
        })
    }

    /// Keeps no more than so many bytes of code that the place has given up: of what came
    /// beyond it does not know. Only in turn, when nothing is being written.
    pub(super) async fn retreat(self: &Arc<Self>, digest: Digest, keep: u64) {
        let entry = match self.index().get(&digest) {
            Some(entry) => (entry.whole.clone(), entry.partial.clone()),
            None => return,
        };
        let inner = Arc::clone(self);
        let done = match entry {
            // The place reckons with all of it.
            (Some(whole), _) if keep >= whole.release.length => return,
            (None, Some(_)) if self.part(&digest) <= keep => Ok(()),
            (Some(whole), _) => {
                self.written(move || {
                    let nodes = whole.nodes.get();
                    let partial = Partial::of_whole(&inner.folder, &whole.release, nodes, keep)?;
                    let mut index = inner.index();
                    let entry = index.entry(digest).or_default();
                    entry.whole = None;
                    entry.partial = Some(Arc::new(Mutex::new(partial)));
                    Ok(())
                })
                .await
            }
            (None, Some(partial)) => {
                self.written(move || {
                    let mut partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
                    *partial = partial.cut(&inner.folder, keep)?;
                    Ok(())
                })
                .await
            }
            (None, None) => return,
        };
        match done {
            Ok(()) => self.tidy(digest).await,
            Err(error) => {
                tracing::error!(%digest, %error, "a part of code is lost");
                self.discard(digest).await;
            }
        }
    }
}
