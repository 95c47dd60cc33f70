//! Adding code: an upload becomes a release.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use http::{HeaderMap, HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use waybook_plan::{Manifest, PublisherKey, Release, Signature};

use super::find::{Known, known};
use super::store::{CodeFacts, Staged, StoreError};
use super::trust;
use crate::api::audit::On;
use crate::api::model::CodeInfo;
use crate::api::{Kind, PREFIX, Problem, Shared};

/// What the developer wrote about the component: `component.toml` in base64.
const MANIFEST: HeaderName = HeaderName::from_static("waybook-manifest");
/// The publisher's signature of the release.
const SIGNATURE: HeaderName = HeaderName::from_static("waybook-signature");

/// Takes up code: the body is a component's binary.
///
/// `Waybook-Manifest` carries its `component.toml`, in base64; without it, the binary must
/// say its name and version itself. `Waybook-Signature` carries the publisher's key and
/// signature as `waybook component sign` writes them. So with curl:
///
/// ```sh
/// curl --data-binary @cap-quality.wasm -H 'Content-Type: application/wasm' \
///   -H "Waybook-Manifest: $(base64 -w0 component.toml)" \
///   -H "Waybook-Signature: $(cat cap-quality.wasm.sig)" \
///   -H "Authorization: Bearer $(cat DATA/token)" http://HOST:PORT/api/v1/components
/// ```
///
/// The same code may be added again, at any place. Other code of the same name and
/// version may not: it needs a new version.
#[utoipa::path(
    post,
    path = "/api/v1/components",
    tag = "components",
    params(
        ("at" = Option<String>, Query, description = "The place that keeps it"),
        ("Waybook-Manifest" = Option<String>, Header, description = "`component.toml` in base64"),
        ("Waybook-Signature" = Option<String>, Header, description = "`ed25519:KEY SIGNATURE`, in hexadecimal digits"),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "Taken up", body = CodeInfo),
        (status = 403, description = "The place does not trust it", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Other code has that name and version", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The manifest is wrong, or this is no component", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "There is no room for it", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::api) async fn add(
    State(shared): State<Arc<Shared>>,
    Extension(on): Extension<On>,
    request: Request,
) -> Result<Response, Problem> {
    let info = take_up(&shared, &on, request)
        .await
        .map_err(|problem| problem.at(&shared.parts.name))?;
    let location = format!("{PREFIX}/components/{}", info.release.digest);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(info)).into_response())
}

async fn take_up(shared: &Shared, on: &On, request: Request) -> Result<CodeInfo, Problem> {
    let (parts, body) = request.into_parts();
    let manifest = manifest(&parts.headers)?;
    let signature = signature(&parts.headers)?;
    let untrusted = |why: String| Kind::Untrusted.because(why);
    let (most, trust) = shared
        .parts
        .place
        .query(|place, _| {
            let config = place.config();
            (config.limits.component, config.code.trust.clone())
        })
        .await?;
    // What can be told without the code is told before it is sent.
    let publisher = signature.as_ref().map(|signature| &signature.key);
    trust::publisher(publisher, &trust).map_err(untrusted)?;
    if length(&parts.headers).is_some_and(|length| length > most) {
        return Err(store_problem(&StoreError::TooLong(most)));
    }
    let _upload = shared.uploads.try_acquire().map_err(|_| {
        let most = shared.parts.limits.uploads;
        let what = format!("limit `api.uploads` = {most} is reached; try again soon");
        Kind::Busy.because(what)
    })?;
    let body = body.map_err(Into::into).boxed_unsync();
    let staged = shared.parts.code.stage(body).await;
    let staged = staged.map_err(|error| store_problem(&error))?;
    let (staged, facts) = inspect(shared, staged).await?;
    let release = release(shared, &*staged, manifest, &facts, signature)?;

    on.is(format!("{} {}", release.reference(), release.digest));
    // One upload is judged at a time, so that two cannot take the same name.
    let _alone = shared.adding.lock().await;
    refuse_another(&known(shared).await?, &release)?;
    let release = Arc::new(release);
    let added = staged.add(release.clone()).await;
    added.map_err(|error| store_problem(&error))?;
    let done = format!("`{}` is added", release.reference());
    shared.keep(&done).await?;
    Ok(entry(&known(shared).await?, &release))
}

/// The entry of what was added just now.
fn entry(all: &[Known], release: &Arc<Release>) -> CodeInfo {
    let same = |known: &&Known| known.release.digest == release.digest;
    let entry = all.iter().find(|k| same(k) && k.here.is_some());
    entry.map_or_else(
        // Something else has removed it already.
        || CodeInfo {
            release: (&**release).into(),
            here: None,
            holders: Vec::new(),
        },
        Known::info,
    )
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The manifest, as it came in its header.
fn manifest(headers: &HeaderMap) -> Result<Option<Manifest>, Problem> {
    let Some(value) = headers.get(MANIFEST) else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let end = bytes
        .iter()
        .rposition(|b| *b != b'=')
        .map_or(0, |at| at + 1);
    let text = BASE64_NOPAD
        .decode(&bytes[..end])
        .or_else(|_| BASE64URL_NOPAD.decode(&bytes[..end]))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            Kind::Malformed.because(format!(
                "`{MANIFEST}` must be a component.toml in base64, on one line (`base64 -w0`)"
            ))
        })?;
    let manifest = Manifest::from_toml(&text)
        .map_err(|error| Kind::Invalid.because(format!("component.toml: {error}")))?;
    Ok(Some(manifest))
}

/// The signature, as it came in its header.
fn signature(headers: &HeaderMap) -> Result<Option<Signature>, Problem> {
    let Some(value) = headers.get(SIGNATURE) else {
        return Ok(None);
    };
    let read = || {
        let (key, signature) = value.to_str().ok()?.trim().split_once(' ')?;
        let key: PublisherKey = key.parse().ok()?;
        let bytes = HEXLOWER_PERMISSIVE.decode(signature.trim().as_bytes());
        let bytes = bytes.ok().filter(|bytes| bytes.len() == 64)?;
        Some(Signature { key: key.0, bytes })
    };
    match read() {
        Some(signature) => Ok(Some(signature)),
        None => Err(Kind::Malformed.because(format!(
            "`{SIGNATURE}` must be a key and a signature, as `waybook component sign` writes them: \
             ed25519: and 64 hexadecimal digits, a space, and 128 hexadecimal digits"
        ))),
    }
}

/// A signature in hexadecimal digits.
pub(super) fn signature_text(signature: &Signature) -> String {
    HEXLOWER.encode(&signature.bytes)
}

/// What the binary says of itself. Found on another thread: it takes its time.
async fn inspect(
    shared: &Shared,
    staged: Box<dyn Staged>,
) -> Result<(Box<dyn Staged>, CodeFacts), Problem> {
    let store = shared.parts.code.clone();
    let job = tokio::task::spawn_blocking(move || {
        let facts = std::fs::read(staged.path()).map(|binary| store.inspect(&binary));
        (staged, facts)
    });
    let broken = |error: &dyn std::fmt::Display| {
        Kind::Failed.because(format!("the code could not be looked into: {error}"))
    };
    let (staged, facts) = job.await.map_err(|error| broken(&error))?;
    let facts = facts.map_err(|error| broken(&error))?;
    let facts = facts.map_err(|why| {
        Kind::Invalid.because(format!("this is no component that can run here: {why}"))
    })?;
    Ok((staged, facts))
}

/// The release of a binary at this place.
fn release(
    shared: &Shared,
    staged: &dyn Staged,
    manifest: Option<Manifest>,
    facts: &CodeFacts,
    signature: Option<Signature>,
) -> Result<Release, Problem> {
    let invalid = |error: &dyn std::fmt::Display| Kind::Invalid.because(error.to_string());
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => unwritten(facts)?,
    };
    let (digest, length, root) = (staged.digest(), staged.length(), staged.root());
    let home = shared.parts.name.clone();
    let mut release = manifest
        .release(Some(&facts.runtime), digest, length, root, home)
        .map_err(|error| invalid(&error))?;
    release.signature = signature;
    if release.signature.is_some() {
        release.verify_signature().map_err(|error| {
            Kind::Untrusted.because(format!(
                "{error}: the signature must be of this very binary ({digest}) and of a manifest \
                 that says the same"
            ))
        })?;
    }
    Ok(release)
}

/// The manifest of a binary that says its name and version itself.
fn unwritten(facts: &CodeFacts) -> Result<Manifest, Problem> {
    let (Some(name), Some(version)) = (&facts.name, &facts.version) else {
        return Err(Kind::Invalid.because(format!(
            "the binary does not say its name and version: send its component.toml in base64 as \
             `{MANIFEST}`"
        )));
    };
    let mut table = toml::Table::new();
    table.insert("name".to_owned(), name.clone().into());
    table.insert("version".to_owned(), version.clone().into());
    let description = facts.description.clone().unwrap_or_default();
    table.insert("description".to_owned(), description.into());
    Manifest::from_toml(&table.to_string()).map_err(|error| {
        Kind::Invalid.because(format!(
            "what the binary says of itself will not do ({error}): send a component.toml in \
             base64 as `{MANIFEST}`"
        ))
    })
}

/// Two pieces of code may not go by the same name and version.
fn refuse_another(all: &[Known], release: &Release) -> Result<(), Problem> {
    let reference = release.reference();
    let other = all
        .iter()
        .find(|k| k.release.reference() == reference && k.release.digest != release.digest);
    let Some(other) = other else { return Ok(()) };
    let at = match other.holders.first() {
        Some(holder) => holder.place.clone(),
        None => other.release.home.to_string(),
    };
    Err(Kind::Taken.because(format!(
        "{reference} is other code already, {} at {at}: give this one a new version, or remove \
         that one",
        other.release.digest
    )))
}

fn store_problem(error: &StoreError) -> Problem {
    let kind = match error {
        StoreError::TooLong(_) => {
            return Kind::TooLarge.because(format!(
                "{error}, which is the place's `code.greatest-component`: raise that, or send less"
            ));
        }
        StoreError::Disk(full) if full.kind() == std::io::ErrorKind::StorageFull => {
            return Kind::NoRoom.because(format!(
                "{error}: make room on the place's disk, or remove code there (`waybook component \
                 gc`)"
            ));
        }
        StoreError::Empty => Kind::Invalid,
        StoreError::Cut(_) => Kind::Malformed,
        StoreError::Disk(_) => Kind::Failed,
        StoreError::Refused(_) => Kind::Rejected,
        StoreError::Stopping => Kind::Stopping,
    };
    kind.because(error.to_string())
}
