//! `waybook presentations`: what can be opened, and what it needs.

use clap::Args;
use waybook_client::model::{PresentationInfo, QualityInfo, StageDemandInfo};
use waybook_location_tree::PlaceName;

use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show;

/// Lists the presentations that can be opened, or what one of them needs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook presentations                    # of the whole tree
  waybook presentations --at core/milano   # of one locality
  waybook presentations film               # its qualities, and what places book for each")]
pub(crate) struct Presentations {
    /// Only this one, with its components and what places book for each quality
    #[arg(value_name = "TITLE")]
    title: Option<String>,
    /// Only those served in this place's locality
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Presentations {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let mut list = global.client(self.at.as_ref())?.presentations().await?;
        list.sort_by(|a, b| (&a.title, &a.server).cmp(&(&b.title, &b.server)));
        if let Some(title) = &self.title {
            list.retain(|entry| entry.title == *title);
            if list.is_empty() {
                let why =
                    format!("'{title}' is not served here; `waybook presentations` lists what is");
                return Err(Fail::new(Exit::Failed, why));
            }
        }
        if global.json {
            return show::json(&list);
        }
        match &self.title {
            Some(_) => list.iter().try_for_each(needs),
            None => overview(&list),
        }
    }
}

/// A line for each.
fn overview(list: &[PresentationInfo]) -> Done {
    let row = |entry: &PresentationInfo| {
        let quality = |q: &QualityInfo| format!("{} ({})", q.name, q.to_client.text);
        let qualities: Vec<_> = entry.qualities.iter().map(quality).collect();
        vec![
            entry.title.clone(),
            entry.server.clone(),
            qualities.join(", "),
            entry.description.clone(),
        ]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    let headings = ["TITLE", "SERVER", "QUALITIES", "DESCRIPTION"];
    show::table(&headings, &rows, "nothing is published")
}

/// One, with what it needs.
fn needs(entry: &PresentationInfo) -> Done {
    let heading = format!("{} at {}", entry.title, entry.server);
    let heading = match entry.description.as_str() {
        "" => heading,
        said => format!("{heading}: {said}"),
    };
    show::line(&heading)?;
    let row = |quality: &QualityInfo| {
        let demand = |d: &StageDemandInfo| format!("{} {}", d.at, show::amounts(&d.amounts));
        let demands: Vec<_> = quality.demands.iter().map(demand).collect();
        vec![
            quality.name.clone(),
            quality.to_client.text.clone(),
            quality.to_server.text.clone(),
            demands.join("; "),
            quality.components.join(", "),
        ]
    };
    let rows: Vec<_> = entry.qualities.iter().map(row).collect();
    let headings = [
        "QUALITY",
        "TO CLIENT",
        "TO SERVER",
        "BOOKED AT",
        "COMPONENTS",
    ];
    show::table(&headings, &rows, "it has no qualities")
}
