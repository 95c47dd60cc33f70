//! Set-ups as they were: which agent did what when, at this place.
//!
//! A `Tracer` looks at the place from outside, as the figures' observer does: at what goes in
//! and comes out, and at what its agents have become. What it sees is kept for a while
//! ([`Setups`]), for people who ask what happened, and is sent to a collector if one is
//! configured (`Exporter`).
//!
//! No place knows the spans of the others. They fit together all the same: all are parts of the
//! trace that the agent carries (see [`TraceContext`](waybook_agents::TraceContext)), and the
//! number of a span follows from the session, the places and the visit.

mod export;
mod kept;
mod otlp;
mod setup;
mod span;
mod tracer;

pub use export::ExportConfig;
pub(crate) use export::Exporter;
pub(crate) use export::check_endpoint;
pub use kept::Setups;
pub use setup::{Became, Request, Setup};
pub use span::{Note, Span, SpanId, SpanKind};
pub(crate) use tracer::Tracer;
