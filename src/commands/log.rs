//! `waybook log`: what a place's daemon logs.

use clap::Args;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Shows what a place's daemon logs, or changes it while the daemon runs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook log --at core                                  # what is logged
  waybook log --at core debug                            # more
  waybook log --at core info,waybook_daemon::link=debug  # more of the connections
  waybook log --at core info

Until the daemon is started again: then its `[log] level` counts, or WAYBOOK_LOG.")]
pub(crate) struct Log {
    /// error, warn, info, debug, trace, or a filter by part of the program
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Log {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let log = match &self.filter {
            Some(filter) => client.set_log(filter).await?,
            None => client.log().await?,
        };
        if global.json {
            return show::json(&log);
        }
        show::line(&format!("{} logs {}", log.place, log.filter))
    }
}
