//! Guests, and a house to try them in.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file has its own copy and uses a part of it"
)]

mod guests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use waybook_wasm::{
    Body, Budget, CallFailure, Code, Component, Instances, Log, Next, Outgoing, Settings, Source,
    Start, Stream, Unsent, Wasm, full_body,
};

pub(crate) use guests::guest;

/// Long enough for what must happen, on a machine that is slow and busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A component that comes with Waybook.
pub fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../components/built");
    std::fs::read(format!("{folder}/{name}.wasm")).unwrap()
}

pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An engine with its cache directory.
pub struct House {
    pub wasm: Wasm,
    pub cache: TempDir,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// With other settings than usual.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let cache = tempfile::tempdir().unwrap();
        let mut settings = settings(cache.path());
        change(&mut settings);
        let wasm = Wasm::new(settings).unwrap();
        Self { wasm, cache }
    }

    pub async fn load(&self, name: &str) -> Arc<Code> {
        self.load_bytes(guest(name)).await
    }

    pub async fn load_bytes(&self, bytes: Vec<u8>) -> Arc<Code> {
        let loaded = self.wasm.load(digest(&bytes), Source::Bytes(bytes.into()));
        loaded.await.unwrap()
    }

    /// A guest that was started with nothing special.
    pub async fn run(&self, name: &str) -> Arc<Component> {
        self.run_with(name, start()).await
    }

    pub async fn run_with(&self, name: &str, start: Start) -> Arc<Component> {
        let code = self.load(name).await;
        self.wasm.start(code, start).await.unwrap()
    }
}

/// As usual, but for few instances.
pub fn settings(cache: &std::path::Path) -> Settings {
    Settings {
        instances: 16,
        memories: 16,
        ..Settings::new(cache)
    }
}

/// A start with nothing special: much memory and time, nothing comes next.
pub fn start() -> Start {
    Start {
        name: "guest".to_owned(),
        config: BTreeMap::new(),
        budget: Budget::new(1 << 30, 1_000_000),
        memory: None,
        instances: Instances::Pool,
        reuse: Some(usize::MAX),
        next: Arc::new(NextOf(|_: Request<Body>| -> BoxFuture<'static, _> {
            panic!("nothing comes next here")
        })),
        hosts: Vec::new(),
        outgoing: Arc::new(Out(|_: Request<Body>| -> BoxFuture<'static, _> {
            panic!("nothing goes out here")
        })),
        log: Arc::new(Lines::default()),
    }
}

/// A next by a function.
pub struct NextOf<F>(pub F);

impl<F: Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync> Next for NextOf<F> {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        (self.0)(request)
    }
}

/// A client by a function.
pub struct Out<F>(pub F);

impl<F> Outgoing for Out<F>
where
    F: Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Unsent>> + Send + Sync,
{
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Unsent>> {
        (self.0)(request)
    }
}

/// Lines that were logged.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<(Stream, String)>>);

impl Log for Lines {
    fn line(&self, stream: Stream, line: &str) {
        self.0.lock().unwrap().push((stream, line.to_owned()));
    }
}

pub fn request(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::get(path)
        .header("host", "client.example:81")
        .body(full_body(body))
        .unwrap()
}

/// All of a body, or why it broke off.
pub async fn read(response: Response<Body>) -> Result<Bytes, String> {
    let body = response.into_body().collect();
    let body = tokio::time::timeout(PATIENCE, body)
        .await
        .expect("the body ends");
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| error.to_string())
}

/// Asks and reads all.
pub async fn ask(component: &Component, path: &str) -> Result<String, CallFailure> {
    let response = call(component, request(path, "")).await?;
    let body = read(response).await.expect("the body does not break off");
    Ok(String::from_utf8_lossy(&body).into_owned())
}

pub async fn call(
    component: &Component,
    request: Request<Body>,
) -> Result<Response<Body>, CallFailure> {
    let called = tokio::time::timeout(PATIENCE, component.call(request));
    called.await.expect("a call ends")
}

/// Waits for something that must become so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("it never became so that {what}"));
}
