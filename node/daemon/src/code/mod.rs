//! The software repository: code on this place's disk, and its transfer from place to
//! place.
//!
//! The place decides what comes, from where, and what goes; this room carries it out.
//! Code arrives chunk by chunk, each verified before it counts, and is
//! served to neighbours, also while it is still arriving. Operators
//! [upload](Upload) what they add.
//!
//! Invariants: a file under its final name is whole, and its bytes have matched digest
//! and root when it got that name; all that happens to the files of one digest happens
//! one after the other, in the order of the place's outputs; what is here is what the
//! place believes to be here, or is about to hear of.

mod folder;
mod frames;
mod keeper;
mod pace;
mod partial;
mod receive;
mod scan;
mod serve;
mod ticket;
mod tree;
mod turns;
mod upkeep;
mod upload;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waybook_location_tree::PlaceName;
use waybook_place::io::RecordKey;
use waybook_plan::{Digest, Release};

pub use upload::{Staged, Upload, UploadError};

use crate::config::RepositoryConfig;
use crate::files::FileError;
use crate::slots::Slots;
use crate::{Io, PeerStreams, PlaceHandle};
use folder::{Folder, Part};
use pace::Brake;
use partial::Partial;
use ticket::Tickets;
use tree::Nodes;
use turns::Turns;

/// What a repository is made from.
pub struct Parts {
    /// The place.
    pub name: PlaceName,
    /// Its settings.
    pub config: RepositoryConfig,
    /// The longest single piece of code, in bytes.
    pub greatest: u64,
    /// Is told how transfers go.
    pub place: PlaceHandle,
    /// Opens streams to neighbours.
    pub peers: Arc<dyn PeerStreams>,
}

/// The repository of one place. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

struct Inner {
    name: PlaceName,
    config: RepositoryConfig,
    greatest: u64,
    place: PlaceHandle,
    peers: Arc<dyn PeerStreams>,
    folder: Folder,
    index: Mutex<BTreeMap<Digest, Entry>>,
    tickets: Mutex<Tickets>,
    turns: Turns,
    brake: Brake,
    slots: Arc<Slots<PlaceName>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// What there is of one piece of code.
#[derive(Default)]
struct Entry {
    whole: Option<Arc<Whole>>,
    /// Locked by whoever writes; readers need only what is shared in it.
    partial: Option<Arc<Mutex<Partial>>>,
    /// While it arrives.
    arriving: Option<Readable>,
}

/// Code under its final name.
struct Whole {
    release: Arc<Release>,
    /// What its bytes were found to be in this life.
    sha256: OnceCell<Digest>,
    /// For readers; made when the first one comes.
    nodes: OnceCell<Nodes>,
}

/// What a transfer is served from.
#[derive(Clone)]
struct Readable {
    release: Arc<Release>,
    file: Arc<File>,
    nodes: Nodes,
    /// How many bytes are there and verified. Ends with the transfer that brings them.
    verified: watch::Receiver<u64>,
}

/// Why code cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// It is not here, or not whole.
    #[error("{0} is not in the repository")]
    NotHeld(Digest),
    /// The disk has not kept what was written. The file is removed.
    #[error("{0} was damaged on disk and has been removed from the repository")]
    Damaged(Digest),
    /// It cannot be read.
    #[error("{digest}: {error}")]
    Disk {
        /// Which.
        digest: Digest,
        /// What the system says.
        error: io::Error,
    },
}

impl Repository {
    /// Opens the repository in a folder, making it if there is none. Leftovers of a
    /// crash are removed; what has come in part is verified as far as it goes. Blocks,
    /// for as long as it takes to read what has come in part.
    ///
    /// # Errors
    /// [`FileError`] if the folder is open to others, or cannot be read.
    pub fn open(folder: &Path, parts: Parts, now: SystemTime) -> Result<Self, FileError> {
        let folder = Folder::open(folder)?;
        let bounds = scan::Bounds {
            space: parts.config.parts,
            age: parts.config.parts_age,
            length: parts.greatest,
        };
        let found = scan::scan(&folder, bounds, now)?;
        let mut index: BTreeMap<Digest, Entry> = BTreeMap::new();
        for (digest, release) in found.whole {
            index.entry(digest).or_default().whole = Some(Arc::new(Whole::unchecked(release)));
        }
        for (digest, partial) in found.partial {
            let entry = index.entry(digest).or_default();
            entry.partial = Some(Arc::new(Mutex::new(partial)));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                name: parts.name,
                greatest: parts.greatest,
                place: parts.place,
                peers: parts.peers,
                folder,
                index: Mutex::new(index),
                tickets: Mutex::default(),
                turns: Turns::default(),
                brake: Brake::new(parts.config.rate),
                slots: Slots::new(parts.config.serve, parts.config.serve_per_neighbour),
                stopping: CancellationToken::new(),
                tasks: TaskTracker::new(),
                config: parts.config,
            }),
        })
    }

    /// Makes the place's records agree with what is on disk: drops those of code that is
    /// gone, adds those that were lost, and adds what has come in part. `record` makes a
    /// new one; `added` tells it whether an operator added the code here.
    #[must_use]
    pub fn reconcile(
        &self,
        mut records: Vec<(RecordKey, Vec<u8>)>,
        record: impl Fn(&Release, bool) -> Option<Vec<u8>>,
    ) -> Vec<(RecordKey, Vec<u8>)> {
        let index = self.inner.index();
        let mut lost: BTreeMap<Digest, Arc<Release>> = index
            .iter()
            .filter_map(|(digest, entry)| Some((*digest, entry.whole.as_ref()?.release.clone())))
            .collect();
        records.retain(|(key, _)| match key {
            RecordKey::Code(digest) => {
                let here = lost.remove(digest).is_some();
                if !here {
                    tracing::warn!(%digest, "the code of a record is gone");
                }
                here
            }
            _ => true,
        });
        for (digest, release) in lost {
            let added = release.home == self.inner.name;
            records.extend(record(&release, added).map(|bytes| (RecordKey::Code(digest), bytes)));
        }
        for (digest, entry) in &*index {
            if let Some(partial) = &entry.partial {
                let partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
                let part = waybook_place::part_record(&partial.release, partial.verified());
                records.push((RecordKey::Part(*digest), part));
            }
        }
        records
    }

    /// Where the bytes of whole code lie. They have matched the digest in this life.
    ///
    /// # Errors
    /// [`CodeError`]. The place has been told of what is damaged or gone.
    pub async fn path(&self, digest: &Digest) -> Result<PathBuf, CodeError> {
        let inner = &self.inner;
        let whole = inner.whole(digest).ok_or(CodeError::NotHeld(*digest))?;
        let path = inner.folder.file(digest, Part::Whole);
        let of = path.clone();
        let opened = blocking(move || {
            let file = File::open(of)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        });
        let error = match opened.await {
            Ok((file, length)) if length == whole.release.length => {
                let check = || async { blocking(move || upload::hash_sha256(&file)).await };
                match whole.sha256.get_or_try_init(check).await {
                    Ok(found) if found == digest => return Ok(path),
                    Ok(_) => return Err(inner.damaged(&whole).await),
                    Err(error) => error,
                }
            }
            Ok(_) => return Err(inner.damaged(&whole).await),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(inner.damaged(&whole).await);
            }
            Err(error) => error,
        };
        let digest = *digest;
        Err(CodeError::Disk { digest, error })
    }

    /// The bytes of whole code, which have matched the digest in this life.
    ///
    /// # Errors
    /// [`CodeError`].
    pub async fn read(&self, digest: &Digest) -> Result<Vec<u8>, CodeError> {
        let path = self.path(digest).await?;
        let read = blocking(move || std::fs::read(path)).await;
        read.map_err(|error| CodeError::Disk {
            digest: *digest,
            error,
        })
    }

    /// Serves a transfer's stream that a neighbour has opened, to its end.
    pub async fn serve(&self, from: PlaceName, stream: Box<dyn Io>) {
        let served = serve::serve(&self.inner, from, stream);
        let served = self.inner.stopping.run_until_cancelled(served);
        self.inner.tasks.track_future(served).await;
    }

    /// Ends all transfers and waits until nothing is written any more.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    fn index(&self) -> MutexGuard<'_, BTreeMap<Digest, Entry>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole(&self, digest: &Digest) -> Option<Arc<Whole>> {
        self.index().get(digest)?.whole.clone()
    }

    /// Does something to the files of one digest when all that came before is done.
    /// Carried out even if nobody waits for it any more.
    async fn in_turn<T: Send + 'static>(
        self: &Arc<Self>,
        digest: Digest,
        job: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, receiver) = tokio::sync::oneshot::channel();
        self.turns.queue(&self.tasks, digest, async move {
            let _ = answer.send(job.await);
        });
        receiver.await.ok()
    }

    /// As [`blocking`]; carried out even if nobody waits for it any more, and
    /// [`Repository::stop`] waits for it.
    async fn written<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        match self.tasks.spawn_blocking(job).await {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Whole {
    /// Of an earlier life.
    fn unchecked(release: Arc<Release>) -> Self {
        Self {
            release,
            sha256: OnceCell::new(),
            nodes: OnceCell::new(),
        }
    }

    /// Admitted in this life.
    fn checked(release: Arc<Release>, nodes: Option<Nodes>) -> Self {
        Self {
            sha256: OnceCell::new_with(Some(release.digest)),
            release,
            nodes: OnceCell::new_with(nodes),
        }
    }
}

/// Runs something that blocks where that is allowed.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}
