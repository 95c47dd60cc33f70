//! What the service manager is told, if one has started this process (sd_notify(3)).

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::PlaceHandle;

/// Tells the service manager how the daemon does. Without one, everything here does nothing.
pub(crate) struct Service {
    /// When it has to be told next that the daemon still works.
    watchdog: Option<Interval>,
}

impl Service {
    /// What the service manager has asked for when it started the process.
    pub(crate) fn of_process() -> Self {
        let patience = sd_notify::watchdog_enabled();
        Self {
            watchdog: patience.map(|patience| {
                // Twice in its patience, so that one may be late.
                let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticks
            }),
        }
    }

    /// The place runs.
    pub(crate) fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The configuration is read again; [`Self::ready`] says that it is done.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// The daemon stops.
    pub(crate) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Waits until the watchdog has to be told, and tells it if the place answers and the thread for data works: a
    /// daemon of which one does not is to be restarted.
    pub(crate) async fn watch(&mut self, place: &PlaceHandle, data: &Handle) {
        let Some(watchdog) = &mut self.watchdog else {
            return std::future::pending().await;
        };
        watchdog.tick().await;
        if place.query(|_, _| ()).await.is_ok() && data.spawn(async {}).await.is_ok() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // Nobody may be there to be told.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
