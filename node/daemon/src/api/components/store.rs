//! What the API needs of the software repository.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use waybook_plan::{Digest, Release};

use crate::Body;

/// Something that the repository does meanwhile.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Receives the code that operators upload. The software repository implements it.
pub trait CodeStore: Send + Sync {
    /// Receives code, beside what the repository holds.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the code is left then.
    fn stage(&self, body: Body) -> Storing<'_, Result<Box<dyn Staged>, StoreError>>;

    /// What a binary says of itself. It may take its time: it is not called where others
    /// would wait.
    ///
    /// # Errors
    /// Why it cannot run here, in a sentence.
    fn inspect(&self, binary: &[u8]) -> Result<CodeFacts, String>;
}

/// Code that was received whole, and is not in the repository yet. Dropped, it is deleted.
pub trait Staged: Send + Sync {
    /// Its SHA-256.
    fn digest(&self) -> Digest;
    /// Its BLAKE3 hash.
    fn root(&self) -> [u8; 32];
    /// Its length in bytes.
    fn length(&self) -> u64;
    /// Where its bytes lie.
    fn path(&self) -> &Path;
    /// Puts it into the repository, and has the place take it up. Refused, it is removed
    /// again, unless it was there before.
    ///
    /// # Errors
    /// [`StoreError`].
    fn add(self: Box<Self>, release: Arc<Release>) -> Storing<'static, Result<(), StoreError>>;
}

/// What a binary says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeFacts {
    /// The world that it targets, with its version: `wasi:http/proxy@0.2.0`.
    pub runtime: String,
    /// Its name, if it says one.
    pub name: Option<String>,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// What it is for, if it says that.
    pub description: Option<String>,
}

/// Why code was not received, or not taken up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is longer than that many bytes, which is as much as it may be.
    #[error("the code is longer than {0} bytes")]
    TooLong(u64),
    /// There is nothing.
    #[error("the code is empty")]
    Empty,
    /// The upload broke off.
    #[error("the upload broke off: {0}")]
    Cut(String),
    /// It could not be written.
    #[error("the code could not be written: {0}")]
    Disk(#[from] io::Error),
    /// The place does not take it up.
    #[error("{0}")]
    Refused(String),
    /// The daemon stops.
    #[error("the place is stopping")]
    Stopping,
}

/// Holds no code, and takes none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

impl CodeStore for NoStore {
    fn stage(&self, _: Body) -> Storing<'_, Result<Box<dyn Staged>, StoreError>> {
        let why = "the place has no repository".to_owned();
        Box::pin(async move { Err(StoreError::Refused(why)) })
    }

    fn inspect(&self, _: &[u8]) -> Result<CodeFacts, String> {
        Err("the place has no runtime for it".to_owned())
    }
}
