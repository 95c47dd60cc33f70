//! `waybook tree`: the location tree.

use clap::Args;
use waybook_client::model::{Amount, TreePlaceInfo};
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Shows the location tree and how its places do.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook tree
  waybook tree --at core/bologna           # one locality

A drained place takes no new sessions (`waybook place drain`). The load is the share of a place's scarcest resource that is booked. A place tells those
above it when that changes, within a few seconds; HEARD OF is how long ago it last did.")]
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
        let top = places.iter().map(depth).min().unwrap_or(0);
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
                    show::amounts(&booked(place)),
                    show::amounts(&place.capacity),
                    place.age.text.clone(),
                    state(place),
                ]
            })
            .collect();
        let headings = [
            "PLACE", "LOAD", "SESSIONS", "BOOKED", "CAPACITY", "HEARD OF", "STATE",
        ];
        show::table(&headings, &rows, "no places")?;
        let unheard = global.up_places().into_iter().filter(|name| {
            self.at.as_ref().is_none_or(|at| at.contains(name))
                && !places.iter().any(|place| place.place == name.as_str())
        });
        for name in unheard {
            show::line(&format!(
                "{name} was started here; word of it has not come up yet"
            ))?;
        }
        Ok(())
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

/// What its operator keeps from being booked there.
fn state(place: &TreePlaceInfo) -> String {
    let drained = place.draining.then(|| "drained".to_owned());
    let cordoned = (!place.cordoned.is_empty()).then(|| {
        let kinds = place.cordoned.join(" ");
        format!("no more {kinds}")
    });
    let state: Vec<_> = drained.into_iter().chain(cordoned).collect();
    match state.is_empty() {
        true => String::new(),
        false => paint(Color::Yellow, &state.join(", ")),
    }
}

/// What is booked at all.
fn booked(place: &TreePlaceInfo) -> Vec<Amount> {
    let mut booked = place.booked.clone();
    booked.retain(|amount| amount.amount > 0);
    booked
}

fn depth(place: &TreePlaceInfo) -> usize {
    place.place.matches('/').count()
}
