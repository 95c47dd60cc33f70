//! `waybook bookings`: what is booked at a place.

use clap::Args;
use serde_json::json;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Shows what is booked at a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook bookings --at core/milano/media
  waybook bookings --at core --json")]
pub(crate) struct Bookings {
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Bookings {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let (place, bookings) = (client.place().await?, client.bookings().await?);
        if global.json {
            return show::json(&json!({
                "place": place.name,
                "resources": place.resources,
                "programs": place.programs,
                "bookings": bookings,
            }));
        }
        let resources: Vec<_> = place
            .resources
            .into_iter()
            .map(|r| {
                vec![
                    r.resource,
                    r.capacity.text,
                    r.established.text,
                    r.held.text,
                    r.free.text,
                    if r.cordoned { "cordoned" } else { "" }.to_owned(),
                ]
            })
            .collect();
        let headings = [
            "RESOURCE",
            "CAPACITY",
            "ESTABLISHED",
            "HELD",
            "FREE",
            "STATE",
        ];
        show::table(&headings, &resources, "no resources")?;
        show::line("")?;
        if let Some(programs) = &place.programs {
            show::line(&match &programs.why {
                None => {
                    "programs are held to the processor time and memory that are booked".to_owned()
                }
                Some(why) => format!("programs are not held to what is booked: {why}"),
            })?;
        }
        if place.draining.is_some() {
            show::line(&format!("{} is drained: no more is booked", place.name))?;
        }
        let bookings: Vec<_> = bookings
            .iter()
            .map(|booking| {
                vec![
                    booking.session.clone(),
                    show::phase(booking.phase).to_owned(),
                    show::amounts(&booking.booked),
                ]
            })
            .collect();
        show::table(&["SESSION", "PHASE", "BOOKED"], &bookings, "no bookings")
    }
}
