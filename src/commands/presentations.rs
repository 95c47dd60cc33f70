//! `waybook presentations`: what can be opened.

use clap::Args;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Lists the presentations that can be opened.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook presentations                    # of the whole tree
  waybook presentations --at core/milano   # of one locality")]
pub(crate) struct Presentations {
    /// Only those served in this place's locality
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Presentations {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let mut list = global.client(self.at.as_ref())?.presentations().await?;
        list.sort_by(|a, b| (&a.title, &a.server).cmp(&(&b.title, &b.server)));
        if global.json {
            return show::json(&list);
        }
        let rows: Vec<_> = list
            .iter()
            .map(|entry| {
                let quality = |q: &waybook_client::model::QualityInfo| {
                    format!("{} ({})", q.name, q.to_client.text)
                };
                let qualities: Vec<_> = entry.qualities.iter().map(quality).collect();
                vec![
                    entry.title.clone(),
                    entry.server.clone(),
                    qualities.join(", "),
                    entry.description.clone(),
                ]
            })
            .collect();
        let headings = ["TITLE", "SERVER", "QUALITIES", "DESCRIPTION"];
        show::table(&headings, &rows, "nothing is published")
    }
}
