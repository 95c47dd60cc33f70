//! Figures that are looked up, as metrics of the moment.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Names and values that tell the figures of one metric apart.
type Labels = Vec<(&'static str, String)>;

/// Metrics with the values that they have now.
pub(super) struct Page(Registry);

impl Page {
    pub(super) fn new() -> Self {
        Self(Registry::with_prefix("waybook"))
    }

    /// Figures that go up and down.
    #[allow(
        clippy::cast_precision_loss,
        reason = "53 bits are enough for anything here"
    )]
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        figures: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (labels, figure) in figures {
            family.get_or_create(&labels).set(figure);
        }
        self.0.register(name, help, family);
    }

    /// Figures that only go up; `_total` is added to the name.
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        figures: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        let family = Family::<Labels, Counter>::default();
        for (labels, figure) in figures {
            family.get_or_create(&labels).inc_by(figure);
        }
        self.0.register(name, help, family);
    }

    /// A single figure that goes up and down.
    pub(super) fn one_gauge(&mut self, name: &'static str, help: &'static str, figure: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(figure);
        self.0.register(name, help, gauge);
    }

    /// A single figure that only goes up.
    pub(super) fn one_counter(&mut self, name: &'static str, help: &'static str, figure: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(figure);
        self.0.register(name, help, counter);
    }

    /// A single time that only grows; its unit and `_total` are added to the name.
    pub(super) fn one_time(&mut self, name: &'static str, help: &'static str, time: Duration) {
        let counter = Counter::<f64, AtomicU64>::default();
        counter.inc_by(time.as_secs_f64());
        self.0
            .register_with_unit(name, help, Unit::Seconds, counter);
    }

    pub(super) fn write(&self, text: &mut impl Write) {
        // Texts take whatever is written to them.
        let _ = encode_registry(text, &self.0);
    }
}
