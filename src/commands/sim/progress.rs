//! How far a simulation is: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Off a terminal, a line is printed so often.
const NOW_AND_THEN: Duration = Duration::from_secs(10);
/// Nothing is shown of what takes no longer.
const AT_ONCE: Duration = Duration::from_secs(1);
/// In how many steps a bar is drawn.
const STEPS: u64 = 1000;

/// What is shown while a person waits.
pub(super) struct Progress {
    what: String,
    bar: Option<ProgressBar>,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// Shown on standard error, so that standard output holds results alone.
    pub(super) fn new(what: String) -> Self {
        let now = Instant::now();
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta} left");
            ProgressBar::new(STEPS)
                .with_style(style.expect("a template that is right"))
                .with_message(what.clone())
        });
        Self {
            what,
            bar,
            began: now,
            told: now,
        }
    }

    /// So much of it is done, from 0 to 1.
    pub(super) fn at(&mut self, share: f64) {
        match &self.bar {
            Some(bar) if self.began.elapsed() > AT_ONCE => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "0 to 1000"
                )]
                bar.set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
            }
            Some(_) => {}
            None if self.told.elapsed() > NOW_AND_THEN => {
                eprintln!("{}: {:.0}%", self.what, share * 100.0);
                self.told = Instant::now();
            }
            None => {}
        }
    }

    /// It is over.
    pub(super) fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
