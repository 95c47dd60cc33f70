//! What is to be written, on its way to the thread that writes it.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use waybook_place::io::RecordKey;

use crate::handle::Written;

/// How long more is waited for that goes into the same write, while nobody waits for it: a write
/// of one record takes as long as that of a hundred, and what is over by then need not be written.
/// A session on whose path a place crashes before is lost, so it is no longer than it must be.
const GATHER: Duration = Duration::from_millis(10);

/// What the thread that writes is told.
pub(super) enum Order {
    Put(RecordKey, Option<Vec<u8>>),
    /// For whoever waits for all records, or for one.
    Flush(Option<RecordKey>, oneshot::Sender<Written>),
    /// For whoever wants a copy of all records, in a file that is not there yet.
    Copy(PathBuf, oneshot::Sender<Written>),
}

/// What the thread is to do.
#[derive(Default)]
struct Orders {
    all: Vec<Order>,
    /// Somebody waits for one of them.
    urgent: bool,
    /// The thread waits for the first one. While it gathers it need not be woken for each.
    idle: bool,
    /// There will be no more.
    ended: bool,
    /// The thread is gone, and nobody does anything more.
    gone: bool,
}

/// The way to the thread that writes.
#[derive(Default)]
pub(super) struct Queue {
    orders: Mutex<Orders>,
    more: Condvar,
}

impl Queue {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders are carried out in order. Of a thread that is gone, nobody hears anything more.
    pub(super) fn give(&self, order: Order) {
        let mut orders = self.orders();
        if orders.gone {
            return;
        }
        let urgent = !matches!(order, Order::Put(..));
        orders.urgent |= urgent;
        orders.all.push(order);
        if urgent || orders.idle {
            self.more.notify_one();
        }
    }

    /// There will be no more orders.
    pub(super) fn end(&self) {
        self.orders().ended = true;
        self.more.notify_one();
    }

    /// Waits for orders that somebody waits for, or until it is time to write what waits; where nothing
    /// does, for the first order, and for those that come soon after it.
    pub(super) fn take(&self, until: Option<Instant>) -> Taken {
        let mut orders = self.orders();
        let until = match until {
            Some(until) => until,
            None => {
                let none = |orders: &mut Orders| orders.all.is_empty() && !orders.ended;
                orders.idle = true;
                let waited = self.more.wait_while(orders, none);
                orders = waited.unwrap_or_else(PoisonError::into_inner);
                orders.idle = false;
                Instant::now() + GATHER
            }
        };
        let most = until.saturating_duration_since(Instant::now());
        let more = |orders: &mut Orders| !orders.urgent && !orders.ended;
        let waited = self.more.wait_timeout_while(orders, most, more);
        let mut orders = waited.unwrap_or_else(PoisonError::into_inner).0;
        orders.urgent = false;
        Taken {
            orders: std::mem::take(&mut orders.all),
            until,
            ended: orders.ended,
        }
    }
}

/// What the thread that writes has been told.
pub(super) struct Taken {
    pub(super) orders: Vec<Order>,
    /// When what waits is to be written.
    pub(super) until: Instant,
    /// There will be no more.
    pub(super) ended: bool,
}

/// Lets nobody wait for a thread that is gone, however it went.
pub(super) struct Going(Arc<Queue>);

impl Going {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.0
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let mut orders = self.0.orders();
        orders.gone = true;
        orders.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use waybook_agents::SessionId;

    use super::*;

    fn put(number: u128) -> Order {
        Order::Put(RecordKey::Session(SessionId(number)), None)
    }

    #[test]
    fn what_comes_together_is_taken_together() {
        let queue = Queue::default();
        let (answer, _answered) = oneshot::channel();
        queue.give(put(1));
        queue.give(put(2));
        queue.give(Order::Flush(None, answer));
        let taken = queue.take(None);
        assert!(matches!(
            taken.orders[..],
            [Order::Put(..), Order::Put(..), Order::Flush(..)]
        ));
        assert!(!taken.ended);
        // Without anybody who waits it is taken, too, and so is the end.
        queue.give(put(3));
        assert_eq!(queue.take(None).orders.len(), 1);
        queue.give(put(4));
        queue.end();
        let taken = queue.take(None);
        assert_eq!((taken.orders.len(), taken.ended), (1, true));
        let taken = queue.take(None);
        assert_eq!((taken.orders.len(), taken.ended), (0, true));
    }

    #[test]
    fn what_waits_has_its_time_whatever_comes() {
        let queue = Queue::default();
        queue.give(put(1));
        let past = Instant::now();
        let taken = queue.take(Some(past));
        assert_eq!((taken.orders.len(), taken.until), (1, past));
        // Nothing need come for it.
        assert_eq!(queue.take(Some(past)).orders.len(), 0);
    }

    #[test]
    fn nobody_waits_for_a_thread_that_is_gone() {
        let queue = Arc::<Queue>::default();
        let (answer, before) = oneshot::channel();
        queue.give(Order::Flush(None, answer));
        drop(Going::new(queue.clone()));
        assert!(before.blocking_recv().is_err());
        let (answer, after) = oneshot::channel();
        queue.give(Order::Flush(None, answer));
        assert!(after.blocking_recv().is_err());
    }
}
