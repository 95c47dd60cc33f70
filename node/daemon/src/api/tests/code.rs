//! Code through the API: uploads, and what becomes of them.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::{mpsc, watch};
use waybook_place::io::CodeOrder;
use waybook_plan::{Digest, Manifest, Release, SigningKey};

use super::net::{Net, name};
use super::open::{next_event, watched};
use super::{TREE, request};
use crate::PlaceHandle;
use crate::api::{CodeFacts, CodeStore, Staged, StoreError, Storing};

/// A binary, as far as these tests go: what begins like this.
const BINARY: &[u8] = b"\0asm and so on";

const MANIFEST: &str = "name = \"cap-quality\"\nversion = \"1.2.0\"\n";

/// A release that nobody signed, of code that is told apart by one byte.
pub(in crate::api) fn release(name_: &str, version: &str, byte: u8) -> Arc<Release> {
    let manifest = format!("name = \"{name_}\"\nversion = \"{version}\"\n");
    let manifest = Manifest::from_toml(&manifest).unwrap();
    let runtime = Some("wasi:http/proxy@0.2.0");
    let release = manifest.release(runtime, Digest([byte; 32]), 1000, [byte; 32], name("core"));
    Arc::new(release.unwrap())
}

/// A repository that is only a shelf.
pub(super) struct Shelf {
    place: PlaceHandle,
    /// Bytes that have arrived in all.
    arrived: watch::Sender<usize>,
}

struct Received {
    place: PlaceHandle,
    file: NamedTempFile,
    bytes: Vec<u8>,
}

impl Shelf {
    pub(super) fn new(place: PlaceHandle, arrived: watch::Sender<usize>) -> Self {
        Self { place, arrived }
    }
}

impl CodeStore for Shelf {
    fn stage(&self, mut body: crate::Body) -> Storing<'_, Result<Box<dyn Staged>, StoreError>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| StoreError::Cut(error.to_string()))?;
                let data = frame.into_data().unwrap_or_default();
                self.arrived.send_modify(|bytes| *bytes += data.len());
                bytes.extend_from_slice(&data);
            }
            let mut file = NamedTempFile::new()?;
            file.write_all(&bytes)?;
            let place = self.place.clone();
            let received = Received { place, file, bytes };
            Ok(Box::new(received) as Box<dyn Staged>)
        })
    }

    fn inspect(&self, binary: &[u8]) -> Result<CodeFacts, String> {
        let rest = binary
            .strip_prefix(b"\0asm")
            .ok_or("it is not WebAssembly")?;
        let says_its_name = rest.starts_with(b" cap-log");
        Ok(CodeFacts {
            runtime: "wasi:http/proxy@0.2.0".to_owned(),
            name: says_its_name.then(|| "cap-log".to_owned()),
            version: says_its_name.then(|| "0.3.0".to_owned()),
            description: None,
        })
    }
}

impl Staged for Received {
    fn digest(&self) -> Digest {
        sha256(&self.bytes)
    }

    fn root(&self) -> [u8; 32] {
        *blake3::hash(&self.bytes).as_bytes()
    }

    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    fn add(self: Box<Self>, release: Arc<Release>) -> Storing<'static, Result<(), StoreError>> {
        Box::pin(async move {
            let done = self.place.order(CodeOrder::Add(release)).await;
            let done = done.map_err(|_| StoreError::Stopping)?;
            done.map(drop).map_err(StoreError::Refused)
        })
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest(digest(&SHA256, bytes).as_ref().try_into().unwrap())
}

/// An upload with its manifest.
fn upload(uri: &str, manifest: &str, body: impl Into<Body>) -> Request<Body> {
    let mut upload = request("POST", uri, body);
    let manifest = BASE64.encode(manifest.as_bytes()).parse().unwrap();
    upload.headers_mut().insert("waybook-manifest", manifest);
    upload
}

/// The publisher's key and signature of that binary with that manifest.
fn sign(key: &SigningKey, manifest: &str, binary: &[u8]) -> String {
    let manifest = Manifest::from_toml(manifest).unwrap();
    let runtime = Some("wasi:http/proxy@0.2.0");
    let (digest, root) = (sha256(binary), *blake3::hash(binary).as_bytes());
    // Where it is added is not signed.
    let home = name("elsewhere");
    let release = manifest.release(runtime, digest, binary.len() as u64, root, home);
    let mut release = release.unwrap();
    release.sign(key);
    let bytes = release.signature.unwrap().bytes;
    format!("{} {}", key.publisher(), HEXLOWER.encode(&bytes))
}

fn new_key() -> SigningKey {
    let document = SigningKey::generate(&SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8(&document).unwrap()
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn an_upload_that_will_not_do_is_refused_with_what_would() {
    let net = Net::start(&["core", "core/b"]);
    let key = new_key();
    let bad = MANIFEST.replace("1.2.0", "soon");
    let typed = format!("{MANIFEST}runtime = \"wasi:http/middleware@0.3.0\"\n");
    for (at, manifest, binary, status, told) in [
        ("core/b", MANIFEST, &b"MZ"[..], 422, "not WebAssembly"),
        ("core/b", &bad, BINARY, 422, "component.toml: line 2"),
        ("core/b", &typed, BINARY, 422, "wasi:http/proxy@0.2.0"),
        // The root trusts nobody's signature, and wants one.
        ("core", MANIFEST, BINARY, 403, "--key FILE"),
    ] {
        let (answered, problem) = net.send(at, upload("/components", manifest, binary)).await;
        assert_eq!(answered.as_u16(), status, "{problem}");
        assert!(detail(&problem).contains(told), "{problem}");
    }
    let mut signed = upload("/components", MANIFEST, BINARY);
    let signature = sign(&key, MANIFEST, BINARY).parse().unwrap();
    signed.headers_mut().insert("waybook-signature", signature);
    let (status, problem) = net.send("core", signed).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    let told = format!("add \"{}\" there", key.publisher());
    assert!(detail(&problem).contains(&told), "{problem}");
    let (_, list) = net.get("core", "/components").await;
    assert_eq!(list, json!([]));

    // Headers that cannot be read, and no manifest at all.
    for (header, value, status, told) in [
        ("waybook-manifest", "=?", 400, "base64"),
        ("waybook-signature", "ed25519:00 00", 400, "128 hexadecimal"),
        ("x-other", "", 422, "component.toml"),
    ] {
        let mut upload = request("POST", "/components", BINARY);
        upload.headers_mut().insert(header, value.parse().unwrap());
        let (answered, problem) = net.send("core/b", upload).await;
        assert_eq!(answered.as_u16(), status, "{problem}");
        assert!(detail(&problem).contains(told), "{problem}");
    }
    let mut large = upload("/components", MANIFEST, "");
    let length = (1_u64 << 40).into();
    large.headers_mut().insert(header::CONTENT_LENGTH, length);
    let (status, problem) = net.send("core/b", large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        detail(&problem).contains("code.greatest-component"),
        "{problem}"
    );
}

/// A stranger's whole upload was taken in before it was refused; of one that does not end,
/// nobody ever heard.
#[tokio::test]
async fn a_stranger_is_refused_before_anything_is_read() {
    let net = Net::start(&["core"]);
    let endless = || {
        let stream = futures_util::stream::pending::<Result<Frame<Bytes>, io::Error>>();
        upload("/components", MANIFEST, Body::new(StreamBody::new(stream)))
    };
    let (status, problem) = net.send("core", endless()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    assert!(detail(&problem).contains("nobody signed"), "{problem}");
    let key = new_key();
    let mut signed = endless();
    let signature = sign(&key, MANIFEST, BINARY).parse().unwrap();
    signed.headers_mut().insert("waybook-signature", signature);
    let (status, problem) = net.send("core", signed).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    let publisher = key.publisher().to_string();
    assert!(detail(&problem).contains(&publisher), "{problem}");
    assert_eq!(*net.arrived().borrow(), 0);
}

#[tokio::test]
async fn a_signature_counts_for_one_binary_and_one_manifest() {
    let net = Net::start(&["core", "core/b"]);
    let key = new_key();
    let signature = sign(&key, MANIFEST, BINARY);
    for (manifest, binary) in [
        (MANIFEST.replace("1.2.0", "1.2.1"), BINARY),
        (MANIFEST.to_owned(), &b"\0asm and more"[..]),
    ] {
        let mut forged = upload("/components", &manifest, binary);
        let value = signature.parse().unwrap();
        forged.headers_mut().insert("waybook-signature", value);
        let (status, problem) = net.send("core/b", forged).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
        assert!(detail(&problem).contains("this very binary"), "{problem}");
    }
}

/// The bytes of an upload travel on as they come: where a place on the way wanted all of
/// them first, the first would never arrive here.
#[tokio::test]
async fn an_upload_streams_through_the_places_on_its_way() {
    let net = Net::start(&TREE);
    let (chunks, mut receiver) = mpsc::channel::<Vec<u8>>(1);
    let stream = futures_util::stream::poll_fn(move |cx| {
        let chunk = receiver.poll_recv(cx);
        chunk.map(|c| c.map(|c| Ok::<_, io::Error>(Frame::data(c.into()))))
    });
    let body = Body::new(StreamBody::new(stream));
    let upload = upload("/components?at=core/a/lab", MANIFEST, body);
    let mut arrived = net.arrived();
    let send = async {
        for count in 1..=100 {
            chunks.send(vec![b'x'; 1024]).await.unwrap();
            arrived
                .wait_for(|bytes| *bytes == count * 1024)
                .await
                .unwrap();
        }
        drop(chunks);
    };
    let (answer, ()) = tokio::join!(net.send("core", upload), send);
    assert_eq!(answer.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.1["place"], "core/a/lab", "{}", answer.1);
}

/// An early refusal of a large upload did arrive only by luck: the connection was closed
/// while the client still wrote.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let net = Net::start(&TREE);
    let megabytes = vec![b'x'; 8 << 20];
    let upload = upload("/components?at=core/b", MANIFEST, megabytes);
    let (status, problem) = net.send("core/a/lab", upload).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    assert!(detail(&problem).contains("api.remote.publish"), "{problem}");
}

#[tokio::test]
async fn code_that_is_not_there_is_not_found() {
    let net = Net::start(&TREE);
    for (method, uri) in [
        ("GET", "/components/cap"),
        ("DELETE", "/components/cap@1.0.0"),
        ("POST", "/components/sha256:0123456789/pin"),
        ("POST", "/components/cap/unpin"),
    ] {
        let (status, problem) = net.send("core", request(method, uri, "")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {uri}: {problem}");
    }
    let (status, problem) = net.get("core", "/components/No").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(detail(&problem).contains("sha256:"), "{problem}");
    let (status, _) = net.get("core", "/components?everywhere=perhaps").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for reference in ["sha256:0123456789", "cap@"] {
        let form = json!({ "reference": reference }).to_string();
        let (status, problem) = net
            .send("core", request("POST", "/components/prefetch", form))
            .await;
        assert!(status.is_client_error(), "{problem}");
    }
}

#[tokio::test]
async fn a_strategy_is_one_of_those_that_there_are() {
    let net = Net::start(&TREE);
    let (status, shown) = net.get("core", "/code/strategy?at=core/b").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(shown["strategy"], "default-place");
    assert_eq!(shown["known"].as_array().unwrap().len(), 3);
    let put = |strategy: &str| {
        let form = json!({ "strategy": strategy }).to_string();
        net.send("core", request("PUT", "/code/strategy?at=core/b", form))
    };
    let (status, problem) = put("luck").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(&problem).contains("nearest-holder"), "{problem}");
    assert_eq!(put("direct").await.1["strategy"], "direct");
    let (_, shown) = net.get("core/b", "/code/strategy").await;
    assert_eq!(shown["strategy"], "direct");
}

#[tokio::test]
async fn code_is_added_listed_kept_and_removed() {
    let net = Net::start(&TREE);
    let uri = "/components?at=core/b";
    let (status, added) = net.send("core", upload(uri, MANIFEST, BINARY)).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    let release = &added["release"];
    assert_eq!(release["reference"], "cap-quality@1.2.0");
    assert_eq!(release["runtime"], "wasi:http/proxy@0.2.0");
    assert_eq!(release["home"], "core/b");
    assert_eq!(release["publisher"], Value::Null);
    let digest = sha256(BINARY).to_string();
    assert_eq!(release["digest"], digest);
    assert_eq!(added["here"]["added"], true);
    // Again is no harm; other code by that name is.
    let (status, again) = net.send("core", upload(uri, MANIFEST, BINARY)).await;
    assert_eq!((status, &again), (StatusCode::CREATED, &added));
    let other = upload(uri, MANIFEST, &b"\0asm and more"[..]);
    let (status, problem) = net.send("core", other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "urn:waybook:problem:taken");
    assert!(detail(&problem).contains(&digest), "{problem}");
    // A binary that says its name needs no manifest.
    let told = request("POST", uri, &b"\0asm cap-log"[..]);
    let (status, log) = net.send("core", told).await;
    assert_eq!(status, StatusCode::CREATED, "{log}");
    assert_eq!(log["release"]["reference"], "cap-log@0.3.0");

    let (_, here) = net.get("core", "/components?at=core/b").await;
    assert_eq!(here.as_array().unwrap().len(), 2, "{here}");
    let (_, nothing) = net.get("core", "/components").await;
    assert_eq!(nothing, json!([]));
    let (_, everywhere) = net.get("core", "/components?everywhere=true").await;
    assert_eq!(everywhere[1]["release"]["reference"], "cap-quality@1.2.0");
    assert_eq!(everywhere[1]["here"], Value::Null);
    let holders = json!([{ "place": "core/b", "added": true }]);
    assert_eq!(everywhere[1]["holders"], holders);

    let (status, shown) = net.get("core/b", "/components/cap-quality").await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!(shown["code"], added);
    assert_eq!(
        (&shown["trusted"], &shown["sessions"]),
        (&json!(true), &json!([]))
    );
    let (_, shown) = net.get("core", "/components/cap-quality@^1").await;
    assert_eq!(shown["trusted"], false, "{shown}");

    let change = |method, how: &str| {
        let uri = format!("/components/{}{how}?at=core/b", &digest[..20]);
        net.send("core", request(method, &uri, ""))
    };
    assert_eq!(change("POST", "/pin").await.0, StatusCode::NO_CONTENT);
    let (_, shown) = net.get("core/b", "/components/cap-quality").await;
    assert_eq!(shown["code"]["here"]["pinned"], true);
    assert_eq!(change("POST", "/unpin").await.0, StatusCode::NO_CONTENT);
    let (_, shown) = net.get("core/b", "/components/cap-quality").await;
    assert_eq!(shown["code"]["here"]["pinned"], false);
    assert_eq!(change("DELETE", "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(change("DELETE", "").await.0, StatusCode::NOT_FOUND);
    let (_, here) = net.get("core/b", "/components").await;
    assert_eq!(here.as_array().unwrap().len(), 1, "{here}");
}

#[tokio::test]
async fn code_is_fetched_ahead_as_the_client_watches() {
    let net = Net::start(&["core", "core/a", "core/b"]);
    let uri = "/components?at=core/b";
    assert_eq!(
        net.send("core", upload(uri, MANIFEST, BINARY)).await.0,
        StatusCode::CREATED
    );
    let strategy = json!({ "strategy": "direct" }).to_string();
    let put = request("PUT", "/code/strategy?at=core/a", strategy);
    assert_eq!(net.send("core", put).await.1["strategy"], "direct");

    net.hold(true);
    let form = json!({ "reference": "cap-quality@^1.1" });
    let prefetch = watched("/components/prefetch?at=core/a", &form);
    let response = net.raw("core", prefetch).await;
    let (mut body, mut buffer) = (response.into_body(), String::new());
    let length = BINARY.len() as u64;
    loop {
        let (event, data) = next_event(&mut body, &mut buffer).await.unwrap();
        assert_eq!(event, "progress", "{data}");
        assert_eq!(data["component"], "cap-quality@1.2.0");
        assert_eq!(
            (&data["place"], &data["length"]),
            (&json!("core/a"), &json!(length))
        );
        if data["bytes"] == length / 2 {
            assert_eq!(data["from"], "core/b");
            break;
        }
    }
    let (_, coming) = net.get("core", "/components?at=core/a").await;
    assert_eq!(coming[0]["here"]["from"], "core/b", "{coming}");
    assert_eq!(coming[0]["here"]["whole"], false);
    net.hold(false);
    let (event, whole) = next_event(&mut body, &mut buffer).await.unwrap();
    assert_eq!((&*event, &whole["bytes"]), ("progress", &json!(length)));
    assert_eq!(whole["from"], "core/b");
    let (event, fetched) = next_event(&mut body, &mut buffer).await.unwrap();
    assert_eq!(event, "fetched", "{fetched}");
    assert_eq!(fetched[0]["here"]["whole"], true);
    assert!(next_event(&mut body, &mut buffer).await.is_none());
    let (_, place) = net.get("core/a", "/place").await;
    assert_eq!(place["counters"]["fetched"], 1);

    // Unwatched, what is there already is answered at once.
    let again = request("POST", "/components/prefetch", form.to_string());
    let (status, fetched) = net.send("core/a", again).await;
    assert_eq!(
        (status, fetched.as_array().unwrap().len()),
        (StatusCode::OK, 1)
    );
    let collect = request("POST", "/components/collect?at=core/a", "");
    let (status, dropped) = net.send("core", collect).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(dropped[0]["reference"], "cap-quality@1.2.0", "{dropped}");
    let (_, here) = net.get("core/a", "/components").await;
    assert_eq!(here, json!([]));

    // The root takes only what is signed; and what nobody has cannot come.
    for (at, reference) in [("core", "cap-quality"), ("core/a", "cap-nothing")] {
        let form = json!({ "reference": reference });
        let prefetch = request("POST", "/components/prefetch", form.to_string());
        let (status, problem) = net.send(at, prefetch).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
        assert!(detail(&problem).contains(reference), "{problem}");
        let prefetch = watched("/components/prefetch", &form);
        let (mut body, mut buffer) = (net.raw(at, prefetch).await.into_body(), String::new());
        let (event, told) = next_event(&mut body, &mut buffer).await.unwrap();
        assert_eq!((&*event, &told), ("refused", &problem));
    }
}
