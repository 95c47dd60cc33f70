//! A copy of the data folder, for those who have this place's token.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::extract::Params;
use super::rights::{Caller, OWNER, Via};
use super::{Kind, Problem, Shared};
use crate::backup::{self, About};
use crate::files;

/// What is handed over at a time.
const PIECE: usize = 64 << 10;
/// How many pieces may wait for a client that is slow.
const PIECES: usize = 4;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default = "yes")]
    code: bool,
}

fn yes() -> bool {
    true
}

/// A copy of what the place keeps, as it is at one moment, while it works on: a tar file that
/// `waybook place restore` makes a data folder of. The place's key is in it, so a place gives it to
/// clients of its own only, never through the tree.
#[utoipa::path(
    get,
    path = "/api/v1/backup",
    tag = "places",
    params(("code" = Option<bool>, Query, description = "Whether the code that it keeps is in it; yes unless it is `false`")),
    responses(
        (status = 200, description = "The archive", body = Vec<u8>, content_type = "application/x-tar"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn backup(
    State(shared): State<Arc<Shared>>,
    Extension(Via(via)): Extension<Via>,
    Extension(caller): Extension<Caller>,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    let name = &shared.parts.name;
    if via.is_some() {
        let why = format!(
            "the key of {name} is in its backup, so {name} gives it to its own clients only: ask on its \
             machine, with `--data` and its data folder"
        );
        return Err(Kind::NotAllowed.because(why).at(name));
    }
    if caller.token != OWNER {
        let why = format!(
            "the key of {name} and its owner's token are in its backup, so token `{}` does not get it: \
             ask with the token of the data folder",
            caller.token
        );
        return Err(Kind::NotAllowed.because(why).at(name));
    }
    let alone = shared.backups.clone().try_acquire_owned().map_err(|_| {
        let why = format!("another backup of {name} is being made; try again when it is done");
        Kind::Busy.because(why).at(name)
    })?;
    let records = Records::beside(&shared);
    let copied = shared.parts.place.copy_records(records.0.clone()).await?;
    copied.map_err(|error| {
        let why = format!("the records of {name} could not be copied: {error}");
        Kind::Failed.because(why).at(name)
    })?;
    let about = About::now(name.as_str(), wanted.code);
    let folder = shared.parts.folder.clone();
    let (pieces, waiting) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let into = BufWriter::with_capacity(PIECE, Pieces(pieces.clone()));
        if let Err(error) = backup::write(into, &folder, &records.0, &about) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!(%error, "a backup could not be made");
            }
            // So that what has been sent is not taken for the whole.
            let _ = pieces.blocking_send(Err(error));
        }
        drop((records, alone));
    });
    let body = stream::unfold(waiting, async |mut waiting| {
        Some((waiting.recv().await?, waiting))
    });
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, "application/x-tar")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from_stream(body))
        .expect("these are headers"))
}

/// The copy of the records, which goes with this.
struct Records(PathBuf);

impl Records {
    fn beside(shared: &Shared) -> Self {
        let name = format!(".records.{}", files::random_hex(8));
        Self(shared.parts.folder.join(name))
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Hands over what is written; waits while the client does not take it.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let sent = self.0.blocking_send(Ok(piece));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
