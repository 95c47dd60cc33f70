//! The repository as the control API sees it: uploads, and what they turn out to be.

use std::path::Path;
use std::sync::Arc;

use waybook_plan::{Digest, Release};

use crate::Body;
use crate::api::{CodeFacts, CodeStore, Staged, StoreError, Storing};
use crate::code::{self, Repository, UploadError};

/// What a component's binary says of itself.
///
/// # Errors
/// Why no place can run it, in a sentence.
pub fn inspect(binary: &[u8]) -> Result<CodeFacts, String> {
    let found = waybook_wasm::inspect(binary).map_err(|error| error.to_string())?;
    Ok(CodeFacts {
        runtime: format!("{}@{}", found.world.name(), found.world_version),
        name: found.name,
        version: found.version,
        description: found.description,
    })
}

/// A repository that uploads go to.
pub(crate) struct Uploads(pub(crate) Repository);

/// An upload that has come whole.
struct Whole {
    repository: Repository,
    staged: code::Staged,
}

impl CodeStore for Uploads {
    fn stage(&self, body: Body) -> Storing<'_, Result<Box<dyn Staged>, StoreError>> {
        Box::pin(async move {
            let mut upload = self.0.upload().await?;
            upload.write_body(body).await?;
            let staged = upload.finish().await?;
            let repository = self.0.clone();
            Ok(Box::new(Whole { repository, staged }) as Box<dyn Staged>)
        })
    }

    fn inspect(&self, binary: &[u8]) -> Result<CodeFacts, String> {
        inspect(binary)
    }
}

impl Staged for Whole {
    fn digest(&self) -> Digest {
        self.staged.digest
    }

    fn root(&self) -> [u8; 32] {
        self.staged.root
    }

    fn length(&self) -> u64 {
        self.staged.length
    }

    fn path(&self) -> &Path {
        self.staged.path()
    }

    fn add(self: Box<Self>, release: Arc<Release>) -> Storing<'static, Result<(), StoreError>> {
        Box::pin(async move {
            self.repository.add(self.staged, release).await?;
            Ok(())
        })
    }
}

impl From<UploadError> for StoreError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLong(most) => Self::TooLong(most),
            UploadError::Empty => Self::Empty,
            UploadError::Cut(why) => Self::Cut(why.to_string()),
            UploadError::Disk(error) => Self::Disk(error),
            // The release was made of what was measured.
            UploadError::Mismatch { .. } => Self::Refused(error.to_string()),
            UploadError::Refused(why) => Self::Refused(why),
            UploadError::Stopping => Self::Stopping,
        }
    }
}
