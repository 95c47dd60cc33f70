//! `waybook close`: ends sessions.

use clap::{ArgGroup, Args};
use serde_json::json;
use waybook_location_tree::PlaceName;

use super::session::find;
use crate::fail::{Done, Fail};
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
        let mut failed = None;
        if let Some(id) = &self.id {
            let (client, id) = find(global, self.at.as_ref(), id).await?;
            client.close(&id).await?;
            closed.push(id);
        } else {
            for client in global.clients(self.at.as_ref())? {
                for session in client.sessions().await? {
                    // One that fails, on a full disk maybe, keeps no other open.
                    match client.close(&session.session).await {
                        Ok(()) => closed.push(session.session),
                        Err(error) => failed = failed.or(Some(Fail::from(error))),
                    }
                }
            }
        }
        if global.json {
            show::json(&json!({ "closed": closed }))?;
        } else if closed.is_empty() && failed.is_none() {
            show::line("no sessions")?;
        } else {
            for id in &closed {
                show::line(&format!("closed {id}"))?;
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
