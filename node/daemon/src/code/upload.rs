//! Code that an operator adds here.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use ring::digest::{Context, SHA256};
use waybook_place::io::CodeOrder;
use waybook_plan::{Digest, Release};

use super::folder::{self, Part};
use super::partial::finish;
use super::{Entry, Inner, Repository, Whole, blocking, tree};
use crate::Body;

/// Bytes that are hashed and written at once.
const PIECE: usize = 512 * 1024;

/// Why code is not added.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is longer than allowed.
    #[error("the code is longer than {0} bytes, which is what `code.greatest-component` allows")]
    TooLong(u64),
    /// There is nothing.
    #[error("the code is empty")]
    Empty,
    /// It did not come to its end.
    #[error("the code did not come to its end: {0}")]
    Cut(crate::BoxError),
    /// It cannot be written.
    #[error("the code cannot be written to the repository: {0}")]
    Disk(#[from] io::Error),
    /// The release is of other code.
    #[error("{field} is not that of the code: it is {right}")]
    Mismatch {
        /// `digest`, `length` or `root`.
        field: &'static str,
        /// What is right.
        right: String,
    },
    /// The place does not take it up, for the reason given.
    #[error("{0}")]
    Refused(String),
    /// The daemon stops.
    #[error("the place is stopping")]
    Stopping,
}

/// Code that is being written. Dropped, it leaves nothing.
pub struct Upload {
    state: Option<State>,
    waiting: Vec<u8>,
    length: u64,
    most: u64,
}

struct State {
    temporary: Temporary,
    file: File,
    sha: Context,
    root: blake3::Hasher,
}

/// Code that is written and measured, and not yet taken up. Dropped, it leaves nothing.
pub struct Staged {
    temporary: Temporary,
    file: File,
    /// Its SHA-256.
    pub digest: Digest,
    /// Its BLAKE3 hash.
    pub root: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

impl Staged {
    /// Where its bytes lie, as long as it is not dropped.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary.0
    }
}

/// A file that goes with its owner.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        folder::remove(&self.0);
    }
}

impl Repository {
    /// Begins to write code that an operator adds.
    ///
    /// # Errors
    /// [`UploadError::Disk`].
    pub async fn upload(&self) -> Result<Upload, UploadError> {
        let folder = self.inner.folder.clone();
        let (path, file) = blocking(move || folder.temporary()).await?;
        let state = State {
            temporary: Temporary(path),
            file,
            sha: Context::new(&SHA256),
            root: blake3::Hasher::new(),
        };
        Ok(Upload {
            state: Some(state),
            waiting: Vec::new(),
            length: 0,
            most: self.inner.greatest,
        })
    }

    /// Puts staged code into the repository and has the place take it up. Refused, the
    /// code is removed again, unless it was here before. Carried out even if the caller
    /// no longer waits. Returns what the place answers.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn add(
        &self,
        staged: Staged,
        release: Arc<Release>,
    ) -> Result<Vec<Arc<Release>>, UploadError> {
        let wrong = |field, right| Err(UploadError::Mismatch { field, right });
        if release.digest != staged.digest {
            return wrong("digest", staged.digest.to_string());
        }
        if release.length != staged.length {
            return wrong("length", staged.length.to_string());
        }
        if release.root != staged.root {
            return wrong("root", HEXLOWER.encode(&staged.root));
        }
        let inner = Arc::clone(&self.inner);
        let added = self.inner.tasks.spawn(async move {
            let staged = Arc::new(staged);
            let fresh = inner.put(&staged, &release).await?;
            let order = CodeOrder::Add(Arc::clone(&release));
            let answer = inner.place.order(order).await;
            let answer = answer.map_err(|_| UploadError::Stopping)?;
            match &answer {
                // It may have been evicted by a decision older than this order.
                Ok(_) => drop(inner.put(&staged, &release).await?),
                Err(_) if fresh => inner.take_back(staged.digest).await,
                Err(_) => {}
            }
            answer.map_err(UploadError::Refused)
        });
        added.await.map_err(|_| UploadError::Stopping)?
    }
}

impl Inner {
    /// Puts staged code under its final name, and keeps the staged file. Says whether
    /// the code was not here before.
    async fn put(
        self: &Arc<Self>,
        staged: &Arc<Staged>,
        release: &Arc<Release>,
    ) -> Result<bool, UploadError> {
        let (inner, staged, release) = (self.clone(), staged.clone(), release.clone());
        let put = self.in_turn(staged.digest, async move {
            if inner.whole(&staged.digest).is_some() {
                return Ok(false);
            }
            let (folder, of) = (inner.folder.clone(), release.clone());
            let admitted = inner.written(move || {
                let linked = folder.temporary_link(&staged.temporary.0)?;
                let linked = Temporary(linked);
                folder
                    .write_release(&of)
                    .map_err(|error| io::Error::other(error.to_string()))?;
                let admitted = folder.admit(&of.digest, &linked.0, &staged.file);
                if admitted.is_err() {
                    folder.remove_all(&of.digest);
                }
                folder.remove(&of.digest, &[Part::Partial, Part::Tree]);
                admitted
            });
            if let Err(error) = admitted.await {
                // What had come in part is gone as well.
                inner.index().remove(&release.digest);
                return Err(error.into());
            }
            let digest = release.digest;
            let entry = Entry {
                whole: Some(Arc::new(Whole::checked(release, None))),
                ..Entry::default()
            };
            inner.index().insert(digest, entry);
            Ok(true)
        });
        put.await.unwrap_or(Err(UploadError::Stopping))
    }

    async fn take_back(self: &Arc<Self>, digest: Digest) {
        let inner = Arc::clone(self);
        let _ = self
            .in_turn(digest, async move { inner.discard(digest).await })
            .await;
    }
}

impl Upload {
    /// Writes what comes next.
    ///
    /// # Errors
    /// [`UploadError::TooLong`] or [`UploadError::Disk`]; nothing can be written after
    /// that.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.length += bytes.len() as u64;
        if self.length > self.most {
            self.state = None;
            return Err(UploadError::TooLong(self.most));
        }
        self.waiting.extend_from_slice(bytes);
        match self.waiting.len() >= PIECE {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Writes a whole body.
    ///
    /// # Errors
    /// As [`Upload::write`], and [`UploadError::Cut`] if the body breaks off.
    pub async fn write_body(&mut self, mut body: Body) -> Result<(), UploadError> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(UploadError::Cut)?;
            if let Ok(bytes) = frame.into_data() {
                self.write(&bytes).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), UploadError> {
        let gone = || io::Error::other("an earlier part could not be written");
        let mut state = self.state.take().ok_or_else(gone)?;
        let bytes = Bytes::from(std::mem::take(&mut self.waiting));
        let state = blocking(move || {
            state.file.write_all(&bytes)?;
            state.sha.update(&bytes);
            state.root.update(&bytes);
            Ok(state)
        });
        self.state = Some(state.await?);
        Ok(())
    }

    /// Ends the writing, and says what was written.
    ///
    /// # Errors
    /// [`UploadError::Empty`] or [`UploadError::Disk`].
    pub async fn finish(mut self) -> Result<Staged, UploadError> {
        if self.length == 0 {
            return Err(UploadError::Empty);
        }
        self.flush().await?;
        let gone = || io::Error::other("an earlier part could not be written");
        let state = self.state.take().ok_or_else(gone)?;
        Ok(Staged {
            temporary: state.temporary,
            file: state.file,
            digest: finish(state.sha),
            root: *state.root.finalize().as_bytes(),
            length: self.length,
        })
    }
}

/// The SHA-256 of a file.
pub(super) fn hash_sha256(file: &File) -> io::Result<Digest> {
    let mut sha = Context::new(&SHA256);
    let mut reader = tree::From(file, 0);
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(finish(sha)),
            n => sha.update(&piece[..n]),
        }
    }
}
