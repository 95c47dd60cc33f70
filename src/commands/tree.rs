//! `waybook tree`: the location tree.

use clap::Args;
use waybook_client::model::TreePlaceInfo;
use waybook_location_tree::PlaceName;

use crate::cli::Global;
use crate::fail::Done;
use crate::show;

/// Shows the location tree and how its places do.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook tree
  waybook tree --at core/bologna           # one locality

The load is the share of a place's scarcest resource that is booked. What places say of
themselves reaches those above them every few seconds.")]
pub(crate) struct Tree {
    /// Only this place's locality
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Tree {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let mut places = self.places(global).await?;
        let key = |place: &TreePlaceInfo| -> Vec<String> {
            place.place.split('/').map(ToOwned::to_owned).collect()
        };
        places.sort_by_key(key);
        if global.json {
            return show::json(&places);
        }
        let top = places.iter().map(|place| depth(place)).min().unwrap_or(0);
        let rows: Vec<_> = places
            .iter()
            .map(|place| {
                let indent = "  ".repeat(depth(place) - top);
                let label = match place.place.rsplit_once('/') {
                    Some((_, label)) if depth(place) > top => label,
                    _ => &place.place,
                };
                vec![
                    format!("{indent}{label}"),
                    format!("{}.{} %", place.load / 10, place.load % 10),
                    place.sessions.to_string(),
                    show::amounts(
                        &place
                            .booked
                            .iter()
                            .filter(|a| a.amount > 0)
                            .cloned()
                            .collect::<Vec<_>>(),
                    ),
                    show::amounts(&place.capacity),
                    place.age.text.clone(),
                ]
            })
            .collect();
        let headings = [
            "PLACE", "LOAD", "SESSIONS", "BOOKED", "CAPACITY", "HEARD OF",
        ];
        show::table(&headings, &rows, "no places")
    }

    /// The locality asked for; the whole tree if its root can be asked.
    async fn places(&self, global: &Global) -> Done<Vec<TreePlaceInfo>> {
        let client = global.client(self.at.as_ref())?;
        if self.at.is_none() {
            let name = client.place().await?.name;
            let root = name.parse::<PlaceName>().map(|name| name.root());
            if let Ok(root) = root
                && let Ok(places) = client.at(root).tree().await
            {
                return Ok(places);
            }
        }
        Ok(client.tree().await?)
    }
}

fn depth(place: &TreePlaceInfo) -> usize {
    place.place.matches('/').count()
}
