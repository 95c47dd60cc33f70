//! How transfers of code are shown: a bar each on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use waybook_client::model::{ProgressInfo, StepInfo, TransferInfo};

use crate::fail::Done;
use crate::show;

/// Off a terminal, a transfer is told of so often.
const NOW_AND_THEN: Duration = Duration::from_secs(2);

/// The transfers that are being watched.
pub(crate) struct Transfers {
    bars: MultiProgress,
    terminal: bool,
    /// By the place that the code comes to, and the component.
    known: BTreeMap<(String, String), Transfer>,
}

struct Transfer {
    began: Instant,
    bar: Option<ProgressBar>,
    /// When a line last told of it.
    told: Option<Instant>,
    from: Option<String>,
    over: bool,
}

impl Transfers {
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            // Lines and bars share the screen.
            terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
            known: BTreeMap::new(),
        }
    }

    /// Prints lines without the bars in their way.
    pub(crate) fn above(&self, print: impl FnOnce() -> Done) -> Done {
        if self.terminal {
            self.bars.suspend(print)
        } else {
            print()
        }
    }

    /// News of a set-up: whether it was about a transfer, which is shown.
    pub(crate) fn heard(&mut self, progress: &ProgressInfo) -> Done<bool> {
        match &progress.step {
            StepInfo::Downloading {
                component,
                from,
                bytes,
                length,
                before,
            } => {
                self.show(&TransferInfo {
                    place: progress.place.clone(),
                    component: component.clone(),
                    from: from.clone(),
                    bytes: *bytes,
                    length: *length,
                    before: *before,
                })?;
                Ok(true)
            }
            // The place waits for nothing any more.
            StepInfo::Ready { .. } | StepInfo::Refused { .. } | StepInfo::TracedBack => {
                self.clear(Some(&progress.place));
                Ok(false)
            }
            StepInfo::Held { .. } => Ok(false),
        }
    }

    /// Shows how far a transfer has come; one that is complete ends with a line.
    pub(crate) fn show(&mut self, news: &TransferInfo) -> Done {
        let key = (news.place.clone(), news.component.clone());
        let now = Instant::now();
        let (terminal, bars) = (self.terminal, &self.bars);
        let transfer = self.known.entry(key).or_insert_with(|| Transfer {
            began: now,
            bar: terminal.then(|| bars.add(bar(news))),
            told: None,
            from: None,
            over: false,
        });
        if transfer.over {
            return Ok(());
        }
        if news.from.is_some() {
            transfer.from.clone_from(&news.from);
        }
        if news.bytes >= news.length {
            transfer.over = true;
            if let Some(bar) = transfer.bar.take() {
                bar.finish_and_clear();
            }
            // What had come before anybody looked took a time that nobody knows.
            let took = (transfer.began != now).then(|| transfer.began.elapsed());
            let text = summary(news, transfer.from.as_deref(), took);
            return self.above(|| show::line(&text));
        }
        if let Some(bar) = &transfer.bar {
            bar.set_position(news.bytes);
            bar.set_message(source(transfer.from.as_deref()));
            return Ok(());
        }
        let quiet = transfer
            .told
            .is_some_and(|told| told.elapsed() < NOW_AND_THEN);
        if quiet || transfer.from.is_none() {
            return Ok(());
        }
        transfer.told = Some(now);
        let text = format!(
            "fetching {}, {} of {}{} at {}",
            news.component,
            show::size(news.bytes),
            show::size(news.length),
            source(transfer.from.as_deref()),
            news.place
        );
        show::line(&text)
    }

    /// Forgets transfers that come to no end any more: those to a place, or all.
    pub(crate) fn clear(&mut self, place: Option<&str>) {
        for ((at, _), transfer) in &mut self.known {
            if place.is_none_or(|place| place == at)
                && let Some(bar) = transfer.bar.take()
            {
                bar.finish_and_clear();
            }
        }
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.clear(None);
    }
}

fn bar(news: &TransferInfo) -> ProgressBar {
    let bar = ProgressBar::new(news.length).with_position(news.before);
    let template = "    {prefix} [{bar:24}] {binary_bytes}/{binary_total_bytes} \
        {binary_bytes_per_sec}{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(format!("{:24} {}", news.place, news.component));
    // What was there before did not come just now.
    bar.reset_eta();
    bar
}

fn source(from: Option<&str>) -> String {
    from.map(|from| format!(" from {from}")).unwrap_or_default()
}

fn summary(news: &TransferInfo, from: Option<&str>, took: Option<Duration>) -> String {
    let took = took.map(|took| format!(" in {}", show::time(took)));
    let resumed = match news.before {
        0 => String::new(),
        before => format!(", {} of it there before", show::size(before)),
    };
    format!(
        "fetched {}, {}{}{}{resumed} at {}",
        news.component,
        show::size(news.length),
        source(from),
        took.unwrap_or_default(),
        news.place
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_came_from_where() {
        let mut news = TransferInfo {
            place: "core/bologna".to_owned(),
            component: "cap-quality@1.0.0".to_owned(),
            from: Some("core".to_owned()),
            bytes: 84_600,
            length: 84_600,
            before: 0,
        };
        assert_eq!(
            summary(&news, Some("core"), Some(Duration::from_micros(40_400))),
            "fetched cap-quality@1.0.0, 83 KiB from core in 40 ms at core/bologna"
        );
        news.before = 1024;
        assert_eq!(
            summary(&news, None, Some(Duration::from_secs(2))),
            "fetched cap-quality@1.0.0, 83 KiB in 2.0 s, 1.0 KiB of it there before at \
             core/bologna"
        );
    }
    /// A component that came between two looks was said to have come in 0 ms.
    #[test]
    fn nothing_is_said_of_a_time_that_is_not_known() {
        let news = TransferInfo {
            place: "core/bologna".to_owned(),
            component: "cap-quality@1.0.0".to_owned(),
            from: None,
            bytes: 2_048,
            length: 2_048,
            before: 0,
        };
        assert_eq!(
            summary(&news, None, None),
            "fetched cap-quality@1.0.0, 2.0 KiB at core/bologna"
        );
    }
}
