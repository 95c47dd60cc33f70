//! A log that nobody from outside can fill: so many lines a second of each kind, and no more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Leaves out what one place of the program writes beyond so many lines a second, and says how
/// many that were.
pub(crate) struct Sparing {
    most: u32,
    kinds: Mutex<HashMap<Identifier, Second>>,
}

/// What one place of the program has written in the present second.
struct Second {
    since: Instant,
    lines: u32,
    left_out: u64,
}

/// Whether a line is written, and how many of its kind were not in the second before.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Write { left_out: u64 },
    LeaveOut,
}

impl Sparing {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            kinds: Mutex::default(),
        }
    }

    fn judge(&self, kind: Identifier) -> Verdict {
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let second = kinds.entry(kind).or_insert(Second::new(now));
        second.judge(self.most, now)
    }
}

impl Second {
    fn new(since: Instant) -> Self {
        Self {
            since,
            lines: 0,
            left_out: 0,
        }
    }

    fn judge(&mut self, most: u32, now: Instant) -> Verdict {
        let mut left_out = 0;
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            left_out = std::mem::take(&mut self.left_out);
            *self = Self::new(now);
        }
        if self.lines >= most {
            self.left_out += 1;
            return Verdict::LeaveOut;
        }
        self.lines += 1;
        Verdict::Write { left_out }
    }
}

impl<S: Subscriber> Layer<S> for Sparing {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let kind = event.metadata();
        match self.judge(kind.callsite()) {
            Verdict::Write { left_out: 0 } => true,
            Verdict::Write { left_out } => {
                let (file, line) = (kind.file(), kind.line());
                tracing::warn!(left_out, file, line, "lines were left out; see `log.lines`");
                true
            }
            Verdict::LeaveOut => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_a_second_and_the_rest_is_told_of() {
        let begin = Instant::now();
        let mut second = Second::new(begin);
        let write = |left_out| Verdict::Write { left_out };
        for _ in 0..2 {
            assert_eq!(second.judge(2, begin), write(0));
        }
        for _ in 0..3 {
            assert_eq!(second.judge(2, begin), Verdict::LeaveOut);
        }
        let later = begin + Duration::from_secs(1);
        assert_eq!(second.judge(2, later), write(3));
        assert_eq!(second.judge(2, later), write(0));
        assert_eq!(second.judge(2, later), Verdict::LeaveOut);
    }
}
