//! The lanes of one session to its next place: those that wait for another request.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use waybook_location_tree::PlaceName;

use super::lane::Lane;
use crate::Io;

/// How long a lane may wait. Shorter than the time that a neighbour gives a request to come.
const WAIT: Duration = Duration::from_secs(5);

/// How many lanes may wait at a place, of all sessions together.
#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let taken = AtomicUsize::new(0);
        Arc::new(Self { most, taken })
    }
}

/// One lane's part of it.
struct Seat(Arc<Room>);

impl Seat {
    fn take(room: &Arc<Room>) -> Option<Self> {
        if room.taken.fetch_add(1, Ordering::Relaxed) >= room.most {
            room.taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(Arc::clone(room)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Waiting {
    to: PlaceName,
    lane: Lane,
    since: Instant,
    _seat: Seat,
}

/// The lanes that wait. Dropping this closes them.
pub(crate) struct Lanes {
    room: Arc<Room>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were put back.
    waiting: Vec<Waiting>,
    /// Whether something closes those that have waited for long.
    swept: bool,
}

impl Lanes {
    pub(crate) fn new(room: &Arc<Room>) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::clone(room),
            state: Mutex::default(),
        })
    }

    /// A lane that waits, over the connection that goes by that number, or else a new one.
    pub(crate) async fn take<F>(
        &self,
        to: &PlaceName,
        way: usize,
        open: impl FnOnce() -> F,
    ) -> io::Result<Lane>
    where
        F: Future<Output = io::Result<Box<dyn Io>>>,
    {
        match self.waiting(to, way) {
            Some(lane) => Ok(lane),
            None => open().await.map(|io| Lane::over(io, way)),
        }
    }

    /// The one that was used last: those that are needed no more grow old.
    fn waiting(&self, to: &PlaceName, way: usize) -> Option<Lane> {
        let mut state = self.state();
        while let Some(mut one) = state.waiting.pop() {
            let leads = one.to == *to && one.lane.way == way;
            if leads && one.since.elapsed() < WAIT && one.lane.is_quiet() {
                return Some(one.lane);
            }
        }
        None
    }

    /// Lets a lane wait for another request, if there is room for it.
    pub(crate) fn put(self: &Arc<Self>, to: &PlaceName, mut lane: Lane) {
        let Some(seat) = Seat::take(&self.room) else {
            return;
        };
        if !lane.come.is_empty() {
            return;
        }
        lane.rest();
        let mut state = self.state();
        state.waiting.push(Waiting {
            to: to.clone(),
            lane,
            since: Instant::now(),
            _seat: seat,
        });
        if !state.swept {
            state.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes lanes that have waited for too long, as long as any wait.
async fn sweep(lanes: Weak<Lanes>) {
    loop {
        tokio::time::sleep(WAIT / 2).await;
        let Some(lanes) = lanes.upgrade() else {
            return;
        };
        let mut state = lanes.state();
        let over = state
            .waiting
            .partition_point(|one| one.since.elapsed() >= WAIT);
        state.waiting.drain(..over);
        if state.waiting.is_empty() {
            state.waiting.shrink_to_fit();
            state.swept = false;
            return;
        }
    }
}
