//! `waybook place backup` and `waybook place restore`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use waybook_daemon::backup::restore;
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Shorter ones show no bar.
const SHORT: Duration = Duration::from_secs(1);

/// Writes a copy of what a place keeps into one file, while it runs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place backup core --out core.tar
  waybook place backup --data /var/lib/waybook/core --out core.tar --without-code

Sessions, presentations, code, certificate, key and tokens are in it, as they are at one moment: keep
it as you keep the key. The place's configuration file is not. The place has to run on this machine.
`waybook place restore` makes a data folder of it.")]
pub(crate) struct Backup {
    /// The place [default: that of --data]
    place: Option<PlaceName>,
    /// The file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out the components that the place keeps: it gets them again from others that have them
    #[arg(long)]
    without_code: bool,
}

impl Backup {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.place.as_ref())?;
        let written = client.backup(!self.without_code, &self.out, bar()).await?;
        if global.json {
            return show::json(&json!({ "file": self.out, "bytes": written }));
        }
        show::line(&format!("{} has {written} bytes", self.out.display()))
    }
}

/// Shows how much has come, once it takes its time.
fn bar() -> impl FnMut(u64) {
    let began = Instant::now();
    let mut shown: Option<ProgressBar> = None;
    move |come| {
        if shown.is_none() && began.elapsed() > SHORT {
            let bar = ProgressBar::new_spinner();
            let template = "{spinner} {binary_bytes} {binary_bytes_per_sec}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            shown = Some(bar);
        }
        if let Some(bar) = &shown {
            bar.set_position(come);
        }
    }
}

/// Makes a data folder of a backup.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place restore core.tar /var/lib/waybook/core

Then start the place as before. It begins a new life; its neighbours tell it which of its sessions have
ended since, and it ends those of which they do not know. What was published, withdrawn or pinned after
the backup is as it was before.")]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    /// The folder, which is new or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Restore {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let about = restore(&self.file, &self.folder).map_err(Fail::failed)?;
        if global.json {
            return show::json(
                &json!({ "place": about.place, "folder": self.folder, "made": about.made }),
            );
        }
        show::line(&format!(
            "{} can start in {}, with a configuration whose `data-dir` is that",
            about.place,
            self.folder.display()
        ))?;
        if !self.folder.join("identity").join("place.key").exists() {
            show::line("It has no certificate in it: its `[identity]` was somewhere else")?;
        }
        Ok(())
    }
}
