//! `waybook close`: ends sessions.

use clap::{ArgGroup, Args};
use serde_json::json;
use waybook_location_tree::PlaceName;

use super::session::find;
use crate::fail::Done;
use crate::find::Global;
use crate::show;

/// Closes sessions.
#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "all"])))]
#[command(after_help = "\
Examples:
  waybook close 3f2a...                    # at a place that runs here
  waybook close --all                      # every session of the places that run here
  waybook close --all --at core/bologna/lab")]
pub(crate) struct Close {
    /// The session's number, or its beginning
    id: Option<String>,
    /// Every session of the place, or of all places that run here
    #[arg(long)]
    all: bool,
    /// The client's place
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
}

impl Close {
    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let mut closed = Vec::new();
        if let Some(id) = &self.id {
            let (client, id) = find(global, self.at.as_ref(), id).await?;
            client.close(&id).await?;
            closed.push(id);
        } else {
            for client in global.clients(self.at.as_ref())? {
                for session in client.sessions().await? {
                    client.close(&session.session).await?;
                    closed.push(session.session);
                }
            }
        }
        if global.json {
            return show::json(&json!({ "closed": closed }));
        }
        if closed.is_empty() {
            return show::line("no sessions");
        }
        closed
            .iter()
            .try_for_each(|id| show::line(&format!("closed {id}")))
    }
}
