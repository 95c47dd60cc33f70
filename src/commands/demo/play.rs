//! Plays the film as a player would, and checks every byte: segments against their source,
//! playlists against what the components of the path must make of them.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_RANGE, RANGE};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::film;
use crate::fail::{Done, Fail};

/// The range that is asked for: somewhere inside, of no round length.
const FROM: usize = 1_000;
const TO: usize = 25_678;

/// What was fetched through a session's URL and found right.
#[derive(Debug, Serialize)]
pub(super) struct Played {
    /// Each file with its length and digest.
    pub(super) files: Vec<PlayedFile>,
    /// The bytes of the range that was fetched as well, `from-to`, if one was.
    pub(super) range: Option<String>,
}

/// One file of the film.
#[derive(Debug, Serialize)]
pub(super) struct PlayedFile {
    /// Its name below the session's URL.
    pub(super) name: String,
    /// Its length.
    pub(super) bytes: usize,
    /// SHA-256, in hexadecimal.
    pub(super) sha256: String,
}

impl Played {
    /// All bytes together, the range apart.
    pub(super) fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A player.
pub(super) struct Player {
    http: Client<HttpConnector, Empty<Bytes>>,
}

impl Player {
    pub(super) fn new() -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Fetches the master playlist, the best of the playlists that it offers, and the
    /// segments which that names; compares each by digest with what it must be; then a
    /// range of the first segment.
    pub(super) async fn play(
        &self,
        url: &str,
        quality: &str,
        mut heard: impl FnMut(&PlayedFile),
    ) -> Done<Played> {
        let (mut files, segments) = self.playlists(url, quality, &mut heard).await?;
        for path in &segments {
            files.push(self.check(url, quality, path, &mut heard).await?.0);
        }
        let first = segments
            .first()
            .ok_or_else(|| wrong(film::PLAYLIST, "names no segment"))?;
        let range = Some(self.check_range(url, first).await?);
        Ok(Played { files, range })
    }

    /// Fetches and checks the playlists alone.
    pub(super) async fn look(&self, url: &str, quality: &str) -> Done<Played> {
        let (files, _) = self.playlists(url, quality, &mut |_| {}).await?;
        Ok(Played { files, range: None })
    }

    /// The master playlist and the best that it offers, and the segments that this names.
    async fn playlists(
        &self,
        url: &str,
        quality: &str,
        heard: &mut impl FnMut(&PlayedFile),
    ) -> Done<(Vec<PlayedFile>, Vec<String>)> {
        let (master, text) = self.check(url, quality, film::MASTER, heard).await?;
        let best = film::entries(&text).into_iter().next();
        let best = best.filter(|path| *path == format!("{quality}/{}", film::PLAYLIST));
        let best = best.ok_or_else(|| wrong(film::MASTER, "does not offer what was booked"))?;
        let (playlist, text) = self.check(url, quality, &best, heard).await?;
        let segments = film::entries(&text).into_iter();
        let segments = segments.map(|name| format!("{quality}/{name}")).collect();
        Ok((vec![master, playlist], segments))
    }

    /// Fetches a file and compares it.
    async fn check(
        &self,
        url: &str,
        quality: &str,
        name: &str,
        heard: &mut impl FnMut(&PlayedFile),
    ) -> Done<(PlayedFile, Bytes)> {
        let wanted = film::expected(name, quality)
            .ok_or_else(|| Fail::failed(format!("the film has no file `{name}`")))?;
        let (status, _, body) = self.get(url, name, None).await?;
        if status != StatusCode::OK {
            return Err(wrong(name, &format!("is answered with {status}")));
        }
        let (want, got) = (sha256(&wanted), sha256(&body));
        if want != got {
            let message = format!(
                "has digest {got} through the session and should have {want} ({} and {} bytes)",
                body.len(),
                wanted.len()
            );
            return Err(wrong(name, &message));
        }
        let file = PlayedFile {
            name: name.to_owned(),
            bytes: body.len(),
            sha256: got,
        };
        heard(&file);
        Ok((file, body))
    }

    async fn check_range(&self, url: &str, name: &str) -> Done<String> {
        let source = film::source(name).unwrap_or_default();
        let range = format!("{FROM}-{TO}");
        let (status, said, body) = self.get(url, name, Some(&range)).await?;
        let want = format!("bytes {range}/{}", source.len());
        let right = status == StatusCode::PARTIAL_CONTENT
            && said.as_deref() == Some(&want)
            && source.get(FROM..=TO) == Some(&body);
        if !right {
            let message = format!(
                "does not give its bytes {range}: {status}, {said:?}, {} bytes",
                body.len()
            );
            return Err(wrong(name, &message));
        }
        Ok(range)
    }

    /// The status, the content range, and the body.
    async fn get(
        &self,
        url: &str,
        name: &str,
        range: Option<&str>,
    ) -> Done<(StatusCode, Option<String>, Bytes)> {
        let fail =
            |error: &dyn std::fmt::Display| wrong(name, &format!("cannot be fetched: {error}"));
        let mut request = Request::get(format!("{}/{name}", url.trim_end_matches('/')));
        if let Some(range) = range {
            request = request.header(RANGE, format!("bytes={range}"));
        }
        let request = request.body(Empty::new()).map_err(|error| fail(&error))?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| fail(&error))?;
        let status = response.status();
        let said = response.headers().get(CONTENT_RANGE);
        let said = said
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| fail(&error))?;
        Ok((status, said, body.to_bytes()))
    }
}

fn wrong(name: &str, what: &str) -> Fail {
    Fail::failed(format!("check failed: `{name}` {what}"))
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}
