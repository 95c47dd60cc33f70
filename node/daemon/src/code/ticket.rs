//! The transfers that the place has asked for, from that until it cannot take back its
//! wish any more.
//!
//! The place may give a transfer up while the news of its end is on the way. It has not
//! heard that news then, and never will: what the transfer has brought must be as the
//! place believes it to be.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use waybook_place::io::FetchId;
use waybook_plan::Digest;

use super::Inner;

/// One transfer.
pub(super) struct Ticket {
    pub(super) fetch: FetchId,
    digest: Digest,
    given_up: CancellationToken,
    /// How much is to be kept, if it was given up by the place.
    keep: OnceLock<u64>,
    /// How far the place has been told that it has come; before that, how far it had come
    /// when it began, which the place knows.
    told: AtomicU64,
    /// Whether its end has been told.
    over: AtomicBool,
    /// Held by what is being written for it.
    writes: Arc<Mutex<()>>,
}

impl Ticket {
    /// Resolves when nobody wants it any more.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// How many bytes the place reckons with after it has given the transfer up; none if
    /// it has not.
    pub(super) fn kept(&self) -> Option<u64> {
        self.keep.get().copied()
    }

    /// How many bytes the place knows of.
    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// The place knows of so many bytes.
    pub(super) fn tell(&self, bytes: u64) {
        self.told.store(bytes, Ordering::Relaxed);
    }

    /// Runs something that writes, even if nobody waits for it any more.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        inner: &Inner,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let guard = Arc::clone(&self.writes).lock_owned().await;
        let guarded = move || {
            let done = job();
            drop(guard);
            done
        };
        inner.written(guarded).await
    }

    /// Waits until all that was to be written is.
    pub(super) async fn written(&self) {
        drop(self.writes.lock().await);
    }
}

/// So many ends are remembered of which the place may not have heard. Far more than can be
/// on the way to it; without a bound, code that others name and nobody has would stay.
const MOST_OVER: usize = 1_024;

/// Those that the place may still give up.
#[derive(Default)]
pub(super) struct Tickets {
    all: HashMap<FetchId, Arc<Ticket>>,
    /// Those that are over, the oldest first. Some may be forgotten already.
    over: VecDeque<FetchId>,
}

impl Tickets {
    /// For a transfer that the place asks for.
    pub(super) fn issue(&mut self, fetch: FetchId, digest: Digest) -> Arc<Ticket> {
        // It would have given up the one before: it knows of that one's end.
        self.forget(&digest);
        let ticket = Arc::new(Ticket {
            fetch,
            digest,
            given_up: CancellationToken::new(),
            keep: OnceLock::new(),
            told: AtomicU64::new(0),
            over: AtomicBool::new(false),
            writes: Arc::default(),
        });
        self.all.insert(fetch, Arc::clone(&ticket));
        ticket
    }

    /// The place gives a transfer up, and reckons with so many bytes of it. If its end
    /// was told already, of which code it is.
    pub(super) fn give_up(&mut self, fetch: FetchId, keep: u64) -> Option<Digest> {
        let ticket = self.all.remove(&fetch)?;
        let _ = ticket.keep.set(keep);
        ticket.given_up.cancel();
        let over = ticket.over.load(Ordering::Relaxed);
        over.then_some(ticket.digest)
    }

    /// The end of a transfer is to be told, unless it was given up before; whether it is.
    pub(super) fn end(&mut self, ticket: &Ticket) -> bool {
        let wanted = !ticket.given_up.is_cancelled();
        ticket.over.store(wanted, Ordering::Relaxed);
        if wanted {
            self.over.push_back(ticket.fetch);
        }
        if self.over.len() > MOST_OVER
            && let Some(oldest) = self.over.pop_front()
        {
            self.all.remove(&oldest);
        }
        wanted
    }

    /// All of a piece of code is to go.
    pub(super) fn give_up_all(&mut self, digest: &Digest) {
        self.all.retain(|_, ticket| {
            if ticket.digest == *digest {
                ticket.given_up.cancel();
            }
            ticket.digest != *digest
        });
    }

    /// Whatever was told of that code has been heard.
    fn forget(&mut self, digest: &Digest) {
        let over = |t: &Ticket| t.digest == *digest && t.over.load(Ordering::Relaxed);
        self.all.retain(|_, ticket| !over(ticket));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One was kept for each piece of code whose transfer had ended and that was not asked
    /// for again, as long as the place ran.
    #[test]
    fn ends_of_long_ago_are_forgotten() {
        let mut tickets = Tickets::default();
        let code = |number: u64| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            Digest(digest)
        };
        let most = MOST_OVER as u64;
        let under_way = tickets.issue(FetchId(0), code(0));
        for number in 1..=most + 10 {
            let ticket = tickets.issue(FetchId(number), code(number));
            assert!(tickets.end(&ticket));
        }
        assert_eq!(tickets.all.len(), MOST_OVER + 1);
        // What has just ended can be taken back, and what lasts be given up.
        assert_eq!(tickets.give_up(FetchId(most), 0), Some(code(most)));
        assert_eq!(tickets.give_up(FetchId(0), 7), None);
        assert_eq!(under_way.kept(), Some(7));
    }
}
