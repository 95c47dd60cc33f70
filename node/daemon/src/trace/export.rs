//! Hands spans to a collector, without anything ever waiting for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use waybook_location_tree::PlaceName;

use super::otlp;
use super::setup::Setup;
use crate::metrics::Recorded;

/// A batch is sent when it has so many spans.
const BATCH: usize = 512;
/// A batch is sent when its first span is that old.
const DELAY: Duration = Duration::from_secs(1);
/// A collector that takes longer has not taken it.
const PATIENCE: Duration = Duration::from_secs(10);
/// So often is a batch tried when the collector says that it may be (OTLP, section on retries), or
/// is not there.
const TRIES: u32 = 4;
/// The pause before the second try; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// What is read of an answer.
const MOST_ANSWER: usize = 64 << 10;

/// Where spans go (`[trace]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// The collector's base address, `http` or `https`; `/v1/traces` is appended.
    pub otlp: String,
    /// Headers of every request, for collectors that want to know who sends.
    pub headers: BTreeMap<String, String>,
    /// How many of a hundred traces go there that clients have not decided about.
    pub sample: u8,
    /// Spans that may wait; those beyond are dropped and counted.
    pub queue: usize,
}

/// Whether a collector can be reached at such an address, and what would be right.
///
/// # Errors
/// What is wrong.
pub(crate) fn check_endpoint(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("`{url}`: {error}"))?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.query().is_none() && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if known && plain {
        return Ok(());
    }
    Err(format!(
        "`{url}` must be an address such as \"http://127.0.0.1:4318\""
    ))
}

/// Where the tracer puts spans.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    spans: mpsc::Sender<OtlpSpan>,
    recorded: Arc<Recorded>,
    sample: u8,
}

impl Exporter {
    /// Sends to a collector, on a task that ends when the exporter is gone and all is sent.
    ///
    /// # Errors
    /// If the addresses or headers are wrong, or the machine's authorities cannot be read.
    pub(crate) fn start(
        config: &ExportConfig,
        place: &PlaceName,
        recorded: Arc<Recorded>,
    ) -> Result<(Self, JoinHandle<()>), String> {
        let collector = Collector::new(config, place)?;
        let (spans, waiting) = mpsc::channel(config.queue);
        let sending = tokio::spawn(send_all(collector, waiting, recorded.clone()));
        let exporter = Self {
            spans,
            recorded,
            sample: config.sample,
        };
        Ok((exporter, sending))
    }

    /// Hands over what has ended of a set-up since the last time, if its trace is collected.
    pub(crate) fn export(&self, here: &PlaceName, setup: &mut Setup) {
        if !self.is_sampled(setup) {
            return;
        }
        let spans = setup.spans.len();
        for at in 0..spans {
            let span = &mut setup.spans[at];
            if span.end.is_none() || span.exported {
                continue;
            }
            span.exported = true;
            if self.spans.try_send(otlp::span(here, setup, at)).is_err() {
                self.recorded.spans(false, 1);
            }
        }
    }

    /// Where the client has not decided, the trace's number does, and so alike at all places that
    /// sample alike.
    fn is_sampled(&self, setup: &Setup) -> bool {
        match setup.context {
            Some(context) => context.sampled,
            None => (setup.trace() % 100) < u128::from(self.sample),
        }
    }
}

/// Sends batches one after the other, until the tracer is gone and all has been sent.
async fn send_all(
    collector: Collector,
    mut waiting: mpsc::Receiver<OtlpSpan>,
    recorded: Arc<Recorded>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut silent = false;
    while let Some(first) = waiting.recv().await {
        batch.push(first);
        let full = async {
            while batch.len() < BATCH
                && let Some(span) = waiting.recv().await
            {
                batch.push(span);
            }
        };
        let _ = tokio::time::timeout(DELAY, full).await;
        let many = batch.len() as u64;
        let sent = collector.send(std::mem::take(&mut batch)).await;
        recorded.spans(sent.is_ok(), many);
        match sent {
            Ok(()) => silent = false,
            // Said once for as long as it stays so; what is lost is counted.
            Err(_) if silent => {}
            Err(error) => {
                silent = true;
                tracing::warn!(collector = %collector.url, %error, "the collector takes no spans");
            }
        }
    }
}

/// A collector of traces.
struct Collector {
    url: Uri,
    headers: HeaderMap,
    place: PlaceName,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How a try ended that did not succeed.
enum Failed {
    /// It may succeed later.
    Now(String),
    /// It never will.
    Ever(String),
}

impl Collector {
    fn new(config: &ExportConfig, place: &PlaceName) -> Result<Self, String> {
        check_endpoint(&config.otlp)?;
        let url = format!("{}/v1/traces", config.otlp.trim_end_matches('/'));
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        for (name, value) in &config.headers {
            let wrong = |error: &dyn fmt::Display| format!("the header `{name}`: {error}");
            let key: HeaderName = name.parse().map_err(|error| wrong(&error))?;
            let mut value: HeaderValue = value.parse().map_err(|error| wrong(&error))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| format!("the machine's authorities: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            url: url.parse().map_err(|error| format!("`{url}`: {error}"))?,
            headers,
            place: place.clone(),
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector),
        })
    }

    async fn send(&self, batch: Vec<OtlpSpan>) -> Result<(), String> {
        let body = Bytes::from(otlp::request(&self.place, batch));
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.send_once(body.clone()).await {
                Ok(()) => return Ok(()),
                Err(Failed::Ever(why)) => return Err(why),
                Err(Failed::Now(_)) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        self.send_once(body).await.map_err(|failed| match failed {
            Failed::Now(why) | Failed::Ever(why) => why,
        })
    }

    async fn send_once(&self, body: Bytes) -> Result<(), Failed> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| Failed::Now(error.to_string()))?;
            let status = response.status();
            // Read, so that the connection serves again.
            let body = Limited::new(response.into_body(), MOST_ANSWER);
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            if status.is_success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
            let why = format!("it answers {status} {}", said.trim());
            Err(match status {
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Failed::Now(why),
                _ => Failed::Ever(why),
            })
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap_or_else(|_| Err(Failed::Now(format!("no answer within {PATIENCE:?}"))))
    }
}
