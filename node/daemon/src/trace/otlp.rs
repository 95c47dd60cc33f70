//! Spans as collectors want them (OTLP 1, OpenTelemetry's trace data model).

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind as OtlpKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status};
use prost::Message as _;
use waybook_location_tree::PlaceName;
use waybook_place::Instant;

use super::setup::Setup;
use super::span::{Note, SpanKind};

/// The body of a request with spans of one place.
pub(super) fn request(place: &PlaceName, spans: Vec<OtlpSpan>) -> Vec<u8> {
    let resource = Resource {
        attributes: vec![
            text("service.name", "waybook"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", place.as_str()),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "waybook".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

/// One of a set-up's spans.
pub(super) fn span(here: &PlaceName, setup: &Setup, at: usize) -> OtlpSpan {
    let span = &setup.spans[at];
    let time = |of: Instant| nanos(setup.began + of.since(setup.origin));
    let mut attributes = vec![
        text("waybook.place", here.as_str()),
        text("waybook.title", &setup.title),
        number("waybook.hop", setup.hop as u64),
    ];
    if let Some(session) = setup.session {
        attributes.push(text("waybook.session", &session.to_string()));
    }
    if let Some(visit) = span.visit {
        attributes.push(number("waybook.solution", u64::from(visit.0)));
    }
    match &span.kind {
        SpanKind::Forward { to } => attributes.push(text("waybook.next", to.as_str())),
        SpanKind::Download { release, from } => {
            attributes.push(text("waybook.component", release));
            attributes.push(text("waybook.source", from.as_str()));
        }
        SpanKind::Start { component } => attributes.push(text("waybook.component", component)),
        SpanKind::Open => {
            if let Some(request) = &setup.request {
                attributes.push(text("waybook.key", &request.key));
            }
        }
        SpanKind::Plan | SpanKind::Visit | SpanKind::Hold => {}
    }
    let events = span.notes.iter().map(|(at, note)| Event {
        time_unix_nano: time(*at),
        name: word(note).to_owned(),
        attributes: vec![text("message", &note.to_string())],
        ..Event::default()
    });
    // Asked from outside, asking elsewhere, or neither.
    let kind = match &span.kind {
        SpanKind::Open | SpanKind::Visit => OtlpKind::Server,
        SpanKind::Forward { .. } | SpanKind::Download { .. } => OtlpKind::Client,
        SpanKind::Plan | SpanKind::Hold | SpanKind::Start { .. } => OtlpKind::Internal,
    };
    OtlpSpan {
        trace_id: setup.trace().to_be_bytes().to_vec(),
        span_id: span.id.0.to_be_bytes().to_vec(),
        parent_span_id: span
            .parent
            .map_or_else(Vec::new, |parent| parent.0.to_be_bytes().to_vec()),
        // Names have few values; what differs from span to span is in the attributes.
        name: format!("waybook {}", span.kind.word()),
        kind: kind.into(),
        start_time_unix_nano: time(span.begin),
        end_time_unix_nano: time(span.end.unwrap_or(span.begin)),
        attributes,
        events: events.collect(),
        status: Some(match &span.problem {
            None => Status::default(),
            Some(problem) => Status {
                message: problem.clone(),
                code: StatusCode::Error.into(),
            },
        }),
        // Sampled (W3C Trace Context, section 3.2.3.4).
        flags: 1,
        ..OtlpSpan::default()
    }
}

fn word(note: &Note) -> &'static str {
    match note {
        Note::Tries(_) => "tries",
        Note::Refused(..) => "refused",
        Note::Sent => "sent",
        Note::Answers(_) => "answers",
        Note::Established => "established",
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(
        key,
        Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)),
    )
}
