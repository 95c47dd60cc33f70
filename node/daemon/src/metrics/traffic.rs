//! What sessions' requests bring through a place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::recorded::times;

/// By component and class of status, as far as they are used.
type ByComponent = Family<[(&'static str, String); 2], Counter>;
type Waits = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;

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
    components: ByComponent,
    component_waits: Waits,
    /// How many instances run of each component: with the last its figures go.
    running: Mutex<BTreeMap<String, usize>>,
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
            components: ByComponent::default(),
            component_waits: Waits::new_with_constructor(times),
            running: Mutex::default(),
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
        registry.register(
            "component_requests",
            "Requests that a component here was given, by the status of its answer",
            self.0.components.clone(),
        );
        registry.register_with_unit(
            "component_wait",
            "Time until a component's answer began, all that comes after it included",
            Unit::Seconds,
            self.0.component_waits.clone(),
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
        count(&self.0.by_class, status);
        self.0.wait.observe(waited.as_secs_f64());
    }

    /// Counts for one more instance of a component.
    pub(crate) fn component(&self, name: &str) -> ComponentTraffic {
        let mut running = self.running();
        *running.entry(name.to_owned()).or_default() += 1;
        let labels = |class: &str| [("component", name.to_owned()), ("status", class.to_owned())];
        ComponentTraffic {
            name: name.to_owned(),
            by_class: CLASSES.map(|class| self.0.components.get_or_create(&labels(class)).clone()),
            wait: self
                .0
                .component_waits
                .get_or_create(&[("component", name.to_owned())])
                .clone(),
            of: self.clone(),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        let running = self.0.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
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

fn count(by_class: &[Counter; CLASSES.len()], status: StatusCode) {
    let class = usize::from(status.as_u16() / 100).saturating_sub(1);
    if let Some(count) = by_class.get(class) {
        count.inc();
    }
}

/// Counts the requests of one instance. The instances of a component count together.
#[derive(Debug)]
pub(crate) struct ComponentTraffic {
    name: String,
    by_class: [Counter; CLASSES.len()],
    wait: Histogram,
    of: Traffic,
}

impl ComponentTraffic {
    /// A request is answered.
    pub(crate) fn answered(&self, status: StatusCode, waited: Duration) {
        count(&self.by_class, status);
        self.wait.observe(waited.as_secs_f64());
    }
}

impl Drop for ComponentTraffic {
    /// What has run here once would otherwise have figures for ever.
    fn drop(&mut self) {
        let mut running = self.of.running();
        let Some(count) = running.get_mut(&self.name) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        running.remove(&self.name);
        let counts = &self.of.0;
        let name = || ("component", self.name.clone());
        for class in CLASSES {
            counts
                .components
                .remove(&[name(), ("status", class.to_owned())]);
        }
        counts.component_waits.remove(&[name()]);
    }
}
