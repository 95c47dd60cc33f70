//! What a process prints goes to the log, as long as it is not too much.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;
use waybook_place::io::InstanceId;

/// The longest line that is logged whole.
const LONGEST: usize = 2048;
/// Lines logged each second.
const LINES: u32 = 50;

/// Whose output it is.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) instance: InstanceId,
    pub(super) program: String,
    pub(super) stream: &'static str,
}

/// Logs lines until the stream ends. It always reads on, so that a talkative process does
/// not stall.
pub(super) async fn log(source: Source, mut from: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(|line: &str| {
        let Source {
            instance,
            program,
            stream,
        } = &source;
        tracing::info!(instance = instance.0, %program, stream, "{line}");
    });
    let mut buffer = vec![0; 4096];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return lines.end(),
            Ok(read) => lines.feed(&buffer[..read], Instant::now()),
        }
    }
}

/// Cuts a stream into lines and drops those that are too many.
struct Lines<F: FnMut(&str)> {
    log: F,
    line: Vec<u8>,
    since: Instant,
    logged: u32,
    dropped: u64,
}

impl<F: FnMut(&str)> Lines<F> {
    fn new(log: F) -> Self {
        Self {
            log,
            line: Vec::new(),
            since: Instant::now(),
            logged: 0,
            dropped: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8], now: Instant) {
        for byte in bytes {
            if *byte == b'\n' {
                self.finish(now);
            } else if self.line.len() < LONGEST {
                self.line.push(*byte);
            }
        }
    }

    fn finish(&mut self, now: Instant) {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.logged) = (now, 0);
            self.tell_dropped();
        }
        if self.logged < LINES {
            self.logged += 1;
            (self.log)(String::from_utf8_lossy(&self.line).trim_end());
        } else {
            self.dropped += 1;
        }
        self.line.clear();
    }

    fn tell_dropped(&mut self) {
        if self.dropped > 0 {
            (self.log)(&format!("({} lines were left out)", self.dropped));
            self.dropped = 0;
        }
    }

    fn end(&mut self) {
        if !self.line.is_empty() {
            self.finish(Instant::now());
        }
        self.tell_dropped();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn too_many_lines_are_counted_and_long_ones_cut() {
        let mut logged = Vec::new();
        let mut lines = Lines::new(|line: &str| logged.push(line.to_owned()));
        let now = Instant::now();
        lines.feed("x".repeat(3 * LONGEST).as_bytes(), now);
        lines.feed(b"\n", now);
        lines.feed("line\n".repeat(100).as_bytes(), now);
        lines.feed(b"later\nlast", now + Duration::from_secs(2));
        lines.end();
        assert_eq!(logged[0].len(), LONGEST);
        let lines = usize::try_from(LINES).unwrap();
        assert_eq!(
            logged[lines..],
            ["(51 lines were left out)", "later", "last"]
        );
    }
}
