//! Opens files below a directory and nowhere else, whatever links lead elsewhere.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf, SeekFrom};
use tower_http::services::fs::{Backend, File as ServedFile};

/// A directory, held open, so that it stays the same one if it is renamed.
#[derive(Clone)]
pub(super) struct Confined {
    directory: Arc<File>,
    /// What the paths that are asked for begin with.
    root: Arc<Path>,
}

type Later<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl Confined {
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            directory: Arc::new(File::open(root)?),
            root: root.into(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Opens on a thread where blocking is fine.
    fn open_with(&self, path: PathBuf, flags: OFlags) -> Later<(File, Metadata)> {
        let this = self.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                let below = path.strip_prefix(&this.root).unwrap_or(&path);
                let below = if below.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    below
                };
                // The kernel itself refuses to leave the directory, so there is no moment
                // between a check and the opening in which a link could be put in.
                let file = File::from(rustix::fs::openat2(
                    &this.directory,
                    below,
                    flags | OFlags::CLOEXEC,
                    Mode::empty(),
                    ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
                )?);
                let metadata = file.metadata()?;
                if !metadata.is_file() && !metadata.is_dir() {
                    return Err(io::ErrorKind::NotFound.into());
                }
                Ok((file, metadata))
            })
            .await
            .map_err(io::Error::other)?
            .map_err(hide)
        })
    }
}

/// What may not be served is as if it were not there.
fn hide(error: io::Error) -> io::Error {
    let os = error.raw_os_error().map(Errno::from_raw_os_error);
    match os {
        Some(
            Errno::XDEV
            | Errno::LOOP
            | Errno::NXIO
            | Errno::INVAL
            | Errno::NAMETOOLONG
            | Errno::NOTDIR
            | Errno::ACCESS,
        ) => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}

impl Backend for Confined {
    type File = Opened;
    type Metadata = Metadata;
    type OpenFuture = Later<Opened>;
    type MetadataFuture = Later<Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        // Opening must not hang on a pipe.
        let opened = self.open_with(path, OFlags::RDONLY | OFlags::NONBLOCK);
        Box::pin(async move {
            let (file, metadata) = opened.await?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(Opened(tokio::fs::File::from_std(file)))
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let opened = self.open_with(path, OFlags::PATH);
        Box::pin(async move { Ok(opened.await?.1) })
    }
}

/// A file below the directory.
pub(super) struct Opened(tokio::fs::File);

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncSeek for Opened {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}

impl ServedFile for Opened {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Metadata>> + Send + 'a>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(self.0.metadata())
    }
}
