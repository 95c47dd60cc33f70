//! What sessions' requests bring through a place.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::recorded::times;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts of requests and bytes. Cheap to clone; the clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    answers: Family<[(&'static str, String); 1], Counter>,
    by_class: [Counter; CLASSES.len()],
    wait: Histogram,
    to_client: Counter,
    to_server: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let answers = Family::<[(&'static str, String); 1], Counter>::default();
        let by_class = CLASSES.map(|class| {
            let labels = [("status", class.to_owned())];
            answers.get_or_create(&labels).clone()
        });
        Self {
            answers,
            by_class,
            wait: times(),
            to_client: Counter::default(),
            to_server: Counter::default(),
        }
    }
}

impl Traffic {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Requests of sessions that were answered through this place, by the answer's status",
            self.0.answers.clone(),
        );
        registry.register_with_unit(
            "request_wait",
            "Time until the answer to a session's request began",
            Unit::Seconds,
            self.0.wait.clone(),
        );
        registry.register_with_unit(
            "to_client",
            "Bodies let through towards clients",
            Unit::Bytes,
            self.0.to_client.clone(),
        );
        registry.register_with_unit(
            "to_server",
            "Bodies let through towards servers",
            Unit::Bytes,
            self.0.to_server.clone(),
        );
    }

    /// A request is answered.
    pub(crate) fn answered(&self, status: StatusCode, waited: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.0.by_class.get(class) {
            count.inc();
        }
        self.0.wait.observe(waited.as_secs_f64());
    }

    /// Counts bytes towards clients.
    pub(crate) fn to_client(&self) -> Counter {
        self.0.to_client.clone()
    }

    /// Counts bytes towards servers.
    pub(crate) fn to_server(&self) -> Counter {
        self.0.to_server.clone()
    }
}
