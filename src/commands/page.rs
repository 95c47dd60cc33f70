//! `waybook page`: where a browser shows what the places do.

use clap::Args;
use serde::Serialize;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Prints the URL of a place's page, for a browser on this machine.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook page
  waybook page --at core/bologna
  xdg-open \"$(waybook page)\"

The page shows the place's locality as it is: load, sessions and their paths, agents that pass, refusals
and why, components. The URL holds the token of the place's data folder, so whoever has the URL may do
what that token lets them. The browser keeps it for as long as the tab is open, and sends it to
nobody but the place.")]
pub(crate) struct Page {
    /// The place to begin with; without one, the topmost of those that run here
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

/// For programs.
#[derive(Serialize)]
struct Where {
    url: String,
}

impl Page {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client(self.at.as_ref())?;
        // A place that cannot be reached has no page.
        client.place().await?;
        let url = client.page();
        if global.json {
            return show::json(&Where { url });
        }
        show::line(&url)
    }
}
