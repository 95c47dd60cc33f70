//! A file as the body of a request.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use crate::Error;

/// What is read at one time.
const PIECE: usize = 64 << 10;

/// A file that is sent as it is read.
pub(crate) struct Upload<P> {
    file: File,
    path: PathBuf,
    length: u64,
    sent: u64,
    buffer: BytesMut,
    progress: P,
}

impl<P: FnMut(u64)> Upload<P> {
    /// The file at that path; `progress` is told how many bytes were handed over so far.
    pub(crate) async fn open(path: &Path, progress: P) -> Result<Self, Error> {
        let fail = |error: io::Error| Error::Upload(format!("{}: {error}", path.display()));
        let file = File::open(path).await.map_err(fail)?;
        let length = file.metadata().await.map_err(fail)?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            sent: 0,
            buffer: BytesMut::new(),
            progress,
        })
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let left = usize::try_from(self.length - self.sent).unwrap_or(PIECE);
        self.buffer.resize(left.min(PIECE), 0);
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let done = ready!(Pin::new(&mut self.file).poll_read(cx, &mut buffer));
        let read = buffer.filled().len();
        let wrong = match done {
            Err(error) => Some(error.to_string()),
            Ok(()) if read == 0 => Some("became shorter while it was sent".to_owned()),
            Ok(()) => None,
        };
        if let Some(wrong) = wrong {
            let why = format!("{}: {wrong}", self.path.display());
            return Poll::Ready(Err(io::Error::other(why)));
        }
        self.sent += read as u64;
        (self.progress)(self.sent);
        Poll::Ready(Ok(self.buffer.split_to(read).freeze()))
    }
}

impl<P: FnMut(u64) + Unpin> Body for Upload<P> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.sent == self.length {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(cx));
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.sent)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_whole_and_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut told = Vec::new();
        let mut upload = Upload::open(&path, |sent| told.push(sent)).await.unwrap();
        assert_eq!(upload.size_hint().exact(), Some(bytes.len() as u64));
        let mut sent = Vec::new();
        while let Some(frame) = upload.frame().await {
            sent.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        drop(upload);
        assert!(sent == bytes);
        assert_eq!(told.last(), Some(&(bytes.len() as u64)));
        assert!(told.len() > 3 && told.is_sorted());
    }

    #[tokio::test]
    async fn a_file_that_shrinks_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        std::fs::write(&path, [0; 10]).unwrap();
        let mut upload = Upload::open(&path, |_| {}).await.unwrap();
        std::fs::write(&path, []).unwrap();
        let error = upload.frame().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("became shorter"), "{error}");
    }
}
