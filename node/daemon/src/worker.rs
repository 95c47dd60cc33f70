//! The thread on which data is dealt with: sessions' requests, components, transfers of code, and requests of the control API that come
//! from other places. The caller's has the place, its messages and the control API of this place's own clients, which answer at
//! once however much data passes.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime. Ends soon after it was dropped.
pub(crate) struct Worker {
    handle: Handle,
    /// Dropped to end it.
    ending: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (ending, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("waybook-data".to_owned())
            .spawn(move || {
                // Whether it was dropped or told: both are the end.
                let _ = runtime.block_on(ended);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            handle,
            ending,
            thread,
        })
    }

    /// Where to run something on it.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends what still runs on it.
    pub(crate) async fn stop(self) {
        drop(self.ending);
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        let _ = ended.await;
    }
}
