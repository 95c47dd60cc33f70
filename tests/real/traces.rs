//! What is recorded of a set-up is what happened, at every place that it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustix::process::Signal;
use waybook_client::model::{OpenForm, SpanInfo, TraceInfo};
use waybook_sim::arm::Arm;
use waybook_sim::client::request;

use crate::daemons::{Daemons, until};
use crate::places::{Build, Kind, Places};
use crate::scenarios::settings::{MBIT, film, place, quality, two_localities, with};
use crate::sessions;

/// What is cut off a time in the API.
const ROUNDED: u64 = 2;

fn end(span: &SpanInfo) -> u64 {
    let took = span.took.as_ref();
    let took = took.unwrap_or_else(|| panic!("{span:?} lasts"));
    span.begin.micros + took.micros
}

/// Each span lies within the one that it is part of; but for what begins while the path beyond is
/// sought and ends after it, all are parts of the first.
fn check_order(trace: &TraceInfo) {
    let by_id: BTreeMap<_, _> = trace.spans.iter().map(|span| (&span.id, span)).collect();
    assert_eq!(by_id.len(), trace.spans.len(), "two spans have one number");
    for span in &trace.spans[1..] {
        let parent = span.parent.as_ref().and_then(|parent| by_id.get(parent));
        let parent = parent.unwrap_or_else(|| panic!("{span:?} is part of nothing"));
        let within = span.begin.micros + ROUNDED >= parent.begin.micros
            && end(span) <= end(parent) + ROUNDED;
        assert!(within, "{span:#?}\nis not within\n{parent:#?}");
    }
    assert!(trace.spans[0].parent.is_none());
}

fn visits(trace: &TraceInfo) -> Vec<(&str, u16)> {
    let visits = trace.spans.iter().filter(|span| span.kind == "visit");
    visits
        .map(|span| (span.place.as_str(), span.visit.unwrap()))
        .collect()
}

#[test]
fn a_trace_leads_from_the_client_to_the_server() {
    let film = film(&[quality("hd", 4 * MBIT, 500)]);
    let mut arm = Daemons::set_up(&two_localities().publish("r/b/y", film));
    let session = arm.open(&place("r/a/x"), request("film")).unwrap();
    arm.wait_quiet();
    let id = session.session.to_string();
    let ask = |at: &str| {
        let client = arm.client(&place(at)).unwrap();
        arm.runtime.block_on(client.trace(&id)).unwrap()
    };

    let trace = ask("r/a/x");
    assert_eq!(trace.untold, []);
    check_order(&trace);
    let path = ["r/a/x", "r/a", "r", "r/b", "r/b/y"];
    assert_eq!(visits(&trace), path.map(|place| (place, 1)));
    assert_eq!(trace.setup.became, "established");
    assert_eq!(trace.setup.quality.as_deref(), Some("hd"));
    assert_eq!(trace.setup.trace.as_deref(), Some(&*id));
    assert_eq!(trace.spans[0].kind, "open");
    assert_eq!(trace.setup.took, trace.spans[0].took);
    let starts = trace.spans.iter().filter(|span| span.kind == "start");
    let starts: Vec<_> = starts.map(|s| (&*s.place, &*s.name)).collect();
    assert_eq!(starts, [("r/a/x", "start relay"), ("r/b/y", "start files")]);

    // Asked anywhere on the path it is the same, and elsewhere nothing is known of it.
    assert_eq!(ask("r/b"), trace);
    let client = arm.client(&place("r/a")).unwrap();
    let stranger = "0123456789abcdef0123456789abcdef";
    let unknown = arm.runtime.block_on(client.trace(stranger)).unwrap_err();
    assert!(unknown.to_string().contains("trace.keep"), "{unknown}");
}

#[test]
fn a_refused_request_says_what_was_tried_where_and_what_would_help() {
    let setting = with(two_localities(), "r/b/y", "cpu", 300);
    let setting = with(setting, "r/b", "up", 3 * MBIT);
    let film = film(&[quality("hd", 4 * MBIT, 250), quality("sd", 2 * MBIT, 500)]);
    let mut arm = Daemons::set_up(&setting.publish("r/b/y", film));
    arm.open(&place("r/a/x"), request("film")).unwrap_err();
    arm.open(&place("r/a/x"), request("nothing")).unwrap_err();
    arm.wait_quiet();
    let client = arm.client(&place("r/a/x")).unwrap();
    let setups = arm.runtime.block_on(client.setups()).unwrap();
    let [nothing, refused] = &setups[..] else {
        panic!("{setups:?}");
    };
    assert_eq!(nothing.became, "no-plan");
    assert!(
        nothing.why.as_ref().unwrap().contains("nothing"),
        "{nothing:?}"
    );

    let id = refused.session.as_ref().unwrap();
    let detail = arm.runtime.block_on(client.setup(id)).unwrap();
    assert_eq!(detail.setup.became, "refused");
    let tried: Vec<_> = detail.solutions.iter().map(|s| &*s.quality).collect();
    assert_eq!(tried, ["hd", "sd"]);
    let told: Vec<_> = detail
        .refused
        .iter()
        .map(|refusal| (refusal.solution, &*refusal.place, &*refusal.remedy))
        .collect();
    let [(1, "r/b", hd), (2, "r/b/y", sd)] = told[..] else {
        panic!("{told:?}");
    };
    for (remedy, wanted) in [
        (hd, "`capacity.up` must be at least"),
        (sd, "`capacity.cpu` must be"),
    ] {
        assert!(remedy.contains(wanted), "{remedy}");
    }

    let trace = arm.runtime.block_on(client.trace(id)).unwrap();
    assert_eq!(trace.untold, []);
    check_order(&trace);
    let last = visits(&trace).last().copied();
    assert_eq!(last, Some(("r/b/y", 2)), "{:?}", visits(&trace));
    for (place, visit, solution) in [("r/b", 1, 1), ("r/b/y", 2, 2)] {
        let of = |span: &&SpanInfo| span.place == place && span.visit == Some(visit);
        let mut notes = trace.spans.iter().filter(of).flat_map(|span| &span.notes);
        let refused = format!("refused solution {solution}: ");
        assert!(notes.any(|note| note.text.starts_with(&refused)), "{place}");
    }
}

/// A collector that is not ready at first, and what it gets then.
fn collector() -> (SocketAddr, Receiver<ExportTraceServiceRequest>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let (got, all) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            // Whoever is first is to come again.
            let mut ready = false;
            while let Ok((stream, _)) = listener.accept().await {
                let (got, first) = (got.clone(), !std::mem::replace(&mut ready, true));
                tokio::spawn(async move {
                    let first = AtomicBool::new(first);
                    let answer = |request: Request<Incoming>| {
                        let (got, busy) = (got.clone(), first.swap(false, Ordering::Relaxed));
                        async move { Ok::<_, Infallible>(take(request, &got, busy).await) }
                    };
                    let stream = TokioIo::new(stream);
                    let _ = http1::Builder::new()
                        .serve_connection(stream, service_fn(answer))
                        .await;
                });
            }
        });
    });
    (address, all)
}

async fn take(
    request: Request<Incoming>,
    got: &std::sync::mpsc::Sender<ExportTraceServiceRequest>,
    busy: bool,
) -> Response<Full<Bytes>> {
    let right = request.uri().path() == "/v1/traces"
        && request.headers()["content-type"] == "application/x-protobuf"
        && request.headers()["x-who"] == "waybook";
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let status = match (right, busy) {
        (false, _) => StatusCode::BAD_REQUEST,
        (true, true) => StatusCode::SERVICE_UNAVAILABLE,
        (true, false) => {
            let _ = got.send(ExportTraceServiceRequest::decode(body).unwrap());
            StatusCode::OK
        }
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    let value = attribute.and_then(|attribute| attribute.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?}"),
    }
}

/// All places send what they saw to the collector, as parts of the client's own trace.
#[test]
fn a_collector_gets_one_trace_of_all_places() {
    let (address, got) = collector();
    let kind = Kind {
        walls: false,
        code: true,
    };
    let mut places = Places::up(kind, |_| Build::This);
    for number in 0..places.len() {
        places.set(
            number,
            "[trace]",
            &format!("otlp = \"http://{address}\"\nheaders = {{ x-who = \"waybook\" }}"),
        );
        places.signal(number, Signal::KILL);
        places.wait_for_end(number);
        places.start(number);
    }
    places.wait_joined();
    let client = places.client(3).unwrap();
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128;
    let traceparent = format!("00-{trace:032x}-b7ad6b7169203331-01");
    let form = OpenForm {
        title: "brought".to_owned(),
        ..OpenForm::default()
    };
    let opened = places
        .ask(client.traced(&traceparent).open_quietly(&form))
        .unwrap();
    let hops: BTreeSet<_> = opened.journey.iter().map(|hop| hop.place.clone()).collect();

    let mut spans: Vec<(String, Span)> = Vec::new();
    until("the collector does not get all", || {
        while let Ok(request) = got.try_recv() {
            for resource in request.resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                assert_eq!(text(&attributes, "service.name"), "waybook");
                let from = text(&attributes, "service.instance.id");
                let all = resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| (from.clone(), span)));
            }
        }
        let visits = spans
            .iter()
            .filter(|(_, span)| span.name == "waybook visit");
        let told: BTreeSet<_> = visits.map(|(from, _)| from.clone()).collect();
        let open = spans.iter().any(|(_, span)| span.name == "waybook open");
        match told == hops && open {
            true => Ok(()),
            false => Err(format!("{told:?} of {hops:?} have told")),
        }
    });
    let numbers: BTreeSet<_> = spans.iter().map(|(_, span)| span.span_id.clone()).collect();
    assert_eq!(numbers.len(), spans.len(), "a span was sent twice");
    for (from, span) in &spans {
        assert_eq!(span.trace_id, trace.to_be_bytes(), "{from}");
        assert_eq!(text(&span.attributes, "waybook.session"), opened.session);
        assert!(span.start_time_unix_nano > 1_600_000_000_000_000_000);
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{span:?}"
        );
        match span.name.as_str() {
            "waybook open" => {
                assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
            }
            _ => assert!(
                numbers.contains(&span.parent_span_id),
                "{span:?} is part of nothing"
            ),
        }
    }
    for kind in ["plan", "hold", "forward", "download", "start"] {
        let name = format!("waybook {kind}");
        assert!(spans.iter().any(|(_, span)| span.name == name), "no {name}");
    }
    // The same is remembered here, under the client's trace.
    let told = places.ask(client.trace(&opened.session)).unwrap();
    assert_eq!(told.setup.trace, Some(format!("{trace:032x}")));
    assert_eq!(told.spans.len(), spans.len());

    let figures = places.ask(client.metrics()).unwrap();
    assert!(
        figures.contains("waybook_trace_spans_total{result=\"dropped\"} 0"),
        "{figures}"
    );

    // What the client does not want collected stays here.
    let unwanted = format!("00-{:032x}-b7ad6b7169203331-00", trace + 1);
    let quiet = places
        .ask(client.traced(&unwanted).open_quietly(&form))
        .unwrap();
    let last = sessions::open(&places, 3, "brought");
    until("the last set-up does not come", || {
        let request = got.try_recv().map_err(|error| error.to_string())?;
        let all = request
            .resource_spans
            .into_iter()
            .flat_map(|r| r.scope_spans);
        let mut sessions = all
            .flat_map(|scope| scope.spans)
            .map(|span| text(&span.attributes, "waybook.session"))
            .inspect(|session| assert_ne!(*session, quiet.session));
        let is_last = sessions.any(|session| session == last.id);
        is_last
            .then_some(())
            .ok_or_else(|| "others came".to_owned())
    });
    assert_eq!(places.ask(client.trace(&quiet.session)).unwrap().untold, []);
}
