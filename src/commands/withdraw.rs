//! `waybook withdraw`: lets a place no longer serve a presentation.

use clap::Args;
use serde_json::json;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Lets a place no longer serve a presentation.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook withdraw film --at core/milano/media

Established sessions stay; nobody opens new ones.")]
pub(crate) struct Withdraw {
    /// The title
    title: String,
    /// The place that serves it
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Withdraw {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        client.withdraw(&self.title).await?;
        if global.json {
            return show::json(&json!({ "withdrawn": self.title }));
        }
        show::line(&format!("withdrew `{}`", self.title))
    }
}
