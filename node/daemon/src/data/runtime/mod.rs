//! What runs components.
//!
//! A [`Runtime`] starts components of one kind; what it has started answers requests
//! ([`Running`]) and is given, with each, what comes after it on the session's path.

mod builtin;
mod confined;
mod counted;
mod files;
mod leftovers;
mod next_listener;
mod outgoing;
mod output;
mod process;
mod supervisor;
mod upstream;
mod wasm;

pub(super) use counted::Counted;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use tokio_util::sync::CancellationToken;
use waybook_place::io::{Booked, InstanceId};

use super::DataConfig;
use super::chain::{Answer, NextHop};
use super::plane::Plane;
use crate::{Body, Start};

/// Starts components of one kind.
pub(super) trait Runtime: Send + Sync {
    /// Starts a component and returns when it answers. An error says what was wrong, and
    /// what would be right. Dropping the future gives up; whatever goes on in the
    /// background ends with [`Starting::cancel`].
    fn start(
        &self,
        starting: Starting,
        start: Start,
    ) -> Pin<Box<dyn Future<Output = Result<Started, String>> + Send + '_>>;
}

/// A component that answers requests.
pub(super) trait Running: Send + Sync {
    /// Answers a request of a session in whose chain the component stands.
    fn call(&self, request: Request<Body>, next: NextHop) -> Answer;

    /// Whether it does nothing but call what comes next, so that it need not be asked.
    fn passes(&self) -> bool {
        false
    }

    /// A request was passed on without it.
    fn passed(&self, status: StatusCode, waited: Duration) {
        let _ = (status, waited);
    }

    /// Whether it is held to what is booked for it.
    fn is_metered(&self) -> bool {
        false
    }

    /// The sessions that it serves have that much booked for it from now on, together.
    fn book(&self, booked: Booked) {
        let _ = booked;
    }
}

/// What a component is given for its life.
pub(super) struct Starting {
    /// Which instance it is.
    pub(super) instance: InstanceId,
    /// Cancelled when the instance is to stop.
    pub(super) cancel: CancellationToken,
    /// For what goes on beside the requests.
    pub(super) plane: Arc<Plane>,
}

/// A component that has started.
pub(super) struct Started {
    pub(super) running: Arc<dyn Running>,
    /// Where it answers, for people and logs.
    pub(super) endpoint: String,
}

/// All runtimes of a place.
pub(super) struct Runtimes {
    builtin: builtin::Builtin,
    process: process::Processes,
    wasm: wasm::Components,
}

impl Runtimes {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self {
            builtin: builtin::Builtin::new(config),
            process: process::Processes::new(config),
            wasm: wasm::Components::new(config),
        }
    }

    pub(super) fn of(&self, runtime: waybook_plan::Runtime) -> &dyn Runtime {
        match runtime {
            waybook_plan::Runtime::Builtin => &self.builtin,
            waybook_plan::Runtime::Process => &self.process,
            waybook_plan::Runtime::Wasm => &self.wasm,
        }
    }
}
