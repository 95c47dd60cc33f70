//! What an operator watches: figures in the text that Prometheus and OpenTelemetry collectors
//! read ([OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/)).
//!
//! What takes time, or comes in kinds, is [recorded](Recorded) as it happens. What is merely so,
//! and what others count anyway, is looked at when somebody asks. Names and units are those
//! of Prometheus' [conventions](https://prometheus.io/docs/practices/naming/): seconds, bytes,
//! totals. `docs/METRICS.md` says what each means.

mod now;
mod observer;
mod page;
mod process;
mod recorded;
mod traffic;

pub(crate) use now::{Now, PlaceNow};
pub(crate) use observer::Observer;
pub use recorded::Recorded;
pub(crate) use traffic::{ComponentTraffic, Traffic};

/// What the text is, for the header `content-type`.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole text.
pub(crate) fn text(recorded: &Recorded, now: &Now) -> String {
    let mut text = String::new();
    recorded.write(&mut text);
    now.write(&mut text);
    text.push_str("# EOF\n");
    text
}
