//! Receiving code: what is missing, chunk by chunk, each verified before it counts.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bao_tree::blake3;
use bao_tree::io::fsm::{ResponseDecoder, ResponseDecoderNext};
use bao_tree::io::{BaoContentItem, DecodeError};
use bytes::{Bytes, BytesMut};
use futures_util::poll;
use iroh_io::AsyncStreamReader;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::Instant;
use waybook_agents::{TransferAnswer, TransferRequest};
use waybook_location_tree::PlaceName;
use waybook_place::io::{FetchFailure, Input};
use waybook_plan::Release;

use super::pace::{Pace, Throttle};
use super::partial::Partial;
use super::ticket::Ticket;
use super::{Inner, Readable, Whole, frames, tree};
use crate::Io;

/// Verified bytes that are written at once, when there are so many.
const WRITE: usize = 512 * 1024;
/// How often the place hears of a transfer at most.
const NEWS: Duration = Duration::from_millis(200);

/// Why a transfer has not come to its end.
pub(super) struct Failed {
    pub(super) failure: FetchFailure,
    /// Whether what has come is of use to a next one.
    pub(super) keep: bool,
}

impl From<FetchFailure> for Failed {
    fn from(failure: FetchFailure) -> Self {
        // What cannot be added to is of no use, and room may be what is missing.
        let keep = !matches!(failure, FetchFailure::Disk(_));
        Self { failure, keep }
    }
}

/// Brings what is missing of a release, and admits it. Only in turn; may be dropped at
/// any moment.
pub(super) async fn receive(
    inner: &Arc<Inner>,
    ticket: &Ticket,
    release: &Arc<Release>,
    source: &PlaceName,
) -> Result<(), Failed> {
    if inner.whole(&release.digest).is_some() {
        return Ok(());
    }
    if release.length == 0 || release.length > inner.greatest {
        let (length, most) = (release.length, inner.greatest);
        let what =
            format!("it has {length} bytes; `greatest-component` allows from 1 to {most} here");
        return Err(FetchFailure::Disk(what).into());
    }
    ticket.tell(inner.part(&release.digest));
    let partial = begin(inner, ticket, release).await.map_err(disk)?;
    let (coming, readable) = Coming::new(inner, ticket, release, partial);
    let _arriving = Arriving::announce(inner, readable);
    let partial = transfer(inner, source, coming).await?;
    finish(inner, ticket, release, partial).await
}

/// What is there already of a release, which may be nothing.
async fn begin(
    inner: &Arc<Inner>,
    ticket: &Ticket,
    release: &Arc<Release>,
) -> io::Result<Arc<Mutex<Partial>>> {
    let (of, at) = (Arc::clone(release), Arc::clone(inner));
    let begun = ticket.write(inner, move || {
        let known = {
            let index = at.index();
            index.get(&of.digest).and_then(|e| e.partial.clone())
        };
        if let Some(known) = known
            && goes_on(&at, &known, &of)?
        {
            return Ok(known);
        }
        let digest = of.digest;
        let partial = Partial::create(&at.folder, of).inspect_err(|_| {
            at.index().remove(&digest);
            at.folder.remove_all(&digest);
        })?;
        let partial = Arc::new(Mutex::new(partial));
        let mut index = at.index();
        index.entry(digest).or_default().partial = Some(Arc::clone(&partial));
        Ok(partial)
    });
    begun.await
}

/// Whether a part is of that release, so that a transfer can go on with it.
fn goes_on(inner: &Inner, known: &Mutex<Partial>, of: &Arc<Release>) -> io::Result<bool> {
    let mut partial = known.lock().unwrap_or_else(PoisonError::into_inner);
    if (partial.release.length, partial.release.root) != (of.length, of.root) {
        return Ok(false);
    }
    if partial.release != *of {
        let written = inner.folder.write_release(of);
        written.map_err(|error| io::Error::other(error.to_string()))?;
        partial.release = Arc::clone(of);
    }
    Ok(true)
}

/// Admits what is verified to its last byte, if the digest matches as well.
async fn finish(
    inner: &Arc<Inner>,
    ticket: &Ticket,
    release: &Arc<Release>,
    partial: Arc<Mutex<Partial>>,
) -> Result<(), Failed> {
    let (of, at) = (Arc::clone(release), Arc::clone(inner));
    let admitted = ticket.write(inner, move || {
        let partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
        let found = partial.digest();
        if found != of.digest {
            return Ok(Err(found));
        }
        partial.admit(&at.folder)?;
        // Here, so that files and index agree even if nobody waits any more.
        let mut index = at.index();
        let entry = index.entry(of.digest).or_default();
        entry.whole = Some(Arc::new(Whole::checked(of, Some(partial.nodes.clone()))));
        entry.partial = None;
        Ok(Ok(()))
    });
    match admitted.await {
        Ok(Ok(())) => Ok(()),
        // Its root and its digest are of different code: no source can have both.
        Ok(Err(found)) => {
            let what = format!("the release is wrong: what its root stands for is {found}");
            let (failure, keep) = (FetchFailure::Lying(what), false);
            Err(Failed { failure, keep })
        }
        Err(error) => Err(disk(error).into()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over")]
fn disk(error: io::Error) -> FetchFailure {
    FetchFailure::Disk(error.to_string())
}

/// Others can read what arrives, for as long as this lives.
struct Arriving<'a>(&'a Arc<Inner>, waybook_plan::Digest);

impl<'a> Arriving<'a> {
    fn announce(inner: &'a Arc<Inner>, readable: Readable) -> Self {
        let digest = readable.release.digest;
        inner.index().entry(digest).or_default().arriving = Some(readable);
        Self(inner, digest)
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.0.index().get_mut(&self.1) {
            entry.arriving = None;
        }
    }
}

/// A transfer under way.
struct Coming<'a> {
    inner: &'a Arc<Inner>,
    ticket: &'a Ticket,
    release: &'a Release,
    partial: Arc<Mutex<Partial>>,
    /// Where readers see how far it has come.
    verified: watch::Sender<u64>,
    /// Verified, and not yet written.
    pending: Vec<BaoContentItem>,
    bytes: usize,
    pace: Pace,
    news: Throttle,
    /// How far the place knows that it has come.
    told: u64,
    begun: Instant,
}

impl<'a> Coming<'a> {
    fn new(
        inner: &'a Arc<Inner>,
        ticket: &'a Ticket,
        release: &'a Arc<Release>,
        partial: Arc<Mutex<Partial>>,
    ) -> (Self, Readable) {
        let (file, nodes, verified) = {
            let partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
            let (file, nodes) = (partial.file.clone(), partial.nodes.clone());
            (file, nodes, partial.verified())
        };
        let (sender, receiver) = watch::channel(verified);
        let readable = Readable {
            release: Arc::clone(release),
            file,
            nodes,
            verified: receiver,
        };
        let mut coming = Self {
            inner,
            ticket,
            release,
            partial,
            verified: sender,
            pending: Vec::new(),
            bytes: 0,
            pace: Pace::new(inner.config.stall, inner.config.least_rate),
            news: Throttle::new(NEWS),
            // What was there is said again; that nothing is there any more is news.
            told: if verified > 0 { 0 } else { ticket.told() },
            begun: Instant::now(),
        };
        coming.tell();
        (coming, readable)
    }

    /// Tells the place how far it has come, if that is news and due.
    fn tell(&mut self) {
        let (fetch, bytes) = (self.ticket.fetch, *self.verified.borrow());
        let now = self.begun.elapsed();
        let due = self.news.left(now).is_zero() || bytes == self.release.length;
        if bytes != self.told && due {
            self.inner
                .place
                .input(Input::FetchProgress { fetch, bytes });
            self.ticket.tell(bytes);
            self.told = bytes;
            self.news.told(now);
        }
    }

    /// Waits for something that the source does, as long as it keeps pace.
    async fn wait<T>(&mut self, what: impl Future<Output = T>) -> Result<T, FetchFailure> {
        tokio::pin!(what);
        loop {
            let since = Instant::now();
            let mut most = self.pace.left();
            if *self.verified.borrow() != self.told {
                most = most.min(self.news.left(self.begun.elapsed()));
            }
            let done = tokio::time::timeout(most, &mut what).await;
            let kept = self.pace.waited(since.elapsed());
            self.tell();
            match (done, kept) {
                (Ok(done), _) => return Ok(done),
                (Err(_), Ok(())) => {}
                (Err(_), Err(_)) => return Err(FetchFailure::Slow),
            }
        }
    }

    /// Writes what is verified, and lets readers and the place know.
    async fn write(&mut self) -> Result<(), FetchFailure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(&mut self.pending);
        self.bytes = 0;
        let partial = Arc::clone(&self.partial);
        let append = move || {
            let mut partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
            partial.append(items)
        };
        let written = self.ticket.write(self.inner, append).await;
        let verified = written.map_err(disk)?;
        let before = self.verified.send_replace(verified);
        self.pace.brought(verified - before);
        self.tell();
        Ok(())
    }

    /// Takes up a verified item.
    async fn take(&mut self, item: BaoContentItem) -> Result<(), FetchFailure> {
        let mut pause = Duration::ZERO;
        if let BaoContentItem::Leaf(leaf) = &item {
            self.bytes += leaf.data.len();
            pause = self.inner.brake.take(leaf.data.len() as u64);
        }
        self.pending.push(item);
        if self.bytes >= WRITE || !pause.is_zero() {
            self.write().await?;
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}

/// Reads what is missing from the source.
async fn transfer(
    inner: &Arc<Inner>,
    source: &PlaceName,
    mut coming: Coming<'_>,
) -> Result<Arc<Mutex<Partial>>, FetchFailure> {
    let release = coming.release;
    let from = *coming.verified.borrow();
    if from == release.length {
        return Ok(coming.partial);
    }
    // No place reads from itself.
    let next = inner.name.next_hop(source).ok_or(FetchFailure::NotHeld)?;
    let opened = coming.wait(inner.peers.open_transfer(&next)).await?;
    let mut stream = opened.map_err(|_| FetchFailure::Cut)?;
    let request = TransferRequest {
        digest: release.digest,
        length: release.length,
        root: release.root,
        source: source.clone(),
        from,
    };
    let asked = coming.wait(frames::write(&mut stream, &request)).await?;
    asked.map_err(|_| FetchFailure::Cut)?;
    let answer = coming.wait(frames::read(&mut stream)).await?;
    match answer {
        Ok(TransferAnswer::Follows) => {}
        Ok(TransferAnswer::NotHeld) => return Err(FetchFailure::NotHeld),
        Ok(TransferAnswer::Unreachable | TransferAnswer::Busy) => return Err(FetchFailure::Cut),
        Ok(TransferAnswer::Refused(why)) => {
            return Err(FetchFailure::Lying(format!("it refuses: {why}")));
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let what = format!("what it answers is no answer: {error}");
            return Err(FetchFailure::Lying(what));
        }
        Err(_) => return Err(FetchFailure::Cut),
    }
    let mut rest = chunks(&mut coming, stream, from).await?;
    // Who sends more than there is lies, even if the beginning is right. An end that
    // does not come costs nothing: all is here.
    match tokio::time::timeout(coming.pace.left(), rest.more()).await {
        Ok(Ok(true)) => {
            let what = format!("it goes on after all {} bytes", release.length);
            Err(FetchFailure::Lying(what))
        }
        _ => Ok(coming.partial),
    }
}

/// Takes chunks until all are here.
async fn chunks(
    coming: &mut Coming<'_>,
    stream: Box<dyn Io>,
    from: u64,
) -> Result<Incoming, FetchFailure> {
    let release = coming.release;
    let decoder = ResponseDecoder::new(
        blake3::Hash::from_bytes(release.root),
        tree::rest(from),
        tree::tree(release.length),
        Incoming::new(stream),
    );
    let mut next = Box::pin(decoder.next());
    loop {
        let step = match poll!(&mut next) {
            std::task::Poll::Ready(step) => step,
            std::task::Poll::Pending => {
                // Nothing is kept back while the source is waited for.
                coming.write().await?;
                coming.wait(&mut next).await?
            }
        };
        match step {
            ResponseDecoderNext::More((decoder, Ok(item))) => {
                coming.take(item).await?;
                next = Box::pin(decoder.next());
            }
            ResponseDecoderNext::More((_, Err(error))) => {
                coming.write().await?;
                let verified = *coming.verified.borrow();
                return Err(explain(&error, release.length, verified));
            }
            ResponseDecoderNext::Done(rest) => {
                coming.write().await?;
                return Ok(rest);
            }
        }
    }
}

/// What a chunk that does not come, or not as it should, says of the source.
fn explain(error: &DecodeError, length: u64, verified: u64) -> FetchFailure {
    let wrong = |byte: u64| {
        let chunk = tree::chunk_of(length, byte);
        FetchFailure::Lying(format!("{chunk} is not what it should be"))
    };
    match error {
        DecodeError::LeafHashMismatch(chunk) => wrong(chunk.to_bytes()),
        DecodeError::ParentHashMismatch(node) => {
            wrong(node.chunk_range().start.to_bytes().max(verified))
        }
        DecodeError::ParentNotFound(_) | DecodeError::LeafNotFound(_) => {
            let what = format!("it is too short: it ends after {verified} of {length} bytes");
            FetchFailure::Lying(what)
        }
        DecodeError::Io(_) => FetchFailure::Cut,
    }
}

/// Cuts what arrives into items.
struct Incoming {
    stream: Box<dyn Io>,
    buffer: BytesMut,
}

impl Incoming {
    /// Room that is made for what arrives.
    const ROOM: usize = 256 * 1024;

    fn new(stream: Box<dyn Io>) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Waits until so many bytes are there, or the end. A break is an error.
    async fn fill(&mut self, bytes: usize) -> io::Result<()> {
        while self.buffer.len() < bytes {
            if self.buffer.capacity() - self.buffer.len() < 16 * 1024 {
                self.buffer.reserve(Self::ROOM);
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            // Only an end in good order is one.
            let broken = |error: io::Error| io::Error::new(io::ErrorKind::ConnectionReset, error);
            if read.map_err(broken)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Whether there is more.
    async fn more(&mut self) -> io::Result<bool> {
        self.fill(1).await?;
        Ok(!self.buffer.is_empty())
    }
}

impl AsyncStreamReader for Incoming {
    async fn read_bytes(&mut self, len: usize) -> io::Result<Bytes> {
        self.fill(len).await?;
        let have = self.buffer.len().min(len);
        Ok(self.buffer.split_to(have).freeze())
    }

    async fn read<const L: usize>(&mut self) -> io::Result<[u8; L]> {
        let bytes = self.read_bytes(L).await?;
        let whole = <[u8; L]>::try_from(&bytes[..]);
        whole.map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }
}
