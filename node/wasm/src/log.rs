//! What components write to their standard output and error, line by line.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::counters::{Counters, add};

/// The longest line, in bytes; what comes after is cut off.
const LONGEST: usize = 8 << 10;

/// What one write may bring, in bytes.
const PIECE: usize = 64 << 10;

/// Which of its streams a component wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Receives what a component logs.
pub trait Log: Send + Sync {
    /// One line, without its end. Must not block.
    fn line(&self, stream: Stream, line: &str);
}

/// The log of one component, with its limit.
pub(crate) struct Logger {
    log: Arc<dyn Log>,
    counters: Arc<Counters>,
    most: u32,
    window: Mutex<Window>,
}

struct Window {
    since: Instant,
    lines: u32,
    dropped: u64,
}

impl Logger {
    pub(crate) fn new(log: Arc<dyn Log>, counters: &Arc<Counters>, most: u32) -> Arc<Self> {
        Arc::new(Self {
            log,
            counters: Arc::clone(counters),
            most,
            window: Mutex::new(Window {
                since: Instant::now(),
                lines: 0,
                dropped: 0,
            }),
        })
    }

    fn line(&self, stream: Stream, line: &[u8], cut: bool) {
        let dropped = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            if window.since.elapsed() >= Duration::from_secs(1) {
                window.since = Instant::now();
                window.lines = 0;
            }
            if window.lines >= self.most {
                window.dropped += 1;
                add(&self.counters.lines_dropped, 1);
                return;
            }
            window.lines += 1;
            std::mem::take(&mut window.dropped)
        };
        self.tell_dropped(dropped);
        let text = String::from_utf8_lossy(line);
        if cut {
            self.log.line(stream, &format!("{text}…"));
        } else {
            self.log.line(stream, &text);
        }
    }

    fn tell_dropped(&self, dropped: u64) {
        if dropped > 0 {
            let line = format!("… {dropped} lines dropped");
            self.log.line(Stream::Error, &line);
        }
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        let window = self
            .window
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut window.dropped);
        self.tell_dropped(dropped);
    }
}

/// One of the streams of one instance.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Unfinished>>);

struct Unfinished {
    logger: Arc<Logger>,
    stream: Stream,
    line: Vec<u8>,
    cut: bool,
}

impl Lines {
    pub(crate) fn new(logger: &Arc<Logger>, stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(Unfinished {
            logger: Arc::clone(logger),
            stream,
            line: Vec::new(),
            cut: false,
        })))
    }

    fn take(&self, bytes: &[u8]) {
        let mut unfinished: MutexGuard<'_, Unfinished> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = LONGEST - unfinished.line.len();
            unfinished.cut |= text.len() > room;
            unfinished
                .line
                .extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                unfinished.finish();
            }
        }
    }
}

impl Unfinished {
    fn finish(&mut self) {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        self.logger.line(self.stream, line, self.cut);
        self.line.clear();
        self.cut = false;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.finish();
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(PIECE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Log for Kept {
        fn line(&self, stream: Stream, line: &str) {
            let line = format!("{stream:?} {line}");
            self.0.lock().unwrap().push(line);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_cut_counted_and_finished() {
        let kept = Arc::new(Kept::default());
        let logger = Logger::new(kept.clone(), &Arc::default(), 3);
        let lines = Lines::new(&logger, Stream::Output);
        lines.take(b"on");
        lines.take(b"e\r\ntwo\n");
        lines.take(&vec![b'x'; LONGEST + 1]);
        lines.take(b"\nfour\nfive\n");
        let long = format!("Output {}…", "x".repeat(LONGEST));
        assert_eq!(*kept.0.lock().unwrap(), ["Output one", "Output two", &long]);
        tokio::time::advance(Duration::from_secs(1)).await;
        lines.take(b"six");
        drop(lines);
        assert_eq!(
            kept.0.lock().unwrap()[3..],
            ["Error … 2 lines dropped", "Output six"]
        );
    }
}
