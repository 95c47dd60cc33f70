//! `waybook place cordon` and `uncordon`.

use clap::Args;
use waybook_client::model::CordonInfo;
use waybook_location_tree::PlaceName;

use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Lets no more of a resource be booked at a place.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place cordon core/bologna/lab cpu
  waybook place cordon core/bologna down      # nothing new over its edge to the client's side

What is booked stays. Solutions that need the resource are refused; others may still be booked.
It stays so when the place is restarted, until `waybook place uncordon`.")]
pub(crate) struct Cordon {
    /// The place
    place: PlaceName,
    /// The kind of resource: cpu, memory, down, up or one of the operator's own
    resource: String,
}

impl Cordon {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client(Some(&self.place))?;
        show(&client.cordon(&self.resource).await?, global)
    }
}

/// Lets a cordoned resource be booked again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook place uncordon core/bologna/lab cpu")]
pub(crate) struct Uncordon {
    /// The place
    place: PlaceName,
    /// The kind of resource
    resource: String,
}

impl Uncordon {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let client = global.client(Some(&self.place))?;
        show(&client.uncordon(&self.resource).await?, global)
    }
}

fn show(cordons: &CordonInfo, global: &Global) -> Done {
    if global.json {
        return show::json(cordons);
    }
    show::line(&match cordons.cordoned.is_empty() {
        true => format!("{} books all that it has", cordons.place),
        false => format!(
            "{} books no more {}",
            cordons.place,
            cordons.cordoned.join(", ")
        ),
    })
}
