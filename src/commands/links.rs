//! `waybook links`: a place's neighbours and clients, and what of them was refused.

use clap::Args;
use waybook_client::model::{DoorInfo, NeighbourInfo, Role};
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Shows what came from a place's neighbours and clients, and what of it was refused.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook links --at core
  waybook links --at core --json           # every count

All counts are since the place was started. Of what a neighbour sent, UNREADABLE is what does not
decode; REFUSED what it may not send; LATE what came after something newer, or from or for an
older life; BEYOND what a limit, or its share of one, had no room for. RECONNECTED is how often
its connection was built anew. A neighbour of which these grow is broken, or lies.

A neighbour with *one connection* has none for data, so that much data delays what places say to
each other: it is of an older version, has `transport.data-connection` off, or something
between lets only the first one pass.

UNDER WAY are visits and questions that it has been sent and not answered, WAITING those that wait
here until it has; TAKES is about how long its answers take. The one that is slow has many
waiting for it, and new set-ups are refused.")]
pub(crate) struct Links {
    /// The place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Links {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client_of(self.at.as_ref())?;
        let links = client.links().await?;
        if global.json {
            return show::json(&links);
        }
        let neighbours: Vec<_> = links.neighbours.iter().map(neighbour).collect();
        let headings = [
            "NEIGHBOUR",
            "IS",
            "IN",
            "OUT",
            "UNREADABLE",
            "REFUSED",
            "LATE",
            "BEYOND",
            "RECONNECTED",
            "UNDER WAY",
            "WAITING",
            "TAKES",
        ];
        show::table(&headings, &neighbours, "no neighbours yet")?;
        show::line("")?;
        let doors = [
            door("gateway", &links.gateway),
            door("control API", &links.api),
        ];
        let headings = [
            "CLIENTS OF",
            "CONNECTIONS",
            "REFUSED",
            "DISPLACED",
            "REQUESTS",
            "REFUSED",
        ];
        show::table(&headings, &doors, "")
    }
}

fn neighbour(info: &NeighbourInfo) -> Vec<String> {
    let role = match info.role {
        Role::Parent => "parent",
        Role::Child => "child",
    };
    let role = match (info.connected, info.data_connection) {
        (true, true) => role.to_owned(),
        (true, false) => format!("{role}, one connection"),
        (false, _) => format!("{role}, away"),
    };
    let counts = [
        info.received,
        info.sent,
        info.undecodable,
        info.refused,
        info.fenced + info.outdated,
        info.limited,
        info.connections.saturating_sub(1),
        info.visits.under_way + info.questions.under_way,
        info.visits.waiting + info.questions.waiting,
    ];
    let counts = counts.iter().map(ToString::to_string);
    let takes = info.visits.takes.as_ref().or(info.questions.takes.as_ref());
    let takes = takes.map_or_else(|| "-".to_owned(), |takes| takes.text.clone());
    [info.place.clone(), role]
        .into_iter()
        .chain(counts)
        .chain([takes])
        .collect()
}

fn door(of: &str, info: &DoorInfo) -> Vec<String> {
    let counts = [
        info.connections,
        info.refused,
        info.displaced,
        info.requests,
        info.refused_requests,
    ];
    let counts = counts.iter().map(ToString::to_string);
    std::iter::once(of.to_owned()).chain(counts).collect()
}
