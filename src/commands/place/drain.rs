//! `waybook place drain` and `undrain`.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use waybook_client::Client;
use waybook_client::model::{DrainingInfo, SpanForm};
use waybook_location_tree::PlaceName;

use crate::commands::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// How often it is asked what is left.
const LOOK: Duration = Duration::from_millis(500);

/// Lets a place take no new sessions.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place drain core/bologna                    # waits until no session is left
  waybook place drain core/bologna --deadline \"10 min\" # what is left then ends
  waybook place drain core/bologna --no-wait

Sessions that the place has go on, whatever its part in them; new ones go another way, if there is
one. Ctrl-C ends the waiting, not the draining: the place stays drained, also when it is restarted,
until `waybook place undrain`. `waybook tree` shows which places are drained.")]
pub(crate) struct Drain {
    /// The place
    place: PlaceName,
    /// What is left after that long ends, and its clients are told why
    #[arg(long, value_name = "TIME", value_parser = span)]
    deadline: Option<Duration>,
    /// Do not wait until no session is left
    #[arg(long)]
    no_wait: bool,
}

impl Drain {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client(Some(&self.place))?;
        let deadline = self.deadline.map(|deadline| {
            // Exactly, whatever the length.
            SpanForm::Text(waybook_plan::format_duration(deadline))
        });
        let mut left = client.drain(deadline).await?;
        if !self.no_wait {
            left = self.wait(&client, left, global).await?;
        }
        if global.json {
            return show::json(&json!({ "place": self.place, "draining": left }));
        }
        show::line(&match (left.sessions + left.opens, &left.left) {
            (0, _) => format!("{} is drained: no session is left", self.place),
            (some, None) => format!("{} is being drained: {}", self.place, sessions(some)),
            (some, Some(time)) => format!(
                "{} is being drained: {}, which end in {} at the latest",
                self.place,
                sessions(some),
                time.text
            ),
        })
    }

    /// Waits until nothing is left.
    async fn wait(
        &self,
        client: &Client,
        mut left: DrainingInfo,
        global: &Global,
    ) -> Done<DrainingInfo> {
        let bar = match global.json {
            true => ProgressBar::hidden(),
            false => bar(),
        };
        while left.sessions + left.opens > 0 {
            let end = left.left.as_ref();
            let end = end.map(|end| format!(", {} to the deadline", end.text));
            bar.set_message(format!(
                "{} is being drained: {}{}",
                self.place,
                sessions(left.sessions + left.opens),
                end.unwrap_or_default()
            ));
            tokio::time::sleep(LOOK).await;
            bar.tick();
            let now = client.place().await?.draining;
            left = now.ok_or_else(|| {
                Fail::failed(format!(
                    "{} takes new sessions again: somebody has ended the draining",
                    self.place
                ))
            })?;
        }
        bar.finish_and_clear();
        Ok(left)
    }
}

/// A line that says what is left, where somebody looks at it.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn sessions(left: usize) -> String {
    match left {
        1 => "1 session is left".to_owned(),
        left => format!("{left} sessions are left"),
    }
}

/// Lets a drained place take new sessions again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place undrain core/bologna

A place that is not drained stays as it is.")]
pub(crate) struct Undrain {
    /// The place
    place: PlaceName,
}

impl Undrain {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        global.client(Some(&self.place))?.undrain().await?;
        if global.json {
            return show::json(&json!({ "place": self.place, "draining": null }));
        }
        show::line(&format!("{} takes new sessions", self.place))
    }
}
