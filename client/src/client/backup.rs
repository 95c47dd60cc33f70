//! A copy of a place's data folder, as a file.

use std::io;
use std::path::Path;

use http_body_util::BodyExt;
use hyper::{Method, body::Incoming};
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::Client;
use super::request::unreachable;
use crate::Error;

impl Client {
    /// Writes a copy of what the place keeps to a file that is not there yet and that only its
    /// owner may read: the place's key and tokens are in it. Without `code` the components that it keeps are left out.
    /// `progress` is told how many bytes have come so far.
    ///
    /// Only the place itself is asked: no other one is given its key.
    ///
    /// # Errors
    /// As [`Client::place`]; [`Error::File`] if the file is there already or cannot be written. Nothing is
    /// left of it then.
    pub async fn backup(
        &self,
        code: bool,
        file: &Path,
        progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let fail = |error: io::Error| Error::File {
            path: file.to_owned(),
            what: error.to_string(),
        };
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let open = options
            .open(file)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    fail(io::Error::other("is there already, and is not replaced"))
                }
                _ => fail(error),
            })?;
        let written = self.copy(code, open, fail, progress).await;
        if written.is_err() {
            let _ = fs::remove_file(file).await;
        }
        written
    }

    async fn copy(
        &self,
        code: bool,
        mut file: fs::File,
        fail: impl Fn(io::Error) -> Error,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let request = self.request(Method::GET, &format!("/backup?code={code}"))?;
        let mut body: Incoming = self.send(request, http_body_util::Empty::new()).await?;
        let mut written = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreachable(self.address(), &error))?;
            if let Ok(bytes) = frame.into_data() {
                file.write_all(&bytes).await.map_err(&fail)?;
                written += bytes.len() as u64;
                progress(written);
            }
        }
        file.sync_all().await.map_err(&fail)?;
        Ok(written)
    }
}
