//! `waybook place wait`.

use std::time::{Duration, Instant};

use clap::Args;
use waybook_client::model::PlaceInfo;
use waybook_location_tree::PlaceName;

use crate::commands::span;
use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show;

/// How often the place is asked.
const LOOK: Duration = Duration::from_millis(200);

/// Waits until a place is ready.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place wait core/bologna
  waybook place wait core/bologna --life-after 1764000000000000000 --links 3 --for \"2 min\"

It is ready when it answers, is connected to its parent, and knows again what it had promised
before it was restarted. A drained place may be ready in that sense.")]
pub(crate) struct Wait {
    /// The place
    place: PlaceName,
    /// Only in a life later than that one, as `waybook place wait --json` says it (`incarnation`)
    #[arg(long, value_name = "LIFE", default_value_t = 0)]
    life_after: u64,
    /// Neighbours that it must be connected to
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    links: usize,
    /// How long to wait
    #[arg(long = "for", value_name = "TIME", default_value = "2 min", value_parser = span)]
    patience: Duration,
}

impl Wait {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let until = Instant::now() + self.patience;
        loop {
            let why = match self.look(global).await {
                Ok(place) => match self.lacks(&place) {
                    None if global.json => return show::json(&place),
                    None => return show::line(&format!("{} is ready", self.place)),
                    Some(why) => Fail::failed(why),
                },
                Err(why) => why,
            };
            if Instant::now() > until {
                return Err(Fail::new(
                    Exit::Unreachable,
                    format!("{} is not ready: {}", self.place, why.into_message()),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Found anew each time: its address may be another one in its next life.
    async fn look(&self, global: &Global) -> Done<PlaceInfo> {
        let client = global.client(Some(&self.place))?;
        let asked = tokio::time::timeout(self.patience, client.place()).await;
        let answered = asked.map_err(|_| Fail::failed("it does not answer"))?;
        Ok(answered?)
    }

    /// What the place lacks to be ready.
    fn lacks(&self, place: &PlaceInfo) -> Option<String> {
        let parent = self.place.parent();
        let parent = parent.filter(|parent| {
            let mut links = place.links.iter();
            !links.any(|link| link.place == parent.as_str())
        });
        if place.incarnation <= self.life_after {
            Some(format!("it still is in life {}", place.incarnation))
        } else if let Some(parent) = parent {
            Some(format!("there is no connection to its parent {parent}"))
        } else if place.links.len() < self.links {
            let links = place.links.len();
            Some(format!(
                "{links} of {} neighbours are connected",
                self.links
            ))
        } else if place.recovering {
            Some("it does not know yet what it has promised before".to_owned())
        } else {
            None
        }
    }
}
